"""Messages that say why an output is not what was asked for, and the cause of each.

Messages of the tool and of the runtime are matched at the start of the line, after its prefix, because a driver may print the same words in
the middle of its chatter. Messages of shells, linkers and the system begin with the program's name, so they are searched for in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.benchmark_model.needles import present
from harness.records.causes import Cause

_HAVE_REASONS = frozenset(
    {Cause.PREPARE_FAILED, Cause.INVOKE_FAILED, Cause.ALLOCATE_FAILED, Cause.DELEGATE_NOT_APPLIED}
)
"""Failures that are reported twice: by the kernel or driver that could not go on, and by its caller."""


@dataclass(frozen=True, slots=True)
class FailureEvidence:
    """A line that shows a cause."""

    cause: Cause
    line: str
    inferred: bool = False
    """No line says it; the cause follows from what is missing."""
    reason: str | None = None
    """The earlier error of the kernel or driver that says why, if one was printed."""

    @property
    def message(self) -> str:
        """The most telling line: the reason if there is one, else the line itself."""
        return self.reason if self.reason is not None and self.cause in _HAVE_REASONS else self.line


KERNEL_NODE = re.compile(r"Node number \d{1,9} \((?!.{0,100}[Dd]elegate)")
"""Beginning of a message that a node of the model itself, not of a delegate, failed."""

WHILE_RUNNING = "while running computation"
"""Words of NNAPI's error after the delegate had been applied."""

_NODE = r"Node number \d{1,9} \((?:.{1,400}?)\) failed to"

_LOAD = r"(?:dl)?(?:load|open) (?!.{0,20}OpenCL).{0,80}?(?:[Dd]elegate|[Ll]ibrary|\blib[\w.+-]{1,80}\.so)\b"

_WORD = re.compile(r"[\w']{1,40}")

_STARTS: dict[str, list[tuple[re.Pattern[str], Cause]]] = {}


def _say(cause: Cause, *patterns: str) -> None:
    for pattern in patterns:
        _STARTS.setdefault(_first_word(pattern), []).append((re.compile(pattern), cause))


def _first_word(text: str) -> str:
    match = _WORD.match(text)
    return match[0].lower() if match else ""


