"""Forms of the output that the recorded logs do not show: other versions, logcat, pasted tables, excerpts, LiteRT's own tool."""

from __future__ import annotations

import pytest

from tests.benchmark_model.outputs import LITERT, RUN, START, TIMINGS, read


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Average inference timings in us: Warmup: 83235, Init: 38467, no stats: 79760.9", (38467, None, 83235, 79760.9)),
        ("Average inference timings in us: Warmup: 91471, Init: 4108, Inference: 80660.1", (4108, None, 91471, 80660.1)),
        ("Inference timings in us: Init: 5685, First inference: 18535, Warmup (avg): 14462.3, Inference (avg): 14575.2",
         (5685, 18535, 14462.3, 14575.2)),
        ("Inference timings in us: Init: 5685, First inference: 18535, Warmup (avg): 1.5e+06, Inference (avg): -nan",
         (5685, 18535, 1.5e6, None)),
    ],
)  # fmt: skip
def test_timings_of_all_versions(line: str, expected: tuple[float | None, ...]) -> None:
    got = read(line + "\n")
    assert tuple(got[f"{key}_us"] for key in ("init", "first_inference", "warmup_avg", "inference_avg")) == expected


def test_memory_of_2_1() -> None:
    got = read(
        f"{TIMINGS}[Init Phase] - Memory usage: max resident set size = 2.5 MB, total malloc-ed size = 0 MB\n"
        "[Overall] - Memory usage: max resident set size = 9.25 MB, total malloc-ed size = 0 MB\n"
    )
    assert (got["memory"]["init_peak_mb"], got["memory"]["overall_peak_mb"]) == (2.5, 9.25)


def test_old_announcement_without_seconds() -> None:
    got = read(
        "STARTING!\nNum runs: [50]\nUse nnapi : [0]\nnnapi error: unable to open library libneuralnetworks.so\n"
        "Initialized session in 4.452ms\nRunning benchmark for 1 iterations\ncount=1 curr=146161\n\n"
        "Running benchmark for 50 iterations\n"
        "count=50 first=137789 curr=137254 min=137079 max=143416 avg=137722 std=896\n\n"
        "Average inference timings in us: Warmup: 146161, Init: 4452, no stats: 137722\n"
    )
    assert (got["status"], got["warmup"]["curr"], got["runs"]["avg"]) == ("ok", 146161, 137722)


ROWS = (
    "\t             [node type]\t          [start]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]\n"
    "\t                 CONV_2D\t            0.000\t   21.227\t   21.287\t100.000%\t100.000%\t     0.000\t        1\t[a, b:1]:0\n"
    "\t      TFLite_Detection_PostProcess_that_is_long\t   21.287\t    0.015\t    0.013\t  0.056%\t100.000%\t     0.000\t        1\t\n"
    "\t                  cast 0\t           21.300\t    0.001\t    0.002\t  0.001%\t100.000%\t     0.000\t        3\tx\ty, 5% z\n"
)
BLOCK = (
    "============================== Run Order ==============================\n" + ROWS + "\n"
    "============================== Top by Computation Time ==============================\n" + ROWS + "\n"
    "Number of nodes executed: 3\n"
    "============================== Summary by node type ==============================\n"
    "\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]\n"
    "\t                 CONV_2D\t        1\t    21.287\t    99.000%\t    99.000%\t     0.000\t        1\n"
    "\t                  cast 0\t        1\t     0.006\t     1.000%\t   100.000%\t     0.000\t        3\n\n"
    "Timings (microseconds): count=50 first=1 curr=2 min=1 max=3 avg=2 std=1\nMemory (bytes): count=0\n3 nodes observed\n"
)
TITLE = "Operator-wise Profiling Info for Regular Benchmark Runs:\n"


def test_rows_with_start_long_types_and_separators_in_names() -> None:
    ops = read(TIMINGS + TITLE + BLOCK)["ops"]
    assert [(op["node_type"], op["start_us"], op["first_us"], op["avg_us"], op["name"]) for op in ops] == [
        ("CONV_2D", 0, 21227, 21287, "[a, b:1]:0"),
        ("TFLite_Detection_PostProcess_that_is_long", 21287, 15, 13, ""),
        ("cast 0", 21300, 1, 2, "x\ty, 5% z"),
    ]
    assert [op["times_called"] for op in ops] == [1, 1, 3]


def test_pasted_tables_have_spaces_for_tabs() -> None:
    got = read(TIMINGS + TITLE + BLOCK.replace("\t", "    ").replace("x    y", "x y"))
    want = read(TIMINGS + TITLE + BLOCK.replace("x\ty", "x y"))
    assert got["ops"] == want["ops"]
    assert got["op_summary"] == want["op_summary"]


def test_pasted_percentages_may_touch() -> None:
    row = "  CONV_2D 0.000 21.227 21.287100.000%100.000% 0.000 1 [a]:0\n".replace("21.287100", "21.287 100")
    got = read(TITLE + "[node type] [start] [first] [avg ms] [%] [cdf%] [mem KB] [times called] [Name]\n" + row)
    assert [(op["avg_us"], op["percent"], op["cdf_percent"], op["name"]) for op in got["ops"]] == [
        (21287, 100, 100, "[a]:0")
    ]


def test_a_block_without_title_is_the_runs() -> None:
    got = read("Average inference timings in us: Warmup: 1, Init: 2, no stats: 3\n" + BLOCK)
    assert (len(got["ops"]), got["init_ops"], got["profile_runs"]["count"]) == (3, None, 50)


