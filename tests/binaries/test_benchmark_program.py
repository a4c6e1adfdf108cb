from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.binaries.benchmark_program import check_name, read_benchmark
from harness.binaries.choice import check_own_binaries
from harness.binaries.elf import read_program
from harness.errors import UsageError
from tests.binaries.programs import ANDROID_LINKER, LINUX_LINKER, WORDS, elf, write_elf
from tests.in_process import harness


@pytest.mark.parametrize(
    "words",
    [
        b"Average inference timings in us: Warmup: \0",  # TensorFlow 1.12 to 2.1
        b"Inference timings in us: Init: \0",
        b"Running benchmark for at least %d iterations and at least %g seconds\0",
        b"\n========== BENCHMARK RESULTS ==========\0",  # LiteRT's own tool
    ],
)
def test_the_tool_is_told_by_its_own_lines(tmp_path: Path, words: bytes) -> None:
    assert read_benchmark(write_elf(tmp_path / "p", words=words)).abi == "arm64-v8a"


@pytest.mark.parametrize("name", ["ls", "cat", "env", "sh"])
def test_any_other_program_is_none_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs the program {name}")
    path = tmp_path / "benchmark_model"
    shutil.copy(Path(found).resolve(), path)
    with pytest.raises(UsageError, match=r"is a Linux program for .*, but no benchmark_model") as caught:
        read_benchmark(path)
    assert "\n" not in str(caught.value)


def test_a_wrapper_may_start_the_tool(tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs the system package gcc")
    source = tmp_path / "wrapper.c"
    source.write_text(
        "#include <stdlib.h>\n#include <unistd.h>\n"
        'int main(int n, char **words) { setenv("A", "1", 1); execv("/data/local/tmp/tool", words); return n; }\n'
    )
    subprocess.run([compiler, "-o", tmp_path / "wrapper", source], check=True, timeout=60)
    assert read_benchmark(tmp_path / "wrapper").platform == "linux"


def test_its_sibling_is_named(tmp_path: Path) -> None:
    words = WORDS + b"There are invalid perf options in --perf_options_list: \0"
    with pytest.raises(UsageError, match="is benchmark_model_performance_options"):
        read_benchmark(write_elf(tmp_path / "benchmark_model", words=words))


def test_a_packed_program_is_to_be_unpacked(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_benchmark(write_elf(tmp_path / "p", words=b"UPX!"))
    assert caught.value.remedy == "unpack it: upx -d"


@pytest.mark.parametrize(
    ("name", "abi", "linker", "good"),
    [
        ("android_aarch64_benchmark_model", "arm64-v8a", ANDROID_LINKER["arm64-v8a"], True),
        ("android_arm_benchmark_model", "armeabi-v7a", ANDROID_LINKER["armeabi-v7a"], True),
        ("linux_x86-64_benchmark_model_plus_flex", "x86_64", LINUX_LINKER["x86_64"], True),
        ("android_x86_64_benchmark_model", "x86_64", ANDROID_LINKER["x86_64"], True),
        ("linux_aarch64_benchmark_model", "arm64-v8a", None, True),  # static: any system
        ("benchmark_model", "x86", None, True),
        ("harmless", "x86_64", LINUX_LINKER["x86_64"], True),  # `arm` within a word
        ("arm64_or_x86_64", "x86_64", LINUX_LINKER["x86_64"], True),  # says nothing
        ("android_aarch64_benchmark_model", "x86_64", LINUX_LINKER["x86_64"], False),
        ("android_arm_benchmark_model", "arm64-v8a", ANDROID_LINKER["arm64-v8a"], False),
        ("linux_aarch64_benchmark_model", "arm64-v8a", ANDROID_LINKER["arm64-v8a"], False),
        ("benchmark_model.x86_64", "x86", None, False),
    ],
)
def test_a_name_that_says_otherwise_is_a_mistake(
    tmp_path: Path, name: str, abi: str, linker: str | None, good: bool
) -> None:
    path = write_elf(tmp_path / name, abi, linker)
    if good:
        check_name(path, read_program(path))
        return
    with pytest.raises(UsageError, match="its name says otherwise"):
        check_name(path, read_program(path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello\n", "is a text file"),
        (b"<!DOCTYPE html><html>sign in", "is a web page"),
        (b"BZh91AY", "is a bzip2 file"),
        (b"x" * 257 + b"ustar\x0000", "is a tar archive"),
        (b"\x1c\0\0\0TFL3\0\0", "is a TensorFlow Lite model"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS"),
        (b"!<arch>\ndebian-binary", "is a static library or a Debian package"),
        (elf(payload=bytes(9000))[:5000], "is cut off"),
        (elf(words=b""), "is an Android program for arm64-v8a, but no benchmark_model"),
    ],
)
def test_nothing_else_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, words: str) -> None:
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / "benchmark_model"
    path.write_bytes(content)
    done = harness("build", "--import", path)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[0]
    assert json.loads(harness("build", "--list", "--json").stdout)["binaries"] == []


def test_the_users_own_word_stands_over_the_files_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "state"))
    path = write_elf(tmp_path / "android_arm_benchmark_model")
    assert harness("build", "--import", path).returncode == 2
    assert harness("build", "--import", path, "--abi", "arm64-v8a").returncode == 0


def test_what_binary_names_is_looked_at_too(tmp_path: Path) -> None:
    path = write_elf(tmp_path / "p", words=b"")
    with pytest.raises(UsageError, match="no benchmark_model"):
        check_own_binaries({"arm64-v8a": path})
    script = tmp_path / "stand-in"
    script.write_text("#!/bin/sh\n")
    assert check_own_binaries({"x86_64": script}), "a script stands in for it on virtual devices"
