from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.comparability import Side, compare_conditions
from harness.records import Conditions, DeviceInfo, Result
from tests.analysis.made_up import PHONE, result


def side(
    *,
    run: str = "a",
    device: DeviceInfo | None = PHONE,
    one: Result | None = None,
    temperature_before_c: float = 30.0,
    frequency_khz: int = 2_000_000,
    thermal_status_after: int | None = None,
    governor: str = "schedutil",
    canary_us: float | None = None,
) -> Side:
    seen = Conditions(
        temperature_before_c=temperature_before_c,
        frequency_khz=frequency_khz,
        thermal_status_after=thermal_status_after,
        settings_observed={"governor:policy4": governor},
        canary_us=canary_us,
    )
    return Side(run_id=run, results=[replace(one or result(1.0), conditions=seen)], device=device)


def kinds(base: Side, head: Side, *apart: str) -> dict[str, bool]:
    return {note.kind: note.unlike for note in compare_conditions(base, head, apart=apart)}


def test_like_conditions_need_no_note() -> None:
    assert kinds(side(), side(temperature_before_c=34.0, frequency_khz=2_050_000)) == {}


def test_separate_runs_are_said_to_be_but_are_not_unlike() -> None:
    assert kinds(side(), side(run="b")) == {"not_interleaved": False}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (side(device=replace(PHONE, fingerprint="google/shiba:16/B")), "fingerprint"),
        (side(device=replace(PHONE, virtual=True)), "virtual"),
        (side(device=replace(PHONE, serial="other")), "unit"),
        (side(one=result(1.0, artifact="another")), "binary"),
        (side(one=replace(result(1.0), synthetic=True)), "synthetic"),
        (side(temperature_before_c=40.0), "temperature"),
        (side(frequency_khz=1_500_000), "frequency"),
        (side(thermal_status_after=3), "throttling"),
        (side(governor="performance"), "settings"),
    ],
)
def test_unlike_conditions_are_noted(head: Side, kind: str) -> None:
    assert kinds(side(), head) == {kind: True}


def test_a_governor_set_on_one_side_only_is_noted() -> None:
    untouched = Side(run_id="a", results=[result(1.0)], device=PHONE)
    as_set = [replace(result(1.0), conditions=Conditions(settings_observed={"governor:policy4": "performance"}))]
    (note,) = compare_conditions(untouched, Side(run_id="a", results=as_set, device=PHONE))
    assert (note.kind, note.unlike) == ("settings", True)
    assert note.text.endswith("differ: nothing set and governor:policy4=performance")
    assert compare_conditions(untouched, untouched) == []


def test_the_model_file_and_the_run_lengths_count() -> None:
    one = result(1.0)
    other = replace(one, trial=replace(one.trial, model=replace(one.trial.model, sha256="f" * 64)))
    assert kinds(side(), side(one=other)) == {"model": True}
    assert kinds(side(), side(one=other), "model") == {}
    longer = replace(one, trial=replace(one.trial, run=replace(one.trial.run, min_s=5.0)))
    assert kinds(side(), side(one=longer)) == {"run_lengths": True}


def test_what_is_compared_on_purpose_is_not_noted() -> None:
    elsewhere = side(device=replace(PHONE, serial="x", fingerprint="y"))
    assert kinds(side(), elsewhere, "device") == {}
    # Another delegate heats less and clocks differently: that is an effect, not a condition.
    assert kinds(side(), side(frequency_khz=1_000_000), "delegate") == {}


def test_two_synthetic_sides_are_alike_but_marked() -> None:
    made_up = side(one=replace(result(1.0), synthetic=True))
    assert kinds(made_up, made_up) == {"synthetic": False}


def test_the_canary_tells_that_the_device_was_not_alike() -> None:
    assert kinds(side(canary_us=5000.0), side(canary_us=5100.0)) == {}
    assert kinds(side(canary_us=5000.0), side(canary_us=5600.0)) == {"canary": True}
    assert kinds(side(canary_us=5000.0), side()) == {}


def test_another_binary_on_purpose_is_no_note() -> None:
    assert kinds(side(), side(one=result(1.0, artifact="another")), "binary") == {}


@pytest.mark.parametrize(
    ("celsius", "noted"), [(35.0, {}), (25.0, {}), (35.1, {"temperature": True}), (24.9, {"temperature": True})]
)
def test_starts_may_lie_five_degrees_apart(celsius: float, noted: dict[str, bool]) -> None:
    assert kinds(side(), side(temperature_before_c=celsius)) == noted


@pytest.mark.parametrize(
    ("khz", "noted"),
    [(2_099_000, {}), (1_901_000, {}), (2_100_100, {"frequency": True}), (1_899_000, {"frequency": True})],
)
def test_clocks_may_lie_five_percent_apart(khz: int, noted: dict[str, bool]) -> None:
    assert kinds(side(), side(frequency_khz=khz)) == noted


def test_a_phone_throttles_from_the_moderate_status_on() -> None:
    assert kinds(side(), side(thermal_status_after=1)) == {}
    assert kinds(side(), side(thermal_status_after=2)) == {"throttling": True}
    both = compare_conditions(side(thermal_status_after=2), side(thermal_status_after=2))
    assert [(note.kind, note.unlike) for note in both] == [("throttling", False)]
    assert both[0].text == "throttled in 1 of 1 and 1 of 1 processes"


def test_one_synthetic_process_of_a_side_makes_the_side_synthetic() -> None:
    mixed = Side(run_id="a", results=[result(1.0), replace(result(1.0), synthetic=True)], device=PHONE)
    measured = Side(run_id="a", results=[result(1.0), result(1.0)], device=PHONE)
    [note] = compare_conditions(mixed, measured)
    assert (note.kind, note.unlike) == ("synthetic", True)
    assert note.text.startswith("BASE is synthetic")
    [note] = compare_conditions(measured, mixed)
    assert note.text.startswith("HEAD is synthetic")
    [note] = compare_conditions(mixed, mixed)
    assert (note.kind, note.unlike) == ("synthetic", False)


@pytest.mark.parametrize(("many", "few", "unlike"), [(4, 1, False), (1, 1, True), (8, 1, True), (6, 1, False)])
def test_throttling_is_held_against_each_side_s_own_number_of_processes(many: int, few: int, unlike: bool) -> None:
    """So many of ten against one of two: shares of 0.4 and 0.5 are alike, 0.1 and 0.5 are not."""

    def hot(count: int, of: int) -> Side:
        seen = [Conditions(thermal_status_after=2 if index < count else 0) for index in range(of)]
        return Side(run_id="a", results=[replace(result(1.0), conditions=one) for one in seen], device=PHONE)

    for base, head in ((hot(many, 10), hot(few, 2)), (hot(few, 2), hot(many, 10))):
        (note,) = compare_conditions(base, head)
        assert (note.kind, note.unlike) == ("throttling", unlike)


def test_pushes_beside_the_trials_of_one_side_are_noted() -> None:
    def pushed(count: int) -> Side:
        seen = [Conditions(pushed_beside=("big.tflite",) if index < count else ()) for index in range(10)]
        return Side(run_id="a", results=[replace(result(1.0), conditions=one) for one in seen], device=PHONE)

    assert compare_conditions(pushed(0), pushed(0)) == []
    (note,) = compare_conditions(pushed(5), pushed(0))
    assert (note.kind, note.unlike) == ("pushed_beside", True)
    assert note.text == "models were pushed beside the trial in 5 of 10 and 0 of 10 processes"
    (note,) = compare_conditions(pushed(5), pushed(4))
    assert not note.unlike
