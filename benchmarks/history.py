"""How often the history suspects wrongly, and what it finds, on synthetic nights whose truth is known: `python -m benchmarks.history`.

Every rule is replayed night by night: it sees the nights so far, and a suspicion counts once, when it is first raised. Prints false
suspicions, what becomes of them in an experiment, steps and slow creeps, all beside the usual ways; at the end, what is claimed, and
whether it holds: exit code 1 where it does not. About ten minutes on one idle core; `--series 100` for a look.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.claims import Claim
from benchmarks.latency_model import PHONES, simulate
from benchmarks.night_rules import RULES, Raised, Rule
from benchmarks.nights_model import (
    ALIKE_NEIGHBOURS,
    AS_HERE,
    BAD_NIGHTS,
    LABS,
    NOTHING,
    PLAIN,
    Lab,
    Truth,
    nights_since,
    simulate_series,
)
from benchmarks.tables import judge_paired
from harness.analysis.history_changes import changes_in
from harness.analysis.verdict import Rules

NIGHTS = 120
CHANGE = 60
"""First night that creeps; a step comes on a random night from then on."""
WITHIN = 3
CREEP_WITHIN = 40
BUDGET = 0.001
"""Suspicions by series and night."""
_USUAL_SHARE = 5
"""The usual ways are tried on one of so many series: they err so often that fewer show it."""
_PART = 10
"""Series that a worker simulates at a time."""
_SEED = 7

Chunk = tuple[str, Lab, Truth, int, int, int]
"""Name of the rule, lab, truth, nights, number of the part, number of series."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all tables. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--series", type=int, default=1000, help="of each kind (default: 1000)")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes (default: 2)")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    print(
        f"Synthetic nights, {options.series} series of each kind, seed {_SEED}. Nothing here was measured on a device."
    )
    claims: list[Claim] = []
    with ProcessPoolExecutor(options.workers) as pool:
        for part in (false_suspicions, steps, creeps):
            claims += part(options.series, lambda *chunk: _spread_out(pool, *chunk))
    claims += experiments(options.series, max(one.figure for one in claims if one.words.startswith("false")))
    speed()
    print("\nClaims")
    for claim in claims:
        print(
            f"{claim.words:<78}{claim.figure:>9.4%}   {claim.low:.2%} to {claim.high:.2%}   {'holds' if claim.holds else 'DOES NOT HOLD'}"
        )
    print(f"\n{time.monotonic() - began:.0f} s")
    return 0 if all(claim.holds for claim in claims) else 1


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a rule raised in a series."""

    raised: list[Raised]
    numbers: list[int]
    """Numbers of its nights: some are missing."""
    change: int
    """Number of the first night after what is planted."""


Replay = Callable[[str, Lab, Truth, int, int], list[Replayed]]
"""Rule, lab, truth, nights, series."""


def false_suspicions(series: int, replay: Replay) -> list[Claim]:
    """Series in which nothing changes."""
    print(f"\nFalse suspicions in 1,000 series-nights, {NIGHTS} nights without a change")
    print(_row("", *(name for name, _ in RULES)), flush=True)
    claims = []
    for lab in LABS:
        figures = []
        for rule, _ in RULES:
            found = replay(rule, lab, NOTHING, NIGHTS, _of(series, rule))
            raised, nights = sum(len(one.raised) for one in found), sum(len(one.numbers) for one in found)
            figures.append(f"{1000 * raised / nights:.2f}")
            if rule == "harness":
                claims.append(
                    Claim(f"false suspicions by series and night, {lab.name}", raised / nights, 0, BUDGET, nights)
                )
        print(_row(lab.name, *figures), flush=True)
    return claims


def steps(series: int, replay: Replay) -> list[Claim]:
    """One step in each series, on a night of its own."""
    claims = []
    print(
        f"\nA step on night {CHANGE} to {NIGHTS - WITHIN}, raised within {WITHIN} nights; and with its night named within 1 then"
    )
    print(_row("", *(name for name, _ in RULES)))
    for lab, size in ((PLAIN, 0.03), (PLAIN, 0.05), (BAD_NIGHTS, 0.03), (ALIKE_NEIGHBOURS, 0.03), (AS_HERE, 0.05)):
        figures = []
        for rule, _ in RULES:
            found = replay(rule, lab, Truth(step=size), NIGHTS, _of(series, rule))
            after = [_first_after(one) for one in found]
            in_time = [one is not None for one in after]
            named = [one is not None and abs(one[1]) <= 1 for one in after]
            figures.append(f"{np.mean(in_time):.1%}, {np.mean(named):.1%}")
            if rule == "harness" and lab is PLAIN and size == 0.03:
                claims += [
                    Claim(
                        f"a step of 3 %, 1 % noise, raised within {WITHIN} nights",
                        float(np.mean(in_time)),
                        0.9,
                        1,
                        len(found),
                    ),
                    Claim("its night named within 1", float(np.mean(named)), 0.8, 1, len(found)),
                ]
        print(_row(f"{size:.0%}, {lab.name}", *figures), flush=True)
    return claims


def creeps(series: int, replay: Replay) -> list[Claim]:
    """A slow growth in each series."""
    claims = []
    print(f"\n0.1 % more every night: raised within {CREEP_WITHIN} nights; nights that it took (median)")
    print(_row("", *(name for name, _ in RULES)))
    for lab in (PLAIN, BAD_NIGHTS, ALIKE_NEIGHBOURS):
        figures = []
        for rule, _ in RULES:
            count = _of(series, rule) // 2
            found = replay(rule, lab, Truth(night=CHANGE, creep=0.001), CHANGE + CREEP_WITHIN, count)
            after = [_first_after(one) for one in found]
            took = [one[0] + 1 for one in after if one is not None]
            figures.append(f"{len(took) / len(found):.1%}, {np.median(took) if took else float('nan'):.0f}")
            if rule == "harness" and lab is PLAIN:
                words = f"a creep of 0.1 % a night, 1 % noise, raised within {CREEP_WITHIN} nights"
                claims.append(Claim(words, len(took) / len(found), 0.95, 1, len(found)))
        print(_row(lab.name, *figures), flush=True)
    return claims


def experiments(series: int, suspicions: float) -> list[Claim]:
    """What an experiment makes of a false suspicion: both sides alike, interleaved on one phone, judged as `harness compare` does."""
    count, rules = max(2000, 5 * series), Rules()
    rng = np.random.default_rng(_SEED)
    print("\nExperiments with two equal sides, of which one is called slower or faster")
    worst = 0.0
    for processes in (10, 20, 30):
        shares = []
        for phone in PHONES:
            base, head = simulate(rng, phone, experiments=count, processes=processes)
            judged = judge_paired(base[:, None], head[:, None], rules)
            shares.append(float(judged.differs.mean()))
        worst = max(worst, *shares)
        print(
            _row(f"{processes} a side", *(f"{phone.name} {one:.2%}" for phone, one in zip(PHONES, shares, strict=True)))
        )
    return [Claim("confirmed wrongly, by series and night (worst phone)", suspicions * worst, 0, 0.0001, 0)]


def speed() -> None:
    """How long one check of a lab takes. No claim: it depends on this machine."""
    rng = np.random.default_rng(_SEED)
    lab = [simulate_series(rng, AS_HERE, 365) for _ in range(200)]
    began, used = time.monotonic(), time.process_time()
    found = changes_in(lab, now=lab[0].estimates[-1].at)
    took, cpu = time.monotonic() - began, time.process_time() - used
    print(
        f"\nOne check of 200 series of 365 nights: {took:.1f} s, {cpu:.1f} s of them on a core; {len(found)} changes",
        flush=True,
    )


def _of(series: int, rule: str) -> int:
    return series if rule == "harness" else max(_PART, series // _USUAL_SHARE)


def _first_after(one: Replayed) -> tuple[int, int] | None:
    """Nights from the change to the first suspicion upwards since, and to the night that it names."""
    for raised in one.raised:
        if raised.up and one.numbers[raised.night] >= one.change:
            return one.numbers[raised.night] - one.change, one.numbers[raised.first_bad] - one.change
    return None


def _spread_out(
    pool: ProcessPoolExecutor, rule: str, lab: Lab, truth: Truth, nights: int, series: int
) -> list[Replayed]:
    parts = [(rule, lab, truth, nights, part, _PART) for part in range(-(-series // _PART))]
    return [one for part in pool.map(_replayed, parts) for one in part][:series]


def _replayed(chunk: Chunk) -> list[Replayed]:
    name, lab, truth, nights, part, count = chunk
    rule: Rule = dict(RULES)[name]
    rng = np.random.default_rng([_SEED, part])
    found = []
    for _ in range(count):
        planted, until = truth, nights
        if truth.step:  # it is looked at for some nights after it
            planted = replace(truth, night=int(rng.integers(CHANGE, nights - WITHIN + 1)))
            until = planted.night + WITHIN
        series = simulate_series(rng, lab, until, planted)
        found.append(Replayed(rule(series), nights_since(series, range(len(series.estimates))), planted.night))
    return found


def _row(first: str, *cells: object) -> str:
    return f"{first:<22}" + "".join(f"{cell!s:>20}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
