"""Which binary a device gets, and what is refused before anything is pushed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from harness.binaries.binary_store import BinaryStore
from harness.binaries.choice import (
    ABIS,
    Demands,
    demands_of,
    parse_binary_option,
    program_for,
    programs_for,
    uses_flex,
)
from harness.binaries.profiles import parse_abis
from harness.binaries.record import BinaryRecord, new_record
from harness.binaries.sources import load_sources, prebuilt
from harness.errors import HarnessError, SetupError, UsageError
from harness.records import BinaryRequest, DelegateRequest, DeviceInfo, ModelRef, Purpose
from tests.binaries.programs import ANDROID_LINKER, LINUX_LINKER, elf, write_elf

PHONE = DeviceInfo(serial="R5", abis=("arm64-v8a", "armeabi-v7a"))
OLD_PHONE = DeviceInfo(serial="R4", abis=("armeabi-v7a",))
VIRTUAL = DeviceInfo(serial="emulator-5554", abis=("x86_64",), virtual=True)

HELP = "Flags:\n\t--num_runs=50\tint32\n\t--use_xnnpack=false\tbool\n\t--enable_op_profiling=false\tbool\n"


@pytest.fixture
def store(tmp_path: Path) -> BinaryStore:
    return BinaryStore(tmp_path / "store")


def put(store: BinaryStore, folder: Path, content: bytes, **keys: object) -> BinaryRecord:
    path = folder / "in"
    path.write_bytes(content)
    return store.add(path, replace(new_record("import", str(path)), **keys))  # type: ignore[arg-type]  # fields by name


def chosen(store: BinaryStore, folder: Path, info: DeviceInfo = PHONE, demands: Demands | None = None) -> str:
    return program_for(info, {}, folder, store=store, demands=demands).artifact.sha256


# --- --binary -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (elf("x86_64", LINUX_LINKER["x86_64"]), "is a Linux program for x86_64, not for arm64-v8a"),
        (elf("armeabi-v7a", ANDROID_LINKER["armeabi-v7a"]), "is an Android program for armeabi-v7a, not for arm64-v8a"),
        (b"hello\n", "is a text file, not a program"),
        (elf(payload=b"x" * 9000)[:5000], "is cut off"),
        (b"", "is empty"),
    ],
)
def test_a_wrong_file_is_refused_in_one_clear_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "benchmark_model"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        parse_binary_option([f"arm64-v8a={path}"])
    assert words in caught.value.message
    assert str(path) in caught.value.message
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_pipe_are_called_what_they_are(tmp_path: Path, store: BinaryStore) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "pipe", "is a named pipe"),
        (Path("/no"), "no such file"),
    ):
        with pytest.raises(UsageError, match=words):
            parse_binary_option([f"arm64-v8a={path}"])
        with pytest.raises(UsageError, match=words):
            programs_for(PHONE, [BinaryRequest(name="x", paths=(str(path),))], tmp_path, store=store)


def test_a_linux_program_is_refused_for_a_phone_and_an_android_one_for_a_virtual_device(tmp_path: Path) -> None:
    linux = parse_binary_option([f"arm64-v8a={write_elf(tmp_path / 'l', 'arm64-v8a', LINUX_LINKER['arm64-v8a'])}"])
    with pytest.raises(UsageError, match="cannot run on an Android device"):
        program_for(PHONE, linux, tmp_path)
    android = parse_binary_option([f"x86_64={write_elf(tmp_path / 'a', 'x86_64', ANDROID_LINKER['x86_64'])}"])
    with pytest.raises(UsageError, match="cannot run on Linux"):
        program_for(VIRTUAL, android, tmp_path)


def test_the_users_own_comes_first_by_the_devices_preference(tmp_path: Path, store: BinaryStore) -> None:
    put(store, tmp_path, elf(payload=b"stored"))
    old = write_elf(tmp_path / "old", "armeabi-v7a", ANDROID_LINKER["armeabi-v7a"])
    new = write_elf(tmp_path / "new")
    own = parse_binary_option([f"armeabi-v7a={old}", f"arm64-v8a={new}"])
    program = program_for(PHONE, own, tmp_path, store=store)
    assert (program.blob.path, program.artifact.abi, program.artifact.origin) == (new, "arm64-v8a", "import")
    assert program_for(OLD_PHONE, own, tmp_path, store=store).blob.path == old


def test_a_script_runs_where_its_interpreter_is(tmp_path: Path) -> None:
    script = tmp_path / "benchmark_model"
    script.write_text("#!/bin/sh\n")
    assert program_for(VIRTUAL, parse_binary_option([f"x86_64={script}"]), tmp_path).artifact.origin == "import"
    own = parse_binary_option([f"arm64-v8a={script}"])
    with pytest.raises(UsageError, match="script for this computer"):
        program_for(PHONE, own, tmp_path)
    script.write_text("#!/system/bin/sh\n")
    assert program_for(PHONE, own, tmp_path).blob.path == script


# --- out of the store ---------------------------------------------------------------------------------------------------


def test_the_newest_for_the_abi_is_taken_with_its_provenance(tmp_path: Path, store: BinaryStore) -> None:
    put(store, tmp_path, elf(payload=b"1"))
    put(store, tmp_path, elf("x86_64", LINUX_LINKER["x86_64"]))
    new = put(store, tmp_path, elf(payload=b"2"), revision="f" * 40, flags=("-c", "opt"), bazel="7.4.1", dirty=True)
    artifact = program_for(PHONE, {}, tmp_path, store=store).artifact
    assert (artifact.sha256, artifact.revision, artifact.flags) == (new.sha256, "f" * 40, ("-c", "opt"))
    assert (artifact.bazel, artifact.dirty) == ("7.4.1", True)


def test_a_linux_build_is_no_choice_for_a_phone(tmp_path: Path, store: BinaryStore) -> None:
    put(store, tmp_path, elf("arm64-v8a", LINUX_LINKER["arm64-v8a"]))
    with pytest.raises(SetupError, match="no benchmark_model for arm64-v8a") as caught:
        chosen(store, tmp_path)
    assert "harness build --prebuilt nightly --abi arm64-v8a" in (caught.value.remedy or "")
    assert "--source DIR --abi arm64-v8a" in (caught.value.remedy or "")


def test_flex_is_demanded_with_the_command_that_gets_it(tmp_path: Path, store: BinaryStore) -> None:
    demands = Demands(flex="all")
    put(store, tmp_path, elf(payload=b"plain"), flex=False, name="plain")
    with pytest.raises(SetupError, match="plain: it has no Select TF ops") as caught:
        chosen(store, tmp_path, demands=demands)
    assert "--abi arm64-v8a --flex" in (caught.value.remedy or "")
    flex = put(store, tmp_path, elf(payload=b"flex"), flex=True)
    put(store, tmp_path, elf(payload=b"later"), flex=False)
    assert chosen(store, tmp_path, demands=demands) == flex.sha256


def test_where_only_some_models_use_flex_the_rest_may_run(tmp_path: Path, store: BinaryStore) -> None:
    put(store, tmp_path, elf(), flex=False, name="plain")
    program = program_for(PHONE, {}, tmp_path, store=store, demands=Demands(flex="some"))
    assert program.lacks == ("plain: it has no Select TF ops (--flex)",)


@pytest.mark.parametrize("flex", ["no", "all"])
@pytest.mark.parametrize("abi", [*ABIS, "riscv64; rm -rf ~"])
def test_every_command_that_a_remedy_names_can_be_given(
    tmp_path: Path, store: BinaryStore, abi: str, flex: Literal["no", "all"]
) -> None:
    """There is no nightly for x86_64 Android, and no build for x86."""
    with pytest.raises(SetupError) as caught:
        chosen(store, tmp_path, DeviceInfo(serial="R6", abis=(abi,)), Demands(flex=flex))
    *ways, own = str(caught.value.remedy).split(", or ")
    assert shlex.split(own) == ["--binary", f"{abi}=PATH"]
    assert len(ways) == {"arm64-v8a": 2, "armeabi-v7a": 2, "x86_64": 1}.get(abi, 0)
    for way in ways:
        words = shlex.split(way)
        assert words[:2] == ["harness", "build"]
        assert ("--flex" in words) == (flex == "all")
        abis = parse_abis(words[words.index("--abi") + 1])
        if "--prebuilt" in words:
            prebuilt(load_sources(), words[words.index("--prebuilt") + 1], abis[0], flex=flex == "all")


def test_a_named_binary_that_lacks_an_abi_says_how_it_gets_it(tmp_path: Path, store: BinaryStore) -> None:
    put(store, tmp_path, elf("x86_64", LINUX_LINKER["x86_64"]), name="my one")
    with pytest.raises(SetupError, match="is there for linux_x86_64, not for arm64-v8a") as caught:
        programs_for(PHONE, [BinaryRequest(name="x", use="my one")], tmp_path, store=store)
    assert "harness build --source DIR --abi arm64-v8a --name 'my one'" in str(caught.value.remedy)


def asking(*delegates: str) -> Demands:
    return Demands(delegates=tuple(DelegateRequest(name=name) for name in delegates), purposes=(Purpose.LATENCY,))


def test_what_a_binary_said_of_its_flags_decides(tmp_path: Path, store: BinaryStore) -> None:
    full = put(store, tmp_path, elf(payload=b"1"), name="full")
    bare = put(store, tmp_path, elf(payload=b"2"), name="bare")
    assert chosen(store, tmp_path, demands=asking("gpu")) == bare.sha256  # not asked yet: the benefit of the doubt
    store.keep_help(bare.sha256, HELP)
    assert chosen(store, tmp_path, demands=asking("gpu")) == full.sha256
    store.keep_help(full.sha256, HELP)
    with pytest.raises(SetupError, match="bare: it has no --use_gpu"):
        chosen(store, tmp_path, demands=asking("gpu"))
    program = program_for(PHONE, {}, tmp_path, store=store, demands=asking("gpu", "xnnpack"))
    assert program.lacks == ("bare: it has no --use_gpu",)
    assert program_for(PHONE, {}, tmp_path, store=store, demands=asking("xnnpack")).lacks == ()


def test_what_the_suite_asks_of_its_models_decides_too(tmp_path: Path, store: BinaryStore) -> None:
    full = put(store, tmp_path, elf(payload=b"1"), name="full")
    bare = put(store, tmp_path, elf(payload=b"2"), name="bare")
    plain = ModelRef(name="m", path="m", sha256="0", size_bytes=1)
    two = replace(plain, name="two", signature="two")
    store.keep_help(bare.sha256, HELP)
    demands = replace(asking("xnnpack"), models=(plain, two))
    assert chosen(store, tmp_path, demands=demands) == full.sha256
    store.keep_help(full.sha256, HELP)
    program = program_for(PHONE, {}, tmp_path, store=store, demands=demands)
    assert [words.partition(": ")[2] for words in program.lacks] == [
        "this benchmark_model has no --signature_to_run_for, which the suite's model needs"
    ]
    with pytest.raises(SetupError, match="no --signature_to_run_for"):
        chosen(store, tmp_path, demands=replace(demands, models=(two,)))


def test_litert_s_newer_tool_is_taken_for_what_it_can_be_asked(tmp_path: Path, store: BinaryStore) -> None:
    newer = put(store, tmp_path, elf(), tool="litert", name="newer")
    assert chosen(store, tmp_path, demands=asking("xnnpack", "npu")) == newer.sha256
    with pytest.raises(SetupError, match="newer: LiteRT's benchmark_litert_model has no way"):
        chosen(store, tmp_path, demands=asking("cpu"))
    older = put(store, tmp_path, elf(payload=b"1"), tool="tflite")
    assert chosen(store, tmp_path, demands=asking("cpu", "xnnpack")) == older.sha256


def test_a_virtual_device_gets_the_harness_s_own(tmp_path: Path, store: BinaryStore) -> None:
    put(store, tmp_path, elf("x86_64", LINUX_LINKER["x86_64"]))
    assert program_for(VIRTUAL, {}, tmp_path, store=store).artifact.origin == "host"


# --- what a suite demands -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "flex"),
    [
        (b"....\x0a\x00\x00\x00FlexConv2D\x00", True),
        (b"....\x0a\x00\x00\x00FlexConv2DX", False),
        (b"Flexible weights", False),
        (b"\x04\x00\x00\x00Flex\x00", False),
        (b"Flex", False),
        (b"", False),
    ],
)
def test_flex_ops_are_told_by_their_names(model: bytes, flex: bool) -> None:
    assert uses_flex(model) is flex


def test_delegates_purposes_and_models_make_the_demands(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"....\x0a\x00\x00\x00FlexConv2D\x00")
    one, other = (ModelRef(name=n, path=str(tmp_path / n), sha256="0", size_bytes=1) for n in "mn")
    demands = demands_of([DelegateRequest(name="gpu")], [Purpose.PROFILE], [one])
    assert (demands.flex, demands.delegates[0].name, demands.purposes) == ("all", "gpu", (Purpose.PROFILE,))
    (tmp_path / "n").write_bytes(b"")
    assert demands_of([], [], [one, other]).flex == "some"
    assert demands_of([], [], []).flex == "no"


# --- several, by name ---------------------------------------------------------------------------------------------------


def named(
    store: BinaryStore, folder: Path, *requests: BinaryRequest, info: DeviceInfo = PHONE
) -> dict[str, tuple[str, str | None]]:
    programs = programs_for(info, requests, folder, store=store)
    return {name: (program.artifact.sha256, program.artifact.binary) for name, program in programs.items()}


def test_names_revisions_and_hashes_are_found_for_the_devices_abi(tmp_path: Path, store: BinaryStore) -> None:
    a = put(store, tmp_path, elf(payload=b"a"), name="a")
    put(store, tmp_path, elf("armeabi-v7a", ANDROID_LINKER["armeabi-v7a"]), name="a")
    b = put(store, tmp_path, elf(payload=b"b"), revision="ab" * 20, revision_name="v2.19.0")
    requests = [
        BinaryRequest(name="a", use="a"),
        BinaryRequest(name="b", use="v2.19.0"),
        BinaryRequest(name="c", use=b.sha256[:9]),
    ]
    assert named(store, tmp_path, *requests) == {"a": (a.sha256, "a"), "b": (b.sha256, "b"), "c": (b.sha256, "c")}


def test_of_one_name_the_newest_counts(tmp_path: Path, store: BinaryStore) -> None:
    put(store, tmp_path, elf(payload=b"1"), name="mine")
    new = put(store, tmp_path, elf(payload=b"2"), name="mine")
    assert named(store, tmp_path, BinaryRequest(name="mine", use="mine")) == {"mine": (new.sha256, "mine")}


def test_files_are_told_apart_by_what_they_are(tmp_path: Path, store: BinaryStore) -> None:
    paths = (
        str(write_elf(tmp_path / "old", "armeabi-v7a", ANDROID_LINKER["armeabi-v7a"])),
        str(write_elf(tmp_path / "new")),
    )
    request = BinaryRequest(name="p", paths=paths)
    for info, path in ((PHONE, paths[1]), (OLD_PHONE, paths[0])):
        assert programs_for(info, [request], tmp_path, store=store)["p"].blob.path == Path(path)


def test_host_is_for_virtual_devices(tmp_path: Path, store: BinaryStore) -> None:
    request = BinaryRequest(name="ours", use="host")
    assert programs_for(VIRTUAL, [request], tmp_path, store=store)["ours"].artifact.origin == "host"
    with pytest.raises(UsageError, match="virtual devices only"):
        programs_for(PHONE, [request], tmp_path, store=store)


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        (BinaryRequest(name="x", use="nothing"), SetupError, ["'nothing'", "there are: a", "harness build"]),
        (BinaryRequest(name="x", use="v1"), UsageError, ["means several", "by its hash"]),
        (BinaryRequest(name="x", use="linux"), SetupError, ["is there for linux_aarch64, not for arm64-v8a"]),
        (BinaryRequest(name="x", paths=("/nothing",)), UsageError, ["/nothing: no such file"]),
        (BinaryRequest(name="x", paths=("/etc/passwd",)), UsageError, ["/etc/passwd is a text file"]),
    ],
)
def test_what_cannot_be_had_is_one_line(
    tmp_path: Path, store: BinaryStore, request_: BinaryRequest, error: type[HarnessError], words: Sequence[str]
) -> None:
    put(store, tmp_path, elf(payload=b"a"), name="a")
    for content in (b"1", b"2"):
        put(store, tmp_path, elf(payload=content), revision_name="v1")
    put(store, tmp_path, elf("arm64-v8a", LINUX_LINKER["arm64-v8a"]), name="linux")
    with pytest.raises(error) as caught:
        programs_for(PHONE, [request_], tmp_path, store=store)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in caught.value.message


def test_a_file_for_another_machine_is_refused_by_name(tmp_path: Path, store: BinaryStore) -> None:
    request = BinaryRequest(name="p", paths=(str(write_elf(tmp_path / "p", "x86_64", LINUX_LINKER["x86_64"])),))
    with pytest.raises(UsageError, match="binary p: a Linux program for x86_64; R5 is arm64-v8a"):
        programs_for(PHONE, [request], tmp_path, store=store)
