"""How long a process was to run and with how many threads, from the parameters that it echoes."""

from __future__ import annotations

import pytest

from harness.benchmark_model.parameters import TOOL_DEFAULTS, echoed_lengths, echoed_threads
from harness.records import RunLengths


def test_the_tool_s_defaults_stand_where_nothing_is_echoed() -> None:
    # Source: `benchmark_model --help`; the tool has no time limit.
    assert (
        TOOL_DEFAULTS
        == echoed_lengths({})
        == RunLengths(min_runs=50, min_s=1.0, max_s=150.0, warmup_runs=1, warmup_s=0.5, timeout_s=0.0)
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {
            "Min num runs": "7", "Min runs duration (seconds)": "2.5", "Max runs duration (seconds)": "30",
            "Min warmup runs": "3", "Min warmup runs duration (seconds)": "0",
        },
        {
            "Num runs": "7", "Min runs duration (seconds)": "2.5", "Max runs duration (seconds)": "30",
            "Warmup runs": "3", "Min warmup runs duration (seconds)": "0",
        },
    ],
)  # fmt: skip
def test_echoed_lengths_of_new_and_old_versions(parameters: dict[str, str]) -> None:
    expected = RunLengths(min_runs=7, min_s=2.5, max_s=30.0, warmup_runs=3, warmup_s=0.0, timeout_s=0.0)
    assert echoed_lengths(parameters) == expected


@pytest.mark.parametrize(
    ("parameters", "threads"),
    [
        ({"Num threads": "4"}, 4),
        ({"#threads used for CPU inference": "2", "Num threads": "4"}, 2),
        ({"Num threads": "-1"}, -1),
        ({"Num threads": "1.5"}, None),
        ({"Num threads": ""}, None),
        ({}, None),
    ],
)
def test_echoed_threads(parameters: dict[str, str], threads: int | None) -> None:
    assert echoed_threads(parameters) == threads
