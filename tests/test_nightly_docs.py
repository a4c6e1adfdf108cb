"""docs/nightly.md is pasted into crontabs and units, where nobody sees a typo until the morning: each block is read as its reader would."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_docs import ROOT, known_options

TEXT = (ROOT / "docs" / "nightly.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def commands() -> Iterator[str]:
    """Each command of the harness that a scheduler would run."""
    for language in ("cron", "ini", "groovy", "yaml"):
        for block in blocks(language):
            joined = re.sub(r">-\n\s+(harness [^\n]*(?:\n {10}[^\n]*)*)", lambda m: " ".join(m[1].split()), block)
            yield from re.findall(r"harness (?:nightly|history|build)\b[^\n'&|>]*", joined)


def test_every_option_that_a_scheduler_passes_exists() -> None:
    found = list(commands())
    assert len(found) == 7, found
    for command in found:
        words = shlex.split(command)[1:]
        assert {word for word in words if word.startswith("--")} <= known_options(words), command
    assert sum(command.startswith("harness nightly ") for command in found) == 4


def test_the_crontab_has_five_fields_and_no_percent_sign() -> None:
    (table,) = blocks("cron")
    jobs = [line for line in table.splitlines() if not re.match(r"[A-Z_]+=", line)]
    assert len(jobs) == 2
    for job in jobs:
        minute, hour, day, month, weekday, _ = job.split(None, 5)
        assert all(re.fullmatch(r"\*|\d+", field) for field in (minute, hour, day, month, weekday))
        assert "%" not in job


def units() -> tuple[str, str]:
    service, timer = blocks("ini")
    return service, timer


def test_the_units_have_what_systemd_asks_for() -> None:
    read = []
    for text in units():
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[assignment, method-assign]  # keys have capitals
        parser.read_string(text)
        read.append(parser)
    service, timer = read
    assert service["Service"]["Type"] == "oneshot"
    assert Path(service["Service"]["WorkingDirectory"]).is_absolute()
    assert service["Service"]["ExecStart"].startswith("%h/")
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert "harness-nightly.service" in TEXT
    assert "harness-nightly.timer" in TEXT


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="system package systemd is not installed")
def test_systemd_reads_the_units(tmp_path: Path) -> None:
    for name, text in zip(("harness-nightly.service", "harness-nightly.timer"), units(), strict=True):
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={shutil.which('true')}", text, flags=re.MULTILINE)
        (tmp_path / name).write_text(text.replace("/srv/bench", str(tmp_path)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", *sorted(map(str, tmp_path.glob("harness-nightly.*")))],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "harness-nightly" in line]
    assert not said


def test_the_workflow_is_one() -> None:
    (text,) = blocks("yaml")
    workflow: dict[Any, Any] = yaml.safe_load(text)
    assert workflow[True]["schedule"] == [{"cron": "15 2 * * *"}]  # YAML 1.1 reads `on` as true, GitHub does not
    (job,) = workflow["jobs"].values()
    assert job["runs-on"] == ["self-hosted", "phones"]
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert [run.split()[:2] for run in runs] == [["harness", "build"], ["harness", "nightly"]]
    assert "\n" not in runs[1].strip()


def test_the_jenkinsfile_is_balanced() -> None:
    (text,) = blocks("groovy")
    without_strings = re.sub(r"'[^'\n]*'", "''", text)
    assert without_strings.count("'") == 2 * without_strings.count("''")
    for left, right in ("{}", "()", "[]"):
        assert without_strings.count(left) == without_strings.count(right)
    assert text.startswith("pipeline {")


def test_the_programs_to_try_it_with_are_written_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"python - <<'END'\n(.*?)END\n", TEXT, re.DOTALL)
    assert found is not None
    monkeypatch.chdir(tmp_path)
    exec(compile(found[1], "docs/nightly.md", "exec"), {})  # a page of this repository
    assert sorted(path.name for path in tmp_path.iterdir()) == ["program_old", "program_slow"]
    assert "extra work: 10%" in (tmp_path / "program_slow").read_text()
