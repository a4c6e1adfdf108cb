"""What a note says of two sides that were not measured alike, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.analysis.comparability import Side, compare_conditions
from harness.records import Conditions, DeviceInfo, Result, Status
from tests.analysis.made_up import OTHER_PHONE, PHONE, result


def side(*results: Result, device: DeviceInfo | None = PHONE, run: str = "a", version: str = "") -> Side:
    return Side(run_id=run, results=results or (result(1.0),), device=device, harness_version=version)


def under(**conditions: object) -> Result:
    return replace(result(1.0), conditions=Conditions(**conditions))  # type: ignore[arg-type]


def texts(base: Side, head: Side, apart: Sequence[str] = ()) -> list[str]:
    return [note.text for note in compare_conditions(base, head, apart=apart)]


def test_what_a_device_is() -> None:
    assert texts(side(), side(device=OTHER_PHONE)) == [
        "two units of the same phone: R5CT1 and R5CT2",
        "system builds differ: google/shiba:15/A and google/oriole:14/B",
    ]
    assert texts(side(), side(device=replace(PHONE, fingerprint=None))) == [
        "system builds differ: google/shiba:15/A and ?"
    ]
    assert texts(side(), side(device=replace(PHONE, virtual=True))) == ["a virtual device against a phone"]
    virtual = replace(PHONE, virtual=True)
    assert texts(side(device=virtual), side(device=replace(virtual, serial="emulator-5556"))) == []
    assert texts(side(), side(device=None)) == []
    assert texts(side(device=None), side()) == []
    assert texts(side(), side(device=OTHER_PHONE), ["device"]) == []


def test_what_was_run() -> None:
    one = result(1.0)
    other = replace(one, trial=replace(one.trial, model=replace(one.trial.model, sha256="f" * 64)))
    nameless = replace(one, trial=replace(one.trial, model=replace(one.trial.model, sha256="")))
    known = one.trial.model.sha256[:12]
    assert texts(side(), side(other)) == [f"the model file differs: {known} and ffffffffffff"]
    assert texts(side(), side(nameless)) == [f"the model file differs: {known} and ?"]
    fed = replace(one, trial=replace(one.trial, model=replace(one.trial.model, signature="serve")))
    assert texts(side(), side(fed)) == [f"the inputs of the model differ: the tool's own and {fed.trial.model.asked}"]
    assert texts(side(), side(fed), ["model"]) == []
    artifact = replace(one, artifact_sha256="b" * 64), replace(one, artifact_sha256=None)
    assert texts(side(artifact[0]), side(artifact[1])) == ["the benchmark binary differs: bbbbbbbbbbbb and ?"]
    assert texts(side(artifact[0]), side(artifact[1]), ["binary"]) == []
    longer = replace(one, trial=replace(one.trial, run=replace(one.trial.run, min_runs=7, min_s=2.5, warmup_runs=3)))
    usual, asked = one.trial.run, longer.trial.run
    assert texts(side(), side(longer)) == [
        "the processes ran for different lengths: "
        f"{usual.min_runs} runs, {usual.min_s:g} to {usual.max_s:g} s, {usual.warmup_runs} warm-ups and "
        f"7 runs, 2.5 to {asked.max_s:g} s, 3 warm-ups"
    ]
    assert texts(side(version="1"), side(version="2")) == ["harness versions 1 and 2"]


def test_what_strict_refuses_and_what_only_informs() -> None:
    one = result(1.0)
    fed = replace(one, trial=replace(one.trial, model=replace(one.trial.model, signature="serve")))

    def refused(base: Side, head: Side) -> list[tuple[str, bool]]:
        return [(note.kind, note.unlike) for note in compare_conditions(base, head)]

    assert refused(side(run="a", version="1"), side(run="b", version="2")) == [
        ("not_interleaved", False),
        ("harness", False),
    ]
    assert refused(side(), side(fed)) == [("inputs", True)]
    assert refused(side(under(affinity_observed="0f")), side(under(affinity_observed="f0"))) == [("affinity", True)]
    [note] = compare_conditions(side(run="a", version="1"), side(run="b", version="2"), controlled=True)
    assert note.kind == "harness", "what the control does is said by the one who applies it"


def test_several_values_of_a_side_are_listed_in_order() -> None:
    one, two = (replace(result(1.0), artifact_sha256=letter * 64) for letter in "ba")
    assert texts(side(one, two), side(one)) == [
        "the benchmark binary differs: aaaaaaaaaaaa / bbbbbbbbbbbb and bbbbbbbbbbbb"
    ]
    assert texts(side(one, two), side(two, one)) == []


def test_only_processes_that_count_are_looked_at() -> None:
    failed = replace(result(1.0), artifact_sha256="f" * 64, status=Status.FAILED)
    assert texts(side(), side(result(1.0), failed)) == []
    assert texts(side(), side(failed)) == [], "nothing is known of a side without a good process"


def test_cores_that_were_seen() -> None:
    big, little = under(affinity_observed="4-7"), under(affinity_observed="0-3")
    assert texts(side(big), side(little)) == ["the cores differ: 4-7 and 0-3"]
    for apart in ("cpus", "device"):
        assert texts(side(big), side(little), [apart]) == []
    assert texts(side(big), side()) == []


def test_what_was_set() -> None:
    ours = under(settings_observed={"screen": "Asleep", "governor:policy4": "performance"})
    assert texts(side(ours), side()) == [
        "the device settings differ: governor:policy4=performance, screen=Asleep and nothing set"
    ]
    assert texts(side(ours), side(), ["device"]) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "text"),
    [
        ({"temperature_before_c": 30.0}, {"temperature_before_c": 35.0}, None),
        (
            {"temperature_before_c": 30.0},
            {"temperature_before_c": 35.5},
            "started at 30.0 and 35.5 degrees Celsius (medians)",
        ),
        (
            {"temperature_before_c": 35.5},
            {"temperature_before_c": 30.0},
            "started at 35.5 and 30.0 degrees Celsius (medians)",
        ),
        (
            {"temperature_before_c": 0.0},
            {"temperature_before_c": 10.0},
            "started at 0.0 and 10.0 degrees Celsius (medians)",
        ),
        ({"temperature_before_c": 30.0}, {}, None),
        ({"frequency_khz": 2_000_000}, {"frequency_khz": 2_099_000}, None),
        ({"frequency_khz": 2_000_000}, {"frequency_khz": 2_102_000}, "clocks of 2000 and 2102 MHz (medians)"),
        ({"frequency_khz": 2_000_000}, {"frequency_khz": 1_898_000}, "clocks of 2000 and 1898 MHz (medians)"),
        ({"frequency_khz": 2_000_000}, {}, None),
        ({"canary_us": 4000.0}, {"canary_us": 4199.0}, None),
        (
            {"canary_us": 8000.0},
            {"canary_us": 9000.0},
            "the same fixed workload took 8.00 and 9.00 ms (medians): the device was not alike",
        ),
        ({}, {"canary_us": 4210.0}, None),
    ],
)
def test_how_far_the_sides_may_lie_apart(ours: dict[str, object], theirs: dict[str, object], text: str | None) -> None:
    assert texts(side(under(**ours)), side(under(**theirs))) == ([text] if text else [])


@pytest.mark.parametrize(("apart", "noted"), [("cpus", False), ("device", False), ("delegate", False), ("model", True)])
def test_clocks_may_differ_where_the_work_does(apart: str, noted: bool) -> None:
    ours, theirs = side(under(frequency_khz=2_000_000)), side(under(frequency_khz=1_000_000))
    assert bool(texts(ours, theirs, [apart])) is noted


@pytest.mark.parametrize(
    ("hot", "unlike"),
    [
        ((1, 1), False),
        ((2, 2), False),
        ((0, 2), False),
        ((0, 3), True),
        ((3, 0), True),
        ((2, 0), False),
        ((10, 10), False),
    ],
)
def test_throttling_in_more_than_a_fifth_more_of_the_processes_is_unlike(hot: tuple[int, int], unlike: bool) -> None:
    ours, theirs = (side(*[under(thermal_status_after=2 if index < n else 1) for index in range(10)]) for n in hot)
    (note,) = compare_conditions(ours, theirs)
    assert (note.kind, note.unlike) == ("throttling", unlike)
    assert note.text == f"throttled in {hot[0]} of 10 and {hot[1]} of 10 processes"


def test_a_side_without_a_good_process_does_not_divide_by_nothing() -> None:
    failed = side(replace(result(1.0), status=Status.FAILED))
    (note,) = compare_conditions(failed, side(under(thermal_status_after=2)))
    assert (note.text, note.unlike) == ("throttled in 0 of 0 and 1 of 1 processes", True)


def test_what_is_replayed_or_modelled() -> None:
    made_up = side(replace(result(1.0), synthetic=True))
    assert texts(made_up, made_up) == ["synthetic: both sides are replayed or modelled, not measured"]
    assert texts(made_up, side()) == ["BASE is synthetic (replayed or modelled), the other side is measured"]
    assert texts(side(), made_up) == ["HEAD is synthetic (replayed or modelled), the other side is measured"]


def test_what_a_model_made_up_is_no_condition() -> None:
    made_up = (
        "temperature_before_c",
        "temperature_after_c",
        "thermal_status_before",
        "thermal_status_after",
        "frequency_khz",
    )
    cold = {"temperature_before_c": 20.0, "frequency_khz": 2_000_000, "thermal_status_after": 0}
    warm = {"temperature_before_c": 40.0, "frequency_khz": 1_000_000, "thermal_status_after": 3}
    assert texts(side(under(**cold, simulated=made_up)), side(under(**warm, simulated=made_up))) == []
    assert len(texts(side(under(**cold)), side(under(**warm)))) == 3
    # One side from a sensor is not held against a model of the other.
    assert texts(side(under(**cold)), side(under(**{**warm, "thermal_status_after": 0}, simulated=made_up))) == []
    # The canary really ran on a virtual device, too.
    quick, slow = (side(under(canary_us=us, simulated=made_up)) for us in (1000.0, 1200.0))
    assert len(texts(quick, slow)) == 1
