"""What a bisection searches: revisions in Git's order, model files in that of their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SetupError, UsageError
from harness.experiments.bisect_places import models_between, revisions_between
from tests.binaries.workspace import git


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """main: a - b - M - d, where M merges `side`, which left at a."""
    tree = tmp_path / "tree"
    tree.mkdir()
    git(tree, "init", "--quiet", "--initial-branch=main")
    for name in ("a", "b"):
        commit(tree, name)
    git(tree, "checkout", "--quiet", "-b", "side", "a")
    commit(tree, "s")
    git(tree, "checkout", "--quiet", "main")
    git(tree, "merge", "--quiet", "--no-ff", "--message", "M: a subject with 'quotes'", "side")
    git(tree, "tag", "M")
    commit(tree, "d")
    return tree


def commit(tree: Path, name: str) -> None:
    (tree / name).write_text(name)
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", f"commit {name}")
    git(tree, "tag", name)


def test_revisions_are_those_of_the_branch_oldest_first(tree: Path) -> None:
    places = revisions_between(tree, "a", "d")
    assert [place.commit for place in places] == [git(tree, "rev-parse", name) for name in ("a", "b", "M", "d")]
    assert [place.subject for place in places] == ["commit a", "commit b", "M: a subject with 'quotes'", "commit d"]
    assert all(place.name == (place.commit or "")[:12] and place.author and place.date for place in places)
    assert len(revisions_between(tree, "b", "HEAD")) == 3


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("nothing", "d", "--good nothing"),
        ("a", "--all", "--bad --all"),
        ("d", "a", "is newer than"),
        ("s", "b", "no ancestor"),
        ("d", "main", "the same revision"),
        ("s", "d", "by a merge"),
    ],
)
def test_a_wrong_range_is_refused(tree: Path, good: str, bad: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        revisions_between(tree, good, bad)


def test_a_subject_may_hold_what_ends_a_line_elsewhere(tree: Path) -> None:
    subject = "one\fline\u2028and\x85no more"
    git(tree, "commit", "--quiet", "--allow-empty", "--message", subject)
    assert [place.subject for place in revisions_between(tree, "d", "HEAD")] == ["commit d", subject]


def test_a_folder_without_git_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="not a git repository"):
        revisions_between(tmp_path, "a", "b")
    with pytest.raises(UsageError, match="no such folder"):
        revisions_between(tmp_path / "none", "a", "b")


def test_models_are_taken_from_good_to_bad(tmp_path: Path) -> None:
    files = [tmp_path / f"m{number}.tflite" for number in range(4)]
    for file in files:
        file.write_text(file.name)
    assert [place.path for place in models_between(files, None, None)] == [str(file) for file in files]
    assert [place.path for place in models_between(files, Path("m1.tflite"), files[2])] == [
        str(files[1]),
        str(files[2]),
    ]
    assert len({place.sha256 for place in models_between(files, None, None)}) == 4
    files[1].unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        models_between(files, None, None)
