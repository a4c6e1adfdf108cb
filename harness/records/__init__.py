"""The values that flow through the harness: asked (Trial), seen (Measurement, Conditions) and the outcome (Result).

All are frozen. Names carry units: `_us` microseconds, `_s` seconds, `_c` degrees Celsius, `_mb` 10^6 or 2^20 bytes as the tool itself
reports them. `None` means unknown; zero always means zero.
"""

from __future__ import annotations

from harness.records.asked import (
    BinaryRequest,
    CellKey,
    CpuRequest,
    DelegateRequest,
    Impossible,
    ModelInput,
    ModelRef,
    Purpose,
    RunLengths,
    Scalar,
    StartState,
    Trial,
    model_label,
    trial_label,
)
from harness.records.measured import (
    DelegateApplied,
    DelegateUse,
    LlmFigures,
    Measurement,
    Memory,
    OpTiming,
    OptionRun,
    OpTypeSummary,
    ParsedOutput,
    RunStatistics,
    Status,
)
from harness.records.seen import Artifact, Conditions, CpuCluster, DeviceInfo, Result, Sample, Setback

__all__ = [
    "Artifact",
    "BinaryRequest",
    "CellKey",
    "Conditions",
    "CpuCluster",
    "CpuRequest",
    "DelegateApplied",
    "DelegateRequest",
    "DelegateUse",
    "DeviceInfo",
    "Impossible",
    "LlmFigures",
    "Measurement",
    "Memory",
    "ModelInput",
    "ModelRef",
    "OpTiming",
    "OpTypeSummary",
    "OptionRun",
    "ParsedOutput",
    "Purpose",
    "Result",
    "RunLengths",
    "RunStatistics",
    "Sample",
    "Scalar",
    "Setback",
    "StartState",
    "Status",
    "Trial",
    "model_label",
    "trial_label",
]
