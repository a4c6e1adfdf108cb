from __future__ import annotations

import contextlib
import gc
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.errors import SetupError, UsageError
from harness.records import (
    CellKey,
    CpuRequest,
    DelegateRequest,
    Measurement,
    ModelRef,
    OpTiming,
    Purpose,
    Result,
    RunLengths,
    RunStatistics,
    Status,
    Trial,
)
from harness.records.adaptive_decisions import AdaptivePlan, Decision
from harness.records.causes import Cause
from harness.runs.run_folder import refuse_own_file
from harness.runs.run_store import FORMAT_VERSION, Manifest, RunStore, collector_paused, load_run

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def trial(number: int = 0) -> Trial:
    return Trial(
        trial_id=f"{number:016x}",
        device="emulator-5554",
        model=ModelRef(name="<script>模型", path="/m", sha256="0" * 64, size_bytes=1),
        delegate=DelegateRequest(name="gpu", options={"precision": "fp16"}),
        threads=1,
        cpus=CpuRequest(label="big", mask=0xF0),
        purpose=Purpose.LATENCY,
        process=number,
        block=0,
        run=RunLengths(),
    )


def result(number: int = 0) -> Result:
    return Result(
        trial=trial(number),
        status=Status.INVALID,
        causes=(Cause.AFFINITY_NOT_HONOURED,),
        measurement=Measurement(
            inference_avg_us=12.5,
            runs=RunStatistics(count=3, avg=12.5),
            ops=(OpTiming(index=0, node_type="CONV_2D", name="a, b"),),
        ),
        started_at=NOW,
        duration_s=1.5,
        logs={"stdout": "logs/x/stdout.txt"},
    )


def manifest() -> Manifest:
    return Manifest(
        run_id="r", suite="s", suite_text="suite: s", started_at=NOW, harness_version="0", trials=(trial(0), trial(1))
    )


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "run", manifest()) as store:
        store.append(result(0))
        store.append(result(1))
    run = load_run(tmp_path / "run")
    assert run.manifest == manifest()
    assert run.results == (result(0), result(1))


def test_a_torn_last_line_is_passed_over_and_cut_by_the_next_writer(tmp_path: Path) -> None:
    with RunStore.create(tmp_path, manifest()) as store:
        store.append(result(0))
    file = tmp_path / "trials.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])
    assert load_run(tmp_path).results == (result(0),)
    with RunStore.open(tmp_path) as store:
        store.append(result(1))
    assert load_run(tmp_path).results == (result(0), result(1))


def test_a_first_line_that_is_torn_leaves_an_empty_run(tmp_path: Path) -> None:
    RunStore.create(tmp_path, manifest()).close()
    (tmp_path / "trials.jsonl").write_bytes(b'{"trial": ')
    with RunStore.open(tmp_path) as store:
        assert store.results() == ()
        store.append(result(0))
    assert load_run(tmp_path).results == (result(0),)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with RunStore.create(tmp_path, manifest()):
        with pytest.raises(SetupError, match="another harness process"):
            RunStore.open(tmp_path)
        with pytest.raises(SetupError, match="another harness process"):
            RunStore(tmp_path, manifest())


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    RunStore.create(tmp_path, manifest()).close()
    with pytest.raises(UsageError, match="already holds a run"):
        RunStore.create(tmp_path, manifest())


def test_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    RunStore.create(tmp_path, manifest()).close()
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format_version": FORMAT_VERSION + 1}))
    with pytest.raises(UsageError, match=f"format {FORMAT_VERSION + 1}"):
        load_run(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format_version": 1}', "\x00"])
def test_damage_is_one_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(UsageError, match=r"manifest\.json"):
        load_run(tmp_path)


@pytest.mark.parametrize("line", [b'{"trial": 3}', b"", b"\xff{", b"null"])
def test_a_damaged_line_is_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture, line: bytes) -> None:
    with RunStore.create(tmp_path, manifest()) as store:
        store.append(result(0))
    with (tmp_path / "trials.jsonl").open("ab") as stream:
        stream.write(line + b"\n")
    with RunStore.open(tmp_path) as store:
        assert store.results() == (result(0),)
        store.append(result(1))
    caplog.clear()
    run = load_run(tmp_path)
    assert (run.results, run.damaged) == ((result(0), result(1)), (2,))
    [said] = caplog.messages
    assert "trials.jsonl:2 is damaged and left out: " in said


