from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from harness.devices.topology import Topology, build_topology
from harness.errors import UsageError
from harness.records import ModelRef, Purpose, Trial
from harness.records.causes import Cause
from harness.suite.expand import DevicePlan, Expansion, expand
from harness.suite.suite_file import Suite

FOUR_FOUR = build_topology(
    present="0-7", online="0-7", capacities={i: 300 if i < 4 else 1024 for i in range(8)}, max_frequencies_khz={}
)
SINGLE = build_topology(present="0-3", online="0-3", capacities={}, max_frequencies_khz={})
MODELS = tuple(ModelRef(name=name, path=name, sha256=name * 64, size_bytes=1) for name in "ab")


def plan(serial: str = "one", topology: Topology = FOUR_FOUR) -> DevicePlan:
    return DevicePlan(serial=serial, topology=topology, cpu_sets={})


def run(*devices: DevicePlan, seed: int = 1, **keys: object) -> Expansion:
    suite = Suite.model_validate({"suite": "s", "models": ["x"], "delegates": ["cpu", "xnnpack"], **keys})
    return expand(suite, MODELS, devices or (plan(),), seed=seed)


def test_every_cell_runs_once_in_each_block() -> None:
    expansion = run(threads=[1, 2], cpus=["big", "all"], processes=3)
    cells = 2 * 2 * 2 * 2
    assert len(expansion.trials) == 3 * cells
    for block in range(3):
        asked = [(t.model.name, t.delegate.name, t.threads, t.cpus.label) for t in expansion.trials if t.block == block]
        assert len(asked) == len(set(asked)) == cells
        assert {t.process for t in expansion.trials if t.block == block} == {block}


def test_profile_and_memory_run_once_and_after_the_latencies() -> None:
    expansion = run(purposes=["profile", "memory", "latency"], processes=2)
    counts = Counter(trial.purpose for trial in expansion.trials)
    assert counts == {Purpose.LATENCY: 8, Purpose.PROFILE: 4, Purpose.MEMORY: 4}
    assert [trial.purpose for trial in expansion.trials[:8]] == [Purpose.LATENCY] * 8


def test_each_purpose_runs_as_often_as_asked_and_known_ids_stay() -> None:
    purposes = ["latency", "profile", "memory"]
    once = run(purposes=purposes, processes=2)
    more = run(purposes=purposes, processes={"latency": 2, "profile": 3, "memory": 4})
    assert Counter(t.purpose for t in more.trials) == {Purpose.LATENCY: 8, Purpose.PROFILE: 12, Purpose.MEMORY: 16}
    assert {t.process for t in more.trials if t.purpose is Purpose.MEMORY} == {0, 1, 2, 3}
    assert {t.trial_id for t in once.trials} < {t.trial_id for t in more.trials}
    assert [t.trial_id for t in more.trials[:8]] == [t.trial_id for t in once.trials[:8]]
    for block in {t.block for t in more.trials}:
        asked = [(t.model.name, t.delegate.name, t.purpose) for t in more.trials if t.block == block]
        assert len(set(asked)) == len(asked) == 4


def test_the_seed_decides_the_order_and_nothing_else() -> None:
    first, again, other = run(processes=4), run(processes=4), run(processes=4, seed=2)
    assert first == again
    assert [t.trial_id for t in first.trials] != [t.trial_id for t in other.trials]
    assert {t.trial_id for t in first.trials} == {t.trial_id for t in other.trials}


def test_blocks_are_in_different_orders() -> None:
    trials = run(threads=[1, 2, 3, 4], processes=2).trials
    orders = [[(t.model.name, t.delegate.name, t.threads) for t in trials if t.block == block] for block in (0, 1)]
    assert orders[0] != orders[1]


def test_without_interleaving_a_cells_processes_follow_each_other() -> None:
    trials = run(order={"interleave": False}, processes=3).trials
    assert [t.process for t in trials] == [0, 1, 2] * 4


def test_trial_ids_are_unique_and_safe_as_folder_names() -> None:
    ids = [t.trial_id for t in run(plan("a"), plan("b/../c"), threads=[1, 2], processes=3).trials]
    assert len(set(ids)) == len(ids)
    assert all(text.isalnum() for text in ids)


