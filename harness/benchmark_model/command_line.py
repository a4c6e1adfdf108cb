"""The command line of a trial: what is asked, in the flags of the tool that is there. Pure.

Two tools go by the name `benchmark_model`: TensorFlow Lite's own and LiteRT's `benchmark_litert_model`. Their `--help` tells them apart.
Both read `--name=value` only, ignore what they do not know with a line on stdout, and pick the number of runs by speed unless every length
is given: so everything is always given, and nothing optional that the binary does not list in its `--help`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.benchmark_model.delegate_flags import DELEGATES, NO_CACHE, check_delegate, flag_value
from harness.records import DelegateRequest, ModelRef, Purpose, RunLengths, StartState
from harness.records.causes import Cause

__all__ = [
    "DELEGATES",
    "NO_CACHE",
    "PROFILE_FILE",
    "RUNTIME_INFO_FILE",
    "BinaryFacts",
    "CachePlace",
    "check_delegate",
    "delegate_flags",
    "flag_name",
    "model_flags",
    "read_help",
    "trial_flags",
    "unsupported",
]

PROFILE_FILE = "profile.pb"
RUNTIME_INFO_FILE = "runtime_info.pb"

Tool = Literal["tflite", "litert"]

_FLAG_LINE = re.compile(r"^\s*--([a-z0-9_]+)=", re.MULTILINE)
_LEVEL = re.compile(r"^(ERROR|INFO|WARN): (\[[^\]\n]{1,200}\] )?", re.MULTILINE)
_LITERT_ONLY = frozenset({"use_cpu", "use_npu", "use_profiler", "dispatch_library_path"})
"""Source: the flags of litert/tools/benchmark_litert_model.h, 2025 and 2026; TensorFlow Lite's tool has none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryFacts:
    """What a benchmark binary says of itself in `--help`: the flags that it has. Empty where it says nothing that can be read."""

    flags: frozenset[str]
    tool: Tool = "tflite"

    def has(self, flag: str) -> bool:
        """Whether the flag is listed; an unreadable help is taken to have it, so that the tool itself may object."""
        return not self.flags or flag in self.flags


def read_help(text: str) -> BinaryFacts:
    """Read what a benchmark binary printed for `--help` (on stderr, exit code 1)."""
    flags = frozenset(_FLAG_LINE.findall(_LEVEL.sub("", text)))
    return BinaryFacts(flags=flags, tool="litert" if len(flags & _LITERT_ONLY) > 1 else "tflite")


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePlace:
    """Where a delegate keeps what it prepares: packed weights, compiled programs. One folder for one model, binary and delegate.

    Args:
        folder: on the device; there already when the tool starts.
        token: what the delegate's files are named by. It holds the model's hash: the cache itself does not look at weights.
    """

    folder: str
    token: str

    @property
    def weight_cache(self) -> str:
        """The file of XNNPACK's packed weights."""
        return f"{self.folder}/{self.token}.xnnpack"


def unsupported(
    delegate: DelegateRequest,
    purpose: Purpose,
    start: StartState,
    binary: BinaryFacts,
    model: ModelRef | None = None,
) -> tuple[Cause, str] | None:
    """Why this binary cannot even be asked for that; None where it can be asked.

    Only what would silently measure something else: a delegate that is merely not compiled in says so itself.
    """
    for flag in model_flags(model) if model is not None else ():
        name = flag.removeprefix("--").partition("=")[0]
        if not binary.has(name):
            return Cause.CONDITION_NOT_MET, f"this benchmark_model has no --{name}, which the suite's model needs"
    if binary.tool == "litert":
        known = _LITERT.get(delegate.name)
        if known is None:
            return (
                Cause.DELEGATE_UNAVAILABLE,
                f"LiteRT's benchmark_litert_model has no way to ask for the delegate {delegate.name}",
            )
        for option in delegate.options:
            if not any(binary.has(flag) for flag in known.options.get(option, ())):
                return (
                    Cause.CONDITION_NOT_MET,
                    f"LiteRT's benchmark_litert_model has no flag for {delegate.name}'s option {option}",
                )
        if delegate.require == "full" and delegate.name == "xnnpack":
            return Cause.CONDITION_NOT_MET, "LiteRT's benchmark_litert_model refuses full delegation to the CPU"
        if start != "warm":
            return Cause.CONDITION_NOT_MET, f"LiteRT's benchmark_litert_model has no flag for a cache: no {start} start"
    elif delegate.name == "npu":
        return (
            Cause.DELEGATE_UNAVAILABLE,
            "only LiteRT's benchmark_litert_model knows the delegate npu; TensorFlow's has `external`",
        )
    elif start != "warm":
        flag = "xnnpack_weight_cache_file_path" if delegate.name == "xnnpack" else "delegate_serialize_dir"
        if not binary.has(flag):
            return Cause.CONDITION_NOT_MET, f"this benchmark_model has no --{flag}: no {start} start"
    if purpose is Purpose.PROFILE and not (binary.has("enable_op_profiling") or binary.has("use_profiler")):
        return Cause.CONDITION_NOT_MET, "this benchmark_model cannot profile"
    return None


def delegate_flags(request: DelegateRequest, binary: BinaryFacts) -> list[str]:
    """Flags that ask for a delegate; their order is the order of application.

    `unsupported` must have found nothing against it.
    """
    if binary.tool == "litert":
        return _litert_flags(request, binary)
    known = DELEGATES[request.name]
    flags = [f"--{name}={value}" for name, value in known.fixed.items()]
    flags += [f"--{known.options[name]}={flag_value(name, value)}" for name, value in request.options.items()]
    if request.require == "full":
        flags.append("--require_full_delegation=true")
    return flags


