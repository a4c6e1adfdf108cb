"""What explains a change, what stands beside it, and what belongs together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from harness.analysis.ground_changes import binary_changes, notes_on_labels
from harness.analysis.history_changes import changes_in
from harness.records.history import ChangeVerdict, Ground, Series
from tests.analysis.history_nights import NOW, first, noisy, series, stepped, with_nights

AFTER = range(60, 100)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ({"fingerprint": "a"}, {"fingerprint": "b"}, "the device's system build changed on 2026-03-02: a -> b"),
        ({"governor": "p0=s"}, {"governor": "p0=p"}, "the governors changed on 2026-03-02: p0=s -> p0=p"),
        ({"config": "a 1"}, {"config": "a 2"}, "the device config changed on 2026-03-02: a 1 -> a 2"),
        ({"harness_version": "1"}, {"harness_version": "2"}, "the harness's version changed on 2026-03-02: 1 -> 2"),
        ({"asked": "1"}, {"asked": "2"}, "what the suite asks of a process changed on 2026-03-02: 1 -> 2"),
    ],
)
def test_ground_that_changes_on_the_night_explains(old: dict[str, Any], new: dict[str, Any], words: str) -> None:
    plain = with_nights(series(stepped(60, 40)), range(60), ground=Ground(**old))
    (change,) = changes_in([with_nights(plain, AFTER, ground=Ground(**new))], now=NOW)
    assert (change.verdict, change.explained_by) == (ChangeVerdict.EXPLAINED, (words,))


def test_ground_that_changes_on_another_night_explains_nothing() -> None:
    plain = series(stepped(60, 40))
    for begin in (40, 55, 65):
        (change,) = changes_in([with_nights(plain, range(begin, 100), ground=Ground(fingerprint="b"))], now=NOW)
        assert (change.verdict, change.explained_by) == (ChangeVerdict.SUSPECTED, ())


def test_ground_may_change_a_night_beside() -> None:
    """The night of a change is known within a night at best."""
    for begin in (59, 61):
        one = with_nights(series(stepped(60, 40)), range(begin, 100), ground=Ground(fingerprint="b"))
        assert changes_in([one], now=NOW)[0].verdict is ChangeVerdict.EXPLAINED


def test_ground_may_change_two_nights_beside_while_few_nights_have_passed() -> None:
    one = with_nights(series(stepped(60, 40)), range(58, 100), ground=Ground(fingerprint="b"))
    assert changes_in([first(one, 64)], now=NOW)[0].verdict is ChangeVerdict.EXPLAINED
    assert changes_in([one], now=NOW)[0].verdict is ChangeVerdict.SUSPECTED


def test_an_improvement_may_be_explained() -> None:
    one = with_nights(series(stepped(60, 40, by=0.9)), AFTER, ground=Ground(fingerprint="b"))
    assert changes_in([one], now=NOW)[0].verdict is ChangeVerdict.EXPLAINED


def test_unknown_ground_is_no_change_of_it() -> None:
    plain = series(stepped(60, 40))
    (change,) = changes_in([with_nights(plain, range(60, 62), ground=Ground())], now=NOW)
    assert change.verdict is ChangeVerdict.SUSPECTED
    # Unknown on the very night, and another one when it is known again: the change lies between.
    between = with_nights(with_nights(plain, [60], ground=Ground()), range(61, 100), ground=Ground(fingerprint="b"))
    (change,) = changes_in([between], now=NOW)
    assert change.verdict is ChangeVerdict.EXPLAINED


def test_binary_model_and_labels_are_notes_and_explain_nothing() -> None:
    plain = with_nights(series(stepped(60, 40)), range(60), labels=(("branch", "main"), ("commit", "abc")))
    new = with_nights(
        plain, AFTER, binary_sha256="c" * 64, model_sha256="", labels=(("branch", "main"), ("commit", "def"))
    )
    (change,) = changes_in([new], now=NOW)
    assert (change.verdict, change.explained_by) == (ChangeVerdict.SUSPECTED, ())
    assert change.notes[:3] == (
        "the binary changed on 2026-03-02: bbbbbbbbbbbb -> cccccccccccc",
        "the model file changed on 2026-03-02: mmmmmmmmmmmm -> unknown",
        "commit: abc -> def",
    )


def test_labels_are_those_of_the_two_nights_beside_the_change() -> None:
    one = series(stepped(60, 40))
    for place, commit in ((58, "aaa"), (59, "bbb"), (60, "ccc"), (61, "ddd")):
        one = with_nights(one, [place], labels=(("commit", commit),))
    (change,) = changes_in([one], now=NOW)
    assert [note for note in change.notes if note.startswith("commit")] == ["commit: bbb -> ccc"]


def test_many_labels_are_cut_short() -> None:
    one = with_nights(series(stepped(60, 40)), AFTER, labels=tuple((f"k{place}", "v") for place in range(8)))
    (change,) = changes_in([one], now=NOW)
    assert change.notes[4:6] == ("k4: none -> v", "3 more labels differ")


def test_five_labels_are_told_and_nothing_is_said_of_more() -> None:
    nights = with_nights(series(noisy(2)), [1], labels=tuple((f"k{place}", "v") for place in range(5))).estimates
    assert notes_on_labels(*nights) == tuple(f"k{place}: none -> v" for place in range(5))


def test_changes_of_the_binary_are_hashes_before_and_after_on_the_possible_nights() -> None:
    one = series(noisy(8))
    for place, letter in ((2, "c"), (4, "d"), (6, "e")):
        one = with_nights(one, range(place, 8), binary_sha256=letter)
    assert binary_changes(one.estimates, 4, 5) == {("c", "d")}
    assert binary_changes(one.estimates, 0, 4) == {("b" * 64, "c"), ("c", "d")}
    assert binary_changes(one.estimates, 5, 50) == {("d", "e")}
    assert binary_changes(one.estimates, 3, 3) == frozenset()


def test_synthetic_nights_are_never_held_against_measured_ones() -> None:
    half = with_nights(series(stepped(60, 40, by=2.0)), AFTER, synthetic=True)
    assert changes_in([half], now=NOW) == ()
    both = with_nights(series(stepped(60, 40)), range(10), synthetic=True)
    (change,) = changes_in([both], now=NOW)
    assert "10 synthetic nights of the series not compared with these" in change.notes
    (change,) = changes_in([with_nights(series(stepped(60, 40)), range(100), synthetic=True)], now=NOW)
    assert "synthetic" in change.notes


def test_outputs_that_begin_to_differ_are_noted() -> None:
    plain = series(stepped(60, 40))
    (change,) = changes_in([with_nights(plain, AFTER, output_differs=True)], now=NOW)
    assert change.verdict is ChangeVerdict.SUSPECTED
    assert any(note.startswith("the outputs differ from the reference since then") for note in change.notes)
    (change,) = changes_in([with_nights(plain, range(60), output_differs=True)], now=NOW)
    assert any(note.startswith("the outputs differed from the reference until then") for note in change.notes)
    (change,) = changes_in([with_nights(plain, range(100), output_differs=True)], now=NOW)
    assert "the outputs differ from the reference before and after" in change.notes


def shifted(one: Series, hours: int) -> Series:
    """The same series from runs of another device's own, some hours later."""
    nights = [
        replace(each, at=each.at + timedelta(hours=hours), run_id=f"{each.run_id}-later") for each in one.estimates
    ]
    return replace(one, estimates=tuple(nights))


