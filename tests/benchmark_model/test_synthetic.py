"""The line by which a program says that it measured nothing."""

from __future__ import annotations

import pytest

from harness.benchmark_model.synthetic import synthetic_origin


@pytest.mark.parametrize(
    ("stderr", "origin"),
    [
        (b"harness-replay: synthetic, recorded on a Pixel 6\n", "recorded on a Pixel 6"),
        (b"INFO: x\r\nharness-replay: synthetic: a model\r\n", "a model"),
        (b"harness-replay: synthetic\n", "a source that is not named"),
        (b"harness-replay: synthetically\n", None),
        (b"the line harness-replay: synthetic\n", None),
        (b"", None),
    ],
)
def test_where_numbers_come_from_that_were_not_measured(stderr: bytes, origin: str | None) -> None:
    assert synthetic_origin(stderr) == origin
