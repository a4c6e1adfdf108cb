"""Makes the command line of a trial for the tool at hand. Pure.

Two tools are called `benchmark_model`: TensorFlow Lite's own and LiteRT's `benchmark_litert_model`. Their `--help` tells them apart.
Both read only `--name=value`, ignore unknown flags with a line on stdout, and pick the number of runs by speed unless every length is
given. So every length is always given, and optional flags only if the binary's `--help` lists them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from harness.benchmark_model.delegate_flags import DELEGATES, NO_CACHE, check_delegate, flag_value
from harness.errors import UsageError
from harness.records import DelegateRequest, ModelRef, Purpose, RunLengths, StartState
from harness.records.causes import Cause

__all__ = [
    "DELEGATES",
    "NO_CACHE",
    "OUTPUTS_FILE",
    "OUTPUT_FILE",
    "PROFILE_FILE",
    "RUNTIME_INFO_FILE",
    "BinaryFacts",
    "CachePlace",
    "check_delegate",
    "delegate_flags",
    "fed_flags",
    "flag_name",
    "model_flags",
    "read_help",
    "trial_flags",
    "unsupported",
]

PROFILE_FILE = "profile.pb"
RUNTIME_INFO_FILE = "runtime_info.pb"
OUTPUT_FILE = "output.bin"
"""Of one process of an accuracy trial."""
OUTPUTS_FILE = "outputs.bin"
"""Of all of them, one after the other."""

Tool = Literal["tflite", "litert"]

_FLAG_LINE = re.compile(r"^\s*--([a-z0-9_]+)=", re.MULTILINE)
_LEVEL = re.compile(r"^(ERROR|INFO|WARN): (\[[^\]\n]{1,200}\] )?", re.MULTILINE)
_LITERT_ONLY = frozenset({"use_cpu", "use_npu", "use_profiler", "dispatch_library_path"})
"""Source: the flags of litert/tools/benchmark_litert_model.h, 2025 and 2026; TensorFlow Lite's tool has none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryFacts:
    """The flags that a benchmark binary lists in its `--help`. Empty if the help cannot be read."""

    flags: frozenset[str]
    tool: Tool = "tflite"

    def has(self, flag: str) -> bool:
        """Return whether the flag is listed. An unreadable help counts as listing it, so that the tool itself can object."""
        return not self.flags or flag in self.flags


def read_help(text: str) -> BinaryFacts:
    """Read what a benchmark binary printed for `--help` (on stderr, exit code 1)."""
    flags = frozenset(_FLAG_LINE.findall(_LEVEL.sub("", text)))
    return BinaryFacts(flags=flags, tool="litert" if len(flags & _LITERT_ONLY) > 1 else "tflite")


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePlace:
    """The place of a delegate's cache (packed weights, compiled programs). Each model, binary and delegate has its own folder.

    Args:
        folder: folder on the device that exists when the tool starts.
        token: names the delegate's files. It holds the model's hash, because the cache itself does not check weights.
    """

    folder: str
    token: str

    @property
    def weight_cache(self) -> str:
        """Path of XNNPACK's packed weights."""
        return f"{self.folder}/{self.token}.xnnpack"


def unsupported(
    delegate: DelegateRequest,
    purpose: Purpose,
    start: StartState,
    binary: BinaryFacts,
    model: ModelRef | None = None,
) -> tuple[Cause, str] | None:
    """Return why this binary has no flag for a request; None if it has.

    Only requests that would silently measure something else are refused: a delegate that is merely not compiled in says so itself.
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
    if purpose is Purpose.ACCURACY:
        if binary.tool == "litert":
            return (
                Cause.CONDITION_NOT_MET,
                "LiteRT's benchmark_litert_model takes no given inputs and gives no outputs back",
            )
        for flag in ("input_layer_value_files", "output_filepath"):
            if not binary.has(flag):
                return Cause.CONDITION_NOT_MET, f"this benchmark_model has no --{flag}: no outputs to compare"
    if purpose is Purpose.PROFILE and not (binary.has("enable_op_profiling") or binary.has("use_profiler")):
        return Cause.CONDITION_NOT_MET, "this benchmark_model cannot profile"
    return None


def delegate_flags(request: DelegateRequest, binary: BinaryFacts) -> list[str]:
    """Return the flags that ask for a delegate, in order of application.

    Call it only if `unsupported` returned None.
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
    """Convert an input's name to one that flags can carry. The tool goes by the order of inputs and only warns about a different name."""
    return re.sub(r"[,:]", "_", name)


