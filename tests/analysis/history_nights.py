"""Series of nights for tests of the history, with what is planted in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from harness.records.history import Ground, NightEstimate, Series, SeriesKey

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
    nights = tuple(night(place, float(value)) for place, value in enumerate(values))
    one = key(**fields)
    return Series(key=one, unit="mb" if "memory" in one.metric else "us", estimates=nights)


def noisy(count: int, *, seed: int = 1, noise: float = 0.01, level: float = 1000.0) -> list[float]:
    return list(level * np.exp(np.random.default_rng(seed).normal(0, noise, count)))


def stepped(before: int, after: int, *, by: float = 1.05, **fields: Any) -> list[float]:
    values = noisy(before + after, **fields)
    return values[:before] + [by * value for value in values[before:]]


def with_nights(one: Series, places: Sequence[int], **fields: Any) -> Series:
    nights = [replace(each, **fields) if place in places else each for place, each in enumerate(one.estimates)]
    return replace(one, estimates=tuple(nights))


def without(one: Series, places: Sequence[int]) -> Series:
    return replace(one, estimates=tuple(each for place, each in enumerate(one.estimates) if place not in places))


def first(one: Series, count: int) -> Series:
    return replace(one, estimates=one.estimates[:count])
