"""Forms in which strangers publish outputs, rewritten with other numbers: documents, terminals, old tools, several runs in one file."""

from __future__ import annotations

from typing import Any

import pytest

from harness.benchmark_model import to_json
from harness.benchmark_model.foreign import read_foreign_log
from harness.records import DelegateRequest
from tests.benchmark_model.test_forms import LITERT, RUN, START, TIMINGS

GOOD = START + RUN + TIMINGS
MEMORY = "Memory footprint delta from the start of the tool (MB): init=37.3633 overall=38.8008\n"
THOUGH = "Though NNAPI delegate is explicitly applied, the model graph will not be executed by the delegate.\n"


def read(text: str | bytes, **keywords: Any) -> dict[str, Any]:
    return to_json(read_foreign_log(text, **keywords).parsed)


def prefixed(text: str, prefix: str) -> str:
    return "".join(f"{prefix}{line}\n" for line in text.rstrip("\n").split("\n"))


def named(got: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (use["name"], use["applied"], use["nodes_delegated"], use["nodes_total"], use["partitions"])
        for use in got["delegates"]
    ]


# --- what stands before a message -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prefix",
    [
        "    INFO: ",
        "\tINFO: ",
        "> \tINFO: ",
        "# ",
        "    08-17 21:47:50.315 29423 29423 I tflite  : ",
        "native : benchmark_model.cc:76 ",
        "I/native  (29423): benchmark_model.cc:76 ",
        "2022-09-06 13:15:37.049363-0700 TFLiteBenchmark[54612:4020499] ",
        "2022-09-06 13:15:37.049 benchmark_model[54612:4020499] ",
    ],
)
def test_indented_quoted_and_foreign_prefixes(prefix: str) -> None:
    assert read(prefixed(GOOD, prefix)) == read(GOOD)


@pytest.mark.parametrize(
    ("prefix", "suffix"),
    [
        ("[INFO] ", ""),
        ("[I] ", ""),
        ("{n:4d}  ", ""),
        ("{n}:", ""),
        ("+", ""),
        ("E   ", ""),
        ("| ", " |"),
        ('      "', '\\n",'),
        ("Aug 17 21:47:{n:02d} imx8 benchmark[123]: ", ""),
        ("[   1{n}.345678] ", ""),
        ("2021-05-01 12:00:00,1{n} - bench - INFO - ", ""),
        ("bench_1  | INFO: ", ""),
        ("I(29423:29423) ", ""),
    ],
)
def test_prefixes_that_nobody_knows(prefix: str, suffix: str) -> None:
    lines = (GOOD + MEMORY).rstrip("\n").split("\n")
    got = read("".join(f"{prefix.format(n=n)}{line}{suffix}\n" for n, line in enumerate(lines)))
    assert got["notes"] == ["something unknown stands before each line; it was taken off"]
    assert {**got, "notes": []} == read(GOOD + MEMORY)


def test_prose_about_the_tool_is_no_output() -> None:
    for text in (
        "Look for a line with `Inference timings in us: Init: 5685, First inference: 18535` in it.\n",
        "The tool prints STARTING! and nothing else.\n",
        'grep "Inference timings in us: Init: " log.txt\n',
    ):
        got = read(text)
        assert (got["status"], got["inference_avg_us"]) == ("failed", None)


def test_a_string_of_json_and_blanks_that_do_not_break() -> None:
    assert read(GOOD.replace("\n", "\\n")) == read(GOOD)
    assert read(GOOD.replace(" ", "\u00a0")) == read(GOOD)
    assert read(GOOD.replace("\n", "\0\n") + "\0" * 50) == read(GOOD)


@pytest.mark.parametrize("average", ["101,5", "1,101.5", "101.5x"])
def test_a_number_of_another_notation_is_not_cut_to_one(average: str) -> None:
    assert read(START + RUN + TIMINGS.replace("101.5", average))["inference_avg_us"] is None


def test_another_stream_goes_on_right_behind_the_last_number() -> None:
    text = GOOD.rstrip("\n") + "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    assert (read(text)["status"], read(text)["inference_avg_us"]) == ("ok", 101.5)


def test_indented_tables_stay_tables() -> None:
    row = "                 ADD: x      0.000   1.500   1.250   80.000%   100.000%   0.000   1   [a]:0\n"
    got = read(f"    [node type] [start] [first] [avg ms] [%] [cdf%] [mem KB] [times called] [Name]\n{row}")
    assert [(op["node_type"], op["avg_us"]) for op in got["ops"]] == [("ADD: x", 1250)]


