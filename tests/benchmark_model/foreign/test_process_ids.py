"""A log of several processes at once: their lines are told apart by the process id."""

from __future__ import annotations

import random
from typing import Any

import pytest

from harness.benchmark_model import to_json
from harness.benchmark_model.foreign import read_foreign_logs
from harness.benchmark_model.foreign.process_ids import split_by_process
from harness.benchmark_model.foreign.processes import MIXED
from tests.benchmark_model.foreign.logs import read
from tests.benchmark_model.outputs import GOOD, MEMORY, START
from tests.benchmark_model.recorded import CASES

FORMS = {
    "threadtime": "05-30 15:16:44.601 {pid:>5} {pid:>5} I tflite  : ",
    "uid and year": "2022-05-30 15:16:44.601 +0000  2000 {pid:>5} {pid:>5} I tflite  : ",
    "time": "05-30 15:16:44.601 I/tflite  ({pid:>5}): ",
    "brief": "I/tflite  ({pid:>5}): ",
    "studio to 2022": "2022-05-30 15:16:44.601 {pid}-{pid}/? I/tflite: ",
    "studio": "2022-05-30 15:16:44.601 {pid}-{pid} tflite   org.tensorflow.lite.benchmark   I  ",
    "epoch": "  1653923804.601 {pid:>5} {pid:>5} I tflite  : ",
    "long": "[ 05-30 15:16:44.601 {pid:>5}:{pid:>5} I/tflite   ]\n",
    "syslog": "May 30 15:16:44 imx8 benchmark_model[{pid}]: ",
}


def processes(text: str) -> dict[int | None, dict[str, Any]]:
    return {log.pid: to_json(log.parsed) for log in read_foreign_logs(text)}


def shuffled(prefix: str, outputs: dict[int, str], seed: int) -> str:
    """The lines of several outputs, each with its process id, in an order in which the processes may have printed them."""
    queues = {
        pid: [prefix.format(pid=pid) + line + "\n" for line in text.rstrip("\n").split("\n")]
        for pid, text in outputs.items()
    }
    draw = random.Random(seed)
    lines = []
    while waiting := [pid for pid, queue in queues.items() if queue]:
        lines.append(queues[draw.choice(waiting)].pop(0))
    return "".join(lines)


@pytest.mark.parametrize("name", ["16-interleaved", "16-interleaved-nnapi-last", "16-mixed"])
def test_two_processes_are_told_apart(name: str) -> None:
    got = processes((CASES / f"{name}.log").read_text())
    assert set(got) == {3380, 4411}
    assert (got[3380]["inference_avg_us"], got[3380]["runs"]["count"]) == (12167.6, 75)
    assert got[3380]["memory"]["overall_delta_mb"] == 6.1
    assert [use["name"] for use in got[3380]["delegates"]] == ["NNAPI"]
    assert (got[4411]["inference_avg_us"], got[4411]["runs"]["count"]) == (21703.2, 50)
    assert got[4411]["memory"]["overall_delta_mb"] == 31.5
    assert [(use["name"], use["applied"]) for use in got[4411]["delegates"]] == [("XNNPACK", "implicit")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(3))
def test_every_form_that_has_the_process(form: str, seed: int) -> None:
    outputs = {77: GOOD + MEMORY, 4411: (GOOD + MEMORY).replace("101.5", "222.5").replace("38.8", "99.8")}
    got = processes(shuffled(FORMS[form], outputs, seed))
    figures = {pid: (one["inference_avg_us"], one["memory"]["overall_delta_mb"]) for pid, one in got.items()}
    assert figures == {77: (101.5, 38.8008), 4411: (222.5, 99.8008)}
    assert all(one["status"] == "ok" for one in got.values())


def test_the_last_to_end_stands_for_the_log_and_the_others_are_named() -> None:
    got = read((CASES / "16-mixed.log").read_text())
    assert got["inference_avg_us"] == 12167.6
    assert got["notes"] == [
        "the output holds 2 runs of the tool, of the processes 4411, 3380; only the last to end, of 3380, is read"
    ]


def test_a_crash_is_of_the_process_that_it_names() -> None:
    prefix = FORMS["threadtime"]
    text = shuffled(prefix, {77: GOOD, 4411: START}, 1)
    crash = "05-30 15:16:50.001   999   999 F DEBUG   : pid: 4411, tid: 4411, name: benchmark_model  >>> ./benchmark_model <<<\n"
    got = processes(text + crash)
    assert (got[77]["status"], got[4411]["status"]) == ("ok", "failed")
    assert got[4411]["causes"] == ["crashed"]


def test_the_runtime_of_another_app_is_not_the_tool_s() -> None:
    mine, other = FORMS["threadtime"].format(pid=77), FORMS["threadtime"].format(pid=900)
    lines = [mine + line + "\n" for line in GOOD.rstrip("\n").split("\n")]
    lines.insert(3, other + "Failed to apply GPU delegate.\n")
    got = read("".join(lines))
    assert (got["status"], got["delegates"], got["inference_avg_us"]) == ("ok", [], 101.5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "one line",
        GOOD,
        FORMS["threadtime"].format(pid=7) + "nothing of the tool\n" + FORMS["threadtime"].format(pid=8) + "x\n",
        FORMS["threadtime"].format(pid=7) + "Initialized TensorFlow Lite runtime.\n" + GOOD,
        shuffled(FORMS["threadtime"], {7: GOOD}, 1),
    ],
)
def test_a_log_of_one_process_stays_whole(text: str) -> None:
    assert split_by_process(text) == [(None, text)]


def test_processes_without_ids_whose_lines_alternate_are_refused() -> None:
    first, second = GOOD.rstrip("\n").split("\n"), GOOD.replace("101.5", "222.5").rstrip("\n").split("\n")
    mixed = first[:3] + second[:5] + first[3:] + second[5:]
    got = read("\n".join(mixed) + "\n")
    assert (got["status"], got["causes"], got["message"]) == ("failed", ["unknown"], MIXED)
    one_was_killed = read("\n".join(first[:3] + second) + "\n")
    assert (one_was_killed["status"], one_was_killed["inference_avg_us"]) == ("ok", 222.5)


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_number_that_changes_with_every_line_counts_lines(end: str) -> None:
    """Also where the last line is one that only the tool prints, and a line end stands behind it."""
    counted = (
        "\n".join(f"job[{number}]: {line}" for number, line in enumerate(GOOD.rstrip("\n").split("\n"), 100)) + end
    )
    assert split_by_process(counted) == [(None, counted)]


def test_a_log_in_which_every_line_has_an_id_is_told_apart() -> None:
    """Not even the empty text behind the last line end is without."""
    text = shuffled(FORMS["threadtime"], {11: GOOD.replace("\n\n", "\n"), 12: GOOD.replace("\n\n", "\n")}, seed=1)
    assert [pid for pid, _ in sorted(split_by_process(text.rstrip("\n")))] == [11, 12]
