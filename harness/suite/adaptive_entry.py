"""`processes` of a suite: a number, a number for each purpose, or `{min, max, until, device_s}`.

The last form measures until the intervals of the compared ratios are narrow enough.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, model_validator

from harness.records import Purpose, Scalar
from harness.records.adaptive_decisions import AdaptivePlan


def _percent(value: object) -> object:
    """Read `2%` or 0.02 as a fraction."""
    if isinstance(value, str) and (found := re.fullmatch(_PERCENT, value)):
        return float(found[1]) / 100
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value >= 1:
            raise ValueError(f"must be a share below 1, not {value:g}: write {value:g}% for {value:g} per cent")
        return value
    raise ValueError(f"must be a share such as 2% or 0.02, not {value!r}")


_PERCENT = r"^\s*(\d+(?:\.\d*)?|\.\d+)\s*%\s*$"
_Share = Annotated[
    float,
    Field(gt=0, lt=1),
    BeforeValidator(_percent),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "string", "pattern": _PERCENT},
            ]
        }
    ),
]


class AdaptiveEntry(BaseModel):
    """Blocks go on until the intervals of the compared ratios are narrow enough, or until a limit is reached."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: int = Field(default=5, ge=5, le=200, description="processes that every cell runs in any case")
    max: int = Field(default=30, ge=5, le=200, description="processes after which a cell ends in any case")
    until: _Share = Field(
        default=0.02,
        description="how wide the interval of a cell's ratio to its baseline may stay: its upper end over its lower end, less 1; "
        "2% or 0.02 is about plus or minus 1 %",
    )
    device_s: float | None = Field(
        default=None,
        gt=0,
        description="seconds of device time after which no further block begins, beyond the `min` first ones",
    )

    @model_validator(mode="after")
    def _possible(self) -> AdaptiveEntry:
        if self.max < self.min:
            raise ValueError(f"max ({self.max}) is below min ({self.min})")
        return self

    def plan(self) -> AdaptivePlan:
        """Return it as a record."""
        return AdaptivePlan(min_blocks=self.min, max_blocks=self.max, until=self.until, device_s=self.device_s)


_Count = Annotated[int, Field(ge=1, le=10_000)]

# The discriminator chooses the form first, so that errors speak of that form only.
_LatencyProcesses = Annotated[
    Annotated[_Count, Tag("int")] | Annotated[AdaptiveEntry, Tag("AdaptiveEntry")],
    Discriminator(lambda value: "AdaptiveEntry" if isinstance(value, Mapping | AdaptiveEntry) else "int"),
]


class PurposeEntry(BaseModel):
    """The number of processes of each cell for each purpose."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency: _LatencyProcesses = Field(default=10, description="a number, or {min, max, until, device_s}")
    profile: _Count = Field(default=1, description="processes that measure each op")
    memory: _Count = Field(default=1, description="processes whose memory is watched; five give an interval")


def _form(value: object) -> str:
    if not isinstance(value, Mapping):
        return type(value).__name__ if isinstance(value, AdaptiveEntry | PurposeEntry) else "int"
    words = [*PurposeEntry.model_fields, *AdaptiveEntry.model_fields]
    nearest = (get_close_matches(str(key), words, n=1) for key in value)
    return "PurposeEntry" if any(word[0] in PurposeEntry.model_fields for word in nearest if word) else "AdaptiveEntry"


Processes = Annotated[
    Annotated[_Count, Tag("int")]
    | Annotated[AdaptiveEntry, Tag("AdaptiveEntry")]
    | Annotated[PurposeEntry, Tag("PurposeEntry")],
    Discriminator(_form),
]


def why_not(
    *,
    purposes: Sequence[Purpose],
    interleave: bool,
    baseline: Mapping[Any, Scalar] | None,
    possible: Mapping[str, Sequence[object]],
) -> tuple[str, str, str] | None:
    """Return why a suite cannot be adaptive: key, message and remedy; None if it can.

    Args:
        purposes: the suite's purposes.
        interleave: whether it runs in blocks.
        baseline: the suite's baseline.
        possible: for each key of a baseline, its values among the suite's cells.
    """
    example = "baseline: {delegate: cpu}"
    if Purpose.LATENCY not in purposes:
        return (
            "purposes",
            "`processes: {min, max, until}` counts latency processes, and none are asked for",
            "add latency",
        )
    if not interleave:
        return (
            "order",
            "`processes: {min, max, until}` compares within blocks, and without interleaving there are none",
            "leave out `interleave: false`, or give `processes` a number",
        )
    if not baseline:
        message = "{min, max, until} needs a `baseline`: it ends when the ratios to it are known well enough"
        return "processes", message, f"add a line such as `{example}`, or give a number"
    if "device" in baseline:
        message = "`processes: {min, max, until}` compares within each device: a device cannot be its baseline"
        return "baseline", message, "leave out `device`"
    if (wrong := no_such_cell(baseline, possible)) is not None:
        return wrong
    if all(len(possible[name]) == 1 for name in baseline):
        what = ", ".join(f"{name} {value}" for name, value in baseline.items())
        return "baseline", f"every cell has {what}: there is nothing to compare", "measure another beside it"
    return None


def no_such_cell(
    baseline: Mapping[Any, Scalar], possible: Mapping[str, Sequence[object]]
) -> tuple[str, str, str] | None:
    """Return why a baseline matches no cell, in the form of `why_not`. Keys that `possible` lacks are ignored."""
    for name, value in baseline.items():
        words = [str(one) for one in possible.get(name, (value,))]
        if str(value) not in words:
            return (
                "baseline",
                f"no cell has {name} {value!r}: there would be nothing to compare with",
                _one_of(name, words),
            )
    return None


def _one_of(name: object, words: Sequence[str]) -> str:
    shown = [word for word in words if word]
    return f"one of {', '.join(shown)}" if shown else f"the suite names no {name}"
