"""The profile's text: which table and which block a line belongs to, with and without titles and headings."""

from __future__ import annotations

from harness.benchmark_model.profile_text import ProfileText
from harness.records import RunStatistics
from tests.benchmark_model.outputs import GOOD, read
from tests.benchmark_model.recorded import streams

HEADING = "[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]"
SUMMARY_HEADING = "[Node type]\t[count]\t[avg ms]\t[avg %]\t[cdf %]\t[mem KB]\t[times called]"
ORDER = "============================== Run Order =============================="
TOP = "============================== Top by Computation Time =============================="
SUMMARY = "============================== Summary by node type =============================="
INIT = "Profiling Info for Benchmark Initialization:"
RUNS = "Operator-wise Profiling Info for Regular Benchmark Runs:"
TIMINGS = "Timings (microseconds): count=3 first=104 curr=167 min=104 max=167 avg=125 std=29"


def row(kind: str) -> str:
    return f"{kind}\t0.002\t0.001\t50.000%\t50.000%\t0.000\t1\t[{kind}]:0"


def summary_row(kind: str) -> str:
    return f"{kind}\t1\t0.001\t50.000%\t50.000%\t0.000\t1"


def fed(*lines: str, cut: bool = False) -> ProfileText:
    made = ProfileText()
    for number, line in enumerate(lines, 1):
        made.feed(line, cut=cut and number == len(lines))
    return made


def ops(made: ProfileText, phase: str = "run") -> list[tuple[str, int | None]] | None:
    found = made.ops(phase)  # type: ignore[arg-type]  # one of the two phases
    return None if found is None else [(op.node_type, op.subgraph) for op in found]


def summary(made: ProfileText, phase: str = "run") -> list[str] | None:
    found = made.summary(phase)  # type: ignore[arg-type]  # one of the two phases
    return None if found is None else [op.node_type for op in found]


def test_rows_by_time_are_not_counted_again() -> None:
    made = fed(
        RUNS,
        ORDER,
        HEADING,
        row("A"),
        row("B"),
        TOP,
        HEADING,
        row("B"),
        row("A"),
        SUMMARY,
        SUMMARY_HEADING,
        summary_row("A"),
    )
    assert (ops(made), summary(made), ops(made, "init"), summary(made, "init")) == (
        [("A", None), ("B", None)],
        ["A"],
        None,
        None,
    )


def test_titles_tell_the_phases() -> None:
    made = fed(INIT, ORDER, HEADING, row("A"), "1 nodes observed", RUNS, ORDER, HEADING, row("B"), "1 nodes observed")
    assert (ops(made, "init"), ops(made)) == ([("A", None)], [("B", None)])
    assert made.complete
    assert not made.cut_short


def test_subgraphs_are_numbered_through_and_the_primary_graph_is_the_model() -> None:
    made = fed(
        RUNS, "Primary graph (name: main) profile:", ORDER, HEADING, row("WHILE"), SUMMARY, SUMMARY_HEADING, summary_row("WHILE"), TIMINGS,
        "1 nodes observed", "Subgraph (index: 2, name: body) profile:", ORDER, HEADING, row("ADD"), SUMMARY, SUMMARY_HEADING,
        summary_row("ADD"), "Subgraph (index: 2, name: body) " + TIMINGS.replace("count=3", "count=9"), "1 nodes observed",
    )  # fmt: skip
    assert ops(made) == [("WHILE", 0), ("ADD", 2)]
    assert summary(made) == ["WHILE"]
    main = made.main_block("run")
    assert main is not None
    assert main.timings == RunStatistics(count=3, first=104, curr=167, min=104, max=167, avg=125, std=29)
    assert [op.index for op in made.ops("run") or ()] == [0, 1]


def test_of_an_empty_primary_graph_the_one_that_ran_is_the_model() -> None:
    made = fed(
        RUNS, "Primary graph (name: main) profile:", ORDER, HEADING, "0 nodes observed",
        "Subgraph (index: 1, name: b) profile:", ORDER, HEADING, row("ADD"), SUMMARY, SUMMARY_HEADING, summary_row("ADD"),
        "1 nodes observed",
    )  # fmt: skip
    assert (ops(made), summary(made)) == ([("ADD", 1)], ["ADD"])


