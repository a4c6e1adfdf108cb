"""Puts conversions that failed into words, the same in every output."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.variants import ConvertedModel


def failures(rows: Sequence[ConvertedModel]) -> list[str]:
    """Return a line for each variant that does not exist: `int8 of digits.keras does not exist: ...`."""
    return [
        f"{one.variant} of {one.source} does not exist: {one.message or 'the converter said nothing'}"
        + (f" (log: {one.log})" if one.log else "")
        for one in rows
        if one.status == "failed"
    ]
