"""Values without a logarithm: counted and named in every format, never dropped; growth of memory is compared by differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.cli.main import run_cli
from harness.records import Measurement, Memory, Result
from harness.runs.run_store import load_run
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise, run_json, write_run


def growing(values: Sequence[float], delegate: str) -> list[Result]:
    """A cell whose processes grew by so many megabytes."""
    return [
        replace(
            one,
            measurement=Measurement(inference_avg_us=1000.0, memory=Memory(overall_delta_mb=values[one.trial.block])),
        )
        for one in cell([1000.0] * len(values), delegate=delegate)
    ]


def latencies(values: Sequence[float | None], delegate: str) -> list[Result]:
    return cell(values, delegate=delegate)


def two_sides(path: Path, base: list[Result], head: list[Result]) -> tuple[str, str]:
    run = write_run(path, base + head)
    return f"{run}@delegate=cpu", f"{run}@delegate=gpu"


def memory_noise(seed: int, centre: float, count: int = 10) -> list[float]:
    return list(centre + np.random.default_rng(seed).normal(0, 0.02, count))


ODD = {"0": 0.0, "negative": -3.5, "NaN": math.nan, "infinite": math.inf}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("form", ["text", "markdown", "junit", "csv", "json"])
def test_odd_latencies_are_named_in_every_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, form: str
) -> None:
    values: list[float | None] = [*noise(2)[:8], ODD[kind], ODD[kind]]
    sides = two_sides(tmp_path / "run", latencies(noise(1), "cpu"), latencies(values, "gpu"))
    run_cli(["compare", *sides, "--format", form])
    assert f"HEAD: 2 of 10 values of average latency are {kind}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("kind", ODD)
def test_a_side_with_odd_latencies_is_neither_the_same_nor_faster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    for head, verdict in ((1000.0, "inconclusive"), (700.0, "inconclusive"), (1300.0, "slower")):
        values: list[float | None] = [*noise(2, head, count=20, spread=0.001)[:19], ODD[kind]]
        calm = noise(1, count=20, spread=0.001)
        for name, sides in (("head", (calm, values)), ("base", (values, calm))):
            if name == "base" and verdict == "slower":
                continue
            folder = tmp_path / f"{head}-{name}"
            (one,) = run_json(capsys, *two_sides(folder, latencies(sides[0], "cpu"), latencies(sides[1], "gpu")))[
                "comparisons"
            ]
            expected = "slower" if name == "base" and head == 700.0 else verdict
            assert one["verdict"] == expected, (name, head)


def test_processes_that_report_no_value_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = [*noise(2)[:7], None, None, None]
    (one,) = run_json(capsys, *two_sides(tmp_path / "run", latencies(noise(1), "cpu"), latencies(head, "gpu")))[
        "comparisons"
    ]
    assert "HEAD: 3 of 10 processes that are ok report no average latency" in one["notes"]


def test_memory_that_half_of_head_did_not_need_is_no_slowdown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The audit's case: half of head at 0, the rest at three times base's. The ratio of what is left would be 3.
    sides = two_sides(
        tmp_path / "run",
        growing(memory_noise(1, 1.0), "cpu"),
        growing([*[0.0] * 5, *memory_noise(2, 3.0)[:5]], "gpu"),
    )
    (one,) = run_json(capsys, *sides, "--metric", "memory")["comparisons"]
    assert (one["ratio"], one["ci_low"], one["ci_high"]) == (None, None, None)
    assert (one["base"]["n"], one["head"]["n"]) == (10, 10)
    assert one["verdict"] == "inconclusive"
    assert one["difference_low"] < 0 < one["difference_high"]
    assert "HEAD: 5 of 10 values of memory are 0" in one["notes"]


@pytest.mark.parametrize(
    ("base", "head", "verdict"),
    [
        (0.0, 0.0, "inconclusive"),
        (0.0, 0.05, "inconclusive"),
        (0.0, 2.0, "slower"),
        (2.0, 0.0, "faster"),
        (-1.0, 1.0, "slower"),
    ],
)
def test_growth_of_memory_around_zero_is_compared_by_differences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], base: float, head: float, verdict: str
) -> None:
    ours, theirs = memory_noise(1, base), memory_noise(2, head)
    sides = two_sides(tmp_path / "run", growing([0.0, *ours[1:]], "cpu"), growing(theirs, "gpu"))
    (one,) = run_json(capsys, *sides, "--metric", "memory")["comparisons"]
    assert (one["ratio"], one["verdict"]) == (None, verdict)
    assert any("`same` needs at least 16" in reason for reason in one["reasons"]) == (verdict == "inconclusive")
    assert one["difference"] == pytest.approx(head - base, abs=0.05)
    assert one["difference_low"] < one["difference"] < one["difference_high"]
    run_cli(["compare", *sides, "--metric", "memory", "--format", "markdown"])
    assert f"{one['difference']:+.2f} MB &#91;{one['difference_low']:+.2f}, " in capsys.readouterr().out


def test_swapping_the_sides_turns_the_difference_round(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, head = two_sides(
        tmp_path / "run", growing([0.0, *memory_noise(1, 0.3)], "cpu"), growing(memory_noise(2, 1.0, 11), "gpu")
    )
    (one,) = run_json(capsys, base, head, "--metric", "memory")["comparisons"]
    (other,) = run_json(capsys, head, base, "--metric", "memory")["comparisons"]
    assert other["difference"] == pytest.approx(-one["difference"])
    assert other["difference_low"] == pytest.approx(-one["difference_high"])


def test_a_gate_on_growth_that_has_no_ratio(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sides = two_sides(
        tmp_path / "run", growing([0.0, *memory_noise(1, 0.0)[1:]], "cpu"), growing(memory_noise(2, 5.0), "gpu")
    )
    assert run_cli(["compare", *sides, "--metric", "memory", "--gate", "3%"]) == 1
    assert "more" in capsys.readouterr().out


def test_values_that_json_has_no_word_for_are_kept_by_a_run(tmp_path: Path) -> None:
    values = [math.inf, -math.inf, 1000.0]
    run = load_run(write_run(tmp_path / "run", cell([*values, math.nan])))
    found = [one.measurement.inference_avg_us if one.measurement else None for one in run.results]
    assert found[:3] == values
    assert found[3] is not None
    assert math.isnan(found[3])


def test_a_gate_on_a_difference_is_a_share_of_base_and_the_page_says_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A quarter more of one megabyte is beyond a gate of 3 %, though less than thirty times the smallest difference that counts."""
    base = growing([0.0, *(1 + 0.001 * i for i in range(9))], "cpu")
    sides = two_sides(tmp_path / "run", base, growing([1.25 + 0.001 * i for i in range(10)], "gpu"))
    page = tmp_path / "page.html"
    assert run_cli(["compare", *sides, "--metric", "memory", "--gate", "3%", "--html", str(page)]) == 1
    assert "more, breaks the gate" in capsys.readouterr().out
    assert "more by 0.25 MB" in page.read_text(encoding="utf-8")
    assert run_cli(["compare", *sides, "--metric", "memory", "--gate", "40%"]) == 0
