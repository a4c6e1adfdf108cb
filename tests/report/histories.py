"""Small histories with known numbers."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.records.history import Change, ChangeVerdict, Evidence, Ground, NightEstimate, Series, SeriesKey

FIRST = datetime(2026, 10, 1, 2, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
GROUND = Ground(fingerprint="vendor/phone/15", governor="schedutil", config="phone-1", harness_version="1", asked="a")


def key_of(
    model: str = "mobilenet", device: str = "R5CT1", *, metric: str = "inference_avg", **other: Any
) -> SeriesKey:
    values: dict[str, Any] = {"delegate": "xnnpack", "threads": 4, "cpus": "big"} | other
    return SeriesKey(device=device, model=model, metric=metric, **values)


def night(number: int, value: float = 8340.78, **other: Any) -> NightEstimate:
    """The estimate of the night `number` after the first."""
    values: dict[str, Any] = {
        "run_id": f"night-{number:03d}",
        "run_path": f"/lab/runs/night-{number:03d}",
        "at": FIRST + timedelta(days=number),
        "processes": 10,
        "spread": 0.00812,
        "ci_low": value * 0.995,
        "ci_high": value * 1.006,
        "model_sha256": "a" * 64,
        "binary_sha256": "b" * 64,
        "ground": GROUND,
    }
    return NightEstimate(value=value, **(values | other))


def series_of(key: SeriesKey, nights: Sequence[NightEstimate], unit: str = "us") -> Series:
    return Series(key=key, unit="mb" if unit == "mb" else "us", estimates=tuple(nights))


def steady(key: SeriesKey, count: int = 30, **other: Any) -> Series:
    """A series without a change; its values differ from night to night."""
    return series_of(key, [night(number, 8340.78 + 7.31 * (number % 5), **other) for number in range(count)])


def change_of(
    key: SeriesKey,
    number: int = 20,
    *,
    verdict: ChangeVerdict = ChangeVerdict.SUSPECTED,
    ratio: float = 1.031,
    **other: Any,
) -> Change:
    """A change on the night `number`."""
    values: dict[str, Any] = {
        "id": f"c{number:02d}{key.device.lower()}",
        "group": f"g{number}",
        "unit": "us",
        "first_bad": f"night-{number:03d}",
        "first_bad_at": FIRST + timedelta(days=number),
        "last_good": f"night-{number - 1:03d}",
        "last_good_at": FIRST + timedelta(days=number - 1),
        "before": 8340.78,
        "after": 8340.78 * ratio,
        "ci_low": ratio - 0.006,
        "ci_high": ratio + 0.007,
        "found_at": FIRST + timedelta(days=number, hours=2),
    }
    return Change(series=key, verdict=verdict, ratio=ratio, **(values | other))


def block(page: str, name: str) -> Any:
    """The data of a page by the id of their element."""
    found = re.search(rf'<script type="application/([a-z-]+)" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[2] if found[1] == "json" else zlib.decompress(b64decode(found[2])))


def read_column(column: Sequence[int | None]) -> list[int | None]:
    """Undo `harness.report.history_nights.differences`."""
    found: list[int | None] = []
    last = 0
    for step in column:
        last += step or 0
        found.append(None if step is None else last)
    return found


def spread_out(column: Sequence[int]) -> list[int]:
    """Undo `harness.report.history_nights.stretches`."""
    return [value for value, count in zip(column[::2], column[1::2], strict=True) for _ in range(count)]


SLOWER = key_of("mobilenet", "D1")
GAPS = key_of("resnet", "D2", delegate="gpu")


def lab_history() -> tuple[list[Series], list[Change]]:
    """Six series; `SLOWER` has a confirmed regression on night 20, a new system build and a new binary; `GAPS` misses nights 11 to 13."""
    slower = series_of(
        SLOWER,
        [
            night(
                n,
                (8300 if n < 20 else 8560) + 9.17 * (n % 4),
                binary_sha256=("b" if n < 20 else "c") * 64,
                ground=replace(GROUND, fingerprint="vendor/phone/16") if n >= 9 else GROUND,
                labels=(("commit", "abc" if n < 20 else "def"),),
            )
            for n in range(30)
        ],
    )
    gaps = series_of(
        GAPS,
        [
            night(n, 21000 + 13.0 * (n % 3), synthetic=n > 25, output_differs=n == 8)
            for n in range(30)
            if n not in (11, 12, 13)
        ],
    )
    others = [
        steady(key_of("mobilenet", "D2")),
        steady(key_of("efficientnet", "D1")),
        steady(key_of("efficientnet", "D2", delegate="gpu")),
        series_of(key_of("resnet", "D1", metric="peak_memory"), [night(n, 38.0 + n % 2) for n in range(30)], "mb"),
    ]
    evidence = Evidence(
        run_id="confirm-1",
        run_path="/e",
        ratio=1.03,
        ci_low=1.02,
        ci_high=1.04,
        device_s=412,
        at=FIRST + timedelta(days=20),
    )
    changes = [
        change_of(SLOWER, verdict=ChangeVerdict.CONFIRMED, evidence=evidence),
        change_of(others[0].key, 24),
        change_of(others[1].key, 25, verdict=ChangeVerdict.EXPLAINED, explained_by=("the system build changed",)),
        change_of(others[2].key, 26, accepted=True),
    ]
    return [*others[::-1], gaps, slower], changes