_say(
    Cause.MODEL_UNREADABLE,
    r"Could not open '",
    r"Could not open .{1,1000}\.tflite",
    r"Mmap of '.{0,40}' at offset '.{0,40}' failed",
    r"mmap of '.{0,40}' at offset",
    r"Failed to mmap",
    r"Unable to open model file",
    r"Failed to load model",
    r"Failed to initialize model loader with path",
)
_say(
    Cause.MODEL_INVALID,
    r"mmap of size 0 requested",
    r"The model is not a valid Flatbuffer",
    r"Model provided has model identifier",
    r"Model provided must have at least 1 subgraph",
    r"Model provided is schema version",
    r"Input array .{0,100} not found in subgraph",
)
_say(
    Cause.OP_UNSUPPORTED,
    r"Encountered unresolved custom op",
    r"Select TensorFlow op\(s\), included in the given model, is\(are\) not supported",
    r"Regular TensorFlow ops are not supported by this interpreter",
    r"Didn't find (?:custom )?op for (?:builtin opcode|name) '",
    r"Didn't find op for builtin opcode",
    r"Op builtin_code out of range",
    r"Unsupported data type in custom op",
    r"Op type not registered '",
    r"Stub operation invoked\.",
    r"This model requires accelerator support",
    r"Failed to get registration from op code",
)
_say(
    Cause.SIGNATURE_MISSING,
    r"Signature not specified or incorrect",
    r"Signature key is specified, but the model does not have any signatures",
    r"Signature .{0,200} not found",
)
_say(
    Cause.BAD_FLAGS,
    r"Failed to parse flag '",
    r"Please specify the name of your TF Lite input file with --graph",
    r"Output mode.{0,200} is not supported\. Supported values are",
    r"usage: .{1,1000} <flags>",
    r"There are invalid perf options in --perf_options_list",
    r"Error while parsing the flags",
    r"The Model contains \d{1,9} signature key\(s\)\.",
    r"Required flag not provided",
    r"Cannot parse --perf_options_list",
    r"The 'none' option can not be used together",
    r"Too few command line arguments",
    r"Invalid gpu-precision",
    r"Requesting full delegation and CPU acceleration are incompatible",
    r"num_threads should be >= ?0 or just -1",
)
_say(
    Cause.BAD_INPUT,
    r"Input tensor #\d{1,9} should have",
    r"Input tensor .{0,200} has \d{1,9} dimensions, but",
    r"Any unknown sizes in the shapes",
    r"Cannot find the corresponding input_layer name",
    r"Failed to read the input_layer_value_file",
    r"The size of .{1,1000} is -?\d{1,20} bytes\. It should be",
    r"The number of string in the input_layer_value_file",
    r"The number of input items should be",
    r"The number of items in --input_layer",
    r"The number of input value files",
    r"Wrong input (?:value range|value file|file) item",
    r"Wrong low and high value of the input value range",
    r"Don't know how to populate tensor",
    r"Mismatched input_layers names",
    r"Input layer .{0,400} should have",
    r"ResizeInputTensor(?:Strict)? only allows",
    r"Attempting to resize dimension",
    r"Inputs mismatch: Model inputs #",
    r"Incorrect size string specified",
    r"The range .{1,200} does not fit",
    r"Populating the tensor .{0,400} is disabled",
)
_say(
    Cause.PREPARE_FAILED,
    rf"{_NODE} prepare",
    r"Failed to (?:create|construct|build|initialize) (?:the )?(?:TFLite |TensorFlow Lite )?interpreter",
    r"Failed to compile model",
    r"Compiled model is null",
    r"Failed to create litert environment",
)
_say(
    Cause.ALLOCATE_FAILED,
    r"Failed to allocate tensors",
    r"Failed to allocate memory for",
    r"Failed to create (?:in|out)put buffer",
)
_say(Cause.INVOKE_FAILED, rf"{_NODE} invoke", r"Failed to invoke", r"Run failed$", r"Invoke failed")
_say(Cause.DELEGATE_PARTIAL, r"Disallowed CPU fallback detected")
_say(
    Cause.DELEGATE_NOT_APPLIED,
    r"Failed to apply .{0,80}delegate",
    r"Restored (?:original|previous) execution plan after delegate application failure",
    r"Failed to create .{1,80} delegate",
    r"Returning error since TFLite returned failure nnapi_delegate",
    r"`--use_nnapi=true` must be set for the provided NNAPI",
    r"Returning error since NNAPI returned failure",
    r"Aborting since NNAPI returned failure",
    r"Failed to build graph for NNAPI",
    r"Created 0 GPU delegate kernels",
)
_say(
    Cause.CONDITION_NOT_MET,
    r"XNNPack weight cache could neither be loaded from or saved to",
    r"XNNPack weight cache: cannot (?:append buffer|write)",
    r"Cannot load or build XNNPack cache without specifying",
    r"The provided value \(.{0,200}\) is not a valid nnapi execution",
)
_say(
    Cause.DELEGATE_UNAVAILABLE,
    r"Can not open OpenCL library on this device",
    r"Could not create .{1,40} delegate: platform may not support delegate",
    r"nnapi error: unable to open library",
    r"GPU acceleration is unsupported on this platform",
    r"Hexagon delegate (?:is not supported|isn't supported)",
    r"Hexagon Delegate is not supported",
    r"Failed to fetch Hexagon NN version",
    r"NNAPI acceleration is unsupported on this platform",
    r"XNNPACK (?:delegate|acceleration) is (?:not supported|unsupported)",
    r"CoreML (?:delegate|acceleration) is (?:not supported|unsupported)",
    r"Failed to build program executable",
    r"Couldn't load NNAPI support library",
    r"Failed to load stable ABI delegate",
    r"Fail to create (?:the )?(?:external )?delegate",
    r"TfLiteGpuDelegate Init: OpenGL-based API disabled",
    rf"Could not {_LOAD}",
    rf"Failed to {_LOAD}",
    rf"Unable to {_LOAD}",
    rf"Cannot {_LOAD}",
    r"dlopen failed: ",
)
_say(
    Cause.OUT_OF_MEMORY,
    r"std::bad_alloc",
    r"Out of memory",
    r"Failed to allocate \d{1,20} bytes",
    r"terminate called after throwing an instance of 'std::bad_alloc'",
)
_say(Cause.CRASHED, r"Fatal signal \d{1,3} \(", r"terminate called after throwing", r"Check failed: ")
_say(Cause.PROFILE_DROPPED, r"Warning: Dropping ProfileBuffer event", r"Dropping ProfileBuffer event")

_JOB = r"(?:\[\d{1,4}\]\s{1,8}[+-]?\s{0,8}|.{0,80}sh: line \d{1,9}:\s{1,8}\d{1,9} )?"
"""Text that shells print before the name of the signal that ended a job."""

