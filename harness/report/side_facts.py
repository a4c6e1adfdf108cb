"""Sets the two sides of a comparison side by side: runs, devices, files and conditions. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.analysis.centre import spread
from harness.analysis.metrics import is_good
from harness.formats.run_tables import iso_utc
from harness.records import Artifact, Conditions, DeviceInfo, ModelRef, Purpose, Result
from harness.report.cell_summaries import ReportCell
from harness.runs.run_progress import unfinished_trials
from harness.runs.run_store import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedSide:
    """One side: its text as given (`RUN`, `RUN@delegate=gpu`), and its run."""

    text: str
    run: Run


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of the table of both sides. `differs` is None if a difference means nothing or has a note of its own."""

    name: str
    base: tuple[str, ...]
    head: tuple[str, ...]
    differs: bool | None


def side_facts(base: ComparedSide, head: ComparedSide, cells: Sequence[ReportCell]) -> tuple[Fact, ...]:
    """Return the facts of both sides, without those that are unknown for both.

    Args:
        base: the base side.
        head: the head side.
        cells: the compared cells of both sides.
    """
    ours, theirs = ([cell for cell in cells if cell.side == side] for side in ("base", "head"))
    facts = [
        _fact("Given as", (base.text,), (head.text,), differs=None),
        *_run_facts(base.run, head.run),
        *(_fact(name, read(base.run, ours), read(head.run, theirs)) for name, read in _ASKED),
        *(_fact(name, read(base.run, ours), read(head.run, theirs), differs=None) for name, read in _SEEN),
    ]
    # Differences come first, after the names of the sides.
    return tuple(sorted((fact for fact in facts if fact.base or fact.head), key=lambda fact: _rank(fact)))


def _rank(fact: Fact) -> int:
    return 0 if fact.name in ("Given as", "Run") else 1 if fact.differs else 2


def _fact(name: str, base: Iterable[str], head: Iterable[str], *, differs: bool | None = False) -> Fact:
    ours, theirs = tuple(dict.fromkeys(base)), tuple(dict.fromkeys(head))
    return Fact(name, ours, theirs, None if differs is None else sorted(ours) != sorted(theirs))


def _run_facts(base: Run, head: Run) -> list[Fact]:
    ours, theirs = base.manifest, head.manifest
    facts = [
        _fact("Run", (ours.run_id,), (theirs.run_id,), differs=None),
        _fact("Suite", (ours.suite,), (theirs.suite,)),
        _fact("Began", (_utc(base),), (_utc(head),), differs=None),
        _fact(
            "Harness",
            (ours.harness_version, *ours.resumed_by),
            (theirs.harness_version, *theirs.resumed_by),
        ),
        _fact("Trials that never ran", _left(base), _left(head)),
        _fact("Seed of the order", _text(ours.seed), _text(theirs.seed), differs=None),
    ]
    for key in sorted({*ours.host, *theirs.host}):
        facts.append(_fact(f"Host: {key}", _text(ours.host.get(key)), _text(theirs.host.get(key))))
    return facts


def _utc(run: Run) -> str:
    return iso_utc(run.manifest.started_at.replace(microsecond=0))


def _left(run: Run) -> tuple[str, ...]:
    left = len(unfinished_trials(run))
    return (f"{left} of {max(len(run.manifest.planned), left)}",) if left else ()


def _text(value: object) -> tuple[str, ...]:
    return () if value is None else (str(value),)


def _devices(run: Run, cells: Sequence[ReportCell]) -> list[str]:
    serials = {cell.key.device for cell in cells}
    return [_device(device) for device in run.manifest.devices if device.serial in serials]


def _device(device: DeviceInfo) -> str:
    parts = [device.model, device.soc, f"Android {device.android}" if device.android else None]
    said = ", ".join(part for part in parts if part) or "not said"
    return f"{device.serial}: {said}{' (virtual)' if device.virtual else ''}"


def _fingerprints(run: Run, cells: Sequence[ReportCell]) -> list[str]:
    serials = {cell.key.device for cell in cells}
    return [device.fingerprint for device in run.manifest.devices if device.serial in serials and device.fingerprint]


def _models(_run: Run, cells: Sequence[ReportCell]) -> list[str]:
    return sorted({_model(result.trial.model) for cell in cells for result in cell.results})


def _model(model: ModelRef) -> str:
    asked = f", fed with {model.asked}" if model.asked else ""
    return f"{model.name}: {model.sha256[:12] or '?'}, {model.size_bytes / 1e6:.3g} MB{asked}"


