"""The outcome of a run, with its report."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.api.run_watcher import RunWatcher
from harness.errors import SetupError, UsageError
from harness.measuring.schedule import LanesOutcome, bad
from harness.records import Result, Status
from harness.records.spans import span
from harness.runs.run_progress import unfinished
from harness.runs.run_store import Run, load_run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """The outcome of a run. Its folder holds all results, too.

    Args:
        run: the run as it is on the disk now.
        report: the HTML report; None if you did not want it or it could not be written.
        report_error: the reason why it could not be written.
        interrupted: Ctrl-C ended it early. Its results are kept; resume it with `harness.resume`.
        set_aside: the reason for each device that did not finish its trials, by serial.
        unfinished: number of trials that still need a result; in an adaptive run, the least number.
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
        """The result of each finished trial, in the order of finishing."""
        return self.run.results

    @property
    def counts(self) -> Mapping[Status, int]:
        """Number of results of each status that occurs."""
        return Counter(result.status for result in self.results)

    def resume_command(self, options: str = "") -> str:
        """Return the command line that continues the run, quoted for a shell.

        Args:
            options: the options that it needs again, quoted, with a blank before each.
        """
        return f"harness run --resume {shlex.quote(str(self.path))}{options}"

    @property
    def good(self) -> bool:
        """Whether all trials ran, none is failed or invalid, and every variant could be converted."""
        if any(one.status == "failed" for one in self.run.manifest.conversions):
            return False
        some = any(result.status is Status.OK for result in self.results)
        return some and not self.interrupted and not self.unfinished and not bad(self.results)

    def __repr__(self) -> str:
        said = ", ".join(f"{count} {status}" for status, count in self.counts.items()) or "no result"
        ended = (
            f"; {'interrupted, ' if self.interrupted else ''}{self.unfinished} did not run" if self.unfinished else ""
        )
        return f"RunOutcome({str(self.path)!r}, suite {self.run.manifest.suite!r}: {said}{ended})"

    def _repr_html_(self) -> str:
        """Return a small table for notebooks."""
        from harness.formats.notebook import run_html

        return run_html(self.run)


def outcome_of(path: Path, measured: LanesOutcome, *, report: bool, watcher: RunWatcher) -> RunOutcome:
    """Write the report and read the run back. A failure to write the report leaves the results as they are."""
    with span("import the report"):
        from harness.report import write_report  # slow to import

    written: Path | None = None
    trouble: SetupError | UsageError | None = None
    interrupted = measured.interrupted
    if report:
        try:
            with span("report"), watcher.phase("writing the report"):
                written = write_report(path)
        except KeyboardInterrupt:
            interrupted = True
        except (SetupError, UsageError) as error:
            trouble = error
    with span("read back"):
        run = load_run(path)
    return RunOutcome(
        run=run,
        report=written,
        report_error=trouble,
        interrupted=interrupted,
        set_aside=dict(measured.set_aside),
        unfinished=unfinished(run),
    )