def test_cores_that_one_device_lacks_are_skipped_there_and_said() -> None:
    expansion = run(plan("a"), plan("b", SINGLE), cpus=["f0"], processes=1)
    assert {t.device for t in expansion.trials} == {"a"}
    assert {(i.trial.device, "'f0'" in i.reason) for i in expansion.impossible} == {("b", True)}


def test_more_threads_than_cores_is_warned_of() -> None:
    expansion = run(cpus=["80"], threads=[1, 4])
    assert expansion.warnings == ("one: 4 threads on 1 cores (80): slower, not faster",)


def test_a_word_that_means_nothing_is_an_error_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="biig"):
        run(cpus=["biig"])


def test_device_time_is_bounded_by_the_suites_own_limits() -> None:
    expansion = run(processes=2, run={"min_s": 1, "warmup_s": 0.5, "timeout_s": 10})
    assert expansion.device_seconds("one") == (8 * 1.5, 8 * 10)


def test_start_states_multiply_the_delegates_that_keep_a_cache() -> None:
    trials = run(delegates=["cpu", "xnnpack", "gpu"], start=["warm", "cold", "cached"], processes=1).trials
    asked = {(t.delegate.name, t.start) for t in trials}
    both = {(name, start) for name in ("xnnpack", "gpu") for start in ("warm", "cold", "cached")}
    assert asked == {("cpu", "warm"), *both}
    assert len({t.trial_id for t in trials}) == len(trials) == 2 * 7
    labels = {t.delegate_label for t in trials if t.delegate.name == "gpu"}
    assert labels == {"gpu", "gpu, cold start", "gpu, cached start"}


def test_a_second_start_state_leaves_the_ids_of_the_others() -> None:
    one, more = run(delegates=["gpu"], processes=1), run(delegates=["gpu"], start=["cold", "warm"], processes=1)
    assert {t.trial_id for t in one.trials} <= {t.trial_id for t in more.trials}


def test_forbidden_synthetic_numbers_are_known_to_each_trial() -> None:
    assert {t.forbid_synthetic for t in run(synthetic="forbid").trials} == {True}
    assert {t.forbid_synthetic for t in run().trials} == {False}


def test_a_delegate_that_may_take_nothing_is_not_called_by_its_name_alone() -> None:
    [label] = {t.delegate_label for t in run(delegates=[{"name": "gpu", "require": "any"}]).trials}
    assert label == "gpu(require=any)"
    [label] = {t.delegate_label for t in run(delegates=[{"name": "gpu", "require": "full", "backend": "cl"}]).trials}
    assert label == "gpu(backend=cl)"


def test_who_comes_first_in_a_block_is_a_matter_of_chance_on_each_device() -> None:
    trials = run(plan("one"), plan("two"), processes=400, models=["x"]).trials
    first: dict[tuple[str, int], Trial] = {}
    for trial in trials:
        first.setdefault((trial.device, trial.block), trial)
    for serial in ("one", "two"):
        leaders = Counter((t.model.name, t.delegate.name) for (device, _), t in first.items() if device == serial)
        assert sum(leaders.values()) == 400
        assert all(65 <= count <= 135 for count in leaders.values()), (
            leaders
        )  # 4 cells, 3.5 standard deviations around 100
    cells = [[(t.model.name, t.delegate.name) for t in trials if t.device == serial] for serial in ("one", "two")]
    assert cells[0] != cells[1]


ADAPTIVE = {"min": 5, "max": 12, "until": "2%"}


def test_an_adaptive_suite_is_planned_to_its_end_as_a_fixed_one_is() -> None:
    fixed = run(processes=12, purposes=["latency", "profile"])
    adaptive = run(processes=ADAPTIVE, purposes=["latency", "profile"], baseline={"delegate": "cpu"})
    assert {t.process for t in adaptive.trials if t.purpose is Purpose.LATENCY} == set(range(5))
    assert {t.process for t in adaptive.further} == set(range(5, 12))
    assert {t.purpose for t in adaptive.further} == {Purpose.LATENCY}
    # The order within a block is another one: a run that may end after any block keeps step less early on.
    assert {(t.trial_id, t.block) for t in (*adaptive.trials, *adaptive.further)} == {
        (t.trial_id, t.block) for t in fixed.trials
    }
    least, most = adaptive.device_seconds("one")
    assert least < fixed.device_seconds("one")[0]
    assert most == fixed.device_seconds("one")[1]


