from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from lxml import html

from harness.records import Status
from harness.records.causes import Cause
from harness.records.variants import TaskAccuracy
from harness.report import render_report
from harness.report.cell_summaries import report_cells
from harness.report.variant_answer import difference_words
from harness.report.variant_section import Section, sections_of
from harness.report.verdicts import verdicts_of
from harness.runs.run_store import Run, load_run
from tests.report.runs import demo_run
from tests.report.variant_runs import variant_results, variant_run


def _sections(run: Run) -> tuple[Section, ...]:
    cells = report_cells(run)
    return sections_of(run, cells, verdicts_of(run, cells, {}))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("variants") / "run"
    variant_run(path)
    return load_run(path)


def test_a_run_without_sources_has_no_section(tmp_path: Path) -> None:
    run = demo_run(tmp_path / "run")
    assert _sections(run) == ()
    assert "Which variant" not in render_report(run)


def test_the_answer_names_the_fastest_variant_that_is_right(run: Run) -> None:
    (section,) = _sections(run)
    said = html.fromstring(section.answers[0]).text_content()
    # int8 on the GPU would be faster still, and answers otherwise.
    assert said == (
        "fp16 is 2.0\u00d7 faster than fp32 on Pixel 8 R5CT1234567 (gpu, 1 thread, big) at 1.9\u00d7 less size; accuracy 0.978 against "
        "0.978: equal. int8 (gpu, 1 thread, big) is not counted as faster: its outputs differ."
    )


def test_files_have_size_accuracy_and_what_is_wrong_with_them(run: Run) -> None:
    (section,) = _sections(run)
    rows = {row.file.variant: row for row in section.files}
    assert list(rows) == ["fp32", "fp16", "int8", "int16x8"]
    assert (rows["int8"].size, rows["int8"].of_reference, rows["int8"].zipped) == ("110 kB", "0.28\u00d7", "55 kB")
    assert (rows["int8"].accuracy, rows["int8"].interval) == ("0.976", "[0.957, 0.986]")
    assert rows["int8"].against == "no difference shown with 450 samples"
    assert (
        html.fromstring(rows["int16x8"].notes[0]).text_content() == "does not exist: CONV_2D <i>cannot</i> be prepared"
    )


def test_places_have_ratio_error_and_mark(run: Run) -> None:
    (section,) = _sections(run)
    rows = {(row.name, row.variant.place[1]): row for row in section.places}
    wrong = rows["int8", "gpu"]
    assert wrong.variant.differs
    assert (wrong.error, wrong.reference_error) == ("90 %", "1.2 %, 2 values are not finite")
    good = rows["int8", "xnnpack"]
    assert (good.error, good.ratio, good.memory, str(good.variant.verdict)) == (
        "0 (equal)",
        "0.333\u00d7",
        "11.0",
        "faster",
    )
    assert [row.first for row in section.places] == [True, False, False, True, False, False]


def test_what_could_not_run_is_said_with_its_reason(tmp_path: Path) -> None:
    results = [
        replace(one, status=Status.SKIPPED, causes=(Cause.OP_UNSUPPORTED,), message="needs <Flex>", measurement=None)
        if one.trial.model.variant == "int8" and one.trial.delegate.name == "gpu"
        else one
        for one in variant_results()
    ]
    (section,) = _sections(variant_run(tmp_path / "run", results))
    notes = next(row.notes for row in section.files if row.file.variant == "int8")
    assert html.fromstring(notes[-1]).text_content() == (
        "could not run on R5CT1234567: gpu, 1 thread, big: needs <Flex>"
    )


def test_the_page_holds_strangers_text_as_text_and_names_every_variant(run: Run) -> None:
    page = render_report(run)
    document = html.fromstring(page)
    (section,) = document.xpath("//section[@id='variants']")
    assert not section.xpath(".//i | .//b")
    assert "CONV_2D <i>cannot</i> be prepared" in section.text_content()
    (drawn,) = section.xpath(".//svg")
    assert {mark.get("class") for mark in drawn.xpath(".//g")} == {"variant on-front", "variant beaten"}
    assert re.search(r"int8: 0\.3 ms, 0\.976", html.tostring(drawn).decode())
    assert document.xpath("//nav//a[@href='#variants']")


def test_several_sources_are_held_against_each_other(tmp_path: Path) -> None:
    results = []
    for one in variant_results():
        pruned = one.trial.model.variant == "fp16"  # as if it were a source of its own, with one variant
        model = (
            replace(one.trial.model, name="pruned", variant="int8", source="pruned.keras")
            if pruned
            else one.trial.model
        )
        results.append(replace(one, trial=replace(one.trial, model=model)))
    run = variant_run(tmp_path / "run", results)
    accuracy = [
        replace(one, model="pruned", variant="int8") if one.variant == "fp16" else one
        for one in run.manifest.task_accuracy
    ]
    run = replace(run, manifest=replace(run.manifest, task_accuracy=tuple(accuracy)))
    document = html.fromstring(render_report(run))
    (whole,) = document.xpath("//section[@id='variants']")
    rows = [[cell.text_content().strip() for cell in row] for row in whole.xpath(".//tbody/tr")]
    assert [row[:2] + row[5:] for row in rows] == [
        ["digits", "fp32", "0.500"],
        ["digits", "int8", "0.300"],  # its place on the GPU answers otherwise
        ["digits", "fp16", "not said"],
        ["digits", "int16x8", "not said"],
        ["pruned", "int8", "0.250"],
    ]
    assert [one.text for one in whole.xpath(".//svg//text[not(@class)]")] == [
        "digits fp32",
        "pruned int8",
        "digits int8",
    ]
    assert document.xpath("//section[@id='variants-2']//h3[contains(., 'pruned')]")


@pytest.mark.parametrize(
    ("better", "value", "words"),
    [
        ("higher", 0.9, "worse (p = 0.003, 450 samples)"),
        ("lower", 0.9, "better (p = 0.003, 450 samples)"),
        (None, 0.99, "higher (p = 0.003, 450 samples)"),  # nobody knows what is better in a user's own metric
    ],
)
def test_a_difference_that_is_shown_says_which_way(
    better: Literal["higher", "lower"] | None, value: float, words: str
) -> None:
    base = TaskAccuracy(model="m", variant="fp32", metric="x", value=0.95, n=450, better=better)
    ours = replace(base, variant="int8", value=value, against="fp32", p_value=0.003)
    assert difference_words(ours, base) == words
    assert difference_words(replace(ours, p_value=0.05), base) == "no difference shown with 450 samples"
