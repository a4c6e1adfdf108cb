"""The verdict on an accuracy trial, from the outputs that it returned. Pure."""

from __future__ import annotations

from harness.models.accuracy_case import AccuracyCase, WrongSize
from harness.records import Status
from harness.records.accuracy import AccuracyFigures
from harness.records.causes import Cause

OutputVerdict = tuple[Status, tuple[Cause, ...], str | None, AccuracyFigures | None]


def judge_outputs(case: AccuracyCase, raw: bytes, *, played_back: str | None) -> OutputVerdict:
    """Judge an accuracy trial that ended well.

    Args:
        case: what the outputs are compared with.
        raw: the bytes of all outputs of all samples; empty if the tool wrote none.
        played_back: the origin of the process's numbers if they are not measured.

    Returns:
        Status, causes, message, and the figures if there are outputs.
    """
    if not raw and played_back is not None:
        return Status.SKIPPED, (Cause.CONDITION_NOT_MET,), f"a played-back process has no outputs: {played_back}", None
    try:
        figures = case.judge(raw)
    except WrongSize as error:
        # The tool says nothing if it cannot write a file.
        return Status.FAILED, (Cause.TRUNCATED_OUTPUT,), f"its outputs are not there: {error}", None
    if figures.outside:
        more = f"; and {len(figures.outside) - 2} more" if len(figures.outside) > 2 else ""
        return Status.INVALID, (Cause.OUTPUT_DIFFERS,), "; ".join(figures.outside[:2]) + more, figures
    return Status.OK, (), None, figures
