"""Changes of series whose truth is planted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from harness.analysis.history_changes import changes_in
from harness.records.history import ChangeVerdict, Ground, NightEstimate, Series, SeriesKey

NOW = datetime(2026, 12, 1, tzinfo=UTC)
START = datetime(2026, 1, 1, 2, tzinfo=UTC)


def key(**fields: Any) -> SeriesKey:
    plain: dict[str, Any] = {"device": "one", "model": "net", "delegate": "cpu", "threads": 1, "cpus": "big"}
    return SeriesKey(**(plain | {"metric": "inference_avg"} | fields))


def night(place: int, value: float, **fields: Any) -> NightEstimate:
    plain: dict[str, Any] = {"processes": 10, "spread": 0.01, "ci_low": None, "ci_high": None}
    plain |= {"model_sha256": "m" * 64, "binary_sha256": "b" * 64, "ground": Ground(fingerprint="a")}
    plain |= {"run_id": f"run{place}", "run_path": "/gone", "at": START + timedelta(days=place), "value": value}
    return NightEstimate(**(plain | fields))


def series(values: Sequence[float], **fields: Any) -> Series:
    unit = "mb" if "memory" in fields.get("metric", "") else "us"
    nights = tuple(night(place, float(value)) for place, value in enumerate(values))
    return Series(key=key(**fields), unit=unit, estimates=nights)  # type: ignore[arg-type]


def noisy(count: int, *, seed: int = 1, noise: float = 0.01, level: float = 1000.0) -> list[float]:
    return list(level * np.exp(np.random.default_rng(seed).normal(0, noise, count)))


def stepped(before: int, after: int, *, by: float = 1.05, **fields: Any) -> list[float]:
    values = noisy(before + after, **fields)
    return values[:before] + [by * value for value in values[before:]]


def with_nights(one: Series, places: Sequence[int], **fields: Any) -> Series:
    nights = [replace(each, **fields) if place in places else each for place, each in enumerate(one.estimates)]
    return replace(one, estimates=tuple(nights))


def test_a_planted_step_is_found_with_its_night_and_its_size() -> None:
    (change,) = changes_in([series(stepped(60, 40))], now=NOW)
    assert (change.first_bad, change.last_good) == ("run60", "run59")
    assert change.ci_low < 1.05 < change.ci_high
    assert change.ci_high - change.ci_low < 0.02
    assert (change.verdict, change.kind) == (ChangeVerdict.SUSPECTED, "alert")
    assert change.worse
    assert change.found_at == NOW


def test_the_latest_three_nights_tell_a_step() -> None:
    (change,) = changes_in([series(stepped(60, 3))], now=NOW)
    assert (change.first_bad, change.kind, change.verdict) == ("run60", "tonight", ChangeVerdict.SUSPECTED)


def test_one_bad_night_is_no_change() -> None:
    values = noisy(60)
    values[-1] *= 1.4
    assert changes_in([series(values)], now=NOW) == ()
    values[30] *= 1.4
    assert changes_in([series(values + noisy(20, seed=2))], now=NOW) == ()


def test_a_step_down_is_an_improvement() -> None:
    (change,) = changes_in([series(stepped(60, 40, by=0.95))], now=NOW)
    assert (change.verdict, change.worse) == (ChangeVerdict.IMPROVED, False)


def test_noise_alone_is_no_change() -> None:
    assert changes_in([series(noisy(120, seed=seed)) for seed in range(5)], now=NOW) == ()


def test_ground_that_changes_on_the_night_explains() -> None:
    plain = series(stepped(60, 40))
    (change,) = changes_in([with_nights(plain, range(60, 100), ground=Ground(fingerprint="b"))], now=NOW)
    assert change.verdict is ChangeVerdict.EXPLAINED
    assert change.explained_by == ("the device's system build changed on 2026-03-02: a -> b",)
    (change,) = changes_in([with_nights(plain, range(40, 100), ground=Ground(fingerprint="b"))], now=NOW)
    assert (change.verdict, change.explained_by) == (ChangeVerdict.SUSPECTED, ())


def test_a_new_binary_is_a_note_and_no_explanation() -> None:
    (change,) = changes_in([with_nights(series(stepped(60, 40)), range(60, 100), binary_sha256="c" * 64)], now=NOW)
    assert change.verdict is ChangeVerdict.SUSPECTED
    assert "the binary changed on 2026-03-02: bbbbbbbbbbbb -> cccccccccccc" in change.notes
