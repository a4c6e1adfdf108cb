"""Checks whether two cells were measured under like conditions. Pure.

Each difference becomes a note beside the number that it may explain. `--strict` refuses `unlike` notes; the others only inform.
Temperatures and clocks that a virtual device models are not compared: they do not influence its inference, which is real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.analysis.centre import centre
from harness.analysis.metrics import is_good
from harness.records import DeviceInfo, Purpose, Result

TEMPERATURE_BAND_C = 5.0
"""Allowed difference of the median start temperatures. Phones of one design change their clocks within a few degrees."""
FREQUENCY_BAND = 0.05
"""Allowed relative difference of the median clocks and of the canary's times."""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark that belongs beside a number."""

    kind: str
    text: str
    unlike: bool
    """The two sides were not measured alike: `--strict` refuses."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One cell and the facts of its run."""

    run_id: str
    results: Sequence[Result]
    device: DeviceInfo | None
    harness_version: str = ""

    @cached_property
    def good(self) -> list[Result]:
        """Latency processes that count."""
        return [result for result in self.results if is_good(result, Purpose.LATENCY)]


def compare_conditions(base: Side, head: Side, *, apart: Iterable[str] = (), controlled: bool = False) -> list[Note]:
    """Note every difference of the sides, except in the keys in which they differ on purpose (`apart`: `device`, `model`, ...).

    `controlled`: the sides are separate runs with a control or a known spread, whose own note says so.
    """
    on_purpose = set(apart)
    notes: list[Note] = []
    if base.run_id != head.run_id and not controlled:
        notes.append(
            Note("not_interleaved", "measured in separate runs: a drift between the runs is not in the interval", False)
        )
    if "device" not in on_purpose:
        notes += _devices(base.device, head.device)
    if not on_purpose & {"model", "variant"}:
        notes += _differing("model", "the model file differs", base, head, lambda r: r.trial.model.sha256[:12] or "?")
        notes += _differing(
            "inputs",
            "the inputs of the model differ",
            base,
            head,
            lambda r: r.trial.model.asked or "the tool's own",
        )
    if "binary" not in on_purpose:
        notes += _differing(
            "binary", "the benchmark binary differs", base, head, lambda r: (r.artifact_sha256 or "?")[:12]
        )
    if base.harness_version != head.harness_version:
        notes.append(Note("harness", f"harness versions {base.harness_version} and {head.harness_version}", False))
    notes += _differing("run_lengths", "the processes ran for different lengths", base, head, _lengths)
    notes += _synthetic(base, head)
    if "cpus" not in on_purpose and "device" not in on_purpose:
        notes += _differing("affinity", "the cores differ", base, head, lambda r: r.conditions.affinity_observed)
    if "device" not in on_purpose:
        notes += _set_differently(base, head)
        notes += _canaries(base, head)
    notes += _temperatures(base, head)
    if not on_purpose & {"cpus", "device", "delegate"}:
        notes += _frequencies(base, head)
    notes += _throttling(base, head)
    notes += _pushed_beside(base, head)
    return notes


def _devices(base: DeviceInfo | None, head: DeviceInfo | None) -> list[Note]:
    if base is None or head is None:
        return []
    notes = []
    if base.virtual != head.virtual:
        notes.append(Note("virtual", "a virtual device against a phone", True))
    elif base.serial != head.serial and not base.virtual:
        notes.append(Note("unit", f"two units of the same phone: {base.serial} and {head.serial}", True))
    if base.fingerprint != head.fingerprint:
        notes.append(
            Note("fingerprint", f"system builds differ: {base.fingerprint or '?'} and {head.fingerprint or '?'}", True)
        )
    return notes


def _differing(kind: str, words: str, base: Side, head: Side, read: Callable[[Result], str | None]) -> list[Note]:
    ours = {value for result in base.good if (value := read(result)) is not None}
    theirs = {value for result in head.good if (value := read(result)) is not None}
    if not ours or not theirs or ours == theirs:
        return []
    return [Note(kind, f"{words}: {_list(ours)} and {_list(theirs)}", True)]


