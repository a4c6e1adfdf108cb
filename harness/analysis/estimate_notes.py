"""The notes beside an estimate: how it was made, and what widens its interval. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from harness.analysis.comparability import Note
from harness.analysis.metrics import Metric
from harness.analysis.pair_estimates import PairEstimate
from harness.analysis.ratio_interval import Estimate
from harness.analysis.samples import LEVEL, MIN_BLOCKS
from harness.analysis.sequential import LOOK_LEVEL

_MEANS_PART = 0.01
"""From this difference on, a note gives the ratio of the plain averages beside the ratio, which comes from ranks."""
_MEANS_PART_OF_CHANGE = 0.1
"""They must also differ by this share of the change: beside a factor of six, two per cent mean nothing."""


def ways_of_comparing(estimate: PairEstimate, metric: Metric) -> Iterable[Note]:
    """Yield a note for each way of comparing that is not the usual one: differences, a control, a spread between runs."""
    if estimate.edge is not None:
        text = (
            f"compared by differences, as not every value of {metric.words} is above 0; "
            f"up to {estimate.edge:.2g} {metric.unit.upper()} counts as none"
        )
        yield Note("difference", text, False)
    if (control := estimate.control) is not None:
        text = (
            f"measured in separate runs, each process divided by its block's control ({control.name}); "
            f"the control itself: {100 * (control.moved - 1):+.1f} % in HEAD"
        )
        yield Note("control", text, False)
    if (spread := estimate.spread) is not None:
        text = (
            f"measured in separate runs: the interval allows for how much runs of this device differ "
            f"(standard deviation {100 * spread.deviation:.2g} %, from {spread.runs} runs)"
        )
        yield Note("between_runs", text, False)
    if estimate.no_control is not None:
        yield Note("no_control", estimate.no_control, False)


def sample_notes(estimate: Estimate) -> Iterable[Note]:
    """Yield a note for whatever widens the interval or limits what it says."""
    if estimate.looks and estimate.level == LOOK_LEVEL:
        text = (
            f"the run chose its number of processes itself: the interval is at {100 * estimate.level:.3g} %, which where it stops holds at "
            "95 %, and the p-value allows for all its looks"
        )
        yield Note("adaptive", text, False)
    elif estimate.design == "paired" and estimate.n == MIN_BLOCKS and estimate.level == LEVEL:
        yield Note("level", "five blocks give an interval of 93.75 %, not 95 %", False)
    if estimate.level > (LOOK_LEVEL if estimate.looks else LEVEL):
        text = f"one of several cells with a verdict: the interval is at {100 * estimate.level:.3g} %, so that of these at most 5 % miss"
        yield Note("selected", text, False)
    if outlying := estimate.set_aside - estimate.unlike_before:
        text = f"{outlying} of {estimate.n} blocks set aside: a process in them took far longer or shorter than its neighbours"
        yield Note("set_aside", text, False)
    if estimate.unlike_before:
        text = (
            f"{estimate.unlike_before} of {estimate.n} blocks set aside: latencies depend on what ran before, and there it differs "
            "between the two sides"
        )
        yield Note("unlike_before", text, False)
    if estimate.resolution:
        text = (
            f"the values are printed in steps: rounding alone may move the ratio by {100 * estimate.resolution:.2g} %"
        )
        yield Note("resolution", text, False)
    if estimate.mean_ratio and estimate.ratio:
        parted = abs(math.log(estimate.mean_ratio / estimate.ratio))
        if parted > max(math.log1p(_MEANS_PART), _MEANS_PART_OF_CHANGE * abs(math.log(estimate.ratio))):
            text = (
                f"the plain averages have a ratio of {estimate.mean_ratio:.3g}: one side has slow processes more often"
            )
            yield Note("means", text, False)
    if estimate.drift:
        text = f"the runs drifted by up to {100 * estimate.drift:.1f} % while they ran: the interval allows for as much between them"
        yield Note("drift", text, False)
