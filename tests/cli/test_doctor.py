"""`harness doctor`: whatever is wrong with a machine, each finding has its remedy, and the command itself never fails."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.binaries.binary_store import BinaryStore
from harness.binaries.record import new_record
from harness.virtual.farm import VirtualFarm
from tests import in_process
from tests.binaries.programs import write_elf

CHECKS = ["Python", "adb", "ADB server", "LiteRT", "namespaces", "mksh", "toybox", "Bazel", "benchmark_model"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def harness(state: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return in_process.harness(
        *arguments,
        env={"HARNESS_STATE_DIR": str(state), "ANDROID_ADB_SERVER_PORT": str(free_port()), **environment},
    )


def findings(state: Path, code: int = 0, **environment: str) -> dict[str, dict[str, str]]:
    done = harness(state, "doctor", "--json", **environment)
    assert done.returncode == code, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)["findings"]
    assert [one["what"] for one in found] == CHECKS
    for one in found:
        assert one["state"] in ("ok", "warning", "missing")
        assert one["state"] == "ok" or one["remedy"], one
        assert "\n" not in one["detail"]
    assert ("missing" in {one["state"] for one in found}) == (code == 3)
    return {one["what"]: one for one in found}


def test_for_people_each_remedy_stands_below_its_finding(tmp_path: Path) -> None:
    done = harness(tmp_path, "doctor", PATH="/nowhere")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    bazel = next(i for i, line in enumerate(lines) if line.startswith("warning  Bazel"))
    assert "bazelisk" in lines[bazel + 1]
    assert [line.split()[1].rstrip(":") for line in lines if line[0] != " "] == [name.split()[0] for name in CHECKS]


@pytest.mark.parametrize("path", ["/nowhere/adb", "/bin/true", "/etc/passwd"])
def test_what_is_no_adb(tmp_path: Path, path: str) -> None:
    adb = findings(tmp_path, 3, ADBUTILS_ADB_PATH=path)["adb"]
    assert adb["state"] == "missing"
    assert path in adb["detail"]
    assert "ADBUTILS_ADB_PATH" in adb["remedy"]


@pytest.mark.parametrize("port", ["0", "65536"])
def test_a_port_that_cannot_be_is_a_finding_among_the_others(tmp_path: Path, port: str) -> None:
    assert repr(port) in findings(tmp_path, 3, ANDROID_ADB_SERVER_PORT=port)["ADB server"]["detail"]


@pytest.mark.parametrize(
    ("verb", "port"), [("doctor", "abc"), ("doctor", "²"), ("devices", "-1"), ("devices", "5037 ")]
)
def test_a_port_that_is_no_number_is_one_line(tmp_path: Path, verb: str, port: str) -> None:
    # In a process of its own: the ADB library reads its port once, when it is loaded.
    environment = {**os.environ, "HARNESS_STATE_DIR": str(tmp_path), "ANDROID_ADB_SERVER_PORT": port}
    command = [sys.executable, "-m", "harness", verb]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[0] == f"harness: ANDROID_ADB_SERVER_PORT is {port!r}, not a port"


def test_a_port_that_means_nothing_to_a_verb_does_not_stop_it(tmp_path: Path) -> None:
    assert harness(tmp_path, "build", "--list", ANDROID_ADB_SERVER_PORT="abc").returncode == 0


def test_a_bazel_that_is_not_there(tmp_path: Path) -> None:
    bazel = findings(tmp_path, BAZEL="/nowhere/bazel")["Bazel"]
    assert (bazel["state"], "/nowhere/bazel" in bazel["detail"]) == ("warning", True)


def test_the_binaries_for_phones(tmp_path: Path) -> None:
    none = findings(tmp_path)["benchmark_model"]
    assert (none["state"], none["remedy"]) == ("warning", "harness build --prebuilt nightly --abi arm64-v8a")
    BinaryStore(tmp_path / "binaries").add(write_elf(tmp_path / "p"), new_record("import", "p"))
    assert "arm64-v8a" in findings(tmp_path)["benchmark_model"]["detail"]
    (tmp_path / "binaries" / "records" / "x.json").write_text("{")
    assert "damaged" in findings(tmp_path, 3)["benchmark_model"]["detail"]


def test_a_state_folder_that_cannot_be_read_hides_no_other_finding(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0)
    command = [sys.executable, "-m", "harness", "doctor", "--json"]
    if os.getuid() == 0:
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    done = subprocess.run(
        command,
        env={
            **os.environ,
            "HARNESS_STATE_DIR": str(tmp_path / "closed" / "state"),
            "ANDROID_ADB_SERVER_PORT": str(free_port()),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (tmp_path / "closed").chmod(0o755)
    assert done.returncode == 3, done.stderr
    found = json.loads(done.stdout)["findings"]
    assert [one["what"] for one in found] == CHECKS
    assert all("Permission denied" in one["detail"] and one["remedy"] for one in found if one["state"] == "missing")


def test_devices_are_counted_at_the_server_that_lists_them(tmp_path: Path) -> None:
    own = free_port()
    started = harness(tmp_path, "virtual", "start", "--count", "2", "--json")
    assert started.returncode == 0, started.stderr
    farm = json.loads(started.stdout)["adb_port"]
    try:
        with VirtualFarm(["virtual-old"]) as phones:
            server = findings(tmp_path, ANDROID_ADB_SERVER_PORT=str(phones.adb_port))["ADB server"]
            assert server["detail"] == f"on port {phones.adb_port}, 1 device; on port {farm}, 2 devices"
        nobody = findings(tmp_path, ANDROID_ADB_SERVER_PORT=str(own))["ADB server"]
        assert nobody["detail"].startswith(f"none on port {own}")
    finally:
        harness(tmp_path, "virtual", "stop", "--all")
