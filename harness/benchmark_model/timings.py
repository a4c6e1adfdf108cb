"""Turns a reading into a measurement: assigns the `count=` lines to phases and decides which numbers can be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from harness.benchmark_model.count_lines import CountLine
from harness.benchmark_model.numbers import number, whole_average
from harness.benchmark_model.parameters import echoed_lengths
from harness.benchmark_model.reader import Reading
from harness.records import Measurement, Memory, RunLengths, RunStatistics


def read_timings(reading: Reading) -> Measurement:
    """Return times, counts and memory of either tool. Numbers of phases without runs are None, since zero would look measured."""
    timings = {key: value for key, value in reading.timings.items() if value >= 0}
    notes = list(reading.notes)
    if average_is_cut(reading):
        timings.pop("inference", None)
        notes.append("the timings line is cut in the middle of its last number, or may be: it is not used")
    warmup, runs = _assign_counts(reading, timings)
    litert = reading.litert
    if reading.llm.seen or (reading.llm.named and not (reading.timings_seen or litert.seen)):
        return _language_model(reading, notes)
    if litert.seen:
        return _litert_timings(reading, warmup, runs, notes)
    if (warmup is not None and warmup.count == 0) or timings.get("first") == timings.get("warmup") == 0:
        timings.pop("first", None)
        timings.pop("warmup", None)
    if timings.get("inference") is not None and (
        (runs is not None and runs.count == 0) or (runs is None and timings["inference"] == 0)
    ):
        timings.pop("inference", None)
        notes.append("no inference was timed: the run was asked to make none")
    inference = timings.get("inference")
    reference = _mean(runs)
    if inference is not None and reference is not None and abs(inference - reference) > 1e-4 * max(reference, 1.0) + 1:
        notes.append(f"the timings line says {inference:g} us and the count line {reference:g} us on average")
    return Measurement(
        tool="benchmark_model_performance_options" if reading.options.runs or reading.of_options else "benchmark_model",
        cells=tuple(reading.options.runs) or None,
        init_us=timings.get("init"),
        first_inference_us=timings.get("first"),
        warmup_avg_us=timings.get("warmup"),
        inference_avg_us=inference,
        warmup=warmup,
        runs=runs,
        model_size_mb=reading.model_size_mb,
        memory=Memory(**reading.memory),
        unconsumed_flags=tuple(reading.unconsumed),
        notes=tuple(notes),
    )


def _litert_timings(
    reading: Reading, warmup: RunStatistics | None, runs: RunStatistics | None, notes: list[str]
) -> Measurement:
    times = dict(reading.litert.times_us)
    if reading.litert.blocks > 1:
        notes.append(f"the output holds {reading.litert.blocks} blocks of results; only the last is read")
    if reading.litert.runs == 0:
        times.pop("inference", None)
    if reading.litert.warmup_runs == 0:
        times.pop("first", None)
        times.pop("warmup", None)
    # With two decimals of a millisecond, times below 5 us are 0.00; the count line has the figure.
    if times.get("inference") == 0 and runs is not None and runs.avg:
        times["inference"] = runs.avg
        notes.append("the average is of the count line: the results round it to 0.00 ms")
    if runs is None and reading.litert.runs:
        runs = RunStatistics(
            count=reading.litert.runs,
            min=times.get("min"),
            max=times.get("max"),
            avg=times.get("inference"),
            std=times.get("std"),
            p5=times.get("p5"),
            median=times.get("median"),
            p95=times.get("p95"),
        )
    return Measurement(
        tool="litert_benchmark" if reading.litert.python else "benchmark_litert_model",
        init_us=times.get("init"),
        first_inference_us=times.get("first"),
        warmup_avg_us=times.get("warmup"),
        inference_avg_us=times.get("inference"),
        warmup=warmup,
        runs=runs,
        model_size_mb=reading.model_size_mb,
        memory=Memory(**{**reading.memory, **reading.litert.memory_mb}),
        unconsumed_flags=tuple(reading.unconsumed),
        notes=tuple(notes),
    )


def _language_model(reading: Reading, notes: list[str]) -> Measurement:
    notes += reading.llm.notes()
    figures = reading.llm.result()
    return Measurement(
        tool="litert_lm",
        init_us=None if figures is None else figures.init_us,
        model_size_mb=reading.model_size_mb,
        memory=Memory(**reading.memory),
        llm=figures,
        notes=tuple(notes),
    )


def average_is_cut(reading: Reading) -> bool:
    """Return whether the last number of the timings lacks digits, or may: a `count=` line has more, or the text ends there."""
    text = reading.timings_text.get("inference")
    if text is None:
        return False
    printed = [f"{average:g}" for line in reading.counts.lines() if (average := _average(line)) is not None]
    if text in printed:
        return False
    if reading.whole_numbers and not reading.timings_cut:
        return False
    cut_elsewhere = any(average.startswith(text) for average in printed) and number(text) != 0
    return cut_elsewhere or (reading.timings_cut and not whole_average(text))


def not_a_number(reading: Reading, measurement: Measurement) -> str | None:
    """Return the printed average if runs were timed but it is not a time: `nan`, `inf` or negative."""
    text = reading.timings_text.get("inference")
    timed = measurement.runs is not None and measurement.runs.count > 0
    if text is None or not timed or measurement.inference_avg_us is not None or average_is_cut(reading):
        return None
    return text


def _assign_counts(reading: Reading, timings: dict[str, float]) -> tuple[RunStatistics | None, RunStatistics | None]:
    """Find the `count=` lines of the warm-up and of the timed runs; None for what does not show.

    If the averages are printed too, a line that agrees with one belongs to that phase. Otherwise a line belongs to the phase announced
    right before it: the first `Running benchmark` line announces the warm-up, the second the runs. If an excerpt or a log lost one of them,
    the number of iterations shows which is left.
    """
    lines = reading.counts.lines()
    litert = reading.litert.times_us
    inference = timings.get("inference", litert.get("inference"))
    if inference is None:
        return _by_heading(reading, lines)
    warmup = timings.get("warmup", litert.get("warmup"))
    # LiteRT's tool rounds to 10 us.
    slack = 6.0 if litert else 1.0 if reading.whole_numbers else 0.0
    runs_line = next((line for line in reversed(lines) if agree(_average(line), inference, slack)), None)
    warmup_line = next((line for line in lines if line is not runs_line and agree(_average(line), warmup, slack)), None)
    lines = lines[-2:]
    if runs_line is None and len(lines) == 2 and reading.counts.announced >= 2:
        runs_line = lines[1] if lines[1] is not warmup_line else None
    if warmup_line is None and runs_line is not None and len(lines) == 2 and lines[0] is not runs_line:
        counted = lines[0].statistics
        warmup_line = lines[0] if warmup is None or (counted is not None and counted.count == 0) else None
    return _statistics(warmup_line), _statistics(runs_line)


def _by_heading(reading: Reading, lines: list[CountLine]) -> tuple[RunStatistics | None, RunStatistics | None]:
    if len(lines) > 2:
        return None, None
    lengths = echoed_lengths(reading.parameters)
    phases = [_phase(line, lengths, reading.parameters) for line in lines]
    if len(lines) == 2:
        if phases[0] != "run" and phases[1] != "warmup":
            return lines[0].statistics, lines[1].statistics
        if phases[0] == "warmup" and lines[1].announced == lines[0].announced:
            return lines[0].statistics, lines[1].statistics  # the second announcement was lost
        return None, None
    if len(lines) == 1 and not lines[0].gap:
        if phases[0] == "run" or (phases[0] is None and lines[0].announced >= 2):
            return None, lines[0].statistics
        if phases[0] == "warmup" or (phases[0] == "either" and reading.begins and lines[0].announced == 1):
            return lines[0].statistics, None
    return None, None


def _phase(
    line: CountLine, lengths: RunLengths, parameters: Mapping[str, str]
) -> Literal["warmup", "run", "either"] | None:
    """Return the phase whose length was announced before a line; None if none was, or no phase has that length."""
    if line.heading is None:
        return None
    iterations, seconds = line.heading
    if not _plausible(line, iterations, seconds, parameters):
        return None
    warmup = iterations == lengths.warmup_runs and seconds in (None, lengths.warmup_s)
    run = iterations == lengths.min_runs and seconds in (None, lengths.min_s)
    if warmup and run:
        return "either"
    return "warmup" if warmup else "run" if run else None


def _plausible(line: CountLine, iterations: float, seconds: float | None, parameters: Mapping[str, str]) -> bool:
    """Return whether a phase of that length can have that many runs: it exceeds its iterations only until its seconds are over."""
    statistics, average = line.statistics, _average(line)
    if statistics is None or average is None:
        return True
    if statistics.count == 0:
        return iterations == 0 or parameters.get("Run w/o invoking kernels") == "1"
    if statistics.count > iterations:
        return bool(seconds) and (statistics.count - 1) * average <= 1.02e6 * (seconds or 0.0)
    paused = (number(parameters.get("Inter-run delay (seconds)", "")) or 0.0) > 0
    # Implausible: far shorter than the announced seconds, although neither pauses nor the time limit explain it. Below 100 us the loop
    # around the runs takes the time.
    return not (
        line.unhindered and not paused and seconds and average >= 100 and statistics.count * average < 0.5e6 * seconds
    )


def _average(line: CountLine) -> float | None:
    if line.statistics is None:
        return None
    if line.statistics.count == 0:
        return 0.0
    return _mean(line.statistics)


def _mean(statistics: RunStatistics | None) -> float | None:
    """Return the average of the runs. For one run, or equally long ones, only `curr` is printed, which then is the average."""
    if statistics is None or statistics.avg is not None:
        return None if statistics is None else statistics.avg
    alone = statistics.first is None and statistics.min is None
    return statistics.curr if alone else None


def _statistics(line: CountLine | None) -> RunStatistics | None:
    return None if line is None else line.statistics


def agree(value: float | None, other: float | None, slack: float = 0.0) -> bool:
    """Return whether two prints of an average agree in their six digits."""
    return value is not None and other is not None and abs(value - other) <= 1e-5 * max(abs(value), 1.0) + slack
