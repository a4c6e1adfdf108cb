"""The command that `harness build --print` prints is the documented one, flag for flag."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.binaries.profiles import BUILD_ABIS, build_flags, parse_abis, rc_path, read_profiles
from harness.binaries.sources import load_sources, prebuilt
from harness.cli.build import build
from harness.errors import SetupError, UsageError


def tree(folder: Path, kind: str) -> Path:
    marker = folder / load_sources().sources[kind].marker
    marker.parent.mkdir(parents=True)
    marker.touch()
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(build, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture(autouse=True)
def _no_android(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANDROID_NDK_HOME", "ANDROID_NDK_API_LEVEL", "ANDROID_SDK_HOME", "ANDROID_HOME", "ANDROID_SDK_ROOT"):
        monkeypatch.delenv(name, raising=False)


def command(*arguments: object) -> str:
    """Without what is exported before it."""
    lines = run(*arguments, "--print").stdout.splitlines()
    assert all(line.startswith("export ANDROID_") for line in lines[:-1])
    return lines[-1]


def test_the_documented_command_for_tensorflow(tmp_path: Path) -> None:
    source = tree(tmp_path, "tensorflow")
    assert command("--source", source, "--abi", "arm64-v8a") == (
        "bazel build -c opt --config=android_arm64 --cxxopt=--std=c++17 --copt=-DTFLITE_PROFILING_ENABLED "
        "//tensorflow/lite/tools/benchmark:benchmark_model"
    )


def test_the_equivalent_for_litert(tmp_path: Path) -> None:
    source = tree(tmp_path, "litert")
    flags = "bazel build -c opt --config=android_arm64 --cxxopt=--std=c++17 --copt=-DTFLITE_PROFILING_ENABLED "
    assert command("--source", source, "--abi", "arm64-v8a") == flags + "//tflite/tools/benchmark:benchmark_model"
    assert (
        command("--source", source, "--abi", "arm64-v8a", "--target", "litert")
        == flags + "//litert/tools:benchmark_model"
    )


@pytest.mark.parametrize(
    ("abi", "config"),
    [
        ("armeabi-v7a", "--config=android_arm "),
        ("x86_64", "--config=android_x86_64 "),
        ("linux_aarch64", "--config=elinux_aarch64 "),
        ("linux_x86_64", ""),
    ],
)
def test_each_abi_has_its_config(tmp_path: Path, abi: str, config: str) -> None:
    assert command("--source", tree(tmp_path, "tensorflow"), "--abi", abi) == (
        f"bazel build -c opt {config}--cxxopt=--std=c++17 --copt=-DTFLITE_PROFILING_ENABLED "
        "//tensorflow/lite/tools/benchmark:benchmark_model"
    )


def test_flex_ruy_and_flags_of_ones_own(tmp_path: Path) -> None:
    source = tree(tmp_path, "tensorflow")
    said = command("--source", source, "--abi", "arm64-v8a", "--flex", "--ruy-profiler", "--flag", "--define=a=b c")
    assert said.endswith(
        "--config=monolithic --copt=-DRUY_PROFILER '--define=a=b c' //tensorflow/lite/tools/benchmark:benchmark_model_plus_flex"
    )


def test_what_configure_has_not_answered_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tree(tmp_path / "s", "tensorflow")
    monkeypatch.setenv("ANDROID_NDK_HOME", "/opt/my ndk")
    lines = run("--source", source, "--abi", "arm64-v8a", "--print").stdout.splitlines()
    assert lines[:2] == ["export ANDROID_NDK_API_LEVEL=26", "export ANDROID_NDK_HOME='/opt/my ndk'"]
    (source / ".tf_configure.bazelrc").write_text(
        'build --action_env ANDROID_NDK_HOME="/opt/ndk"\nbuild --action_env ANDROID_NDK_API_LEVEL="24"\n'
    )
    assert len(run("--source", source, "--abi", "arm64-v8a", "--print").stdout.splitlines()) == 1


def test_several_abis_and_json(tmp_path: Path) -> None:
    source = tree(tmp_path, "tensorflow")
    builds = json.loads(run("--source", source, "--abi", "arm64-v8a,x86_64", "--print", "--json").stdout)["builds"]
    assert [one["abi"] for one in builds] == ["arm64-v8a", "x86_64"]
    assert builds[0]["by_hand"] == [
        "bazel",
        f"--bazelrc={rc_path()}",
        "build",
        "--config=benchmark_arm64-v8a",
        "--config=benchmark_profiling",
        "//tensorflow/lite/tools/benchmark:benchmark_model",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "is needed"),
        (["--list", "--prebuilt", "latest"], "exclude each other"),
        (["--source", "S"], "for which ABI"),
        (["--source", "S", "--abi", "mips"], "mips"),
        (["--source", "S", "--abi", "arm64-v8a,arm64-v8a"], "twice"),
        (["--source", "/nothing", "--abi", "x86_64"], "no such folder"),
        (["--source", "/", "--abi", "x86_64"], "neither TensorFlow nor LiteRT"),
        (["--source", "S", "--abi", "x86_64", "--target", "litert", "--print"], "--target litert"),
        (["--source", "S", "--abi", "x86_64", "--flag", "opt", "--print"], "not a flag"),
        (["--source", "S", "--revision", "v1", "--abi", "x86_64"], "not a Git checkout"),
        (["--revision", "v0.1", "--abi", "x86_64"], "not pinned"),
        (["--prebuilt", "../../etc", "--abi", "arm64-v8a"], "not a version"),
        (["--prebuilt", "2.1.4", "--abi", "armeabi-v7a"], "no official binary"),
        (["--prebuilt", "2.1.4", "--abi", "arm64-v8a", "--flex"], "Flex"),
        (["--revision", "litert-v2.2.0", "--target", "litert", "--flex", "--abi", "x86_64", "--print"], "--flex"),
        (["--sha256", "0" * 64, "--list"], "goes with --prebuilt"),
        (["--prebuilt", "nightly", "--abi", "arm64-v8a", "--sha256", "z" * 64], "64 hex digits"),
        (["--prebuilt", "nightly", "--abi", "arm64-v8a,linux_x86_64", "--sha256", "0" * 64], "one ABI"),
        (["--prebuilt", "nightly", "--abi", "arm64-v8a", "--print"], "--print goes with --source or --revision"),
        (["--prebuilt", "nightly", "--abi", "arm64-v8a", "--target", "litert"], "--target goes with"),
        (["--import", sys.executable, "--check"], "--check goes with"),
        (["--import", sys.executable, "--abi", "armeabi-v7a"], "not for armeabi-v7a"),
        (["--import", sys.executable, "--abi", "armeabi-v7a,x86_64"], "for one ABI"),
        (["--list", "--abi", "arm64-v8a"], "--abi goes with"),
        (["--source", "S", "--abi", "x86_64", "--print", "--check"], "exclude each other"),
        (["--import", "/nothing"], "/nothing: no such file"),
        (["--import", "x" * 5000], "name too long"),
        (["--source", "x" * 5000, "--abi", "x86_64"], "name too long"),
        (["--import", "/etc/passwd"], "text file"),
        (["--import", sys.executable, "--name", "host"], "host"),
        (["--import", sys.executable, "--name", "a\x1b[2J"], "printable"),
    ],
)
def test_wrong_requests_are_one_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    source = str(tree(tmp_path, "tensorflow"))
    with pytest.raises(UsageError) as caught:
        run(*(source if argument == "S" else argument for argument in arguments))
    assert words in str(caught.value)
    assert "\n" not in caught.value.message


def test_a_pinned_revision_is_printed_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched for that, and nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert command("--revision", "v2.20.0", "--abi", "arm64-v8a") == (
        "bazel build -c opt --config=android_arm64 --cxxopt=--std=c++17 --copt=-DTFLITE_PROFILING_ENABLED "
        "//tensorflow/lite/tools/benchmark:benchmark_model"
    )
    assert command("--revision", "litert-v2.2.0", "--target", "litert", "--abi", "linux_x86_64").endswith(
        "bazel build -c opt --cxxopt=--std=c++17 --copt=-DTFLITE_PROFILING_ENABLED //litert/tools:benchmark_model"
    )
    assert list(tmp_path.iterdir()) == []


def test_every_abi_and_purpose_has_a_profile() -> None:
    profiles = read_profiles(rc_path())
    for abi in BUILD_ABIS:
        assert build_flags(profiles, abi, ["profiling", "flex", "ruy_profiler"])[:2] == ("-c", "opt")
    assert parse_abis("arm64-v8a, x86_64") == ("arm64-v8a", "x86_64")


@pytest.mark.parametrize("line", ["build --copt=-O3", "test:benchmark_x a", "build:other a", "build:benchmark_x 'a"])
def test_a_profile_file_with_anything_else_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rc"
    path.write_text(f"# comment\n{line}\n")
    with pytest.raises(SetupError, match="rc:2"):
        read_profiles(path)


def test_profiles_may_hold_profiles_but_not_themselves() -> None:
    profiles = {"benchmark_a": ("--config=benchmark_b", "--x"), "benchmark_b": ("--y", "--config=android")}
    assert build_flags(profiles, "a", []) == ("--y", "--config=android", "--x")
    with pytest.raises(SetupError, match="contains itself"):
        build_flags({"benchmark_a": ("--config=benchmark_a",)}, "a", [])


def test_official_addresses() -> None:
    sources = load_sources()
    assert prebuilt(sources, "2.1.4", "arm64-v8a", flex=False).url.endswith("/2.1.4/android_arm64/benchmark_model")
    nightly = prebuilt(sources, "nightly", "armeabi-v7a", flex=True)
    assert nightly.url.endswith("/latest/android_arm_benchmark_model_plus_flex")
    assert (nightly.moving, nightly.target) == (True, "tflite")
