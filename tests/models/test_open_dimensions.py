from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from harness.errors import UsageError
from harness.models.open_dimensions import OpenShape, fixed_shape, unknown_names


def fixed(shape: OpenShape, *, batch: int = 1, asked: Sequence[int] = (), seen: Sequence[int] = ()) -> tuple[int, ...]:
    return fixed_shape(
        "x", shape, batch=batch, asked={"x": asked} if asked else {}, calibrated={"x": seen} if seen else {}
    )


@pytest.mark.parametrize(
    ("shape", "more", "expected"),
    [
        ((None, 8, 8, 1), {}, (1, 8, 8, 1)),
        ((None, 8), {"batch": 4}, (4, 8)),
        ((2, 8), {"batch": 4}, (2, 8)),
        ((), {}, ()),
        ((None, None, None, 3), {"asked": (1, 24, 20, 3)}, (1, 24, 20, 3)),
        ((None, None, None, 3), {"seen": (24, 20, 3)}, (1, 24, 20, 3)),
        ((None, None, None, 3), {"seen": (1, 24, 20, 3), "batch": 2}, (2, 24, 20, 3)),
        ((None, None, 3), {"asked": (1, 5, 3), "seen": (6, 3)}, (1, 5, 3)),
        (None, {"seen": (7,)}, (7,)),
    ],
)
def test_sizes_come_from_the_source_the_request_or_the_calibration(
    shape: OpenShape, more: dict[str, Any], expected: tuple[int, ...]
) -> None:
    assert fixed(shape, **more) == expected


def test_what_stays_open_is_asked_for() -> None:
    with pytest.raises(UsageError, match=r"'x' has open dimensions \(\?x\?x3\)") as caught:
        fixed((None, None, 3))
    assert "--shape x=1x224x3" in str(caught.value.remedy)
    with pytest.raises(UsageError) as caught:
        fixed((7, None, 3))
    assert "--shape x=7x224x3" in str(caught.value.remedy)


def test_a_shape_that_contradicts_the_source_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'x' is \?x8, not 1x9"):
        fixed((None, 8), asked=(1, 9))
    with pytest.raises(UsageError, match="not 8"):
        fixed((None, 8), asked=(8,))
    with pytest.raises(UsageError, match="no input 'y'") as caught:
        unknown_names({"y": (1,)}, ["x"])
    assert caught.value.remedy == "it has 'x'"