def test_logcat_in_its_long_format() -> None:
    def of(tag: str, text: str) -> str:
        return "".join(f"[ 08-17 21:47:50.315  2942: 2942 I/{tag} ]\n{line}\n\n" for line in text.split("\n") if line)

    other = of("Other   ", "Failed to apply GPU delegate.\n" + TIMINGS.replace("101.5", "1"))
    assert read(of("tflite  ", START + RUN) + other + of("tflite", TIMINGS)) == read(GOOD)


@pytest.mark.parametrize(
    "text",
    [
        "<pre><code>" + GOOD.replace("\n", "<br>\n") + "</code></pre>\n",
        "<pre>" + GOOD.rstrip() + "</code></pre>\n",
        '<pre class="a">' + GOOD.rstrip().replace("\n", "<br />") + "</pre>",
        "<p>" + GOOD.rstrip() + "</p>\n<p>Next.</p>\n",
    ],
)
def test_copied_as_html(text: str) -> None:
    assert read(text) == read(GOOD)


def test_entities_are_text_where_nothing_is_html() -> None:
    row = "\tADD\t0.000\t1.500\t1.250\t100.000%\t100.000%\t0.000\t1\t[a&lt;b<br>]:0\n"
    got = read(f"\t[node type]\t[start]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]\n{row}")
    assert got["ops"][0]["name"] == "[a&lt;b<br>]:0"


# --- lines broken in two ----------------------------------------------------------------------------------------------


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


# --- numbers cut by the end of the file -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1", "14", "145.", "12167", "3.19167", "3.19167e", "3.19167e+0", "145528e+"])
def test_an_average_that_may_lack_digits_is_no_number(text: str) -> None:
    got = read(f"Inference timings in us: Init: 2000, First inference: 130, Warmup (avg): 106, Inference (avg): {text}")
    assert (got["inference_avg_us"], got["status"], got["causes"]) == (None, "failed", ["truncated_output"])


@pytest.mark.parametrize("text", ["145528", "12167.6", "3.19167e+06"])
def test_an_average_with_all_its_digits_needs_no_line_end(text: str) -> None:
    got = read(f"Inference timings in us: Init: 2000, First inference: 130, Warmup (avg): 106, Inference (avg): {text}")
    assert (got["inference_avg_us"], got["status"]) == (float(text), "ok")


def test_an_output_that_stops_in_the_timings_is_truncated() -> None:
    for missing in range(1, 5):
        got = read(GOOD[: -1 - missing])
        assert (got["status"], got["causes"]) == ("failed", ["truncated_output"])


def test_a_size_cut_by_the_end_of_the_file_is_not_used() -> None:
    assert read(GOOD + MEMORY.rstrip())["memory"]["overall_delta_mb"] == 38.8008
    for missing in range(1, 8):
        got = read((GOOD + MEMORY).rstrip()[:-missing])
        assert (got["memory"]["overall_delta_mb"], got["status"]) == (None, "ok")
    for end in ("4", "44", "44.3", "44.37"):
        peak = f"Overall peak memory footprint (MB) via periodic monitoring: {end}"
        assert read(GOOD + peak)["memory"]["periodic_peak_mb"] is None
    assert read(GOOD + "Overall peak memory footprint (MB) via periodic monitoring: 44.375")["memory"][
        "periodic_peak_mb"
    ] == pytest.approx(44.375)


def test_litert_s_results_cut_anywhere_hold_no_wrong_number() -> None:
    whole = read(LITERT.replace("{at}", "["))
    text = LITERT.replace("{at}", "[").rstrip()
    for end in range(text.index("BENCHMARK RESULTS"), len(text)):
        got = read(text[:end])
        for key in ("init_us", "first_inference_us", "warmup_avg_us", "inference_avg_us"):
            assert got[key] in (None, whole[key]), (key, text[:end][-40:])
        for key, value in got["memory"].items():
            assert value in (None, whole["memory"][key]), (key, text[:end][-40:])


@pytest.mark.parametrize("line", ["INFO: Inference (avg): 30386.6 us\n", "INFO: Inference (avg): 30386.6\n"])
def test_a_summary_by_hand_is_not_litert_s(line: str) -> None:
    assert read(line)["inference_avg_us"] is None


