"""Coming and going: reboots, servers that die, keys."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import SetupError
from harness.virtual.adb_server import find_adb
from tests.virtual.wire.conftest import Bench, eventually
from tests.virtual.wire.plain_device import PlainDevice


def all_there(bench: Bench) -> bool:
    return bench.states() == dict.fromkeys(bench.serials, "device")


def boots(bench: Bench) -> int:
    device = bench.devices[0].device
    assert isinstance(device, PlainDevice)
    return device.boots


@pytest.mark.parametrize("target", ["", "bootloader", "recovery"])
def test_a_reboot_goes_and_comes_back(bench: Bench, target: str) -> None:
    before = boots(bench)
    with subprocess.Popen(bench.command("shell", "sleep 100"), env=bench.environment) as running:
        assert bench.adb("reboot", *([target] if target else [])).returncode == 0
        assert running.wait(20) != 0
    eventually(lambda: boots(bench) == before + 1)
    eventually(lambda: all_there(bench))
    assert bench.adb("shell", "echo back").stdout == b"back\n"


def test_reboots_keep_what_was_pushed(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    bench.adb("push", tmp_path / "kept", "/data/local/tmp/kept")
    before = boots(bench)
    bench.adb("reboot")
    eventually(lambda: boots(bench) == before + 1)
    bench.adb("wait-for-device")
    assert bench.adb("shell", "cat data/local/tmp/kept").stdout == b"kept"


def test_an_unknown_reboot_target_is_refused(bench: Bench) -> None:
    before = boots(bench)
    assert b"unknown reboot target 'moon'" in bench.adb("reboot", "moon").stdout
    assert boots(bench) == before
    assert all_there(bench)


def test_a_killed_server_is_replaced_on_the_same_port(bench: Bench) -> None:
    port, old = bench.port, bench.server.pid
    assert old is not None
    os.kill(old, signal.SIGKILL)
    eventually(lambda: bench.server.pid not in (None, old))
    assert bench.port == port
    eventually(lambda: all_there(bench))
    assert bench.adb("shell", "echo again").stdout == b"again\n"


def test_kill_server_only_restarts_it(bench: Bench) -> None:
    old = bench.server.pid
    bench.adb("kill-server")
    eventually(lambda: bench.server.pid not in (None, old))
    eventually(lambda: all_there(bench))


def test_nobody_else_can_have_the_port_while_no_server_runs(bench: Bench) -> None:
    assert bench.server.pid is not None
    os.kill(bench.server.pid, signal.SIGKILL)
    with pytest.raises(OSError, match="in use"):
        socket.create_server(("127.0.0.1", bench.port))
    eventually(lambda: all_there(bench))


def test_the_server_has_an_environment_of_its_own(bench: Bench) -> None:
    environment = Path(f"/proc/{bench.server.pid}/environ").read_bytes().decode().split("\0")
    assert {"ADB_USB=0", "ADB_MDNS=0", "ADB_EMU=0", f"HOME={bench.folder / 'home'}"} <= set(environment)
    assert (bench.folder / "home/.android/adbkey").exists()


def test_devices_and_server_listen_on_loopback_only(bench: Bench) -> None:
    mine = {f"{bench.port:04X}", *(f"{device.port:04X}" for device in bench.devices)}
    listening = [
        line.split()[1].split(":")
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    assert {address for address, port in listening if port in mine} == {"0100007F"}


def test_adb_is_found_or_the_remedy_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ADBUTILS_ADB_PATH", raising=False)
    assert find_adb().name == "adb"
    monkeypatch.setenv("ADBUTILS_ADB_PATH", "/bin/true")
    assert find_adb() == Path("/bin/true")
    monkeypatch.setenv("ADBUTILS_ADB_PATH", str(tmp_path / "nothing"))
    with pytest.raises(SetupError, match="is no program"):
        find_adb()


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, 1, auth_required=True)
    made.start()
    yield made
    made.stop()


def test_a_key_is_offered_accepted_and_then_known(locked: Bench) -> None:
    assert locked.adb("shell", "echo in").stdout == b"in\n"
    before = boots(locked)
    locked.adb("reboot")
    eventually(lambda: boots(locked) == before + 1)
    eventually(lambda: all_there(locked))


@pytest.mark.parametrize("asks", [True, False], ids=["a profile that asks for keys", "one that does not"])
def test_a_device_that_accepts_no_key_stays_unauthorized(tmp_path: Path, asks: bool) -> None:
    made = Bench(tmp_path, 1, auth_required=asks, accept_keys=False)
    made.start()
    try:
        assert made.states() == {made.serials[0]: "unauthorized"}
        assert b"unauthorized" in made.adb("shell", "true").stderr
        time.sleep(0.3)
        assert made.states() == {made.serials[0]: "unauthorized"}
    finally:
        made.stop()
