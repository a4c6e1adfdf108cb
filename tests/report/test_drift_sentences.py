"""What the report says of devices that drifted, on made-up conditions with known answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from harness.records import CpuRequest, DelegateRequest, Measurement, Purpose
from harness.report.cell_summaries import report_cells
from harness.report.drift_sentences import drift_sentences
from harness.report.page_data import trial_data
from harness.report.run_words import summarise
from harness.runs.run_store import Run
from tests.report.runs import PHONE, demo_results, model_ref, write_run


def run_of(tmp_path: Path, *seen: dict[str, Any], masks: tuple[int, ...] = ()) -> Run:
    """One process on one phone for each of `seen`, fields of its conditions."""
    models = (model_ref("m"),)
    plain = [result for result in demo_results(models, devices=(PHONE,)) if result.trial.delegate.name == "xnnpack"]
    results = []
    for number, (result, fields) in enumerate(zip(plain, seen, strict=False)):
        mask = masks[number] if masks else 0xF0
        trial = replace(result.trial, cpus=CpuRequest(label=f"{mask:x}", mask=mask))
        results.append(replace(result, trial=trial, conditions=replace(result.conditions, **fields)))
    return write_run(tmp_path / "run", results, devices=(PHONE,))


def test_a_phone_that_held_says_nothing(tmp_path: Path) -> None:
    assert drift_sentences(run_of(tmp_path, {}, {"canary_ratio": 1.0}, {"canary_after_ratio": 1.05})) == []


def test_heat_clocks_and_canary_are_told_with_their_numbers(tmp_path: Path) -> None:
    run = run_of(
        tmp_path,
        {"temperature_before_c": 24.0, "frequency_khz": 2_800_000, "canary_ratio": 1.0},
        {"temperature_after_c": 41.25, "frequency_khz": 1_680_000, "canary_ratio": 1.05, "canary_after_ratio": 1.26},
        {"temperature_after_c": 30.0, "frequency_khz": 2_100_000, "canary_ratio": 1.2},
    )
    (sentence,) = drift_sentences(run)
    assert sentence == (
        f"{PHONE.serial} drifted: from 24.0 to 41.2 °C, median clock from 2.80 down to 1.68 GHz, "
        "canary up to 1.26 times its first run."
    )


def test_what_a_model_made_is_marked(tmp_path: Path) -> None:
    warm = {"temperature_before_c": 24.0, "temperature_after_c": 40.0, "simulated": ("temperature_after_c",)}
    assert drift_sentences(run_of(tmp_path, warm))[0].endswith("from 24.0 to 40.0 °C (simulated).")


def test_clocks_of_other_cores_are_not_compared(tmp_path: Path) -> None:
    little_and_big = ({"frequency_khz": 1_800_000}, {"frequency_khz": 2_800_000})
    assert drift_sentences(run_of(tmp_path, *little_and_big, masks=(0x0F, 0xF0))) == []
    assert drift_sentences(run_of(tmp_path / "same", *little_and_big)) != []


def test_processes_beside_which_a_model_was_pushed_are_counted(tmp_path: Path) -> None:
    names = ("a.tflite", "b.tflite")
    run = run_of(tmp_path, {"pushed_beside": names}, {"evidence": ("no canary",)}, {"pushed_beside": names[:1]})
    sentences = summarise(run, report_cells(run)).sentences
    assert (
        "2 processes ran while a model was pushed to the device (push: eager), which may have slowed them." in sentences
    )
    told = [
        one["evidence"]
        for one in trial_data(run, dict(enumerate(report_cells(run))), log_prefix="")
        if "evidence" in one
    ]
    assert sorted(map(len, told)) == [1, 1, 2]
    assert ["a.tflite was pushed to the device beside it (push: eager)"] in told
    quiet = run_of(tmp_path / "quiet", {}, {})
    assert not any("eager" in sentence for sentence in summarise(quiet, report_cells(quiet)).sentences)


def test_a_cell_that_slows_its_successor_is_named_in_the_summary(tmp_path: Path) -> None:
    models = (model_ref("m"),)
    plain = [result for result in demo_results(models, devices=(PHONE,)) if result.measurement is not None][:1]
    results = []
    for number in range(24):
        # Two cells alternate, AB BA: 3 % slower after the second one.
        cell, before = (number // 2 + number) % 2, ((number - 1) // 2 + number - 1) % 2
        trial = replace(
            plain[0].trial,
            trial_id=f"{number:016x}",
            delegate=DelegateRequest(name=("cpu", "gpu")[cell]),
            purpose=Purpose.LATENCY,
            process=number // 2,
            block=number // 2,
        )
        latency = 1000.0 * (1.03 if number and before else 1.0) * (1 + 0.001 * (number * 7 % 5))
        measurement = replace(plain[0].measurement or Measurement(), inference_avg_us=latency)
        at = plain[0].started_at + timedelta(seconds=2 * number)
        results.append(replace(plain[0], trial=trial, measurement=measurement, started_at=at, duration_s=1.0))
    run = write_run(tmp_path / "run", results, devices=(PHONE,))
    (sentence,) = [one for one in summarise(run, report_cells(run)).sentences if "idle_s" in one]
    assert sentence.startswith(f"{PHONE.serial}: after gpu, processes ran 3.0 % slower than after others [")
