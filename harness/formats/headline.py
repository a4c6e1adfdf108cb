"""Gives the answer to each question in one sentence: `xnnpack is 3.2x faster than cpu`, `gpu takes 2.1x the peak memory of cpu`. Pure.

Terminal and report use the same words; callers insert the names, which a page isolates and escapes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from harness.analysis.comparison import Comparison, Overall, Table
from harness.analysis.metrics import Metric
from harness.analysis.sides import OUTPUT_DIFFERS
from harness.analysis.verdict import Verdict
from harness.formats.comparison_words import percent
from harness.records import CellKey, Scalar

_DECIDED = (Verdict.FASTER, Verdict.SLOWER, Verdict.SAME)
_SPLIT_WORDS: Mapping[str, Mapping[Verdict, str]] = {
    "us": {Verdict.FASTER: "faster", Verdict.SLOWER: "slower", Verdict.SAME: "as fast"},
    "mb": {Verdict.FASTER: "less", Verdict.SLOWER: "more", Verdict.SAME: "as much"},
}
"""By the metric's unit, because a megabyte is never faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The comparisons of one configuration with the baseline, summed up."""

    values: Mapping[str, Scalar]
    """The configuration in the dimensions that the baseline fixes: `{"delegate": "xnnpack"}`."""
    counts: Mapping[Verdict, int]
    """Comparisons by verdict."""
    ratio: float | None
    """Head over base: the estimate over all devices if there is a single one, else the median of the comparisons."""
    low: float | None
    high: float | None
    """Ends of the interval over all devices or of the only comparison; else the smallest and the largest ratio."""
    spans: bool
    """Whether `low` and `high` are the range of several comparisons, not an interval."""
    devices: int
    synthetic: bool
    output_differs: bool = False
    metric: Metric = Metric.INFERENCE_AVG
    processes: int = 0
    """The fewest processes a side behind a comparison."""

    @property
    def verdict(self) -> Verdict | None:
        """The verdict of all comparisons; None if they differ or decide nothing."""
        [*verdicts] = self.counts
        return verdicts[0] if len(verdicts) == 1 and verdicts[0] in _DECIDED else None

    @property
    def decides(self) -> bool:
        """Whether any comparison is decided."""
        return any(verdict in _DECIDED for verdict in self.counts)

    def words(self) -> str:
        """Return the words after the configuration's name: `is 3.2x faster than {}`, with `{}` for the baseline's name."""
        if self.metric.unit == "mb":
            return f"takes {self._amount(' than {}', ' as {}', ' of {}')}"
        if self.verdict is None:
            (first, most), *rest = self._ordered()
            others = "".join(f", {self._split(verdict)} in {count}" for verdict, count in rest)
            than = "as" if first is Verdict.SAME else "than"
            return f"is {self._split(first)} {than} {{}} in {most} of {sum(self.counts.values())} comparisons{others}"
        if self.verdict is Verdict.SAME:
            return f"is as fast as {{}}{self._of_what()}"
        word = "faster" if self.verdict is Verdict.FASTER else "slower"
        return f"is {self._size(self.ratio)} {word} than {{}}{self._of_what()}"

    def clause(self) -> str:
        """Return the end of a sentence about the latency: `with 12 % more peak memory (8 % to 15 %)`.

        If nothing is sure, it gives the ratio and says that there is no verdict. Without a ratio it is empty.
        """
        if not self.decides:
            if self.ratio is None:
                return ""
            behind = "1 process" if self.processes == 1 else f"{self.processes} processes"
            return f"with {self.ratio:.2f}x the {self.metric.words} (no verdict: {behind} a side)"
        span = self._span() if self.verdict in (Verdict.FASTER, Verdict.SLOWER) else ""
        return f"with {self._amount('', '', '')}" + (f" ({span})" if span else "")

    def everywhere(self) -> str:
        """Return ` on both devices` if several give the same answer, else nothing."""
        if self.devices < 2 or self.verdict is None:
            return ""
        return " on both devices" if self.devices == 2 else f" on all {self.devices} devices"

    def evidence(self) -> str:
        """Return the evidence for brackets: `median of 6 comparisons, each of them sure: 2.1x to 4.4x`, `2.9x to 3.5x`."""
        parts = []
        if self.low is not None and self.high is not None and self.verdict not in (None, Verdict.SAME):
            span = self._span()
            parts.append(
                f"median of {sum(self.counts.values())} comparisons, each of them sure: {span}" if self.spans else span
            )
        elif self.low is not None and self.high is not None and self.verdict is Verdict.SAME:
            parts.append(f"within {percent(max(self.high - 1, 1 - self.low))}")
        parts += ["synthetic"] if self.synthetic else []
        parts += [OUTPUT_DIFFERS] if self.output_differs else []
        return ", ".join(parts)

    def _ordered(self) -> list[tuple[Verdict, int]]:
        order = (*_DECIDED, Verdict.SUSPECTED, Verdict.INCONCLUSIVE)
        return [(verdict, self.counts[verdict]) for verdict in order if self.counts.get(verdict)]

    def _split(self, verdict: Verdict) -> str:
        return _SPLIT_WORDS[self.metric.unit].get(verdict, "undecided")

    def _of_what(self) -> str:
        """Name the metric, except the average latency, which every reader expects."""
        return "" if self.metric is Metric.INFERENCE_AVG else f" ({self.metric.words})"

    def _amount(self, than: str, as_much: str, of: str) -> str:
        """Return `12 % more peak memory` or `2.1x the peak memory`; the arguments lead to the baseline's name."""
        what = self.metric.words
        if self.verdict is None:
            (first, most), *rest = self._ordered()
            others = "".join(f", {self._split(verdict)} in {count}" for verdict, count in rest)
            after = as_much if first is Verdict.SAME else than
            return f"{self._split(first)} {what}{after} in {most} of {sum(self.counts.values())} comparisons{others}"
        if self.verdict is Verdict.SAME:
            return f"as much {what}{as_much}"
        size = self._size(self.ratio)
        if size.endswith("x"):
            return f"{size} the {what}{of}"
        return f"{size} {self._split(self.verdict)} {what}{than}"

    def _span(self) -> str:
        """Return `2.1x to 4.4x`; empty without an interval."""
        if self.low is None or self.high is None:
            return ""
        ends = (self.high, self.low) if self.verdict is Verdict.FASTER else (self.low, self.high)
        return " to ".join(self._size(end) for end in ends)

    def _size(self, ratio: float | None) -> str:
        """The change as `3.2x`, or `12 %` if it is small. Less memory is always a percentage: nobody says `2x less`."""
        if ratio is None:
            return ""
        less = self.metric.unit == "mb" and self.verdict is Verdict.FASTER
        factor = 1 / ratio if self.verdict is Verdict.FASTER else ratio
        if factor >= 1.95 and not less:
            return f"{factor:.1f}x" if factor < 99.5 else f"{factor:.0f}x"
        return percent(1 - ratio if self.verdict is Verdict.FASTER else ratio - 1)


