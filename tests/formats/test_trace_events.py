"""Traces in Chrome's JSON format, in themselves and in Perfetto."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from harness.cli.main import run_cli
from harness.records import Conditions, Purpose, Result, Sample, Setback, Status
from harness.records.causes import Cause
from harness.runs.run_store import load_run
from tests.analysis.made_up import BEGAN, cell, op, result
from tests.cli.comparable_runs import noise, two_delegates, write_run
from tests.formats.perfetto import opened

HOSTILE = '<script>alert(1)</script>"\\u0000\u2028\x07 😀'


def exported(run: Path, out: Path, *options: str) -> list[dict[str, Any]]:
    assert run_cli(["export", str(run), "--format", "trace", "-o", str(out), *options]) == 0
    document = json.loads(out.read_text())
    assert document["otherData"]["notes"]
    events = document["traceEvents"]
    assert isinstance(events, list)
    return events


def slices(events: list[dict[str, Any]], tid: int = 1) -> list[dict[str, Any]]:
    return [event for event in events if event["ph"] == "X" and event["tid"] == tid]


def measured(block: int, **conditions: Any) -> Result:
    return replace(result(1000.0, block=block), conditions=Conditions(**conditions), duration_s=0.8)


def test_a_trial_is_a_slice_with_what_was_waited_for_and_counted(tmp_path: Path) -> None:
    samples = (Sample(t_s=0.1, frequency_khz={4: 2_000_000, 5: 1_500_000}, temperature_c=31.5), Sample(t_s=0.2))
    first = measured(0, temperature_before_c=30.0, temperature_after_c=32.0, samples=samples, canary_us=90.0)
    second = measured(
        10, waited_s=3.0, temperature_before_c=31.0, simulated=("temperature_before_c",), canary_after_us=95.0
    )
    events = exported(write_run(tmp_path / "run", [second, first]), tmp_path / "t.json")
    one, two = slices(events)
    assert (one["ts"], one["dur"], two["ts"]) == (0, 800_000, 10_000_000)
    assert one["name"] == "m cpu 1 thr big, latency 0"
    assert one["args"]["inference_avg_us"] == 1000.0
    assert one["cat"] == one["args"]["status"] == "ok"
    assert (one["args"]["canary_us"], one["args"].get("canary_after_us")) == (90.0, None)
    assert two["args"]["canary_after_us"] == 95.0
    assert two["args"]["simulated"] == "temperature_before_c"
    (waiting,) = slices(events, tid=2)
    assert (waiting["ts"], waiting["dur"]) == (7_000_000, 3_000_000)
    counters = {(e["name"], e["ts"]): e["args"]["value"] for e in events if e["ph"] == "C"}
    assert counters == {
        ("temperature C", 0): 30.0,
        ("temperature C", 100_000): 31.5,
        ("temperature C", 800_000): 32.0,
        ("clock MHz cpu4", 100_000): 2000.0,
        ("clock MHz cpu5", 100_000): 1500.0,
        ("temperature C (simulated)", 10_000_000): 31.0,
    }


def test_what_the_suite_says_of_the_model_stands_at_each_trial(tmp_path: Path) -> None:
    plain, signed = result(1000.0, block=0), result(1000.0, block=1)
    signed = replace(signed, trial=replace(signed.trial, model=replace(signed.trial.model, signature="decode")))
    one, two = slices(exported(write_run(tmp_path / "run", [plain, signed]), tmp_path / "t.json"))
    assert "model_asked" not in one["args"]
    assert two["args"]["model_asked"] == "signature decode"


def test_what_never_ran_is_an_instant_and_setbacks_stand_where_they_happened(tmp_path: Path) -> None:
    setback = Setback(cause=Cause.DEVICE_LOST, message="unplugged", at=BEGAN + timedelta(seconds=2))
    skipped = replace(result(None, status=Status.SKIPPED, block=1), duration_s=0.0)
    events = exported(
        write_run(
            tmp_path / "run",
            [result(None, status=Status.FAILED), skipped, replace(result(5.0, block=3), setbacks=(setback,))],
        ),
        tmp_path / "t.json",
    )
    instants = {event["name"]: (event["tid"], event["ts"]) for event in events if event["ph"] == "i"}
    assert instants == {"m cpu 1 thr big, latency 1": (1, 1_000_000), "device_lost": (3, 2_000_000)}
    assert len(slices(events)) == 2


def test_trials_that_overlap_by_the_clock_stand_behind_one_another(tmp_path: Path) -> None:
    same = [replace(one, started_at=BEGAN) for one in cell(noise(1, count=3))]
    found = slices(exported(write_run(tmp_path / "run", same), tmp_path / "t.json"))
    assert [one["ts"] for one in found] == [0, 1_000_000, 2_000_000]
    assert [one["args"].get("moved_by_s") for one in found] == [None, 1.0, 2.0]


def test_ops_follow_one_another_and_add_up_to_the_inference(tmp_path: Path) -> None:
    ops = [
        op(0, "Convolution (NHWC, F32) IGEMM", "Delegate/Convolution (NHWC, F32) IGEMM:0", 600.0),
        op(1, "Static Reshape (NC)", "Delegate/Static Reshape (NC):1", 0.0),
        op(2, "SOFTMAX", "[out]:5", 150.0, times_called=2),
    ]
    run = write_run(tmp_path / "run", [result(1000.0, delegate="xnnpack", purpose=Purpose.PROFILE, ops=ops)])
    found = slices(exported(run, tmp_path / "t.json", "--table", "ops"))
    assert [(one["name"], one["ts"], one["dur"]) for one in found] == [
        ("inference", 0, 1000.0),
        ("delegate, part 1", 0, 600.001),
        ("Convolution (NHWC, F32) IGEMM", 0, 600.0),
        ("Static Reshape (NC)", 600.0, 0.001),
        ("SOFTMAX", 600.001, 300.0),
        ("outside all ops", 900.001, pytest.approx(99.999)),
    ]
    assert found[3]["args"]["us"] == 0
    assert found[4]["args"]["share"] == pytest.approx(0.3)


def test_no_trial_and_no_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = write_run(tmp_path / "empty", [])
    assert exported(empty, tmp_path / "t.json") == []
    assert run_cli(["export", str(empty), "--table", "ops", "--format", "trace"]) == 2
    assert "purposes: [latency, profile]" in capsys.readouterr().err


def test_a_selection_of_cells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = two_delegates(tmp_path / "run")
    events = exported(run, tmp_path / "t.json", "--where", "delegate=xnnpack")
    assert {event["name"].split()[1] for event in slices(events)} == {"xnnpack"}
    assert run_cli(["export", str(run), "--where", "delegate=gpu", "--format", "trace"]) == 2
    assert run_cli(["export", str(run), "--where", "delegate=cpu"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 12


def test_perfetto_opens_the_trials_of_a_real_run(real_run: Path, tmp_path: Path, chromium: Browser) -> None:
    out = tmp_path / "trials.json"
    events = exported(real_run, out)
    with opened(chromium, out) as trace:
        assert trace.complaints() == []
        rows = trace.query(
            "select s.name, s.ts, s.dur, s.depth, extract_arg(s.arg_set_id, 'args.trial_id') id from slice s order by ts"
        )
        (process,) = trace.query("select name from process where name is not null")
        counters = trace.query("select t.name, count(*) n from counter join track t on t.id = track_id group by t.name")
    results = sorted(load_run(real_run).results, key=lambda one: one.started_at)
    assert [row["id"] for row in rows] == [one.trial.trial_id for one in results]
    assert [row["dur"] for row in rows] == [round(one.duration_s * 1e9) for one in results]
    assert {row["depth"] for row in rows} == {0}
    assert str(process["name"]).startswith(f"{results[0].trial.device} (")
    assert {str(row["name"]).split(" (simulated)")[0] for row in counters} >= {"temperature C"}
    assert sum(row["n"] for row in counters) == sum(event["ph"] == "C" for event in events)


def test_perfetto_opens_the_ops_of_a_real_inference(real_run: Path, tmp_path: Path, chromium: Browser) -> None:
    out = tmp_path / "ops.json"
    exported(real_run, out, "--table", "ops")
    with opened(chromium, out) as trace:
        assert trace.complaints() == []
        rows = trace.query(
            "select t.name thread, s.name, s.ts, s.dur, s.depth, extract_arg(s.arg_set_id, 'args.us') us from slice s "
            "join thread_track k on s.track_id = k.id join thread t using (utid) order by thread, s.ts, s.depth"
        )
    profiles = [one for one in load_run(real_run).results if one.trial.purpose is Purpose.PROFILE]
    for one in profiles:
        assert one.measurement is not None
        mine = [row for row in rows if row["thread"] == f"mixed_fp32 {one.trial.delegate.label} 1 thr big"]
        ops = [row for row in mine if row["us"] is not None]
        assert [row["name"] for row in ops] == [row.node_type for row in one.measurement.ops or ()]
        assert all(row["dur"] == max(1, round(row["us"] * 1000)) for row in ops)
        assert all(after["ts"] == before["ts"] + before["dur"] for before, after in pairwise(ops))
        assert mine[0]["name"] == "inference"
        assert all(row["ts"] + row["dur"] <= mine[0]["dur"] for row in mine)
    # XNNPACK takes the model in several parts; nothing lies deeper than an op within a part.
    assert sum(str(row["name"]).startswith("delegate, part") for row in rows) > 1
    assert max(row["depth"] for row in rows) == 2


def test_perfetto_takes_hostile_names_for_text(tmp_path: Path, chromium: Browser) -> None:
    run = write_run(tmp_path / "run", cell(noise(1, count=2), model=HOSTILE))
    out = tmp_path / "t.json"
    exported(run, out)
    with opened(chromium, out) as trace:
        assert trace.complaints() == []
        names = {row["name"] for row in trace.query("select name from slice")}
    assert names == {f"{HOSTILE} cpu 1 thr big, latency {number}" for number in (0, 1)}
