"""Makes the page of a comparison: the report's page, base against head, with the numbers and verdicts of `harness compare`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.analysis.comparison import Comparison, Table, failed_gate
from harness.formats import comparison_words as words
from harness.records import Result, Status
from harness.report.cell_summaries import ReportCell, SideName, report_cells
from harness.report.comparison_answer import comparison_answer
from harness.report.embed import data_block, log_prefix
from harness.report.log_tails import log_tails
from harness.report.op_tables import op_data
from harness.report.page_data import report_data, trial_data
from harness.report.page_template import fill, write_page
from harness.report.side_facts import ComparedSide, side_facts
from harness.report.verdicts import Baseline, Verdicts
from harness.runs.run_folder import refuse_own_file
from harness.runs.run_store import Run, collector_paused

_MOST_DIFFERING_LINES = 400


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table in the file, for readers without JavaScript and for paper."""

    one: Comparison
    name: str
    base: str
    head: str
    ratio: str
    verdict: str
    breach: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Unmeasured:
    """A cell that one side could not measure: the harness's reason, the tool's messages, and the ends of the logs."""

    name: str
    state: str
    why: str
    messages: tuple[str, ...]
    tails: tuple[tuple[str, str], ...]


def render_comparison(
    table: Table, base: ComparedSide, head: ComparedSide, *, apart: Sequence[str] = (), folder: Path | None = None
) -> str:
    """Return the page of a comparison as a complete HTML document.

    Args:
        table: the comparisons of `harness compare`.
        base: the base side.
        head: the head side.
        apart: the keys in which the sides differ on purpose.
        folder: the folder that the page will be in, for its links to raw logs; by default the working folder.
    """
    cells = _sided_cells(table, base, head)
    verdicts = Verdicts(Baseline({}, "sides"), {Baseline({}, "sides").id: table})
    devices = [*base.run.manifest.devices, *head.run.manifest.devices]
    place = folder or Path.cwd()
    trials = [
        trial
        for side, run in (("base", base.run), ("head", head.run))
        for trial in trial_data(
            run,
            {index: cell for index, cell in enumerate(cells) if cell.side == side},
            log_prefix=log_prefix(run.path, place),
        )
    ]
    rules = table.rules
    return fill(
        "comparison.html.j2",
        base=base,
        head=head,
        table=table,
        answer=comparison_answer(verdicts, table, base, head, apart),
        gate={"limit": words.percent(rules.gate), "words": words.gate(table)} if rules.gate is not None else None,
        incomplete=words.incomplete(table),
        rows=[_row(one, table) for one in table.comparisons if one.state != "missing"],
        overall=[
            (
                words.overall_name(one),
                words.ratio(one.estimate),
                words.change(one.estimate, one.judgement, table.metric.unit),
            )
            for one in table.overall
        ],
        absent=[(side, names) for side in ("BASE", "HEAD") if (names := _absent(table, side))],
        unmeasured=_unmeasured(table, cells, base.run, head.run),
        facts=side_facts(base, head, cells),
        suites=_suite_difference(base.run, head.run),
        level=words.level(table),
        data=data_block("data", report_data(devices, cells, verdicts)),
        trials=data_block("trials-data", trials),
        ops=data_block("ops-data", op_data(cells, verdicts)),
    )


def write_comparison(
    table: Table, base: ComparedSide, head: ComparedSide, output: Path, *, apart: Sequence[str] = ()
) -> Path:
    """Write the page of a comparison, and return its path.

    Raises:
        UsageError: `output` is part of a run, or you cannot write to it.
        SetupError: the disk is full, or writing failed otherwise.
    """
    refuse_own_file(output)
    with collector_paused():
        document = render_comparison(table, base, head, apart=apart, folder=output.resolve().parent)
    write_page(output, document)
    return output


def _sided_cells(table: Table, base: ComparedSide, head: ComparedSide) -> tuple[ReportCell, ...]:
    """Return both sides' cells in the order of the table, base before head. A cell of one run may stand on both sides."""
    sides: tuple[tuple[SideName, Run], ...] = (("base", base.run), ("head", head.run))
    known = {side: {cell.key: cell for cell in report_cells(run, tell_apart=False)} for side, run in sides}
    found: dict[str, ReportCell] = {}
    for one in table.comparisons:
        for (side, _), summary in zip(sides, (one.base, one.head), strict=True):
            if summary.key is not None:
                cell = replace(known[side][summary.key], side=side)
                found.setdefault(cell.id, cell)
    return tuple(found.values())


def _row(one: Comparison, table: Table) -> _Row:
    unit = one.metric.unit
    return _Row(
        one=one,
        name=words.cell_name(one),
        base=words.side(one.base, unit),
        head=words.side(one.head, unit),
        ratio=words.ratio_of(one),
        verdict=words.verdict(one) if words.has_ratio(one) else f"{one.state}: {words.trouble(one)}",
        breach=words.breach_reason(one, table) if failed_gate(one, table.rules) else None,
        notes=tuple(note.text for note in one.notes) if words.has_ratio(one) else (),
    )


def _absent(table: Table, side: str) -> list[str]:
    missing = [one for one in table.comparisons if one.state == "missing"]
    return [words.cell_name(one) for one in missing if (one.base if side == "BASE" else one.head).key is None]


def _unmeasured(table: Table, cells: Sequence[ReportCell], base: Run, head: Run) -> list[_Unmeasured]:
    """List the cells that both sides have but that have no ratio, with the last lines of their logs."""
    by_id = {(cell.side, cell.key): cell for cell in cells}
    found = []
    for one in table.comparisons:
        if one.state not in ("unmeasured", "skipped"):
            continue
        messages: dict[str, None] = {}
        tails: list[tuple[str, str]] = []
        for side, run, summary in (("base", base, one.base), ("head", head, one.head)):
            if summary.n or summary.key is None:
                continue
            bad = _not_ok(by_id[side, summary.key].results)  # type: ignore[index]  # the two names are sides
            messages |= dict.fromkeys(f"{side.upper()}: {result.message}" for result in bad if result.message)
            for trial, logs in log_tails(run.path, bad).items():
                tails += [(f"{side.upper()}: last lines of {kind} of {trial}", text) for kind, text in logs.items()]
        found.append(
            _Unmeasured(words.cell_name(one), one.state, words.trouble(one), tuple(messages), tuple(tails[:6]))
        )
    return found


def _not_ok(results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result.status is not Status.OK]


def _suite_difference(base: Run, head: Run) -> list[str]:
    """Return the lines in which the suites differ as a unified difference; empty if they are alike."""
    ours, theirs = base.manifest.suite_text.splitlines(), head.manifest.suite_text.splitlines()
    lines = difflib.unified_diff(ours, theirs, "BASE", "HEAD", lineterm="")
    return list(lines)[:_MOST_DIFFERING_LINES]
