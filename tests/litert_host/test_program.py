"""Behaviour of the program beyond the recorded cases: profiles, delegation, limits, signals, strange names."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from ai_edge_litert import model_runtime_info_pb2, profiling_info_pb2

from harness.benchmark_model import parse_output
from harness.litert_host.graph import read_graph
from harness.litert_host.library import Library
from harness.litert_host.profile import ModelProfile
from harness.litert_host.recorder import EventRecorder
from harness.litert_host.session import CpuOptions, Session
from harness.records.causes import Cause
from tests.litert_host.conftest import SHORT, Finished, Tool

MOBILENET = Path(__file__).parents[2] / "suites" / "models" / "mobilenet_fp32.tflite"


def _runs(done: Finished) -> tuple[int, float]:
    line = [line for line in done.stdout.splitlines() if line.startswith("INFO: count=")][1]
    average = re.search(r"avg=(\S+)", line) or re.search(r"curr=(\d+)", line)
    assert average is not None
    count = re.search(r"count=(\d+)", line)
    assert count is not None
    return int(count[1]), float(average[1])


@pytest.mark.parametrize("xnnpack", ["true", "false"])
def test_op_times_lie_within_the_runs_and_no_op_is_missing(xnnpack: str, tool: Tool, tmp_path: Path) -> None:
    """On a quiet machine they are 90 % and more of the average; a busy one takes the core away between two operators."""
    done = tool(
        f"--graph={MOBILENET}",
        "--num_threads=1",
        f"--use_xnnpack={xnnpack}",
        "--enable_op_profiling=true",
        "--op_profiling_output_mode=proto",
        "--op_profiling_output_file=profile.pb",
        "--num_runs=15",
        *SHORT[1:],
    )
    assert done.exit_code == 0, done.stderr
    profile = profiling_info_pb2.BenchmarkProfilingData()
    profile.ParseFromString((tmp_path / "profile.pb").read_bytes())
    ops = profile.runtime_profile.subgraph_profiles[0].per_op_profiles
    count, average_us = _runs(done)
    assert count == 15
    assert all(op.inference_microseconds.count == 15 * op.times_called for op in ops)
    assert [op.run_order for op in ops] == list(range(len(ops)))
    assert any(
        op.node_type == ("Convolution (NHWC, F32) DWConv" if xnnpack == "true" else "DEPTHWISE_CONV_2D") for op in ops
    )
    if xnnpack == "false":
        (graph,) = read_graph(MOBILENET.read_bytes()).subgraphs
        assert sum(op.times_called for op in ops) == len(graph.operators)
    rounded_us = len(ops)  # each op's time is in whole microseconds
    assert 0 < sum(op.inference_microseconds.sum for op in ops) / 15 <= average_us + rounded_us


def test_both_kinds_of_operators_appear_in_a_partly_delegated_profile(tool: Tool, model_dir: Path) -> None:
    done = tool(f"--graph={model_dir / 'partly_delegated.tflite'}", "--enable_op_profiling=true", *SHORT)
    rows = done.stdout.partition("Operator-wise")[2].partition("Top by")[0]
    types = [line.split("\t")[1].strip() for line in rows.splitlines() if line.startswith("\t")][1:]
    assert types == ["Convolution (NHWC, F32) IGEMM", "CAST", "RIGHT_SHIFT", "CAST"]
    # Both partitions begin to count at 0: their first operators share a row.
    assert re.search(r"IGEMM\t.*\t        2\tDelegate/Convolution \(NHWC, F32\) IGEMM:0", rows)
    assert "[shifted]:2" in rows


def test_explicit_xnnpack_says_how_much_it_took(tool: Tool, model_dir: Path) -> None:
    partly = tool(f"--graph={model_dir / 'partly_delegated.tflite'}", "--use_xnnpack=true", *SHORT)
    assert "partially executed by the delegate w/ 2 delegate kernels." in partly.stdout
    refused = tool(
        f"--graph={model_dir / 'partly_delegated.tflite'}",
        "--use_xnnpack=true",
        "--require_full_delegation=true",
        *SHORT,
    )
    assert (refused.exit_code, "Disallowed CPU fallback detected." in refused.stderr) == (1, True)


def _runtime_info(tool: Tool, model: Path, tmp_path: Path, *more: str) -> model_runtime_info_pb2.ModelRuntimeDetails:
    done = tool(
        f"--graph={model}",
        "--export_model_runtime_info=true",
        "--model_runtime_info_output_file=info.pb",
        *SHORT,
        *more,
    )
    assert done.exit_code == 0, done.stderr
    details = model_runtime_info_pb2.ModelRuntimeDetails()
    details.ParseFromString((tmp_path / "info.pb").read_bytes())
    return details


def test_runtime_info_names_the_delegated_nodes(tool: Tool, model_dir: Path, tmp_path: Path) -> None:
    graph = _runtime_info(tool, model_dir / "partly_delegated.tflite", tmp_path).subgraphs[0]
    assert {node.id: node.delegated_to_node_id for node in graph.nodes if node.HasField("delegated_to_node_id")} == {
        0: 5,
        4: 6,
    }
    assert list(graph.execution_plan) == [5, 1, 2, 3, 6]
    assert [node.name for node in graph.nodes][:3] == ["CONV_2D", "CAST", "RIGHT_SHIFT"]


def test_runtime_info_without_xnnpack_has_no_delegate(tool: Tool, model_dir: Path, tmp_path: Path) -> None:
    graph = _runtime_info(tool, model_dir / "partly_delegated.tflite", tmp_path, "--use_xnnpack=false").subgraphs[0]
    assert list(graph.execution_plan) == [0, 1, 2, 3, 4]
    assert not any(node.HasField("delegated_to_node_id") for node in graph.nodes)


def test_of_a_flag_given_twice_the_first_wins_and_the_second_is_left_over(tool: Tool, model_dir: Path) -> None:
    done = tool(f"--graph={model_dir / 'add.tflite'}", "--num_runs=3.7", "--num_runs=9", *SHORT[1:])
    assert "WARN: Unconsumed cmdline flags: --num_runs=9\n" in done.stdout
    assert _runs(done)[0] == 3


def test_max_secs_ends_the_runs(tool: Tool, model_dir: Path) -> None:
    done = tool(
        f"--graph={model_dir / 'convolutions.tflite'}", "--num_runs=1000000", "--max_secs=0.2", "--warmup_min_secs=0"
    )
    count, average_us = _runs(done)
    assert done.exit_code == 0
    assert 1 < count < 0.4e6 / average_us + 10


def test_min_secs_prolongs_the_runs(tool: Tool, model_dir: Path) -> None:
    started = time.monotonic()
    done = tool(f"--graph={model_dir / 'add.tflite'}", "--num_runs=1", "--min_secs=0.3", "--warmup_min_secs=0.1")
    assert time.monotonic() - started > 0.4
    assert _runs(done)[0] > 100


def test_run_frequency_spreads_the_runs(tool: Tool, model_dir: Path) -> None:
    started = time.monotonic()
    done = tool(f"--graph={model_dir / 'add.tflite'}", "--num_runs=10", "--run_frequency=40", *SHORT[1:])
    assert time.monotonic() - started > 10 / 40
    assert _runs(done)[0] == 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGSEGV])
def test_a_killed_process_leaves_what_it_had_said(number: signal.Signals, launcher: Path, model_dir: Path) -> None:
    with subprocess.Popen(
        [str(launcher), f"--graph={model_dir / 'convolutions.tflite'}", "--num_runs=1000000", "--warmup_min_secs=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        seen = ""
        while seen.count("Running benchmark") < 2:
            seen += process.stdout.readline()
        os.kill(process.pid, number)
        seen += process.stdout.read()
    assert process.returncode == -number
    assert seen.rstrip().endswith("terminate if exceeding 150 seconds.")


def test_a_closed_pipe_ends_it_by_signal(launcher: Path, model_dir: Path) -> None:
    with subprocess.Popen(
        [str(launcher), f"--graph={model_dir / 'add.tflite'}", "--min_secs=0.2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert process.returncode == -signal.SIGPIPE


@pytest.mark.parametrize("name", ["a b.tflite", "$(touch x).tflite", "<script>'\".tflite", "mod\u00e8le-\u6a21.tflite"])
def test_strange_model_names(name: str, tool: Tool, model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes((model_dir / "add.tflite").read_bytes())
    done = tool(f"--graph={name}", *SHORT)
    assert done.exit_code == 0, done.stderr
    assert f"INFO: Loaded model {name}\n" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_name_that_is_not_utf8(launcher: Path, model_dir: Path, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.tflite"
    Path(os.fsdecode(name)).write_bytes((model_dir / "add.tflite").read_bytes())
    done = subprocess.run(
        [os.fsencode(launcher), b"--graph=" + name, *(s.encode() for s in SHORT)], capture_output=True, check=True
    )
    assert b"INFO: Loaded model " + name + b"\n" in done.stdout


def test_a_harness_folder_in_the_working_folder_is_not_picked_up(tool: Tool, model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").write_text("raise SystemExit('shadowed')")
    (tmp_path / "ctypes.py").write_text("raise SystemExit('shadowed')")
    assert tool(f"--graph={model_dir / 'add.tflite'}", *SHORT).exit_code == 0


def test_two_threads_and_an_odd_range(tool: Tool, model_dir: Path) -> None:
    done = tool(
        f"--graph={model_dir / 'two_inputs.tflite'}",
        "--num_threads=2",
        "--input_layer=a,b",
        "--input_layer_shape=4,16:4,16",
        "--input_layer_value_range=b,-5,5",
        *SHORT,
    )
    assert done.exit_code == 0, done.stderr
    bad = tool(
        f"--graph={model_dir / 'two_inputs.tflite'}",
        "--input_layer=a,b",
        "--input_layer_shape=4,16:4,16",
        "--input_layer_value_range=b,5,-5",
        *SHORT,
    )
    wrong = "ERROR: Wrong low and high value of the input value range specified: b,5,-5"
    assert (bad.exit_code, bad.stderr.splitlines()) == (1, [wrong, "ERROR: Benchmarking failed."])


@pytest.mark.parametrize("xnnpack", ["true", "false"])
def test_an_output_whose_shape_the_data_decide_is_refused_in_one_line(
    tool: Tool, model_dir: Path, xnnpack: str
) -> None:
    done = tool(f"--graph={model_dir / 'data_dependent_output.tflite'}", f"--use_xnnpack={xnnpack}", *SHORT)
    assert done.exit_code == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    assert len(said) == 2
    assert "shape of output where depends on the data" in said[0]
    assert parse_output(done.stdout.encode(), stderr=done.stderr.encode(), exit_code=1).causes == (
        Cause.ALLOCATE_FAILED,
    )


def test_many_events_are_taken_in_portions(model_dir: Path) -> None:
    session = Session(Library())
    session.load(str(model_dir / "add.tflite"))
    session.compile(CpuOptions(threads=1, profile=True))
    session.allocate(0)
    session.create_buffers({})
    session.prepare_run()
    profile = ModelProfile(read_graph((model_dir / "add.tflite").read_bytes()))
    recorder = EventRecorder(session, profile, empty_at=20)
    recorder.start()
    for _ in range(25):
        assert session.run()[0] == 0
        recorder.end_run()
    recorder.finish()
    assert profile.subgraphs[0].run_totals.count == 25
    assert all(row.times.count == 25 for row in profile.subgraphs[0].rows.values())
    assert [row.node_type for row in profile.subgraphs[0].in_run_order()] == ["Add (ND)", "Square (NC)"]


def test_what_the_real_tool_refuses_about_threads_and_inputs(tool: Tool, model_dir: Path) -> None:
    model = f"--graph={model_dir / 'two_inputs.tflite'}"
    threads = tool(model, "--num_threads=-2", *SHORT)
    assert (threads.exit_code, threads.stderr.splitlines()[0]) == (
        1,
        "ERROR: num_threads should be >= 0 or just -1 to let TFLite runtime set the value.",
    )
    assert "Loaded model" in threads.stdout
    for value in ("", "99999999999"):
        assert tool(model, f"--num_threads={value}", *SHORT).exit_code == 0
    one = tool(model, "--input_layer=a", "--input_layer_shape=4,16", *SHORT)
    assert (one.exit_code, one.stderr.splitlines()[-1]) == (134, "FATAL: Inputs mismatch: Model inputs #:2 expected: 1")
    shape = tool(model, "--input_layer=a,b", "--input_layer_shape=4,a:4,16", *SHORT)
    assert (shape.exit_code, shape.stderr) == (134, "FATAL: Incorrect size string specified: 4,a\n")


def test_a_range_beside_a_file_is_warned_of_once_and_ignored(tool: Tool, model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(bytes(4 * 16))
    done = tool(
        f"--graph={model_dir / 'dynamic_batch.tflite'}",
        "--input_layer=x",
        "--input_layer_shape=1,16",
        "--input_layer_value_range=x,1,2",
        "--input_layer_value_files=x:x.bin",
        *SHORT,
    )
    warning = (
        "WARN: The input_name:x appears both in input_layer_value_files and input_layer_value_range."
        " The input_layer_value_range of the input_name will be ignored."
    )
    assert (done.exit_code, done.stdout.splitlines().count(warning)) == (0, 1)


def test_signatures_are_listed_as_the_real_tool_lists_them(tool: Tool, model_dir: Path) -> None:
    done = tool(f"--graph={model_dir / 'two_signatures.tflite'}", "--list_signatures=true", *SHORT)
    at = done.stdout.index("INFO: The Model contains 2 signature key(s).\nINFO: They are listed below: \n")
    assert done.stdout[at:].count("INFO: -> Signature Key: ") == 2
    assert done.exit_code == 1


def test_a_memory_interval_of_nothing_is_warned_of_and_replaced(tool: Tool, model_dir: Path) -> None:
    done = tool(
        f"--graph={model_dir / 'add.tflite'}",
        "--report_peak_memory_footprint=true",
        "--memory_footprint_check_interval_ms=0",
        *SHORT,
    )
    assert done.stdout.splitlines()[1] == (
        "WARN: --memory_footprint_check_interval_ms is set to 0 (ms), This value is invalid,"
        " and it will be set to the default value 50 (ms)."
    )
    assert "INFO: Memory footprint check interval (ms): [50]" in done.stdout
    assert done.exit_code == 0


def test_full_delegation_of_a_partial_model_is_refused_before_anything_is_said_of_it(
    tool: Tool, model_dir: Path
) -> None:
    done = tool(
        f"--graph={model_dir / 'partly_delegated.tflite'}",
        "--use_xnnpack=true",
        "--require_full_delegation=true",
        *SHORT,
    )
    assert done.exit_code == 1
    assert "ERROR: Disallowed CPU fallback detected." in done.stderr
    assert "delegate kernels" not in done.stdout


def test_the_table_by_time_ends_at_ten_rows(tool: Tool) -> None:
    done = tool(f"--graph={MOBILENET}", "--use_xnnpack=false", "--enable_op_profiling=true", *SHORT)
    runs = done.stdout.partition("Operator-wise Profiling Info")[2]
    order, top = (
        runs.partition(title)[2].partition("\n\n")[0].splitlines()[2:]
        for title in ("Run Order", "Top by Computation Time")
    )
    assert len(order) > 11
    assert len(top) == 10
    assert "Primary graph" not in done.stdout


def test_an_output_file_that_cannot_be_written_is_no_error(tool: Tool, model_dir: Path) -> None:
    done = tool(f"--graph={model_dir / 'add.tflite'}", "--output_filepath=/nowhere/at/all.bin", *SHORT)
    assert (done.exit_code, "ERROR" in done.stderr) == (0, False)


def _memory(done: Finished) -> tuple[float, float, float]:
    init, overall = re.findall(r"init=([\d.]+) overall=([\d.]+)", done.stdout)[0]
    (peak,) = re.findall(r"via periodic monitoring: ([\d.]+)", done.stdout)
    return float(init), float(overall), float(peak)


def test_memory_is_the_tools_own_with_and_without_the_profiler(tool: Tool) -> None:
    """Not the interpreter's around it, nor the 70 MB of the profiler that LiteRT's library makes: both are measured and taken off."""
    memory = "--report_peak_memory_footprint=true"
    plain = _memory(tool(f"--graph={MOBILENET}", memory, *SHORT))
    profiled = _memory(tool(f"--graph={MOBILENET}", memory, "--enable_op_profiling=true", *SHORT))
    for init, overall, peak in (plain, profiled):
        assert 5 < init <= overall <= peak < overall + 8
    assert abs(profiled[0] - plain[0]) < 5
