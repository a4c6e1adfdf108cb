"""Ctrl-C at the worst moment: while a program is being started."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
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
            seen.extend(held)

    with pytest.raises(KeyboardInterrupt):
        interrupted_twice()
    assert seen == [number, signal.SIGINT]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_without_a_signal_nothing_happens_and_the_handlers_are_back() -> None:
    with interrupts_held_back() as held:
        pass
    assert held == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_that_goes_on_swallows_no_other_signal() -> None:
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    def interrupted_twice() -> None:
        with interrupts_held_back():
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGHUP, note)
    with pytest.raises(KeyboardInterrupt):
        interrupted_twice()
    assert seen == [signal.SIGHUP]


def test_a_signal_goes_before_an_error() -> None:
    """The error of a notification that was interrupted, for example, must not make the night go on."""

    def interrupted_and_failed() -> None:
        with interrupts_held_back():
            signal.raise_signal(signal.SIGINT)
            raise OSError("no such program")

    with pytest.raises(KeyboardInterrupt):
        interrupted_and_failed()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("at", range(6))
def test_a_signal_between_the_handlers_leaves_none_dead(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three handlers are set, then put back; a signal comes just after one of these."""
    calls = itertools.count()
    set_handler = signal.signal

    def interrupted(number: int, handler: Any) -> Any:
        found = set_handler(number, handler)
        if next(calls) == at:
            signal.raise_signal(signal.SIGTERM)
        return found

    def hold() -> None:
        with interrupts_held_back():
            pass

    monkeypatch.setattr(signal, "signal", interrupted)
    with pytest.raises(KeyboardInterrupt):
        hold()
    monkeypatch.undo()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupts_held_back() as held:
        signal.raise_signal(signal.SIGHUP)
    assert held == []


def test_within_another_one_it_tells_the_outer() -> None:
    seen: list[int] = []

    def interrupted_within() -> None:
        with interrupts_held_back() as outer:
            with interrupts_held_back():
                signal.raise_signal(signal.SIGINT)
            seen.extend(outer)

    with pytest.raises(KeyboardInterrupt):
        interrupted_within()
    assert seen == [signal.SIGINT]


def test_other_threads_hold_nothing_back() -> None:
    found: list[list[int]] = []

    def hold() -> None:
        with interrupts_held_back() as held:
            found.append(held)

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


def _convert(folder: Path, *, shares_tensorflow: bool = False) -> None:
    (folder / "sleeping_worker.py").write_text("import time; time.sleep(600)")
    call = WorkerCall(
        module="sleeping_worker",
        request={},
        log=folder / "log",
        doing="m: making x",
        timeout_s=600,
        shares_tensorflow=shares_tensorflow,
    )
    with Workers(sys.executable, {"PYTHONPATH": str(folder)}) as workers:
        workers.run(call, lambda _: None)


def _convert_beside_others(folder: Path) -> None:
    _convert(folder, shares_tensorflow=True)


def _start_devices(folder: Path) -> None:
    VirtualFarm(["virtual-old"], base_dir=folder).start()


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("start", [_build, _notify, _convert, _convert_beside_others, _start_devices])
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
        deadline = time.monotonic() + 60  # a killed child of it is there until somebody has asked for its exit code
        while _is_there(process.pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        for one in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait()
