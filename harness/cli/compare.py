"""`harness compare`: whether HEAD is faster or slower than BASE, by how much, where, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import click
from rich.console import Console

from harness import calibration_file
from harness.analysis.compare import Source, Table, compare
from harness.analysis.metrics import Metric
from harness.analysis.selection import (
    KEYS,
    CellResults,
    Pair,
    Selection,
    cells_of,
    fixed_apart,
    pair_cells,
    parse_where,
    same_devices,
    select,
)
from harness.analysis.verdict import Rules
from harness.cli.comparison_document import comparison_document
from harness.cli.comparison_junit import junit
from harness.cli.comparison_markdown import markdown
from harness.cli.comparison_text import as_text, print_comparison
from harness.cli.output import reader_may_leave
from harness.cli.percentages import PERCENT
from harness.errors import SetupError, UsageError
from harness.store import Run, load_run

_EPILOG = """\b
Examples:
  harness compare runs/monday runs/tuesday --gate 3%
  harness compare runs/monday@delegate=cpu runs/monday@delegate=xnnpack
  harness compare runs/monday@delegate=cpu,threads=4 runs/monday --by delegate
  harness compare runs/pr@binary=main runs/pr@binary=change --gate 3% --format junit -o compare.xml

A selection may name model, device, delegate, threads, cpus and binary; values may hold * and ?. Cells pair by every key that
the two selections do not fix differently. With several base cells to choose from, the suite's `baseline` decides.