_SYSTEM: tuple[tuple[str, re.Pattern[str], Cause], ...] = tuple(
    (needle, re.compile(pattern), cause)
    for needle, pattern, cause in (
        ("not executable", r".{0,400}: not executable(?:: |$)", Cause.NOT_EXECUTABLE),
        ("Exec format error", r".{0,400}: (?:cannot execute binary file: )?Exec format error", Cause.NOT_EXECUTABLE),
        ("cannot execute", r".{0,400}: cannot execute(?: binary file)?", Cause.NOT_EXECUTABLE),
        ("syntax error", r".{0,400}: syntax error: .{0,200} unexpected", Cause.NOT_EXECUTABLE),
        ("inaccessible or not found", r".{0,400}: inaccessible or not found$", Cause.NOT_EXECUTABLE),
        ("not found", r"(?:/\S{0,200}/)?(?:ba|mk|a|da)?sh: (?:line )?(?:\S{0,80}: )?\S{0,400}: (?:command )?not found$",
         Cause.NOT_EXECUTABLE),
        ("No such file", r".{0,80}sh: (?:.{0,80}: )?\S{0,400}: No such file or directory$", Cause.NOT_EXECUTABLE),
        ("ermission denied", r".{0,80}sh: (?:.{0,80}: )?.{0,400}: (?:can't execute: )?Permission denied$",
         Cause.NOT_EXECUTABLE),
        ("CANNOT LINK", r"(?:WARNING: linker: |linker: )?(?:.{0,80}: )?CANNOT LINK EXECUTABLE", Cause.NOT_EXECUTABLE),
        ("error while loading shared", r".{0,400}: error while loading shared libraries: ", Cause.NOT_EXECUTABLE),
        ("only position independent", r".{0,200}only position independent executables", Cause.NOT_EXECUTABLE),
        ("ssertion ", r".{1,400}:\d{1,9}: .{0,400}: [Aa]ssertion [`'\"].{1,400}['\"] failed", Cause.CRASHED),
        ("Segmentation fault", r"(?:.{0,200}[ :])?Segmentation fault(?:$| \(core dumped\)|\s)", Cause.CRASHED),
        ("Aborted", r"(?:.{0,200}[ :\t])?Aborted(?:$| \(core dumped\)|\s)", Cause.CRASHED),
        ("Bus error", r"(?:.{0,200}[ :])?Bus error(?:$| \(core dumped\)|\s)", Cause.CRASHED),
        ("Memory fault", r"(?:.{0,200}[ :])?Memory fault(?:$| \(core(?: dumped|dump)\)|\s)", Cause.CRASHED),
        ("Trace/breakpoint trap", r"(?:.{0,200}[ :\t])?Trace/breakpoint trap(?:$| \(core dumped\)|\s)", Cause.CRASHED),
        ("terminated by signal ", r".{0,1000}\bterminated by signal (?:SIG(?:SEGV|BUS|ILL|FPE|ABRT|TRAP|SYS)\b|(?:4|5|6|7|8|11|31)\b)",
         Cause.CRASHED),
        ("terminated by signal ", r".{0,1000}\bterminated by signal (?:SIG(?:KILL|TERM|INT|HUP|QUIT|PIPE)\b|(?:1|2|3|9|13|15)\b)",
         Cause.KILLED),
        ("Illegal instruction", r"(?:.{0,200}[ :])?Illegal instruction(?:$| \(core dumped\)|\s)", Cause.CRASHED),
        ("Floating point exception", r"(?:.{0,200}[ :])?Floating point exception", Cause.CRASHED),
        ("Fatal signal", r".{0,200}Fatal signal \d{1,3} \(SIG\w+\).{0,400}benchmark", Cause.CRASHED),
        (">>> ", r".{0,200}pid: \d{1,9}, tid: \d{1,9}, name: .{0,100}>>> .{0,400}benchmark_model", Cause.CRASHED),
        ("zsh: ", r"zsh: (?:segmentation fault|bus error|abort|trace trap|illegal hardware instruction|floating point exception)\b",
         Cause.CRASHED),
        ("zsh: killed", r"zsh: killed\b", Cause.KILLED),
        ("Killed", _JOB + r"Killed(?:$|\s)", Cause.KILLED),
        ("Terminated", _JOB + r"Terminated\s{0,8}(?:$|\S{0,200}benchmark)",
         Cause.KILLED),
        ("lowmemorykiller", r".{0,200}lowmemorykiller.{0,40}[Kk]ill.{0,40}benchmark_model", Cause.OUT_OF_MEMORY),
        ("Out of memory: Kill", r".{0,200}Out of memory: Kill(?:ed)? process \d{1,9} \(benchmark_mode", Cause.OUT_OF_MEMORY),
        ("bad_alloc", r".{0,200}std::bad_alloc", Cause.OUT_OF_MEMORY),
        # LiteRT-LM's messages; it exits with 0 for nearly every failure.
        (" locally in ", r".{0,200}Could not find .{1,1000} locally in ", Cause.MODEL_UNREADABLE),
        ("Invalid magic number", r".{0,400}Invalid magic number", Cause.MODEL_INVALID),
        ("Unsupported file format", r".{0,400}Unsupported file format", Cause.MODEL_INVALID),
        ("Input token ids are too long", r".{0,400}Input token ids are too long", Cause.BAD_INPUT),
        ("Failed to create engine", r".{0,400}Failed to create engine", Cause.UNKNOWN),
        ("Failed to apply delegate", r".{0,200}(?:Exception|Error): (?:Internal error: )?Failed to apply delegate[.:]",
         Cause.DELEGATE_NOT_APPLIED),
        ("No space left on device", r".{0,400}: No space left on device$", Cause.STORAGE_FULL),
    )
)  # fmt: skip


