"""Kept files that open regressions need are not pruned."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Connection

from harness.api.prune_history import prune_history
from harness.history.blob_store import BlobStore
from harness.history.change_log import accept, merge_found
from harness.history.database import open_history
from tests.history.made_up_history import NOW, change, series, store


def kept(folder: Path, content: str) -> str:
    (folder / content).write_text(content)
    digest = sha256(content.encode()).hexdigest()
    assert BlobStore().keep(folder / content, digest) is None
    return digest


def untouched(_: Connection) -> None:
    """Leave the regression open."""


@pytest.mark.parametrize(
    ("say", "needed"), [(untouched, True), (lambda it: accept(it, "mine", NOW), False)], ids=["open", "accepted"]
)
def test_files_of_the_nights_around_an_open_regression_stay(
    tmp_path: Path, say: Callable[[Connection], object], needed: bool
) -> None:
    names = ("long ago", "good", "bad", "later")
    digests = {name: kept(tmp_path, name) for name in names}
    nights = series([1000.0] * 60 + [1030.0] * 20, binaries=dict(zip((0, 57, 60, 63), digests.values(), strict=True)))
    database = str(tmp_path / "history.db")
    with open_history(database) as db, db.begin() as connection:
        store(connection, [nights])
        merge_found(connection, [change(60, id="mine")], NOW, series=[nights])
        say(connection)
    gone = {one.sha256 for one in prune_history(keep_bytes=0, database=database).files}
    assert gone == {digests[name] for name in names if not (needed and name in ("good", "bad"))}
    assert {one.sha256 for one in BlobStore().files()} == set(digests.values()) - gone
