"""The log of a run, and the traceback of an error that nobody foresaw."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.runs import run_log as module
from harness.runs.run_log import LOG_FILE, LOGGER, EarlyRecords, internal_error, run_log


@pytest.fixture(autouse=True)
def logger() -> Iterator[logging.Logger]:
    """The package's logger, with its level and handlers put back afterwards."""
    found = logging.getLogger(LOGGER)
    handlers, level = [*found.handlers], found.level
    found.handlers.clear()
    yield found
    found.handlers[:] = handlers
    found.setLevel(level)


def test_a_run_keeps_what_was_said_before_and_meanwhile_and_nothing_after(
    tmp_path: Path, logger: logging.Logger
) -> None:
    logger.addHandler(EarlyRecords())
    logger.setLevel(logging.DEBUG)
    device = logging.getLogger(f"{LOGGER}.devices")
    device.debug("%s answers", "phone")
    with run_log(tmp_path):
        device.debug("it measures")
    device.debug("it is over")
    lines = (tmp_path / "harness.log").read_text().splitlines()
    assert [line.partition(" MainThread ")[2] for line in lines] == [
        "harness.devices: phone answers",
        "harness.devices: it measures",
    ]
    assert all(" DEBUG " in line for line in lines)


def test_a_resumed_run_goes_on_with_its_log(tmp_path: Path, logger: logging.Logger) -> None:
    for words in ("first", "second"):
        with run_log(tmp_path):
            logger.info(words)
    assert [line.rpartition(" ")[2] for line in (tmp_path / "harness.log").read_text().splitlines()] == [
        "first",
        "second",
    ]


def test_the_log_is_bounded_and_keeps_its_end(
    tmp_path: Path, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 10_000)
    with run_log(tmp_path):
        for number in range(1000):
            logger.debug("line %d", number)
    kept = sorted(tmp_path.iterdir())
    assert [file.name for file in kept] == ["harness.log", "harness.log.1"]
    assert all(file.stat().st_size <= 10_000 for file in kept)
    assert (tmp_path / "harness.log").read_text().endswith("line 999\n")


def test_a_log_that_cannot_be_written_disturbs_nothing(
    tmp_path: Path, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_log(tmp_path / "there is no such folder"):
        logger.warning("nobody reads this")
    assert capsys.readouterr() == ("", "")


def test_an_internal_error_is_one_line_that_names_its_traceback(tmp_path: Path) -> None:
    file = tmp_path / "internal-error.txt"

    def line_of(text: str) -> str:
        try:
            raise KeyError(text)
        except KeyError as error:
            return internal_error(error, " on phone", file)

    line = line_of("a\nb")
    assert line == f"internal error on phone: KeyError: 'a\\nb'; this is a bug in the harness, see {file}"
    assert len(line_of("x" * 5000)) < 500
    kept = file.read_text()
    assert kept.count("Traceback (most recent call last):") == 2, "the second one does not replace the first"
    assert "raise KeyError(text)" in kept


def test_an_internal_error_with_no_room_for_its_traceback_is_still_told(tmp_path: Path) -> None:
    for file in (None, tmp_path / "no" / "folder"):
        assert (
            internal_error(ValueError("bad"), "", file)
            == "internal error: ValueError: bad; this is a bug in the harness"
        )


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def test_a_users_own_logging_gets_no_more_than_before(tmp_path: Path) -> None:
    """In a program that set up its own logging, a run adds none of the harness's debug lines to it."""
    root, user, ours = logging.getLogger(), _Kept(), logging.getLogger("harness.devices")
    level, package = root.level, logging.getLogger("harness")
    kept = package.level, list(package.handlers)
    root.addHandler(user)
    root.setLevel(logging.INFO)
    try:
        package.setLevel(logging.NOTSET)
        for handler in kept[1]:
            package.removeHandler(handler)
        with run_log(tmp_path):
            ours.debug("a command")
            ours.info("an attempt")
        assert user.lines == ["an attempt"]
        assert (package.level, package.propagate) == (logging.NOTSET, True)
    finally:
        root.removeHandler(user)
        root.setLevel(level)
        package.setLevel(kept[0])
        for handler in kept[1]:
            package.addHandler(handler)
    assert "a command" in (tmp_path / LOG_FILE).read_text()


def test_two_runs_at_once_keep_a_log_each(tmp_path: Path) -> None:
    ours, both, lines = logging.getLogger("harness.devices"), threading.Barrier(2), 20

    def run(name: str) -> None:
        (tmp_path / name).mkdir()
        with run_log(tmp_path / name):
            both.wait(timeout=60)
            for number in range(lines):
                ours.debug("%s %d", name, number)
            both.wait(timeout=60)

    level = logging.getLogger("harness").level
    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, other in (("one", "two"), ("two", "one")):
        text = (tmp_path / name / LOG_FILE).read_text()
        assert text.count(f": {name} ") == lines
        assert f": {other} " not in text
    assert logging.getLogger("harness").level == level


def test_what_a_device_says_is_one_line_of_the_log(tmp_path: Path) -> None:
    with run_log(tmp_path):
        logging.getLogger("harness.devices").warning("it said: %s", "a\n2026-01-01 ERROR forged\x1b]0;owned\x07")
    [line] = (tmp_path / LOG_FILE).read_text().splitlines()
    assert line.endswith("it said: a\\n2026-01-01 ERROR forged\\x1b]0;owned\\x07")


@pytest.mark.parametrize(("length", "shown"), [(300 - len("ValueError: "), 300), (301 - len("ValueError: "), 300)])
def test_an_internal_error_shows_three_hundred_characters(length: int, shown: int) -> None:
    line = internal_error(ValueError("x" * length), "", None)
    words = line.removeprefix("internal error: ").removesuffix("; this is a bug in the harness")
    assert len(words) == shown
    assert words.endswith("…" if length + len("ValueError: ") > 300 else "x")


def test_of_what_was_said_before_a_run_the_last_thousand_records_are_kept(
    tmp_path: Path, logger: logging.Logger
) -> None:
    logger.addHandler(EarlyRecords())
    logger.setLevel(logging.DEBUG)
    for number in range(1005):
        logger.debug("early %d", number)
    with run_log(tmp_path):
        pass
    lines = (tmp_path / LOG_FILE).read_text().splitlines()
    assert len(lines) == 1000
    assert lines[0].endswith("early 5")


def test_a_log_begins_anew_at_a_megabyte(tmp_path: Path, logger: logging.Logger) -> None:
    with run_log(tmp_path):
        for _ in range(12):
            logger.debug("x" * 100_000)
    assert sorted(file.name for file in tmp_path.iterdir()) == [LOG_FILE, f"{LOG_FILE}.1"]
    assert 1_000_000 < (tmp_path / f"{LOG_FILE}.1").stat().st_size <= 1 << 20
