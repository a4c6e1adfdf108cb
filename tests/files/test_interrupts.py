"""Ctrl-C at the worst moment: while a program is being started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from harness.binaries.bazel import BazelCall, run_build
from harness.experiments.night_notice import Notice, run_command
from harness.files.interrupts import interrupts_held_back
from harness.models.worker_process import WorkerCall, Workers
from harness.virtual.farm import VirtualFarm


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """As the command line sets them: a test runner may ignore Ctrl-C."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    for number in numbers:
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_until_the_end(number: signal.Signals) -> None:
    seen: list[int] = []

    def interrupted_twice() -> None:
        with interrupts_held_back() as held:
            signal.raise_signal(number)
            signal.raise_signal(signal.SIGINT)
            seen.extend(held.numbers)

    with pytest.raises(KeyboardInterrupt):
        interrupted_twice()
    assert seen == [number, signal.SIGINT]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_without_a_signal_nothing_happens_and_the_handlers_are_back() -> None:
    with interrupts_held_back() as held:
        pass
    assert held.numbers == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_first_signal_takes_effect() -> None:
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    signal.signal(signal.SIGTERM, note)
    with interrupts_held_back():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert seen == [signal.SIGTERM]


def test_an_error_goes_before_a_signal() -> None:
    def interrupted_and_failed() -> None:
        with interrupts_held_back():
            signal.raise_signal(signal.SIGINT)
            raise OSError("no such program")

    with pytest.raises(OSError, match="no such program"):
        interrupted_and_failed()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupts_held_back() as held:
        signal.raise_signal(signal.SIGHUP)
    assert held.numbers == []


def test_within_another_one_it_tells_the_outer() -> None:
    seen: list[int] = []

    def interrupted_within() -> None:
        with interrupts_held_back() as outer:
            with interrupts_held_back():
                signal.raise_signal(signal.SIGINT)
            seen.extend(outer.numbers)

    with pytest.raises(KeyboardInterrupt):
        interrupted_within()
    assert seen == [signal.SIGINT]


def test_other_threads_hold_nothing_back() -> None:
    found: list[list[int]] = []

    def hold() -> None:
        with interrupts_held_back() as held:
            found.append(held.numbers)

    one = threading.Thread(target=hold)
    one.start()
    one.join()
    assert found == [[]]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _build(folder: Path) -> None:
    program = folder / "bazel"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    call = BazelCall(program=str(program), folder=folder, flags=(), label="//x:x", environment={})
    run_build(call, folder / "log", lambda _: None)


def _notify(folder: Path) -> None:
    run_command(["sleep", "600"], Notice(document={}, variables={}))


def _convert(folder: Path) -> None:
    (folder / "sleeping_worker.py").write_text("import time; time.sleep(600)")
    call = WorkerCall(
        module="sleeping_worker",
        request={},
        log=folder / "log",
        doing="m: making x",
        timeout_s=600,
        shares_tensorflow=False,
    )
    with Workers(sys.executable, {"PYTHONPATH": str(folder)}) as workers:
        workers.run(call, lambda _: None)


def _start_devices(folder: Path) -> None:
    VirtualFarm(["virtual-old"], base_dir=folder).start()


@pytest.mark.parametrize("start", [_build, _notify, _convert, _start_devices])
def test_a_program_interrupted_at_its_start_is_gone(
    start: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes when the program runs and the call that started it has not returned yet."""
    started: list[subprocess.Popen[Any]] = []

    class Interrupted(subprocess.Popen[Any]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            started.append(self)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            start(tmp_path)
        (process,) = started
        assert process.returncode is not None
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    finally:
        for one in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait()
