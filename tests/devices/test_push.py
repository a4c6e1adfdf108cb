"""Our folder on a device, against virtual ones."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.devices.adb_target import AdbTarget
from harness.devices.device_folder import BASE_DIR
from harness.devices.lease import (
    LEASE_LOST,
    _open_script,
    close_folder,
    open_folder,
    renew_script,
)
from harness.devices.push import Blob, push_missing
from harness.errors import CommandFailed, DeviceBusy, DeviceError, PushFailed
from harness.files.process_scope import pids_of_this_process
from harness.measuring.trial_script import HELD, BlockScript, TrialScript, kill_script
from harness.virtual.farm import VirtualFarm


@pytest.fixture
def target(farm: VirtualFarm) -> Iterator[AdbTarget]:
    device = AdbTarget(farm.serials[0], port=farm.adb_port)
    yield device
    device.run(f"rm -rf {BASE_DIR}", timeout_s=60)


def blob(folder: Path, data: bytes) -> Blob:
    path = folder / "file"
    path.write_bytes(data)
    return Blob(path=path, sha256=hashlib.sha256(data).hexdigest(), size=len(data), executable=True)


GONE = 2**22 - 3
"""No process has this id: it is nearly the greatest that there can be."""


def lease_of(target: AdbTarget, *, pid: int, host: str, pids: str = "", left_s: int = 300) -> None:
    target.run(
        f"mkdir -p {BASE_DIR}; read up r </proc/uptime; read b </proc/sys/kernel/random/boot_id;"
        f" echo other $((${{up%.*}}+{left_s})) $b me@{host}:{pid}{pids and ':' + pids} >{BASE_DIR}/lease",
        timeout_s=20,
    )


def test_a_file_is_pushed_once_and_is_executable(target: AdbTarget, tmp_path: Path) -> None:
    file = blob(tmp_path, b"#!/bin/sh\necho it runs\n")
    assert open_folder(target, owner="a").blobs == {}
    assert push_missing(target, [file], {}) == [file]
    present = open_folder(target, owner="a").blobs
    assert present == {Path(file.remote).name: file.size}
    assert push_missing(target, [file], present) == []
    assert target.run(file.remote, timeout_s=60).stdout == b"it runs\n"


def test_what_arrives_changed_never_gets_its_name(target: AdbTarget, tmp_path: Path) -> None:
    file = blob(tmp_path, b"x" * 1000)
    file.path.write_bytes(b"y" * 1000)
    open_folder(target, owner="a")
    with pytest.raises(PushFailed):
        push_missing(target, [file], {})
    assert open_folder(target, owner="a").blobs == {}


def test_a_live_holder_is_named_and_a_dead_one_that_we_can_see_is_not_waited_for(target: AdbTarget) -> None:
    here = pids_of_this_process()
    lease_of(target, pid=os.getpid(), host=socket.gethostname(), pids=here)
    with pytest.raises(DeviceBusy, match=f"pid {os.getpid()}"):
        open_folder(target, owner="a")
    lease_of(target, pid=1, host="another-machine")
    with pytest.raises(DeviceBusy, match="another-machine"):
        open_folder(target, owner="a")
    lease_of(target, pid=GONE, host=socket.gethostname(), pids=here)
    open_folder(target, owner="a")
    lease_of(target, pid=1, host="another-machine", left_s=-1)
    open_folder(target, owner="a")


@pytest.mark.parametrize(
    "pids",
    [
        "",
        f"{pids_of_this_process()}1",
        re.sub("^.{8}", "01234567", pids_of_this_process()),
        pids_of_this_process().replace(".", "." * 2),
    ],
    ids=["an older harness", "another namespace", "another boot", "nonsense"],
)
def test_a_process_that_we_cannot_see_is_alive_whatever_its_host_is_called(target: AdbTarget, pids: str) -> None:
    lease_of(target, pid=GONE, host=socket.gethostname(), pids=pids)
    with pytest.raises(DeviceBusy, match=f"pid {GONE}"):
        open_folder(target, owner="a")


def test_a_session_in_another_container_keeps_its_device(target: AdbTarget, farm: VirtualFarm) -> None:
    """The same host name, process ids of its own, and it still runs: as containers on the host's network are."""
    opens = (
        "from harness.devices.adb_target import AdbTarget; from harness.devices.lease import open_folder;"
        f" open_folder(AdbTarget({farm.serials[0]!r}, port={farm.adb_port}), owner='container');"
        " print('has it', flush=True); input()"
    )
    words = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", sys.executable, "-c", opens]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as container:
        assert container.stdout is not None
        assert container.stdout.readline() == "has it\n"
        with pytest.raises(DeviceBusy):
            open_folder(target, owner="a")
        container.communicate("\n")


def test_a_dead_holder_s_lease_is_not_taken_from_who_took_it_meanwhile(target: AdbTarget) -> None:
    lease_of(target, pid=1, host="the-next")
    output = target.run(_open_script("a", dead=f"me@{socket.gethostname()}:{GONE}"), timeout_s=60)
    assert output.stdout.startswith(b"held other me@the-next:1 ")


