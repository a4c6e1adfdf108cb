"""Runs tests against mutants, each in a process of its own over a copy of the checkout. The checkout itself is never changed."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from tools.mutants.making import Mutant

CPU_FACTOR, CPU_LEAST_S = 5, 20
"""A mutant may use this many times the CPU time of its tests, and at least so much. CPU time does not depend on what else runs."""

WALL_FACTOR, WALL_LEAST_S = 30, 120
"""The same for a mutant that only waits. Time in which other programs had the CPUs does not count."""

ON_IMPORT = ""
"""In place of a test's name: coverage's own word for what no context was named for."""

MEMORY_BYTES = 8 << 30
"""Address space of a mutant: one that allocates without end must not take the machine with it."""

PYTEST: tuple[str, ...] = (
    "-q",
    "-x",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "--no-header",
    "--tb=no",
    "-o",
    "timeout=0",
)
# A worker has imported pytest's plugins before pytest looks for them.
PYTEST += ("-W", "ignore::pytest.PytestAssertRewriteWarning")


class Outcome(StrEnum):
    """What became of a mutant. One that never ends was noticed, too."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """The tests of a room as they ran on the code as it is.

    Args:
        seconds: each test function to how long it ran, in CPU seconds.
        lines: module to line to the test functions that ran it, and `ON_IMPORT` where it ran outside of tests.
        imported: modules, other than the project's own, that the tests brought in.
    """

    seconds: Mapping[str, float]
    lines: Mapping[str, Mapping[int, Sequence[str]]]
    imported: Sequence[str]

    def for_mutant(self, mutant: Mutant) -> list[str]:
        """Test functions that can see it, the fastest first."""
        seen: set[str] = set(self.seconds)
        if mutant.function:
            first, last = mutant.function
            ran = self.lines.get(str(mutant.module), {})
            # The line of the `def` itself runs on import.
            by = {test for line in range(first + 1, last + 1) for test in ran.get(line, ())}
            # What runs on import alone, any test may see.
            seen = by - {ON_IMPORT} or (seen if by else set())
        named = mutant.module.stem
        return sorted(seen, key=lambda test: (f"test_{named}.py" not in test, self.seconds[test]))


def copy_checkout(checkout: Path, into: Path) -> None:
    """Copies what git knows or would know, as it lies there."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=checkout,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        source, target = checkout / name, into / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def run_as_it_is(tree: Path, tests: Sequence[str], apart: Sequence[str]) -> Tests:
    """Runs a room's tests over the unchanged copy and notes which test ran which line.

    Raises:
        SystemExit: a test fails as it is.
    """
    answer, output = tree / "as_it_is.json", tree / "as_it_is.txt"
    options = [option for test in apart for option in ("--deselect", test)]

    def observed() -> int:
        return _observe(tree, [*tests, *options], answer)

    code = _in_child(tree, observed, cpu_s=600, wall_s=1800, output=output)
    if code != 0:
        raise SystemExit(
            f"the tests fail as they are (exit code {code}):\n{output.read_text(errors='replace')[-6000:]}"
        )
    found: dict[str, Any] = json.loads(answer.read_text())
    lines = {m: {int(line): t for line, t in of.items()} for m, of in found["lines"].items()}
    return Tests(seconds=found["seconds"], lines=lines, imported=found["imported"])


def _observe(tree: Path, arguments: list[str], answer: Path) -> int:
    import coverage
    import pytest

    cover = coverage.Coverage(data_file=None, source=[str(tree / "harness")], config_file=False)
    seconds: dict[str, float] = {}

    class Watch:
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
            name, since = item.nodeid.partition("[")[0], time.process_time()
            cover.switch_context(name)
            try:
                return (yield)
            finally:
                cover.switch_context(ON_IMPORT)
                seconds[name] = seconds.get(name, 0.0) + time.process_time() - since

    cover.start()
    code = pytest.main([*PYTEST, *arguments], plugins=[Watch()])
    cover.stop()
    data = cover.get_data()
    answer.write_text(
        json.dumps(
            {
                "seconds": seconds,
                "lines": {
                    str(Path(file).relative_to(tree)): data.contexts_by_lineno(file) for file in data.measured_files()
                },
                "imported": [name for name in sys.modules if name.partition(".")[0] not in _OURS],
            }
        )
    )
    return int(code)


