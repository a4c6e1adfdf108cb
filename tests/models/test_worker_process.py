"""Workers that misbehave. They are real processes; `tensorflow` is an empty module, which is all that the process that forks them needs."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.models.worker_process import WorkerCall, WorkerDied, Workers
from harness.records.causes import Cause

WORKER = """
import os, signal, subprocess, sys, time
from pathlib import Path
from harness.models.worker_side import answer_request
from harness.errors import UsageError

def work(request):
    print("said by the worker", flush=True)
    do = request["do"]
    if do == "signal":
        os.kill(os.getpid(), signal.SIGSEGV)
    if do == "leave":
        os._exit(3)
    if do == "raise":
        raise KeyError("x" * 10)
    if do == "refuse":
        raise UsageError("wrong", remedy="right")
    if do == "hang":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(request["pids"]).write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    return {"parent": os.getppid(), "legacy": os.environ.get("TF_USE_LEGACY_KERAS")}

if __name__ == "__main__":
    answer_request(work)
"""


@pytest.fixture(params=[True, False], ids=["forked", "started"])
def shares(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stranger_worker.py").write_text(WORKER)
    (tmp_path / "tensorflow.py").write_text("print('loading')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(sys.executable, {"TF_USE_LEGACY_KERAS": "0"}) as found:
        yield found


def call(folder: Path, do: str, shares: bool, timeout_s: float = 120.0) -> WorkerCall:
    return WorkerCall(
        module="stranger_worker",
        request={"do": do, "pids": str(folder / "pids")},
        log=folder / "log",
        doing="m: making x",
        timeout_s=timeout_s,
        shares_tensorflow=shares,
    )


def ignored(_line: str) -> None:
    pass


def test_an_answer_comes_back_and_prints_stay_in_the_log(folder: Path, workers: Workers, shares: bool) -> None:
    told: list[str] = []
    answer = workers.run(call(folder, "answer", shares), told.append)
    assert answer["legacy"] == "0"
    assert told == ["m: making x"]
    assert "said by the worker" in (folder / "log").read_text()


def test_tensorflow_is_loaded_once_for_all_steps(folder: Path, workers: Workers) -> None:
    parents = {workers.run(call(folder, "answer", True), ignored)["parent"] for _ in range(3)}
    assert len(parents) == 1
    assert os.getpid() not in parents
    assert workers.run(call(folder, "answer", False), ignored)["parent"] == os.getpid()


def test_errors_are_answers(folder: Path, workers: Workers, shares: bool) -> None:
    raised = workers.run(call(folder, "raise", shares), ignored)
    assert (raised["kind"], raised["type"]) == ("raised", "KeyError")
    assert "Traceback" in (folder / "log").read_text()
    refused = workers.run(call(folder, "refuse", shares), ignored)
    assert (refused["kind"], refused["error"], refused["remedy"]) == ("usage", "wrong", "right")


def test_a_signal_is_named_and_the_next_step_goes_on(folder: Path, workers: Workers, shares: bool) -> None:
    with pytest.raises(WorkerDied, match="m: making x ended with SIGSEGV") as died:
        workers.run(call(folder, "signal", shares), ignored)
    assert died.value.signal_name == "SIGSEGV"
    with pytest.raises(WorkerDied, match=r"without an answer \(exit code 3\)"):
        workers.run(call(folder, "leave", shares), ignored)
    assert "parent" in workers.run(call(folder, "answer", shares), ignored)


def test_a_deadline_ends_the_worker_and_what_it_started(folder: Path, workers: Workers, shares: bool) -> None:
    # The deadline may pass before the worker has started its child; then there is nothing to look for.
    with pytest.raises(WorkerDied, match="did not end within 3 s") as died:
        workers.run(call(folder, "hang", shares, timeout_s=3.0), ignored)
    assert died.value.cause is Cause.TIMEOUT
    if (folder / "pids").exists():
        wait_until_gone(folder / "pids")
    assert "parent" in workers.run(call(folder, "answer", shares), ignored)


def test_ctrl_c_ends_the_worker_and_what_it_started(folder: Path, workers: Workers, shares: bool) -> None:
    pids = folder / "pids"
    stop = threading.Event()

    def interrupt() -> None:
        while not (pids.exists() and pids.read_text()) and not stop.wait(0.05):
            pass
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            workers.run(call(folder, "hang", shares), ignored)
    finally:
        stop.set()
        thread.join()
    wait_until_gone(pids)


def wait_until_gone(pids: Path) -> None:
    """Wait until processes have ended, or until the test's own deadline; one that nobody has waited for yet counts as ended."""
    for pid in pids.read_text().split():
        with contextlib.suppress(OSError):
            while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X"):
                os.sched_yield()
