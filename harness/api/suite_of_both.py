"""A suite that measures both sides of a comparison in one interleaved run. It decides what separate runs only let you suspect."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from harness.analysis.cell_selection import Pair
from harness.analysis.cells import CellResults
from harness.analysis.comparability import Note
from harness.analysis.comparison import Table
from harness.analysis.ratio_interval import BUDGET
from harness.analysis.verdict import Verdict
from harness.errors import UsageError
from harness.files.terminal_text import printable
from harness.records import Artifact, Purpose, Scalar
from harness.runs.run_store import Run
from harness.suite.trial_entries import delegate_entry, kept_entries, model_entry, run_entry

_SIDES = ("base", "head")


def command(base: str, head: str, by: Sequence[str]) -> str:
    """The command that prints the suite."""
    keys = "".join(f" --by {key}" for key in by)
    return f"harness compare {shlex.quote(base)} {shlex.quote(head)}{keys} --print-suite"


def with_ways_to_be_sure(table: Table, pairs: Sequence[Pair], printing: str) -> Table:
    """Add a note to each suspicion between separate runs that says how to be sure. Within one run the table has such notes already.

    Args:
        table: the comparisons.
        pairs: the pairs of cells behind them, in the same order.
        printing: the command that prints the suite.
    """
    comparisons = []
    for one, pair in zip(table.comparisons, pairs, strict=True):
        if one.verdict is Verdict.SUSPECTED and not table.one_run:
            way = f"measure both in one run: {printing}" if _differing([pair]) else "give both runs a `control:` cell"
            text = f"suspected only, as the runs are separate and have no control. To be sure, {way}"
            one = replace(one, notes=(*one.notes, Note("suspected", text, False)))
        comparisons.append(one)
    return replace(table, comparisons=tuple(comparisons))


def suite_of_both(base: str, head: str, pairs: Sequence[Pair], base_run: Run, head_run: Run) -> str:
    """Write the suite as YAML that you can run.

    Args:
        base: BASE as given.
        head: HEAD as given.
        pairs: the compared cells; each has both sides.
        base_run: the run of BASE.
        head_run: the run of HEAD.

    Raises:
        UsageError: both sides have the same binaries, models, delegates, threads and cores.
    """
    differing = _differing(pairs)
    if not differing:
        raise UsageError(
            f"{base} and {head} ran the same binaries and models: one run of both would compare them with themselves",
            remedy="what differs is when or where they ran; a `control:` cell in both runs allows for that (docs/suite.md)",
        )
    cells = [[cell for pair in pairs if (cell := side(pair)) is not None] for side in (_base, _head)]
    trials = [result.trial for side in cells for cell in side for result in cell.results]
    last = cells[1][-1].results[-1].trial
    models, model_names, warnings = _models(pairs)
    binaries, binary_names, more = _binaries(cells, (base_run, head_run), differ="binary" in differing)
    data: dict[str, Any] = {"suite": f"{head_run.manifest.suite}: both sides", "models": models}
    infos = {info.serial: info for run in (base_run, head_run) for info in run.manifest.devices}
    serials = dict.fromkeys(trial.device for trial in trials)
    if all(serial in infos and not infos[serial].virtual for serial in serials):
        data["devices"] = list(serials)
    data["delegates"] = [
        delegate_entry(one) for one in {trial.delegate.label: trial.delegate for trial in trials}.values()
    ]
    data["start"] = list(dict.fromkeys(trial.start for trial in trials))
    data["threads"] = sorted({trial.threads for trial in trials})
    data["cpus"] = list(dict.fromkeys(trial.cpus.label for trial in trials))
    data["purposes"] = [str(purpose) for purpose in Purpose if any(trial.purpose is purpose for trial in trials)]
    data["processes"] = _processes(cells)
    data["run"] = run_entry(last.run)
    data |= {"binaries": binaries} if binaries else {}
    data["baseline"] = _baseline(differing, cells, model_names, binary_names)
    data = {key: value for key, value in data.items() if value not in (None, [], ["warm"])}
    data |= kept_entries(head_run.manifest.suite_text)
    sides = _sides(data["baseline"], binary_names, model_names, cells) if "baseline" in data else ("", "")
    lines = [
        f"Both sides of: harness compare {shlex.quote(base)} {shlex.quote(head)}",
        "  harness run both.yaml --out runs/both",
        f"  harness compare {shlex.quote('runs/both' + sides[0])} {shlex.quote('runs/both' + sides[1])}"
        if all(sides)
        else "",
        *warnings,
        *more,
    ]
    comment = "".join(f"# {printable(line)}\n" for line in lines if line)
    return comment + yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


def _base(pair: Pair) -> CellResults | None:
    return pair.base


def _head(pair: Pair) -> CellResults | None:
    return pair.head


def _differing(pairs: Iterable[Pair]) -> set[str]:
    """The keys in which the two sides of any pair differ; models and binaries count by content."""
    found = set()
    for pair in pairs:
        if pair.base is None or pair.head is None:
            continue
        ours, theirs = pair.base.results[0].trial, pair.head.results[0].trial
        if ours.model.sha256 != theirs.model.sha256 or ours.model.asked != theirs.model.asked:
            found.add("model")
        if _shas(pair.base) != _shas(pair.head):
            found.add("binary")
        for name, differs in (
            ("delegate", ours.delegate_label != theirs.delegate_label),
            ("threads", ours.threads != theirs.threads),
            ("cpus", ours.cpus.hex != theirs.cpus.hex),
        ):
            if differs:
                found.add(name)
    return found


def _shas(cell: CellResults) -> set[str]:
    return {result.artifact_sha256 for result in cell.results if result.artifact_sha256}


def _models(pairs: Sequence[Pair]) -> tuple[list[Any], tuple[list[str], list[str]], list[str]]:
    """Entries, their names by side, and the files that are no longer where the runs found them."""
    entries: dict[str, Any] = {}
    names: tuple[list[str], list[str]] = ([], [])
    warnings: dict[str, None] = {}
    for pair in pairs:
        if pair.base is None or pair.head is None:
            continue
        refs = [cell.results[0].trial.model for cell in (pair.base, pair.head)]
        alike = refs[0].sha256 == refs[1].sha256 and refs[0].asked == refs[1].asked
        for side, ref in enumerate(refs):
            name = ref.label if alike or refs[0].label != refs[1].label else f"{ref.label} {_SIDES[side]}"
            if name not in names[side]:
                names[side].append(name)
            entries[name] = model_entry(ref, name)
            if (warning := _elsewhere(ref.path, ref.sha256, _SIDES[side].upper())) is not None:
                warnings[warning] = None
    return list(entries.values()), names, list(warnings)


def _binaries(
    cells: Sequence[Sequence[CellResults]], runs: tuple[Run, Run], *, differ: bool
) -> tuple[list[dict[str, Any]], tuple[str, str], list[str]]:
    """Entries, the name of each side, and the files that are no longer where the runs found them."""
    entries: list[dict[str, Any]] = []
    warnings: list[str] = []
    asked = [dict.fromkeys(cell.key.binary for cell in side) for side in cells]
    own = [next(iter(names)) if len(names) == 1 else "" for names in asked]
    names = (own[0], own[1]) if own[0] and own[1] and own[0] != own[1] else _SIDES
    if not differ:
        names = (own[0] or own[1] or "benchmark_model",) * 2
    for side, run, name in list(zip(cells, runs, names, strict=True))[: 2 if differ else 1]:
        shas = sorted({sha for cell in side for sha in _shas(cell)})
        known = {one.sha256: one for one in run.manifest.artifacts}
        used = [known.get(sha) for sha in shas]
        entry = _binary(shas, [one for one in used if one is not None])
        if entry is not None:
            entries.append({"name": name, **entry})
        warnings += [
            warning
            for one in used
            if one is not None and one.origin == "import" and one.source
            if (warning := _elsewhere(one.source, one.sha256, name)) is not None
        ]
    # A single binary needs no name, unless the suite has to say where it is.
    keep = differ or (entries and "use" not in entries[0]) or bool(own[0])
    return (entries, names, warnings) if keep else ([], ("", ""), warnings)


def _binary(shas: Sequence[str], known: Sequence[Artifact]) -> dict[str, Any] | None:
    if not shas:
        return None
    if known and all(one.origin == "host" for one in known):
        return {"use": "host"}
    paths = [one.source for one in known if one.origin == "import" and one.source]
    if paths and len(paths) == len(shas):
        return {"path": paths[0] if len(paths) == 1 else paths}
    revisions = {one.revision for one in known}
    if len(shas) > 1 and len(revisions) == 1 and (word := next(iter(revisions))):
        return {"use": word}
    return {"use": shas[0][:16]}


def _processes(cells: Sequence[Sequence[CellResults]]) -> Any:
    counts = {
        purpose: max(sum(result.trial.purpose is purpose for result in cell.results) for side in cells for cell in side)
        for purpose in Purpose
    }
    latency = max(BUDGET, counts[Purpose.LATENCY])
    others = {str(one): count for one, count in counts.items() if one is not Purpose.LATENCY and count > 1}
    return {"latency": latency, **others} if others and counts[Purpose.LATENCY] else others or latency


def _baseline(
    differing: set[str],
    cells: Sequence[Sequence[CellResults]],
    models: tuple[list[str], list[str]],
    binaries: tuple[str, str],
) -> dict[str, Scalar] | None:
    """The baseline of the ratios: base's value of each key that has a single one."""
    found: dict[str, Scalar] = {"binary": binaries[0]} if "binary" in differing else {}
    if "model" in differing and len(models[0]) == 1:
        found["model"] = models[0][0]
    for name in ("delegate", "threads", "cpus"):
        values = {getattr(cell.key, name) for cell in cells[0]}
        if name in differing and len(values) == 1:
            found |= {name: next(iter(values))}
    return found or None


def _sides(
    baseline: dict[str, Scalar],
    binaries: tuple[str, str],
    models: tuple[list[str], list[str]],
    cells: Sequence[Sequence[CellResults]],
) -> tuple[str, str]:
    """The selections that compare the two sides within the new run; empty if one selection per side is not enough."""
    parts: tuple[list[str], list[str]] = ([], [])
    for name in baseline:
        for side in (0, 1):
            if name == "binary":
                values = [binaries[side]]
            elif name == "model":
                values = models[side]
            else:
                values = sorted({str(getattr(cell.key, name)) for cell in cells[side]})
            if len(values) != 1:
                return "", ""
            parts[side].append(f"{name}={values[0]}")
    return f"@{','.join(parts[0])}", f"@{','.join(parts[1])}"


def _elsewhere(path: str, sha256: str, side: str) -> str | None:
    """Say that a file is not the one that was measured: it was rebuilt in place, or lies on another computer."""
    try:
        with Path(path).open("rb") as stream:
            here = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return f"{path} is not here: put there what {side} measured (SHA-256 {sha256[:12]})"
    if here == sha256:
        return None
    return f"{path} is not what {side} measured (SHA-256 {sha256[:12]}): give that file a path of its own"
