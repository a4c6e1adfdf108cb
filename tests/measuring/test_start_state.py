from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.benchmark_model.command_line import BinaryFacts, CachePlace
from harness.measuring.start_state import CACHE_DIR, cache_place, fill_script, is_filled
from harness.records import CpuRequest, DelegateRequest, ModelRef, Purpose, RunLengths, StartState, Trial


def trial(start: StartState, delegate: DelegateRequest | None = None, sha256: str = "ab" * 32) -> Trial:
    return Trial(
        trial_id="t",
        device="d",
        model=ModelRef(name="m", path="/m", sha256=sha256, size_bytes=1),
        delegate=delegate or DelegateRequest(name="gpu"),
        threads=1,
        cpus=CpuRequest(label="all", mask=1),
        purpose=Purpose.LATENCY,
        process=0,
        block=0,
        run=RunLengths(timeout_s=20),
        start=start,
    )


def place(start: StartState, **changes: object) -> CachePlace:
    found = cache_place(trial(start, **changes), program_sha256="p", folder="/run/t")  # type: ignore[arg-type]  # forwarded
    assert found is not None
    return found


def test_a_warm_start_names_no_cache() -> None:
    assert cache_place(trial("warm"), program_sha256="p", folder="/run/t") is None


def test_a_cold_cache_lies_in_the_folder_that_is_emptied() -> None:
    assert place("cold").folder == "/run/t"


def test_a_filled_cache_belongs_to_one_model_binary_and_delegate() -> None:
    one = place("cached")
    assert one.folder.startswith(CACHE_DIR + "/")
    assert one.token.startswith("ab" * 8)
    fp16 = DelegateRequest(name="gpu", options={"precision": "fp16"})
    other_binary = cache_place(trial("cached"), program_sha256="q", folder="/run/t")
    assert other_binary is not None
    others = [place("cached", sha256="cd" * 32), place("cached", delegate=fp16), other_binary]
    assert len({one.folder, *(other.folder for other in others)}) == 4


def fill(tmp_path: Path, body: str) -> tuple[bool, int]:
    """Fill a cache with a program of this body; says whether it is filled, and how often the program has run."""
    program, cache = tmp_path / "program", CachePlace(folder=str(tmp_path / "cache"), token="tok")
    program.write_text(f"#!/bin/sh\necho run >>{tmp_path}/runs\necho chatter\n{body}\n")
    program.chmod(0o755)
    script = fill_script(
        trial("cached"),
        cache,
        graph="/m'q",
        program=str(program),
        binary=BinaryFacts(flags=frozenset()),
        folder=str(tmp_path / "run"),
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, timeout=60, check=True)
    return is_filled(done.stdout), (tmp_path / "runs").read_text().count("run")


def test_a_cache_is_filled_once(tmp_path: Path) -> None:
    body = f"echo packed >{tmp_path}/cache/tok_1.bin"
    assert fill(tmp_path, body) == (True, 1)
    assert fill(tmp_path, body) == (True, 1)


@pytest.mark.parametrize("body", [":", "echo half >cache/tok; exit 1", "kill -9 $$"])
def test_a_process_that_leaves_none_is_tried_again(tmp_path: Path, body: str) -> None:
    body = body.replace("cache/", f"{tmp_path}/cache/")
    assert fill(tmp_path, body)[0] is False
    # One that ended well is not run again for every trial: this delegate writes no cache.
    assert fill(tmp_path, body) == (False, 1 if body == ":" else 2)


def test_a_cache_counts_though_timeout_lost_the_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of toybox 0.8.8 to 0.8.10 says 127 where the program ends before it has noted whom it waits for."""
    stand_in = tmp_path / "bin" / "timeout"
    stand_in.parent.mkdir()
    stand_in.write_text('#!/bin/sh\nshift 3\n"$@"\nexit 127\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}:{os.environ['PATH']}")
    assert fill(tmp_path, f"echo packed >{tmp_path}/cache/tok_1.bin") == (True, 1)
    (tmp_path / "cache" / "filled").unlink()
    assert fill(tmp_path, f"echo packed >{tmp_path}/cache/tok_1.bin; exit 1")[0] is False
