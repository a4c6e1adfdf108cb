"""The device's own story of a trial that failed: its log since the trial began, and the tombstone of a crash."""

from __future__ import annotations

import re
import threading
from pathlib import Path

from harness.devices.adb_target import AdbTarget
from harness.devices.device_config import load_device_configs
from harness.devices.device_folder import BASE_DIR
from harness.devices.inventory import take_inventory
from harness.measuring.failure_logs import collect, left_a_tombstone, read_story
from harness.records import Status
from harness.records.causes import Cause
from harness.virtual.farm import VirtualFarm
from tests.measuring.test_schedule import TRIAL, run

LOG = """--------- beginning of main
11-27 10:00:01.000  1000  1000 I boot    : up
--------- beginning of crash
11-27 10:00:02.000  4321  4321 F libc    : Fatal signal 11 (SIGSEGV)
11-27 10:00:02.100  4400  4400 F DEBUG   : *** ***
11-27 10:00:02.100  4400  4400 F DEBUG   : Cmdline: /data/local/tmp/litert-harness/bin/benchmark_model --graph=x
11-27 10:00:02.100  4400  4400 F DEBUG   : pid: 4321, tid: 4321, name: benchmark_model  >>> benchmark_model <<<
11-27 10:00:03.000  5500  5500 F DEBUG   : *** ***
11-27 10:00:03.000  5500  5500 F DEBUG   : pid: 77, tid: 77, name: cameraserver  >>> cameraserver <<<
"""
FROM_LOG = """*** ***
Cmdline: /data/local/tmp/litert-harness/bin/benchmark_model --graph=x
pid: 4321, tid: 4321, name: benchmark_model  >>> benchmark_model <<<
"""
DROPBOX = f"""Drop box contents: 4 entries

{"=" * 40}
2026-11-27 09:00:00 SYSTEM_TOMBSTONE (compressed text, 9000 bytes)
pid: 4321, tid: 4321, name: before the trial

{"=" * 40}
2026-11-27 10:00:02 SYSTEM_TOMBSTONE (compressed text, 9000 bytes)
Build: phone

pid: 4321, tid: 4321, name: the trial's

{"=" * 40}
2026-11-27 10:00:03 SYSTEM_TOMBSTONE (compressed text, 9000 bytes)
pid: 77, tid: 77, name: of somebody else

"""


def printed(*, pid: str = "4321", began: str = "2026-11-27 10:00:00", **parts: str) -> bytes:
    every = {"pid": pid, "began": began, **parts, "end": ""}
    return "".join(f"\n--8<-- harness abc {name}\n{text}" for name, text in every.items()).encode()


def test_a_crash_has_the_newest_tombstone_of_its_process_since_the_trial_began() -> None:
    story = read_story(printed(logcat=LOG, tombstones="", dropbox=DROPBOX), "abc")
    assert story["logcat"].decode().strip() == LOG.strip()
    assert story["tombstone"] == b"Build: phone\n\npid: 4321, tid: 4321, name: the trial's\n"


def test_a_file_that_root_can_read_comes_first() -> None:
    story = read_story(printed(logcat=LOG, tombstones="pid: 4321, with memory\n", dropbox=DROPBOX), "abc")
    assert story["tombstone"] == b"pid: 4321, with memory\n"


def test_where_android_kept_none_the_log_holds_what_crash_dump_printed() -> None:
    for dropbox in ("", "Can't find service: dropbox\n", DROPBOX.replace("4321", "4322")):
        assert read_story(printed(logcat=LOG, dropbox=dropbox), "abc")["tombstone"].decode() == FROM_LOG


def test_a_process_whose_pid_is_not_known_is_told_by_our_folder() -> None:
    assert read_story(printed(pid="", logcat=LOG, dropbox=""), "abc")["tombstone"].decode() == FROM_LOG


def test_no_tombstone_is_made_up() -> None:
    assert set(read_story(printed(pid="99", logcat=LOG, dropbox=DROPBOX), "abc")) == {"logcat"}
    assert set(read_story(printed(logcat=LOG), "abc")) == {"logcat"}, "none was asked for"
    assert read_story(b"", "abc") == {}


