"""`harness doctor`: finds what is missing on this machine, with the remedy for each."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

import click

from harness.api.attached_devices import default_port, list_devices
from harness.binaries.binary_store import BinaryStore
from harness.binaries.machine import find_bazel
from harness.cli.run_summary import write_json
from harness.devices.adb_library import AdbError, adbutils
from harness.devices.adb_target import server_is_up
from harness.errors import HarnessError, UsageError

_EPILOG = """\b
Examples:
  harness doctor
  harness doctor --json
"""


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """The outcome of one check. `warning`: something works less well; `missing`: something does not work at all."""

    what: str
    state: Literal["ok", "warning", "missing"]
    detail: str
    remedy: str | None = None


@click.command(epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check this machine for what the harness needs. Changes nothing and starts nothing."""
    findings = [_looked(what, check) for what, check in _CHECKS.items()]
    if as_json:
        write_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            colour = {"ok": "green", "warning": "yellow", "missing": "red"}[finding.state]
            click.echo(f"{click.style(f'{finding.state:8}', fg=colour)} {finding.what}: {finding.detail}")
            if finding.remedy:
                click.echo(f"         {finding.remedy}")
    ctx.exit(3 if any(finding.state == "missing" for finding in findings) else 0)


def _python() -> DoctorFinding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return DoctorFinding("Python", "ok", f"{version} ({sys.executable})")


def _adb() -> DoctorFinding:
    try:
        path = adbutils.adb_path()
        done = subprocess.run([path, "version"], capture_output=True, timeout=10, check=False, stdin=subprocess.DEVNULL)
    except (AdbError, OSError, subprocess.SubprocessError) as error:
        why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.strerror else str(error)
        return DoctorFinding("adb", "missing", why, _adb_remedy())
    first = next(iter(done.stdout.decode(errors="replace").splitlines()), "")
    if done.returncode != 0 or not first.startswith("Android Debug Bridge"):
        said = f"says {first!r}" if first else "says nothing"
        return DoctorFinding(
            "adb", "missing", f"{path} is no adb: it {said}, exit code {done.returncode}", _adb_remedy()
        )
    return DoctorFinding("adb", "ok", f"{first} ({path})")


def _adb_remedy() -> str:
    named = os.environ.get("ADBUTILS_ADB_PATH")
    return "unset ADBUTILS_ADB_PATH" if named else "pip install --force-reinstall adbutils"


def _server() -> DoctorFinding:
    try:
        port = default_port()
    except UsageError as error:
        return DoctorFinding("ADB server", "missing", error.message, "unset ANDROID_ADB_SERVER_PORT, or set it to 5037")
    if not server_is_up(port):
        return DoctorFinding("ADB server", "ok", f"none on port {port}; it is started when phones are asked for")
    try:
        listed = list_devices()
    except HarnessError as error:
        return DoctorFinding("ADB server", "missing", error.message, error.remedy)
    unusable = [one for one in listed if one.state != "device"]
    # Running virtual devices have servers of their own.
    ports = dict.fromkeys([port, *sorted(one.port for one in listed)], 0)
    for one in listed:
        ports[one.port] += 1
    detail = "; ".join(
        f"on port {number}, {count} device{'' if count == 1 else 's'}" for number, count in ports.items()
    )
    detail += f", {len(unusable)} of them not usable" if unusable else ""
    return DoctorFinding(
        "ADB server", "warning" if unusable else "ok", detail, "`harness devices` says why" if unusable else None
    )


def _litert() -> DoctorFinding:
    from harness.litert_host.library import Library  # loads a library of 20 MB, so only when asked

    try:
        version = importlib.metadata.version("ai-edge-litert")
        Library()
    except (HarnessError, importlib.metadata.PackageNotFoundError) as error:
        return DoctorFinding("LiteRT", "missing", str(error), "pip install --upgrade ai-edge-litert")
    return DoctorFinding("LiteRT", "ok", f"ai-edge-litert {version}, for virtual devices")


def _namespaces() -> DoctorFinding:
    unshare = shutil.which("unshare")
    command = [unshare or "unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "true"]
    try:
        works = subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        works = False
    if works:
        return DoctorFinding("namespaces", "ok", "virtual devices get a file system of their own")
    return DoctorFinding(
        "namespaces",
        "warning",
        "virtual devices fall back to path mapping: their /sys and /proc are this machine's",
        "install util-linux; sysctl kernel.unprivileged_userns_clone=1",
    )


def _mksh() -> DoctorFinding:
    return _debian("mksh", "Android's shell, for virtual devices; without it they use sh")


def _toybox() -> DoctorFinding:
    return _debian("toybox", "Android's commands, for virtual devices; without it they use coreutils")


def _debian(name: str, why: str) -> DoctorFinding:
    path = shutil.which(name)
    return DoctorFinding(name, "ok", path) if path else DoctorFinding(name, "warning", why, f"apt-get install {name}")


def _bazel() -> DoctorFinding:
    if path := find_bazel():
        return DoctorFinding("Bazel", "ok", path)
    if named := os.environ.get("BAZEL"):
        return DoctorFinding(
            "Bazel", "warning", f"$BAZEL names {named}, which is no program", "unset BAZEL, or name bazelisk"
        )
    detail = "not here; only needed to build benchmark_model yourself"
    return DoctorFinding("Bazel", "warning", detail, "install bazelisk: https://github.com/bazelbuild/bazelisk")


def _binaries() -> DoctorFinding:
    what = "benchmark_model"
    store = BinaryStore()
    try:
        records = store.records()
    except HarnessError as error:
        return DoctorFinding(what, "missing", error.message, error.remedy)
    abis = sorted({record.abi for record in records if record.platform != "linux"})
    if abis:
        return DoctorFinding(what, "ok", f"for phones of {', '.join(abis)}; `harness build --list` shows all")
    return DoctorFinding(
        what,
        "warning",
        f"none for phones in {store.root}; virtual devices bring their own",
        "harness build --prebuilt nightly --abi arm64-v8a",
    )


def _looked(what: str, check: Callable[[], DoctorFinding]) -> DoctorFinding:
    """Run one check by itself, so that its failure does not hide the others."""
    try:
        return check()
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        remedy = "see its permissions; HARNESS_STATE_DIR names another folder for the harness's own files"
        return DoctorFinding(what, "missing", f"{where}{error.strerror or error}", remedy)


_CHECKS: dict[str, Callable[[], DoctorFinding]] = {
    "Python": _python,
    "adb": _adb,
    "ADB server": _server,
    "LiteRT": _litert,
    "namespaces": _namespaces,
    "mksh": _mksh,
    "toybox": _toybox,
    "Bazel": _bazel,
    "benchmark_model": _binaries,
}