def test_what_cannot_run_is_not_planned_further() -> None:
    expansion = run(plan(topology=SINGLE), processes=ADAPTIVE, cpus=["all", "f0"], baseline={"delegate": "cpu"})
    assert {item.trial.process for item in expansion.impossible} == set(range(5))
    assert {t.cpus.label for t in expansion.further} == {"all"}


def test_what_a_model_is_fed_with_is_part_of_what_a_trial_asks() -> None:
    plain, fed = (
        expand(Suite.model_validate({"suite": "s", "models": ["x"]}), [model], (plan(),), seed=1)
        for model in (MODELS[0], replace(MODELS[0], signature="add"))
    )
    assert {t.trial_id for t in plain.trials}.isdisjoint(t.trial_id for t in fed.trials)


def test_predecessors_are_balanced_and_cells_that_cannot_run_take_no_part() -> None:
    itself = 0
    for seed in range(10):
        trials = run(plan(topology=SINGLE), seed=seed, processes=12, cpus=["all", "f0"], models=["x"]).trials
        cells = sorted({(t.model.name, t.delegate.name) for t in trials})
        assert len(cells) == 4
        ran = [(t.model.name, t.delegate.name) for t in trials]
        follows = Counter(pairwise(ran))
        apart = [follows[one, two] for one in cells for two in cells if one != two]
        assert max(apart) - min(apart) <= 5, "47 over 16 pairs"
        itself += sum(follows[one, one] for one in cells)
    assert itself >= 50, "cells follow themselves, too, in about 68 of 470: in a plain shuffle in 27"


def test_of_two_cells_either_order_is_the_others_reverse_but_once() -> None:
    suite = Suite.model_validate({"suite": "s", "models": ["x"], "delegates": ["cpu", "xnnpack"]})
    trials = expand(suite, MODELS[:1], (plan(),), seed=1).trials
    orders = [[t.delegate.name for t in trials if t.block == block] for block in range(10)]
    assert sum(one == two for one, two in pairwise(orders)) == 1


def test_files_that_are_no_models_take_no_part_in_the_order() -> None:
    suite = Suite.model_validate({"suite": "s", "models": ["x"], "delegates": ["cpu", "xnnpack"]})
    page = ModelRef(name="page", path="page.html", sha256="c" * 64, size_bytes=1)
    alone = expand(suite, MODELS, (plan(),), seed=1)
    beside = expand(suite, (*MODELS, page), (plan(),), seed=1, no_models={"page.html": "it is a page"})
    assert [t.trial_id for t in beside.trials] == [t.trial_id for t in alone.trials]
    assert {item.trial.model.name for item in beside.impossible} == {"page"}


def test_a_model_whose_ops_a_binary_lacks_is_skipped_there_and_takes_no_part_in_the_order() -> None:
    suite = Suite.model_validate({"suite": "s", "models": ["x"], "delegates": ["cpu", "xnnpack"]})
    flex = ModelRef(name="flex", path="flex.tflite", sha256="c" * 64, size_bytes=1)
    lacking = replace(plan(), lacking_ops={(None, "flex.tflite"): "it needs FlexErf"})
    alone, beside = (expand(suite, models, (lacking,), seed=1) for models in (MODELS, (*MODELS, flex)))
    assert [t.trial_id for t in beside.trials] == [t.trial_id for t in alone.trials]
    assert {(item.trial.model.name, item.reason, item.cause) for item in beside.impossible} == {
        ("flex", "it needs FlexErf", Cause.OP_UNSUPPORTED)
    }
    assert all(item.skipped for item in beside.impossible)
    both = expand(suite, (flex,), (replace(lacking, lacking_ops={("other", "flex.tflite"): "it lacks it"}),), seed=1)
    assert both.impossible == ()
