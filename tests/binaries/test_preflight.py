from __future__ import annotations

from pathlib import Path

import pytest

from harness.binaries.preflight import PreflightFinding, preflight
from harness.binaries.source_tree import read_tree
from harness.binaries.sources import load_sources
from harness.errors import SetupError
from tests.binaries.workspace import TENSORFLOW, make_android_home


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    marker = tmp_path / "src" / TENSORFLOW / "BUILD"
    marker.parent.mkdir(parents=True)
    marker.touch()
    (tmp_path / "src" / "configure.py").write_text("_SUPPORTED_ANDROID_NDK_VERSIONS = [19, 20, 21, 25]\n")
    return tmp_path / "src"


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "ANDROID_NDK_ROOT",
        "ANDROID_NDK",
        "ANDROID_SDK_ROOT",
        "ANDROID_HOME",
        "ANDROID_NDK_API_LEVEL",
        "BAZEL",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in make_android_home(tmp_path / "android").items():
        monkeypatch.setenv(name, value)
    bazel(tmp_path, monkeypatch, "echo bazel 7.4.1")


def bazel(folder: Path, monkeypatch: pytest.MonkeyPatch, does: str, name: str = "bazel") -> None:
    """A Bazel that says its version; what it builds is `test_bazel.py`'s matter."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / name).write_text(f"#!/bin/sh\n{does}\n")
    (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    if name == "bazel":
        monkeypatch.setenv("BAZEL", str(programs / "bazel"))


def look(tree: Path, abi: str = "arm64-v8a") -> dict[str, PreflightFinding]:
    sources = load_sources()
    return {f.what: f for f in preflight(read_tree(tree, sources), [abi], sources.android, tree).findings}


def blocked(tree: Path, what: str, abi: str = "arm64-v8a") -> str:
    sources = load_sources()
    found = preflight(read_tree(tree, sources), [abi], sources.android, tree)
    assert [finding.what for finding in found.blocking] == [what]
    with pytest.raises(SetupError) as caught:
        found.require()
    assert caught.value.remedy
    return str(caught.value)


def test_everything_is_there(tree: Path) -> None:
    found = look(tree)
    assert {name for name, finding in found.items() if finding.state == "missing"} == set()
    assert "7.4.1" in found["Bazel"].detail
    assert "r25 (25.2.9519653)" in found["Android NDK"].detail


def test_a_linux_build_needs_no_android(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANDROID_NDK_HOME")
    assert set(look(tree, "linux_x86_64")) == {"Bazel", "disk"}


def test_without_bazel_the_remedy_is_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("BAZEL")
    assert "install bazelisk" in blocked(tree, "Bazel")
    monkeypatch.setenv("BAZEL", "/nowhere/bazel")
    assert "$BAZEL names /nowhere/bazel" in blocked(tree, "Bazel")


@pytest.mark.parametrize(
    ("wanted", "state"), [("7.4.1", "ok"), ("7.x", "ok"), ("latest", "ok"), ("7.7.0", "missing"), ("6.x", "missing")]
)
def test_bazelversion_is_held_against_what_runs(tree: Path, wanted: str, state: str) -> None:
    (tree / ".bazelversion").write_text(wanted + "\n")
    finding = look(tree)["Bazel"]
    assert finding.state == state
    if state == "missing":
        assert "7.4.1" in finding.detail
        assert wanted in finding.detail
        assert "bazelisk" in (finding.remedy or "")


def test_bazelisk_takes_care_of_the_version(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / ".bazelversion").write_text("7.7.0\n")
    monkeypatch.delenv("BAZEL")
    bazel(tmp_path, monkeypatch, "exit 1", "bazelisk")
    assert "7.7.0" in look(tree)["Bazel"].detail
    assert look(tree)["Bazel"].state == "ok"


def test_a_wrapper_that_refuses_is_quoted(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bazel(tmp_path, monkeypatch, r"printf '\033[31mERROR: it requires Bazel 9.9.9\033[0m\n\nadvice\n' >&2; exit 1")
    assert "it requires Bazel 9.9.9" in blocked(tree, "Bazel")


def test_a_bazel_of_no_known_version_is_a_warning(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bazel(tmp_path, monkeypatch, "echo bazel no_version")
    assert look(tree)["Bazel"].state == "ok"
    (tree / ".bazelversion").write_text("7.7.0\n")
    assert look(tree)["Bazel"].state == "warning"


def test_an_ndk_that_the_tree_does_not_support(tree: Path, tmp_path: Path) -> None:
    make_android_home(tmp_path / "android", "27.1.12297006")
    message = blocked(tree, "Android NDK")
    assert "r27 (27.1.12297006)" in message
    assert "r19, r20, r21, r25" in message
    assert "ndk;25.2.9519653" in message


def test_no_ndk_and_no_real_ndk(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path))
    assert "it is no NDK" in look(tree)["Android NDK"].detail
    monkeypatch.setenv("ANDROID_NDK_HOME", "/nowhere")
    assert "no folder" in look(tree)["Android NDK"].detail
    monkeypatch.delenv("ANDROID_NDK_HOME")
    assert "ANDROID_NDK_HOME is not set" in blocked(tree, "Android NDK")


@pytest.mark.parametrize("level", ["19", "33", "x"])
def test_an_api_level_that_does_not_work(tree: Path, monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    monkeypatch.setenv("ANDROID_NDK_API_LEVEL", level)
    assert "21 to 26" in blocked(tree, "NDK API level")


def test_what_configure_answered_counts(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_NDK_HOME", "/nowhere")
    home = make_android_home(tree.parent / "other", "21.4.7075529")
    lines = [f'build --action_env {name}="{value}"' for name, value in home.items()]
    (tree / ".tf_configure.bazelrc").write_text(
        "\n".join([*lines, 'build --action_env ANDROID_NDK_API_LEVEL="24"', ""])
    )
    assert "r21" in look(tree)["Android NDK"].detail
    assert look(tree)["NDK API level"].detail == "24"


def test_a_licence_that_was_not_accepted(tree: Path, tmp_path: Path) -> None:
    make_android_home(tmp_path / "android", licence=False)
    assert "--licenses" in blocked(tree, "licence of the Android SDK")


def test_an_sdk_without_platforms_or_build_tools(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "android" / "sdk" / "platforms" / "android-34").rmdir()
    assert "platforms;android" in blocked(tree, "Android SDK")
    monkeypatch.delenv("ANDROID_SDK_HOME")
    assert "ANDROID_SDK_HOME is not set" in blocked(tree, "Android SDK")


def test_folders_that_may_not_be_read_are_findings(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is too long is refused by the kernel as a closed folder is, to root too."""
    for name in ("ANDROID_NDK_HOME", "ANDROID_SDK_HOME"):
        monkeypatch.setenv(name, str(tmp_path / ("x" * 300)))
    found = look(tree)
    assert {name for name, finding in found.items() if finding.state == "missing"} == {"Android NDK", "Android SDK"}
    assert all(finding.remedy for finding in found.values() if finding.state == "missing")
