"""One pass over the lines of an output, collecting what each says. What it all comes to is decided in `parser` and `verdict`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.benchmark_model.count_lines import CountLines
from harness.benchmark_model.delegates import DelegateBook
from harness.benchmark_model.failures import MESSAGE_WORDS, Evidence, match_message
from harness.benchmark_model.litert_results import LitertResults
from harness.benchmark_model.numbers import NUMBER, number
from harness.benchmark_model.prefixes import TOOL_BRACKET, strip_prefix
from harness.benchmark_model.profile_text import ProfileText

_TIMING_FIELD = re.compile(
    rf"(Init|First inference|Warmup(?: \(avg\))?|Inference(?: \(avg\))?|no stats): ({NUMBER}|-?nan|-?inf)(?=,|\s|Overall|$)"
)
_TIMINGS = re.compile(r"(?:Average inference|Inference) timings in us: ?")
_MEMORY = re.compile(
    rf"(Memory footprint delta from the start of the tool|Peak memory footprint) \(MB\): init=({NUMBER}) overall=({NUMBER})$"
)
_PEAK = re.compile(rf"Overall peak memory footprint \(MB\) via periodic monitoring: ({NUMBER})$")
_PHASE_MEMORY = re.compile(rf"\[(Init Phase|Overall)\] - Memory usage: max resident set size = ({NUMBER}) MB")
_RSS = re.compile(rf"Overall max resident set size = ({NUMBER}) MB")
"""The Android app of 2019 puts it right behind the last number of the timings line."""
_SIZE = re.compile(rf"The input model file size \(MB\): ({NUMBER})$")
_ECHO = re.compile(r"([#A-Za-z][^\[\]]{1,80}?) ?: \[(.{0,2000})\]$")
_TEXT_PROTO = re.compile(r"(init_profile|runtime_profile|model_name: \".{0,400}\"|subgraphs|model_id)\b.{0,400}")


@dataclass(slots=True)
class Reading:
    """What the lines of one process said, in the order in which they said it."""

    timings: dict[str, float] = field(default_factory=dict)
    """From the `Inference timings in us` line: `init`, `first`, `warmup`, `inference`."""
    timings_seen: bool = False
    timings_text: dict[str, str] = field(default_factory=dict)
    old_form: bool = False
    """The line was `Average inference timings`: TensorFlow 1.x to 2.1."""
    timings_cut: bool = False
    """The timings line ends the text without a line end: its last number may lack digits."""
    counts: CountLines = field(default_factory=CountLines)
    parameters: dict[str, str] = field(default_factory=dict)
    """Echoed parameters by label; the first of a label."""
    model_size_mb: float | None = None
    memory: dict[str, float] = field(default_factory=dict)
    unconsumed: list[str] = field(default_factory=list)
    begins: bool = False
    """The start of the output was seen."""
    ours: bool = False
    """Some line is unmistakably the tool's."""
    failing_line: bool = False
    """`Benchmarking failed.` was seen."""
    evidence: list[Evidence] = field(default_factory=list)
    fatal: str | None = None
    first_error: str | None = None
    notes: list[str] = field(default_factory=list)
    profile: ProfileText = field(default_factory=ProfileText)
    delegates: DelegateBook = field(default_factory=DelegateBook)
    litert: LitertResults = field(default_factory=LitertResults)
    protos: list[list[str]] = field(default_factory=list)
    """Protos that were printed as text, line by line."""
    proto_lines: int = 0

    def read(self, text: str) -> None:
        """Take the text of one stream."""
        lines = text.split("\n")
        last = len(lines) - 1
        handlers = self._handlers()
        depth = 0
        foreign = TOOL_BRACKET.match
        for number_, raw in enumerate(lines):
            if raw[:1] == "[" and foreign(raw) is None:
                continue  # drivers print such lines by the ten thousand
            level, message, ours, _ = strip_prefix(raw)
            if not message:
                self.counts.gap = self.counts.gap or ours
                continue
            if not ours:
                continue
            if depth:
                depth = self._proto_line(message)
                continue
            cut = number_ == last
            if self.profile.feed(message, cut=cut):
                self.ours = True
                continue
            message = message.strip()
            first = _WORD.match(message)
            handler = handlers.get(first[0]) if first is not None else None
            if handler is not None and handler(message, cut):
                self.ours = True
                continue
            if message.endswith("{") and _TEXT_PROTO.match(message) is not None:
                self.protos.append([])
                depth = self._proto_line(message)
                continue
            self._other(level, message, first[0] if first is not None else message[:1])

    def _handlers(self) -> dict[str, Callable[[str, bool], bool]]:
        return {
            "count": self._count,
            "Inference": self._timings,
            "Average": self._timings,
            "Running": self._running,
            "STARTING": self._starting,
            "Unconsumed": self._unconsumed,
            "The": self._size,
            "Memory": self._memory,
            "Peak": self._memory,
            "Overall": self._memory,
            "[": self._phase_memory,
            "Benchmarking": self._failing,
            "Duplicate": self._duplicate,
            "Loaded": self._loaded,
            "Initialized": self._loaded,
            "Log": self._log_params,
            "Saved": self._loaded_result,
            "Failed": self._failed,
        }

    def _starting(self, text: str, cut: bool) -> bool:
        self.begins = self.begins or text == "STARTING!"
        return text == "STARTING!"

    def _log_params(self, text: str, cut: bool) -> bool:
        if text.startswith("Log parameter values verbosely: ["):
            self.begins = True
            return True
        return False

    def _loaded(self, text: str, cut: bool) -> bool:
        return text.startswith(("Loaded model ", "Initialized session in "))

    def _loaded_result(self, text: str, cut: bool) -> bool:
        return text.startswith("Saved benchmark result to: ")

    def _running(self, text: str, cut: bool) -> bool:
        return self.counts.announce(text)

    def _count(self, text: str, cut: bool) -> bool:
        if not text.startswith("count="):
            return False
        if not self.timings_seen:  # what comes after the timings is another process's
            self.counts.add(text, cut=cut)
        return True

    def _timings(self, text: str, cut: bool) -> bool:
        match = _TIMINGS.match(text)
        if match is None:
            return self.litert.feed(text)
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
        self.timings_cut = cut
        return True

    def _size(self, text: str, cut: bool) -> bool:
        match = _SIZE.match(text)
        if match is None or cut:
            return False
        self.model_size_mb = number(match[1])
        return True

    def _memory(self, text: str, cut: bool) -> bool:
        if (match := _MEMORY.match(text)) is not None:
            kind = "delta" if match[1].startswith("Memory") else "peak"
            self._remember(f"init_{kind}_mb", match[2])
            self._remember(f"overall_{kind}_mb", match[3])
            return True
        if (match := _PEAK.match(text)) is not None:
            self._remember("periodic_peak_mb", match[1])
            return True
        return self.litert.feed(text)

    def _phase_memory(self, text: str, cut: bool) -> bool:
        if (match := _PHASE_MEMORY.match(text)) is None:
            return False
        self._remember("init_peak_mb" if match[1] == "Init Phase" else "overall_peak_mb", match[2])
        return True

    def _remember(self, key: str, text: str) -> None:
        value = number(text)
        if value is not None:
            self.memory[key] = value

    def _unconsumed(self, text: str, cut: bool) -> bool:
        head, _, rest = text.partition(":")
        if head != "Unconsumed cmdline flags":
            return False
        self.unconsumed.extend(rest.split())
        return True

    def _duplicate(self, text: str, cut: bool) -> bool:
        if not text.startswith("Duplicate flags: "):
            return False
        self.notes.append(f"{text}; of a duplicate the first counts")
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

    def _other(self, level: str, message: str, word: str) -> None:
        if level not in ("E", "F") and not message.endswith(_ENDS) and word.lower() not in _WORDS:
            return
        if self.delegates.feed(message):
            self.ours = True
        elif message.endswith("]") and (echo := _ECHO.match(message)) is not None:
            self.delegates.echo(echo[1], echo[2])
            if len(self.parameters) < _MOST_PARAMETERS:
                self.parameters.setdefault(echo[1].strip(), echo[2])
            return
        elif self.litert.feed(message):
            self.ours = True
            return
        cause = match_message(message)
        if cause is not None:
            self.ours = True
            self.evidence.append(Evidence(cause, message))
        elif level == "F" and self.fatal is None:
            self.fatal = message
        elif level == "E" and self.first_error is None:
            self.first_error = message

    def _proto_line(self, raw: str) -> int:
        """Add a line to the proto that is being printed; how deep it is nested after it."""
        lines = self.protos[-1]
        self.proto_lines += 1
        if self.proto_lines <= MOST_PROTO_LINES:
            lines.append(raw)
        if len(lines) <= 1:
            return 1
        if raw.startswith("}") or not raw.startswith(" "):
            return 0
        return 1


_ENDS = ("]", "created.", "partitions", "partitions.")
_WORDS = MESSAGE_WORDS | frozenset(
    [
        "nn",
        "hexagon",
        "explicitly",
        "applied",
        "though",
        "replacing",
        "restored",
        "failed",
        "created",
        "node",
        "first",
        "could",
        "no",
        "model",
        "warmup",
        "memory",
        "init",
        "overall",
        "peak",
        "=",
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "8",
        "9",
    ]
)
"""First words of what is looked at closely where the line does not begin as one of the tool's."""
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
