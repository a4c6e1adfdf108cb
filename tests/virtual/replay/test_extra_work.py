"""The slow look-alike: its file carries the slowdown, it works for it, and it says so. And a file of another hash that does the same."""

from __future__ import annotations

import subprocess
import time
from hashlib import sha256
from pathlib import Path

import pytest

from harness.benchmark_model import parse_output
from harness.litert_host.extra_work import ExtraWorkSession
from harness.litert_host.launcher import content_digest, content_named_in, launcher_text
from harness.litert_host.library import Library
from harness.records import Status
from harness.virtual.replay.replay_launcher import recordings_named_in, replay_digest, write_launcher
from tests.model_files import shipped

INFERENCE_NS = 2_000_000


def work() -> int:
    """An inference that takes this much of the processor, however busy it is."""
    until = time.thread_time_ns() + INFERENCE_NS
    while time.thread_time_ns() < until:
        pass
    return 0


def test_it_works_as_much_longer_as_it_is_asked_to() -> None:
    session = ExtraWorkSession(Library(), 2.0)
    session._run, session._arguments = work, ()  # type: ignore[assignment]  # in LiteRT's place
    began = time.thread_time_ns()
    status, elapsed_us = session.run()
    worked = time.thread_time_ns() - began
    assert status == 0
    assert worked >= 3 * INFERENCE_NS
    assert elapsed_us >= 3 * INFERENCE_NS // 1000  # the time is that of both


def test_a_failed_inference_stays_one() -> None:
    session = ExtraWorkSession(Library(), 0.1)
    session._run, session._arguments = (lambda: 7), ()  # type: ignore[assignment]  # likewise
    assert session.run()[0] == 7


def test_the_slow_program_runs_the_model_and_says_what_it_does(tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    write_launcher(slow, extra_work=0.1)
    flags = ["--num_runs=2", "--min_secs=0", "--warmup_min_secs=0"]
    for replay in ("", "gpu=gpu_full"):
        done = subprocess.run(
            [slow, f"--graph={shipped('cnn_fp32.tflite')}", *flags],
            env={"HARNESS_REPLAY": replay},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert b"INFO: Extra work: 10% of the time of each inference" in done.stdout
        read = parse_output(stdout=done.stdout, stderr=done.stderr, exit_code=0)
        assert read.status is Status.OK


def test_files_differ_where_what_they_do_or_are_called_differs(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("plain", "plain_again", "slow", "slower", "other")]
    for path, options in zip(
        paths, ({}, {}, {"extra_work": 0.1}, {"extra_work": 0.2}, {"build": "night-9"}), strict=True
    ):
        write_launcher(path, **options)  # type: ignore[arg-type]
    plain, again, slow, slower, other = (sha256(path.read_bytes()).hexdigest() for path in paths)
    assert plain == again
    assert len({plain, slow, slower, other}) == 4
    commands = [[line for line in path.read_text().splitlines() if not line.startswith("#")] for path in paths]
    assert commands[0] == commands[4] != commands[2]


def test_a_launcher_names_the_code_that_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "slow"
    write_launcher(path, extra_work=0.1, build="a.b-1")
    assert content_named_in(path.read_bytes()) == content_digest()
    assert recordings_named_in(path.read_bytes()) == replay_digest()
    assert content_named_in(b"#!/bin/sh\nexit 0\n") is None
    assert recordings_named_in(b"#!/bin/sh\nexit 0\n") is None


@pytest.mark.parametrize(
    "options", [{"build": "a\nb"}, {"build": "a b"}, {"extra_work": -0.1}, {"extra_work": float("nan")}]
)
def test_what_would_not_be_such_a_program_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a"):
        launcher_text(**options)  # type: ignore[arg-type]