# --- several runs in one file -----------------------------------------------------------------------------------------

GPU = (
    "Replacing 54 out of 559 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 3 partitions for subgraph 0.\n"
)
CPU = "Replacing 510 out of 559 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 11 partitions for subgraph 0.\n"


def extract(delegate: str, average: str, memory: str = "") -> str:
    """What `grep` leaves of a run."""
    count = f"count=50 first=102 curr=99 min=98 max=104 avg={average} std=2\n"
    return f"{delegate}Initialized session in 2ms.\n{count}{TIMINGS.replace('101.5', average)}{memory}\n"


def test_extracts_one_after_the_other() -> None:
    got = read(f"-- gpu --\n{extract(GPU, '222.5', MEMORY)}-- cpu --\n{extract(CPU, '101.5')}")
    assert (got["inference_avg_us"], got["runs"]["avg"], got["memory"]["overall_delta_mb"]) == (101.5, 101.5, None)
    assert named(got) == [("XNNPACK", "partial", 510, 559, 11)]
    assert any("2 runs of the tool" in note for note in got["notes"])


@pytest.mark.parametrize(
    "failing", [THOUGH, "Failed to apply NNAPI delegate.\n", "Unconsumed cmdline flags: --use_gpu=true\n"]
)
def test_a_verdict_is_of_the_last_run_alone(failing: str) -> None:
    bad, good = extract(failing, "222.5"), extract(CPU, "101.5")
    assert (read(bad + good)["status"], read(good + bad)["status"]) == ("ok", "invalid")
    assert read(good + bad)["inference_avg_us"] == 222.5


def test_recordings_one_after_the_other() -> None:
    failed = (
        "# cmd: ./benchmark_model --use_gpu=true\n# ---- stdout ----\n"
        f"{START}# ---- stderr ----\nERROR: Failed to apply GPU delegate.\nERROR: Benchmarking failed.\n# exit: 1\n"
    )
    good = f"# cmd: ./benchmark_model\n# ---- stdout ----\n{GOOD}# ---- stderr ----\nINFO: x\n# exit: 0\n"
    got = read(failed + good)
    assert (got["status"], got["inference_avg_us"], got["delegates"]) == ("ok", 101.5, [])
    assert any("2 runs of the tool" in note for note in got["notes"])
    assert read(good + failed)["status"] == "failed"
    assert read(good + failed)["inference_avg_us"] is None


def test_label_image_after_the_benchmark_is_no_run_of_it() -> None:
    other = "INFO: Loaded model x\nINFO: resolved reporter\nINFO: invoked\nINFO: average time: 3.901 ms\n"
    got = read(GOOD + other)
    assert (got["status"], got["inference_avg_us"], got["notes"]) == ("ok", 101.5, [])


def test_timings_alone() -> None:
    got = read(TIMINGS + TIMINGS.replace("101.5", "222.5"))
    assert (got["inference_avg_us"], got["status"]) == (222.5, "ok")


def test_many_performance_options_in_one_process() -> None:
    def run(gpu: int, average: str) -> str:
        applied = (
            "Applied GPU delegate, and the model graph will be completely executed w/ the delegate.\n" if gpu else ""
        )
        options = f"Min num runs: [50]\nUse gpu : [{gpu}]\nLoaded model x\n{applied}Initialized session in 2ms.\n"
        return options + (RUN + TIMINGS).replace("101.5", average)

    summary = (
        "\n==============Summary of All Runs w/ Different Performance Options==============\n"
        "             cpu w/ 1 threads: count=50 first=102 curr=99 min=98 max=104 avg=101.5 std=2\n"
        "                     gpu-fp16: count=50 first=2 curr=9 min=1 max=10 avg=5.5 std=2\n"
    )
    got = read("STARTING!\n" + run(1, "5.5") + run(0, "101.5") + summary)
    assert (got["status"], got["inference_avg_us"], got["runs"]["avg"], got["delegates"]) == ("ok", 101.5, 101.5, [])
    failed = read("STARTING!\n" + run(0, "101.5") + run(1, "5.5").partition("Running")[0] + summary)
    assert (failed["status"], failed["inference_avg_us"]) == ("failed", None)


def test_a_crash_of_an_earlier_run_is_not_the_last_one_s() -> None:
    assert read(START + "Segmentation fault\n" + GOOD)["status"] == "ok"
    assert read(GOOD + "Segmentation fault\n")["status"] == "failed"