_OURS = ("harness", "tests", "tools", "benchmarks", "conftest", "__main__", "__mp_main__")

_tree = Path()


def start_worker(trees: Queue[str], imported: Sequence[str], tests: Sequence[str]) -> None:
    """Gives this worker a copy of its own, and imports once what every mutant's tests import but the project.

    Raises:
        RuntimeError: the tests fail here with no mutant: every mutant would count as killed.
    """
    global _tree  # a worker of a pool has no other place
    _tree = Path(trees.get())
    for name in imported:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    # What is there now stays: children neither look through it nor copy its pages.
    gc.collect()
    gc.freeze()
    # Byte code of everything is written now, since no mutant writes any.
    output = _tree / "control.txt"
    code = _in_child(_tree, lambda: _pytest(tests), cpu_s=600, wall_s=1800, output=output, bytecode=True)
    if code != 0:
        message = f"the tests fail without a mutant (exit code {code}):\n{output.read_text(errors='replace')[-6000:]}"
        print(message, file=sys.stderr)
        raise RuntimeError(message)


def try_mutant(mutant: Mutant, tests: Sequence[str], cpu_s: float) -> Outcome:
    """Runs the tests over the mutant, until one fails."""
    if not tests:
        return Outcome.SURVIVED
    file = _tree / mutant.module
    with _mutated(file, mutant.code):
        code = _in_child(
            _tree,
            lambda: _pytest(tests),
            cpu_s=max(CPU_LEAST_S, CPU_FACTOR * cpu_s),
            wall_s=max(WALL_LEAST_S, WALL_FACTOR * cpu_s),
        )
    if code is None:
        return Outcome.TIMED_OUT
    return Outcome.SURVIVED if code == 0 else Outcome.KILLED


@contextlib.contextmanager
def _mutated(file: Path, code: str) -> Iterator[None]:
    for cached in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
        cached.unlink()
    original = file.read_bytes()
    file.write_text(code, encoding="utf-8")
    try:
        yield
    finally:
        file.write_bytes(original)


def _pytest(arguments: Sequence[str]) -> int:
    import hypothesis
    import pytest

    # The same examples for each mutant, and none kept for the next.
    hypothesis.settings.register_profile("mutants", derandomize=True, database=None, deadline=None)
    hypothesis.settings.load_profile("mutants")
    return int(pytest.main([*PYTEST, "--basetemp=scratch", *arguments]))


def _in_child(
    tree: Path,
    do: Callable[[], int],
    *,
    cpu_s: float,
    wall_s: float,
    output: Path = Path(os.devnull),
    bytecode: bool = False,
) -> int | None:
    """Exit code of what was done in a child that lives in the copy; -N where signal N ended it, None where it ran out of time."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.setpgid(0, 0)
            seconds = int(cpu_s) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
            file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1)
            os.dup2(file, 2)
            _move_into(tree)
            sys.dont_write_bytecode = not bytecode
            code = do()
        except BaseException:  # whatever it was, it ends here: what called fork() must not go on twice
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    with contextlib.suppress(PermissionError, ProcessLookupError):  # the child may have done it, or be gone
        os.setpgid(child, child)
    since = time.monotonic()
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if (passed := time.monotonic() - since) > wall_s and passed - _queued_s(child) > wall_s:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.01)
    with contextlib.suppress(PermissionError, ProcessLookupError):  # what a test left behind
        os.killpg(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    return None if code in (-signal.SIGXCPU, -signal.SIGKILL) else code


def _queued_s(process: int) -> float:
    """How long a process was ready to run while other programs had the CPUs; 0 where the system does not tell.

    Without it, a busy machine would turn survivors into mutants that timed out, which count as noticed.
    """
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _move_into(tree: Path) -> None:
    checkout = str(Path(__file__).resolve().parents[2])
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path[:] = [str(tree), *(entry for entry in sys.path if entry not in ("", checkout, str(tree)))]
    for name in [name for name in sys.modules if name.partition(".")[0] in ("harness", "tests")]:
        del sys.modules[name]
    importlib.invalidate_caches()
