"""Runs made up for the report's tests: every outcome, profiles, conditions. The numbers are arithmetic, not measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from harness.records import (
    Artifact,
    Conditions,
    CpuCluster,
    CpuRequest,
    DelegateRequest,
    DelegateUse,
    DeviceInfo,
    Measurement,
    Memory,
    ModelRef,
    OpTiming,
    Purpose,
    Result,
    RunLengths,
    RunStatistics,
    Sample,
    Scalar,
    Status,
    Trial,
)
from harness.records.causes import Cause
from harness.runs.run_store import Manifest, Run, RunStore

BEGAN = datetime(2026, 8, 1, 9, 30, tzinfo=UTC)
SUITE = "suite: demo\nmodels:\n  - models/*.tflite\ndelegates: [cpu, xnnpack, gpu]\nthreads: [1, 4]\n"

PHONE = DeviceInfo(
    serial="R5CT1234567",
    model="Pixel 8",
    manufacturer="Google",
    soc="Tensor G3",
    android="15",
    api_level=35,
    fingerprint="google/shiba/shiba:15/AP4A.250205.002/12821496:user/release-keys",
    abis=("arm64-v8a", "armeabi-v7a"),
    ram_mb=8192,
    cpu_clusters=(
        CpuCluster(name="little", cpus=(0, 1, 2, 3), capacity=150, max_frequency_khz=1_704_000),
        CpuCluster(name="mid", cpus=(4, 5, 6, 7), capacity=700, max_frequency_khz=2_367_000),
        CpuCluster(name="big", cpus=(8,), capacity=1024, max_frequency_khz=2_914_000),
    ),
    config="pixel_8",
)
VIRTUAL = DeviceInfo(
    serial="127.0.0.1:42017",
    model="Virtual mid-range",
    soc="virtual",
    android="13",
    api_level=33,
    abis=("x86_64",),
    cpu_clusters=(CpuCluster(name="big", cpus=(6, 7), capacity=1024, max_frequency_khz=2_400_000),),
    config="virtual_2_6",
    virtual=True,
    cpu_map={6: 0, 7: 1},
)
BINARY = Artifact(
    name="benchmark_model", sha256=sha256(b"binary").hexdigest(), abi="arm64-v8a", size_bytes=7_340_032, origin="import"
)


def model_ref(name: str) -> ModelRef:
    return ModelRef(
        name=name, path=f"models/{name}.tflite", sha256=sha256(name.encode()).hexdigest(), size_bytes=13_921_600
    )


def trial_of(
    device: str,
    model: ModelRef,
    delegate: DelegateRequest,
    threads: int,
    purpose: Purpose = Purpose.LATENCY,
    process: int = 0,
) -> Trial:
    identity = sha256(repr((device, model.name, delegate.label, threads, purpose.value, process)).encode()).hexdigest()
    return Trial(
        trial_id=f"t-{identity[:12]}",
        device=device,
        model=model,
        delegate=delegate,
        threads=threads,
        cpus=CpuRequest(label="big", mask=0xF0),
        purpose=purpose,
        process=process,
        block=process,
        run=RunLengths(),
    )


def measurement_of(
    us: float, *, uses: tuple[DelegateUse, ...] = (), ops: tuple[OpTiming, ...] | None = None
) -> Measurement:
    return Measurement(
        init_us=23_373.0,
        first_inference_us=us * 1.2,
        warmup_avg_us=us * 1.05,
        inference_avg_us=us,
        runs=RunStatistics(
            count=120,
            first=us,
            curr=us,
            min=us * 0.97,
            max=us * 1.1,
            avg=us,
            std=us * 0.02,
            p5=us * 0.98,
            median=us * 0.995,
            p95=us * 1.05,
        ),
        memory=Memory(init_delta_mb=37.3633, overall_delta_mb=38.8008),
        delegates=uses,
        ops=ops,
    )


def ops_of(kinds: tuple[tuple[str, str], ...], total_us: float) -> tuple[OpTiming, ...]:
    weights = [1 + (index * 7) % 5 for index in range(len(kinds))]
    done = 0.0
    ops = []
    for index, ((node_type, name), weight) in enumerate(zip(kinds, weights, strict=True)):
        share = 100 * weight / sum(weights)
        done += share
        cost = total_us * share / 100
        ops.append(
            OpTiming(
                index=index,
                node_type=node_type,
                name=name,
                first_us=cost * 1.1,
                avg_us=cost,
                percent=share,
                cdf_percent=done,
                mem_kb=0.0,
                times_called=1,
            )
        )
    return tuple(ops)


BUILTIN_OPS = tuple(
    (kind, f"[mobilenetv2_1.00_224/block_{index}/{kind.lower()}]:{index}")
    for index, kind in enumerate(("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "ADD") * 16 + ("MEAN", "SOFTMAX"))
)
_XNNPACK_KERNELS = tuple(
    (kind, f"Delegate/{kind}:{index}")
    for index, kind in enumerate(
        (
            "Convolution (NHWC, F32) IGEMM",
            "Convolution (NHWC, F32) DWConv",
            "Fully Connected (NC, F32) GEMM",
            "Add (ND)",
        )
        * 16
    )
)
XNNPACK_OPS = (*_XNNPACK_KERNELS, ("SOFTMAX", "[Identity]:65"))

_BASE_US = {"cpu": 37_000.0, "xnnpack": 9_000.0, "gpu": 5_000.0}
_FACTORS = (1.0, 1.012, 0.991, 1.034, 0.997)


def demo_results(models: tuple[ModelRef, ...], devices: tuple[DeviceInfo, ...] = (PHONE, VIRTUAL)) -> list[Result]:
    """A suite of three delegates and two thread counts, with a failed and an invalid cell and one process of an else good cell killed."""
    results: list[Result] = []
    clock = BEGAN
    for device_index, device in enumerate(devices):
        for model_index, model in enumerate(models):
            for name, base in _BASE_US.items():
                delegate = DelegateRequest(name=name)
                use = {
                    "cpu": (),
                    "xnnpack": (
                        DelegateUse(name="XNNPACK", applied="full", nodes_delegated=66, nodes_total=66, partitions=1),
                    ),
                    "gpu": (
                        DelegateUse(name="GPU", applied="partial", nodes_delegated=64, nodes_total=66, partitions=2),
                    ),
                }[name]
                for threads in (1, 4):
                    us = base / (1 if threads == 1 else 2.8) * (1 + model_index) * (1 + 0.6 * device_index)
                    for process, factor in enumerate(_FACTORS):
                        trial = trial_of(device.serial, model, delegate, threads, process=process)
                        results.append(_ok(trial, device, clock, measurement_of(us * factor, uses=use)))
                        clock += timedelta(seconds=3)
                    kinds = BUILTIN_OPS if name == "cpu" else XNNPACK_OPS
                    profile = trial_of(device.serial, model, delegate, threads, Purpose.PROFILE)
                    seen = measurement_of(us * 1.02, uses=use, ops=ops_of(kinds, us * 0.98))
                    results.append(_ok(profile, device, clock, seen))
                    memory = trial_of(device.serial, model, delegate, threads, Purpose.MEMORY)
                    seen = replace(
                        measurement_of(us),
                        memory=Memory(init_delta_mb=37.4, overall_delta_mb=38.8, periodic_peak_mb=44.375),
                    )
                    results.append(_ok(memory, device, clock, seen))
    return [_spoiled(result, devices) for result in results]


def _ok(trial: Trial, device: DeviceInfo, at: datetime, seen: Measurement) -> Result:
    return Result(
        trial=trial,
        status=Status.OK,
        measurement=seen,
        conditions=Conditions(
            cpus_asked="f0",
            affinity_expected="0-1" if device.virtual else "4-7",
            affinity_observed="0-1" if device.virtual else "4-7",
            temperature_before_c=31.5,
            temperature_after_c=33.25,
            thermal_status_before=0,
            thermal_status_after=0,
            frequency_khz=2_367_000,
            samples=(
                Sample(t_s=0.5, frequency_khz={4: 2_367_000, 5: 2_300_000}, temperature_c=32.0, affinity=("4-7",)),
                Sample(t_s=1.0),
            ),
            simulated=("frequency_khz", "temperature_after_c", "temperature_before_c") if device.virtual else (),
        ),
        artifact_sha256=BINARY.sha256,
        command=("benchmark_model",),
        exit_code=0,
        started_at=at,
        duration_s=2.75,
        logs={"stdout": f"logs/{trial.trial_id}/stdout.txt", "stderr": f"logs/{trial.trial_id}/stderr.txt"},
    )


def _spoiled(result: Result, devices: tuple[DeviceInfo, ...]) -> Result:
    trial = result.trial
    if trial.device == devices[0].serial and trial.delegate.name == "gpu" and trial.threads == 4:
        # All its numbers are there, as the tool leaves them when ops fail in the timed phase: the report must not show one.
        return replace(
            result,
            status=Status.FAILED,
            causes=(Cause.INVOKE_FAILED,),
            message="Node number 12 (CONV_2D) failed to invoke.",
            exit_code=1,
        )
    if trial.device == devices[-1].serial and trial.delegate.name == "gpu" and trial.threads == 1:
        return replace(
            result,
            status=Status.INVALID,
            causes=(Cause.UNCONSUMED_FLAGS, Cause.DELEGATE_NOT_APPLIED),
            message="Unconsumed cmdline flags: --use_gpu=true",
        )
    if (
        trial.device == devices[0].serial
        and trial.delegate.name == "xnnpack"
        and trial.threads == 4
        and trial.process == 3
    ):
        return replace(
            result,
            status=Status.FAILED,
            causes=(Cause.TIMEOUT,),
            message="no answer within 120 s",
            measurement=None,
            exit_code=137,
        )
    return result


def write_run(
    path: Path,
    results: list[Result],
    *,
    devices: tuple[DeviceInfo, ...] = (PHONE, VIRTUAL),
    pending: tuple[Trial, ...] = (),
    suite_text: str = SUITE,
    baseline: Mapping[str, Scalar] | None = None,
) -> Run:
    """Write a run through the store and hand back what it reads as."""
    trials = tuple(result.trial for result in results) + pending
    models = tuple(dict.fromkeys(trial.model for trial in trials))
    manifest = Manifest(
        run_id=path.name,
        suite="demo",
        suite_text=suite_text,
        started_at=BEGAN,
        harness_version="0.1.0",
        host={"cpu": "x86-64, 2 cores", "kernel": "6.1", "python": "3.11"},
        devices=devices,
        artifacts=(BINARY,),
        models=models,
        trials=trials,
        seed=7,
        baseline={"delegate": "cpu"} if baseline is None else baseline,
    )
    with RunStore.create(path, manifest) as store:
        for result in results:
            store.append(result)
    return Run(path=path, manifest=manifest, results=tuple(results))


def demo_run(path: Path) -> Run:
    """The run that most tests look at."""
    models = (model_ref("mobilenet_v2_fp32"), model_ref("mobilenet_v2_int8"), model_ref("resnet_50"))
    return write_run(path, demo_results(models))