def test_a_stream_that_was_appended_is_the_same_run() -> None:
    got = read(
        GOOD + "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nINFO: Initialized TensorFlow Lite runtime.\n"
    )
    assert (got["status"], got["inference_avg_us"], got["notes"]) == ("ok", 101.5, [])
    assert named(got) == [("XNNPACK", "implicit", None, None, None)]


# --- nothing that failed looks good -----------------------------------------------------------------------------------


def test_explicitly_applied_means_asked_for() -> None:
    got = read(THOUGH + RUN + TIMINGS)
    assert (got["status"], got["causes"], got["message"]) == ("invalid", ["delegate_not_applied"], THOUGH.strip())


def test_a_delegation_that_was_undone_took_nothing() -> None:
    nnapi = "Replacing 31 out of 31 node(s) with delegate (TfLiteNnapiDelegate) node, yielding 1 partitions for subgraph 0.\n"
    assert named(read(START + nnapi + THOUGH + RUN + TIMINGS)) == [("NNAPI", "none", 0, 31, 0)]


@pytest.mark.parametrize(
    ("line", "causes"),
    [
        ("WARN: WARNING: unrecognized commandline flag: --use_gpu=true", "unconsumed_flags delegate_not_applied"),
        (
            "WARN: `--use_nnapi=true` must be set for the provided NNAPI accelerator (x) to be used.",
            "delegate_not_applied",
        ),
        ("WARN: The provided value (fast) is not a valid nnapi execution preference.", "condition_not_met"),
        (
            "Use gpu: [1]\nINFO: No operations will run on the GPU, and all 9 operations will run on the CPU.",
            "delegate_not_applied",
        ),
        (
            "Delegate settings file path: [a.json]\nERROR: Failed to load stable ABI delegate from stable ABI delegate .so",
            "delegate_unavailable delegate_not_applied",
        ),
        ("Use ynnpack: [1]", "delegate_not_applied"),
    ],
)
def test_quiet_fallbacks(line: str, causes: str) -> None:
    got = read(f"{START}{line}\n{RUN}{TIMINGS}")
    assert (got["status"], " ".join(got["causes"]), got["inference_avg_us"]) == ("invalid", causes, 101.5)


@pytest.mark.parametrize(
    "flag",
    [
        "--use_gpu=true",
        "'--use_gpu=1'",
        '"--use_gpu=true"',
        "--use_gpu='true'",
        "--use_gpu true",
        "--use_gpu",
        "-use_gpu=1",
    ],
)
def test_a_delegate_that_only_the_command_line_asks_for(flag: str) -> None:
    for command in (f"./benchmark_model {flag} --graph=x", f'adb shell "./benchmark_model --graph=x {flag}"'):
        got = read(f"# cmd: {command}\n# ---- stdout ----\n{GOOD}# exit: 0\n")
        assert (got["status"], got["causes"]) == ("invalid", ["delegate_not_applied"])


@pytest.mark.parametrize("flag", ["--use_gpu=false", "--use_gpu=0", "--use_gpu false", "--graph=a--use_gpu=true"])
def test_a_delegate_that_the_command_line_does_not_ask_for(flag: str) -> None:
    assert read(f"# cmd: ./benchmark_model --graph=x {flag}\n# ---- stdout ----\n{GOOD}# exit: 0\n")["status"] == "ok"


def test_litert_was_asked_for_an_npu() -> None:
    asked = "INFO: [benchmark_litert_model.cc:175] {}\nINFO: STARTING!\n"
    whole = LITERT.replace("{at}", "[").replace("INFO: STARTING!\n", asked, 1)
    npu = "INFO: DispatchDelegate delegate: 1 nodes delegated out of 1 nodes with 1 partitions.\n"
    for line in ("dispatch_library_path: .", "compiler_plugin_library_path: "):
        # The lines stand after the start in fact; the last start is where a run begins.
        text = whole.replace("{}\nINFO: STARTING!", f"x\nINFO: STARTING!\nINFO: [a.cc:1] {line}")
        assert (read(text)["status"], read(text)["causes"]) == ("invalid", ["delegate_not_applied"])
        assert read(text.replace("INFO: count=1010", npu + "INFO: count=1010"))["status"] == "ok"
    assert read(whole.replace("{}", "dispatch_library_path: "))["status"] == "ok"


