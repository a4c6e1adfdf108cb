"""Says how far each device drifted during the run in heat, clocks and the canary. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import Result
from harness.runs.run_store import Run

_WARMER_C = 5.0
_SLOWER_CLOCK = 0.9
"""Share of the highest median clock on the same cores below which a device drifted, as the default of `low_clock`."""
_SLOWER_CANARY = 1.10
"""Multiple of the canary's first run above which a device drifted."""
_MOST_DEVICES = 8


def drift_sentences(run: Run) -> list[str]:
    """Return a sentence for each device that became warmer or slower in its clocks or the canary."""
    by_device: dict[str, list[Result]] = {}
    for result in sorted(run.results, key=lambda one: one.started_at):
        by_device.setdefault(result.trial.device, []).append(result)
    sentences = [
        f"{serial} drifted: {', '.join(words)}." for serial, results in by_device.items() if (words := _drift(results))
    ]
    left_out = len(sentences) - _MOST_DEVICES
    return sentences[:_MOST_DEVICES] + ([f"{left_out} more devices drifted."] if left_out > 0 else [])


def _drift(results: Sequence[Result]) -> list[str]:
    words = [*_temperature(results), *_clock(results)]
    simulated = {"temperature_after_c", "frequency_khz"} & {name for r in results for name in r.conditions.simulated}
    if words and simulated:
        words[-1] += " (simulated)"
    return words + _canary(results)


def _temperature(results: Sequence[Result]) -> list[str]:
    first = next((c for r in results if (c := r.conditions.temperature_before_c) is not None), None)
    highest = max((c for r in results if (c := r.conditions.temperature_after_c) is not None), default=None)
    if first is None or highest is None or highest - first < _WARMER_C:
        return []
    return [f"from {first:.1f} to {highest:.1f} °C"]


def _clock(results: Sequence[Result]) -> list[str]:
    """The steepest fall on one set of cores, since clocks of different cores do not compare."""
    medians: dict[int, list[int]] = {}
    for result in results:
        if (khz := result.conditions.frequency_khz) is not None:
            medians.setdefault(result.trial.cpus.mask, []).append(khz)
    falls = [(min(khz) / max(khz), max(khz), min(khz)) for khz in medians.values() if max(khz)]
    share, highest, lowest = min(falls, default=(1.0, 0, 0))
    if share >= _SLOWER_CLOCK:
        return []
    return [f"median clock from {highest / 1e6:.2f} down to {lowest / 1e6:.2f} GHz"]


def _canary(results: Sequence[Result]) -> list[str]:
    seen = [ratio for r in results for ratio in (r.conditions.canary_ratio, r.conditions.canary_after_ratio) if ratio]
    slowest = max(seen, default=0.0)
    return [f"canary up to {slowest:.2f} times its first run"] if slowest > _SLOWER_CANARY else []
