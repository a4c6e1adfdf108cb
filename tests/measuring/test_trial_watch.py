"""How a block's script starts, watches and ends the benchmarks, in this machine's `sh` and in Android's shell."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.devices.target import STDERR, STDOUT
from harness.measuring.trailer import Trailer, split_trailer
from harness.measuring.trial_frames import TrialFrames
from harness.measuring.trial_script import BlockScript, TrialScript, kill_script
from harness.measuring.trial_watch import watching

NONCE = "0123456789abcdef"
CORES = sorted(os.sched_getaffinity(0))
PATIENCE_S = 60


@dataclass
class Phone:
    """A folder with programs for a block, and stand-ins that note what the script starts."""

    folder: Path
    shell: str
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def noted(self) -> list[str]:
        """The programs that were started, in order."""
        path = self.folder / "noted"
        return path.read_text().split() if path.exists() else []

    def note_all(self) -> dict[str, str]:
        """Return an environment in which every program that the script may start notes its name first."""
        tools = self.folder / "tools"
        tools.mkdir()
        names = (
            "cat",
            "dumpsys",
            "grep",
            "kill",
            "mkdir",
            "mkfifo",
            "rm",
            "setsid",
            "sh",
            "sleep",
            "stat",
            "taskset",
            "timeout",
        )
        for name in names:
            real = shutil.which(name)
            path = tools / name
            path.write_text(f'#!/bin/sh\necho {name} >>{self.folder}/noted\n{f"exec {real}" if real else ":"} "$@"\n')
            path.chmod(0o755)
        return {**os.environ, "PATH": str(tools)}

    def script(self, programs: Sequence[str], *, timeout_s: float = PATIENCE_S, **rest: object) -> BlockScript:
        """A block of these programs on the first core."""
        trials = []
        for number, text in enumerate(programs):
            program = self.folder / f"benchmark{number}"
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
            trials.append(
                TrialScript(
                    folder=str(self.folder / "run" / str(number)),
                    program=str(program),
                    flags=[],
                    mask=1 << CORES[0],
                    other_mask=1 << CORES[-1],
                    timeout_s=timeout_s,
                    frequency_paths={0: str(self.folder / "clock")},
                )
            )
        return BlockScript(trials=trials, nonce=NONCE, **rest)  # type: ignore[arg-type]  # forwarded

    def begin(self, script: BlockScript, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Begin a block in a session of its own, as a device's daemon does."""
        process = subprocess.Popen(
            [self.shell, "-c", script.text()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=environment,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, script: BlockScript, environment: dict[str, str] | None = None) -> list[Trailer]:
        """Run a block to its end."""
        return trailers(*self.begin(script, environment).communicate(timeout=PATIENCE_S))

    def pid(self, name: str, number: int = 0) -> int:
        """Wait for a PID that the script writes down."""
        path = self.folder / "run" / str(number) / name
        wait_until(lambda: path.exists() and path.read_text().strip() != "")
        return int(path.read_text())


@pytest.fixture(params=["sh", "mksh"])
def phone(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Phone]:
    found = shutil.which(request.param)
    if found is None:
        pytest.skip(f"needs the system package {request.param}")
    path = tmp_path / "shell" / "sh"
    path.parent.mkdir()
    path.symlink_to(found)
    phone = Phone(tmp_path, str(path))
    yield phone
    for process in phone.started:
        process.kill()
        process.communicate()


def trailers(stdout: bytes, stderr: bytes) -> list[Trailer]:
    frames, found = TrialFrames(NONCE), []
    frames.feed(STDOUT, stdout)
    frames.feed(STDERR, stderr)
    while (frame := frames.take()) is not None:
        _, seen = split_trailer(frame.stderr, NONCE, (0,), False)
        assert seen is not None
        found.append(seen)
    return found


def wait_until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("phone", ["mksh"], indirect=True)
def test_a_further_trial_starts_no_program_but_the_benchmark_and_dumpsys(phone: Phone) -> None:
    """On Android's shell. Each program costs a phone several milliseconds."""
    environment = phone.note_all()
    counts = []
    for number in (2, 5):
        (phone.folder / "noted").unlink(missing_ok=True)
        found = phone.run(phone.script([f"exec {shutil.which('sleep')} 0.5"] * number), environment)
        assert [bool(trailer.samples) for trailer in found] == [True] * number
        counts.append(phone.noted)
    few, many = counts
    for name in {"dumpsys", *few, *many}:
        further = 3 if name == "dumpsys" else 0
        assert many.count(name) == few.count(name) + further, name
    assert few.count("taskset") == 2, "once for the benchmarks' shell, once for the block's own"


def test_each_benchmark_is_sampled_and_shows_its_cores(phone: Phone) -> None:
    (phone.folder / "clock").write_text("1800000\n")
    found = phone.run(phone.script(["sleep 0.7"] * 2))
    assert [trailer.affinity for trailer in found] == [str(CORES[0])] * 2
    for trailer in found:
        assert trailer.samples[0].frequency_khz == {0: 1_800_000}
        assert trailer.samples[0].waited_s is not None
        assert trailer.samples[0].cpu_s is not None


def test_many_samples_come_along(phone: Phone) -> None:
    """More than the shell keeps in memory."""
    (phone.folder / "clock").write_text("x" * 5000 + "\n")
    samples = phone.run(phone.script(["sleep 0.7"]))[0].samples
    assert len(samples) >= 2
    assert {sample.affinity for sample in samples} == {(str(CORES[0]),)}
    assert [sample.t_s for sample in samples] == sorted(sample.t_s for sample in samples)


def test_a_launcher_that_lost_its_cores_gets_them_back(phone: Phone) -> None:
    """As when the kernel lets everything of a core that goes offline run everywhere, for good."""
    if len(CORES) < 2:
        pytest.skip("needs two cores")
    wander = f"taskset -p {(1 << CORES[0]) | (1 << CORES[1]):x} $(cat group) >/dev/null; sleep 0.5"
    found = phone.run(phone.script([wander, "sleep 0.5"]))
    assert [trailer.affinity for trailer in found] == [str(CORES[0])] * 2


def test_refused_cores_are_told_and_nothing_runs(phone: Phone) -> None:
    script = phone.script(["touch ../../ran"])
    text = script.text().replace(f" {1 << CORES[0]:x} {1 << CORES[-1]:x}\n", f" {1 << 900:x} 1\n")
    assert text != script.text()
    done = subprocess.run([phone.shell, "-c", text], capture_output=True, cwd=phone.folder, timeout=PATIENCE_S)
    assert b"affinity: Invalid argument" in done.stderr
    assert done.stderr.startswith(b"taskset: ")
    assert done.returncode == trailers(done.stdout, done.stderr)[0].exit_code == 1
    assert not (phone.folder / "ran").exists()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_signal_shows_in_the_exit_code_and_says_nothing_of_its_own(phone: Phone, number: signal.Signals) -> None:
    process = phone.begin(phone.script([f"echo own >&2; kill -{number.value} $$"]))
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert trailers(stdout, stderr)[0].exit_code == 128 + number
    assert stderr.partition(b"\n--8<--")[0] == b"own\n"


def test_the_deadline_ends_the_benchmark_and_its_children_though_the_host_is_gone(phone: Phone) -> None:
    child = "sleep 300 & echo $! >../../child; wait"
    process = phone.begin(phone.script([child, "touch ../../began"], timeout_s=2))
    pids = [phone.pid("pid"), phone.pid("group"), process.pid]
    wait_until((phone.folder / "child").exists)
    wait_until((phone.folder / "child").read_text)
    pids.append(int((phone.folder / "child").read_text()))
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    process.send_signal(signal.SIGHUP)
    assert runs(process.pid)
    process.wait(PATIENCE_S)
    wait_until(lambda: not any(runs(pid) for pid in pids))
    assert not (phone.folder / "began").exists()


def test_a_launcher_that_is_killed_ends_the_block(phone: Phone) -> None:
    process = phone.begin(phone.script(["exec sleep 300", "touch ../../began"]))
    pid = phone.pid("pid")
    os.kill(phone.pid("group"), signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert trailers(stdout, stderr)[0].exit_code == 137
    wait_until(lambda: not runs(pid))
    assert b"held exit code" in stderr
    assert not (phone.folder / "began").exists()


def test_the_end_of_the_blocks_shell_lets_no_further_benchmark_begin(phone: Phone) -> None:
    wait = "while [ ! -e ../../go ]; do sleep 0.05; done"
    process = phone.begin(phone.script([wait, "touch ../../began"]))
    launcher = phone.pid("group")
    phone.pid("pid")
    process.kill()
    process.wait()
    (phone.folder / "go").touch()
    wait_until(lambda: not runs(launcher))
    assert not (phone.folder / "began").exists()


def test_a_kill_from_outside_ends_everything_of_a_block(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.measuring.trial_script.BASE_DIR", str(phone.folder))
    script = phone.script(["sleep 300 & echo $! >../../child; wait"])
    process = phone.begin(script)
    pids = [phone.pid("pid"), phone.pid("group"), process.pid]
    wait_until((phone.folder / "child").exists)
    done = subprocess.run([phone.shell, "-c", kill_script(script)], capture_output=True, timeout=PATIENCE_S)
    assert done.stdout == b"gone\n"
    process.wait(PATIENCE_S)
    wait_until(lambda: not any(runs(pid) for pid in pids))


@pytest.mark.parametrize("phone", ["mksh"], indirect=True)
def test_a_word_is_whole_though_the_time_is_up_in_its_middle(phone: Phone) -> None:
    """The shell's `read` loses the beginning of a line then. A busy machine makes that happen."""
    heard = f'{watching(1, None, 1)}\nexec 3<&0; while await 0.1; [ -z "$said" ]; do :; done; echo "$said"'
    word = "printf '\\nco'; sleep 0.5; printf 'de 7\\n'; sleep 0.5; printf '\\ncode 8\\n'"
    done = subprocess.run(
        ["sh", "-c", f'{{ {word}; }} | "$0" -c "$1"', phone.shell, heard], capture_output=True, timeout=PATIENCE_S
    )
    assert done.stdout == b"code 7\n"


@pytest.mark.parametrize("every_s", [None, 0.5])
def test_without_samples_the_benchmark_runs_all_the_same(phone: Phone, every_s: float | None) -> None:
    found = phone.run(phone.script(["sleep 0.3"], sample_every_s=every_s))[0]
    assert found.exit_code == 0
    assert bool(found.samples) == (every_s is not None)
