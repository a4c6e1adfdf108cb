from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

import pytest

from harness.binaries.elf import ProgramFile, is_script, read_program, require
from harness.errors import UsageError
from tests.binaries.programs import ANDROID_LINKER, LINUX_LINKER, elf, write_elf


@pytest.mark.parametrize("abi", ANDROID_LINKER)
def test_android_programs_are_told_by_their_linker(tmp_path: Path, abi: str) -> None:
    program = read_program(write_elf(tmp_path / "p", abi, ANDROID_LINKER[abi]))
    assert (program.abi, program.platform, program.interpreter) == (abi, "android", ANDROID_LINKER[abi])


@pytest.mark.parametrize("abi", LINUX_LINKER)
def test_linux_programs_are_told_by_theirs(tmp_path: Path, abi: str) -> None:
    program = read_program(write_elf(tmp_path / "p", abi, LINUX_LINKER[abi]))
    assert (program.abi, program.platform) == (abi, "linux")


def test_a_static_program_runs_on_both(tmp_path: Path) -> None:
    program = read_program(write_elf(tmp_path / "p", "arm64-v8a", None))
    assert program.platform == "any"
    for platform in ("android", "linux"):
        require(program, "p", platform=platform)


def test_the_ndk_leaves_its_version(tmp_path: Path) -> None:
    note = (24).to_bytes(4, "little") + b"r25c".ljust(64, b"\0") + b"9519653".ljust(64, b"\0")
    program = read_program(write_elf(tmp_path / "p", note=note))
    assert (program.android_api, program.ndk) == (24, "r25c")


def test_this_interpreters_own_symbols_are_seen(tmp_path: Path) -> None:
    assert not read_program(write_elf(tmp_path / "p")).symbols


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty, not a program"),
        (b"hello\n", "is a text file, not a program"),
        ("é".encode() * 3000, "is a text file, not a program"),
        (b"#!/bin/sh\necho\n", "is a script, not a program"),
        (b"<!DOCTYPE html><html>sign in", "is a web page, not a program"),
        (b"PK\x03\x04rest", "is a zip or an APK, not a program"),
        (b"\x1f\x8brest", "is a gzip file, not a program"),
        (b"\x00\x01\x02\x03", "is an unknown binary file, not a program"),
        (elf()[:40], "damaged"),
        (elf()[:100], "is cut off"),
        (elf(payload=b"x" * 5000)[:-1], "is cut off"),
        (elf(kind=1), "is an object file"),
        (elf(machine=243), "RISCV"),
    ],
)
def test_what_is_no_whole_program_is_refused_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "p"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_program(path)
    assert words in caught.value.message
    assert str(path) in caught.value.message
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused_without_being_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for a writer
    for path, words in [
        (tmp_path / "nothing", "no such file"),
        (tmp_path, "is a folder, not a program"),
        (tmp_path / "pipe", "is a named pipe, not a program"),
        (Path("/dev/zero"), "is a device file, not a program"),
    ]:
        with pytest.raises(UsageError, match=words):
            read_program(path)
        assert not is_script(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (elf("armeabi-v7a", machine=183), r"AARCH64 \(32 bits\)"),
        (elf("armeabi-v7a", machine=62), r"X86_64 \(32 bits\)"),
        (elf("arm64-v8a", machine=40), r"ARM \(64 bits\)"),
    ],
)
def test_a_machine_in_another_width_is_no_androids(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(UsageError, match=words):
        read_program(tmp_path / "p")


def test_what_a_file_says_of_itself_moves_no_cursor(tmp_path: Path) -> None:
    note = (24).to_bytes(4, "little") + b"r25\x1b[2Jc".ljust(64, b"\0") + bytes(64)
    program = read_program(
        write_elf(tmp_path / "p", "arm64-v8a", "/lib/\x1b]0;owned\x07\nharness: all good", note=note)
    )
    assert program.interpreter == "/lib/?]0;owned??harness: all good"
    assert program.ndk == "r25?[2Jc"


def test_damaged_headers_are_an_answer_or_a_refusal(tmp_path: Path) -> None:
    rng = random.Random(7)
    for number in range(300):
        data = bytearray(elf("arm64-v8a" if number % 2 else "armeabi-v7a", payload=bytes(200), note=bytes(132)))
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(4, len(data))] = rng.randrange(256)
        (tmp_path / "p").write_bytes(bytes(data))
        with contextlib.suppress(UsageError):
            assert isinstance(read_program(tmp_path / "p"), ProgramFile)


def test_the_wrong_machine_and_the_wrong_system_are_named(tmp_path: Path) -> None:
    program = read_program(write_elf(tmp_path / "p", "x86_64", LINUX_LINKER["x86_64"]))
    with pytest.raises(UsageError, match="p is a Linux program for x86_64, not for arm64-v8a"):
        require(program, "p", abi="arm64-v8a")
    with pytest.raises(UsageError, match="cannot run on an Android device"):
        require(program, "p", platform="android")
