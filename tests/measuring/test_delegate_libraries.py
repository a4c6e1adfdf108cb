"""The library of a delegate is looked for on the device before anything runs with it."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from harness.benchmark_model.command_line import BinaryFacts
from harness.devices.fake_target import Answer, FakeTarget
from harness.devices.inventory import read_inventory
from harness.devices.push import Blob
from harness.measuring.delegate_libraries import DelegateLibraries
from harness.measuring.ready_trial import Bench, make_ready
from harness.records import DelegateRequest, Result, Status
from harness.records.causes import Cause
from harness.virtual.farm import VirtualFarm
from tests.binaries.programs import elf
from tests.cli.running import harness, write_suite
from tests.measuring.test_block_run import SECTIONS, TRIAL
from tests.model_files import shipped

PATH = "/data/local/tmp/lib vx.so"
EXTERNAL = DelegateRequest(name="external", options={"path": PATH})
CANCEL = threading.Event()


def program(folder: Path, abi: str = "arm64-v8a") -> Blob:
    path = folder / "program"
    path.write_bytes(elf(abi, None))
    return Blob(path=path, sha256="1" * 64, size=1, executable=True)


def phone(said: str, replay: str = "") -> FakeTarget:
    return FakeTarget({re.compile("^echo .replay"): f"replay {replay}\n{said}\n"})


def header(abi: str) -> str:
    return f"header {elf(abi, None)[:20].hex(' ')}"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("missing", "is not on the device"),
        ("closed", "cannot be read"),
        ("header 23 21", "is no library"),
        (header("armeabi-v7a"), "is for another machine"),
        (header("x86_64"), "is for another machine"),
        (header("arm64-v8a"), None),
        ("folder", None),
        ("header", None),  # `od` is missing, or the file is empty
        ("", None),
    ],
)
def test_what_is_wrong_is_said_with_the_path(tmp_path: Path, said: str, words: str | None) -> None:
    found = DelegateLibraries().problem(phone(said), EXTERNAL, program(tmp_path))
    assert found is None if words is None else f"delegate external: {PATH} {words}" in str(found)


def test_a_script_says_nothing_of_machines(tmp_path: Path) -> None:
    blob = program(tmp_path)
    blob.path.write_text("#!/bin/sh\n")
    assert DelegateLibraries().problem(phone(header("x86_64")), EXTERNAL, blob) is None


@pytest.mark.parametrize(
    "request_",
    [
        DelegateRequest(name="external", options={"path": "libedgetpu.so.1"}),  # the linker's to find
        DelegateRequest(name="external", options={"path": "./lib.so"}),
        DelegateRequest(name="external", options={"path": PATH}, require="any"),
        DelegateRequest(name="gpu"),
    ],
)
def test_nothing_is_asked_where_nothing_can_be_told(tmp_path: Path, request_: DelegateRequest) -> None:
    assert DelegateLibraries().problem(FakeTarget({}), request_, program(tmp_path)) is None


@pytest.mark.parametrize(
    "request_",
    [
        DelegateRequest(name="npu", options={"dispatch_library": "/vendor/none"}),
        DelegateRequest(name="npu", options={"compiler_plugin": "/vendor/none"}),
        DelegateRequest(name="hexagon", options={"library_dir": "/vendor/none"}),
    ],
)
def test_folders_of_other_delegates_are_looked_for_too(tmp_path: Path, request_: DelegateRequest) -> None:
    assert "/vendor/none is not on the device" in str(
        DelegateLibraries().problem(phone("missing"), request_, program(tmp_path))
    )


def test_a_path_is_looked_at_once(tmp_path: Path) -> None:
    libraries, target = DelegateLibraries(), phone("missing")
    first, second = (libraries.problem(target, EXTERNAL, program(tmp_path)) for _ in range(2))
    assert first == second is not None
    assert len(target.commands) == 1


def test_what_is_played_back_needs_no_library(tmp_path: Path) -> None:
    libraries, target = DelegateLibraries(), phone("missing", replay="gpu=gpu_full;external=external_full")
    assert [libraries.problem(target, EXTERNAL, program(tmp_path)) for _ in range(2)] == [None, None]
    npu = DelegateRequest(name="npu", options={"dispatch_library": "/none"})
    assert libraries.problem(target, npu, program(tmp_path)) is not None


def test_no_process_is_spent_on_it(tmp_path: Path) -> None:
    def answer(command: str) -> Answer:
        assert "trial_0" not in command, "nothing is to run"
        return "replay \nmissing\n"

    bench = Bench(
        target=FakeTarget(answer),
        inventory=read_inventory("phone", SECTIONS, {}),
        program=program(tmp_path),
        facts=BinaryFacts(flags=frozenset()),
        owner="run",
    )
    result = make_ready(bench, replace(TRIAL, delegate=EXTERNAL), program(tmp_path), CANCEL)
    assert isinstance(result, Result)
    assert (result.status, result.causes[0]) == (Status.FAILED, Cause.DELEGATE_UNAVAILABLE)
    assert PATH in str(result.message)
    assert result.measurement is None


def test_on_a_virtual_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    delegates = "delegates: [cpu, {name: external, path: /data/local/tmp/libnone.so}]\nprocesses: 1\n"
    suite = write_suite(tmp_path, [shipped("cnn_int8.tflite")], delegates)
    with VirtualFarm(["virtual-flagship"]) as farm:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
        done = harness("run", suite, "--device", farm.serials[0], "--out", tmp_path / "run")
    assert done.returncode == 1, "the other cell was measured"
    assert "/data/local/tmp/libnone.so is not on the device" in done.stdout + done.stderr
