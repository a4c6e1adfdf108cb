"""Collects what each line of a process says, in one pass. `parser` and `status` draw the conclusions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from harness.benchmark_model.count_lines import CountLines
from harness.benchmark_model.delegates import DelegateBook
from harness.benchmark_model.failures import FailureEvidence, match_fatal, match_message, tells_why
from harness.benchmark_model.first_words import CLOSELY, LINE_ENDS
from harness.benchmark_model.language_model import LlmResults
from harness.benchmark_model.litert_results import LitertResults
from harness.benchmark_model.numbers import NUMBER, number, whole_size
from harness.benchmark_model.on_cpu import CpuWords
from harness.benchmark_model.performance_options import OptionRuns
from harness.benchmark_model.prefixes import Line, strip_tool_prefix
from harness.benchmark_model.profile_text import ProfileText
from harness.records.causes import Cause

_TIMING_FIELD = re.compile(
    rf"(Init|First inference|Warmup(?: \(avg\))?|Inference(?: \(avg\))?|no stats): ({NUMBER}|-?nan|-?inf)"
    r"(?=,(?:\s|$)|\s|Overall|(?:INFO|WARN|WARNING|ERROR|VERBOSE): |$)"
)
"""The pattern includes what follows a number: `101,5` is not 101, and another stream may continue right after the last one."""
_TIMINGS = re.compile(r"(?:Average inference|Inference) timings in us: ?")
_MEMORY = re.compile(
    rf"(Memory footprint delta from the start of the tool|Peak memory footprint) \(MB\): init=({NUMBER}) overall=({NUMBER})$"
)
_PEAK = re.compile(rf"Overall peak memory footprint \(MB\) via periodic monitoring: ({NUMBER})$")
_PHASE_MEMORY = re.compile(rf"\[(Init Phase|Overall)\] - Memory usage: max resident set size = ({NUMBER}) MB")
_RSS = re.compile(rf"Overall max resident set size = ({NUMBER}) MB")
"""The Android app of 2019 prints this right after the last number of the timings line."""
_SIZE = re.compile(rf"The input model file size \(MB\): ({NUMBER})$")
_ECHO = re.compile(r"([#A-Za-z][^\[\]]{1,80}?) ?: \[(.{0,2000})\]$")
_TEXT_PROTO = re.compile(r"(init_profile|runtime_profile|model_name: \".{0,400}\"|subgraphs|model_id)\b.{0,400}")


@dataclass(slots=True)
class Reading:
    """What the lines of one process say, in their order."""

    strip_prefix: Callable[[str], Line] = strip_tool_prefix
    """Takes off what stands before a message."""
    timings: dict[str, float] = field(default_factory=dict)
    """From the `Inference timings in us` line: `init`, `first`, `warmup`, `inference`."""
    timings_seen: bool = False
    timings_text: dict[str, str] = field(default_factory=dict)
    old_form: bool = False
    """The line begins with `Average inference timings` (TensorFlow 1.x to 2.1)."""
    whole_numbers: bool = False
    """The timings have no decimals, as TensorFlow's tool of 2017 for graphs prints them."""
    timings_cut: bool = False
    """The timings line ends the text without a line end, so its last number may lack digits."""
    counts: CountLines = field(default_factory=CountLines)
    parameters: dict[str, str] = field(default_factory=dict)
    """Echoed parameters by label; the first of each label counts."""
    model_size_mb: float | None = None
    memory: dict[str, float] = field(default_factory=dict)
    unconsumed: list[str] = field(default_factory=list)
    begins: bool = False
    """The start of the output was seen."""
    ours: bool = False
    """A line is unmistakably the tool's."""
    failing_line: bool = False
    """`Benchmarking failed.` was seen."""
    evidence: list[FailureEvidence] = field(default_factory=list)
    fatal: str | None = None
    first_error: str | None = None
    misnamed: list[tuple[str, str, str]] = field(default_factory=list)
    """Warnings that a flag has a different name for an input: the line, the tensor's name, the name in the flag."""
    initialized: bool = False
    """The interpreter was built, and all delegates that could be applied were."""
    reason: str | None = None
    """The first error of the current phase; it is the reason for failures after it."""
    notes: list[str] = field(default_factory=list)
    profile: ProfileText = field(default_factory=ProfileText)
    profile_cut: bool = False
    """The profile, from any source, begins but does not end."""
    delegates: DelegateBook = field(default_factory=DelegateBook)
    cpu_words: CpuWords = field(default_factory=CpuWords)
    litert: LitertResults = field(default_factory=LitertResults)
    llm: LlmResults = field(default_factory=LlmResults)
    of_options: bool = False
    """The run is one of `benchmark_model_performance_options`."""
    options: OptionRuns = field(default_factory=OptionRuns)
    protos: list[list[str]] = field(default_factory=list)
    """Protos that were printed as text, line by line."""
    proto_lines: int = 0

    begun: Literal["", "maybe", "surely"] = ""
    """After the timings: whether the last line read belongs to the beginning of another process."""
    _depth: int = 0

    def read(self, text: str) -> None:
        """Take the text of one stream of one process."""
        lines = text.split("\n")
        last = len(lines) - 1
        for number_, raw in enumerate(lines):
            self.line(raw, cut=number_ == last)

    def line(self, raw: str, *, cut: bool) -> None:
        """Take one line. `cut`: it is the last one and lacks its line end, so a number in it may lack digits."""
        self.begun = ""
        if not raw:
            self.counts.gap = True
            return
        level, message, ours = self.strip_prefix(raw)
        if not message:
            self.counts.gap = self.counts.gap or ours
            return
        if not ours:
            return
        if self._depth:
            self._depth = self._proto_line(message)
            return
        if self.profile.feed(message, cut=cut):
            self.ours = True
            return
        message = message.strip()
        first = _WORD.match(message)
        handler = _HANDLERS.get(first[0]) if first is not None else None
        if handler is not None and handler(self, message, cut):
            self.ours = True
        elif message.endswith("{") and _TEXT_PROTO.match(message) is not None:
            self.protos.append([])
            self._depth = self._proto_line(message)
        else:
            self._other(level, message, first[0] if first is not None else message[:1], cut)

    def _starting(self, text: str, cut: bool) -> bool:
        if text != "STARTING!":
            return False
        self.begins = True
        self.begun = "surely"
        return True

    def _log_params(self, text: str, cut: bool) -> bool:
        if text.startswith("Log parameter values verbosely: ["):
            self.begins = True
            self.begun = "surely"
            return True
        return False

    def _loaded(self, text: str, cut: bool) -> bool:
        if not text.startswith(("Loaded model ", "Initialized session in ")):
            return False
        # `label_image` also prints that it loaded a model.
        self.begun = "surely" if text.startswith("Init") else "maybe"
        self.initialized = self.initialized or text.startswith("Init")
        self.reason = None
        return True

    def _loaded_result(self, text: str, cut: bool) -> bool:
        return text.startswith("Saved benchmark result to: ")

    def _running(self, text: str, cut: bool) -> bool:
        if not self.counts.announce(text):
            return False
        self.begun = "surely"
        self.initialized, self.reason = True, None
        return True

    def _count(self, text: str, cut: bool) -> bool:
        if not text.startswith("count="):
            return False
        self.begun = "maybe"
        if not self.timings_seen:  # text after the timings is another process's
            self.counts.add(text, cut=cut)
        return True

    def _timings(self, text: str, cut: bool) -> bool:
        match = _TIMINGS.match(text)
        if match is None:
            return self.litert.feed(text, cut=cut)
        self.begun = "maybe"
        if self.timings_seen:
            return True
        fields = {
            _TIMING_KEYS[found[1]]: found[2] for found in _TIMING_FIELD.finditer(text[match.end() : match.end() + 400])
        }
        if "inference" not in fields and fields:
            del fields[next(reversed(fields))]  # the line is cut, maybe in the middle of a number
        self.timings_seen = "inference" in fields
        self.timings_text = fields
        self.timings = {key: value for key, raw in fields.items() if (value := number(raw)) is not None}
        if (rss := _RSS.search(text, match.end(), match.end() + 400)) is not None:
            self._remember("overall_peak_mb", rss[1])
        self.old_form = text.startswith("Average")
        self.whole_numbers = ", with stats: " in text[match.end() : match.end() + 400]
        self.timings_cut = cut
        return True

    def _size(self, text: str, cut: bool) -> bool:
        match = _SIZE.match(text)
        if match is None or cut:
            return False
        self.begun = "maybe"
        if not self.timings_seen:  # as above
            self.model_size_mb = number(match[1])
        return True

    def _memory(self, text: str, cut: bool) -> bool:
        if (match := _MEMORY.match(text)) is not None:
            kind = "delta" if match[1].startswith("Memory") else "peak"
            self._remember(f"init_{kind}_mb", match[2])
            self._remember(f"overall_{kind}_mb", match[3], cut=cut)
            return True
        if (match := _PEAK.match(text)) is not None:
            self._remember("periodic_peak_mb", match[1], cut=cut)
            return True
        return self.litert.feed(text, cut=cut)

    def _phase_memory(self, text: str, cut: bool) -> bool:
        if (match := _PHASE_MEMORY.match(text)) is None:
            return False
        self._remember("init_peak_mb" if match[1] == "Init Phase" else "overall_peak_mb", match[2])
        return True

    def _remember(self, key: str, text: str, *, cut: bool = False) -> None:
        value = number(text)
        if value is not None and cut and not whole_size(text):
            self.notes.append(f"the output ends in {text} MB, maybe in the middle of the number, which is not used")
        elif value is not None:
            self.memory[key] = value

    def _unconsumed(self, text: str, cut: bool) -> bool:
        head, _, rest = text.partition(":")
        if head != "Unconsumed cmdline flags":
            return False
        self.begun = "maybe"
        flags = rest.split()
        self.unconsumed.extend(flags[:-1] if cut else flags)
        return True

    def _unrecognized(self, text: str, cut: bool) -> bool:
        head, _, rest = text.partition(": ")
        if head != "unrecognized commandline flag" or not rest:
            return False
        self.begun = "maybe"
        self.unconsumed.append(rest.strip())
        return True

    def _dispatch(self, text: str, cut: bool) -> bool:
        """Read the libraries that LiteRT's tool names if it was asked for an NPU; its oldest version always names an empty one."""
        name, _, value = text.partition(":")
        if name not in ("dispatch_library_path", "compiler_plugin_library_path"):
            return False
        if value.strip() or name != "dispatch_library_path":
            self.delegates.ask("NPU")
        return True

    def _duplicate(self, text: str, cut: bool) -> bool:
        if not text.startswith("Duplicate flags: "):
            return False
        self.notes.append(f"{text}; of a duplicate the first counts")
        return True

    def _tensor(self, text: str, cut: bool) -> bool:
        head, found, flag = text.partition(" but flags call it ")
        place, named, tensor = head.partition(" is named ")
        if not (found and named and place.startswith("Tensor # ")) or cut:
            return False
        self.misnamed.append((text, tensor, flag))
        return True

    def _failing(self, text: str, cut: bool) -> bool:
        if text != "Benchmarking failed.":
            return False
        self.failing_line = True
        return True

    def _failed(self, text: str, cut: bool) -> bool:
        if not text.startswith("Failed to save benchmark result to: "):
            return False
        self.notes.append(f"the tool could not write its result file: {text}")
        return True

    def _other(self, level: str, message: str, word: str, cut: bool) -> None:
        if level not in ("E", "F") and not message.endswith(LINE_ENDS) and word.lower() not in CLOSELY:
            return
        self.cpu_words.feed(message)
        if self.delegates.feed(message):
            self.ours = True
            self.begun = "maybe"
        elif message.endswith("]") and (echo := _ECHO.match(message)) is not None:
            self.delegates.echo(echo[1], echo[2])
            self.begun = "maybe"
            if len(self.parameters) < _MOST_PARAMETERS:
                self.parameters.setdefault(echo[1].strip(), echo[2])
            return
        elif (
            self.litert.feed(message, cut=cut) or self.llm.feed(message, cut=cut) or self.options.feed(message, cut=cut)
        ):
            self.ours = True
            return
        cause = match_fatal(message) if level == "F" else match_message(message)
        if cause is not None:
            self.ours = True
            self.begun = "maybe"
            self.evidence.append(FailureEvidence(cause, message, reason=self.reason))
            self.initialized = (
                self.initialized or cause is Cause.DELEGATE_PARTIAL
            )  # this was found after all were applied
        elif level == "F" and self.fatal is None:
            self.fatal = message
        elif tells_why(level, message):
            self.reason = self.reason or message
            if level == "E" and self.first_error is None:
                self.first_error = message

    def _proto_line(self, raw: str) -> int:
        """Add a line to the proto that is being printed. Return the nesting depth after it."""
        lines = self.protos[-1]
        self.proto_lines += 1
        if self.proto_lines <= MOST_PROTO_LINES:
            lines.append(raw)
        if len(lines) <= 1:
            return 1
        if raw.startswith("}") or not raw.startswith(" "):
            return 0
        return 1


