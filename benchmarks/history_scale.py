"""What the page of a large history costs: 200 series of 365 nights.

    python -m benchmarks.history_scale [--series 200] [--nights 365] [--keep FILE]

Makes a synthetic history (its numbers are arithmetic and marked so), writes its page, opens it in headless Chromium, and prints seconds,
bytes, first paint and first filter beside their limits. Exits 1 where a limit is broken. `benchmarks.report_scale` is the same for a run.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from benchmarks.report_scale import best_of
from harness.records.history import Change, ChangeVerdict, Evidence, Ground, NightEstimate, Series, SeriesKey
from harness.report.history_page import write_history_report

BEGAN = datetime(2025, 11, 12, 2, 30, tzinfo=UTC)
LIMITS = {"page made (s)": 5.0, "file (MB)": 5.0, "first paint (s)": 1.5, "first filter (s)": 1.5}
_DELEGATES = ("cpu", "xnnpack", "gpu", "nnapi")
_DEVICES = 5
_VERDICTS = (
    ChangeVerdict.CONFIRMED,
    ChangeVerdict.SUSPECTED,
    ChangeVerdict.EXPLAINED,
    ChangeVerdict.IMPROVED,
    ChangeVerdict.REFUTED,
)


def history(count: int, nights: int, *, seed: int = 7, synthetic: bool = True) -> tuple[list[Series], list[Change]]:
    """Make series with noise, missing nights, ground events and steps of 3 %, and their changes.

    Args:
        count: of series. Each model has one with each delegate on each of five devices.
        nights: from the first to the last, missing ones included.
        seed: of the noise.
        synthetic: how the nights are marked.
    """
    noise = random.Random(seed)  # noqa: S311  # not for secrets
    missed = {night for night in range(1, nights - 1) if noise.random() < 0.04}
    series, changes = [], []
    for number in range(count):
        per_model = _DEVICES * len(_DELEGATES)
        key = SeriesKey(
            device=f"SYNTHETIC{number % _DEVICES + 1}",
            model=f"synthetic_model_{number // per_model:03d}",
            delegate=_DELEGATES[number // _DEVICES % len(_DELEGATES)],
            threads=4,
            cpus="big",
            metric="inference_avg",
        )
        step = noise.randrange(1, nights) if number % 8 == 0 and nights > 20 else None
        base = 4000 + 57.3 * number
        estimates = tuple(_nights(key, base, step, set(missed), nights, noise, synthetic))
        one = Series(key=key, unit="us", estimates=estimates)
        series.append(one)
        if step is not None and 10 < step < nights - 3:
            changes.append(_change(one, step, number // 8))
    return series, changes


def _nights(
    key: SeriesKey, base: float, step: int | None, missed: set[int], nights: int, noise: random.Random, synthetic: bool
) -> Iterator[NightEstimate]:
    for night in range(nights):
        if night in missed or noise.random() < 0.01:
            continue
        value = base * noise.gauss(1, 0.008) * (1.03 if step is not None and night >= step else 1)
        half = base * 0.004 * noise.uniform(0.7, 1.6)
        commit = sha256(f"commit {night}".encode()).hexdigest()
        yield NightEstimate(
            run_id=f"nightly-{night:04d}",
            run_path=f"/lab/runs/nightly-{night:04d}",
            at=BEGAN + timedelta(days=night),
            value=value,
            processes=10,
            spread=noise.uniform(0.006, 0.012),
            ci_low=value - half,
            ci_high=value + half,
            model_sha256=sha256(key.model.encode()).hexdigest(),
            binary_sha256=commit,
            ground=Ground(
                fingerprint=f"vendor/{key.device}/{15 + night // 150}",
                governor="policy0=schedutil, policy4=schedutil",
                config="phone-0a1b2c3d",
                harness_version=f"0.{1 + night // 120}.0",
                asked="f00d",
            ),
            synthetic=synthetic,
            labels=(("branch", "main"), ("commit", commit[:10])),
        )


def _change(one: Series, step: int, number: int) -> Change:
    places = [place for place, night in enumerate(one.estimates) if night.at >= BEGAN + timedelta(days=step)]
    good, bad = one.estimates[places[0] - 1], one.estimates[places[0]]
    verdict = _VERDICTS[number % len(_VERDICTS)]
    ratio = 0.97 if verdict is ChangeVerdict.IMPROVED else 1.03
    identity = sha256(f"{one.key} {step}".encode()).hexdigest()
    asked = verdict in (ChangeVerdict.CONFIRMED, ChangeVerdict.REFUTED)
    found = Evidence(
        run_id="confirm-1", run_path="/lab/confirm-1", ratio=1.031, ci_low=1.026, ci_high=1.036, device_s=412, at=bad.at
    )
    return Change(
        id=identity[:8],
        group=identity[8:16],
        series=one.key,
        unit=one.unit,
        first_bad=bad.run_id,
        first_bad_at=bad.at,
        last_good=good.run_id,
        last_good_at=good.at,
        before=good.value,
        after=good.value * ratio,
        ratio=ratio,
        ci_low=ratio - 0.005,
        ci_high=ratio + 0.006,
        verdict=verdict,
        found_at=bad.at + timedelta(hours=3),
        explained_by=("the system build changed",) if verdict is ChangeVerdict.EXPLAINED else (),
        evidence=found if asked else None,
        accepted=number % 11 == 10,
        muted=number % 7 == 6,
    )


# From the key press to the frame in which the table shows only what matches.
_FILTER = """async () => {
  const rows = () => document.querySelectorAll('#table-series tbody tr').length;
  const before = rows();
  const box = document.getElementById('filter');
  const began = performance.now();
  box.value = 'model_003 gpu';
  box.dispatchEvent(new Event('input', { bubbles: true }));
  while (rows() === before) await new Promise((done) => requestAnimationFrame(done));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
}"""


def cost_of_history(count: int, nights: int, page: Path, openings: int) -> dict[str, float]:
    """Write the page of a history of that size, open it, and return what that cost."""
    series, changes = history(count, nights)
    began = time.perf_counter()
    write_history_report(series, changes, page, title="history-scale", now=BEGAN + timedelta(days=nights))
    made = time.perf_counter() - began
    opened = best_of(page, openings, filter_by=_FILTER) if openings else {}
    return {"page made (s)": made, "file (MB)": page.stat().st_size / 1e6, **opened}


def main() -> int:
    """Entry point; 1 where a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--openings", type=int, default=3, help="how often the page is opened; the fastest counts")
    parser.add_argument("--keep", type=Path, help="where to keep the page")
    options = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory() as scratch:
        page = options.keep or Path(scratch) / "history-report.html"
        for name, value in cost_of_history(options.series, options.nights, page, options.openings).items():
            limit = LIMITS.get(name)
            state = "" if limit is None else "   BROKEN" if value > limit else ""
            broken += bool(state)
            print(f"{name:20} {value:10.2f}" + (f"   (limit {limit:g}){state}" if limit is not None else ""))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
