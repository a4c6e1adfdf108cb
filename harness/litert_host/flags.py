"""The command line, taken and refused as the real tool does.

Only `--name=value` is a flag; all else is left over and reported, not refused. Numbers are read up to the first character that does not
belong to them (`3.7` is 3 for a whole number). Flags of features that this build lacks (GPU, NNAPI, external delegates, interpreter dumps)
are unknown here, as they are to a real tool built without them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["int32", "float", "bool", "string"]
Value = int | float | bool | str


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: `label` is how its value is announced, None for those that the real tool does not announce."""

    name: str
    kind: Kind
    default: Value
    label: str
    about: str


# In the order in which the real tool announces them.
FLAGS: tuple[Flag, ...] = (
    Flag(
        "verbose",
        "bool",
        False,
        "Log parameter values verbosely",
        "announce every parameter, not only those that were set",
    ),
    Flag("num_runs", "int32", 50, "Min num runs", "lowest number of measured runs"),
    Flag("min_secs", "float", 1.0, "Min runs duration (seconds)", "lowest duration of the measured runs, in seconds"),
    Flag("max_secs", "float", 150.0, "Max runs duration (seconds)", "no run starts later than this, in seconds"),
    Flag("run_delay", "float", -1.0, "Inter-run delay (seconds)", "pause between runs, in seconds"),
    Flag("run_frequency", "float", -1.0, "Number of prorated runs per second", "runs a second; overrides run_delay"),
    Flag("num_threads", "int32", -1, "Num threads", "threads for inference; -1 leaves it to the library"),
    Flag("benchmark_name", "string", "", "Benchmark name", "a name to announce"),
    Flag("output_prefix", "string", "", "Output prefix", "a prefix to announce"),
    Flag("warmup_runs", "int32", 1, "Min warmup runs", "lowest number of warm-up runs"),
    Flag(
        "warmup_min_secs",
        "float",
        0.5,
        "Min warmup runs duration (seconds)",
        "lowest duration of the warm-up, in seconds",
    ),
    Flag("dry_run", "bool", False, "Run w/o invoking kernels", "load and allocate only"),
    Flag(
        "report_peak_memory_footprint",
        "bool",
        False,
        "Report the peak memory footprint",
        "watch memory from a thread of its own",
    ),
    Flag(
        "memory_footprint_check_interval_ms",
        "int32",
        50,
        "Memory footprint check interval (ms)",
        "how often that thread looks",
    ),
    Flag("graph", "string", "", "Graph", "the model file"),
    Flag("signature_to_run_for", "string", "", "Signature to run", "which signature to run, where there are several"),
    Flag("list_signatures", "bool", False, "List signatures from the provided model", "name the signatures and stop"),
    Flag("input_layer", "string", "", "Input layers", "names of inputs, separated by commas"),
    Flag("input_layer_shape", "string", "", "Input shapes", "their shapes (1,224,224,3), separated by colons"),
    Flag("input_layer_value_range", "string", "", "Input value ranges", "name,low,high of inputs, separated by colons"),
    Flag(
        "input_layer_value_files",
        "string",
        "",
        "Input value files",
        r"name:path of inputs, separated by commas; `\:` in a name",
    ),
    Flag(
        "allow_fp16",
        "bool",
        False,
        "Allow fp16",
        "allow half precision where a delegate can use it (no effect on a CPU)",
    ),
    Flag(
        "require_full_delegation",
        "bool",
        False,
        "Require full delegation",
        "fail unless a delegate takes the whole graph",
    ),
    Flag("enable_op_profiling", "bool", False, "Enable op profiling", "time every operator of the measured runs"),
    Flag("op_profiling_output_mode", "string", "stdout", "Op profiling output mode.", "stdout, csv or proto"),
    Flag("op_profiling_output_file", "string", "", "Op profiling output file.", "where the profile goes"),
    Flag("max_profiling_buffer_entries", "int32", 1024, "Max initial profiling buffer entries", "announced only"),
    Flag(
        "profiling_output_csv_file",
        "string",
        "",
        "CSV File to export profiling data to",
        "older form of mode csv with a file",
    ),
    Flag("export_model_runtime_info", "bool", False, "Enable Model Runtime Info Export", "write which node ran where"),
    Flag(
        "model_runtime_info_output_file", "string", "", "Proto File to export model runtime info to", "the file for it"
    ),
    Flag(
        "output_filepath",
        "string",
        "",
        "File path to export outputs layer to",
        "write the outputs' bytes, one after the other",
    ),
    Flag(
        "result_file_path",
        "string",
        "",
        "File path to save the benchmark result in binary proto format",
        "a summary as a proto",
    ),
    Flag("help", "bool", False, "print out all supported flags", "this list"),
    Flag(
        "delegate_serialize_dir", "string", "", "Directory for delegate serialization", "unused by delegates of a CPU"
    ),
    Flag("delegate_serialize_token", "string", "", "Model-specific token/key for delegate serialization.", "likewise"),
    Flag(
        "use_xnnpack",
        "bool",
        False,
        "Use xnnpack",
        "apply XNNPACK explicitly, or not at all; without it, it applies by itself",
    ),
    Flag(
        "xnnpack_weight_cache_file_path",
        "string",
        "",
        "xnnpack_weight_cache_file_path",
        "keep packed weights in a file",
    ),
)
_BY_NAME = {flag.name: flag for flag in FLAGS}
_ALWAYS = ("verbose", "graph", "signature_to_run_for")
_INT = re.compile(r"\s*[+-]?\d+")
_FLOAT = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_BOOLS = {"true": True, "1": True, "false": False, "0": False}


