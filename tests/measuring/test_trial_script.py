from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.devices.target import STDERR, STDOUT
from harness.measuring.trailer import Trailer, split_trailer
from harness.measuring.trial_frames import TrialFrames
from harness.measuring.trial_script import INLINE_BYTES, BlockScript, TrialScript

NONCE = "0123456789abcdef"
SHELLS = ["sh", *(["mksh"] if shutil.which("mksh") else [])]
MARK = f"--8<-- harness {NONCE}"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """This machine's `sh`, and Android's shell, which goes by that name there."""
    path = tmp_path / "shell" / "sh"
    path.parent.mkdir()
    path.symlink_to(str(shutil.which(request.param)))
    return str(path)


def trial_for(folder: Path, program: str, flags: list[str], *, timeout_s: float) -> TrialScript:
    """On this machine's first core, with nothing but the process to watch."""
    return TrialScript(
        folder=str(folder),
        program=program,
        flags=flags,
        mask=1,
        other_mask=0,
        timeout_s=timeout_s,
        frequency_paths={},
        files=["out.bin"],
    )


def script_for(folder: Path, program: str, flags: list[str], *, timeout_s: float) -> BlockScript:
    return BlockScript(trials=[trial_for(folder, program, flags, timeout_s=timeout_s)], nonce=NONCE)


def cut(done: subprocess.CompletedProcess[bytes]) -> tuple[bytes, bytes, Trailer | None]:
    """stdout, own stderr and trailer of the first trial."""
    frames = TrialFrames(NONCE)
    frames.feed(STDOUT, done.stdout)
    frames.feed(STDERR, done.stderr)
    frame = frames.take() or frames.rest()
    return (frame.stdout, *split_trailer(frame.stderr, NONCE, (), False))


def trailer(**parts: str) -> bytes:
    defaults = {
        "rc": "0",
        "start": "100.00\n",
        "stop": "102.50\n",
        "before": "temp 31000\nThermal Status: 0\n",
        "after": "temp 45500\nThermal Status: 2\n",
        "samples": "t 100.10\n1800000\n2900000\n32000\na\nCpus_allowed_list:\t4-7\nCpus_allowed_list:\t4-7\n"
        "t 100.60\n1800000\n2700000\n33000\na\nCpus_allowed_list:\t4-7\nCpus_allowed_list:\t0-7\n",
        "boot": "3f\n",
    } | parts
    text = "\n" + MARK + f" rc {defaults.pop('rc')}\n"
    for name, body in defaults.items():
        text += f"{MARK} {name}\n{body}"
    return (text + f"{MARK} end\n").encode()


def test_stderr_and_trailer_are_parted() -> None:
    own, seen = split_trailer(b"INFO: Created.\n" + trailer(), NONCE, (0, 4), True)
    assert own == b"INFO: Created.\n"
    assert seen is not None
    assert (seen.exit_code, seen.ran_s, seen.boot_id) == (0, 2.5, "3f")
    assert (seen.temperature_before_c, seen.temperature_after_c) == (31.0, 45.5)
    assert (seen.thermal_status_before, seen.thermal_status_after) == (0, 2)
    assert seen.samples[0].t_s == 0.1
    assert seen.samples[0].frequency_khz == {0: 1_800_000, 4: 2_900_000}
    assert seen.samples[1].temperature_c == 33.0
    assert seen.affinity == "0-7", "one thread that strays shows in the union"


def test_what_threads_waited_for_a_core_is_summed() -> None:
    stat = "cpu 5 (a b) S " + "0 " * 10 + "40 2 0"
    text = f"t 100.10\n1\n2\n3\n{stat}\na\nCpus_allowed_list:\t4\n12000000 1500000000 7\nCpus_allowed_list:\t4\n9 500000000 3\n"
    _, seen = split_trailer(trailer(samples=text), NONCE, (0, 4), True)
    assert seen is not None
    assert (seen.samples[0].cpu_s, seen.samples[0].waited_s, seen.affinity) == (0.42, 2.0, "4")
    _, seen = split_trailer(trailer(), NONCE, (0, 4), True)
    assert seen is not None
    assert seen.samples[0].waited_s is None


def test_a_missing_reading_is_unknown_not_shifted() -> None:
    text = "t 100.10\n2900000\na\nCpus_allowed_list:\t4-7\n"
    _, seen = split_trailer(trailer(samples=text), NONCE, (0, 4), True)
    assert seen is not None
    assert (seen.samples[0].frequency_khz, seen.samples[0].temperature_c) == ({}, None)
    assert seen.affinity == "4-7"


