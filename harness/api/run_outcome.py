"""What a run came to, with its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.api.run_watcher import RunWatcher
from harness.errors import SetupError, UsageError
from harness.measuring.schedule import LanesOutcome, bad
from harness.records import Result, Status
from harness.runs.run_progress import unfinished
from harness.runs.run_store import Run, load_run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What a run came to. Everything that was measured is also in its folder.

    Args:
        run: the run as it is on the disk now.
        report: the HTML report; None where it was not asked for or could not be written.
        report_error: why it could not be written.
        interrupted: Ctrl-C ended it early; what was finished is kept, and `harness.resume` goes on with it.
        set_aside: serial to reason, for devices that did not get to all their trials.
        unfinished: how many trials need a result and have none. Of an adaptive run at least so many.
    """

    run: Run
    report: Path | None = None
    report_error: SetupError | UsageError | None = None
    interrupted: bool = False
    set_aside: Mapping[str, str] = field(default_factory=dict)
    unfinished: int = 0

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.run.path

    @property
    def results(self) -> tuple[Result, ...]:
        """Each finished trial once, in the order in which they finished."""
        return self.run.results

    @property
    def counts(self) -> Mapping[Status, int]:
        """How many results there are of each status; those that do not occur are left out."""
        return Counter(result.status for result in self.results)

    @property
    def good(self) -> bool:
        """Whether everything that should run did, and nothing of it failed or is invalid."""
        some = any(result.status is Status.OK for result in self.results)
        return some and not self.interrupted and not self.unfinished and not bad(self.results)

    def __repr__(self) -> str:
        said = ", ".join(f"{count} {status}" for status, count in self.counts.items()) or "no result"
        ended = (
            f"; {'interrupted, ' if self.interrupted else ''}{self.unfinished} did not run" if self.unfinished else ""
        )
        return f"RunOutcome({str(self.path)!r}, suite {self.run.manifest.suite!r}: {said}{ended})"

    def _repr_html_(self) -> str:
        """A small table for notebooks."""
        from harness.formats.notebook import run_html

        return run_html(self.run)


def outcome_of(path: Path, measured: LanesOutcome, *, report: bool, watcher: RunWatcher) -> RunOutcome:
    """Write the report and read back what is there. A report that cannot be written does not cost what was measured."""
    from harness.report import write_report  # pandas and the charts: not before they are needed

    written: Path | None = None
    trouble: SetupError | UsageError | None = None
    interrupted = measured.interrupted
    if report:
        try:
            with watcher.phase("writing the report"):
                written = write_report(path)
        except KeyboardInterrupt:
            interrupted = True
        except (SetupError, UsageError) as error:
            trouble = error
    run = load_run(path)
    return RunOutcome(
        run=run,
        report=written,
        report_error=trouble,
        interrupted=interrupted,
        set_aside=dict(measured.set_aside),
        unfinished=unfinished(run),
    )
