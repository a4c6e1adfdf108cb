"""What a virtual device logs, and what it keeps of a native crash."""

from __future__ import annotations

import re
import time

import pytest

from harness.virtual.android.dropbox import DropBoxEntry, dropbox
from harness.virtual.android.logcat import LogBuffer
from harness.virtual.android.native_crash import keep_tombstone, log_crash, tombstone_of
from harness.virtual.android.state import boot_state
from tests.virtual.android.test_commands import Phone, state_of

PROGRAM = "/data/local/tmp/litert-harness/blobs/0-benchmark_model"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in seconds since the epoch; a test moves it on."""
    now = [time.mktime((2026, 11, 27, 10, 0, 0, 0, 0, -1))]
    monkeypatch.setattr("harness.virtual.android.logcat.time.time", lambda: now[0])
    return now


def logged(clock: list[float]) -> LogBuffer:
    log = LogBuffer()
    log.write("boot", "up")
    clock[0] += 1.25
    log.write("libc", "Fatal signal", level="F", pid=77, buffer="crash")
    clock[0] += 1
    log.write("a_long_tag", "later")
    return log


def test_lines_are_as_threadtime_prints_them(clock: list[float]) -> None:
    assert logged(clock).answer(["-d", "-v", "threadtime"]).out == (
        "--------- beginning of main\n"
        "11-27 10:00:00.000  1000  1000 I boot    : up\n"
        "--------- beginning of crash\n"
        "11-27 10:00:01.250    77    77 F libc    : Fatal signal\n"
        "11-27 10:00:02.250  1000  1000 I a_long_tag: later\n"
    )


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["-T", "11-27 10:00:01.250"], ["Fatal signal", "later"]),
        (["-T", "11-27 10:00:01.251"], ["later"]),
        (["-T", "2026-11-27 10:00:00.000"], ["up", "Fatal signal", "later"]),
        (["-T", "11-27 10:00:03.000"], []),
        (["-t", "2"], ["Fatal signal", "later"]),
        (["-T", "0"], []),
        (["-b", "crash"], ["Fatal signal"]),
        (["-b", "main,system"], ["up", "later"]),
        (["-b", "all"], ["up", "Fatal signal", "later"]),
    ],
)
def test_it_can_begin_late_and_be_of_one_buffer(
    words: list[str], shown: list[str], clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = logged(clock)
    monkeypatch.setattr("harness.virtual.android.logcat._this_year", lambda: 2026)
    answer = log.answer(["-d", *words])
    assert answer.code == 0
    found = [line.partition(": ")[2] for line in answer.out.splitlines() if not line.startswith("---")]
    assert found == shown


def test_what_it_does_not_understand_it_refuses() -> None:
    for words in (
        [],
        ["-d", "-v", "brief"],
        ["-d", "-T", "yesterday"],
        ["-d", "-b", "radio"],
        ["-d", "-x"],
        ["-d", "*:S"],
    ):
        answer = LogBuffer().answer(words)
        assert (answer.out, answer.code) == ("", 1), words
        assert answer.err, words


def test_clearing_one_buffer_leaves_the_others(clock: list[float]) -> None:
    log = logged(clock)
    log.answer(["-b", "crash", "-c"])
    assert "Fatal" not in log.answer(["-d"]).out
    assert "later" in log.answer(["-d"]).out


def test_lines_can_be_taken_back() -> None:
    log = LogBuffer()
    first, second = log.write("tag", "same"), log.write("tag", "same")
    log.take_back([second])
    log.write("tag", "other")
    assert log.answer(["-d"]).out.count("same") == 1
    log.take_back([first])
    assert "same" not in log.answer(["-d"]).out


def test_a_crash_is_told_in_the_log_and_kept_over_a_reboot() -> None:
    phone = Phone()
    words = [PROGRAM, "--graph=x"]
    tombstone = tombstone_of(phone.state, 4321, words)
    lines = log_crash(phone.state, 4321, words, tombstone)
    keep_tombstone(phone.state, tombstone)
    log = phone.out("logcat", "-d", "-b", "crash")
    assert re.search(
        r" 4321  4321 F libc    : Fatal signal 11 \(SIGSEGV\), code 1 \(SEGV_MAPERR\), fault addr 0x0 in tid", log
    )
    printed = [line.partition("F DEBUG   : ")[2] for line in log.splitlines() if "F DEBUG" in line]
    kept = phone.out("dumpsys", "dropbox", "--print", "SYSTEM_TOMBSTONE")
    assert "\n".join(printed) in kept, "the log and the tombstone say the same"
    assert f"pid: 4321, tid: 4321, name: 0-benchmark_mod  >>> {PROGRAM} <<<" in printed
    assert f"Build fingerprint: '{phone.state.properties['ro.build.fingerprint']}'" in printed
    phone.state.log.take_back(lines)
    assert "Fatal" not in phone.out("logcat", "-d")


def test_the_dropbox_is_searched_by_date_and_tag() -> None:
    entries = [DropBoxEntry(0.0, "system_app_anr", "anr"), DropBoxEntry(0.0, "SYSTEM_TOMBSTONE", "*** ***\npid: 1")]
    day = entries[0].date[:10]
    found = dropbox(entries, ["--print", day, "SYSTEM_TOMBSTONE"]).out
    assert f"{'=' * 40}\n{entries[1].date} SYSTEM_TOMBSTONE (text, 14 bytes)\n*** ***\npid: 1\n" in found
    assert "anr" not in found
    assert "    *** ***/pid: 1\n" in dropbox(entries, []).out
    assert dropbox(entries, ["--print", "nothing"]).out.endswith("(No entries found.)\n")
    assert dropbox([], ["--nonesuch"]).out.startswith("Unknown argument: --nonesuch\n")


def test_reports_outlive_a_reboot_and_the_log_does_not() -> None:
    before = state_of("virtual-midrange")
    keep_tombstone(before, tombstone_of(before, 1, [PROGRAM]))
    before.log.write("tag", "before")
    after = boot_state(
        before.config, serial="serial-1", clock_scale=1.0, seed=1, boot_count=1, host_cpus=(0, 1), before=before
    )
    assert [entry.tag for entry in after.dropbox] == ["SYSTEM_TOMBSTONE"]
    assert "before" not in after.log.answer(["-d"]).out