def test_a_block_of_initialization_is_known_by_its_ops() -> None:
    init = (
        "============================== Run Order ==============================\n"
        + ROWS.replace("CONV_2D", "AllocateTensors").split("\t      TFLite")[0]
    )
    got = read(TIMINGS + init + "1 nodes observed\n" + BLOCK)
    assert ([op["node_type"] for op in got["init_ops"]], len(got["ops"])) == (["AllocateTensors"], 3)


@pytest.mark.parametrize("lines", range(1, 14))
def test_an_excerpt_may_begin_anywhere_in_a_table(lines: int) -> None:
    got = read("\n".join((TITLE + BLOCK).split("\n")[lines:]))
    whole = {(op["node_type"], op["name"], op["avg_us"]) for op in read(TITLE + BLOCK)["ops"]}
    assert {(op["node_type"], op["name"], op["avg_us"]) for op in got["ops"] or []} <= whole
    assert len(got["ops"] or []) <= 3
    assert len(got["op_summary"]) <= 2


def test_csv_with_commas_in_types_and_tabs_in_names() -> None:
    got = read(
        TITLE + "============================== Run Order ==============================\n"
        "node type, first, avg_ms, %, cdf%, mem KB, times called, name\n"
        "Fully Connected (NC, PF32) GEMM, 8.3e-05, 1687.94, 0.0530169%, -nan%, 0, 2, [while\t PartitionedCall:0]:0\n"
        "ADD, 0, 0.1525, 100%, 100%, 0, 1, \n"
        "ADD, 0, 0.1525, 100%, 100%, 0, 1,\n"
        "============================== Summary by node type ==============================\n"
        "node type, count, avg_ms, avg %, cdf %, mem KB, times called\n"
        "Fully Connected (NC, PF32) GEMM, 1, 1687.94, 52%, 52%, 0, 2\n1 nodes observed\n"
    )
    first = got["ops"][0]
    assert (first["node_type"], first["name"]) == ("Fully Connected (NC, PF32) GEMM", "[while, PartitionedCall:0]:0")
    assert (first["first_us"], first["avg_us"], first["cdf_percent"], first["times_called"]) == (
        0.083,
        1687940,
        None,
        2,
    )
    assert [op["name"] for op in got["ops"][1:]] == ["", ""]
    assert got["op_summary"][0]["node_type"] == "Fully Connected (NC, PF32) GEMM"


def test_a_name_of_4_kb() -> None:
    name = "[" + ", ".join(f"layer_{index}/x" for index in range(400)) + "]:254"
    got = read(TITLE + BLOCK.replace("[a, b:1]:0", name))
    assert got["ops"][0]["name"] == name


def test_a_warmup_alone_is_not_the_runs() -> None:
    got = read(START + RUN.split("\n\n")[0] + "\n")
    assert (got["status"], got["causes"], got["runs"]) == ("failed", ["truncated_output"], None)
    assert got["warmup"]["avg"] == 106


def test_an_excerpt_of_count_and_timings() -> None:
    got = read(RUN.split("seconds.\n")[2].strip() + "\n" + TIMINGS)
    assert (got["status"], got["warmup"], got["runs"]["count"]) == ("ok", None, 50)


def test_a_count_line_that_belongs_to_no_phase_is_not_guessed_at() -> None:
    got = read("count=7 first=102 curr=99 min=98 max=104 avg=101.5 std=2\n")
    assert (got["warmup"], got["runs"], got["inference_avg_us"]) == (None, None, None)


@pytest.mark.parametrize("at", ["[./litert/tools/", "[litert/tools/", "[", "[third_party/odml/litert/litert/tools/"])
def test_litert_s_own_tool(at: str) -> None:
    got = read(LITERT.replace("{at}", at))
    assert (got["tool"], got["status"], got["causes"]) == ("benchmark_litert_model", "ok", [])
    assert (got["init_us"], got["first_inference_us"], got["warmup_avg_us"]) == (12340, 900, 490)
    assert got["inference_avg_us"] == 460
    assert (got["warmup"]["count"], got["runs"]["count"], got["runs"]["avg"]) == (1010, 2112, 463.318)
    assert got["memory"] == {
        "init_delta_mb": 10.5,
        "overall_delta_mb": 12.25,
        "init_peak_mb": None,
        "overall_peak_mb": None,
        "periodic_peak_mb": 44.75,
    }


def test_litert_s_results_alone() -> None:
    got = read(LITERT[LITERT.index("========== BENCH") :].replace("{at}", "["))
    assert (got["status"], got["inference_avg_us"]) == ("ok", 460)
    assert (got["runs"]["count"], got["runs"]["min"], got["runs"]["avg"]) == (2112, 440, 460)


def test_litert_rounds_small_models_to_nothing() -> None:
    text = LITERT.replace("{at}", "[").replace("0.46 ms", "0.00 ms").replace("avg=463.318", "avg=3.318")
    got = read(text)
    assert got["inference_avg_us"] == 3.318
    assert any("count line" in note for note in got["notes"])


def test_litert_without_results_is_truncated() -> None:
    got = read(LITERT[: LITERT.index("INFO: {at}benchmark_litert_model.h:78]")])
    assert (got["status"], got["causes"], got["inference_avg_us"]) == ("failed", ["truncated_output"], None)
