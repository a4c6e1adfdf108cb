"""The state of a bisection in its folder: what was asked, built and measured. With it a bisection continues after Ctrl-C or a kill.

The search itself is not stored. It runs again, takes its answers from the stored results, and so gets to where it stopped.

Format history (`format_version` of `bisection.json`):
    1   first version
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from harness.errors import SetupError, UsageError
from harness.experiments.bisect_decision import Pair
from harness.experiments.bisect_places import Place
from harness.experiments.bisect_records import Measured
from harness.files.lock import held
from harness.files.whole_file import write_whole
from harness.runs.checked_json import CheckedJson
from harness.runs.stored_json import read_document

FORMAT = 1
STATE = "bisection.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectQuestion:
    """The request of a bisection. Another request is another bisection."""

    suite: str
    """Path of the suite."""
    suite_sha256: str
    good: str
    """The full commit, or the file."""
    bad: str
    source: str | None = None
    models: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    cell: str | None = None
    metric: str
    min_effect: float
    abis: tuple[str, ...] = ()
    """ABIs to build for; if empty, those of the devices."""
    flex: bool = False
    target: str = "tflite"
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """The result of one interleaved run of two places."""

    cells: Mapping[str, tuple[Pair, ...]]
    blocks: int
    device_s: float
    run: str
    head_fails: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The stored state."""

    format_version: int = FORMAT
    asked: BisectQuestion
    places: tuple[Place, ...]
    abis: tuple[str, ...] = ()
    """ABIs of the devices, once they are known."""
    programs: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """SHA-256 of each place's program by ABI."""
    not_built: Mapping[int, str] = field(default_factory=dict)
    """Why a place has no program."""
    runs: Mapping[str, StoredRun] = field(default_factory=dict)


_STATE = CheckedJson(State)


class StateFile:
    """The state in a folder. Each change is on the disk when its call returns. Use `opened`."""

    def __init__(self, folder: Path, state: State) -> None:
        self.folder = folder
        self.state = state

    def keep_abis(self, abis: Sequence[str]) -> None:
        """Store the devices' ABIs."""
        self._write(replace(self.state, abis=tuple(abis)))

    def keep_program(self, place: int, sha256: Mapping[str, str]) -> None:
        """Store that a place was built."""
        self._write(replace(self.state, programs={**self.state.programs, place: dict(sha256)}))

    def keep_failure(self, place: int, reason: str) -> None:
        """Store that a place does not build."""
        self._write(replace(self.state, not_built={**self.state.not_built, place: reason}))

    def measured(self, key: str) -> Measured | None:
        """Return the result of a run; None if it has not ended yet."""
        run = self.state.runs.get(key)
        if run is None:
            return None
        return Measured(
            cells=run.cells, blocks=run.blocks, device_s=run.device_s, run=run.run, head_fails=run.head_fails
        )

    def keep_measured(self, key: str, took: Measured) -> None:
        """Store the result of a run."""
        run = StoredRun(
            cells={cell: tuple(pairs) for cell, pairs in took.cells.items()},
            blocks=took.blocks,
            device_s=took.device_s,
            run=took.run,
            head_fails=took.head_fails,
        )
        self._write(replace(self.state, runs={**self.state.runs, key: run}))

    def _write(self, state: State) -> None:
        write_whole(self.folder / STATE, _STATE.dump_json(state, indent=1) + b"\n")
        self.state = state


def read_state(folder: Path) -> State | None:
    """Read a bisection's state; None if there is none.

    Raises:
        UsageError: it is damaged, or a newer harness wrote it.
    """
    return read_document(folder / STATE, _STATE, newest=FORMAT, mend="remove the folder and begin anew")


@contextmanager
def opened(folder: Path, asked: BisectQuestion, places: Sequence[Place]) -> Iterator[StateFile]:
    """Begin a bisection in a folder, or continue the one there. Other processes are locked out meanwhile.

    Raises:
        UsageError: the folder holds another bisection or other files.
        SetupError: the folder cannot be written, or another process bisects there.
    """
    known = read_state(folder)
    if known is None and folder.is_dir() and any(not _is_begun(one) for one in folder.iterdir()):
        raise UsageError(f"{folder} is not empty and holds no bisection", remedy="name a new folder: --out DIR")

    def refuse() -> None:
        raise SetupError(
            f"another process bisects in {folder}", remedy="wait for it, or name another folder: --out DIR"
        )

    with held(folder / ".lock", refuse):
        known = read_state(folder)
        if known is None:
            file = StateFile(folder, State(asked=asked, places=tuple(places)))
            write_whole(folder / STATE, _STATE.dump_json(file.state, indent=1) + b"\n")
        else:
            _refuse_another(folder, known, asked, places)
            file = StateFile(folder, known)
        yield file


def _refuse_another(folder: Path, known: State, asked: BisectQuestion, places: Sequence[Place]) -> None:
    for one in fields(BisectQuestion):
        before, now = getattr(known.asked, one.name), getattr(asked, one.name)
        if before != now:
            raise UsageError(
                f"{folder} holds another bisection: {one.name} was {json.dumps(before)}, is {json.dumps(now)}",
                remedy=f"go on with that one: harness bisect --resume {shlex.quote(str(folder))}; or name a new folder: --out DIR",
            )
    if tuple(places) != known.places:
        raise UsageError(
            f"{folder} holds a bisection of other files or revisions", remedy="name a new folder: --out DIR"
        )


def _is_begun(entry: Path) -> bool:
    """Whether a bisection that was killed before its first state left this."""
    return entry.name == ".lock" or entry.name.startswith(".part-")