def test_a_second_primary_graph_is_that_of_the_runs() -> None:
    primary = "Primary graph (name: main) profile:"
    made = fed(
        INIT,
        primary,
        ORDER,
        HEADING,
        row("A"),
        "1 nodes observed",
        primary,
        ORDER,
        HEADING,
        row("B"),
        "1 nodes observed",
    )
    assert (ops(made, "init"), ops(made)) == ([("A", 0)], [("B", 0)])
    inside = "Subgraph (index: 1, name: b) profile:"
    made = fed(
        INIT,
        primary,
        ORDER,
        HEADING,
        row("A"),
        "1 nodes observed",
        inside,
        ORDER,
        HEADING,
        row("B"),
        "1 nodes observed",
    )
    assert (ops(made, "init"), ops(made)) == ([("A", 0), ("B", 1)], None)
    made = fed(
        INIT,
        inside,
        ORDER,
        HEADING,
        row("A"),
        "1 nodes observed",
        primary,
        ORDER,
        HEADING,
        row("B"),
        "1 nodes observed",
    )
    assert (ops(made, "init"), ops(made)) == ([("A", 1), ("B", 0)], None)


def test_a_subgraph_s_title_belongs_to_the_block_that_it_opens() -> None:
    made = fed(RUNS, "Subgraph (index: 3, name: b) profile:", ORDER, HEADING, row("A"))
    assert len(made.blocks) == 1
    made = fed(
        RUNS, "Subgraph (index: 3, name: b) profile:", "Subgraph (index: 4, name: c) profile:", ORDER, HEADING, row("A")
    )
    assert ops(made) == [("A", 4)]


def test_an_excerpt_that_begins_among_the_rows_by_time() -> None:
    # `Number of nodes executed` ends the rows by time; without a banner what came before it was that table.
    made = fed(
        row("B"),
        row("A"),
        "Number of nodes executed: 2",
        SUMMARY,
        SUMMARY_HEADING,
        summary_row("A"),
        "2 nodes observed",
    )
    assert (ops(made), summary(made)) == (None, ["A"])
    assert [op.node_type for op in made.blocks[0].top] == ["B", "A"]
    assert made.blocks[0].executed == 2
    made = fed(row("B"), SUMMARY, SUMMARY_HEADING, summary_row("A"))
    assert (ops(made), summary(made)) == (None, ["A"])


def test_an_excerpt_that_begins_in_the_order() -> None:
    made = fed(row("A"), TOP, HEADING, row("A"), "Number of nodes executed: 1")
    assert ops(made) == [("A", None)]
    made = fed(RUNS, ORDER, row("A"), "Number of nodes executed: 1")
    assert ops(made) == [("A", None)]


def test_an_excerpt_that_begins_in_the_summary() -> None:
    made = fed(summary_row("A"), summary_row("B"), TIMINGS, "2 nodes observed", row("C"))
    assert (summary(made), ops(made)) == (["A", "B"], [("C", None)])
    assert len(made.blocks) == 2
    assert fed(summary_row("A"), cut=True).blocks == []


def test_tables_without_banners_are_told_apart_by_their_headings() -> None:
    made = fed(HEADING, row("A"), HEADING, row("A"), SUMMARY_HEADING, summary_row("A"), HEADING, row("B"))
    assert (ops(made), summary(made)) == ([("A", None), ("B", None)], ["A"])
    assert [op.node_type for op in made.blocks[0].top] == ["A"]


def test_initialization_without_a_title_is_known_by_its_ops() -> None:
    made = fed(ORDER, HEADING, row("ModifyGraphWithDelegate"), row("AllocateTensors"), "2 nodes observed")
    assert (ops(made, "init"), ops(made)) == ([("ModifyGraphWithDelegate", None), ("AllocateTensors", None)], None)
    made = fed(ORDER, HEADING, row("AllocateTensors"), row("ADD"))
    assert ops(made, "init") is None
    assert fed(ORDER, HEADING).ops("run") == ()


def test_a_second_timings_line_begins_another_block() -> None:
    made = fed(TIMINGS, "1 nodes observed", TIMINGS.replace("count=3", "count=4"))
    assert [block.timings.count for block in made.blocks if block.timings] == [3, 4]
    assert [block.observed for block in made.blocks] == [1, None]