def _lengths(result: Result) -> str:
    run = result.trial.run
    return f"{run.min_runs} runs, {run.min_s:g} to {run.max_s:g} s, {run.warmup_runs} warm-ups"


def _set_differently(base: Side, head: Side) -> list[Note]:
    """Compare governor, clocks and other settings. A side without any ran with the device's own settings, which are unknown."""
    ours, theirs = ({_settings(result) for result in side.good} for side in (base, head))
    if not ours or not theirs or ours == theirs:
        return []
    words = [_list(value or "nothing set" for value in side) for side in (ours, theirs)]
    return [Note("settings", f"the device settings differ: {words[0]} and {words[1]}", True)]


def _settings(result: Result) -> str | None:
    observed = result.conditions.settings_observed
    return ", ".join(f"{name}={value}" for name, value in sorted(observed.items())) or None


def _synthetic(base: Side, head: Side) -> list[Note]:
    ours, theirs = (any(result.synthetic for result in side.results) for side in (base, head))
    if ours and theirs:
        return [Note("synthetic", "synthetic: both sides are replayed or modelled, not measured", False)]
    if ours or theirs:
        side = "BASE" if ours else "HEAD"
        return [Note("synthetic", f"{side} is synthetic (replayed or modelled), the other side is measured", True)]
    return []


def _temperatures(base: Side, head: Side) -> list[Note]:
    ours, theirs = (_median(side, "temperature_before_c") for side in (base, head))
    if ours is None or theirs is None or abs(ours - theirs) <= TEMPERATURE_BAND_C:
        return []
    return [Note("temperature", f"started at {ours:.1f} and {theirs:.1f} degrees Celsius (medians)", True)]


def _frequencies(base: Side, head: Side) -> list[Note]:
    ours, theirs = (_median(side, "frequency_khz") for side in (base, head))
    if not ours or not theirs or abs(theirs / ours - 1) <= FREQUENCY_BAND:
        return []
    return [Note("frequency", f"clocks of {ours / 1000:.0f} and {theirs / 1000:.0f} MHz (medians)", True)]


def _canaries(base: Side, head: Side) -> list[Note]:
    ours, theirs = (_median(side, "canary_us") for side in (base, head))
    if not ours or not theirs or abs(theirs / ours - 1) <= FREQUENCY_BAND:
        return []
    text = (
        f"the same fixed workload took {ours / 1000:.2f} and {theirs / 1000:.2f} ms (medians): the device was not alike"
    )
    return [Note("canary", text, True)]


def _throttling(base: Side, head: Side) -> list[Note]:
    # Thermal status 2 is Android's "moderate", the first with noticeable throttling.
    counts = [sum(status >= 2 for status in _sensed(side, "thermal_status_after")) for side in (base, head)]
    return _of_some("throttling", "throttled", counts, base, head)


def _pushed_beside(base: Side, head: Side) -> list[Note]:
    counts = [sum(bool(result.conditions.pushed_beside) for result in side.good) for side in (base, head)]
    return _of_some("pushed_beside", "models were pushed beside the trial", counts, base, head)


def _of_some(kind: str, words: str, counts: Sequence[int], base: Side, head: Side) -> list[Note]:
    """Note what held for some processes; unlike if the shares of the sides differ by more than 0.2."""
    if not any(counts):
        return []
    totals = [len(side.good) for side in (base, head)]
    unlike = abs(counts[0] / max(1, totals[0]) - counts[1] / max(1, totals[1])) > 0.2
    text = f"{words} in {counts[0]} of {totals[0]} and {counts[1]} of {totals[1]} processes"
    return [Note(kind, text, unlike)]


def _median(side: Side, name: str) -> float | None:
    values = _sensed(side, name)
    return centre(values) if values else None


def _sensed(side: Side, name: str) -> list[float]:
    """Read a condition of all processes that count, where a sensor gave it and not a model."""
    seen = [result.conditions for result in side.good]
    return [value for one in seen if name not in one.simulated and (value := getattr(one, name)) is not None]


def _list(values: Iterable[str]) -> str:
    return " / ".join(sorted(values))
