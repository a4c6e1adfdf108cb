"""The delegates that a suite can name, their options, and the flags for them in TensorFlow Lite's tool. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.errors import UsageError
from harness.records import DelegateRequest, Scalar

_Values = tuple[str, ...] | Literal["bool", "whole", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegateFlags:
    """How to ask for a delegate: flags that are always given, and the flag of each of the suite's options."""

    fixed: Mapping[str, str]
    options: Mapping[str, str]
    values: Mapping[str, _Values] = field(default_factory=dict)
    """The allowed values of an option; `text` for options not listed."""


_PARTS: Mapping[str, str] = {"max_partitions": "max_delegated_partitions", "min_nodes": "min_nodes_per_partition"}
_PARTS_VALUES: Mapping[str, _Values] = {"max_partitions": "whole", "min_nodes": "whole"}

# Source: `benchmark_model --help` of TensorFlow 2.x and LiteRT. An option's name is the flag's own unless there is a shorter word.
DELEGATES: Mapping[str, DelegateFlags] = {
    "cpu": DelegateFlags(fixed={"use_xnnpack": "false"}, options={}),
    "xnnpack": DelegateFlags(
        fixed={"use_xnnpack": "true"},
        options={"force_fp16": "xnnpack_force_fp16", "weight_cache": "xnnpack_weight_cache_file_path"},
        values={"force_fp16": "bool"},
    ),
    "gpu": DelegateFlags(
        fixed={"use_gpu": "true"},
        options={
            "precision": "gpu_precision_loss_allowed",
            "backend": "gpu_backend",
            "quantized": "gpu_experimental_enable_quant",
            "sustained": "gpu_inference_for_sustained_speed",
            **_PARTS,
        },
        values={
            "precision": ("fp16", "fp32"),
            # TensorFlow Lite's tool knows cl and gl, LiteRT's the others.
            "backend": ("cl", "gl", "opencl", "opengl", "webgpu", "vulkan", "metal"),
            "quantized": "bool",
            "sustained": "bool",
            **_PARTS_VALUES,
        },
    ),
    "nnapi": DelegateFlags(
        fixed={"use_nnapi": "true"},
        options={
            "accelerator": "nnapi_accelerator_name",
            "preference": "nnapi_execution_preference",
            "priority": "nnapi_execution_priority",
            "fp16": "nnapi_allow_fp16",
            "disable_cpu": "disable_nnapi_cpu",
            "burst": "nnapi_use_burst_mode",
            **_PARTS,
        },
        values={
            "preference": ("fast_single_answer", "sustained_speed", "low_power", "undefined"),
            "priority": ("default", "low", "medium", "high"),
            "fp16": "bool",
            "disable_cpu": "bool",
            "burst": "bool",
            **_PARTS_VALUES,
        },
    ),
    "hexagon": DelegateFlags(
        fixed={"use_hexagon": "true"},
        options={"profiling": "hexagon_profiling", "library_dir": "hexagon_lib_path", **_PARTS},
        values={"profiling": "bool", **_PARTS_VALUES},
    ),
    "coreml": DelegateFlags(fixed={"use_coreml": "true"}, options={}),
    "external": DelegateFlags(
        fixed={},
        options={"path": "external_delegate_path", "options": "external_delegate_options", **_PARTS},
        values=_PARTS_VALUES,
    ),
    "npu": DelegateFlags(
        fixed={"use_npu": "true"},
        options={"dispatch_library": "dispatch_library_path", "compiler_plugin": "compiler_plugin_library_path"},
    ),
}
"""The delegates that a suite can name. `npu` is LiteRT's dispatch, which only LiteRT's tool has."""

NO_CACHE = frozenset({"cpu", "hexagon", "coreml", "external", "npu"})
"""Delegates without a cache that a flag controls: for them a cold start and a cached start are the same."""

_PRECISION = {"fp16": "true", "fp32": "false"}


def check_delegate(request: DelegateRequest) -> None:
    """Check that a delegate and its options exist and that their values fit into a flag.

    Raises:
        UsageError: an unknown name, option or value.
    """
    known = DELEGATES.get(request.name)
    if known is None:
        raise UsageError(f"unknown delegate {request.name!r}", remedy=f"one of {', '.join(DELEGATES)}")
    for option, value in request.options.items():
        if option not in known.options:
            remedy = f"one of {', '.join(known.options)}" if known.options else "it takes none"
            raise UsageError(f"delegate {request.name} has no option {option!r}", remedy=remedy)
        _check_value(f"{option} {value!r} is unknown", value, known.values.get(option, "text"))
    if request.name == "external" and "path" not in request.options:
        raise UsageError(
            "delegate external needs its path", remedy="{name: external, path: /data/local/tmp/libdelegate.so}"
        )


def flag_value(option: str, value: Scalar) -> str:
    """Write an option's value as the flag expects it."""
    if option == "precision":
        return _PRECISION[str(value)]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _check_value(message: str, value: Scalar, allowed: _Values) -> None:
    if allowed == "bool":
        if not isinstance(value, bool):
            raise UsageError(message, remedy="true or false")
    elif allowed == "whole":
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError(message, remedy="a whole number")
    elif allowed != "text" and value not in allowed:
        raise UsageError(message, remedy=f"{', '.join(allowed[:-1])} or {allowed[-1]}")