def flag_name(name: str) -> str:
    """An input's name as the flags can carry it. The tool goes by the order of inputs, and only warns of a name that differs."""
    return re.sub(r"[,:]", "_", name)


def model_flags(model: ModelRef) -> list[str]:
    """Flags for a model's signature and inputs, as far as the suite says something of them.

    Source of their form: tensorflow/lite/tools/benchmark/README.md; names and shapes of all inputs go together.
    """
    flags = [] if model.signature is None else [f"--signature_to_run_for={model.signature}"]
    if model.inputs:
        flags.append(f"--input_layer={','.join(flag_name(one.name) for one in model.inputs)}")
        flags.append(f"--input_layer_shape={':'.join(','.join(map(str, one.shape)) for one in model.inputs)}")
    ranges = [f"{flag_name(one.name)},{one.range[0]},{one.range[1]}" for one in model.inputs if one.range is not None]
    return [*flags, f"--input_layer_value_range={':'.join(ranges)}"] if ranges else flags


def trial_flags(
    *,
    graph: str,
    delegate: DelegateRequest,
    threads: int,
    purpose: Purpose,
    run: RunLengths,
    binary: BinaryFacts,
    cache: CachePlace | None = None,
    model: ModelRef | None = None,
) -> list[str]:
    """All flags of a trial.

    Args:
        graph: path of the model on the device.
        delegate: as the suite asks.
        threads: CPU threads.
        purpose: decides about profiling and memory watching; they never share a process with a latency.
        run: how long it measures.
        binary: what the binary knows. Flags that only make the output richer are left out where it lacks them.
        cache: where the delegate may keep what it prepares, for cold and cached starts; None leaves it as it is by default.
        model: whose signature and inputs are asked for, where the suite names them.
    """
    flags = [
        f"--graph={graph}",
        *(model_flags(model) if model is not None else ()),
        f"--num_threads={threads}",
        f"--num_runs={run.min_runs}",
        f"--min_secs={run.min_s:g}",
        f"--max_secs={run.max_s:g}",
        f"--warmup_runs={run.warmup_runs}",
        f"--warmup_min_secs={run.warmup_s:g}",
        *delegate_flags(delegate, binary),
    ]
    if cache is not None and delegate.name == "xnnpack":
        flags.append(f"--xnnpack_weight_cache_file_path={cache.weight_cache}")
    elif cache is not None and delegate.name not in NO_CACHE:
        flags += [f"--delegate_serialize_dir={cache.folder}", f"--delegate_serialize_token={cache.token}"]
    if (delegate.name != "cpu" and purpose is not Purpose.MEMORY) or purpose is Purpose.PROFILE:
        # What ran where is a result like the latency. The tool writes it outside of what it times, but not outside of its memory.
        if "export_model_runtime_info" in binary.flags:
            flags.append("--export_model_runtime_info=true")
        if "model_runtime_info_output_file" in binary.flags:
            flags.append(f"--model_runtime_info_output_file={RUNTIME_INFO_FILE}")
    if purpose is Purpose.PROFILE:
        flags.append("--use_profiler=true" if binary.tool == "litert" else "--enable_op_profiling=true")
        if "op_profiling_output_mode" in binary.flags:
            flags += ["--op_profiling_output_mode=proto", f"--op_profiling_output_file={PROFILE_FILE}"]
        if "max_profiling_buffer_entries" in binary.flags:
            # The default of 1024 drops rows of models with many ops, and rows that are lost look like a faster model.
            flags.append("--max_profiling_buffer_entries=16384")
    elif purpose is Purpose.MEMORY:
        flags.append("--report_peak_memory_footprint=true")
    return flags


# --- LiteRT's own tool ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _LitertDelegate:
    """Accelerators asked for, and the flags that may stand for an option: the first that the binary has."""

    accelerator: str
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


# `cpu`, the built-in kernels, is missing: this tool's CPU accelerator is XNNPACK, and no flag turns it off.
_LITERT: Mapping[str, _LitertDelegate] = {
    "xnnpack": _LitertDelegate(accelerator="cpu"),
    "gpu": _LitertDelegate(
        accelerator="gpu", options={"precision": ("gpu_precision", "allow_fp16"), "backend": ("gpu_backend",)}
    ),
    "npu": _LitertDelegate(
        accelerator="npu",
        options={
            "dispatch_library": ("dispatch_library_path",),
            "compiler_plugin": ("compiler_plugin_library_path",),
        },
    ),
}


def _litert_flags(request: DelegateRequest, binary: BinaryFacts) -> list[str]:
    known = _LITERT[request.name]
    # `use_cpu` is on by default, and then full delegation aborts. Off, the CPU still takes what is left unless full is asked for.
    flags = [f"--use_{name}={'true' if name == known.accelerator else 'false'}" for name in ("cpu", "gpu", "npu")]
    for name, value in request.options.items():
        flag = next(flag for flag in known.options[name] if binary.has(flag))
        # `gpu_precision` takes the word, `allow_fp16` of older versions a boolean.
        flags.append(f"--{flag}={value if flag == 'gpu_precision' else flag_value(name, value)}")
    if request.require == "full":
        flags.append("--require_full_delegation=true")
    return flags
