"""The first lines of the report, in words."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from harness.measuring.not_run import skipped_result
from harness.records import CpuRequest, DelegateRequest, Purpose
from harness.records.adaptive_decisions import Decision
from harness.report.answer import ReportAnswer, answer_of
from harness.report.cell_summaries import report_cells
from harness.report.verdicts import verdicts_of
from harness.report.wording import thread_words, times
from harness.runs.run_store import Run
from tests.report.review_runs import review_run
from tests.report.runs import PHONE, VIRTUAL, demo_results, demo_run, model_ref, write_run


def _answer(run: Run) -> ReportAnswer:
    cells = report_cells(run)
    return answer_of(verdicts_of(run, cells, {}), cells, run.manifest.devices)


def _text(markup: object) -> str:
    return re.sub(r"<[^>]*>", "", str(markup))


def test_what_changed_by_how_much_how_sure_and_where(tmp_path: Path) -> None:
    answer = _answer(review_run(tmp_path / "run"))
    assert _text(answer.lead) == (
        "xnnpack is faster than cpu in 2 of 6 comparisons, as fast in 2, undecided in 2. 6 comparisons of the average "
        "latency against cpu (the suite\u2019s baseline) on Pixel 8 and Virtual mid-range (virtual): 2 faster, 2 the "
        "same, 2 inconclusive."
    )
    assert _text(answer.findings[0]).startswith("xnnpack: 1.000\u00d7 the latency (median of 6 comparisons, from 0.399")
    assert "Largest speed-up: fast \u00b7 R5CT1234567 \u00b7 xnnpack \u00b7 1 thread" in _text(answer.findings[-1])
    assert "the whole 95\u202f% interval lies beyond \u00b11 %" in _text(answer.method)
    assert "corrected for all 6 comparisons" in _text(answer.method)
    assert "16 processes a side" in _text(answer.method)
    assert answer.unmeasured == ()


def test_a_sure_answer_comes_first_and_all_devices_together_have_their_line(tmp_path: Path) -> None:
    run = review_run(tmp_path / "run")
    fast = [r for r in run.results if r.trial.model.name == "fast"]
    answer = _answer(write_run(tmp_path / "fast", fast))
    assert re.match(
        r"xnnpack is 2\.5x faster than cpu on both devices \(2\.\dx to 2\.\dx\)\. 2 comp", _text(answer.lead)
    )
    assert any(
        _text(finding).startswith("All devices together: fast xnnpack, faster 2.5") for finding in answer.findings
    )


def test_a_single_comparison_is_not_said_twice(tmp_path: Path) -> None:
    run = review_run(tmp_path / "run")
    one = [r for r in run.results if r.trial.model.name == "fast" and r.trial.device == PHONE.serial]
    answer = _answer(write_run(tmp_path / "one", one))
    assert re.match(r"xnnpack: faster 2\.\d\dx \(2\.\d\dx to 2\.\d\dx\) \(fast", _text(answer.findings[0]))


def test_two_units_of_one_phone_are_told_apart(tmp_path: Path) -> None:
    run = review_run(tmp_path / "run")
    twin = replace(VIRTUAL, serial="emulator-5556")
    second = [
        replace(r, trial=replace(r.trial, device=twin.serial, trial_id=f"t{n}"))
        for n, r in enumerate(run.results)
        if r.trial.device == VIRTUAL.serial
    ]
    mine = [r for r in run.results if r.trial.device == VIRTUAL.serial]
    lead = _text(_answer(write_run(tmp_path / "two", [*mine, *second], devices=(VIRTUAL, twin))).lead)
    assert f"on Virtual mid-range ({VIRTUAL.serial}, virtual) and Virtual mid-range (emulator-5556, virtual)" in lead


def test_what_could_not_be_measured_and_why(tmp_path: Path) -> None:
    answer = _answer(demo_run(tmp_path / "run"))
    assert "6 could not be made, as a side was not measured" in _text(answer.lead)
    assert [_text(group) for group in answer.unmeasured] == [
        "gpu on R5CT1234567: 3 cells failed, invoke_failed: Node number 12 (CONV_2D) failed to invoke.",
        "gpu on 127.0.0.1:42017: 3 cells invalid, delegate_not_applied, unconsumed_flags: Unconsumed cmdline flags: --use_gpu=true",
    ]
    # Fifteen comparisons of five processes decide nothing, whatever the ratio.
    assert all("inconclusive" in _text(finding) for finding in answer.findings[:2])


def test_devices_that_do_not_agree_are_told_apart(tmp_path: Path) -> None:
    # One lost a process of XNNPACK's, and of the four that are left nothing is said.
    answer = _answer(write_run(tmp_path / "run", demo_results((model_ref("m"),))))
    assert any("By device: " in _text(finding) for finding in answer.findings)


def test_cells_that_were_skipped_for_different_reasons_are_told_apart(tmp_path: Path) -> None:
    results = demo_results((model_ref("m"),), (PHONE,))
    skipped = [
        skipped_result(replace(results[0].trial, trial_id=f"s{n}", cpus=CpuRequest(label=cpus, mask=0)), reason)
        for n, (cpus, reason) in enumerate(
            [("f00", "no such cores"), ("f0", "9 threads on 4 cores"), ("a00", "no such cores")]
        )
    ]
    answer = _answer(write_run(tmp_path / "run", [*results, *skipped], devices=(PHONE,)))
    told = [_text(group) for group in answer.unmeasured if "skipped" in _text(group)]
    assert [text.partition("condition_not_met: ")[2] for text in told] == ["no such cores", "9 threads on 4 cores"]
    assert "2 cells skipped" in told[0]


def test_too_few_processes_are_never_a_verdict(tmp_path: Path) -> None:
    few = [r for r in demo_results((model_ref("m"),), (PHONE,)) if r.trial.process < 2]
    answer = _answer(write_run(tmp_path / "run", few, devices=(PHONE,)))
    assert "faster" not in _text(answer.lead)
    assert _text(answer.method).startswith("No verdict is possible: 2 processes a side, and one needs at least 5.")


def test_synthetic_numbers_are_marked_where_they_are_spoken_of(tmp_path: Path) -> None:
    run = review_run(tmp_path / "run")
    some = [replace(r, synthetic=r.trial.model.name == "fast") for r in run.results]
    answer = _answer(write_run(tmp_path / "some", some))
    assert "2 of them rest on numbers that were replayed or modelled, not measured." in _text(answer.lead)
    assert 'class="tag synthetic"' in answer.lead
    every = _answer(write_run(tmp_path / "all", [replace(r, synthetic=True) for r in run.results]))
    assert "All of them rest on numbers" in _text(every.lead)
    mixed = [replace(r, synthetic=r.trial.delegate.name == "xnnpack") for r in run.results]
    answer = _answer(write_run(tmp_path / "mixed", mixed))
    assert _text(answer.cautions[0]).startswith("Not measured alike in 6 comparisons: this cell is synthetic")


def test_without_a_baseline_it_says_what_it_took_instead(tmp_path: Path) -> None:
    results = demo_results((model_ref("m"),), (PHONE,))
    answer = _answer(write_run(tmp_path / "run", results, devices=(PHONE,), baseline={}))
    assert "against cpu (the suite names no baseline; this is the first that it measures)" in _text(answer.lead)
    lacking = _answer(write_run(tmp_path / "lacking", results, devices=(PHONE,), baseline={"delegate": "nnapi"}))
    assert "the run has nothing of the baseline that the suite names" in _text(lacking.lead)
    one = [r for r in results if r.trial.delegate.name == "cpu" and r.trial.threads == 1]
    alone = _answer(write_run(tmp_path / "alone", one, devices=(PHONE,), baseline={}))
    assert _text(alone.lead).startswith("All was measured in one configuration, so there is nothing to compare")
    assert [_text(finding) for finding in alone.findings] == [
        "m on R5CT1234567: 37\u202fms (median of 5 processes, 36.67 to 38.26)"
    ]
    assert alone.method is None


def test_names_are_isolated_and_stay_text(tmp_path: Path) -> None:
    evil = '<script>alert(1)</script>"\u202e&' + "x" * 4096
    results = []
    for result in demo_results((model_ref(evil),), (replace(PHONE, serial=evil[:200], model=evil),)):
        label = DelegateRequest(name=result.trial.delegate.name + "<b>" + "y" * 300)
        keep = result.trial.purpose is Purpose.LATENCY
        results += [replace(result, trial=replace(result.trial, delegate=label), message=evil)] if keep else []
    answer = _answer(write_run(tmp_path / "run", results, devices=(replace(PHONE, serial=evil[:200], model=evil),)))
    everything = [answer.lead, *answer.findings, *answer.unmeasured, *answer.cautions]
    for markup in everything:
        assert not re.search(r"<(?!/?(?:bdi|strong|code|a)\b)", markup), markup
        assert max(len(name) for name in re.findall(r"<bdi>(.*?)</bdi>", markup) or [""]) < 1300
    assert sum(len(markup) for markup in everything) < 20_000


def test_near_one_the_third_digit_is_shown() -> None:
    assert [times(ratio) for ratio in (0.0123, 0.25, 0.9996, 1.004, 4.113, 123.4)] == [
        "0.0123\u00d7",
        "0.250\u00d7",
        "1.000\u00d7",
        "1.004\u00d7",
        "4.11\u00d7",
        "123\u00d7",
    ]


def test_why_an_adaptive_run_stopped_is_said(tmp_path: Path) -> None:
    run = review_run(tmp_path / "run")
    cells = report_cells(run)
    narrow = Decision(
        device="d", head=None, base=None, reason="narrow", block=6, blocks=7, ratio=0.5, ci_low=0.49, ci_high=0.51,
        level=0.99, method="m", device_s=1.0, at=run.manifest.started_at,
    )  # fmt: skip
    decisions = [narrow, narrow, replace(narrow, reason="max_blocks")]
    answer = answer_of(verdicts_of(run, cells, {}), cells, run.manifest.devices, decisions)
    assert "(2 narrow enough, 1 still open at the most blocks)" in _text(answer.method)
    assert "allow for the looking: p-values for all looks together (Pocock 1977)" in _text(answer.method)


def test_threads_that_a_log_does_not_say_are_the_tools_default() -> None:
    assert [thread_words(count) for count in (1, 4, -1)] == ["1 thread", "4 threads", "default threads"]
