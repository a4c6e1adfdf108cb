"""Notifications: a command and a web hook, and strangers' names in both."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.errors import SetupError, UsageError
from harness.experiments.night_notice import Notice, check_url, parse_command, post, run_command
from tests.model_files import HOSTILE_NAMES

NOTICE = Notice(
    document={"text": "1 confirmed", "models": list(HOSTILE_NAMES), "half": "\udce9"},
    variables={"HARNESS_SUMMARY": "1 confirmed, 0 suspected, 1 new"},
)
KEEP = "import os, sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read()); open(sys.argv[2], 'w').write(os.environ['HARNESS_SUMMARY'])"


def test_a_command_gets_the_facts_on_its_input_and_short_words_beside(tmp_path: Path) -> None:
    got, words = tmp_path / "got $(touch substituted)", tmp_path / "words"
    run_command([sys.executable, "-c", KEEP, str(got), str(words)], NOTICE)
    assert json.loads(got.read_bytes()) == NOTICE.document
    assert words.read_text() == "1 confirmed, 0 suspected, 1 new"


def test_no_shell_reads_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_command(parse_command("touch '$(touch substituted)' `backticked` ;touch"), NOTICE)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["$(touch substituted)", "`backticked`", ";touch"]
    )


def test_what_a_command_prints_stays_out_of_a_document(capfd: pytest.CaptureFixture[str]) -> None:
    run_command([sys.executable, "-c", "print('sent')"], NOTICE)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "sent\n")


def test_a_command_that_fails_or_is_not_there_is_named() -> None:
    with pytest.raises(SetupError, match="exit code 3"):
        run_command([sys.executable, "-c", "raise SystemExit(3)"], NOTICE)
    with pytest.raises(SetupError, match="no-such-program cannot be started: No such file"):
        run_command(["no-such-program"], NOTICE)


def test_a_command_that_reads_nothing_is_no_failure() -> None:
    big = Notice(document={"text": "x" * 1_000_000}, variables={})
    run_command(["true"], big)


def test_a_command_that_does_not_end_is_ended_with_what_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f"sleep 600 & echo $! >'{child}'; wait"
    with pytest.raises(SetupError, match=r"took longer than 0\.5 s and was ended"):
        run_command(["sh", "-c", script], NOTICE, timeout_s=0.5)
    if child.exists() and (text := child.read_text().strip()):
        # The kernel ends it in its own time, and whoever inherits it may leave it a zombie.
        deadline = time.monotonic() + 60
        while _runs(int(text)):
            assert time.monotonic() < deadline, "it still runs"
            time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("words", ["", "  ", "mail -s 'open"])
def test_words_that_are_no_command(words: str) -> None:
    with pytest.raises(UsageError, match="--notify-command"):
        parse_command(words)


@contextmanager
def hook(answers: Sequence[int]) -> Iterator[tuple[str, list[Any]]]:
    """A server that gives these answers in turn, and then the last one again; with what it got."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["Content-Type"], json.loads(body)))
            self.send_response(answers[min(len(got), len(answers)) - 1])
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://user:secret@127.0.0.1:{server.server_port}/hooks/secret", got
        finally:
            server.shutdown()
            thread.join()


def test_a_web_hook_gets_the_facts_as_json() -> None:
    with hook([200]) as (url, got):
        post(url, NOTICE)
    assert got == [("application/json", NOTICE.document)]


def test_a_busy_server_is_asked_again() -> None:
    with hook([503, 429, 204]) as (url, got):
        post(url, NOTICE, pause_s=0)
    assert len(got) == 3


@pytest.mark.parametrize(("answers", "times"), [([500], 4), ([404], 1), ([302], 1)])
def test_a_refusal_is_told_without_the_secret(answers: list[int], times: int) -> None:
    with hook(answers) as (url, got), pytest.raises(SetupError) as caught:
        post(url, NOTICE, pause_s=0)
    assert len(got) == times
    assert f"the web hook at 127.0.0.1 did not take the notification: it answers {answers[0]}" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_nobody_listens(no_server_port: int) -> None:
    with pytest.raises(SetupError, match="it is not reached") as caught:
        post(f"http://127.0.0.1:{no_server_port}/secret", NOTICE, pause_s=0)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "chat.example/secret", "ftp://chat.example/secret", "http:///secret", "http://[secret"]
)
def test_addresses_that_are_none_are_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_url(url)
    assert "secret" not in str(caught.value)


def test_an_address() -> None:
    assert check_url("https://chat.example/hooks/1") == "https://chat.example/hooks/1"