@pytest.mark.parametrize(
    ("delegate", "uses", "status"),
    [
        ("gpu", CPU, "invalid"),  # the CPU's numbers, under another name
        ("gpu", GPU + CPU, "ok"),
        ("gpu-fp16", GPU, "ok"),
        ("gpu", "", "ok"),  # nothing is known
        ("xnnpack", CPU, "ok"),
        ("nnapi", GPU, "invalid"),
        (
            "vx",
            "Explicitly applied EXTERNAL delegate, and the model graph will be completely executed by the delegate.\n",
            "ok",
        ),
        (
            "vx",
            "Though EXTERNAL delegate is explicitly applied, the model graph will not be executed by the delegate.\n",
            "invalid",
        ),
        ("ethosu", "INFO: EthosuDelegate: 64 nodes delegated out of 66 nodes with 1 partitions.\n", "ok"),
    ],
)
def test_an_extract_under_the_name_of_another_delegate(delegate: str, uses: str, status: str) -> None:
    got = read(extract(uses, "101.5"), requested=DelegateRequest(name=delegate))
    assert (got["status"], got["inference_avg_us"]) == (status, 101.5)


def test_a_profile_that_stops_is_no_whole_output() -> None:
    row = "\tADD\t0.000\t1.500\t1.250\t50.000%\t50.000%\t0.000\t1\t[a]:0\n"
    heading = "\t[node type]\t[start]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]\n"
    text = f"{GOOD}Operator-wise Profiling Info for Regular Benchmark Runs:\n==== Run Order ====\n{heading}{row}"
    excerpt = read(text)
    assert excerpt["status"] == "ok"
    assert any("cut short" in note for note in excerpt["notes"])
    for code in (0, 1):
        got = read(text, exit_code=code)
        assert (got["status"], got["inference_avg_us"]) == ("failed", 101.5)
    assert read(text, exit_code=0)["causes"] == ["truncated_output"]
    table = "node type, first, avg_ms, %, cdf%, mem KB, times called, name\nADD, 1.5, 1.25, 50%, 50%, 0, 1, [a]:0\n"
    for end, status in (("", "failed"), ("2 nodes observed\n", "ok")):
        assert read(GOOD, profile=(table + end).encode(), exit_code=0)["status"] == status


@pytest.mark.parametrize("average", ["nan", "-nan", "inf", "-101.5"])
def test_an_average_that_is_no_time(average: str) -> None:
    got = read(START + RUN + TIMINGS.replace("101.5", average))
    assert (got["status"], got["causes"], got["inference_avg_us"]) == ("failed", ["unknown"], None)
    none = RUN.replace("count=50 first=102 curr=99 min=98 max=104 avg=101.5 std=2", "count=0")
    assert read(START + none + TIMINGS.replace("101.5", average))["status"] == "ok"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf_16_with_and_without_its_mark(encoding: str) -> None:
    assert read(GOOD.encode(encoding)) == read(GOOD)


# --- other tools of the same name, and other tables -------------------------------------------------------------------


def test_delegates_of_other_names() -> None:
    line = "INFO: Explicitly applied STABLE_DELEGATE delegate, and the model graph will be completely executed by the delegate.\n"
    assert named(read(START + line + RUN + TIMINGS)) == [("STABLE_DELEGATE", "full", None, None, None)]
    metal = (
        "Replacing 9 node(s) with delegate (TfLiteMetalDelegate) node, yielding 1 partitions.\n"
        "Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.\n"
    )
    assert named(read(START + metal + RUN + TIMINGS)) == [("GPU", "full", 9, None, 1)]


@pytest.mark.parametrize(
    ("line", "use"),
    [
        ("INFO: Hexagon delegate: 62 nodes delegated out of 62 nodes.", ("HEXAGON", "full", 62, 62, None)),
        (
            "Replacing 366 out of 366 node(s) with delegate (LITERT_CL) node,\nyielding 1 partitions for subgraph 0 (main).",
            ("GPU", "full", 366, 366, 1),
        ),
        (
            "VERBOSE: Replacing 31 out of 31 node(s) with delegate (TfLiteXNNPackDelegate) node, "
            "yielding 1 partitions for the whole graph.",
            ("XNNPACK", "full", 31, 31, 1),
        ),
        (
            "INFO: EthosuDelegate: 64 nodes delegated out of 66 nodes with 1 partitions.",
            ("ETHOSU", "partial", 64, 66, 1),
        ),
    ],
)
def test_counts_of_other_forms(line: str, use: tuple[Any, ...]) -> None:
    assert named(read(f"{START}{line}\n{RUN}{TIMINGS}")) == [use]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("zsh: bus error  ./benchmark_model --graph=x", "crashed"),
        ("zsh: segmentation fault  ./benchmark_model", "crashed"),
        ("zsh: killed     ./benchmark_model", "killed"),
    ],
)
def test_what_zsh_says(line: str, cause: str) -> None:
    got = read(f"{START}{line}\n")
    assert (got["status"], got["causes"]) == ("failed", [cause])


