"""`processes: {min, max, until}` as its user sees it: on a virtual device, with a program whose latencies are known beforehand."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from harness.records import Purpose
from harness.records.adaptive_decisions import Decision
from harness.report import write_report
from harness.report.cell_summaries import report_cells
from harness.runs.run_progress import unfinished
from harness.runs.run_store import Run, load_run
from tests.cli.running import harness, no_traceback
from tests.cli.scripted_program import ABI, HOLD, UNTIL_SEEN, held_run
from tests.model_files import shipped

# XNNPACK takes half as long with one thread, always; with two, in turn 0.4 and 0.6 times as long.
PROGRAM = (
    r"""#!/bin/sh
us=1000 applied=
for a in "$@"; do
    case $a in
    --help) echo "	--num_runs=50 	int32" >&2; exit 1 ;;
    --num_threads=*) threads=${a#*=} ;;
    --use_xnnpack=true)
        us=500
        applied='Explicitly applied XNNPACK delegate, and the model graph will be completely executed by the delegate.' ;;
    esac
done
"""
    + HOLD
    + r"""
if [ -n "$applied" ] && [ "$threads" = 2 ]; then
    turns=${0%/*}/turns
    echo >>"$turns"
    us=$((400 + 200 * ($(wc -l <"$turns") % 2)))
fi
"""
    + UNTIL_SEEN
    + r"""
echo 'STARTING!'
echo 'Loaded model x'
echo 'The input model file size (MB): 1.5'
echo 'Initialized session in 1.5ms.'
[ -n "$applied" ] && echo "$applied"
echo 'Running benchmark for at least 1 iterations and at least 0 seconds but terminate if exceeding 2 seconds.'
echo 'count=1 curr=1200'
echo
echo 'Running benchmark for at least 3 iterations and at least 0 seconds but terminate if exceeding 2 seconds.'
echo "count=3 first=$us curr=$us min=$us max=$us avg=$us std=1"
echo
echo "Inference timings in us: Init: 1500, First inference: 1200, Warmup (avg): 1200, Inference (avg): $us"
"""
)
SUITE = """
suite: adaptive
models: [{model}]
delegates: [cpu, xnnpack]
threads: [1, 2]
processes: {{min: 5, max: 9, until: 5%}}
run: {{min_runs: 3, min_s: 0, max_s: 2, warmup_runs: 1, warmup_s: 0, timeout_s: 120}}
order: {{seed: 5}}
baseline: {{delegate: cpu}}
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[object]:
    """What starts such a run, but for the device and the folder."""
    program = tmp_path / "benchmark_model"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    suite = tmp_path / "suite.yaml"
    suite.write_text(SUITE.format(model=json.dumps(str(shipped("cnn_fp32.tflite")))))
    return ["run", suite, "--binary", f"{ABI}={program}"]


def ran(run: Run) -> set[tuple[str, int, int]]:
    assert {result.status for result in run.results} == {"ok"}
    return {(r.trial.delegate.name, r.trial.threads, r.trial.block) for r in run.results}


WHOLE = {(delegate, threads, block) for delegate in ("cpu", "xnnpack") for threads in (1, 2) for block in range(5)} | {
    (delegate, 2, block) for delegate in ("cpu", "xnnpack") for block in range(5, 9)
}


def check_decisions(decisions: tuple[Decision, ...]) -> None:
    found = [(d.head.threads, d.reason, d.block, d.blocks, d.level) for d in decisions if d.head is not None]
    assert found == [(1, "narrow", 4, 5, 0.97), (2, "max_blocks", 8, 9, 0.97)]
    assert decisions[0].ratio == pytest.approx(0.5)
    # Whole microseconds of 1000 against 500: half a step of each.
    assert decisions[0].ci_low == pytest.approx(0.5 / (1.0005 * 1.001))
    narrow, wide = decisions
    assert wide.ci_low is not None
    assert wide.ci_high is not None
    # It holds both of what the cell takes in turn. By ranks it ends there; if blocks are set aside, which depends on the order that was
    # drawn, by Student's t with five, three of 0.6 and two of 0.4 or the reverse: from 0.34 to 0.65, or from 0.37 to 0.71.
    assert 0.34 < wide.ci_low < 0.401
    assert 0.599 < wide.ci_high < 0.71
    assert narrow.device_s < wide.device_s


def test_it_measures_until_the_ratios_are_known_and_what_was_not_needed_is_not_missing(
    tmp_path: Path, arguments: list[object]
) -> None:
    out = tmp_path / "run"
    done = harness(*arguments, "--device", "virtual:1", "--out", out, "--json")
    no_traceback(done)
    assert done.returncode == 0, done.stderr
    run = load_run(out)
    assert ran(run) == WHOLE
    check_decisions(run.decisions)
    assert "stops after 9 blocks; of the ratios: 1 narrow enough, 1 still open at the most blocks" in done.stderr
    assert "0.500x [0.499, 0.501] from 5 blocks: narrow enough (5 %)" in done.stderr
    assert "28/28" in done.stderr
    assert "did not run" not in done.stderr
    document = json.loads(done.stdout)
    assert (document["unfinished"], document["statuses"]) == (0, {"ok": 28})
    (device,) = document["adaptive"]["devices"]
    assert (device["stopped"], device["blocks"], len(device["decisions"])) == (True, 9, 2)
    assert len(run.manifest.planned) == 20
    assert len(run.manifest.further) == 16
    assert "28 processes" in write_report(out).read_text(encoding="utf-8")

    compared = harness("compare", f"{out}@delegate=cpu", f"{out}@delegate=xnnpack", "--json")
    for one, decision in zip(json.loads(compared.stdout)["comparisons"], run.decisions, strict=True):
        assert (one["ci_low"], one["ci_high"], one["level"]) == (decision.ci_low, decision.ci_high, decision.level)
        assert any("chose its number of processes itself" in note for note in one["notes"])

    again = harness("run", "--resume", out)
    assert again.returncode == 0
    assert "all 28 trials are finished" in again.stderr
    assert "0.500x [0.499, 0.501]" in again.stdout
    assert load_run(out) == run


def test_the_canary_is_timed_after_each_block_also_where_cells_have_dropped_out(
    tmp_path: Path, arguments: list[object]
) -> None:
    suite = tmp_path / "suite.yaml"
    canary = "conditions: {canary: true, repeat_invalid: 0, thermal: {max_status: null, wait_s: 0, low_clock: null}}\n"
    suite.write_text(suite.read_text().replace("max: 9", "max: 6") + canary)
    done = harness(*arguments, "--device", "virtual:1", "--out", tmp_path / "run")
    no_traceback(done)
    results = load_run(tmp_path / "run").results
    assert [sum(result.trial.block == block for result in results) for block in range(6)] == [4, 4, 4, 4, 4, 2]
    last = {result.trial.block: result.trial.trial_id for result in results}
    timed = {r.trial.block: r.trial.trial_id for r in results if r.conditions.canary_after_us is not None}
    assert timed == last


def pending(run: Run) -> int:
    """How many processes the report says never ran."""
    return sum(cell.outcomes(purpose)["pending"] for cell in report_cells(run) for purpose in Purpose)


@pytest.mark.parametrize("done_before", [7, 22])
def test_killed_and_resumed_it_decides_the_same(tmp_path: Path, arguments: list[object], done_before: int) -> None:
    out = tmp_path / "run"
    with held_run(arguments, out, after=done_before) as held:
        held.process.kill()
        held.process.wait()
    before = load_run(out)
    assert len(before.results) == done_before
    assert unfinished(before) > 0
    assert pending(before) == unfinished(before), "the report must not call it whole"
    done = harness("run", "--resume", out, *arguments[-2:])
    no_traceback(done)
    assert done.returncode == 0, done.stderr
    run = load_run(out)  # itself refuses a trial or a decision that is there twice
    assert run.results[: len(before.results)] == before.results
    assert ran(run) == WHOLE
    assert pending(run) == 0
    check_decisions(run.decisions)
    assert run.decisions[: len(before.decisions)] == before.decisions


def test_a_decision_that_a_kill_prevented_is_made_up_for(tmp_path: Path, arguments: list[object]) -> None:
    out = tmp_path / "run"
    assert harness(*arguments, "--device", "virtual:1", "--out", out).returncode == 0
    whole = load_run(out)
    file = out / "decisions.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[1][:40])
    assert len(load_run(out).decisions) == 1
    again = harness("run", "--resume", out)
    assert "all 28 trials are finished" in again.stderr
    resumed = load_run(out)
    assert resumed.results == whole.results
    check_decisions(resumed.decisions)


def test_ctrl_c_keeps_what_is_done_and_says_that_more_is_needed(tmp_path: Path, arguments: list[object]) -> None:
    out = tmp_path / "run"
    with held_run(arguments, out, after=22) as held:
        held.process.send_signal(signal.SIGINT)
        stdout, stderr = held.process.communicate(timeout=120)
    assert held.process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "at least" in stderr
    assert f"--resume {out}" in stderr
    assert "of at most 9 done: 1 of 2 ratios go on" in stdout
    run = load_run(out)
    assert [one.reason for one in run.decisions] == ["narrow"]
    assert len(run.results) == 22
    assert unfinished(run) == 2


def test_a_dry_run_says_how_many_it_may_become(tmp_path: Path, arguments: list[object]) -> None:
    done = harness(*arguments, "--device", "virtual:1", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "20 to 36 trials" in done.stdout
    assert "whose ratio is not yet known to 5 %" in " ".join(done.stdout.split())
    document = json.loads(harness(*arguments, "--device", "virtual:1", "--dry-run", "--json").stdout)
    assert (document["count"], document["count_at_most"]) == (20, 36)
    assert (len(document["trials"]), len(document["further"])) == (20, 16)
    assert document["adaptive"] == {"min_blocks": 5, "max_blocks": 9, "until": 0.05, "device_s": None}
    (seconds,) = document["device_seconds"].values()
    assert seconds == {"at_least": 0.0, "at_most": 36 * 120.0}
    assert all(trial["purpose"] == Purpose.LATENCY for trial in document["further"])
