"""Puts the accuracy of a task into words: a value with its interval, and whether two models differ."""

from __future__ import annotations

from harness.analysis.paired_accuracy import PairedTest
from harness.models.evaluation import Evaluation


def value_words(found: Evaluation) -> str:
    """Return `0.978 [0.960, 0.989]`; without an interval the value alone."""
    if found.ci_low is None or found.ci_high is None:
        return number(found.value)
    return f"{number(found.value)} [{number(found.ci_low)}, {number(found.ci_high)}]"


def against_words(this: Evaluation, other: Evaluation, paired: PairedTest) -> str:
    """Return `0.978 against 0.976: no difference shown with 450 samples`, or that it is higher or lower, and by how much."""
    figures = f"{number(this.value)} against {number(other.value)}"
    if paired.difference == 0 and paired.p_value == 1 and (this.per_sample == other.per_sample).all():
        return f"{figures}: the same for each of {samples(paired.n)}"
    if not paired.shown:
        return f"{figures}: no difference shown with {samples(paired.n)}"
    word = "higher" if paired.difference > 0 else "lower"
    judged = ""
    if this.better is not None:
        judged = ", which is better" if word == this.better else ", which is worse"
    return f"{figures}: {word} by {number(abs(paired.difference))}{judged}, with {samples(paired.n)}"


def paired_words(paired: PairedTest) -> str:
    """Return `p = 0.50, McNemar's exact test: 3 samples right only here, 5 only there`."""
    p = "no p-value from one sample" if paired.p_value is None else f"p {_p(paired.p_value)}"
    if paired.test == "mcnemar":
        return f"{p}, McNemar's exact test: {samples(paired.only_first or 0)} right only here, {paired.only_second} only there"
    return f"{p}, Student's paired test of each sample's difference"


def number(value: float) -> str:
    """Return a share or an error with as many digits as say something."""
    return f"{value:.3f}" if 0.001 <= abs(value) < 1000 or value == 0 else f"{value:.3g}"


def samples(count: int) -> str:
    """Return `1 sample`, `450 samples`."""
    return f"{count:,} sample{'s' if count != 1 else ''}"


def _p(value: float) -> str:
    if value < 1e-4:
        return "< 0.0001"
    return f"= {value:.2g}" if value < 0.1 else f"= {value:.2f}"
