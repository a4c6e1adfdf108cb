"""Where the log goes: `--verbose`, `HARNESS_LOG`, and what becomes of an error that nobody foresaw."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from harness.cli import verbs
from harness.cli.main import run_cli
from harness.runs.run_log import LOGGER, run_log


@pytest.fixture(autouse=True)
def verb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A verb that logs, prints and fails as it is told to."""
    monkeypatch.setitem(verbs.VERBS, "talk", verbs.Verb(f"{__name__}:talk", "Says what it is told to."))
    monkeypatch.delenv("HARNESS_LOG", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    logger = logging.getLogger(LOGGER)
    handlers, level = [*logger.handlers], logger.level
    yield
    for handler in logger.handlers:
        handler.close()
    logger.handlers[:] = handlers
    logger.setLevel(level)


@click.command("talk")
@click.option("--fail", is_flag=True)
@click.option("--run", "folder", type=click.Path(path_type=Path))
def talk(fail: bool, folder: Path | None) -> None:
    log = logging.getLogger("harness.devices.adb_target")
    log.info("asks")
    log.debug("in detail")
    click.echo("the answer")
    if folder is not None:
        with run_log(folder):
            log.debug("measures")
    if fail:
        raise ZeroDivisionError("nobody\nforesaw this")


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the log said on stderr; stdout holds the answer and nothing else."""
    out, err = capsys.readouterr()
    assert out == "the answer\n"
    return [line.rpartition(": ")[2] for line in err.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "wish", "expected"),
    [
        (["talk"], "", []),
        (["talk", "-v"], "", ["asks"]),
        (["--verbose", "talk"], "", ["asks"]),
        (["talk", "-vv"], "", ["asks", "in detail"]),
        (["talk"], "info", ["asks"]),
        (["talk"], "DEBUG", ["asks", "in detail"]),
        (["talk", "-v"], "debug", ["asks", "in detail"]),
        (["talk", "-vv"], "info", ["asks", "in detail"]),
    ],
)
def test_the_log_is_shown_on_stderr_when_asked_for(
    arguments: list[str],
    wish: str,
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HARNESS_LOG", wish)
    assert run_cli(arguments) == 0
    assert said(capsys) == expected


def test_it_can_go_to_a_file_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HARNESS_LOG", str(tmp_path / "my.log"))
    assert run_cli(["talk"]) == 0
    assert said(capsys) == []
    lines = (tmp_path / "my.log").read_text().splitlines()
    assert [line.rpartition("harness.devices.adb_target: ")[2] for line in lines] == ["asks", "in detail"]


def test_a_file_that_cannot_be_written_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HARNESS_LOG", str(tmp_path))
    assert run_cli(["talk"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[0]) == ("", f"harness: HARNESS_LOG: cannot write {tmp_path}: Is a directory")


def test_an_unforeseen_error_is_one_line_that_names_the_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["talk", "--fail"]) == 3
    out, err = capsys.readouterr()
    (file,) = (tmp_path / "tmp").iterdir()
    assert out == "the answer\n"
    assert err == (
        f"harness: internal error: ZeroDivisionError: nobody foresaw this; this is a bug in the harness, see {file}\n"
    )
    assert 'raise ZeroDivisionError("nobody\\nforesaw this")' in file.read_text()


def test_verbose_shows_the_traceback_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["talk", "-v", "--fail"]) == 3
    err = capsys.readouterr().err
    assert "Traceback (most recent call last):" in err
    assert err.splitlines()[-1].startswith("harness: internal error: ZeroDivisionError")


def test_an_error_after_a_run_began_is_kept_in_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["talk", "--run", str(tmp_path), "--fail"]) == 3
    assert capsys.readouterr().err.endswith(f"this is a bug in the harness, see {tmp_path / 'internal-error.txt'}\n")
    assert "raise ZeroDivisionError" in (tmp_path / "internal-error.txt").read_text()
    lines = [line.rpartition(": ")[2] for line in (tmp_path / "harness.log").read_text().splitlines()]
    assert lines == ["asks", "in detail", "measures"], "what was said before the run had a folder comes first"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_level_that_is_none_of_ours_is_not_taken_for_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_LOG", "warning")
    assert run_cli(["talk"]) == 2
    assert "info, debug or a file" in capsys.readouterr().err
    assert not (tmp_path / "warning").exists()
