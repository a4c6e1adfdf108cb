from __future__ import annotations

import shutil
import subprocess

import pytest

from harness.virtual.android.taskset import device_mask, host_mask, taskset

EIGHT_ON_TWO = {core: core % 2 for core in range(8)}


def ask(*words: str, affinity: int | None = 0xFF) -> tuple[str, str, int, str | None, int | None]:
    asked = taskset(list(words), own_pid=42, cpu_map=EIGHT_ON_TWO, affinity=lambda pid: affinity)
    return asked.answer.out, asked.answer.err, asked.answer.code, asked.answer.directive, asked.mask


@pytest.mark.parametrize(
    ("words", "directive", "mask"),
    [
        (("f0", "prog", "-x"), "run 3 1", 0xF0),
        (("80", "prog"), "run 2 1", 0x80),
        (("1", "--", "prog"), "run 1 1", 0x1),
        (("-a", "A", "prog"), "run 2 2", 0xA),
        (("--", "f", "prog"), "run 3 2", 0xF),
        (("fff", "prog"), "run 3 1", 0xFFF),
    ],
)
def test_masks_that_are_taken(words: tuple[str, ...], directive: str, mask: int) -> None:
    assert ask(*words) == ("", "", 0, directive, mask)


def test_a_pid_is_read_and_set() -> None:
    assert ask("-p", "7") == ("pid 7's current affinity mask: ff\n", "", 0, None, None)
    out, err, code, directive, mask = ask("-ap", "10", "7")
    assert out == "pid 7's current affinity mask: ff\npid 7's new affinity mask: 55\n"
    assert (err, code, directive, mask) == ("", 0, "set 1 -ap 7", 0x10)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("0xf0", "true"), "bad mask '0xf0'"),
        (("zz", "true"), "bad mask 'zz'"),
        (("0", "true"), "failed to set pid 42's affinity: Invalid argument"),
        (("", "true"), "failed to set pid 42's affinity: Invalid argument"),
        (("100", "true"), "failed to set pid 42's affinity: Invalid argument"),
        (("-c", "0", "true"), "Unknown option 'c' (see \"taskset --help\")"),
        (("--cpu-list", "0", "true"), "Unknown option 'cpu-list' (see \"taskset --help\")"),
        ((), 'Needs 1 argument (see "taskset --help")'),
        (("-p",), 'Needs 1 argument (see "taskset --help")'),
        (("1",), "Needs 2 args"),
        (("-p", "zz"), "Not int zz"),
        (("-p", "1", "7", "extra"), "Not int extra"),
    ],
)
def test_what_is_refused(words: tuple[str, ...], message: str) -> None:
    assert ask(*words)[1:3] == (f"taskset: {message}\n", 1)


def test_a_pid_that_is_not_there() -> None:
    assert ask("-p", "9", affinity=None)[1] == "taskset: failed to get pid 9's affinity: No such process\n"


@pytest.mark.parametrize(
    "words",
    [
        ("0xf0", "true"),
        ("zz", "true"),
        ("-c", "0", "true"),
        ("-x", "1", "true"),
        ("--cpu-list", "0"),
        (),
        ("-p",),
        ("1",),
        ("-p", "zz"),
    ],
)
def test_the_words_are_those_of_the_real_toybox(words: tuple[str, ...]) -> None:
    toybox = shutil.which("toybox")
    if toybox is None:
        pytest.skip("needs the system package toybox")
    real = subprocess.run([toybox, "taskset", *words], capture_output=True, text=True, timeout=60)
    assert ask(*words)[:3] == (real.stdout, real.stderr, real.returncode)


def test_masks_go_to_the_host_and_back() -> None:
    assert host_mask(0xF0, EIGHT_ON_TWO) == 0b11
    assert host_mask(0x54, EIGHT_ON_TWO) == 0b01
    assert host_mask(0xF00, EIGHT_ON_TWO) == 0
    assert device_mask(0b10, EIGHT_ON_TWO) == 0xAA
    assert host_mask(0x3, {0: 5, 1: 9}) == 1 << 5 | 1 << 9