@pytest.mark.parametrize("clock", ["1" * 5000, "²", "-1", "1 2"])
def test_a_clock_that_is_no_number_is_unknown(clock: str) -> None:
    text = f"t 100.10\n{clock}\n1700000\n31000\na\nCpus_allowed_list:\t4-7\n"
    _, seen = split_trailer(trailer(samples=text), NONCE, (0, 4), True)
    assert seen is not None
    assert seen.samples[0].frequency_khz == {4: 1_700_000}


def test_a_sample_taken_after_the_end_does_not_count() -> None:
    _, seen = split_trailer(trailer(samples="t 100.10\n1\n2\n3\na\n"), NONCE, (0, 4), True)
    assert seen is not None
    assert (seen.samples, seen.affinity) == ((), None)


def test_a_broken_off_trailer_is_none() -> None:
    data = b"x\n" + trailer()
    for end in range(len(data) - 1):
        own, seen = split_trailer(data[:end], NONCE, (0, 4), True)
        assert seen is None or end >= len(data) - 1
        assert own.startswith(b"x"[:end])


@given(st.binary(max_size=300))
def test_hostile_text_in_the_trailer_never_breaks_the_reading(noise: bytes) -> None:
    split_trailer(trailer(samples=noise.decode("latin-1")), NONCE, (0, 4), True)
    own, seen = split_trailer(noise, NONCE, (0, 4), True)
    assert seen is None
    assert own == noise


def test_without_a_thermal_service_status_is_unknown() -> None:
    _, seen = split_trailer(trailer(before="temp \n", after="temp -274000\n"), NONCE, (0, 4), True)
    assert seen is not None
    assert (seen.temperature_before_c, seen.thermal_status_before, seen.temperature_after_c) == (None, None, None)


@pytest.mark.parametrize("argument", ["a b", "$(touch hacked)", "'; touch hacked; '", '"', "`touch hacked`", "-"])
def test_arguments_reach_the_program_as_they_are(shell: str, tmp_path: Path, argument: str) -> None:
    """Run for real with this machine's shell; where `taskset` and /proc are, that is enough."""
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nsleep 0.4\nexit 7\n')
    program.chmod(0o755)
    script = script_for(tmp_path / "run dir", str(program), ["--graph=x", argument], timeout_s=20)
    done = subprocess.run([shell, "-c", script.text()], capture_output=True, cwd=tmp_path, timeout=60)
    stdout, own, seen = cut(done)
    assert stdout.decode() == f"--graph=x\n{argument}\n"
    assert done.returncode == 7
    assert own == b""
    assert seen is not None
    assert seen.exit_code == 7
    assert seen.affinity == "0"
    assert seen.ran_s is not None
    assert 0.3 < seen.ran_s < 60
    assert not list(tmp_path.rglob("hacked"))


