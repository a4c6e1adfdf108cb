"""The command line as a whole: help, exit codes, no tracebacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import jsonschema
import pytest
from click.testing import CliRunner

from harness.cli.main import cli, run_cli
from harness.cli.verbs import VERBS as VERB_TABLE

VERBS = sorted(cli.list_commands(None))  # type: ignore[arg-type]  # the list does not depend on the context


def test_the_contracts_verbs_are_there() -> None:
    assert set(VERBS) >= {"devices", "run", "report", "export", "parse", "ingest", "virtual", "doctor"}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    done = CliRunner().invoke(cli, [verb, "--help"])
    assert done.exit_code == 0
    assert f"harness {verb}" in done.output.partition("Example")[2]


@pytest.mark.parametrize("verb", VERBS)
def test_the_list_of_verbs_says_what_the_verb_itself_says(verb: str) -> None:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    assert command.get_short_help_str(1000) == VERB_TABLE[verb].line


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--help"], {}, "parse"),
        (["--version"], {}, "harness, version"),
        ([], {"_HARNESS_COMPLETE": "bash_complete", "COMP_WORDS": "harness p", "COMP_CWORD": "1"}, "plain,parse"),
        ([], {"_HARNESS_COMPLETE": "zsh_source"}, "compdef"),
    ],
    ids=["help", "version", "completion", "completion script"],
)
def test_what_names_no_verb_loads_none(arguments: list[str], environment: dict[str, str], said: str) -> None:
    script = (
        "import sys; from harness.cli import main\n"
        "try: main.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'numpy', 'scipy', 'adbutils', 'pydantic', 'google.protobuf', 'jinja2', 'rich', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said in done.stdout
    assert done.stderr.strip() == "[]"


def test_parse_loads_nothing_that_measures_or_compares(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("STARTING!\n")
    script = (
        "import sys; from harness.cli.main import run_cli; run_cli(sys.argv[1:])\n"
        "print(sorted({'pandas', 'numpy', 'scipy', 'adbutils', 'jinja2', 'pydantic'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "parse", str(log)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "truncated_output" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("kind", ["suite", "device"])
def test_schemas_are_valid_json_schemas(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["schema", kind]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


def test_an_unforeseen_error_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # A port that is no number is foreseen; a folder in place of the registry's file is the nearest thing to chaos from outside.
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "none")
    assert run_cli(["devices"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "ANDROID_ADB_SERVER_PORT" in captured.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["--version"]) == 0
    assert "harness" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "reader", "code"), [("", "head -c 10", 1), ("", "true", 1), ("--json", "cat", 1), ("--json", "true", 3)]
)
def test_a_reader_that_leaves_does_not_change_the_verdict_but_lacks_its_document(
    tmp_path: Path, repository: Path, options: str, reader: str, code: int
) -> None:
    log = tmp_path / "failed.log"
    log.write_text(
        "STARTING!\nERROR: Could not open 'x'.\nERROR: Failed to load model x\nERROR: Benchmarking failed.\n" * 3000
    )
    command = f"{sys.executable} -m harness parse {log} {log} {options} | {reader} >/dev/null; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=repository, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_streams_that_the_caller_closed_are_no_trouble(tmp_path: Path, closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m harness build --list --json {closed}', sys.executable],
        env={**os.environ, "HARNESS_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments", [["run"], ["export"], ["report"], ["parse"], ["compare", "."], ["build", "--import"]]
)
def test_a_path_that_the_kernel_refuses_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli([*arguments, "x" * 300]) == 2
    said = capsys.readouterr().err
    assert "internal error" not in said
    assert said.startswith("harness: ")


def test_an_interrupt_while_the_program_is_still_being_read_is_130(tmp_path: Path) -> None:
    # A module that comes first on the path stands for the moment: it is interrupted like any other import.
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    done = subprocess.run(
        [sys.executable, "-m", "harness", "--version"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (130, "")
    assert "Traceback" not in done.stderr