def model_flags(model: ModelRef) -> list[str]:
    """Return flags for a model's signature and inputs, as far as the suite names them.

    Source: tensorflow/lite/tools/benchmark/README.md; names and shapes of all inputs must be given together.
    """
    flags = [] if model.signature is None else [f"--signature_to_run_for={model.signature}"]
    if model.inputs:
        flags.append(f"--input_layer={','.join(flag_name(one.name) for one in model.inputs)}")
        flags.append(f"--input_layer_shape={':'.join(','.join(map(str, one.shape)) for one in model.inputs)}")
    ranges = [f"{flag_name(one.name)},{one.range[0]},{one.range[1]}" for one in model.inputs if one.range is not None]
    return [*flags, f"--input_layer_value_range={':'.join(ranges)}"] if ranges else flags


def fed_flags(layers: Sequence[tuple[str, Sequence[int], str]]) -> list[str]:
    """Return flags that feed every input from a file, and write all outputs to `OUTPUT_FILE`.

    Source: tensorflow/lite/tools/benchmark/benchmark_tflite_model.cc. A colon in a name is doubled before its file; nothing stands for a
    comma, so it becomes an underscore, which the tool only warns of.

    Args:
        layers: name, shape and file of each input, in the tool's order.

    Raises:
        UsageError: two inputs would have one name.
    """
    names = [name.replace(",", "_") for name, _, _ in layers]
    if len(set(names)) < len(names):
        raise UsageError("its inputs cannot be told apart in flags, where nothing stands for a comma in a name")
    files = [f"{name.replace(':', '::')}:{file}" for name, (_, _, file) in zip(names, layers, strict=True)]
    return [
        f"--input_layer={','.join(names)}",
        f"--input_layer_shape={':'.join(','.join(map(str, shape)) for _, shape, _ in layers)}",
        f"--input_layer_value_files={','.join(files)}",
        f"--output_filepath={OUTPUT_FILE}",
    ]


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
    fed: Sequence[str] = (),
) -> list[str]:
    """Return all flags of a trial.

    Args:
        graph: path of the model on the device.
        delegate: the delegate that the suite asks for.
        threads: CPU threads.
        purpose: decides about profiling and memory watching, which never share a process with a latency.
        run: how long the process measures.
        binary: the binary's flags. Flags that only enrich the output are left out if the binary lacks them.
        cache: the delegate's cache for cold and cached starts; None keeps the default.
        model: the model, for its signature and inputs if the suite names them.
        fed: flags that feed the inputs, instead of the suite's shapes and ranges (`fed_flags`).
    """
    if fed and model is not None:
        model = replace(model, inputs=())
    flags = [
        f"--graph={graph}",
        *(model_flags(model) if model is not None else ()),
        *fed,
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
    if (delegate.name != "cpu" and purpose not in (Purpose.MEMORY, Purpose.ACCURACY)) or purpose is Purpose.PROFILE:
        # Where each op ran is a result like the latency. Writing it costs the tool no measured time, but memory.
        if "export_model_runtime_info" in binary.flags:
            flags.append("--export_model_runtime_info=true")
        if "model_runtime_info_output_file" in binary.flags:
            flags.append(f"--model_runtime_info_output_file={RUNTIME_INFO_FILE}")
    if purpose is Purpose.PROFILE:
        flags.append("--use_profiler=true" if binary.tool == "litert" else "--enable_op_profiling=true")
        if "op_profiling_output_mode" in binary.flags:
            flags += ["--op_profiling_output_mode=proto", f"--op_profiling_output_file={PROFILE_FILE}"]
        if "max_profiling_buffer_entries" in binary.flags:
            # The default of 1024 drops rows of models with many ops, and lost rows look like a faster model.
            flags.append("--max_profiling_buffer_entries=16384")
    elif purpose is Purpose.MEMORY:
        flags.append("--report_peak_memory_footprint=true")
    return flags


# --- LiteRT's own tool ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _LitertDelegate:
    """The accelerators to ask for, and each option's possible flags; the first one that the binary has is used."""

    accelerator: str
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


# `cpu` (the built-in kernels) is missing: this tool's CPU accelerator is XNNPACK, and no flag turns it off.
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
    # With `use_cpu` on, the default, full delegation aborts. With it off, the CPU still takes the rest unless full is asked for.
    flags = [f"--use_{name}={'true' if name == known.accelerator else 'false'}" for name in ("cpu", "gpu", "npu")]
    for name, value in request.options.items():
        flag = next(flag for flag in known.options[name] if binary.has(flag))
        # `gpu_precision` takes the word, `allow_fp16` of older versions a boolean.
        flags.append(f"--{flag}={value if flag == 'gpu_precision' else flag_value(name, value)}")
    if request.require == "full":
        flags.append("--require_full_delegation=true")
    return flags
