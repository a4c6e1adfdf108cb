"""`harness bisect --models`: a list of model files on a virtual device, with a program whose work follows the model's size."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.experiments.working_program import PROGRAM
from tests.in_process import harness
from tests.model_files import shipped

_MODELS = 6
_GUILTY = 4
_PER_BYTE = 0.0006
"""Thousands of products for each byte: 274,000 for the plain file, about a millisecond."""

SUITE = """
suite: sizes
models: [{model}]
binaries: [{{name: sized, path: sized}}]
delegates: [cpu]
run: {{min_runs: 100, min_s: 0, max_s: 5, warmup_runs: 1, warmup_s: 0, timeout_s: 60}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs the system package g++")
    made = tmp_path_factory.mktemp("models")
    (made / "generated.h").write_text('#define REVISION "sized"\n#define CONVOLUTION 0\n#define SOFTMAX 100\n')
    (made / "main.cc").write_text(PROGRAM.replace("{folder}/", ""))
    subprocess.run(
        [compiler, "-O1", f"-DPER_BYTE={_PER_BYTE}", "-o", made / "sized", made / "main.cc"], check=True, timeout=120
    )
    content = shipped("cnn_fp32.tflite").read_bytes()
    for number in range(1, _MODELS + 1):
        # Bytes behind the model are no part of it: they only make the file another one, and from one on much larger.
        more = bytes([number]) + bytes(len(content) if number >= _GUILTY else 0)
        (made / f"net-{number}.tflite").write_bytes(content + more)
    (made / "suite.yaml").write_text(SUITE.format(model=json.dumps(str(shipped("cnn_fp32.tflite")))))
    return made


def bisect(folder: Path, *more: object) -> tuple[int, dict[str, Any], str]:
    words = (
        "bisect",
        "--models",
        "net-*.tflite",
        "--suite",
        "suite.yaml",
        "--device",
        "virtual:1",
        "--metric",
        "p5",
        "--json",
    )
    done = harness(*words, *more, cwd=folder)
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


@pytest.mark.timeout(900)
def test_it_finds_the_file_in_the_order_of_the_names(folder: Path) -> None:
    code, found, stderr = bisect(folder)
    assert (code, found["outcome"]) == (0, "found"), stderr
    assert found["found"]["path"] == str(folder / f"net-{_GUILTY}.tflite")
    assert found["found"]["base"] == str(folder / f"net-{_GUILTY - 1}.tflite")
    assert found["found"]["ratio"] > 1.5
    assert found["found"]["commit"] is None
    assert [found["good"]["path"], found["bad"]["path"]] == [
        str(folder / f"net-{number}.tflite") for number in (1, _MODELS)
    ]
    assert found["steps"][0]["part"] == "ends"
    assert "conv" in found["found"]["ops"][0]["head_ops"][0]["name"]
    assert Path(folder / found["folder"] / found["found"]["run"] / "manifest.json").exists()
    # Started again with the same arguments, it has nothing left to measure.
    assert bisect(folder)[:2] == (0, found)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--models", "no-*.tflite"), "no such file"),
        (("--models", "net-1.tflite"), "one file is no list"),
        (("--models", "net-*.tflite", "--good", "net-9.tflite"), "not among the models"),
        (("--models", "net-*.tflite", "--good", "net-3.tflite", "--bad", "net-2.tflite"), "good must come before bad"),
        (("--models", "net-*.tflite", "--flex"), "--flex goes with --source"),
        (("--models", "net-*.tflite", "--source", "."), "exclude each other"),
    ],
)
def test_a_wrong_list_is_refused_in_one_line(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    done = harness("bisect", *arguments, "--suite", "suite.yaml", "--device", "virtual:1", cwd=folder)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
