from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.report import report
from harness.errors import UsageError
from harness.records import Purpose, Status
from harness.report import render_report, write_report
from harness.report.page_template import milliseconds
from harness.runs.run_store import Run, load_run
from tests.report.runs import demo_run, model_ref, write_run


def _block(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/([a-z-]+)" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[2] if found[1] == "json" else zlib.decompress(base64.b64decode(found[2])))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("report") / "run"
    demo_run(path)
    return load_run(path)


@pytest.fixture(scope="module")
def page(run: Run) -> str:
    return render_report(run)


def test_made_again_it_has_the_same_bytes(run: Run, page: str) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.report import write_report; write_report(Path(sys.argv[1]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", code, str(run.path)], env=environment, check=True, timeout=120)
    assert (run.path / "report.html").read_bytes() == page.encode()


def test_nothing_in_it_names_a_place_to_load_from(page: str) -> None:
    without_code = re.sub(r"<script.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)
    assert "http:" not in without_code
    assert "https:" not in without_code
    assert not re.search(r"<(?:link|img|iframe|object|embed)\b(?![^>]*href=\"data:,\")", without_code)
    assert not re.search(r"url\(|@import", page[page.index("<style>") : page.index("</style>")])


def test_the_policy_allows_exactly_the_script_and_the_style_sheet_of_the_page(page: str) -> None:
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert found
    policy = dict(part.strip().split(" ", 1) for part in found[1].split(";"))
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in found[1]
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    for kind, code in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert policy[f"{kind}-src"] == f"'sha256-{digest}'"
    assert " style=" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_failed_processes_show_no_number(run: Run, page: str) -> None:
    data, trials = _block(page, "data"), _block(page, "trials-data")
    failed = [trial for trial in trials if trial["status"] == "failed"]
    assert len(failed) == 24
    assert not [trial for trial in failed if "latency" in trial]
    printed = {
        f"{r.measurement.inference_avg_us:.6g}"
        for r in run.results
        if r.status is Status.FAILED
        and r.measurement
        and r.measurement.inference_avg_us
        and r.trial.purpose is Purpose.LATENCY
    }
    good = {
        f"{r.measurement.inference_avg_us:.6g}" for r in run.results if r.status is not Status.FAILED and r.measurement
    }
    shown = {f"{trial['latency']:.6g}" for trial in trials if "latency" in trial}
    shown |= {f"{value:.6g}" for cell in data["cells"] for value in (*cell["ok"], *cell["off"])}
    assert printed - good
    assert not shown & (printed - good)
    for cell in data["cells"]:
        if cell["state"] == "failed":
            assert cell["latency"] is None


def test_the_words_come_first(page: str) -> None:
    assert page.index("252 processes on 2 devices: 207 ok, 24 failed, 21 invalid.") < page.index('id="matrix"')
    words = re.sub(r"</?(?:bdi|strong)>", "", page)
    assert words.index("gpu: 0.135\u00d7 the latency (median of 6 comparisons") < words.index('id="matrix"')
    assert "1 of 2 devices is virtual" in page
    assert "No result is synthetic" in page


def test_synthetic_results_are_marked_from_the_first_line_on(tmp_path: Path, run: Run) -> None:
    some = [replace(result, synthetic=result.trial.model.name == "resnet_50") for result in run.results]
    page = render_report(write_run(tmp_path / "run", some))
    assert "Synthetic data.</strong> 84 of 252 results" in page
    assert page.index("Synthetic data.") < page.index('id="summary"')
    data = _block(page, "data")
    assert {data["dimensions"]["model"][cell["key"][0]] for cell in data["cells"] if cell["synthetic"]} == {"resnet_50"}
    assert sum(trial.get("synthetic", False) for trial in _block(page, "trials-data")) == 84
    assert sum(profile["synthetic"] for profile in _block(page, "ops-data")["profiles"]) == 10


def test_an_empty_run_still_has_a_report(tmp_path: Path) -> None:
    page = render_report(write_run(tmp_path / "run", []))
    assert "0 processes on 0 devices: nothing was planned." in page


def test_a_large_run_stays_small(tmp_path: Path, run: Run) -> None:
    """60 models, 720 cells, 5,040 processes, 47,000 op rows."""
    many = []
    for number in range(20):
        for result in run.results:
            model = model_ref(f"{result.trial.model.name}_{number}")
            trial = replace(result.trial, model=model, trial_id=f"{result.trial.trial_id}-{number}")
            many.append(replace(result, trial=trial))
    run_of_many = Run(
        path=tmp_path, manifest=replace(run.manifest, trials=tuple(r.trial for r in many)), results=tuple(many)
    )
    page = render_report(run_of_many)
    assert len(page.encode()) < 2_500_000
    assert len(_block(page, "data")["cells"]) == 720


def test_a_report_elsewhere_links_back_to_the_logs(tmp_path: Path, run: Run) -> None:
    out = tmp_path / "elsewhere.html"
    result = CliRunner().invoke(report, [str(run.path), "-o", str(out), "--json"], standalone_mode=False)
    assert result.exception is None
    assert json.loads(result.output) == {"report": str(out), "bytes": out.stat().st_size}
    href = _block(out.read_text(encoding="utf-8"), "trials-data")[0]["logs"]["stdout"]
    assert (tmp_path / href).resolve().parent.parent == (run.path / "logs").resolve()


def test_what_cannot_be_read_or_written_is_a_clear_error(tmp_path: Path, run: Run) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        write_report(tmp_path)
    with pytest.raises(UsageError, match="cannot write"):
        write_report(run.path, tmp_path / "no" / "such" / "folder.html")


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0.0, "0.000"),
        (8.9, "0.0089"),
        (123.4, "0.123"),
        (8340.78, "8.341"),
        (37_000.0, "37.00"),
        (1_234_560.0, "1234.6"),
    ],
)
def test_milliseconds_have_three_digits_at_least(us: float, text: str) -> None:
    assert milliseconds(us) == text
