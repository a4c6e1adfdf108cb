"""What a person reads of an adaptive run: why a ratio ended, where a device stands, what the bar shows."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from harness.analysis.stopping import Step
from harness.cli.progress import RunProgress
from harness.formats import decision_words as words
from harness.records import CellKey
from harness.records.adaptive_decisions import AdaptivePlan, Decision, StopReason
from tests.analysis.made_up import BEGAN, result

PLAN = AdaptivePlan(min_blocks=5, max_blocks=30, until=0.02, device_s=1800)
HEAD = CellKey(model="m", device="R5CT1", delegate="gpu", threads=4, cpus="big")
NARROW = Decision(
    device="R5CT1",
    head=HEAD,
    base=replace(HEAD, delegate="cpu"),
    reason="narrow",
    block=8,
    blocks=9,
    ratio=0.5201,
    ci_low=0.5154,
    ci_high=0.5249,
    level=0.992,
    method="m",
    device_s=60.0,
    at=BEGAN,
)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("narrow", "m gpu t4 big against cpu: 0.520x [0.515, 0.525] from 9 blocks: narrow enough (2 %)"),
        (
            "max_blocks",
            "m gpu t4 big against cpu: 0.520x [0.515, 0.525] from 9 blocks: still open (2 % asked), but the limit of 30 blocks is reached",
        ),
        (
            "max_device_time",
            "m gpu t4 big against cpu: 0.520x [0.515, 0.525] from 9 blocks: still open (2 % asked), "
            "but the limit of 1800 s of device time is reached",
        ),
        ("unmeasured", "m gpu t4 big against cpu: no block of 5 has a good process on both sides"),
    ],
)
def test_why_a_ratio_ended(reason: StopReason, text: str) -> None:
    assert words.why(replace(NARROW, reason=reason), PLAN) == text


def test_what_the_base_differs_in_is_named() -> None:
    base = replace(HEAD, threads=1, binary="old")
    assert "m [new] gpu t4 big against 1, old: " in words.why(
        replace(NARROW, head=replace(HEAD, binary="new"), base=base), PLAN
    )
    nothing = replace(NARROW, head=None, base=None, reason="nothing_to_compare", ratio=None)
    assert words.why(nothing, PLAN) == "no cell has its baseline on this device: 5 processes of each, and no ratio"
    assert words.decided_ratio(replace(NARROW, ci_low=None)) == "0.520x"


def test_where_a_device_stands() -> None:
    trial = result(1.0).trial
    going = Step(device="R5CT1", blocks=7, trials=(trial,), compared=3, going_on=2, widest=0.041)
    assert (
        words.where(going, PLAN) == "block 7 of at most 30 done: 2 of 3 ratios go on, the widest by 4.1 % (2 % asked)"
    )
    wide = replace(NARROW, head=replace(HEAD, threads=1), reason="max_blocks")
    stopped = Step(device="R5CT1", blocks=30, trials=(), compared=3, decisions=(wide,), earlier=(NARROW,))
    assert words.where(stopped, PLAN) == (
        "stops after 30 blocks; of the ratios: 1 narrow enough, 1 still open at the most blocks"
    )


def display(steps: Sequence[Step], *, terminal: bool) -> str:
    """What is shown in the end, with a trial finished and one begun after each step."""
    out = io.StringIO()
    one = result(12.5, device="R5CT1", block=5)
    with RunProgress(Console(file=out, force_terminal=terminal, width=200, color_system=None), 60, 0, PLAN) as progress:
        for step in steps:
            progress.looked(step)
            progress.started(one.trial)
            progress.finished(one)
            progress.started(one.trial)
    return out.getvalue()


TRIAL = result(12.5, device="R5CT1").trial
EARLY = Step(device="R5CT1", blocks=3, trials=(TRIAL,), compared=1, going_on=1)
GOING = Step(device="R5CT1", blocks=5, trials=(TRIAL,), compared=1, going_on=1, widest=0.05)
STOPPED = Step(device="R5CT1", blocks=9, trials=(), compared=1, decisions=(NARROW,), spared=42)


def test_the_bar_shows_the_block_and_how_many_trials_there_still_may_be() -> None:
    assert "R5CT1 block 6: m cpu" in display([EARLY, GOING], terminal=True)
    shown = display([GOING, STOPPED], terminal=True)
    assert "2/18" in shown
    assert "narrow enough (2 %)" in shown
    assert "stops after 9 blocks" in shown
    last = shown.rpartition("R5CT1")[2]
    assert last.startswith(" m cpu"), "what comes after the blocks is in none"


def test_without_a_terminal_a_line_says_where_it_stands() -> None:
    assert "ratios go on" not in display([EARLY], terminal=False)
    shown = display([GOING, STOPPED], terminal=False)
    assert "R5CT1 block 5 of at most 30 done: 1 of 1 ratios go on, the widest by 5 % (2 % asked)" in shown
    assert "1/60 R5CT1" in shown
    assert "2/18 R5CT1" in shown
    assert "narrow enough (2 %)" in shown
    assert "stops after 9 blocks" in shown
