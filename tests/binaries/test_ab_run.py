"""Two imported binaries as A and B in one run on virtual devices, reported side by side."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.binaries.binary_store import BinaryStore
from harness.litert_host.launcher import write_launcher
from harness.records import Purpose, Status
from harness.runs.run_store import Run, load_run
from tests.binaries.programs import write_elf
from tests.in_process import harness
from tests.model_files import shipped

# A real ELF program that says which one it is, then becomes the benchmark on LiteRT's library.
_SOURCE = """
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
  char *arguments[256] = {"sh", LAUNCHER};
  for (int i = 1; i < argc && i < 250; i++) arguments[i + 1] = argv[i];
  fputs("built as " VARIANT "\\n", stderr);
  fflush(stderr);
  execv("/bin/sh", arguments);
  return 127;
}
"""

SUITE = """
suite: builds
models: [{model}]
binaries: [A, {{name: B, use: B}}]
delegates: [xnnpack]
cpus: [all]
purposes: [latency, profile]
processes: 2
run: {{min_runs: 3, min_s: 0, max_s: 2, warmup_runs: 1, warmup_s: 0, timeout_s: 60}}
order: {{seed: 3}}
baseline: {{binary: A}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ab")


@pytest.fixture(scope="module")
def programs(folder: Path) -> dict[str, Path]:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs the system package gcc")
    launcher = folder / "launcher"
    write_launcher(launcher)
    (folder / "main.c").write_text(_SOURCE)
    for variant in ("A", "B"):
        defines = [f'-DLAUNCHER="{launcher}"', f'-DVARIANT="{variant}"']
        subprocess.run([compiler, "-O1", *defines, "-o", folder / variant, folder / "main.c"], check=True, timeout=60)
    return {variant: folder / variant for variant in ("A", "B")}


@pytest.fixture(scope="module")
def state(folder: Path) -> Path:
    return folder / "state"


@pytest.fixture(autouse=True)
def _state(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_STATE_DIR", str(state))


def test_a_run_interleaves_reports_exports_and_compares_them(folder: Path, programs: dict[str, Path]) -> None:
    for name, path in programs.items():
        done = harness("build", "--import", path, "--name", name, "--json", cwd=folder)
        assert done.returncode == 0, done.stderr
    (folder / "suite.yaml").write_text(SUITE.format(model=json.dumps(str(shipped("cnn_fp32.tflite")))))
    done = harness("run", "suite.yaml", "--device", "virtual:2", "--out", "run", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    run = load_run(folder / "run")
    _check_results(run)
    _check_cells(json.loads(done.stdout)["cells"])
    _check_tables(folder)
    _check_report((folder / "run" / "report.html").read_text(encoding="utf-8"))
    _check_comparison(folder)
    # Each was asked once what it is, and that is known for the next run.
    store = BinaryStore()
    assert all("--num_threads" in str(store.help_text(artifact.sha256)) for artifact in run.manifest.artifacts)
    again = harness("run", "--resume", "run", cwd=folder)
    assert "all 12 trials are finished" in again.stderr


def _check_results(run: Run) -> None:
    hashes = {artifact.binary: artifact.sha256 for artifact in run.manifest.artifacts}
    assert set(hashes) == {"A", "B"}
    assert len(set(hashes.values())) == 2
    assert len(run.results) == 12
    for result in run.results:
        assert result.status is Status.OK, result.message
        assert result.artifact_sha256 == hashes[result.trial.binary]
        assert f"built as {result.trial.binary}" in (run.path / result.logs["stderr"]).read_text()
    # Interleaved: both run in each block of each device.
    blocks: dict[tuple[str, int], list[str | None]] = {}
    for trial in run.manifest.trials:
        if trial.purpose is Purpose.LATENCY:
            blocks.setdefault((trial.device, trial.process), []).append(trial.binary)
    assert len(blocks) == 4
    assert all(sorted(map(str, names)) == ["A", "B"] for names in blocks.values())


def _check_cells(cells: list[dict[str, Any]]) -> None:
    assert sorted((cell["device"], cell["binary"]) for cell in cells) == sorted(
        (device, name) for device in {cell["device"] for cell in cells} for name in ("A", "B")
    )
    assert all(cell["processes"] == 2 and cell["median_us"] > 0 for cell in cells)


def _check_tables(folder: Path) -> None:
    for table in ("trials", "ops"):
        done = harness("export", "run", "--table", table, "--format", "csv", cwd=folder)
        rows = list(csv.DictReader(done.stdout.splitlines()))
        assert "binary" in rows[0]
        assert {row["binary"] for row in rows} == {"A", "B"}


def _check_report(html: str) -> None:
    start = html.index('id="data"')
    data = html[start : html.index("</script>", start)]
    assert '"binary":["A","B"]' in data.replace(", ", ",").replace(": ", ":")


def _check_comparison(folder: Path) -> None:
    done = harness("compare", "run@binary=A", "run@binary=B", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    comparisons = json.loads(done.stdout)["comparisons"]
    assert len({one["device"] for one in comparisons}) == 2
    assert all(one["base"]["n"] == one["head"]["n"] == 2 for one in comparisons)


@pytest.mark.parametrize(
    ("binaries", "code", "words"),
    [
        ("binaries: [nothing]\n", 3, ["'nothing'", "harness build"]),
        ("binaries: [A, A]\n", 2, ["suite.yaml:3", "'A'"]),
        ("binaries: [{name: x}]\n", 2, ["suite.yaml:3", "use", "path"]),
        ("binaries: [{name: x, path: text}]\n", 2, ["text is a text file"]),
        ("binaries: [{name: x, path: android}]\n", 2, ["arm64-v8a"]),
        ("binaries: [{name: x, path: half}]\n", 2, ["half is cut off"]),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_pushed(
    tmp_path: Path, programs: dict[str, Path], binaries: str, code: int, words: list[str]
) -> None:
    (tmp_path / "suite.yaml").write_text(
        f"suite: s\nmodels: [{json.dumps(str(shipped('cnn_fp32.tflite')))}]\n{binaries}"
    )
    (tmp_path / "text").write_text("hello\n")
    (tmp_path / "half").write_bytes(programs["A"].read_bytes()[:9000])
    write_elf(tmp_path / "android")
    done = harness("run", "suite.yaml", "--device", "virtual:1", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_binary_on_the_command_line_and_several_in_the_suite_exclude_each_other(
    tmp_path: Path, programs: dict[str, Path]
) -> None:
    model = json.dumps(str(shipped("cnn_fp32.tflite")))
    (tmp_path / "suite.yaml").write_text(f"suite: s\nmodels: [{model}]\nbinaries: [A]\n")
    arguments = ("--device", "virtual:1", "--binary", f"x86_64={programs['A']}")
    done = harness("run", "suite.yaml", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "names its binaries itself" in done.stderr