The gate fails only where the interval says so: exit code 1. A head that no longer runs where base did breaks it too.
"""


@dataclass(frozen=True, slots=True)
class _Side:
    text: str
    run: Run
    selection: Selection
    cells: list[CellResults]


@click.command("compare", epilog=_EPILOG)
@click.argument("base", metavar="BASE")
@click.argument("head", metavar="HEAD")
@click.option("--by", multiple=True, metavar="KEY", help="A key in which the sides differ; may be given several times.")
@click.option("--gate", type=PERCENT, metavar="PERCENT", help="Exit 1 where a cell is surely slower by more than this.")
@click.option("--min-effect", type=PERCENT, default="1%", show_default=True, help="Smaller changes count as `same`.")
@click.option(
    "--metric",
    type=click.Choice([str(metric) for metric in Metric]),
    default=str(Metric.INFERENCE_AVG),
    show_default=True,
    help="What is compared.",
)
@click.option("--strict", is_flag=True, help="Refuse to compare what was measured under unlike conditions.")
@click.option(
    "--ops", type=click.IntRange(0), default=5, show_default=True, help="Ops to list for a cell that differs."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout (as --format json).")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["text", "json", "markdown", "junit"]),
    default="text",
    show_default=True,
    help="Format.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write instead of standard output.")
def compare_command(
    base: str,
    head: str,
    by: tuple[str, ...],
    gate: float | None,
    min_effect: float,
    metric: str,
    strict: bool,
    ops: int,
    as_json: bool,
    file_format: str,
    output: Path | None,
) -> None:
    """Compare two runs, or two selections of cells, cell by cell."""
    if min_effect == 0:
        raise UsageError("--min-effect must be more than 0%: no measurement shows that two things are exactly the same")
    _check_keys(by)
    runs: dict[Path, Run] = {}
    ours, theirs = _side(base, runs), _side(head, runs)
    rules = Rules(min_effect=min_effect, gate=gate)
    table = _compared(ours, theirs, by, Metric(metric), rules)
    if strict:
        _refuse_unlike(table)
    _write(table, ours.text, theirs.text, "json" if as_json else file_format, output, ops)
    if table.gate_broken:
        click.get_current_context().exit(1)


def _compared(ours: _Side, theirs: _Side, by: Sequence[str], metric: Metric, rules: Rules) -> Table:
    same_run = ours.run.manifest.run_id == theirs.run.manifest.run_id
    apart = list(dict.fromkeys([*fixed_apart(ours.selection, theirs.selection), *by]))
    pairs = pair_cells(
        ours.cells,
        theirs.cells,
        apart=apart,
        devices=same_devices(ours.run.manifest.devices, theirs.run.manifest.devices),
        baseline=ours.run.manifest.baseline,
    )
    if not any(pair.base and pair.head for pair in pairs):
        raise UsageError(*_nothing_to_compare(ours, theirs, apart, same_run=same_run))
    table = compare(pairs, _source(ours.run), _source(theirs.run), metric=metric, rules=rules, apart=apart)
    return _with_calibrations(table, pairs, ours.run, theirs.run)


def _nothing_to_compare(ours: _Side, theirs: _Side, apart: Sequence[str], *, same_run: bool) -> tuple[str]:
    if same_run and not apart:
        return (
            f"{ours.text} and {theirs.text} are the same cells: select two parts, such as RUN@delegate=cpu and "
            "RUN@delegate=gpu, or name what differs: --by delegate",
        )
    keys = [key for key in KEYS if key not in apart]
    lines = []
    for key in keys:
        here, there = ({str(getattr(cell.key, key)) for cell in side.cells} for side in (ours, theirs))
        if not here & there:
            lines.append(
                f"{key}: {', '.join(sorted(here))} against {', '.join(sorted(there))} (--by {key} would pair them)"
            )
    return (f"no cell of {theirs.text} pairs with one of {ours.text}" + (f"; {'; '.join(lines)}" if lines else ""),)


def _check_keys(by: Sequence[str]) -> None:
    for key in by:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(KEYS)}"
            raise UsageError(f"--by {key}: no such key", remedy=remedy)


def _side(text: str, runs: dict[Path, Run]) -> _Side:
    path, where = _divide(text)
    if path not in runs:
        runs[path] = load_run(path)
    run = runs[path]
    selection = Selection(text=text, where=parse_where(where) if where else {})
    return _Side(text, run, selection, select(cells_of(run.results), selection))


def _divide(text: str) -> tuple[Path, str]:
    """Path and selection. An `@` may be part of the path: a folder of that very name wins."""
    whole = Path(text)
    if "@" not in text or whole.exists():
        return whole, ""
    # The selection may hold an `@` too (a model's name), so the shortest path that is there wins.
    parts = text.split("@")
    for count in range(1, len(parts)):
        path = Path("@".join(parts[:count]))
        if path.is_dir():
            return path, "@".join(parts[count:])
    path_text, _, where = text.partition("@")
    return Path(path_text), where


def _source(run: Run) -> Source:
    return Source(
        run_id=run.manifest.run_id,
        devices={device.serial: device for device in run.manifest.devices},
        harness_version=run.manifest.harness_version,
    )


def _with_calibrations(table: Table, pairs: Sequence[Pair], base: Run, head: Run) -> Table:
    devices = [*base.manifest.devices, *head.manifest.devices]
    known = calibration_file.load(dict.fromkeys((base.path, head.path)), devices)
    return calibration_file.noted(table, pairs, known, {device.serial: device.fingerprint for device in devices})


def _refuse_unlike(table: Table) -> None:
    texts = dict.fromkeys(note.text for one in table.comparisons for note in one.notes if note.unlike)
    if texts:
        raise UsageError(
            f"measured under unlike conditions: {'; '.join(texts)}",
            remedy="measure both sides alike, or compare without --strict: the notes then stand beside the numbers",
        )


def _write(table: Table, base: str, head: str, file_format: str, output: Path | None, ops: int) -> None:
    to_stdout = output is None or str(output) == "-"
    if file_format == "text" and to_stdout:
        with reader_may_leave():
            print_comparison(table, Console(), ops=ops)
        return
    if file_format == "json":
        text = json.dumps(comparison_document(table, base, head), indent=1, allow_nan=False) + "\n"
    elif file_format == "markdown":
        text = markdown(table, base, head, ops=ops)
    elif file_format == "junit":
        text = junit(table, base, head)
    else:
        text = as_text(table, ops=ops)
    if output is None or to_stdout:
        with reader_may_leave():
            click.echo(text, nl=False)
        return
    part = output.with_name(output.name + ".part")
    try:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError | PermissionError):
            raise UsageError(f"cannot write {output}: {error.strerror}") from error
        raise SetupError(f"cannot write {output}: {error.strerror}") from error
