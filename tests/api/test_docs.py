"""The page about the API shows what works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import harness
from harness.runs.run_store import load_run
from tests.model_files import copy_of_shipped


def test_the_examples_run_as_they_stand(tmp_path: Path, repository: Path) -> None:
    page = (repository / "docs" / "api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    copy_of_shipped(tmp_path / "cnn_fp32.tflite")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "gate: " in done.stdout
    assert done.stdout.endswith("." * 10)
    assert [len(load_run(tmp_path / "runs" / name).results) for name in ("first", "second")] == [10, 10]
    assert (tmp_path / "runs" / "first" / "report.html").exists()
    assert not (tmp_path / "runs" / "second" / "report.html").exists()


def test_the_page_names_every_function(repository: Path) -> None:
    page = (repository / "docs" / "api.md").read_text(encoding="utf-8")
    functions = [name for name in harness.__all__ if name[0].islower()]
    assert len(functions) == 8
    assert [name for name in functions if f"| `{name}(" not in page] == []