def headlines(table: Table, dimensions: Sequence[str], *, undecided: bool = False) -> list[Headline]:
    """Return one for each decided configuration, in the order of the table.

    Args:
        table: the run's cells against their baselines.
        dimensions: the keys that the baseline fixes, in which configurations differ.
        undecided: also return those without an answer.
    """
    groups: dict[tuple[Scalar, ...], list[Comparison]] = {}
    for one in table.comparisons:
        if one.state == "measured":
            groups.setdefault(tuple(getattr(one.key, name) for name in dimensions), []).append(one)
    found = [_headline(dict(zip(dimensions, values, strict=True)), group, table) for values, group in groups.items()]
    return [one for one in found if one.decides or undecided]


def with_memory(headline: Headline, memory: Sequence[Headline]) -> str:
    """Return `, with 12 % more peak memory` for the same configuration; empty if its memory was not measured."""
    clause = next((one.clause() for one in memory if one.values == headline.values), "")
    return f", {clause}" if clause else ""


def memory_alone(latency: Sequence[Headline], memory: Sequence[Headline]) -> list[Headline]:
    """Return the decided headlines about memory that cannot end a sentence about the latency, because there is none."""
    said = [one.values for one in latency]
    return [one for one in memory if one.decides and one.values not in said]


def _headline(values: Mapping[str, Scalar], group: Sequence[Comparison], table: Table) -> Headline:
    ratios = [one.estimate.ratio for one in group if one.estimate.ratio is not None]
    questions = {_question(one.key) for one in group}
    pooled = [one for one in table.overall if _question(one) in questions]
    estimates = [one.estimate for one in pooled] if len(questions) == 1 and len(pooled) == 1 else []
    estimates = estimates or ([group[0].estimate] if len(group) == 1 else [])
    if estimates:
        ratio, low, high = estimates[0].ratio, estimates[0].ci_low, estimates[0].ci_high
    else:
        ratio, low, high = (median(ratios), min(ratios), max(ratios)) if ratios else (None, None, None)
    return Headline(
        values=values,
        counts=Counter(one.judgement.verdict for one in group),
        ratio=ratio,
        low=low,
        high=high,
        spans=not estimates,
        devices=len({one.key.device for one in group}),
        synthetic=any(one.synthetic for one in group),
        output_differs=any(one.output_differs for one in group),
        metric=table.metric,
        processes=min(one.estimate.n for one in group),
    )


def _question(one: CellKey | Overall) -> tuple[Scalar, ...]:
    return (one.model, one.variant, one.delegate, one.threads, one.cpus, one.binary)
