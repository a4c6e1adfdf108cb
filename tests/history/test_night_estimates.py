"""Estimates of a run on small samples with known answers."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.history.night_estimates import Estimated, estimates_of
from harness.history.series_of_trial import belongs, series_devices
from harness.records import Conditions, Measurement, Memory, ModelInput, Purpose, Result, RunLengths, Status
from harness.records.causes import Cause
from harness.runs.run_store import Manifest
from tests.analysis.made_up import BEGAN, OTHER_PHONE, PHONE, cell, result

MANIFEST = Manifest(
    run_id="r", suite="s", suite_text="", started_at=BEGAN, harness_version="1.2", devices=(PHONE, OTHER_PHONE)
)


def of(results: list[Result], metric: str = "inference_avg", manifest: Manifest = MANIFEST) -> list[Estimated]:
    return [one for one in estimates_of(manifest, results).estimates if one.key.metric == metric]


def test_value_spread_and_interval_are_those_of_the_processes_that_count() -> None:
    counted = cell([100.0, 110.0, 121.0])
    others = [
        result(1.0, block=7, status=Status.FAILED),
        result(2.0, block=8, status=Status.INVALID),
        result(3.0, block=9, purpose=Purpose.PROFILE),
        result(math.inf, block=10),
        result(0.0, block=11),
        result(None, block=12),
    ]
    (one,) = of([*counted, *others])
    assert (one.value, one.processes) == (110.0, 3)
    step = math.log(1.1)
    assert one.spread == pytest.approx(1.4826 * step)
    assert one.ci_low is not None
    assert one.ci_high is not None
    # Student's interval of three logarithms that lie a step apart.
    half = 4.30265273 * step / math.sqrt(3)
    assert one.ci_low == pytest.approx(110 * math.exp(-half))
    assert one.ci_high == pytest.approx(110 * math.exp(half))


def test_few_processes_have_no_interval_and_a_single_one_no_spread() -> None:
    (two,) = of(cell([100.0, 110.0]))
    assert (two.ci_low, two.ci_high) == (None, None)
    assert two.spread is not None
    (one,) = of(cell([100.0]))
    assert (one.value, one.processes, one.spread, one.ci_low) == (100.0, 1, None, None)


def test_cells_of_all_sizes_have_the_intervals_that_they_have_alone() -> None:
    groups = [
        cell([100.0 + size + step**2 for step in range(size)], threads=size, model=model)
        for size, model in ((3, "a"), (4, "a"), (9, "a"), (4, "b"), (12, "a"))
    ]
    groups.append(cell([500.0 + step for step in range(9)], delegate="gpu"))
    together = of([one for group in groups for one in group])
    alone = [of(group)[0] for group in groups]
    assert sorted(together, key=lambda one: one.key) == sorted(alone, key=lambda one: one.key)


def test_peak_memory_comes_from_the_processes_run_for_it() -> None:
    def with_memory(one: Result, peak: float, grown: float) -> Result:
        memory = Memory(periodic_peak_mb=peak, overall_delta_mb=grown)
        return replace(one, measurement=replace(one.measurement or Measurement(), memory=memory))

    latency = [with_memory(one, 50.0, 0.0) for one in cell([1.0, 1.0, 1.0])]
    memory = with_memory(result(1.0, purpose=Purpose.MEMORY), 60.0, 9.0)
    (peak,) = of([*latency, memory], "peak_memory")
    assert peak.value == 60.0
    # A level of zero has no ratio, so it is no series.
    assert of([*latency, memory], "memory") == []
    grown = [with_memory(one, 50.0, value) for one, value in zip(latency, (0.0, 4.0, 5.0), strict=True)]
    (found,) = of(grown, "memory")
    assert (found.value, found.processes, found.spread, found.ci_low) == (4.0, 3, None, None)


def test_a_synthetic_process_marks_its_estimate_alone() -> None:
    replayed = replace(result(1.0, block=3, delegate="gpu"), synthetic=True)
    found = of([*cell([1.0, 1.0]), *cell([1.0, 1.0], delegate="gpu"), replayed])
    assert {one.key.delegate: one.synthetic for one in found} == {"cpu": False, "gpu": True}


def test_outputs_that_differ_mark_every_estimate_of_the_cell() -> None:
    wrong = result(
        None, purpose=Purpose.ACCURACY, status=Status.INVALID, causes=(Cause.OUTPUT_DIFFERS,), delegate="gpu"
    )
    found = of([*cell([1.0]), *cell([1.0], delegate="gpu"), wrong])
    assert {one.key.delegate: one.output_differs for one in found} == {"cpu": False, "gpu": True}


def test_the_ground_is_what_the_processes_ran_on() -> None:
    seen = Conditions(settings_observed={"governor:policy4": "performance", "governor:policy0": "schedutil", "x": "1"})
    other = replace(seen, settings_observed={"governor:policy4": "powersave"})
    device = replace(PHONE, config_digest="1a2b3c4d")
    manifest = replace(MANIFEST, devices=(device,))
    (one,) = of([result(1.0, conditions=seen), result(1.0, block=1, conditions=other)], manifest=manifest)
    assert one.ground.fingerprint == "google/shiba:15/A"
    assert one.ground.governor == "policy0=schedutil, policy4=performance|powersave"
    assert one.ground.config == "pixel_8 1a2b3c4d"
    assert one.ground.harness_version == "1.2"
    (bare,) = of(cell([1.0]))
    assert (bare.ground.governor, bare.ground.config) == (None, "pixel_8")


def test_a_governor_that_no_suite_set_is_the_one_that_the_device_began_with() -> None:
    device = replace(PHONE, governors={"policy0": "schedutil", "policy4": "schedutil"})
    (one,) = of(cell([1.0]), manifest=replace(MANIFEST, devices=(device,)))
    assert one.ground.governor == "policy0=schedutil, policy4=schedutil"
    seen = result(1.0, conditions=Conditions(settings_observed={"governor:policy4": "performance"}))
    (one,) = of([seen], manifest=replace(MANIFEST, devices=(device,)))
    assert one.ground.governor == "policy0=schedutil, policy4=performance"


def test_what_is_asked_of_each_process_is_part_of_the_ground_but_not_how_many_there_are() -> None:
    def asked(*results: Result) -> str:
        (one,) = of(list(results))
        return one.ground.asked

    plain = result(1.0)
    trial = plain.trial
    before = asked(plain)
    assert before == asked(*cell([1.0, 2.0, 3.0]))
    changed = [
        replace(trial, run=RunLengths(min_runs=51)),
        replace(trial, model=replace(trial.model, inputs=(ModelInput(name="x", shape=(1, 2)),))),
        replace(trial, cpus=replace(trial.cpus, mask=0x0F)),
        replace(trial, delegate=replace(trial.delegate, require="full")),
    ]
    others = [asked(replace(plain, trial=one)) for one in changed]
    others.append(asked(replace(plain, conditions=Conditions(settings_asked={"governor:policy4": "performance"}))))
    assert len({before, *others}) == 6


def test_processes_that_give_no_estimate_do_not_change_its_ground() -> None:
    warm = Conditions(settings_observed={"governor:policy0": "performance"})
    profile = result(1.0, purpose=Purpose.PROFILE, conditions=warm)
    profile = replace(profile, trial=replace(profile.trial, run=RunLengths(min_runs=7)))
    (without,), (beside,) = of(cell([1.0])), of([*cell([1.0]), profile])
    assert beside.ground == without.ground


def test_peak_memory_of_processes_for_memory_stands_on_other_ground_than_that_of_the_others() -> None:
    memory = Memory(periodic_peak_mb=50.0, overall_delta_mb=0.0)
    plain = replace(result(1.0), measurement=Measurement(memory=memory))
    (latency,) = of([plain], "peak_memory")
    (dedicated,) = of([replace(plain, trial=replace(plain.trial, purpose=Purpose.MEMORY))], "peak_memory")
    assert dedicated.value == latency.value
    assert dedicated.ground.asked != latency.ground.asked


def test_two_files_of_one_name_are_two_series() -> None:
    other = result(9.0, block=1)
    other = replace(other, trial=replace(other.trial, model=replace(other.trial.model, sha256="f" * 64)))
    first = result(1.0)
    found = of([first, other])
    assert {one.key.model: one.value for one in found} == {
        f"m [{first.trial.model.sha256[:8]}]": 1.0,
        "m [ffffffff]": 9.0,
    }
    devices = series_devices(MANIFEST.devices)
    for trial, one in zip((first.trial, other.trial), found, strict=True):
        assert belongs(trial, one.key, devices)
    assert not belongs(first.trial, found[1].key, devices)


def test_processes_with_several_binaries_are_no_estimate() -> None:
    mixed = estimates_of(MANIFEST, [result(1.0), result(1.0, block=1, artifact="other")])
    assert mixed.estimates == ()
    assert mixed.notes == ("m on R5CT1: left out, its processes ran with several binaries",)


def test_a_virtual_device_goes_by_its_profile_because_its_serial_is_only_a_port() -> None:
    flagship = replace(PHONE, serial="emulator-9998", virtual=True, config="virtual-flagship")
    again = replace(flagship, serial="emulator-10002")
    entry = replace(flagship, serial="emulator-10000", config="virtual-entry")
    bare = replace(flagship, serial="emulator-10004", config=None)
    names = series_devices((again, entry, flagship, PHONE, bare))
    assert names == {
        "emulator-9998": "virtual:virtual-flagship",
        "emulator-10000": "virtual:virtual-entry",
        "emulator-10002": "virtual:virtual-flagship#2",
        "emulator-10004": "emulator-10004",
        "R5CT1": "R5CT1",
    }
    ran = result(5.0, device="emulator-10002")
    (one,) = of([ran], manifest=replace(MANIFEST, devices=(again, entry, flagship)))
    assert one.key.device == "virtual:virtual-flagship#2"
    assert belongs(ran.trial, one.key, names)
    assert not belongs(replace(ran.trial, start="cold"), one.key, names)
