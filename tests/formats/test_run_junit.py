"""JUnit XML of a run: a CI job that reads it and one that reads the exit code come to the same end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from harness.formats.run_junit import run_junit
from harness.records import Result, Status
from harness.records.causes import Cause
from harness.runs.run_store import RunStore, load_run, read_manifest
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell
from tests.cli.comparable_runs import noise, write_run

XSD = Path(__file__).resolve().parent.parent / "data" / "junit" / "junit.xsd"
HOSTILE = "<script>]]>\x07\x1b[31m&\ud800"


def document_of(path: Path, tails: dict[str, dict[str, str]] | None = None) -> etree._Element:
    text = run_junit(load_run(path), tails)
    document = etree.fromstring(text.encode())
    etree.XMLSchema(etree.parse(XSD)).assertValid(document)
    return document


def outcomes(document: etree._Element) -> dict[str, list[str]]:
    kinds = ("failure", "error", "skipped")
    return {
        case.get("name", ""): [f"{kind} {child.get('type')}" for kind in kinds for child in case.findall(kind)]
        for case in document.iter("testcase")
    }


def bad(results: list[Result], **changes: object) -> list[Result]:
    return [replace(one, **changes) for one in results]  # type: ignore[arg-type]  # names of its own fields


def test_each_cell_is_a_case_with_its_outcome(tmp_path: Path) -> None:
    results = cell(noise(1)) + cell(noise(2, 500.0), delegate="xnnpack")
    results += bad(
        cell([None, None], delegate="gpu", status=Status.FAILED, causes=(Cause.INVOKE_FAILED,)), message="Node 3 failed"
    )
    results += cell([900.0], delegate="hexagon", status=Status.INVALID, causes=(Cause.DELEGATE_NOT_APPLIED,))
    results += bad(cell([None], delegate="nnapi", status=Status.SKIPPED), message="no NNAPI there")
    results += cell(noise(3), device=OTHER_PHONE.serial)
    document = document_of(
        write_run(tmp_path / "run", results, devices=(PHONE, OTHER_PHONE), baseline={"delegate": "cpu"})
    )
    assert outcomes(document) == {
        "m on R5CT1 cpu 1 thr big": [],
        "m on R5CT1 xnnpack 1 thr big": [],
        "m on R5CT1 gpu 1 thr big": ["failure invoke_failed"],
        "m on R5CT1 hexagon 1 thr big": ["failure delegate_not_applied"],
        "m on R5CT1 nnapi 1 thr big": ["skipped skipped"],
        "m on R5CT2 cpu 1 thr big": [],
    }
    assert [suite.get("name") for suite in document.iter("testsuite")] == ["R5CT1", "R5CT2"]
    assert (document.get("tests"), document.get("failures"), document.get("errors")) == ("6", "2", "0")
    [gpu] = [case for case in document.iter("testcase") if " gpu " in case.get("name", "")]
    [failure] = gpu.findall("failure")
    assert failure.get("message") == "2 of 2 processes are not ok: invoke_failed: Node 3 failed"
    assert "latency 1 failed: invoke_failed: Node 3 failed" in (gpu.findtext("system-err") or "")
    [xnnpack] = [case for case in document.iter("testcase") if " xnnpack " in case.get("name", "")]
    assert "ratio to the baseline 0.499" in (xnnpack.findtext("system-out") or "")
    assert xnnpack.get("time") == "10.000"


def test_what_never_ran_is_an_error(tmp_path: Path) -> None:
    results = cell(noise(1)) + cell(noise(2), delegate="gpu")
    path = write_run(tmp_path / "run", results[:7])
    with RunStore.open(path) as store:
        store.extend_manifest(replace(read_manifest(path), trials=tuple(one.trial for one in results)))
    document = document_of(path)
    assert outcomes(document) == {
        "m on R5CT1 cpu 1 thr big": ["error never_ran"],
        "m on R5CT1 gpu 1 thr big": ["error never_ran"],
    }
    messages = [error.get("message") for error in document.iter("error")]
    assert messages == ["3 of 10 processes never ran", "10 of 10 processes never ran"]


def test_a_run_that_skips_everything_is_no_success(tmp_path: Path) -> None:
    document = document_of(write_run(tmp_path / "run", cell([None], status=Status.SKIPPED)))
    assert document.get("errors") == "1"


@pytest.mark.parametrize("text", [HOSTILE, "\r\n\t", "😀"])
def test_any_text_makes_a_document(tmp_path: Path, text: str) -> None:
    failed = cell([None], status=Status.FAILED, causes=(Cause.CRASHED,))
    path = write_run(tmp_path / "run", bad(failed, message=text.encode("utf-8", "replace").decode()))
    document = document_of(path, {failed[0].trial.trial_id: {"stderr": text}})
    assert f"last lines of stderr of {failed[0].trial.trial_id}" in (document.findtext(".//system-err") or "")
