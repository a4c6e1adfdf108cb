"""Changes and series made up for the tests of experiments. The numbers are arithmetic, not measurements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from harness.records.history import Change, ChangeVerdict, Ground, NightEstimate, Series, SeriesKey

BEGAN = datetime(2026, 8, 1, 1, 30, tzinfo=UTC)
KEY = SeriesKey(device="R5CT1", model="m", delegate="cpu", threads=1, cpus="big", metric="inference_avg")


def sha(word: str) -> str:
    """The hash of a file that is known by a word."""
    return sha256(word.encode()).hexdigest()


def night(
    number: int, *, binary: str = "old", model: str = "m", path: str = "", run_id: str | None = None
) -> NightEstimate:
    """The estimate of a night, with files that are known by words."""
    return NightEstimate(
        run_id=run_id or f"night-{number}",
        run_path=path or f"/nowhere/night-{number}",
        at=BEGAN + timedelta(days=number),
        value=100.0,
        processes=5,
        spread=0.01,
        ci_low=99.0,
        ci_high=101.0,
        model_sha256=sha(model),
        binary_sha256=sha(binary),
        ground=Ground(),
    )


def series(*nights: NightEstimate, key: SeriesKey = KEY) -> Series:
    return Series(key=key, unit="us", estimates=nights)


def change(
    nights: Sequence[NightEstimate],
    first_bad: int,
    *,
    name: str = "c1",
    group: str = "g1",
    key: SeriesKey = KEY,
    ratio: float = 1.1,
    ci_low: float | None = None,
    ci_high: float | None = None,
    verdict: ChangeVerdict = ChangeVerdict.SUSPECTED,
    accepted: bool = False,
) -> Change:
    """A change between two neighbours of these nights."""
    return Change(
        id=name,
        group=group,
        series=key,
        unit="us",
        first_bad=nights[first_bad].run_id,
        first_bad_at=nights[first_bad].at,
        last_good=nights[first_bad - 1].run_id,
        last_good_at=nights[first_bad - 1].at,
        before=100.0,
        after=100.0 * ratio,
        ratio=ratio,
        ci_low=ratio - 0.02 if ci_low is None else ci_low,
        ci_high=ratio + 0.02 if ci_high is None else ci_high,
        verdict=verdict,
        found_at=nights[-1].at,
        accepted=accepted,
    )