def test_a_gpu_whose_compiler_failed() -> None:
    line = "ERROR: Failed to build program executable - Build program failure(97:0) : error : no such conversion"
    got = read(f"{START}Use gpu: [1]\nINFO: GPU delegate created.\n{line}\n")
    assert (got["status"], got["message"]) == ("failed", line.removeprefix("ERROR: "))
    assert got["causes"] == ["delegate_unavailable", "delegate_not_applied", "truncated_output"]
    applied = "Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.\n"
    assert read(f"{START}Use gpu: [1]\n{line}\n{applied}{RUN}{TIMINGS}")["status"] == "ok"


def test_bold_figures() -> None:
    assert read(START + RUN.replace("avg=101.5", "avg=**101.5**") + TIMINGS) == read(GOOD)


def test_tables_without_banners() -> None:
    heading = "   [node type]   [start]   [first]   [avg ms]   [%]   [cdf%]   [mem KB]   [times called]   [Name]\n"
    rows = (
        "   Misc Runtime Ops   0.000   0.104   0.104   55.467%   55.467%   0.000   0   AllocateTensors/0\n"
        "   FULLY_CONNECTED   0.000   0.088   0.083   44.533%   100.000%   0.000   0   [dense/BiasAdd]:0\n"
    )
    text = (
        f"{TIMINGS}{heading}{rows}\n{heading}{rows}\nNumber of nodes executed: 2\n"
        "   [Node type]   [count]   [avg ms]   [avg %]   [cdf %]   [mem KB]   [times called]\n"
        "   FULLY_CONNECTED   1   0.083   100.000%   100.000%   0.000   0\n\n"
        "Timings (microseconds): count=3 first=104 curr=167 min=104 max=167 avg=125 std=29\nMemory (bytes): count=0\n2 nodes observed\n"
    )
    got = read(text)
    assert [(op["node_type"], op["avg_us"], op["times_called"]) for op in got["ops"]] == [
        ("Misc Runtime Ops", 104, 0),
        ("FULLY_CONNECTED", 83, 0),
    ]
    assert (got["op_summary"][0]["avg_us"], got["profile_runs"]["count"], got["init_ops"]) == (83, 3, None)


def test_the_tool_of_2017() -> None:
    at = "2017-11-27 08:56:25.158104: I tensorflow/tools/benchmark/benchmark_model.cc:291] "
    lines = (
        "Running benchmark for max 2 iterations, max -1 seconds without detailed stat logging, with -1s sleep between inferences\n"
        "count=2 first=130 curr=82 min=82 max=130 avg=106 std=24\n\n"
        "Running benchmark for max 1000 iterations, max 10 seconds without detailed stat logging, with -1s sleep between inferences\n"
        "count=65 first=102 curr=99 min=98 max=104 avg=101.5 std=2\n\n"
        "Running benchmark for max 1000 iterations, max 10 seconds with detailed stat logging, with -1s sleep between inferences\n"
        "count=61 first=143 curr=150 min=89 max=256 avg=165.5 std=28\n\n"
        "Average inference timings in us: Warmup: 106, no stats: 101, with stats: 165\n"
    )
    got = read(prefixed(lines, at))
    assert (got["inference_avg_us"], got["warmup_avg_us"], got["init_us"]) == (101, 106, None)
    assert (got["warmup"]["count"], got["runs"]["count"], got["status"]) == (2, 65, "ok")


LITERT_ROW = "{:>60} {:10.3f} {:10.3f} {:10.3f} {:9.3f}% {:9.3f}% {:10.3f} {:14d}   {}\n"
LITERT_HEADING = (
    "{:>60} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>14}   {}\n".format(
        "[node type]", "[start]", "[first]", "[avg ms]", "[%]", "[cdf%]", "[mem KB]", "[times called]", "[Name]"
    )
)  # fmt: skip