_HANDLERS: dict[str, Callable[[Reading, str, bool], bool]] = {
    "count": Reading._count,
    "Inference": Reading._timings,
    "Average": Reading._timings,
    "Running": Reading._running,
    "STARTING": Reading._starting,
    "Unconsumed": Reading._unconsumed,
    "unrecognized": Reading._unrecognized,
    "The": Reading._size,
    "Memory": Reading._memory,
    "Peak": Reading._memory,
    "Overall": Reading._memory,
    "[": Reading._phase_memory,
    "Benchmarking": Reading._failing,
    "Duplicate": Reading._duplicate,
    "Loaded": Reading._loaded,
    "Initialized": Reading._loaded,
    "Log": Reading._log_params,
    "dispatch": Reading._dispatch,
    "compiler": Reading._dispatch,
    "Saved": Reading._loaded_result,
    "Failed": Reading._failed,
    "Tensor": Reading._tensor,
}
"""Handlers by the first word of a message."""

_MOST_PARAMETERS = 500
MOST_PROTO_LINES = 300_000
"""Reading a proto from text costs 30 us a line; a model of 5,000 ops has half as many lines."""
_WORD = re.compile(r"[A-Za-z']+|\[")
_TIMING_KEYS = {
    "Init": "init",
    "First inference": "first",
    "Warmup": "warmup",
    "Warmup (avg)": "warmup",
    "Inference": "inference",
    "Inference (avg)": "inference",
    "no stats": "inference",
}
