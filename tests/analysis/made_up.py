"""Results made up for the tests of the analysis. The numbers are arithmetic, not measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from harness.records import (
    Conditions,
    CpuRequest,
    DelegateRequest,
    DeviceInfo,
    Measurement,
    ModelRef,
    OpTiming,
    Purpose,
    Result,
    RunLengths,
    RunStatistics,
    StartState,
    Status,
    Trial,
)
from harness.records.causes import Cause

BEGAN = datetime(2026, 8, 1, 9, 30, tzinfo=UTC)
PHONE = DeviceInfo(serial="R5CT1", model="Pixel 8", soc="Tensor G3", fingerprint="google/shiba:15/A", config="pixel_8")
OTHER_PHONE = DeviceInfo(
    serial="R5CT2", model="Pixel 6", soc="Tensor", fingerprint="google/oriole:14/B", config="pixel_6"
)

DELEGATES = ("cpu", "gpu", "nnapi", "xnnpack", "hexagon", "six", "seven")
"""Of the cells that tests know by number."""
Order = Sequence[tuple[int, int]]
"""Block and cell of each process, in the order of running."""


def result(
    value: float | None,
    *,
    delegate: str = "cpu",
    device: str = PHONE.serial,
    model: str = "m",
    threads: int = 1,
    cpus: str = "big",
    purpose: Purpose = Purpose.LATENCY,
    block: int = 0,
    status: Status = Status.OK,
    causes: tuple[Cause, ...] = (),
    ops: Sequence[OpTiming] | None = None,
    conditions: Conditions | None = None,
    synthetic: bool = False,
    artifact: str = "binary",
    binary: str | None = None,
    start: StartState = "warm",
) -> Result:
    """One process whose latency metrics are all `value` or simple multiples of it."""
    identity = (device, model, delegate, str(threads), cpus, purpose.value, str(block), binary or "", start)
    trial = Trial(
        trial_id=sha256("\0".join(identity).encode()).hexdigest()[:16],
        device=device,
        model=ModelRef(name=model, path=f"{model}.tflite", sha256=sha256(model.encode()).hexdigest(), size_bytes=1),
        delegate=DelegateRequest(name=delegate),
        threads=threads,
        cpus=CpuRequest(label=cpus, mask=0xF0),
        purpose=purpose,
        process=block,
        block=block,
        run=RunLengths(),
        binary=binary,
        start=start,
    )
    runs = None if value is None else RunStatistics(count=50, avg=value, median=0.9 * value, p95=1.5 * value)
    return Result(
        trial=trial,
        status=status,
        causes=causes,
        measurement=Measurement(
            inference_avg_us=value,
            init_us=None if value is None else 10 * value,
            first_inference_us=None if value is None else 2 * value,
            runs=runs,
            ops=None if ops is None else tuple(ops),
        ),
        conditions=conditions or Conditions(),
        artifact_sha256=sha256(artifact.encode()).hexdigest(),
        started_at=BEGAN + timedelta(seconds=block),
        duration_s=1.0,
        synthetic=synthetic,
    )


def cell(
    values: Sequence[float | None],
    *,
    delegate: str = "cpu",
    device: str = PHONE.serial,
    model: str = "m",
    threads: int = 1,
    status: Status = Status.OK,
    causes: tuple[Cause, ...] = (),
) -> list[Result]:
    """The latency processes of a cell, one per block."""
    return [
        result(
            value,
            block=block,
            delegate=delegate,
            device=device,
            model=model,
            threads=threads,
            status=status,
            causes=causes,
        )
        for block, value in enumerate(values)
    ]


def ran(order: Order, logs: Sequence[float], *, device: str = PHONE.serial, every_s: float = 2.0) -> list[Result]:
    """One process after the other, each of a second, by the logarithms of their latencies."""
    return [
        replace(
            result(math.exp(log), delegate=DELEGATES[cell], block=block, device=device),
            started_at=BEGAN + timedelta(seconds=every_s * place),
        )
        for place, ((block, cell), log) in enumerate(zip(order, logs, strict=True))
    ]


def op(
    index: int, node_type: str, name: str, avg_us: float, times_called: int = 1, subgraph: int | None = 0
) -> OpTiming:
    """One row of a profile."""
    return OpTiming(
        index=index, node_type=node_type, name=name, avg_us=avg_us, times_called=times_called, subgraph=subgraph
    )
