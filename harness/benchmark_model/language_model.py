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
    rf"|(?P<turn>Prefill|Decode) Turn \d{{1,6}}: Processed (?P<tokens>\d{{1,9}}) tokens in .{{1,40}}"
    rf"|Number of tokens in (?P<asked>prefill|decode) ?: (?P<number>\d{{1,9}})"
    rf"|Time to first token: {{1,20}}(?P<ttft>{NUMBER}) s"
    rf"|(?:- Init Total|Total init time): (?P<init_ms>{NUMBER}) ms|Init time: {{1,20}}(?P<init_s>{NUMBER}) s)$"
)
_NAMED = re.compile(r"Benchmarking model: .{0,1000}\.litertlm\b|.{0,200}Failed to create engine for benchmark")
_HEADS = ("BenchmarkInfo:", "----- Results -----")


@dataclass(slots=True)
class LlmResults:
    """The figures of the last block, in the contract's units."""

    figures: dict[str, float] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    """Requested tokens, as the command echoes them."""
    blocks: int = 0
    named: bool = False
    """A line identifies the output as this tool's, even without figures."""
    _headed: bool = False

    @property
    def seen(self) -> bool:
        """Whether a speed was printed, even zero: then the output is this tool's."""
        return "prefill_tps" in self.figures or "decode_tps" in self.figures

    def feed(self, text: str, *, cut: bool = False) -> bool:
        """Take one message. Return whether it belongs to a block. `cut`: it is the last one and lacks its line end."""
        if text in _HEADS:
            self._begin(headed=True)
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
            self._set(f"{speed.lower()}_tps", number(match["tps"]))
        elif (turn := match["turn"]) is not None:
            if not self._headed and turn == "Prefill" and "decode_tps" in self.figures:
                self._begin(headed=False, kept=("ttft_ms",))
            self._set(f"{turn.lower()}_tokens", number(match["tokens"]))
        elif match["asked"] is not None:
            self.asked[f"{match['asked']}_tokens"] = float(match["number"])
        elif match["ttft"] is not None:
            self._set("ttft_ms", scaled(match["ttft"], 3))
        else:
            self._set("init_us", scaled(match["init_ms"], 3) if match["init_ms"] else scaled(match["init_s"], 6))
        return True

    def _begin(self, *, headed: bool, kept: tuple[str, ...] = ()) -> None:
        """Begin another block: figures of two blocks never mix, and the last block counts."""
        if self.seen:
            self.blocks += 1
        self.figures = {key: value for key, value in self.figures.items() if key in kept}
        self._headed = headed

    def _set(self, key: str, value: float | None) -> None:
        if value is not None:
            self.figures[key] = value

    def result(self) -> LlmFigures | None:
        """Return the figures; None if the output is of another tool. A speed of 0 becomes None, because no token was processed."""
        if not self.seen:
            return None

        def positive(key: str) -> float | None:
            return self.figures.get(key) or None

        def tokens(key: str) -> int | None:
            count = self.figures.get(key, self.asked.get(key))
            return None if count is None else int(count)

        ttft = positive("ttft_ms")
        return LlmFigures(
            init_us=self.figures.get("init_us"),
            ttft_ms=ttft,
            ttft=None if ttft is None else "computed",
            prefill_tokens=tokens("prefill_tokens"),
            prefill_tps=positive("prefill_tps"),
            decode_tokens=tokens("decode_tokens"),
            decode_tps=positive("decode_tps"),
        )
