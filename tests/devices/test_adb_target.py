"""The way to a device, against a virtual one behind the real ADB server."""

from __future__ import annotations

import logging
import os
import re
import threading
from pathlib import Path

import pytest

from harness.devices.adb_target import AdbTarget
from harness.devices.target import Cancelled, Outgoing
from harness.errors import AdbServerLost, DeviceError, DeviceHung, DeviceLost, StorageRefused
from harness.virtual.farm import VirtualFarm

TMP = "/data/local/tmp"


def test_streams_and_exit_codes_are_told_apart(target: AdbTarget) -> None:
    output = target.run("echo out; echo err >&2; exit 7", timeout_s=60)
    assert (output.stdout, output.stderr, output.exit_code) == (b"out\n", b"err\n", 7)


def test_a_signal_is_128_plus_its_number(target: AdbTarget) -> None:
    assert target.run("kill -9 $$", timeout_s=60).exit_code == 137


def test_the_deadline_is_wall_time_however_chatty_the_command(target: AdbTarget) -> None:
    # Were the deadline counted anew with each line, the command would come to its end.
    with pytest.raises(DeviceHung):
        target.run("n=0; while [ $n -lt 100 ]; do echo x; sleep 0.1; n=$((n+1)); done", timeout_s=1)


def test_cancel_ends_a_command_early(target: AdbTarget) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    with pytest.raises(Cancelled):
        target.run("sleep 20", timeout_s=60, cancel=cancel)


def test_endless_output_keeps_its_beginning_and_its_end(target: AdbTarget) -> None:
    output = target.run("echo first; head -c 60000000 /dev/zero; echo; echo last", timeout_s=60)
    assert output.stdout.startswith(b"first\n")
    assert output.stdout.endswith(b"last\n")
    assert b"bytes left out here" in output.stdout
    assert len(output.stdout) < 40_000_000


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 3_000_000])
def test_files_arrive_whole_both_ways(target: AdbTarget, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "a").write_bytes(data)
    target.push([Outgoing(local=tmp_path / "a", remote=f"{TMP}/push test", mode=0o755)])
    seen = target.stat(f"{TMP}/push test")
    assert seen is not None
    assert (seen.size, seen.mode & 0o777) == (size, 0o755)
    assert target.pull(f"{TMP}/push test", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == data


def test_what_is_not_there_is_none_and_leaves_nothing_behind(target: AdbTarget, tmp_path: Path) -> None:
    assert target.stat(f"{TMP}/nothing") is None
    assert not target.pull(f"{TMP}/nothing", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_refused_push_says_why(target: AdbTarget, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 200_000)
    with pytest.raises(StorageRefused, match="Read-only"):
        target.push([Outgoing(local=tmp_path / "a", remote="/system/bin/x")])


def test_each_request_is_logged_with_its_duration_and_its_end(
    target: AdbTarget, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    with caplog.at_level(logging.DEBUG, logger="harness.devices"):
        target.run("echo out\necho err >&2; exit 7", timeout_s=20)
        target.push([Outgoing(local=tmp_path / "a", remote=f"{TMP}/logged")])
        target.pull(f"{TMP}/nothing", tmp_path / "x")
        with pytest.raises(DeviceHung):
            target.run("sleep 9; " + "x" * 300, timeout_s=0.5)
    serial = target.serial
    assert [re.sub(r"\d+\.\d{3} s", "T s", line) for line in caplog.messages] == [
        f"{serial}: shell echo out echo err >&2; exit 7: T s, exit code 7, 4 + 4 bytes",
        f"{serial}: push {TMP}/logged, 5 bytes: T s",
        f"{serial}: pull {TMP}/nothing: T s, it is not there",
        f"{serial}: shell sleep 9; {'x' * 191}…: T s, DeviceHung: {serial}: no end of the command within 0.5 s",
    ]


def test_an_unknown_serial_is_a_lost_device(farm: VirtualFarm) -> None:
    with pytest.raises(DeviceLost):
        AdbTarget("no-such-device", port=farm.adb_port).run("true", timeout_s=10)


def test_a_stale_transport_id_is_looked_up_anew(farm: VirtualFarm) -> None:
    target = AdbTarget(farm.serials[0], transport_id=9999, port=farm.adb_port)
    assert target.run("echo here", timeout_s=60).stdout == b"here\n"


def test_no_server_is_said_and_none_is_started(no_server_port: int) -> None:
    target = AdbTarget("x", port=no_server_port)
    with pytest.raises(AdbServerLost):
        target.run("true", timeout_s=5)
    with pytest.raises(AdbServerLost):
        target.stat("/x")


def test_no_foreign_error_leaks_when_the_server_dies(tmp_path: Path) -> None:
    """The server goes away in the middle of a command, of a push and of a pull: always a DeviceError."""
    (tmp_path / "big").write_bytes(bytes(30_000_000))
    with VirtualFarm(["virtual-old"]) as farm:
        target = AdbTarget(farm.serials[0], port=farm.adb_port)
        killer = threading.Timer(0.5, farm.stop)
        killer.start()

        def work() -> None:
            for _ in range(2000):
                target.run("sleep 0.01", timeout_s=60)
                target.push([Outgoing(local=tmp_path / "big", remote=f"{TMP}/big")])
                target.pull(f"{TMP}/big", tmp_path / "back")

        with pytest.raises(DeviceError):
            work()
        killer.join()
    with pytest.raises(DeviceError):
        target.push([Outgoing(local=tmp_path / "big", remote=f"{TMP}/big")])
    with pytest.raises(DeviceError):
        target.pull("/x", tmp_path / "y")
