"""A run of a source's variants for the report's tests. The numbers are arithmetic, not measurements."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from harness.records import DelegateRequest, Measurement, Memory, ModelRef, Purpose, Result, Status, Trial
from harness.records.accuracy import AccuracyFigures, AccuracyPlan, OutputDistance
from harness.records.causes import Cause
from harness.records.variants import ConvertedModel, TaskAccuracy
from harness.runs.run_store import Manifest, Run, RunStore
from tests.report.runs import BEGAN, PHONE, measurement_of, model_ref, trial_of

SOURCE = "digits <b>.keras"
PROCESSES = 10
SIZES = {"fp32": 400_000, "fp16": 210_000, "int8": 110_000}
LATENCY_US = {
    ("fp32", "xnnpack"): 900.0,
    ("fp16", "xnnpack"): 905.0,
    ("int8", "xnnpack"): 300.0,
    ("fp32", "gpu"): 500.0,
    ("fp16", "gpu"): 250.0,
    ("int8", "gpu"): 200.0,
}
FACTORS = (1.0, 1.002, 0.999, 1.003, 0.998, 1.001, 1.0005, 0.9995, 1.0015, 0.9985)


def variant_ref(variant: str) -> ModelRef:
    return replace(
        model_ref("digits"),
        path=f"/cache/{variant}.tflite",
        sha256=variant.encode().hex().ljust(64, "0"),
        size_bytes=SIZES[variant],
        variant=variant,
        source=SOURCE,
        source_sha256="a" * 64,
    )


def _trial(variant: str, delegate: str, purpose: Purpose, process: int) -> Trial:
    trial = trial_of(PHONE.serial, variant_ref(variant), DelegateRequest(name=delegate), 1, purpose, process)
    return replace(trial, trial_id=f"{trial.trial_id}-{variant}")


def _result(trial: Trial, number: int, seen: Measurement) -> Result:
    return Result(
        trial=trial,
        status=Status.OK,
        measurement=seen,
        started_at=BEGAN + timedelta(seconds=number),
        duration_s=1.0,
        exit_code=0,
    )


def variant_results() -> list[Result]:
    results: list[Result] = []
    for process in range(PROCESSES):
        for number, ((variant, delegate), us) in enumerate(LATENCY_US.items()):
            factor = FACTORS[(process + number) % len(FACTORS)]
            trial = _trial(variant, delegate, Purpose.LATENCY, process)
            results.append(_result(trial, len(results), measurement_of(us * factor)))
    for variant, delegate in LATENCY_US:
        memory = replace(measurement_of(1000.0), memory=Memory(periodic_peak_mb=SIZES[variant] / 10_000))
        results.append(_result(_trial(variant, delegate, Purpose.MEMORY, 0), len(results), memory))
        wrong = (variant, delegate) == ("int8", "gpu")
        found = AccuracyFigures(
            samples=8,
            inputs="evaluate",
            output=OutputDistance(max_abs=0.9, max_rel=0.9, output="label")
            if wrong
            else OutputDistance(max_abs=0.0, max_rel=0.0, cosine=1.0, argmax=1.0, equal=True),
            reference=None if variant == "fp32" else OutputDistance(max_abs=0.01, max_rel=0.012, nan=2 if wrong else 0),
            reference_variant="fp32",
        )
        accurate = replace(
            _result(_trial(variant, delegate, Purpose.ACCURACY, 0), len(results), measurement_of(1.0)), accuracy=found
        )
        if wrong:
            accurate = replace(accurate, status=Status.INVALID, causes=(Cause.OUTPUT_DIFFERS,), message="label differs")
        results.append(accurate)
    return results


def conversion(variant: str, **values: object) -> ConvertedModel:
    made = ConvertedModel(
        source=SOURCE,
        source_sha256="a" * 64,
        variant=variant,
        path=f"/cache/{variant}.tflite",
        sha256=variant_ref(variant).sha256 if variant in SIZES else "b" * 64,
        size_bytes=SIZES.get(variant),
        zipped_bytes=SIZES.get(variant, 0) // 2,
        converter="tensorflow 2.21.0",
        status="ok",
        snr_db=45.2,
        quantized_ops=7,
        total_ops=9,
    )
    return replace(made, **values)  # type: ignore[arg-type]


def variant_run(path: Path, results: list[Result] | None = None) -> Run:
    results = variant_results() if results is None else results
    accuracy = [
        ("fp32", 0.978, 0.960, 0.988, None, None),
        ("fp16", 0.978, 0.960, 0.988, "fp32", 1.0),
        ("int8", 0.976, 0.957, 0.986, "fp32", 0.8),
    ]
    manifest = Manifest(
        run_id=path.name,
        suite="variants",
        suite_text="suite: variants\n",
        started_at=BEGAN,
        harness_version="0.1.0",
        devices=(PHONE,),
        models=tuple(variant_ref(one) for one in SIZES),
        trials=tuple(one.trial for one in results),
        baseline={"variant": "fp32"},
        conversions=(
            *(conversion(one) for one in SIZES),
            conversion(
                "int16x8",
                status="failed",
                path=None,
                size_bytes=None,
                zipped_bytes=None,
                snr_db=None,
                quantized_ops=None,
                message="CONV_2D <i>cannot</i> be prepared",
            ),
        ),
        task_accuracy=tuple(
            TaskAccuracy(
                model="digits",
                variant=variant,
                metric="top1",
                value=value,
                ci_low=low,
                ci_high=high,
                n=450,
                against=against,
                p_value=p_value,
                better="higher",
            )
            for variant, value, low, high, against, p_value in accuracy
        ),
        accuracy=AccuracyPlan(samples=8, reference="fp32", seed=1),
    )
    with RunStore.create(path, manifest) as store:
        for result in results:
            store.append(result)
    return Run(path=path, manifest=manifest, results=tuple(results))
