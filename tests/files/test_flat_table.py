"""Flat tables: what needs pyarrow says so where it is missing."""

from __future__ import annotations

import io
import sys

import pytest

from harness.errors import SetupError
from harness.files.flat_table import columns
from harness.files.parquet_file import require_parquet, write_parquet

TABLE = columns("name:t count:i")


def test_parquet_without_pyarrow_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    out = io.BytesIO()
    with pytest.raises(SetupError, match="Parquet needs the Python package pyarrow") as found:
        write_parquet(TABLE, [("a", 1)], out)
    assert found.value.remedy == "pip install 'litert-device-harness[parquet]'"
    assert out.getvalue() == b""


def test_with_pyarrow_parquet_can_be_written() -> None:
    require_parquet()
    out = io.BytesIO()
    write_parquet(TABLE, [("a", 1)], out)
    assert out.getvalue().startswith(b"PAR1")
