"""Which `count=` line is the warm-up's and which the timed runs', with and without the line of averages."""

from __future__ import annotations

import pytest

from tests.benchmark_model.outputs import RUN, START, TIMINGS, read

WARMUP = (
    "Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.\n"
)
TIMED = "Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.\n"


def count(number: int, average: float) -> str:
    return f"count={number} first=1 curr=1 min=1 max=9 avg={average:g} std=1\n"


def phases(text: str) -> tuple[int | None, int | None]:
    """The counts that are taken for the warm-up's and the timed runs'."""
    got = read(text)
    return tuple(got[key]["count"] if got[key] else None for key in ("warmup", "runs"))  # type: ignore[return-value]  # a pair


W5, R90 = count(5, 120_000), count(90, 11_400)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Both announced.
        (WARMUP + W5 + "\n" + TIMED + R90, (5, 90)),
        # One line: of the phase whose length was announced before it.
        (WARMUP + W5, (5, None)),
        (TIMED + R90, (None, 90)),
        (START + WARMUP + W5, (5, None)),
        # An empty line ends a phase: what follows may be the other's.
        (WARMUP + "\n" + R90, (None, None)),
        # The second announcement was lost, or the first.
        (WARMUP + W5 + "\n" + R90, (5, 90)),
        (W5 + "\n" + TIMED + R90, (5, 90)),
        (WARMUP + W5 + "\n" + count(50, 101), (5, 50)),
        (WARMUP + R90 + "\n" + count(5, 101), (None, None)),
        # Neither was announced.
        (W5 + R90, (5, 90)),
        (R90, (None, None)),
        (W5 + R90 + R90, (None, None)),
        # Announced twice as a warm-up, or the other way round: nobody knows.
        (WARMUP + W5 + "\n" + WARMUP + W5, (None, None)),
        (TIMED + R90 + "\n" + WARMUP + W5, (None, None)),
        # Of a length that belongs to neither phase, by place.
        (WARMUP.replace("at least 1 ", "at least 2 ") + W5, (None, None)),
        (WARMUP.replace("at least 1 ", "at least 2 ") + "\n" + TIMED.replace("at least 50", "at least 60") + R90, (None, 90)),
        # As echoed.
        ("Warmup runs: [2]\n" + WARMUP.replace("at least 1 ", "at least 2 ") + W5, (5, None)),
        ("Min num runs: [60]\n" + TIMED.replace("at least 50", "at least 60") + R90, (None, 90)),
        ("Min runs duration (seconds): [3]\n" + TIMED.replace("at least 1 s", "at least 3 s") + count(90, 34_000), (None, 90)),
        ("Min warmup runs duration (seconds): [3]\n" + WARMUP.replace("0.5", "3") + count(5, 700_000), (5, None)),
        # Both phases are as long: only the first line of an output that was seen to begin can be told.
        (START + "Min num runs: [1]\nMin runs duration (seconds): [0.5]\n" + WARMUP + W5, (5, None)),
        ("Min num runs: [1]\nMin runs duration (seconds): [0.5]\n" + WARMUP + W5, (None, None)),
        # The oldest tools announce no seconds.
        ("Running benchmark for 1 iterations\n" + count(1, 150_000), (1, None)),
        ("Running benchmark for 50 iterations\n" + count(50, 150_000), (None, 50)),
    ],
)  # fmt: skip
def test_without_the_line_of_averages(text: str, expected: tuple[int | None, int | None]) -> None:
    assert phases(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # It goes on for more runs only while it is short of seconds: 4 runs of 128 ms are 0.512 s before the fifth.
        (WARMUP + count(5, 120_000), (5, None)),
        (WARMUP + count(5, 128_000), (None, None)),
        (WARMUP + count(5, 127_500), (5, None)),
        (WARMUP + count(5, 127_500).replace("127500", "127500.1"), (None, None)),
        # Without seconds no more runs are made than announced.
        ("Running benchmark for 1 iterations\n" + count(2, 100), (None, None)),
        # Far too short for the seconds announced, while nothing stopped it.
        (TIMED + count(50, 12_000), (None, 50)),
        (TIMED + count(50, 10_000), (None, 50)),
        (TIMED + count(50, 9_900), (None, None)),
        (TIMED + count(50, 99), (None, 50)),  # the loop around the runs takes the time
        (TIMED + count(50, 100), (None, None)),
        ("Inter-run delay (seconds): [0.1]\n" + TIMED + count(50, 1000), (None, 50)),
        ("Inter-run delay (seconds): [-1]\n" + TIMED + count(50, 1000), (None, None)),
        (TIMED.replace("150", "2") + count(50, 1000), (None, 50)),
        (TIMED.replace("150", "2.5") + count(50, 1000), (None, None)),
        # No run at all: where none was asked for.
        ("Min num runs: [0]\n" + TIMED.replace("at least 50", "at least 0") + "count=0\n", (None, 0)),
        (TIMED + "count=0\n", (None, None)),
        ("Run w/o invoking kernels: [1]\n" + TIMED + "count=0\n", (None, 0)),
        ("Run w/o invoking kernels: [0]\n" + TIMED + "count=0\n", (None, None)),
        # What cannot be read speaks against nothing.
        (TIMED + "count=\n", (None, None)),
    ],
)
def test_a_phase_cannot_have_made_as_many_runs(text: str, expected: tuple[int | None, int | None]) -> None:
    assert phases(text) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # The line that agrees with an average is that phase's, whatever stands around.
        (count(5, 106) + count(50, 101.5), (5, 50)),
        (count(50, 101.5), (None, 50)),
        (count(5, 106), (5, None)),
        (count(50, 101.5) + count(5, 106), (5, 50)),
        (count(9, 7) + count(5, 106) + count(50, 101.5), (5, 50)),
        (count(50, 101.498), (None, None)),
        (count(50, 101.499), (None, 50)),
        # Only one agrees: the other of two lines that were announced is the other phase's.
        (WARMUP + count(5, 106) + TIMED + count(50, 99), (5, 50)),
        (count(5, 106) + count(50, 99), (5, None)),
        (count(9, 7) + count(50, 101.5), (None, 50)),
        ("count=0\n" + count(50, 101.5), (0, 50)),
        ("count=0\n" + "count=50 first=1\n", (None, None)),
    ],
)
def test_with_the_line_of_averages(lines: str, expected: tuple[int | None, int | None]) -> None:
    assert phases(lines + TIMINGS) == expected


