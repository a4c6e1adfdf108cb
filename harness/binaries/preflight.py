"""Checks in seconds what a build needs, so that it does not fail after half an hour. Starts no Bazel server and changes nothing.

Sources: Android NDK (`source.properties`, `meta/platforms.json`), SDK (`licenses/`), Bazel (`.bazelversion`, `bazel --version`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.binaries.machine import find_bazel
from harness.binaries.profiles import is_android
from harness.binaries.source_tree import CONFIGURED, SourceTree
from harness.binaries.sources import AndroidNeeds
from harness.errors import SetupError

LEAST_FREE_GB, GOOD_FREE_GB = 2.0, 15.0
"""Free disk space: below the first a build is refused, below the second TensorFlow's build may run out of space."""

_VERSION_TIMEOUT_S = 20.0
_INSTALL_BAZELISK = (
    "install bazelisk: https://github.com/bazelbuild/bazelisk (it fetches the version that the tree asks for)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightFinding:
    """The outcome of one check. `missing`: the build cannot work; `warning`: it may fail."""

    what: str
    state: Literal["ok", "warning", "missing"]
    detail: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BazelProgram:
    """The Bazel of this machine."""

    path: str
    bazelisk: bool
    version: str | None
    """None if unknown: bazelisk has not fetched it yet, or a distribution's build has no version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidSetup:
    """The NDK and SDK that an Android build will use."""

    ndk_home: Path | None
    ndk_revision: str | None
    """`Pkg.Revision`, such as 25.2.9519653."""
    environment: Mapping[str, str]
    """Variables for Bazel's Android repository rules; given to Bazel if the tree's ./configure has not set them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """All findings, and the tools for the build."""

    findings: tuple[PreflightFinding, ...]
    bazel: BazelProgram | None
    android: AndroidSetup | None

    @property
    def blocking(self) -> tuple[PreflightFinding, ...]:
        """The findings that stop a build."""
        return tuple(finding for finding in self.findings if finding.state == "missing")

    def require(self) -> None:
        """Check that nothing stops the build.

        Raises:
            SetupError: something does; one line per finding.
        """
        if not self.blocking:
            return
        first, *others = self.blocking
        message = f"{first.what}: {first.detail}"
        remedy = first.remedy or ""
        for other in others:
            remedy += f"\n  {other.what}: {other.detail}" + (f"; {other.remedy}" if other.remedy else "")
        raise SetupError(message, remedy=remedy or None)


def android_setup(tree: SourceTree, needs: AndroidNeeds) -> AndroidSetup:
    """Find the NDK and SDK from the tree's own ./configure, else from the environment."""
    given = {**{k: v for k, v in os.environ.items() if k.startswith("ANDROID_")}, **tree.settings}
    home = given.get("ANDROID_NDK_HOME") or given.get("ANDROID_NDK_ROOT") or given.get("ANDROID_NDK")
    sdk = given.get("ANDROID_SDK_HOME") or given.get("ANDROID_SDK_ROOT") or given.get("ANDROID_HOME")
    environment: dict[str, str] = {}
    if home:
        environment["ANDROID_NDK_HOME"] = home
    environment["ANDROID_NDK_API_LEVEL"] = given.get("ANDROID_NDK_API_LEVEL") or str(needs.default_ndk_api_level)
    if sdk:
        environment["ANDROID_SDK_HOME"] = sdk
        if level := given.get("ANDROID_SDK_API_LEVEL") or given.get("ANDROID_API_LEVEL") or _newest_platform(Path(sdk)):
            environment["ANDROID_SDK_API_LEVEL"] = level
        if tools := given.get("ANDROID_BUILD_TOOLS_VERSION") or _newest(Path(sdk) / "build-tools"):
            environment["ANDROID_BUILD_TOOLS_VERSION"] = tools
    added = {k: v for k, v in environment.items() if tree.settings.get(k) != v}
    return AndroidSetup(
        ndk_home=Path(home) if home else None,
        ndk_revision=_ndk_revision(Path(home)) if home else None,
        environment=added,
    )


def preflight(tree: SourceTree, abis: Sequence[str], needs: AndroidNeeds, output_folder: Path) -> Preflight:
    """Check everything that a build of these ABIs needs.

    Args:
        tree: the checkout.
        abis: build ABIs.
        needs: requirements of Android builds if the tree itself does not say.
        output_folder: a folder on the disk where Bazel builds.
    """
    bazel, findings = _bazel(tree)
    findings += [*_configured(tree), _disk(output_folder)]
    android = None
    if any(is_android(abi) for abi in abis):
        android = android_setup(tree, needs)
        findings += [_ndk(android, tree, needs), *_api_level(android, tree, needs), *_sdk(android, tree)]
    return Preflight(findings=tuple(findings), bazel=bazel, android=android)


# --- Bazel --------------------------------------------------------------------------------------------------------------


def _bazel(tree: SourceTree) -> tuple[BazelProgram | None, list[PreflightFinding]]:
    path = find_bazel()
    if path is None:
        named = os.environ.get("BAZEL")
        detail = f"$BAZEL names {named}, which is not there" if named else "neither bazelisk nor bazel is installed"
        return None, [PreflightFinding(what="Bazel", state="missing", detail=detail, remedy=_INSTALL_BAZELISK)]
    wanted = tree.bazel_version
    if "bazelisk" in Path(path).name:
        program = BazelProgram(path=path, bazelisk=True, version=None)
        return program, [
            PreflightFinding(what="Bazel", state="ok", detail=f"bazelisk, which runs {wanted or 'the newest'}")
        ]
    # Run in the tree: a wrapper (Debian's, or bazelisk under Bazel's name) chooses the version by the working folder.
    version, said = _ask_version(path, tree.path)
    if version is None and said is not None:
        detail = f"{path} does not run here: {said}"
        return None, [PreflightFinding(what="Bazel", state="missing", detail=detail, remedy=_remedy(wanted))]
    program = BazelProgram(path=path, bazelisk=False, version=version)
    if wanted is not None and version is not None and not _same_version(version, wanted):
        detail = f"{path} is {version}, the tree asks for {wanted} (.bazelversion)"
        return program, [PreflightFinding(what="Bazel", state="missing", detail=detail, remedy=_remedy(wanted))]
    if wanted is not None and version is None:
        detail = f"{path} does not say its version; the tree asks for {wanted} (.bazelversion)"
        return program, [PreflightFinding(what="Bazel", state="warning", detail=detail, remedy=_remedy(wanted))]
    return program, [PreflightFinding(what="Bazel", state="ok", detail=f"{version or 'of no known version'} ({path})")]


def _configured(tree: SourceTree) -> list[PreflightFinding]:
    return [
        PreflightFinding(
            what="configuration of the tree",
            state="missing",
            detail=f"{tree.path / '.bazelrc'} imports {name}, which is not there",
            remedy="run ./configure in the tree" if name in CONFIGURED else f"write {name}",
        )
        for name in tree.lacks
    ]


def _ask_version(path: str, folder: Path) -> tuple[str | None, str | None]:
    """Ask for the version; if Bazel refuses to run, return its error."""
    try:
        done = subprocess.run(
            [path, "--version"],
            cwd=folder if folder.is_dir() else None,  # the revision has not been fetched yet
            capture_output=True,
            timeout=_VERSION_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return None, str(error)
    output = (done.stdout + done.stderr).decode(errors="replace")
    if done.returncode != 0:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
        line = next((line.strip() for line in plain.splitlines() if line.strip()), f"exit code {done.returncode}")
        return None, line.removeprefix("ERROR: ")
    match = re.search(r"^bazel (\d+\.\d+\S*)", output, re.MULTILINE)
    return (match.group(1) if match else None), None


def _same_version(version: str, wanted: str) -> bool:
    """Compare versions in bazelisk's notation: `7.7.0`, `7.x` (any of that line), `latest` and the like (any)."""
    if wanted.endswith((".x", ".*")):
        return version.startswith(wanted[:-1])
    return not wanted[:1].isdigit() or version.split("-")[0] == wanted.split("-")[0]


def _remedy(wanted: str | None) -> str:
    return f"{_INSTALL_BAZELISK}; or install Bazel {wanted}" if wanted else _INSTALL_BAZELISK


# --- disk ---------------------------------------------------------------------------------------------------------------


def _disk(folder: Path) -> PreflightFinding:
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    detail = f"{free_gb:.1f} GB free at {folder}"
    if free_gb < LEAST_FREE_GB:
        return PreflightFinding(what="disk", state="missing", detail=detail, remedy=f"free {GOOD_FREE_GB:g} GB")
    if free_gb < GOOD_FREE_GB:
        remedy = f"a build of TensorFlow takes up to {GOOD_FREE_GB:g} GB"
        return PreflightFinding(what="disk", state="warning", detail=detail, remedy=remedy)
    return PreflightFinding(what="disk", state="ok", detail=detail)


# --- Android ------------------------------------------------------------------------------------------------------------


def _ndk(setup: AndroidSetup, tree: SourceTree, needs: AndroidNeeds) -> PreflightFinding:
    versions = tree.ndk_versions or tuple(needs.ndk_versions)
    wanted = ", ".join(f"r{version}" for version in versions)
    install = f"sdkmanager --install 'ndk;{_known_good(max(versions))}', then ANDROID_NDK_HOME=<its folder>"
    if setup.ndk_home is None:
        detail = f"ANDROID_NDK_HOME is not set; the tree supports {wanted}"
        return PreflightFinding(what="Android NDK", state="missing", detail=detail, remedy=install)
    if not os.path.isdir(setup.ndk_home):  # noqa: PTH112  # Path.is_dir raises without permission
        detail = f"ANDROID_NDK_HOME is {setup.ndk_home}, which is no folder that can be read"
        return PreflightFinding(what="Android NDK", state="missing", detail=detail, remedy=install)
    if setup.ndk_revision is None:
        detail = f"{setup.ndk_home} holds no source.properties with Pkg.Revision: it is no NDK"
        return PreflightFinding(what="Android NDK", state="missing", detail=detail, remedy=install)
    major = setup.ndk_revision.split(".")[0]
    if not major.isdigit() or int(major) not in versions:
        detail = f"r{major} ({setup.ndk_revision}) at {setup.ndk_home}; the tree supports {wanted}"
        return PreflightFinding(what="Android NDK", state="missing", detail=detail, remedy=install)
    return PreflightFinding(
        what="Android NDK", state="ok", detail=f"r{major} ({setup.ndk_revision}) at {setup.ndk_home}"
    )


def _api_level(setup: AndroidSetup, tree: SourceTree, needs: AndroidNeeds) -> list[PreflightFinding]:
    text = setup.environment.get("ANDROID_NDK_API_LEVEL") or tree.settings.get("ANDROID_NDK_API_LEVEL", "")
    least, most = needs.ndk_api_levels
    if setup.ndk_home is not None:
        least, most = max(least, _platform_range(setup.ndk_home)[0]), min(most, _platform_range(setup.ndk_home)[1])
    if text.isdigit() and least <= int(text) <= most:
        return [PreflightFinding(what="NDK API level", state="ok", detail=text)]
    detail = f"ANDROID_NDK_API_LEVEL is {text!r}, not one of {least} to {most}"
    remedy = f"ANDROID_NDK_API_LEVEL={most}, or ./configure in the tree"
    return [PreflightFinding(what="NDK API level", state="missing", detail=detail, remedy=remedy)]


def _sdk(setup: AndroidSetup, tree: SourceTree) -> list[PreflightFinding]:
    home = setup.environment.get("ANDROID_SDK_HOME") or tree.settings.get("ANDROID_SDK_HOME")
    if not home or not os.path.isdir(home):  # noqa: PTH112  # as above
        detail = (
            f"ANDROID_SDK_HOME is {home}, which is no folder that can be read"
            if home
            else "ANDROID_SDK_HOME is not set"
        )
        remedy = "install Android's command line tools, then ANDROID_SDK_HOME=<their folder>"
        return [PreflightFinding(what="Android SDK", state="missing", detail=detail, remedy=remedy)]
    findings = []
    if "android-sdk-license" not in _names(Path(home) / "licenses"):
        findings.append(
            PreflightFinding(
                what="licence of the Android SDK",
                state="missing",
                detail=f"not accepted at {home}",
                remedy=f"sdkmanager --sdk_root={home} --licenses",
            )
        )
    for name, what in (
        ("ANDROID_SDK_API_LEVEL", "platforms;android-34"),
        ("ANDROID_BUILD_TOOLS_VERSION", "build-tools;34.0.0"),
    ):
        if not (setup.environment.get(name) or tree.settings.get(name)):
            findings.append(
                PreflightFinding(
                    what="Android SDK",
                    state="missing",
                    detail=f"{home} holds no {what.split(';')[0]}",
                    remedy=f"sdkmanager --sdk_root={home} --install '{what}'",
                )
            )
    return findings or [PreflightFinding(what="Android SDK", state="ok", detail=home)]


def _ndk_revision(home: Path) -> str | None:
    try:
        text = (home / "source.properties").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    match = re.search(r"^Pkg\.Revision\s*=\s*(\S+)", text, re.MULTILINE)
    return match.group(1) if match else None


def _platform_range(home: Path) -> tuple[int, int]:
    try:
        data = json.loads((home / "meta" / "platforms.json").read_bytes())
        return int(data["min"]), int(data["max"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 10_000


def _known_good(major: int) -> str:
    """Return the last revision of an NDK line, as sdkmanager names it."""
    return {21: "21.4.7075529", 25: "25.2.9519653"}.get(major, f"{major}.x")


def _newest(folder: Path) -> str | None:
    numbered = [name for name in _names(folder) if re.fullmatch(r"\d+(\.\d+)*", name)]
    return max(numbered, key=lambda name: [int(part) for part in name.split(".")], default=None)


def _newest_platform(sdk: Path) -> str | None:
    names = _names(sdk / "platforms")
    levels = [int(match.group(1)) for name in names if (match := re.fullmatch(r"android-(\d+)", name))]
    return str(max(levels)) if levels else None


def _names(folder: Path) -> list[str]:
    """List a folder; empty if it is missing or unreadable."""
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []
