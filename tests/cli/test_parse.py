"""`harness parse` as a script calls it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.benchmark_model.recorded import CASES, FILES, LOGS
from tests.in_process import harness, harness_bytes

HOST = LOGS / "host"
CONTRACT_KEYS = [
    "tool", "status", "causes", "message", "init_us", "first_inference_us", "warmup_avg_us", "inference_avg_us", "warmup", "runs",
    "model_size_mb", "memory", "delegates", "unconsumed_flags", "ops", "init_ops", "op_summary", "init_op_summary", "profile_runs",
]  # fmt: skip


def parse(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return harness_bytes("parse", *arguments, stdin=stdin)


def test_json_has_the_contract_s_keys_in_their_order() -> None:
    done = parse(HOST / "02_opprof_stdout_fp32.log", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    document = json.loads(done.stdout)
    assert [key for key in document if key != "notes"] == CONTRACT_KEYS
    assert list(document["runs"]) == ["count", "first", "curr", "min", "max", "avg", "std", "p5", "median", "p95"]
    assert set(document["ops"][0]) == {
        "index", "node_type", "name", "start_us", "first_us", "avg_us", "percent", "cdf_percent", "mem_kb", "times_called", "subgraph",
    }  # fmt: skip


def test_several_logs_give_a_list_and_the_worst_exit_code() -> None:
    done = parse(HOST / "01_default_fp32.log", HOST / "17_badpath.log", "--json")
    assert done.returncode == 1
    assert [document["status"] for document in json.loads(done.stdout)] == ["ok", "failed"]


def test_standard_input_and_side_files() -> None:
    log = (HOST / "33_runtimeinfo.log").read_bytes()
    done = parse(
        "-", "--runtime-info", FILES / "runtime_info.pb", "--profile", FILES / "prof_xnntrue.pb", "--json", stdin=log
    )
    document = json.loads(done.stdout)
    assert (done.returncode, document["delegates"][0]["nodes_delegated"], len(document["ops"])) == (0, 65, 66)


def test_stderr_and_exit_code() -> None:
    done = parse("-", "--stderr", HOST / "01_default_fp32.log", "--exit-code", "137", "--json", stdin=b"STARTING!\n")
    document = json.loads(done.stdout)
    assert (done.returncode, document["causes"]) == (1, ["killed"])


def test_text_for_a_person_holds_no_control_characters() -> None:
    hostile = b"STARTING!\nERROR: Encountered unresolved custom op: \x1b[2J\x07<script>.\n"
    done = parse("-", stdin=hostile)
    assert done.returncode == 1
    assert b"failed (op_unsupported)" in done.stdout
    assert b"\x1b" not in done.stdout
    assert b"\x07" not in done.stdout


def test_text_names_the_costliest_ops() -> None:
    done = parse(HOST / "92c_mixed_gpu.log")
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert lines[0].endswith("92c_mixed_gpu.log: ok")
    assert "convolution_2d 1 -> relu 2" in lines[lines.index("  9 ops, the costliest:") + 1]


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    for file in (tmp_path / "none.log", tmp_path):
        done = parse(file)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.decode().startswith(f"harness: cannot read {file}")
        assert done.stderr.count(b"\n") == 1


def test_side_files_belong_to_one_log() -> None:
    log = HOST / "01_default_fp32.log"
    assert parse(log, log, "--exit-code", "0").returncode == 2
    assert parse().returncode == 2


def test_costs_of_ops_are_those_of_one_inference() -> None:
    heading = "[node type] [start] [first] [avg ms] [%] [cdf%] [mem KB] [times called] [Name]\n"
    old = heading + " ADD 0.000 1.500 1.250 100.000% 100.000% 0.000 0 [a]:0\n1 nodes observed\n"
    assert b"1.250 ms  100.00 %  ADD" in parse("-", stdin=old.encode()).stdout
    results = (
        "========== BENCHMARK RESULTS ==========\nINFO: [a.h:2] Warmup (avg):         1.30 ms (20 runs)\n"
        "INFO: [a.h:2] Inference (avg):      1.25 ms (80 runs)\n"
    )
    litert = results + old.replace("0.000 0 [a]:0", "0.000 100 [Builtin]:0")
    assert b"1.250 ms  100.00 %  ADD" in parse("-", stdin=litert.encode()).stdout


def test_figures_of_sibling_tools_are_shown(tmp_path: Path) -> None:
    log = tmp_path / "llm.log"
    log.write_text(
        "BenchmarkInfo:\n  Time to first token: 2.40 s\n    Prefill Turn 1: Processed 18 tokens in 2.3s duration.\n"
        "      Prefill Speed: 7.79 tokens/sec.\n      Decode Speed: 11.21 tokens/sec.\n"
    )
    done = harness("parse", log)
    assert done.returncode == 0
    assert "prefill          7.79 tokens/s, 18 tokens" in done.stdout
    assert "decode           11.21 tokens/s\n" in done.stdout
    assert "first token      2400 ms (computed)" in done.stdout
    log.write_text("  gpu-fp16: count=50 first=2 curr=9 min=1 max=10 avg=5.5 std=2\n  cpu w/ 1 threads:  failed!\n")
    done = harness("parse", log)
    assert done.returncode == 1
    assert "gpu-fp16 5.5 us on average, 50 runs" in done.stdout
    assert "cpu w/ 1 threads failed" in done.stdout


def test_several_runs_of_a_log_are_shown_each() -> None:
    log = CASES / "16-mixed.log"
    done = harness("parse", log)
    assert f"{log}, run 1 of 2, process 4411: ok" in done.stdout
    document = json.loads(harness("parse", log, "--json").stdout)
    assert [one["pid"] for one in document["processes"]] == [4411, 3380]
    assert document["inference_avg_us"] == document["processes"][-1]["inference_avg_us"] == 12167.6
