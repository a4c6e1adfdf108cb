"""The same processes the plain way: `adb` commands from a script, as people write them and as `litert benchmark --android` does."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.waiting_farm import WaitingFarm
from harness.virtual.adb_server import find_adb

_FOLDER = "/data/local/tmp/plain"
_FLAGS = ("--use_xnnpack=true", "--num_threads=1", "--num_runs=1", "--min_secs=0.2")


class PlainAdb:
    """One device, driven by `adb` commands.

    Args:
        farm: the devices; the first one is used.
        program: the benchmark binary.
        model: the model file.
    """

    def __init__(self, farm: WaitingFarm, program: Path, model: Path) -> None:
        self._environment: Mapping[str, str] = farm.environment
        self._adb = [str(find_adb()), "-s", farm.farm.serials[0]]
        self._program, self._model = program, model

    def three_commands(self, processes: int) -> None:
        """Per process: the thermal status, the process under `taskset`, the battery. Files are pushed once, before."""
        self._shell(f"mkdir -p {_FOLDER}")
        self._push(self._program, self._model)
        self._shell(f"chmod +x {_FOLDER}/{self._program.name}")
        for _ in range(processes):
            self._shell("dumpsys thermalservice")
            self._shell(f"taskset ff {self._command}")
            self._shell("dumpsys battery")

    def as_litert_does(self, processes: int) -> None:
        """Per process: mkdir, push, chmod, shell. The tool does not push a file again whose size is right, so only the model is pushed."""
        self._shell(f"mkdir -p {_FOLDER}")
        self._push(self._program)
        for _ in range(processes):
            self._shell(f"mkdir -p {_FOLDER}")
            self._push(self._model)
            self._shell(f"chmod +x {_FOLDER}/{self._program.name}")
            self._shell(self._command)

    @property
    def ways(self) -> Mapping[str, Callable[[int], None]]:
        """Both, by name."""
        return {"plain adb, 3 commands": self.three_commands, "mkdir, push, chmod, shell": self.as_litert_does}

    @property
    def _command(self) -> str:
        flags = [f"--graph={_FOLDER}/{self._model.name}", *_FLAGS]
        return shlex.join([f"{_FOLDER}/{self._program.name}", *flags])

    def _shell(self, command: str) -> None:
        self._run("shell", command)

    def _push(self, *files: Path) -> None:
        self._run("push", *map(str, files), f"{_FOLDER}/")

    def _run(self, *arguments: str) -> None:
        subprocess.run([*self._adb, *arguments], env=self._environment, check=True, capture_output=True)