def test_the_deadline_is_kept_by_the_device(shell: str, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 300\n")
    program.chmod(0o755)
    script = script_for(tmp_path / "run", str(program), [], timeout_s=1)
    done = subprocess.run([shell, "-c", script.text()], capture_output=True, cwd=tmp_path, timeout=60)
    _, _, seen = cut(done)
    assert seen is not None
    assert seen.exit_code == 137
    assert seen.ran_s is not None
    assert 0.9 < seen.ran_s < 60


@pytest.mark.parametrize(("mode", "code"), [(None, 127), (0o644, 126)])
def test_a_program_that_cannot_start_has_the_shells_exit_code(
    shell: str, tmp_path: Path, mode: int | None, code: int
) -> None:
    program = tmp_path / "program"
    if mode is not None:
        program.write_text("#!/bin/sh\n")
        program.chmod(mode)
    script = script_for(tmp_path / "run", str(program), [], timeout_s=20)
    done = subprocess.run([shell, "-c", script.text()], capture_output=True, cwd=tmp_path, timeout=60)
    _, own, seen = cut(done)
    assert seen is not None
    assert seen.exit_code == code
    assert str(program).encode() in own, "the shell says what it could not start"


def test_a_full_storage_is_no_good_result(shell: str, tmp_path: Path) -> None:
    """Where the notes cannot be written the benchmark is not even started."""
    script = script_for(tmp_path / "run", "/bin/echo", ["ran"], timeout_s=20)
    command = script.text().replace(">shell", ">/dev/full")
    done = subprocess.run([shell, "-c", command], capture_output=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 111
    assert f"{MARK} cannot".encode() in done.stdout
    assert b"ran" not in done.stdout


def run_block(
    shell: str, folder: Path, programs: list[str], **rest: Any
) -> tuple[list[Trailer], list[bytes], bytes, int]:
    """Trailers, stdouts, what follows them on stderr, and the exit code of a block on this machine's first core."""
    trials = []
    for number, text in enumerate(programs):
        program = folder / f"program{number}"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        trials.append(trial_for(folder / "run" / str(number), str(program), [], timeout_s=20))
    script = BlockScript(trials=trials, nonce=NONCE, **rest)
    done = subprocess.run([shell, "-c", script.text()], capture_output=True, cwd=folder, timeout=60)
    frames, found, outs = TrialFrames(NONCE), [], []
    frames.feed(STDOUT, done.stdout)
    frames.feed(STDERR, done.stderr)
    while (frame := frames.take()) is not None:
        _, seen = split_trailer(frame.stderr, NONCE, (), False)
        assert seen is not None
        found.append(seen)
        outs.append(frame.stdout)
    return found, outs, frames.rest().stderr, done.returncode


def test_trials_of_a_block_run_one_after_the_other(shell: str, tmp_path: Path) -> None:
    seen, outs, rest, code = run_block(shell, tmp_path, ["echo one", "printf two", "echo three; exit 3"])
    assert [trailer.exit_code for trailer in seen] == [0, 0, 3]
    assert outs == [b"one\n", b"two", b"three\n"]
    assert (rest, code) == (b"", 3)
    starts = [trailer.began_s or 0.0 for trailer in seen]
    assert starts == sorted(starts)


def test_after_a_failed_trial_the_host_decides(shell: str, tmp_path: Path) -> None:
    seen, _, rest, code = run_block(shell, tmp_path, ["exit 0", "exit 5", "touch ../../began"])
    assert [trailer.exit_code for trailer in seen] == [0, 5]
    assert (rest, code) == (f"{MARK} held exit code\n".encode(), 114)
    assert not (tmp_path / "began").exists()


def test_small_files_come_along_byte_by_byte_and_big_ones_end_the_block(shell: str, tmp_path: Path) -> None:
    write = "printf 'a\\0b\\n' >out.bin"
    big = f"head -c {INLINE_BYTES + 1} /dev/zero >out.bin"
    seen, _, rest, _ = run_block(shell, tmp_path, ["exit 0", write, big, "echo never"])
    assert [dict(trailer.files) for trailer in seen] == [{}, {"out.bin": b"a\0b\n"}, {}]
    assert [trailer.left for trailer in seen] == [(), (), ("out.bin",)]
    assert rest == f"{MARK} held files\n".encode()


def test_no_further_trial_begins_once_the_stop_file_is_there(shell: str, tmp_path: Path) -> None:
    seen, _, rest, code = run_block(shell, tmp_path, [f": >../{NONCE}.stop", "touch ../../began"])
    assert len(seen) == 1
    assert (rest, code) == (f"{MARK} held stop\n".encode(), 114)
    assert not (tmp_path / "began").exists()


def test_no_further_trial_begins_once_nobody_reads(shell: str, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec 1>&- 2>&-\necho >>../../began\nsleep 0.3\n")
    program.chmod(0o755)
    trials = [trial_for(tmp_path / "run" / str(number), str(program), [], timeout_s=20) for number in range(4)]
    script = BlockScript(trials=trials, nonce=NONCE)
    # As some devices start a shell: with SIGPIPE ignored, so that only its own checks end it.
    block = subprocess.Popen(
        [shell, "-c", "trap '' PIPE\n" + script.text()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    )
    assert block.stdout is not None
    assert block.stderr is not None
    block.stdout.close()
    block.stderr.close()
    block.wait(60)
    assert (tmp_path / "began").read_text() == "\n"


def test_the_lease_is_renewed_before_each_trial(shell: str, tmp_path: Path) -> None:
    seen, outs, _, _ = run_block(shell, tmp_path, ["echo a", "echo b"], renew_lease="echo renewed")
    assert outs == [b"renewed\na\n", b"renewed\nb\n"]
    assert len(seen) == 2