def test_a_count_line_that_says_otherwise_than_the_averages_is_noted() -> None:
    got = read(START + RUN.replace("avg=101.5", "avg=222.5") + TIMINGS)
    assert got["notes"] == ["the timings line says 101.5 us and the count line 222.5 us on average"]
    assert read(START + RUN.replace("avg=101.5", "avg=102.5") + TIMINGS)["notes"] == []


def test_zeros_of_runs_that_were_not_made_are_no_times() -> None:
    none = "Inference timings in us: Init: 2000, First inference: 0, Warmup (avg): 0, Inference (avg): 0\n"
    got = read(START + WARMUP + "count=0\n\n" + TIMED + "count=0\n" + none)
    assert (got["first_inference_us"], got["warmup_avg_us"], got["inference_avg_us"]) == (None, None, None)
    assert got["notes"] == ["no inference was timed: the run was asked to make none"]
    alone = read(none)
    assert (alone["first_inference_us"], alone["inference_avg_us"], alone["init_us"]) == (None, None, 2000)
    fast = read(
        START + WARMUP + count(5, 3) + "\n" + TIMED + "count=50 curr=0(all same)\n" + none.replace(": 0,", ": 3,")
    )
    assert (fast["first_inference_us"], fast["warmup_avg_us"], fast["inference_avg_us"]) == (3, 3, 0)
    assert fast["runs"]["count"] == 50
