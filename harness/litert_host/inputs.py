"""What the model is fed: shapes, ranges and files from the command line, random values otherwise."""

from __future__ import annotations

import random
import re
from array import array
from dataclasses import dataclass
from pathlib import Path

from harness.litert_host.flags import FlagError, Options
from harness.litert_host.graph import Tensor

# TensorType of the schema: code of `array`, size in bytes, default range (both ends included). The ranges are the real tool's.
_ELEMENTS: dict[int, tuple[str, int, int, int]] = {
    2: ("i", 4, 0, 99),
    3: ("B", 1, 0, 254),
    4: ("q", 8, 0, 99),
    6: ("B", 1, 0, 1),
    7: ("h", 2, 0, 99),
    9: ("b", 1, -127, 127),
    12: ("Q", 8, 0, 99),
    15: ("I", 4, 0, 99),
    16: ("H", 2, 0, 99),
}
_FLOAT32, _FLOAT16, _FLOAT64 = 0, 1, 10
_FLOAT_SIZES = {_FLOAT32: 4, _FLOAT16: 2, _FLOAT64: 8}
# Distinct random values per input; a longer input repeats them. Prime, so that no row or channel sees the same ones again and again.
_POOL = 16381


class FatalInput(Exception):
    """Input values that the real tool aborts on. The message follows `FATAL: `."""


@dataclass(frozen=True, slots=True)
class InputLayer:
    """One item of --input_layer with what the other flags say of it."""

    name: str
    shape: tuple[int, ...]
    value_range: tuple[int, int] | None = None
    value_file: str | None = None


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(size) for size in text.split(","))
    except ValueError as error:
        raise FlagError(f"Incorrect size string specified: {text}") from error
    if any(size < 0 for size in shape):
        raise FlagError(
            "Any unknown sizes in the shapes (-1's) must be replaced with the size you want to benchmark with."
        )
    return shape


def input_layers(options: Options) -> list[InputLayer]:
    """Read the four --input_layer flags.

    Raises:
        FlagError: names and shapes do not match, or a shape is not one.
        FatalInput: a range or a file is given for an input that is not named.
    """
    names = options.text("input_layer").split(",") if options.text("input_layer") else []
    shapes = options.text("input_layer_shape").split(":") if options.text("input_layer_shape") else []
    if len(names) != len(shapes):
        raise FlagError(
            f"The number of items in --input_layer_shape ({options.text('input_layer_shape')}, with {len(shapes)} items) must match the "
            f"number of items in --input_layer ({options.text('input_layer')}, with {len(names)} items)."
        )
    ranges: dict[str, tuple[int, int]] = {}
    files: dict[str, str] = {}
    for item in options.text("input_layer_value_range").split(":") if options.text("input_layer_value_range") else []:
        parts = item.split(",")
        _named(parts[0], names, options)
        if len(parts) != 3 or not all(re.fullmatch(r"[+-]?\d+", part) for part in parts[1:]):
            raise FatalInput(f"Wrong input value range specified for input_layer ({parts[0]}): {item}")
        ranges[parts[0]] = (int(parts[1]), int(parts[2]))
    for item in options.text("input_layer_value_files").split(",") if options.text("input_layer_value_files") else []:
        match = re.fullmatch(r"((?:\\:|[^:])+):(.+)", item)
        if match is None:
            raise FatalInput(f"Wrong input value file specified: {item}")
        name = match[1].replace("\\:", ":")
        _named(name, names, options)
        files[name] = match[2]
    return [InputLayer(n, _shape(s), ranges.get(n), files.get(n)) for n, s in zip(names, shapes, strict=True)]


def _named(name: str, names: list[str], options: Options) -> None:
    if name not in names:
        raise FatalInput(
            f"Cannot find the corresponding input_layer name({name}) in --input_layer as {options.text('input_layer')}"
        )


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _repeated(pool: array[int] | array[float], count: int) -> bytes:
    data = (pool * (count // len(pool) + 1))[:count]
    return data.tobytes()


def input_bytes(tensor: Tensor, shape: tuple[int, ...], layer: InputLayer | None, randomness: random.Random) -> bytes:
    """The contents of one input: of its file, or random.

    Args:
        tensor: the input.
        shape: the shape it has now.
        layer: what the command line says of it.
        randomness: where random values come from.

    Raises:
        FatalInput: the file cannot be read or has the wrong size; or the type cannot be fed.
    """
    count = _count(shape)
    size = _FLOAT_SIZES.get(tensor.element) or _ELEMENTS.get(tensor.element, ("", 0, 0, 0))[1]
    if not size:
        raise FatalInput(f"Don't know how to populate tensor {tensor.name} of type {tensor.element}")
    if layer is not None and layer.value_file is not None:
        try:
            data = Path(layer.value_file).read_bytes()
        except OSError as error:
            raise FatalInput(f"Failed to read the input_layer_value_file:{layer.value_file}") from error
        if len(data) != count * size:
            raise FatalInput(f"The size of {layer.value_file} is {len(data)} bytes. It should be {count * size} bytes.")
        return data
    pool = min(count, _POOL) or 1
    if tensor.element in _FLOAT_SIZES:
        # Uniform in [-0.5, 0.5), or over the range that was given.
        low, high = (layer.value_range if layer is not None else None) or (-0.5, 0.5)
        if tensor.element == _FLOAT16:
            return _half_floats(low, high, count, randomness)
        code = "f" if tensor.element == _FLOAT32 else "d"
        return _repeated(array(code, [low + (high - low) * randomness.random() for _ in range(pool)]), count)
    code, _, low_whole, high_whole = _ELEMENTS[tensor.element]
    if layer is not None and layer.value_range is not None:
        low_whole, high_whole = layer.value_range
    try:
        return _repeated(array(code, [randomness.randint(low_whole, high_whole) for _ in range(pool)]), count)
    except (OverflowError, ValueError) as error:
        raise FatalInput(f"The range {low_whole}..{high_whole} does not fit tensor {tensor.name}") from error


def _half_floats(low: float, high: float, count: int, randomness: random.Random) -> bytes:
    import struct

    pool = min(count, _POOL) or 1
    packed = struct.pack(f"<{pool}e", *(low + (high - low) * randomness.random() for _ in range(pool)))
    return (packed * (count // pool + 1))[: 2 * count]
