"""Shows a run or a comparison in a notebook: a small table in which every text is escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from harness.analysis.cells import CellSummary, summaries
from harness.analysis.comparison import Comparison, Table
from harness.analysis.sides import OUTPUT_DIFFERS
from harness.formats import comparison_words as words
from harness.formats.run_against_baseline import against_baseline
from harness.records import CellKey, Status
from harness.runs.run_store import Run

_MOST_ROWS = 20
_NAMES = ("model", "device", "delegate", "threads", "cpus")


def run_html(run: Run) -> str:
    """Return a table with a row for each cell of a run, at most twenty."""
    cells = summaries(run.results)
    compared = {one.key: one for one in against_baseline(run).comparisons}
    memory = any(cell.peaks_mb for cell in cells)
    headings = (*_NAMES, "median", "ratio", *(["peak memory"] if memory else []), "n", "status")
    rows = [
        (
            *_names(cell.key),
            words.value(cell.median_us, "us"),
            _ratio(compared.get(cell.key)),
            *([words.value(cell.peak_memory_mb, "mb")] if memory else []),
            str(len(cell.values_us)),
            _status(cell),
        )
        for cell in sorted(cells, key=lambda cell: cell.key)
    ]
    counts = Counter(str(result.status) for result in run.results)
    said = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no result"
    return _table(f"Run {run.path}: suite {run.manifest.suite}, {said}", headings, rows)


def comparison_html(table: Table, base: str, head: str) -> str:
    """Return a table with a row for each pair of cells, at most twenty.

    Args:
        table: the comparisons.
        base: BASE as given.
        head: HEAD as given.
    """
    unit = table.metric.unit
    rows = [
        (
            *_names(one.key),
            words.side(one.base, unit),
            words.side(one.head, unit),
            words.ratio_of(one),
            words.verdict(one) if words.has_ratio(one) else f"{one.state}: {words.trouble(one)}",
        )
        for one in table.comparisons
    ]
    gate = f"; {words.gate_line(table)}" if table.rules.gate is not None else ""
    title = f"{head} over {base}, {table.metric.words}: {words.summary_line(table)}{gate}"
    return _table(title, (*_NAMES, "base", "head", f"ratio ({words.level(table)})", "verdict"), rows)


def _names(key: CellKey) -> tuple[str, ...]:
    delegate = f"{key.delegate} ({key.binary})" if key.binary else key.delegate
    return (key.model_label, key.device, delegate, str(key.threads), key.cpus)


def _ratio(one: Comparison | None) -> str:
    if one is None or one.estimate.ratio is None:
        return ""
    mark = f" ({OUTPUT_DIFFERS})" if one.output_differs else ""
    return words.ratio_of(one) + (f" {one.verdict}" if one.verdict else "") + mark


def _status(cell: CellSummary) -> str:
    good, total = cell.statuses.get(Status.OK, 0), sum(cell.statuses.values())
    status = "ok" if good == total else f"{good} of {total} ok: {', '.join(cell.causes)}"
    return status + (" (synthetic)" if cell.synthetic else "")


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows[:_MOST_ROWS])
    more = f"<p>and {len(rows) - _MOST_ROWS} more</p>" if len(rows) > _MOST_ROWS else ""
    return f"<p>{escape(title)}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
