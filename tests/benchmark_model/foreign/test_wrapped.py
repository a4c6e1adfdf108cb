"""Lines that a terminal or an editor broke in two."""

from __future__ import annotations

from typing import Any

import pytest

from harness.benchmark_model.foreign.wrapped import rejoin
from tests.benchmark_model.foreign.logs import read
from tests.benchmark_model.outputs import GOOD, RUN, START, TIMINGS, named


@pytest.mark.parametrize(
    ("whole", "broken"),
    [
        ("(avg): 101.5", "(avg): 10\n1.5"),
        ("(avg): 101.5", "(avg):\n101.5"),
        ("Warmup (avg): 106", "Warm\nup (avg): 106"),
        ("Warmup (avg): 106", "\n  Warmup (avg): 106"),
        ("First inference: 130", "First inference: 13\n0"),
        ("avg=101.5 std=2", "avg=10\n1.5 std=2"),
        ("avg=101.5 std=2", "av\ng=101.5\nstd=2"),
        ("max=104 avg=101.5", "max=104\navg=101.5"),
        ("avg=101.5 std=2", "avg=101.5\nstd=2"),
        ("avg=101.5 std=2", "avg=101\n.5 std=2"),
        ("max=130 avg=106", "max=13\n0 av\ng=106"),
    ],
)
def test_a_message_that_was_broken_in_two(whole: str, broken: str) -> None:
    assert read(START + (RUN + TIMINGS).replace(whole, broken)) == read(GOOD)


@pytest.mark.parametrize(
    ("line", "use"),
    [
        (
            "INFO: Though NNAPI delegate is explicitly applied, the model graph\n      will not be executed by the delegate.",
            ("NNAPI", "none", None, None, None),
        ),
        (
            "INFO: Explicitly applied GPU delegate, and the model graph\n      will be completely executed by the delegate.",
            ("GPU", "full", None, None, None),
        ),
        (
            "INFO: Replacing 539 out of 548 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1\n9 partitions for subgraph 0.",
            ("XNNPACK", "partial", 539, 548, 19),
        ),
        (
            "Replacing 366 out of 366 node(s) with delegate (LITERT_CL) node,\nyielding 1 partitions for subgraph 0 (main).",
            ("GPU", "full", 366, 366, 1),
        ),
    ],
)
def test_a_delegate_s_message_that_was_broken_in_two(line: str, use: tuple[Any, ...]) -> None:
    assert named(read(f"{START}{line}\n{RUN}{TIMINGS}")) == [use]


@pytest.mark.parametrize("separator", ["\t", "   "])
def test_the_second_half_of_a_broken_row_is_no_row(separator: str) -> None:
    cells = ["ADD", "1.500", "1.250", "50.000%", "50.000%", "0.000", "1", "[a]:0"]
    heading = separator.join(
        ["[node type]", "[first]", "[avg ms]", "[%]", "[cdf%]", "[mem KB]", "[times called]", "[Name]"]
    )
    for broken in range(1, 5):
        row = separator.join(cells[:broken]) + "\n" + separator.join(cells[broken:]) + "\n"
        assert not read(f"{heading}\n{row}")["ops"]


def test_a_count_at_the_end_of_a_broken_row_is_not_used() -> None:
    row = "\tADD\t1.500\t1.250\t50.000%\t50.000%\t0.000\t1{}"
    heading = "\t[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]\n"
    for rest, times, name in (("\n5\t[a]:0", None, ""), ("\t", 1, ""), ("5\t[a]:0", 15, "[a]:0")):
        (op,) = read(f"{heading}{row.format(rest)}\n")["ops"]
        assert (op["times_called"], op["name"], op["avg_us"]) == (times, name, 1250)


def test_percentiles_that_were_broken_off() -> None:
    whole = START + RUN.replace("std=2\n", "std=26 p5=98 median=101 p95=104\n") + TIMINGS
    for broken in ("std=26\np5=98", "std=2\n6 p5=98", "p5=98\n  median=101", "p95=10\n4"):
        assert read(whole.replace(broken.replace("\n  ", " ").replace("\np", " p").replace("\n", ""), broken)) == read(
            whole
        )


def test_what_follows_a_whole_message_is_not_a_part_of_it() -> None:
    assert read(GOOD + "123 images were read\n")["inference_avg_us"] == 101.5
    assert read(GOOD + "\n9684\n")["inference_avg_us"] == 101.5
    alone = TIMINGS + "count=50 first=102 curr=99 min=98 max=104 avg=101.5 std=2\n"
    assert read(alone)["inference_avg_us"] == 101.5


COUNT = "count=50 first=102 curr=99 min=98 max=104 avg=101.5 std=2"


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        (f"{COUNT[:20]}\n{COUNT[20:]}\nx\n", f"{COUNT}\nx\n"),
        (f"{COUNT[:20]}\n{COUNT[20:]}", COUNT),
        # Over four lines, and no more.
        (f"{COUNT[:14]}\n{COUNT[14:22]}\n{COUNT[22:34]}\n{COUNT[34:]}\nx", f"{COUNT}\nx"),
        (f"{COUNT[:14]}\n{COUNT[14:18]}\n{COUNT[18:22]}\n{COUNT[22:34]}\n{COUNT[34:]}\nx",
         f"{COUNT[:14]}\n{COUNT[14:18]}\n{COUNT[18:22]}\n{COUNT[22:34]}\n{COUNT[34:]}\nx"),
        # The prefix stays, and what follows has none.
        (f"INFO: {COUNT[:20]}\n   {COUNT[20:]}\n", f"INFO: {COUNT}\n"),
        (f"{COUNT}\n5 p5=98 median=101 p95=104\nx", f"{COUNT}5 p5=98 median=101 p95=104\nx"),
        (f"{COUNT}\np5=98 median=101 p95=104\nx", f"{COUNT} p5=98 median=101 p95=104\nx"),
        # Another message begins, a line is empty, or the text ends: nothing is made up.
        (f"{COUNT[:20]}\nInference is slow\n", f"{COUNT[:20]}\nInference is slow\n"),
        (f"{COUNT[:20]}\n\n{COUNT[20:]}\n", f"{COUNT[:20]}\n\n{COUNT[20:]}\n"),
        (f"{COUNT[:20]}\n", f"{COUNT[:20]}\n"),
        (COUNT[:20], COUNT[:20]),
        # Two in one text.
        (f"{COUNT[:20]}\n{COUNT[20:]}\n\n{COUNT[:30]}\n{COUNT[30:]}\n", f"{COUNT}\n\n{COUNT}\n"),
        # Another program's.
        (f"W/Other: {COUNT[:20]}\n{COUNT[20:]}\n", f"W/Other: {COUNT[:20]}\n{COUNT[20:]}\n"),
        ("x" * 500 + f" {COUNT[:20]}\n{COUNT[20:]}\n", "x" * 500 + f" {COUNT[:20]}\n{COUNT[20:]}\n"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_was_broken_is_put_together(text: str, joined: str) -> None:
    assert rejoin(text) == joined
