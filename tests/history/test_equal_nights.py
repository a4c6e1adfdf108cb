from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.analysis.between_runs import BetweenRuns, between_runs
from harness.history.equal_nights import LEAST_RUNS, spread_of
from harness.records.history import Series
from tests.history.made_up_history import GROUND, run_name, series

VALUES = [1000.0, 1010.0, 990.0, 1005.0, 1020.0, 1000.0]


def spread(of: Series, **given: str) -> BetweenRuns | None:
    return spread_of(of, fingerprint=GROUND.fingerprint, model_sha256="a" * 64, **given)


def test_nights_on_equal_ground_are_held_against_each_other() -> None:
    assert spread(series(VALUES)) == between_runs([math.log(value) for value in VALUES])
    assert spread_of(series(VALUES), fingerprint="another build", model_sha256="a" * 64) is None
    assert spread_of(series(VALUES), fingerprint=GROUND.fingerprint, model_sha256="another model") is None


def test_another_binary_or_ground_is_another_group() -> None:
    """A step between groups is no spread: something was changed there."""
    values = [*VALUES, *(2 * value for value in VALUES)]
    same = between_runs([math.log(value) for value in VALUES])
    assert same is not None
    for changed in (
        series(values, binaries={6: "c" * 64}),
        series(values, ground={6: replace(GROUND, governor="policy0=powersave")}),
        series(values, ground={6: replace(GROUND, asked="other lengths")}),
    ):
        found = spread(changed)
        assert found is not None
        assert found.deviation == pytest.approx(same.deviation)
        assert found.runs == 11


def test_a_new_binary_every_night_tells_nothing() -> None:
    assert spread(series(VALUES, binaries={number: f"{number}" * 64 for number in range(6)})) is None


def test_few_nights_tell_too_little() -> None:
    assert spread(series(VALUES[:LEAST_RUNS])) is not None
    assert spread(series(VALUES[: LEAST_RUNS - 1])) is None
    assert (
        spread_of(
            series(VALUES[:LEAST_RUNS]), fingerprint=GROUND.fingerprint, model_sha256="a" * 64, without=[run_name(2)]
        )
        is None
    )


def test_synthetic_nights_and_those_of_few_processes_do_not_count() -> None:
    assert spread(series(VALUES, synthetic=True)) is None
    whole = series(VALUES)
    assert spread(replace(whole, estimates=tuple(replace(one, processes=2) for one in whole.estimates))) is None