def test_a_row_cut_by_the_end_is_not_used() -> None:
    assert ops(fed(RUNS, ORDER, HEADING, row("A"), row("B"), cut=True)) == [("A", None)]
    assert summary(fed(RUNS, SUMMARY, SUMMARY_HEADING, summary_row("A"), summary_row("B"), cut=True)) == ["A"]
    made = fed(RUNS, TIMINGS, cut=True)
    assert made.blocks[0].timings == RunStatistics(count=3, first=104, curr=167, min=104, max=167, avg=125)


def test_what_begins_and_does_not_end_is_cut_short() -> None:
    assert fed(RUNS, ORDER, HEADING, row("A")).cut_short
    assert not fed(RUNS, ORDER, HEADING, row("A"), "1 nodes observed").cut_short
    assert not fed(RUNS).cut_short
    assert not fed(TIMINGS).cut_short
    (block,) = fed(TIMINGS).phase_blocks("run")
    assert block.timings is not None
    assert not fed(RUNS, ORDER, HEADING, row("A")).complete
    assert not fed(INIT, ORDER, HEADING, row("A"), "1 nodes observed").complete
    assert not fed().complete


def test_lines_that_are_no_profile() -> None:
    made = ProfileText()
    lines = (
        "STARTING!",
        "",
        "count=3",
        "100% of 50% of nothing",
        "= x",
        "Profiling nothing",
        "9 lives",
        "Subgraph",
        "Timings: x",
    )
    assert [made.feed(line) for line in lines] == [False] * len(lines)
    assert made.blocks == []


def test_rows_that_the_profile_observed_and_does_not_list_are_noted() -> None:
    text = GOOD + "\n".join((RUNS, ORDER, HEADING, row("A"), row("B"), "{} nodes observed", ""))
    assert read(text.format(3))["notes"] == ["the profile observed 3 ops and lists 2: rows are missing"]
    assert read(text.format(2))["notes"] == []
    assert read(text.format(2).replace("2 nodes observed\n", ""))["notes"] == [
        "the profile is cut short: ops may be missing"
    ]


def test_lines_of_the_profile_are_used_up() -> None:
    made = ProfileText()
    lines = (
        RUNS, "Primary graph (name: main) profile:", ORDER, HEADING, row("A"), "Number of nodes executed: 1", SUMMARY, SUMMARY_HEADING,
        summary_row("A"), TIMINGS, "1 nodes observed",
    )  # fmt: skip
    assert [made.feed(line) for line in lines] == [True] * len(lines)
    assert ProfileText().feed(row("A"), cut=True)
    assert ProfileText().feed(summary_row("A"), cut=True)


def test_commas_are_known_from_the_heading_of_the_table() -> None:
    made = fed(
        RUNS, ORDER, "node type, first, avg_ms, %, cdf%, mem KB, times called, name", "A, 0.002, 0.001, 50%, 50%, 0, 1, a, b:0",
        TOP, "A, 0.002, 0.001, 50%, 50%, 0, 1, a, b:0",
    )  # fmt: skip
    assert [op.name for op in made.ops("run") or ()] == ["a, b:0"]
    assert [op.name for op in made.blocks[0].top] == ["a, b:0"]


def test_what_is_printed_twice_is_one_table() -> None:
    stdout, _, _ = streams("02_opprof_stdout_fp32")
    once = read(stdout)
    title = stdout.index("INFO: Operator-wise Profiling")
    order, top = (stdout.index(f"============================== {word}", title) for word in ("Run Order", "Top by"))
    for twice in (stdout + stdout[title:], stdout[:order] + stdout[order:top] + stdout[order:]):
        got = read(twice)
        assert len(got["ops"]) == 66
        assert (got["ops"], got["op_summary"], got["status"]) == (once["ops"], once["op_summary"], "ok")


def test_an_excerpt_that_begins_at_a_graph_is_that_graph_s() -> None:
    made = fed(
        "Subgraph (index: 3, name: b) profile:",
        ORDER,
        HEADING,
        row("A"),
        "Primary graph (name: main) profile:",
        ORDER,
        HEADING,
        row("B"),
    )
    assert [block.subgraph for block in made.blocks] == [3, 0]
    assert [[one.node_type for one in block.order] for block in made.blocks] == [["A"], ["B"]]