def test_of_two_sessions_at_once_one_gets_the_device(farm: VirtualFarm, target: AdbTarget) -> None:
    for _ in range(5):
        target.run(f"rm -rf {BASE_DIR}", timeout_s=60)
        outcomes: list[str] = []
        barrier = threading.Barrier(3)

        def take(name: str, barrier: threading.Barrier = barrier, outcomes: list[str] = outcomes) -> None:
            mine = AdbTarget(farm.serials[0], port=farm.adb_port)
            barrier.wait()
            try:
                open_folder(mine, owner=name)
                outcomes.append("has it")
            except DeviceError as error:
                outcomes.append(type(error).__name__)

        threads = [threading.Thread(target=take, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["DeviceBusy", "DeviceBusy", "has it"]


def test_a_lease_that_is_being_renewed_is_held(target: AdbTarget, farm: VirtualFarm) -> None:
    """A shell that writes a file empties it first: who looks in between must not take the device.

    The lease is a FIFO here: the first look of each session finds it empty, the next one the line, however slow either side is.
    """
    lease_of(target, pid=os.getpid(), host=socket.gethostname())
    target.run(f"cd {BASE_DIR}; mv lease whole; mkfifo lease; : >go", timeout_s=20)
    # Until it is told to end: a look that comes between the two may cost a line, and there must be another for the next.
    renewing = f"cd {BASE_DIR}; while [ -e go ]; do : >lease; sleep 0.05; cat whole >lease; done 2>/dev/null; : >ended"
    other = AdbTarget(farm.serials[0], port=farm.adb_port)
    renewer = threading.Thread(target=lambda: other.run(renewing, timeout_s=200))
    renewer.start()
    try:
        for _ in range(4):
            with pytest.raises(DeviceBusy):
                open_folder(target, owner="second")
    finally:
        # Somebody who has it open for both lets every writer through.
        target.run(f"cd {BASE_DIR}; rm go; exec 3<>lease; while [ ! -e ended ]; do sleep 0.05; done", timeout_s=100)
        renewer.join()


def test_a_lease_that_a_crash_left_empty_is_nobody_s(target: AdbTarget) -> None:
    target.run(f"mkdir -p {BASE_DIR}; : >{BASE_DIR}/lease", timeout_s=60)
    assert open_folder(target, owner="a").blobs == {}


def test_a_session_that_lost_its_lease_is_told_before_it_measures(target: AdbTarget) -> None:
    open_folder(target, owner="a")
    lease_of(target, pid=1, host="another-machine")
    assert target.run(renew_script("a", 60) + "echo measured", timeout_s=60).exit_code == LEASE_LOST
    assert target.run(renew_script("other", 60) + "echo measured", timeout_s=60).stdout == b"measured\n"


def test_closing_leaves_only_the_pushed_files_and_only_ones_own_lease_goes(target: AdbTarget) -> None:
    open_folder(target, owner="a")
    close_folder(target, owner="b")
    assert b"lease" in target.run(f"ls {BASE_DIR}", timeout_s=60).stdout
    close_folder(target, owner="a")
    assert target.run(f"ls {BASE_DIR}", timeout_s=60).stdout.split() == [b"blobs"]


@pytest.mark.parametrize("file", ["pid", "group", "shell"])
@pytest.mark.parametrize("ended_by", [open_folder, close_folder], ids=["the next session", "its own end"])
def test_a_leftover_is_ended(target: AdbTarget, ended_by: Callable[..., object], file: str) -> None:
    """Of a session that crashed, or of an attempt whose device was lost, where no other followed."""
    open_folder(target, owner="a")
    target.run(
        f"mkdir -p {BASE_DIR}/run/x; cp /system/bin/toybox {BASE_DIR}/sleep; cd {BASE_DIR}/run/x;"
        f" trap '' HUP; {BASE_DIR}/sleep 60 >/dev/null 2>&1 </dev/null & echo $! >{BASE_DIR}/run/x/{file}",
        timeout_s=20,
    )
    pid = target.run(f"cat {BASE_DIR}/run/x/{file}", timeout_s=60).stdout.decode().strip()
    assert target.run(f"[ -d /proc/{pid} ]", timeout_s=60).exit_code == 0
    ended_by(target, owner="a")
    deadline = time.monotonic() + 60
    while target.run(f"[ -d /proc/{pid} ]", timeout_s=60).exit_code == 0:
        assert time.monotonic() < deadline, "it still runs"


def test_a_trial_that_is_stopped_before_it_began_never_begins(target: AdbTarget) -> None:
    open_folder(target, owner="a")
    folder = f"{BASE_DIR}/run/t"
    trial = TrialScript(
        folder=folder,
        program="/system/bin/sh",
        flags=["-c", "echo ran"],
        mask=1,
        other_mask=0,
        timeout_s=10,
        frequency_paths={},
    )
    script = BlockScript(trials=[trial], nonce="abc")
    assert b"gone" in target.run(kill_script(script), timeout_s=60).stdout
    output = target.run(script.text(), timeout_s=30)
    assert (output.exit_code, output.stdout) == (HELD, b"")


def test_a_folder_that_cannot_be_written_is_said(target: AdbTarget) -> None:
    target.run(f"rm -rf {BASE_DIR}; echo x >{BASE_DIR}", timeout_s=60)
    with pytest.raises(CommandFailed):
        open_folder(target, owner="a")