def test_only_some_signals_leave_one() -> None:
    assert left_a_tombstone((Cause.CRASHED,), None)
    assert left_a_tombstone((Cause.OUT_OF_MEMORY,), 134), "abort"
    assert not left_a_tombstone((Cause.KILLED,), 137)
    assert not left_a_tombstone((Cause.UNKNOWN,), 1)
    assert not left_a_tombstone((Cause.DEVICE_LOST,), None)


def test_a_crash_on_a_device_is_kept_with_its_log_and_its_tombstone(tmp_path: Path) -> None:
    crash = {"fault": "crashed", "during": "shell", "match": TRIAL, "nth": 2}
    results = run(tmp_path, crash).of(0)
    assert [result.status for result in results] == [Status.OK, Status.FAILED, Status.OK]
    good, crashed, _ = results
    assert crashed.causes[0] is Cause.CRASHED
    assert not {"logcat", "tombstone"} & set(good.logs)
    assert {"logcat", "tombstone"} < set(crashed.logs)
    log = (tmp_path / "run" / crashed.logs["logcat"]).read_text()
    (line,) = re.findall(
        r"^\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} +(\d+) +\1 F libc    : (Fatal signal .*)$", log, re.MULTILINE
    )
    assert line[1].startswith("Fatal signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x0 in tid ")
    tombstone = (tmp_path / "run" / crashed.logs["tombstone"]).read_text()
    assert f"\npid: {line[0]}, tid: {line[0]}, name: " in tombstone
    assert "benchmark_model" in tombstone
    assert "Build fingerprint: '" in tombstone


def test_the_log_of_an_attempt_that_was_killed_is_kept_although_the_next_one_succeeds(tmp_path: Path) -> None:
    killed = {"fault": "killed", "during": "shell", "match": TRIAL, "nth": 1}
    result = run(tmp_path, killed, processes=1).of(0)[0]
    assert (result.status, result.attempt) == (Status.OK, 1)
    assert {"stdout", "logcat"} < set(result.logs)
    assert "tombstone" not in result.logs, "Android writes none for SIGKILL"
    assert "lowmemorykiller: Kill '" in (tmp_path / "run" / result.logs["logcat"]).read_text()


def test_a_device_that_failed_and_is_back_says_what_happened(tmp_path: Path) -> None:
    full = {"fault": "storage_full", "during": "shell", "match": TRIAL, "nth": 2, "lasts_s": 0.3}
    results = run(tmp_path, full).of(0)
    failed = next(result for result in results if result.status is Status.FAILED)
    assert failed.causes == (Cause.STORAGE_FULL,)
    assert set(failed.logs) == {"logcat"}
    assert (tmp_path / "run" / failed.logs["logcat"]).read_text().startswith("--------- beginning of main\n")


def test_root_reads_the_file_of_the_trials_own_process_if_it_is_newer_than_the_trial() -> None:
    folder = f"{BASE_DIR}/run/t"
    with VirtualFarm(["virtual-midrange"]) as farm:
        target = AdbTarget(farm.serials[0], port=farm.adb_port)
        root = take_inventory(target, load_device_configs()).become_root
        assert root, "this device has su"
        made = target.run(
            f"mkdir -p {folder} /data/tombstones && cd /data/tombstones && echo 4321 >{folder}/pid\n"
            'n=0; for pid in 77 4321 4321; do echo "pid: $pid, number $n" >tombstone_0$n; n=$((n+1)); done\n'
            f"touch -t 202601010000 tombstone_01; touch -t 202601020000 {folder}/pid; touch -t 202601030000 tombstone_02",
            timeout_s=20,
        )
        assert made.exit_code == 0, made

        def tombstone(*, wanted: bool = True) -> bytes | None:
            cancel = threading.Event()
            return collect(target, folder, ago_s=5.0, tombstone=wanted, root=root, cancel=cancel).get("tombstone")

        assert tombstone() == b"pid: 4321, number 2\n"
        assert tombstone(wanted=False) is None
        target.run("rm /data/tombstones/tombstone_02", timeout_s=20)
        assert tombstone() is None, "what is left is older than the trial, or another process's"


def test_a_device_that_is_gone_tells_nothing_and_disturbs_nothing(no_server_port: int) -> None:
    target = AdbTarget("x", port=no_server_port)
    assert collect(target, "/x", ago_s=1.0, tombstone=True, root=None, cancel=threading.Event()) == {}