class FlagError(Exception):
    """The command line cannot be used. `lines` go to stderr as errors."""

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[0])
        self.lines = lines


def _read(kind: Kind, text: str) -> Value | None:
    if kind == "string":
        return text
    if kind == "bool":
        return _BOOLS.get(text)
    match = (_INT if kind == "int32" else _FLOAT).match(text)
    if match is None:
        return None
    if kind == "int32":
        whole = int(match[0])
        return whole if -(2**31) <= whole < 2**31 else None
    # The real tool holds these in 32 bits: 0.1 is shown as 0.1, and compared as what it is.
    try:
        return float(struct.unpack("f", struct.pack("f", float(match[0])))[0])
    except OverflowError:
        return None


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    values: dict[str, Value]
    given: frozenset[str]
    leftover: tuple[str, ...]

    def text(self, name: str) -> str:
        """Value of a string flag."""
        return str(self.values[name])

    def on(self, name: str) -> bool:
        """Value of a boolean flag."""
        return bool(self.values[name])

    def whole(self, name: str) -> int:
        """Value of an int32 flag."""
        return int(self.values[name])

    def real(self, name: str) -> float:
        """Value of a float flag."""
        return float(self.values[name])

    def replaced(self, **values: Value) -> Options:
        """With other values, which count as given."""
        return Options({**self.values, **values}, self.given | set(values), self.leftover)

    def announcements(self) -> list[str]:
        """`Label: [value]` of what was set, or of everything with --verbose."""
        lines = []
        for flag in FLAGS:
            if flag.name in self.given or flag.name in _ALWAYS or self.on("verbose"):
                lines.append(f"{flag.label}: [{_shown(self.values[flag.name])}]")
            # Announced a second time, after the tool's own parameters, with those of the delegates.
            if flag.name == "help" and ("num_threads" in self.given or self.on("verbose")):
                lines.append(f"#threads used for CPU inference: [{_shown(self.values['num_threads'])}]")
        return lines


def usage(program: str) -> str:
    """What --help prints."""
    lines = [f"usage: {program} <flags>", "Flags:"]
    for flag in FLAGS:
        default = str(flag.default).lower() if isinstance(flag.default, bool) else _shown(flag.default)
        lines.append(f"\t{f'--{flag.name}={default}':<47}\t{flag.kind}\toptional\t{flag.about}")
    return "\n".join(lines) + "\n"


def parse(program: str, arguments: Sequence[str]) -> Options:
    """Read a command line.

    Args:
        program: as it was called, for the usage text.
        arguments: without the program's name.

    Raises:
        FlagError: a value does not fit, or --help was asked for.
    """
    values: dict[str, Value] = {flag.name: flag.default for flag in FLAGS}
    given: set[str] = set()
    leftover: list[str] = []
    errors: list[str] = []
    for argument in arguments:
        name, equals, text = argument.removeprefix("--").partition("=")
        if argument == "--help":
            values["help"] = True
        elif not argument.startswith("--") or not equals or name not in _BY_NAME or name in given:
            leftover.append(argument)
        else:
            value = _read(_BY_NAME[name].kind, text)
            given.add(name)
            if value is None:
                errors.append(f"Failed to parse flag '{name}' against argv '{argument}'")
            else:
                values[name] = value
    if errors or values["help"]:
        raise FlagError(*errors, usage(program))
    return Options(values, frozenset(given), tuple(leftover))
