"""How far a run is, and what of an adaptive run its results decide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness.records import Impossible, Purpose, Result, Status, Trial
from harness.records.adaptive_decisions import AdaptivePlan
from harness.runs.run_progress import (
    adaptive_progress,
    processes_of,
    record_decisions,
    stopping_of,
    unfinished,
    unfinished_on,
)
from harness.runs.run_store import Manifest, Run, RunStore, load_run
from tests.analysis.made_up import BEGAN, OTHER_PHONE, PHONE, result

PLAN = AdaptivePlan(min_blocks=5, max_blocks=8, until=0.02)
LATENCY_US = {"cpu": 1000.0, "gpu": 500.0}
HERE, THERE = PHONE.serial, OTHER_PHONE.serial


def finished(blocks: Iterable[int], *, device: str = HERE, purpose: Purpose = Purpose.LATENCY) -> list[Result]:
    """Two cells of a device, of steady latency."""
    return [
        result(value, delegate=delegate, device=device, block=block, purpose=purpose)
        for block in blocks
        for delegate, value in LATENCY_US.items()
    ]


def trials(results: Iterable[Result]) -> tuple[Trial, ...]:
    return tuple(one.trial for one in results)


def fixed(trials_of_it: tuple[Trial, ...]) -> Manifest:
    return Manifest(
        run_id="r", suite="s", suite_text="suite: s", started_at=BEGAN, harness_version="0", trials=trials_of_it
    )


def adaptive(devices: tuple[str, ...] = (HERE,)) -> Manifest:
    """Five blocks in any case, three more if they are needed."""
    first = [one for device in devices for one in finished(range(5), device=device)]
    more = [one for device in devices for one in finished(range(5, 8), device=device)]
    manifest = fixed(trials(first))
    return replace(manifest, adaptive=PLAN, further=trials(more), baseline={"delegate": "cpu"})


def run_of(manifest: Manifest, results: Iterable[Result]) -> Run:
    return Run(path=Path("r"), manifest=manifest, results=tuple(results))


def test_what_has_no_result_is_unfinished_by_device() -> None:
    planned = finished(range(2)) + finished(range(3), device=THERE)
    run = run_of(fixed(trials(planned)), planned[:3])
    assert unfinished_on(run) == {HERE: 1, THERE: 6}
    assert unfinished(run) == 7
    assert unfinished(run_of(run.manifest, planned)) == 0
    assert unfinished_on(run_of(run.manifest, planned)) == {}


def test_a_failed_trial_is_finished_and_one_that_cannot_run_needs_its_record() -> None:
    (first, second) = finished(range(1))
    manifest = replace(
        fixed((first.trial,)),
        impossible=(Impossible(trial=second.trial, reason="no GPU"),),
    )
    assert unfinished(run_of(manifest, [])) == 2
    assert unfinished(run_of(manifest, [replace(first, status=Status.FAILED)])) == 1


def test_a_run_of_fixed_length_decides_nothing(tmp_path: Path) -> None:
    results = finished(range(5))
    run = run_of(fixed(trials(results)), results)
    assert stopping_of(run.manifest) == {}
    assert adaptive_progress(run) == ()
    with RunStore.create(tmp_path / "run", run.manifest) as store:
        record_decisions(store)
        assert store.decisions() == ()


def test_before_the_least_number_of_blocks_the_whole_of_it_is_unfinished() -> None:
    assert unfinished(run_of(adaptive(), [])) == 10
    assert unfinished(run_of(adaptive(), finished(range(2)))) == 6


def test_after_it_only_the_next_block_counts_and_nothing_once_it_is_decided() -> None:
    noise = [
        replace(one, measurement=replace(one.measurement, inference_avg_us=(500.0 if one.trial.block % 2 else 900.0)))
        if one.measurement is not None and one.trial.delegate.name == "gpu"
        else one
        for one in finished(range(5))
    ]
    assert unfinished(run_of(adaptive(), noise)) == 2, "one block of two cells, of three that may come"
    assert unfinished(run_of(adaptive(), finished(range(5)))) == 0


def test_devices_of_an_adaptive_run_decide_for_themselves(tmp_path: Path) -> None:
    manifest = adaptive((HERE, THERE))
    assert set(stopping_of(manifest)) == {HERE, THERE}
    results = finished(range(5)) + finished(range(3), device=THERE)
    run = run_of(manifest, results)
    here, there = adaptive_progress(run)
    assert (here.device, here.blocks, here.going_on) == (HERE, 5, 0)
    assert (there.device, there.blocks, len(there.trials), there.going_on) == (THERE, 3, 2, 1)
    assert unfinished_on(run) == {THERE: 4}
    with RunStore.create(tmp_path / "run", manifest) as store:
        for one in results:
            store.append(one)
        record_decisions(store)
        record_decisions(store)
    (decision,) = load_run(tmp_path / "run").decisions
    assert (decision.device, decision.reason, decision.block, decision.blocks) == (HERE, "narrow", 4, 5)
    assert decision.ratio is not None
    assert abs(decision.ratio - 0.5) < 1e-9


def test_only_latency_decides() -> None:
    profile = finished(range(1), purpose=Purpose.PROFILE)
    latency = finished(range(2))
    assert set(processes_of([*profile, *latency])) == {one.trial.trial_id for one in latency}
    manifest = replace(adaptive(), trials=(*trials(profile), *adaptive().trials))
    assert [step.blocks for step in adaptive_progress(run_of(manifest, [*profile, *latency]))] == [2]
