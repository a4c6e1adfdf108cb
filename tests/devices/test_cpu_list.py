from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.devices.cpu_list import format_list, from_mask, parse_list, to_mask


@pytest.mark.parametrize(
    ("text", "cores"),
    [("0-3,7", (0, 1, 2, 3, 7)), ("5", (5,)), ("", ()), ("2,0-1", (0, 1, 2)), ("0-3\n", (0, 1, 2, 3))],
)
def test_lists_are_read_as_the_kernel_writes_them(text: str, cores: tuple[int, ...]) -> None:
    assert parse_list(text) == cores


@pytest.mark.parametrize(
    "text", ["x", "3-1", "0-99999", "1;2", "-", "1-", "-1", "0 1", "1,,2", "1_0", "٣", "99999999999"]
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_list(text)


@given(st.sets(st.integers(0, 200)))
def test_lists_and_masks_are_inverses(cores: set[int]) -> None:
    ordered = tuple(sorted(cores))
    assert parse_list(format_list(ordered)) == ordered
    assert from_mask(to_mask(ordered)) == ordered