def test_of_a_trial_that_was_to_run_again_the_last_result_counts_and_all_logs_are_kept(tmp_path: Path) -> None:
    first, again = result(0), replace(result(0), duration_s=2.0)
    name = first.trial.trial_id
    with RunStore.create(tmp_path / "run", manifest()) as store:
        (store.log_dir(name) / "stdout.txt").write_text("first")
        store.append(first)
        store.append(result(1))
    assert load_run(tmp_path / "run").manifest.format_version == 2
    with RunStore.open(tmp_path / "run") as store:
        store.retry([name])
        assert store.results() == (first, result(1)), "as long as there is no other"
        (store.log_dir(name) / "stdout.txt").write_text("second")
        assert store.log_dir(name) == tmp_path / "run" / "logs" / name
        store.append(again)
    run = load_run(tmp_path / "run")
    assert run.results == (result(1), again)
    assert (run.manifest.retried, run.manifest.format_version) == ((name,), 3)
    logs = {file.parent.name: file.read_text() for file in (tmp_path / "run" / "logs").glob("*/stdout.txt")}
    assert logs == {name: "second", f"{name}.1": "first"}


def test_two_results_of_one_trial_are_damage_but_one_line_twice_is_not(tmp_path: Path) -> None:
    with RunStore.create(tmp_path, manifest()) as store:
        store.append(result(0))
        store.append(result(0))
        assert load_run(tmp_path).results == (result(0),)
        store.append(replace(result(0), duration_s=2.0))
    with pytest.raises(UsageError, match="another result"):
        load_run(tmp_path)


def test_no_run_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        load_run(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden", "a" * 200])
def test_folders_of_logs_stay_inside(tmp_path: Path, name: str) -> None:
    with RunStore.create(tmp_path, manifest()) as store, pytest.raises(ValueError):
        store.log_dir(name)


def test_a_full_disk_is_said_and_leaves_whole_lines(tmp_path: Path) -> None:
    with RunStore.create(tmp_path, manifest()) as store:
        store.append(result(0))
    full = tmp_path / "full"
    full.mkdir()
    (full / "manifest.json").write_text((tmp_path / "manifest.json").read_text())
    (full / "trials.jsonl").symlink_to("/dev/full")
    with RunStore(full, manifest()) as store, pytest.raises(SetupError, match="No space left"):
        store.append(result(1))


def decision(delegate: str = "gpu", ratio: float = 0.5) -> Decision:
    key = CellKey(model="m", device="emulator-5554", delegate=delegate, threads=1, cpus="big")
    return Decision(
        device="emulator-5554",
        head=key,
        base=replace(key, delegate="cpu"),
        reason="narrow",
        block=6,
        blocks=7,
        ratio=ratio,
        ci_low=0.98 * ratio,
        ci_high=1.01 * ratio,
        level=0.99,
        method="a method",
        device_s=12.5,
        at=NOW,
    )


def test_decisions_are_kept_as_results_are(tmp_path: Path) -> None:
    plan = AdaptivePlan(min_blocks=5, max_blocks=30, until=0.02, device_s=60)
    with RunStore.create(tmp_path, replace(manifest(), adaptive=plan, further=(trial(2),))) as store:
        store.append(result(0))
        assert not (tmp_path / "decisions.jsonl").exists()
        store.decide(decision())
        store.decide(decision("nnapi"))
        assert store.decisions() == (decision(), decision("nnapi"))
    file = tmp_path / "decisions.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:50])
    assert load_run(tmp_path).decisions == (decision(), decision("nnapi"))
    with RunStore.open(tmp_path) as store:
        store.decide(decision("hexagon"))
    run = load_run(tmp_path)
    assert [one.head.delegate for one in run.decisions if one.head] == ["gpu", "nnapi", "hexagon"]
    assert (run.manifest.adaptive, run.manifest.further) == (plan, (trial(2),))
    assert run.manifest.planned == (trial(0), trial(1)), "what may not be needed is not planned"
    with RunStore.open(tmp_path) as store:
        store.decide(decision(ratio=0.6))
    with pytest.raises(UsageError, match=r"decisions\.jsonl:4 decides again"):
        load_run(tmp_path)


def test_a_run_of_the_first_format_is_read(tmp_path: Path) -> None:
    with RunStore.create(tmp_path, manifest()) as store:
        store.append(result(0))
    file = tmp_path / "manifest.json"
    data = json.loads(file.read_text())
    del data["adaptive"], data["further"], data["balanced"]
    file.write_text(json.dumps({**data, "format_version": 1}))
    run = load_run(tmp_path)
    assert (run.manifest.adaptive, run.manifest.further, run.decisions) == (None, (), ())
    assert not run.manifest.balanced, "its order was shuffled plainly"
    assert run.results == (result(0),)
    with RunStore.open(tmp_path) as store:
        store.append(result(1))
    assert len(load_run(tmp_path).results) == 2


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "{", "null"])
def test_a_manifest_that_is_none_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UsageError, match=r"manifest\.json is damaged: \w") as caught:
        load_run(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_collector_is_paused_and_comes_back_whatever_happens() -> None:
    def fail() -> None:
        with collector_paused():
            assert not gc.isenabled()
            raise RuntimeError

    assert gc.isenabled()
    with pytest.raises(RuntimeError):
        fail()
    assert gc.isenabled()
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()  # it was off before: that is somebody's wish
    finally:
        gc.enable()


def made(path: Path, content: str | None) -> Path:
    """A file, or without content a folder."""
    if content is None:
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("name", "content"), [("report.html", "mine"), ("trials.jsonl", "{}\n"), ("logs/x", "mine"), ("photos", None)]
)
def test_a_folder_that_holds_something_else_is_refused_and_stays_as_it_was(
    tmp_path: Path, name: str, content: str | None
) -> None:
    made(tmp_path / "folder" / name, content)
    before = sorted((tmp_path / "folder").rglob("*"))
    with pytest.raises(UsageError, match=f"not empty and holds no run: it has {name.partition('/')[0]}"):
        RunStore.create(tmp_path / "folder", manifest())
    assert sorted((tmp_path / "folder").rglob("*")) == before


