from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import SetupError
from harness.models.conversion_cache import ConversionCache, copy_whole
from harness.models.source_kind import source_hash
from harness.records.variants import ConvertedModel


def record(made: Path) -> ConvertedModel:
    return ConvertedModel(
        source="a.keras",
        source_sha256="0",
        variant="int8",
        sha256=source_hash(made),
        converter="tensorflow 9",
        status="ok",
    )


def filled(cache: ConversionCache) -> ConvertedModel:
    with cache.held(pytest.fail), cache.work_folder() as work:
        (work / "made").write_bytes(b"model")
        return cache.keep(record(work / "made"), work / "made", {"checked": {}})


def test_what_was_kept_is_found_by_an_equal_request_only() -> None:
    kept = filled(ConversionCache({"source": "0", "batch": 1}))
    assert kept.path is not None
    assert Path(kept.path).read_bytes() == b"model"
    assert ConversionCache({"batch": 1, "source": "0"}).kept("int8") == kept
    assert ConversionCache({"source": "0", "batch": 1}).kept("fp32") is None
    assert ConversionCache({"source": "0", "batch": 2}).kept("int8") is None


def test_a_file_that_changed_is_made_again() -> None:
    cache = ConversionCache({"source": "1"})
    kept = filled(cache)
    Path(str(kept.path)).write_bytes(b"Model")
    assert cache.kept("int8") is None
    Path(str(kept.path)).with_name("record.json").write_text("{")
    assert cache.kept("int8") is None


def test_a_variant_whose_dense_file_is_gone_is_made_again() -> None:
    cache = ConversionCache({"source": "4"})
    with cache.held(pytest.fail), cache.work_folder() as work:
        for name in ("made", "dense"):
            (work / name).write_bytes(name.encode())
        kept = cache.keep(record(work / "made"), work / "made", {}, work / "dense")
    dense = cache.dense("int8")
    assert dense is not None
    assert (dense.read_bytes(), cache.kept("int8")) == (b"dense", kept)
    dense.unlink()
    assert cache.kept("int8") is None
    assert filled(cache) == cache.kept("int8")
    assert cache.dense("int8") is None


def test_large_files_go_with_the_conversion_and_those_of_a_killed_one_with_the_next() -> None:
    cache = ConversionCache({"source": "2"})
    with cache.held(pytest.fail), cache.work_folder() as running:
        left = cache.root / ".work-killed"
        left.mkdir()
        (left / "lock").touch()
        with cache.work_folder() as other:
            assert not left.exists()
            assert running.exists()
        assert not other.exists()
    assert not running.exists()


def test_a_second_process_waits_for_the_first() -> None:
    cache = ConversionCache({"source": "3"})
    program = """
from harness.models.conversion_cache import ConversionCache
with ConversionCache({"source": "3"}).held(lambda: print("waiting", flush=True)):
    print("has it", flush=True)
"""
    with cache.held(pytest.fail):
        other = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=os.environ)
        assert other.stdout is not None
        assert other.stdout.readline() == "waiting\n"
    with other:
        assert other.stdout.read() == "has it\n"


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "file"))
    with pytest.raises(SetupError, match="cannot write"), ConversionCache({}).held(pytest.fail):
        pass
    with pytest.raises(SetupError, match="cannot write"):
        copy_whole(tmp_path / "file", tmp_path / "file" / "b")


def test_a_copy_onto_itself_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"model")
    copy_whole(tmp_path / "a", tmp_path / "a")
    copy_whole(tmp_path / "a", tmp_path / "new" / "b")
    assert [(tmp_path / name).read_bytes() for name in ("a", "new/b")] == [b"model"] * 2
