"""Numbers, results and profiles cut by the end of the output."""

from __future__ import annotations

import pytest

from tests.benchmark_model.outputs import GOOD, LITERT, MEMORY, RUN, START, TIMINGS, read


@pytest.mark.parametrize("missing", range(1, 5))
def test_a_number_cut_by_the_end_of_the_file_is_not_used(missing: int) -> None:
    got = read((START + RUN + TIMINGS)[: -1 - missing])
    assert got["inference_avg_us"] is None


def test_timings_may_end_without_a_line_end() -> None:
    assert read((START + RUN + TIMINGS).rstrip("\n"))["inference_avg_us"] == 101.5


@pytest.mark.parametrize("average", ["101,5", "1,101.5", "101.5x"])
def test_a_number_of_another_notation_is_not_cut_to_one(average: str) -> None:
    assert read(START + RUN + TIMINGS.replace("101.5", average))["inference_avg_us"] is None


def test_another_stream_goes_on_right_behind_the_last_number() -> None:
    text = GOOD.rstrip("\n") + "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    assert (read(text)["status"], read(text)["inference_avg_us"]) == ("ok", 101.5)


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


def test_a_count_line_shows_that_the_average_was_cut_in_the_middle_of_the_text() -> None:
    got = read(START + RUN + TIMINGS.replace("101.5", "101") + "more\n")
    assert got["inference_avg_us"] is None
    assert "the timings line is cut in the middle of its last number, or may be: it is not used" in got["notes"]
    # 0 is how any number may begin, and what a run below half a microsecond takes.
    zero = read(START + RUN.replace("avg=101.5", "avg=0.25") + TIMINGS.replace("101.5", "0"))
    assert zero["inference_avg_us"] == 0


def test_an_excerpt_without_its_beginning_ends_with_its_profile() -> None:
    profile = (
        "Operator-wise Profiling Info for Regular Benchmark Runs:\n==== Run Order ====\n"
        "\t[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]\n"
        "\tADD\t1.500\t1.250\t50.000%\t50.000%\t0.000\t1\t[a]:0\n1 nodes observed\n"
    )
    assert read(profile)["status"] == "ok"
    assert read(profile, exit_code=0)["status"] == "ok"
    # With its beginning the timings must be there, too.
    for beginning in (START, RUN):
        got = read(beginning + profile)
        assert (got["status"], got["causes"]) == ("failed", ["truncated_output"])


def test_litert_s_average_is_as_good_as_the_timings_line() -> None:
    assert read("Inference (avg):      0.46 ms (7 runs)\n")["status"] == "ok"
    assert read("Inference (min):      0.46 ms\n")["causes"] == ["truncated_output"]