_SYSTEM_NEEDLES = tuple(dict.fromkeys(needle for needle, *_ in _SYSTEM))

MESSAGE_WORDS = frozenset(_STARTS)
"""First words, in lower case, of all messages in `match_message`."""


def match_message(text: str) -> Cause | None:
    """Return the cause that a message of the tool or the runtime shows, if any."""
    for pattern, cause in _STARTS.get(_first_word(text), ()):
        if pattern.match(text) is not None:
            return cause
    return None


_FATAL_INPUT = re.compile(r".{0,1000}\b(?:has unsupported type|does not fit tensor)\b")
"""Text after the tensor's name in the message about an input with which the tool aborts."""


def match_fatal(text: str) -> Cause | None:
    """Return the cause that the tool's last message before an abort shows."""
    return match_message(text) or (Cause.BAD_INPUT if _FATAL_INPUT.match(text) is not None else None)


_REASON = re.compile(
    r"NN API returned error |hexagon_nn_|TfLiteGpuDelegate \w{1,20}: |Op code \d{1,9} is currently not delegated to NNAPI"
    r"|NNAPI doesn't support |Attempting to use a delegate that only supports static-sized tensors"
    r"|[\w./+-]{1,200}\.(?:cc|cpp|h|c):\d{1,6} .{1,400} (?:was not true|!=|==|<|>|<=|>=) "
    r"|.{1,200} was not true\.$"
)


_NO_REASON = "Following operations are not supported by "
"""Heading of the list of ops that stay on the CPU: not a failure."""


def tells_why(level: str, text: str) -> bool:
    """Return whether a message may be the reason for a later failure.

    It is one if it is an error, or a check of a kernel or driver in old versions, which print no level.
    """
    return (level == "E" and not text.startswith(_NO_REASON)) or _REASON.match(text) is not None


REASON_WORDS = frozenset(
    {"nn", "hexagon_nn", "tflitegpudelegate", "op", "nnapi", "attempting", "tensorflow", "external", "third", "tflite"}
)


def system_messages(text: str) -> Iterator[FailureEvidence]:
    """Find messages of shells, linkers and the system. Linear: each line is examined once per needle in it."""
    there = set(present(text, _SYSTEM_NEEDLES))
    for needle, pattern, cause in _SYSTEM:
        if needle not in there:
            continue
        position = text.find(needle)
        while position >= 0:
            start = text.rfind("\n", 0, position) + 1
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            line = text[start : min(end, start + 2000)]
            if pattern.match(line) is not None:
                yield FailureEvidence(cause, line.strip())
                break
            position = text.find(needle, end)


def thrown_exception(text: str) -> str | None:
    """Return the exception with which an Android app ended, as far as a log shows it: its deepest cause or the line above it."""
    position = text.find("FATAL EXCEPTION: ")
    if position < 0:
        return None
    start = text.rfind("\n", 0, position) + 1
    lines = text[start : start + _LONGEST_TRACE].split("\n")
    thrown = [match[0] for line in lines[1:] if (match := _THROWN.search(line[:2000])) is not None]
    causes = [line for line in thrown if line.startswith("Caused by: ")]
    return (causes[-1:] or thrown[:1] or lines[:1])[0].strip()[:2000]


_LONGEST_TRACE = 20_000
_THROWN = re.compile(r"(?:Caused by: )?(?:[a-z]\w{0,60}\.){1,12}[A-Z]\w{0,80}(?:Exception|Error)\b.{0,1900}")