def test_one_model_on_several_devices_is_one_regression() -> None:
    four = [series(stepped(60, 40, seed=place), device=f"d{place}") for place in range(4)]
    four[3] = shifted(four[3], 5)
    found = changes_in(four, now=NOW)
    assert len(found) == 4
    assert len({one.group for one in found}) == 1
    assert len({one.id for one in found}) == 4
    assert all("3 other series change with it, on 4 devices" in one.notes for one in found)


def test_two_devices_are_more_than_one() -> None:
    two = [series(stepped(60, 40, seed=place), device=f"d{place}") for place in range(2)]
    found = changes_in(two, now=NOW)
    assert ["1 other series changes with it, on 2 devices" in one.notes for one in found] == [True, True]


def test_the_larger_improvement_comes_first() -> None:
    found = changes_in(
        [series(stepped(60, 40, by=by), model=model) for by, model in ((0.9, "a"), (0.5, "b"), (0.7, "c"))], now=NOW
    )
    assert [one.series.model for one in found] == ["b", "c", "a"]


def test_other_models_nights_and_directions_are_other_groups() -> None:
    found = changes_in(
        [
            series(stepped(60, 40)),
            series(stepped(60, 40, seed=2), model="other"),
            series(stepped(50, 50, seed=3), device="d2"),
            series(stepped(60, 40, by=0.9, seed=4), device="d3"),
            series(stepped(60, 40, seed=5), device="d4", variant="int8"),
        ],
        now=NOW,
    )
    assert len({one.group for one in found}) == len(found) == 5


def test_one_binary_slows_several_models_at_once() -> None:
    models = [series(stepped(60, 40, seed=place), model=f"m{place}") for place in range(3)]
    found = changes_in([with_nights(one, AFTER, binary_sha256="c" * 64) for one in models], now=NOW)
    assert len({one.group for one in found}) == 1
    assert all("2 other series change with it, on the same device" in one.notes for one in found)


def test_ids_are_the_same_whenever_somebody_looks() -> None:
    """Stored changes and people refer to them: these very ids must not change."""
    (change,) = changes_in([series(stepped(60, 40))], now=NOW)
    assert (change.id, change.group) == (IDS[0], IDS[1])
    later = changes_in([series([*stepped(60, 40), *noisy(20, seed=9, level=1050)])], now=NOW + timedelta(days=20))
    assert [(one.id, one.group) for one in later] == [(change.id, change.group)]


def test_what_matters_comes_first() -> None:
    explained = with_nights(series(stepped(60, 40, by=1.5), model="a"), AFTER, ground=Ground(fingerprint="b"))
    found = changes_in(
        [
            explained,
            series(stepped(60, 40, by=0.7), model="b"),
            series(stepped(60, 40, by=1.05), model="c"),
            series(stepped(60, 40, by=1.2), model="d"),
            series(stepped(60, 40, by=1.06, seed=2), model="e", device="d1"),
            series(stepped(60, 40, by=1.06, seed=3), model="e", device="d2"),
        ],
        now=NOW,
    )
    assert [one.series.model for one in found] == ["e", "e", "d", "c", "b", "a"]


IDS = ("c16ec5a7e47", "g70157d400c")
