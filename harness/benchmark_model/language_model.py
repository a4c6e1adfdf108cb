"""Reads LiteRT-LM's output: tokens per second of prefill and decode, time to first token, initialization.

Its C++ tools (`litert_lm_main`, `litert_lm_advanced_main`) print a block per iteration, its command (`litert-lm benchmark`) a single one:

    BenchmarkInfo:                                              ----- Results -----
      Init Phases (2):                                          Prefill speed:        26577.29 tokens/s
        - Executor initialization: 844.54 ms                    Decode speed:         3219.68 tokens/s
        Total init time: 911.25 ms                              Init time:            0.0074 s
      Time to first token: 2.40 s                               Time to first token:  0.0051 s
      Prefill Turns (Total 1 turns):
        Prefill Turn 1: Processed 18 tokens in 2.311920273s duration.
          Prefill Speed: 7.79 tokens/sec.

Source: runtime/engine/io_types.cc and the command's source, LiteRT-LM 0.6 to 0.18. Its time to first token is not measured but computed:
    the prefill's time plus one mean decoding step.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from harness.benchmark_model.numbers import NUMBER, number, scaled
from harness.records import LlmFigures

_LINE = re.compile(
    rf"(?:(?P<speed>Prefill|Decode) [Ss]peed: {{1,20}}(?P<tps>{NUMBER}) tokens/s(?:ec)?\.?"
    rf"|(?P<turn>Prefill|Decode) Turn \d{{1,6}}: Processed (?P<tokens>\d{{1,9}}) tokens in (?P<duration>\S{{1,40}})(?: duration\.?)?"
    rf"|(?P<turns>Prefill|Decode) Turns \(Total (?P<total>\d{{1,6}}) turns?\):"
    rf"|No (?P<none>prefill|decode) turns recorded\."
    rf"|Number of tokens in (?P<asked>prefill|decode) ?: (?P<number>\d{{1,9}})"
    rf"|Time to first token: {{1,20}}(?P<ttft>{NUMBER}) s"
    rf"|(?:- Init Total|Total init time): (?P<init_ms>{NUMBER}) ms|Init time: {{1,20}}(?P<init_s>{NUMBER}) s)$"
)
_NAMED = re.compile(r"Benchmarking model: .{0,1000}\.litertlm\b|.{0,200}Failed to create engine for benchmark")
_HEADS = ("BenchmarkInfo:", "----- Results -----")
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(h|ms|m|s|us|ns)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclass(slots=True)
class _Turns:
    """The turns of one phase, prefill or decode. Every number is None until a line gives it."""

    total: int | None = None
    """How many the block announces."""
    tokens: list[int] = field(default_factory=list)
    seconds: list[float | None] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)
    """Tokens a second, as printed. The command prints no turns, only a speed."""

    @property
    def ended(self) -> bool:
        """Whether the phase was printed to its end."""
        if self.total is not None:
            return self.total <= len(self.speeds)
        return bool(self.speeds)

    def tps(self) -> float | None:
        """Return tokens a second over all turns; None if no token was processed, or if a turn's time is not known."""
        if len(self.tokens) <= 1:
            return (self.speeds or [0.0])[-1] or None
        times = [
            seconds if seconds is not None else tokens / speed if speed else None
            for tokens, seconds, speed in zip(self.tokens, self.seconds, self.speeds, strict=False)
        ]
        known = [time for time in times if time is not None]
        if len(known) < len(self.tokens) or sum(known) <= 0:
            return None
        return round(sum(self.tokens) / sum(known), 4) or None


