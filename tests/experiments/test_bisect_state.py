"""A bisection's state: it outlives a kill, and is no other bisection's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import SetupError, UsageError
from harness.experiments import bisection
from harness.experiments.bisect_places import Place
from harness.experiments.bisect_records import Measured
from harness.experiments.bisect_state import FORMAT, STATE, BisectQuestion, opened, read_state

ASKED = BisectQuestion(
    suite="/s.yaml", suite_sha256="0" * 64, good="a", bad="b", source="/src", metric="inference_avg", min_effect=0.01
)
PLACES = (Place(name="a", commit="a", subject="é"), Place(name="b", commit="b"))
TOOK = Measured(cells={"cell": [(1.0, 2.0), (1.5, 2.5)]}, blocks=2, device_s=4.5, run="runs/x", head_fails=False)


def test_what_is_known_is_there_the_next_time(tmp_path: Path) -> None:
    with opened(tmp_path / "new", ASKED, PLACES) as state:
        state.keep_abis(["arm64-v8a"])
        state.keep_program(1, {"arm64-v8a": "f" * 64})
        state.keep_failure(2, "it does\nnot build")
        state.keep_measured("ends-0-1-0", TOOK)
    # A kill leaves an unfinished file beside it.
    (tmp_path / "new" / ".part-1-a").write_text("{")
    with opened(tmp_path / "new", ASKED, PLACES) as state:
        assert state.measured("ends-0-1-0") == replace(TOOK, cells={"cell": ((1.0, 2.0), (1.5, 2.5))})
        assert state.measured("ends-0-1-1") is None
        assert (state.state.abis, dict(state.state.programs)) == (("arm64-v8a",), {1: {"arm64-v8a": "f" * 64}})
        assert dict(state.state.not_built) == {2: "it does\nnot build"}
        assert state.state.places == PLACES


def test_another_question_is_refused_and_names_what_differs(tmp_path: Path) -> None:
    with opened(tmp_path, ASKED, PLACES):
        pass
    with (
        pytest.raises(UsageError, match=r"metric was .inference_avg., is .p95."),
        opened(tmp_path, replace(ASKED, metric="p95"), PLACES),
    ):
        pass
    with pytest.raises(UsageError, match="other files or revisions"), opened(tmp_path, ASKED, PLACES[:1]):
        pass
    folder = tmp_path / "my runs"
    with opened(folder, ASKED, PLACES):
        pass
    with pytest.raises(UsageError) as caught, opened(folder, replace(ASKED, flex=True), PLACES):
        pass
    assert f"harness bisect --resume '{folder}'; or" in (caught.value.remedy or "")


def test_the_folder_of_a_request_never_changes() -> None:
    """Else the same command begins anew after an update, beside the bisection that it should continue."""
    assert bisection._digest(ASKED, PLACES) == "d3a71b43"


def test_two_at_once_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        opened(tmp_path, ASKED, PLACES),
        pytest.raises(SetupError, match="another process"),
        opened(tmp_path, ASKED, PLACES),
    ):
        pass


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"), opened(tmp_path, ASKED, PLACES):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_damaged_and_a_newer_state_are_named(tmp_path: Path) -> None:
    with opened(tmp_path, ASKED, PLACES):
        pass
    whole = json.loads((tmp_path / STATE).read_bytes())
    (tmp_path / STATE).write_text(json.dumps({**whole, "format_version": FORMAT + 1}))
    with pytest.raises(UsageError, match=f"format {FORMAT + 1}"):
        read_state(tmp_path)
    (tmp_path / STATE).write_text(json.dumps(whole)[:40])
    with pytest.raises(UsageError, match="damaged"):
        read_state(tmp_path)
    assert read_state(tmp_path / "none") is None
