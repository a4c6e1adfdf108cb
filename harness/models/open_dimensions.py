"""Fixes the open dimensions of a source's inputs, because a GPU takes no graph with open ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.errors import UsageError

OpenShape = Sequence[int | None] | None
"""A size of None is open; a shape of None has an unknown number of dimensions."""


def fixed_shape(
    name: str,
    shape: OpenShape,
    *,
    batch: int,
    asked: Mapping[str, Sequence[int]],
    calibrated: Mapping[str, Sequence[int]],
) -> tuple[int, ...]:
    """Return the shape of an input without open dimensions.

    Args:
        name: of the input.
        shape: as the source has it.
        batch: replaces the first dimension if it is open.
        asked: shapes by input name, batch included.
        calibrated: shapes of the calibration's samples by input name, with or without the batch.

    Raises:
        UsageError: a size stays open, or a shape in `asked` does not fit.
    """
    if name in asked:
        _must_fit(name, shape, asked[name])
        return tuple(asked[name])
    if shape is not None and None not in shape[1:]:
        return tuple(batch if size is None else size for size in shape)
    found = calibrated.get(name)
    if found is not None:
        if shape is None:
            return tuple(found)
        whole = [batch, *found] if len(found) == len(shape) - 1 else list(found)
        if len(whole) == len(shape):
            # The check of the calibration reports any other size that does not fit.
            return tuple(
                have if want is None and place else (batch if want is None else want)
                for place, (want, have) in enumerate(zip(shape, whole, strict=True))
            )
    example = "x".join(str(size or (batch if place == 0 else 224)) for place, size in enumerate(shape or (1, 224)))
    raise UsageError(
        f"the input {name!r} has open dimensions ({shown(shape)})",
        remedy=f"give its shape: --shape {name}={example} (in a suite `inputs`), or a calibration file",
    )


def unknown_names(asked: Mapping[str, Sequence[int]], names: Sequence[str]) -> None:
    """Check that every name is that of an input.

    Raises:
        UsageError: one is not.
    """
    for name in asked:
        if name not in names:
            raise UsageError(f"the source has no input {name!r}", remedy=f"it has {', '.join(map(repr, names))}")


def shown(shape: OpenShape) -> str:
    """Return a shape as people write it: `?x8x8x1`."""
    if shape is None:
        return "of unknown rank"
    return "x".join("?" if size is None else str(size) for size in shape) or "a single number"


def _must_fit(name: str, shape: OpenShape, asked: Sequence[int]) -> None:
    if shape is None:
        return
    if len(asked) != len(shape) or any(
        want is not None and want != have for want, have in zip(shape, asked, strict=True)
    ):
        raise UsageError(
            f"the input {name!r} is {shown(shape)}, not {shown(asked)}", remedy="the shape includes the batch"
        )
