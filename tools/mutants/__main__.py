"""Changes the code of a room in small ways and tells which changes no test notices.

    make mutants                        all rooms that pyproject.toml names under [tool.mutants]
    make mutants ROOM=conditions        one
    make mutants ROOM=analysis MUTANTS_ARGS='--module ranks.py --all'

Cosmic Ray makes the mutants. Each is tried in a copy of the checkout, by the room's tests that run its function. Where a room has more
mutants than the sample, a seeded sample is drawn. Exit code 1 where too few are noticed; those that change nothing that anybody could
see stand with their reason in `equivalent.toml`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tools.mutants.equivalent import equivalent_in
from tools.mutants.making import Mutant, mutant_at, spots_of
from tools.mutants.trying import Outcome, copy_checkout, run_as_it_is, start_worker, try_mutant

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is mutated, and by what it is tested.

    Args:
        name: its package below `harness/`.
        tests: files and folders of tests.
        apart: tests that are left out since they need devices, browsers or other programs; as pytest's `--deselect` takes them.
    """

    name: str
    tests: tuple[str, ...]
    apart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What became of a room's mutants."""

    room: str
    made: int
    tried: Sequence[tuple[Mutant, Outcome]]
    equivalent: int

    @property
    def share(self) -> float:
        """Share of the mutants tried that a test noticed."""
        return (
            sum(outcome is not Outcome.SURVIVED for _, outcome in self.tried) / len(self.tried) if self.tried else 1.0
        )

    @property
    def line(self) -> str:
        """One line for a reader."""
        count = Counter(outcome for _, outcome in self.tried)
        parts = ", ".join(f"{count[outcome]} {outcome}" for outcome in Outcome)
        return f"{self.room}: {self.made} made, {self.equivalent} equivalent, {len(self.tried)} tried: {parts}; score {self.share:.1%}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries the rooms; the exit code is the return value."""
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["mutants"]
    rooms = {name: Room(name=name, **{k: tuple(v) for k, v in of.items()}) for name, of in settings["rooms"].items()}
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__.split("\n")[0])
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"of {', '.join(rooms)} (default: all)")
    parser.add_argument("--module", action="append", default=[], help="only this file of the room; may be repeated")
    parser.add_argument("--all", action="store_true", help="all mutants instead of a sample")
    parser.add_argument(
        "--sample", type=int, default=settings["sample"], help="mutants of a room (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=settings["seed"], help="of the sample (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="mutants at a time (default: %(default)s)")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.rooms if name not in rooms]
    if unknown:
        parser.error(f"no such room: {', '.join(unknown)}; there are {', '.join(rooms)}")
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    scores = [_try_room(rooms[name], asked) for name in asked.rooms or rooms]
    print("\n" + "\n".join(score.line for score in scores))
    return 0 if all(score.share >= settings["least_score"] for score in scores) else 1


def _try_room(room: Room, asked: argparse.Namespace) -> Score:
    since = time.monotonic()
    modules = sorted(path.relative_to(CHECKOUT) for path in (CHECKOUT / "harness" / room.name).rglob("*.py"))
    spots = [s for m in modules if not asked.module or m.name in asked.module for s in spots_of(CHECKOUT, m)]
    random.Random(asked.seed).shuffle(spots)
    listed = equivalent_in(room.name, CHECKOUT)
    mutants: list[Mutant] = []
    equivalent = 0
    for spot in spots:
        if len(mutants) == asked.sample and not asked.all:
            break
        mutant = mutant_at(CHECKOUT, spot)
        if mutant is None:
            continue
        if (str(mutant.module), mutant.before, mutant.after) in listed:
            equivalent += 1
            continue
        mutants.append(mutant)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees = [Path(folder) / str(number) for number in range(asked.workers)]
        for tree in trees:
            copy_checkout(CHECKOUT, tree)
        tests = run_as_it_is(trees[0], room.tests, room.apart)
        print(
            f"{room.name}: {len(mutants)} of {len(spots)} mutants, {len(tests.seconds)} test functions "
            f"({sum(tests.seconds.values()):.1f} s); {time.monotonic() - since:.0f} s to get ready",
            file=sys.stderr,
        )
        tried = _try_all(
            mutants, tests_of=tests.for_mutant, seconds=tests.seconds, imported=tests.imported, trees=trees
        )
    print(f"{room.name}: {time.monotonic() - since:.0f} s in all", file=sys.stderr)
    return Score(room=room.name, made=len(spots), tried=tried, equivalent=equivalent)


def _try_all(
    mutants: Sequence[Mutant],
    *,
    tests_of: Callable[[Mutant], list[str]],
    seconds: Mapping[str, float],
    imported: Sequence[str],
    trees: Sequence[Path],
) -> list[tuple[Mutant, Outcome]]:
    context = multiprocessing.get_context("fork")
    free = context.Queue()
    for tree in trees:
        free.put(str(tree))
    tried: list[tuple[Mutant, Outcome]] = []
    with ProcessPoolExecutor(len(trees), context, start_worker, (free, imported, sorted(seconds))) as pool:
        waiting = {}
        for mutant in mutants:
            tests = tests_of(mutant)
            waiting[pool.submit(try_mutant, mutant, tests, sum(seconds[test] for test in tests))] = mutant
        for done in as_completed(waiting):
            mutant, outcome = waiting[done], done.result()
            tried.append((mutant, outcome))
            if outcome is Outcome.SURVIVED:
                shown = f"{mutant.module}:{mutant.line}: {mutant.operator}\n  - {mutant.before}\n  + {mutant.after}"
                print(shown, flush=True)
            if len(tried) % 50 == 0:
                print(f"  {len(tried)} of {len(mutants)}", file=sys.stderr)
    return tried


if __name__ == "__main__":
    sys.exit(main())