def test_litert_s_profile() -> None:
    rows = LITERT_ROW.format("CONV_2D/Relu, x", 0, 1.5, 1.25, 80, 80, 0, 100, "[Builtin]:0")
    rows += LITERT_ROW.format(
        "Delegate/Fully Connected (NC, F32) GEMM", 1.5, 0.5, 0.25, 20, 100, 0, 100, "[Delegate]:1"
    )
    summary = "{:>60} {:10d} {:10.3f} {:9.3f}% {:9.3f}% {:10.3f} {:14d}\n".format(
        "CONV_2D/Relu, x", 1, 1.25, 80, 80, 0, 100
    )
    profile = (
        f"INFO: [benchmark_litert_model.h:154] \n{'=' * 69} Run Order {'=' * 70}\n{LITERT_HEADING}{rows}\n"
        f"{'=' * 63} Top by Computation Time {'=' * 62}\n{LITERT_HEADING}{rows}\nNumber of nodes executed: 2\n\n"
        f"{'=' * 54} Summary by node type {'=' * 54}\n"
        f"{'[Node type]':>60} {'[count]':>10} {'[avg ms]':>10} {'[avg %]':>10} {'[cdf %]':>10} {'[mem KB]':>10} {'[times called]':>14}\n"
        f"{summary}\n{'=' * 57} Delegate Statistics {'=' * 57}\nOp Name   Count   Avg(us)   Min(us)   Max(us)   Total(us)\n"
        f"Delegate/x   100   250.00   1   900   25000\n\n"
        "Timings (microseconds): count=2 curr=150000\nMemory (bytes): count=0\n2 nodes observed\n"
    )
    got = read(LITERT.replace("{at}", "[") + profile)
    assert [(op["node_type"], op["start_us"], op["avg_us"], op["times_called"], op["name"]) for op in got["ops"]] == [
        ("CONV_2D/Relu, x", 0, 1250, 100, "[Builtin]:0"),
        ("Delegate/Fully Connected (NC, F32) GEMM", 1500, 250, 100, "[Delegate]:1"),
    ]
    assert [(row["node_type"], row["count"], row["times_called"]) for row in got["op_summary"]] == [
        ("CONV_2D/Relu, x", 1, 100)
    ]
    assert (got["init_ops"], got["profile_runs"]["count"], got["profile_runs"]["curr"]) == (None, 2, 150000)


def test_litert_s_results_as_its_documentation_has_them() -> None:
    got = read(
        "========== BENCHMARK RESULTS ==========\nModel initialization: 45.32 ms              # One-time cost\n"
        "First inference:      120.45 ms             # Often slower\nWarmup (avg):         98.76 ms (1 runs)     # x\n"
        "Inference (avg):      85.23 ms (50 runs)    # Main result\nInference (std):      3.21 ms               # x\n"
    )
    assert (got["status"], got["init_us"], got["first_inference_us"]) == ("ok", 45320, 120450)
    assert (got["warmup_avg_us"], got["inference_avg_us"], got["runs"]["std"]) == (98760, 85230, 3210)


def test_litert_s_tool_in_python() -> None:
    line = "=" * 40
    got = read(
        f"\n{line}\n BENCHMARK RESULTS\n{line}\nModel initialization:  12.34 ms\nWarmup (first):        9.00 ms\n"
        "Warmup (avg):          5.00 ms (3 runs)\nInference (avg):       4.50 ms (20 runs)\nInference (min):       4.00 ms\n"
        "Inference (max):       5.00 ms\nInference (median):    4.40 ms\nInference (std):       0.20 ms\n"
        f"Inference (p5):        4.10 ms\nInference (p95):       4.90 ms\nFully accelerated:     True\n{line}\n"
    )
    assert (got["tool"], got["status"], got["inference_avg_us"]) == ("benchmark_litert_model", "ok", 4500)
    assert (got["init_us"], got["first_inference_us"], got["warmup_avg_us"]) == (12340, 9000, 5000)
    assert got["runs"] == {
        "count": 20, "first": None, "curr": None, "min": 4000, "max": 5000, "avg": 4500, "std": 200,
        "p5": 4100, "median": 4400, "p95": 4900,
    }  # fmt: skip