def test_what_a_kill_left_before_the_manifest_is_no_hindrance(tmp_path: Path) -> None:
    made(tmp_path / "trials.jsonl", "")
    made(tmp_path / "logs", None)
    RunStore.create(tmp_path, manifest()).close()


def test_of_many_that_make_a_run_in_one_folder_one_does(tmp_path: Path) -> None:
    count = 8
    together = threading.Barrier(count, timeout=60)
    stores: list[RunStore] = []

    def make(number: int) -> None:
        together.wait()
        with contextlib.suppress(SetupError, UsageError):
            stores.append(RunStore.create(tmp_path / "run", replace(manifest(), run_id=f"r{number}")))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [store] = stores
    assert load_run(tmp_path / "run").manifest.run_id == store.manifest.run_id
    store.close()


def test_whoever_waits_for_a_run_sees_what_was_added_meanwhile(tmp_path: Path) -> None:
    first = RunStore.create(tmp_path / "run", manifest())
    seen: list[str] = []

    def wait() -> None:
        with RunStore.open(tmp_path / "run", wait=True) as store:
            seen.append(store.manifest.suite)

    waiting = threading.Thread(target=wait)
    waiting.start()
    first.extend_manifest(replace(manifest(), suite="more"))
    first.close()
    waiting.join()
    assert seen == ["more"]


@pytest.mark.parametrize(
    "name", ["manifest.json", "trials.jsonl", "decisions.jsonl", "logs/t/stdout.txt", "report.html"]
)
def test_a_run_s_own_files_are_no_outputs(tmp_path: Path, name: str) -> None:
    RunStore.create(tmp_path / "run", manifest()).close()
    (tmp_path / "link").symlink_to(tmp_path / "run")
    with pytest.raises(UsageError, match="part of the run"):
        refuse_own_file(tmp_path / "link" / name)
    refuse_own_file(tmp_path / name)
    refuse_own_file(tmp_path / "run" / "trials.csv")
    refuse_own_file(tmp_path / "run" / "report.html", replaces_report=True)
