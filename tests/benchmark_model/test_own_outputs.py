"""Our own runs are read by `parse_output` alone: it takes an output as our shell delivered it, and nothing from `foreign/`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.benchmark_model import parse_output, to_json
from harness.benchmark_model.foreign import read_foreign_log
from tests.benchmark_model.outputs import GOOD, RUN, START, TIMINGS
from tests.benchmark_model.recorded import host_names, other_log, other_names, streams

LOGCAT = "007-mi11-yolov5s-int8-nnapi-dsp-logcat-crash"
"""The only log of `others/` that is not what a shell printed."""
NO_WORD = "exit code 1, and no message that says why"


@pytest.mark.parametrize("name", host_names())
def test_every_log_of_our_own_says_the_same_to_both_readers(name: str) -> None:
    stdout, stderr, code = streams(name)
    ours = parse_output(stdout.encode(), stderr=stderr.encode(), exit_code=code)
    assert ours == read_foreign_log(stdout, stderr=stderr, exit_code=code).parsed


@pytest.mark.parametrize("name", [name for name in other_names() if name != LOGCAT])
def test_what_phones_and_their_drivers_print_in_a_shell_needs_no_tolerance(name: str) -> None:
    log, _ = other_log(name)
    assert parse_output(log) == read_foreign_log(log).parsed


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "INFO: ",
        "VERBOSE: ",
        "INFO: [./litert/tools/benchmark_model.cc:76] ",
        "I0000 00:00:1718000000.123456   12345 benchmark_model.cc:76] ",
        "2018-09-10 12:36:26.109144: I tensorflow/lite/tools/benchmark/benchmark_model.cc:76] ",
        "native : benchmark_model.cc:76 ",
    ],
)
def test_prefixes_of_the_tool_s_own_loggers(prefix: str) -> None:
    got = parse_output("".join(f"{prefix}{line}\n" for line in GOOD.split("\n")))
    assert got == parse_output(GOOD)
    assert got.measurement.inference_avg_us == 101.5


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("E0000 00:00:1718000000.123456   12345 x.cc:76] it broke", "it broke"),
        ("2018-09-10 12:36:26.109144: E tensorflow/x.cc:76] it broke", "it broke"),
        ("ERROR: [litert/x.cc:76] it broke", "it broke"),
        ("native : x.cc:76 ERROR: it broke", "it broke"),
        ("INFO: it broke", NO_WORD),
        ("[DriverLog:257] ERROR: it broke", NO_WORD),
    ],
)
def test_the_level_is_read_from_the_prefix(line: str, message: str) -> None:
    assert parse_output(f"{START}{line}\nERROR: Benchmarking failed.\n", exit_code=1).message == message


def test_chatter_of_drivers_between_any_two_lines() -> None:
    chatter = "[    3] AXI_READ_BANDWIDTH  (MByte): 0.25\nW [query_hardware_caps:71]Unsupported evis version\nloaded libcdsprpc.so\n"
    text = "".join(f"{line}\n{chatter}" for line in GOOD.rstrip("\n").split("\n"))
    assert parse_output(text) == parse_output(GOOD)


def test_what_only_strangers_need_is_not_done_to_our_own() -> None:
    another = START + RUN.replace("101.5", "222.5") + TIMINGS.replace("101.5", "222.5")
    assert parse_output(GOOD + another).measurement.inference_avg_us == 101.5
    broken = GOOD.replace("(avg): 101.5", "(avg): 10\n1.5")
    for text in (broken, "".join(f"| {line} |\n" for line in GOOD.split("\n")), GOOD.replace("\n", "\\n")):
        assert parse_output(text).measurement.inference_avg_us is None
        assert read_foreign_log(text).parsed.measurement.inference_avg_us == 101.5


def test_bytes_that_are_no_text_lose_nothing_around_them() -> None:
    data = b"\xff\xfe\x00 binary\n" + GOOD.encode() + b"\x80\x81"
    assert to_json(parse_output(data))["inference_avg_us"] == 101.5


def test_what_runs_on_a_device_imports_nothing_for_foreign_logs() -> None:
    code = (
        "import sys, harness.measuring.block_run, harness.measuring.schedule\n"
        "harness.measuring.block_run.parse_output(''); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "harness.benchmark_model.parser" in done.stdout.split()
    assert not [name for name in done.stdout.split() if name.startswith("harness.benchmark_model.foreign")]