def _binaries(run: Run, cells: Sequence[ReportCell]) -> list[str]:
    used = {result.artifact_sha256 for cell in cells for result in cell.results if result.artifact_sha256}
    known = {artifact.sha256: artifact for artifact in run.manifest.artifacts}
    return sorted(_binary(sha, known.get(sha)) for sha in used)


def _binary(sha256: str, artifact: Artifact | None) -> str:
    if artifact is None:
        return sha256[:12]
    named = f"{artifact.binary}: " if artifact.binary else ""
    revision = f" at {artifact.revision[:12]}" if artifact.revision else ""
    return f"{named}{artifact.name}, {artifact.abi}, {artifact.origin}{revision}, {sha256[:12]}"


def _of_keys(name: str) -> Callable[[Run, Sequence[ReportCell]], list[str]]:
    return lambda _run, cells: list(dict.fromkeys(str(getattr(cell.key, name)) for cell in cells))


def _lengths(_run: Run, cells: Sequence[ReportCell]) -> list[str]:
    runs = dict.fromkeys(result.trial.run for cell in cells for result in cell.results)
    return [
        f"at least {run.min_runs} inferences, {run.min_s:g} to {run.max_s:g} s; warm-up {run.warmup_runs} inferences, {run.warmup_s:g} s"
        for run in runs
    ]


def _settings(_run: Run, cells: Sequence[ReportCell]) -> list[str]:
    seen = {
        f"{name} {value}"
        for cell in cells
        for result in cell.results
        for name, value in result.conditions.settings_observed.items()
    }
    return sorted(seen)


def _outcomes(_run: Run, cells: Sequence[ReportCell]) -> list[str]:
    counts = Counter((result.trial.purpose.value, result.status.value) for cell in cells for result in cell.results)
    return [f"{count} {status} for {purpose}" for (purpose, status), count in sorted(counts.items())]


def _causes(_run: Run, cells: Sequence[ReportCell]) -> list[str]:
    counts = Counter(cause.value for cell in cells for result in cell.results for cause in result.causes)
    return [f"{cause} ({count})" for cause, count in counts.most_common()]


def _measured(
    field: str, show: Callable[[float], str], of: Callable[[Conditions], float | None]
) -> Callable[[Run, Sequence[ReportCell]], list[str]]:
    """Return for each device the centre and the range over the latency processes that count, marked if a model made the values."""

    def read(run: Run, cells: Sequence[ReportCell]) -> list[str]:
        by_device: dict[str, list[Result]] = {}
        for cell in cells:
            by_device.setdefault(cell.key.device, []).extend(r for r in cell.results if is_good(r, Purpose.LATENCY))
        lines = []
        for serial, results in by_device.items():
            values = [value for result in results if (value := of(result.conditions)) is not None]
            found = spread(values)
            if found is None:
                continue
            simulated = any(field in result.conditions.simulated for result in results)
            where = f"{serial}: " if len(run.manifest.devices) > 1 else ""
            range_ = f" ({show(found.low)} to {show(found.high)})" if found.low != found.high else ""
            lines.append(f"{where}{show(found.centre)}{range_}{', simulated' if simulated else ''}")
        return lines

    return read


_ASKED: tuple[tuple[str, Callable[[Run, Sequence[ReportCell]], list[str]]], ...] = (
    ("Devices", _devices),
    ("System build", _fingerprints),
    ("Models", _models),
    ("Binaries that ran", _binaries),
    ("Delegates", _of_keys("delegate")),
    ("Threads", _of_keys("threads")),
    ("Cores", _of_keys("cpus")),
    ("Length of a process", _lengths),
    ("Set on the device", _settings),
)
_SEEN: tuple[tuple[str, Callable[[Run, Sequence[ReportCell]], list[str]]], ...] = (
    ("Processes", _outcomes),
    ("Causes", _causes),
    ("Temperature before (°C)", _measured("temperature_before_c", "{:.1f}".format, lambda c: c.temperature_before_c)),
    ("Temperature after (°C)", _measured("temperature_after_c", "{:.1f}".format, lambda c: c.temperature_after_c)),
    (
        "Clock (MHz)",
        _measured("frequency_khz", lambda khz: f"{khz / 1000:.0f}", lambda c: c.frequency_khz),
    ),
    ("Battery (%)", _measured("battery_percent", "{:.0f}".format, lambda c: c.battery_percent)),
    ("Canary (ms)", _measured("canary_us", lambda us: f"{us / 1000:.2f}", lambda c: c.canary_us)),
)