@dataclass(slots=True)
class LlmResults:
    """The figures of the last block, in the contract's units."""

    figures: dict[str, float] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    """Requested tokens, as the command echoes them."""
    blocks: int = 0
    named: bool = False
    """A line identifies the output as this tool's, even without figures."""
    turns: dict[str, _Turns] = field(default_factory=dict)
    """By phase, `prefill` and `decode`."""
    _headed: bool = False

    @property
    def seen(self) -> bool:
        """Whether a phase was printed, even without a turn or with a speed of zero: then the output is this tool's."""
        return any(phase.speeds or phase.total is not None for phase in self.turns.values())

    @property
    def ended(self) -> bool:
        """Whether the last block was printed to its end. Decoding comes last."""
        return all(phase.ended for phase in self.turns.values()) and "decode" in self.turns

    @property
    def without_turns(self) -> str | None:
        """The reason why a whole block holds no figure; None if it holds one."""
        result = self.result() if self.ended else None
        if result is None or result.prefill_tps or result.decode_tps:
            return None
        return "no prefill and no decode turn is recorded: no token was processed"

    def notes(self) -> list[str]:
        """Return notes on how to read the figures."""
        found = []
        if self.blocks:
            found.append(f"the output holds {self.blocks + 1} blocks of results; only the last is read")
        for name, phase in self.turns.items():
            if len(phase.tokens) > 1:
                found.append(f"{name}: tokens and times of {len(phase.tokens)} turns are summed")
        return found

    def feed(self, text: str, *, cut: bool = False) -> bool:
        """Take one message. Return whether it belongs to a block. `cut`: it is the last one and lacks its line end."""
        if text in _HEADS:
            self._begin(headed=True)
            self.named = self.named or text == "BenchmarkInfo:"
            return True
        if _NAMED.match(text) is not None:
            self.named = True
            return True
        match = _LINE.match(text)
        if match is None:
            return False
        if cut and not text.endswith((".", "s")):
            return True
        if (speed := match["speed"]) is not None:
            if (tps := number(match["tps"])) is not None:
                self._phase(speed).speeds.append(tps)
        elif (turn := match["turn"]) is not None:
            self._begin_headless(turn)
            phase = self._phase(turn)
            phase.tokens.append(int(match["tokens"]))
            phase.seconds.append(_seconds(match["duration"]))
        elif (turns := match["turns"]) is not None:
            self._begin_headless(turns)
            self._phase(turns).total = int(match["total"])
        elif match["none"] is not None:
            self._phase(match["none"]).total = 0
        elif match["asked"] is not None:
            self.asked[match["asked"]] = int(match["number"])
        elif match["ttft"] is not None:
            self._set("ttft_ms", scaled(match["ttft"], 3))
        else:
            self._set("init_us", scaled(match["init_ms"], 3) if match["init_ms"] else scaled(match["init_s"], 6))
        return True

    def _begin_headless(self, phase: str) -> None:
        """Begin another block where a prefill follows a decode and no heading is there."""
        if not self._headed and phase == "Prefill" and "decode" in self.turns:
            self._begin(headed=False, kept=("ttft_ms",))

    def _begin(self, *, headed: bool, kept: tuple[str, ...] = ()) -> None:
        """Begin another block: figures of two blocks never mix, and the last block counts."""
        if self.seen:
            self.blocks += 1
        self.figures = {key: value for key, value in self.figures.items() if key in kept}
        self.turns = {}
        self._headed = headed

    def _phase(self, name: str) -> _Turns:
        return self.turns.setdefault(name.lower(), _Turns())

    def _set(self, key: str, value: float | None) -> None:
        if value is not None:
            self.figures[key] = value

    def result(self) -> LlmFigures | None:
        """Return the figures; None if the output is of another tool. A speed of 0 becomes None, because no token was processed."""
        if not self.seen:
            return None

        def tokens(name: str) -> int | None:
            phase = self.turns.get(name, _Turns())
            return sum(phase.tokens) if phase.tokens else self.asked.get(name)

        ttft = self.figures.get("ttft_ms") or None
        return LlmFigures(
            init_us=self.figures.get("init_us"),
            ttft_ms=ttft,
            ttft=None if ttft is None else "computed",
            prefill_tokens=tokens("prefill"),
            prefill_tps=self.turns.get("prefill", _Turns()).tps(),
            decode_tokens=tokens("decode"),
            decode_tps=self.turns.get("decode", _Turns()).tps(),
        )


def _seconds(duration: str) -> float | None:
    """Read a duration as absl prints it: `2.311920273s`, `911.25ms`, `1m2.5s`."""
    parts = _DURATION.findall(duration)
    if not parts or "".join(value + unit for value, unit in parts) != duration:
        return None
    return sum(float(value) * _SECONDS[unit] for value, unit in parts)
