"""The model's inputs: shapes, ranges and files from the command line, otherwise random values."""

from __future__ import annotations

import math
import random
import re
from array import array
from dataclasses import dataclass
from pathlib import Path

from harness.litert_host import tool_output as output
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
# Distinct random values per input; a longer input repeats them. Prime, so that no row or channel gets the same values repeatedly.
_POOL = 16381


class FatalInput(Exception):
    """Input values on which the real tool aborts. The message follows `FATAL: `."""


@dataclass(frozen=True, slots=True)
class InputLayer:
    """One item of --input_layer, with what the other flags say about it."""

    name: str
    shape: tuple[int, ...]
    value_range: tuple[int, int] | None = None
    value_file: str | None = None


def _shape(text: str) -> tuple[int, ...]:
    """Read `1,224,224,3`; an empty item after the last comma is ignored.

    Raises:
        FatalInput: an item is not a number.
        FlagError: a size is unknown.
    """
    sizes = text.split(",")
    if len(sizes) > 1 and not sizes[-1]:
        sizes.pop()
    matches = [re.match(r"\s*([+-]?\d{1,18})(?!\d)", size) for size in sizes]
    shape = tuple(int(match[1]) for match in matches if match is not None)
    if len(shape) != len(sizes):
        raise FatalInput(f"Incorrect size string specified: {text}")
    if -1 in shape:
        raise FlagError(
            "Any unknown sizes in the shapes (-1's) must be replaced with the size you want to benchmark with."
        )
    return shape


def input_layers(options: Options) -> list[InputLayer]:
    """Read the four --input_layer flags, in the real tool's order.

    Raises:
        FlagError: names and shapes do not match, a size is unknown, or a range or a file is malformed.
        FatalInput: a shape is malformed, or a range or a file is given for an input that is not named.
    """
    names = options.text("input_layer").split(",") if options.text("input_layer") else []
    shapes = options.text("input_layer_shape").split(":") if options.text("input_layer_shape") else []
    if len(names) != len(shapes):
        raise FlagError(
            f"The number of items in --input_layer_shape ({options.text('input_layer_shape')}, with {len(shapes)} items) must match the "
            f"number of items in --input_layer ({options.text('input_layer')}, with {len(names)} items)."
            " For example --input_layer=input1,input2 --input_layer_shape=1,224,224,4:1,20"
        )
    sizes = [_shape(shape) for shape in shapes]
    ranges = _ranges(options.text("input_layer_value_range"), names, options)
    files: dict[str, str] = {}
    for item in options.text("input_layer_value_files").split(",") if options.text("input_layer_value_files") else []:
        name, path = _name_and_file(item)
        _named(name, names, options)
        if name in ranges:
            output.warning(
                f"The input_name:{name} appears both in input_layer_value_files and input_layer_value_range."
                " The input_layer_value_range of the input_name will be ignored."
            )
        files[name] = path
    return [InputLayer(n, s, ranges.get(n), files.get(n)) for n, s in zip(names, sizes, strict=True)]


def _ranges(text: str, names: list[str], options: Options) -> dict[str, tuple[int, int]]:
    ranges: dict[str, tuple[int, int]] = {}
    for item in text.split(":") if text else []:
        parts = item.split(",")
        if len(parts) != 3:
            raise FlagError(f"Wrong input value range item specified: {item}")
        _named(parts[0], names, options)
        low, high = (int(part) if re.fullmatch(r"\s*[+-]?\d{1,10}\s*", part) else None for part in parts[1:])
        if low is None or high is None or low > high:
            raise FlagError(f"Wrong low and high value of the input value range specified: {item}")
        ranges[parts[0]] = (low, high)
    return ranges


def _name_and_file(item: str) -> tuple[str, str]:
    """Split at the single colon that is not doubled: `a::0:FILE` is the file of input `a:0`."""
    colons = [
        match.start()
        for match in re.finditer(r"::|:", item[:-1] if not item.endswith("::") else item)
        if match[0] == ":"
    ]
    if len(colons) != 1:
        what = "contains more than one delimiter." if colons else "doesn't contain any delimiter."
        raise FlagError(f"{item} {what}", f"Wrong input value file item specified: {item}", "1")
    name, path = item[: colons[0]], item[colons[0] + 1 :]
    return name.replace("::", ":"), path.replace("::", ":")


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
    """Return the content of one input: from its file, or random.

    Args:
        tensor: the input.
        shape: its present shape.
        layer: its flags on the command line.
        randomness: the source of random values.

    Raises:
        FatalInput: the file cannot be read or has the wrong size, or the type is not supported.
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
        # Uniform in [-0.5, 0.5), or over the given range.
        low, high = (layer.value_range if layer is not None else None) or (-0.5, 0.5)
        if tensor.element == _FLOAT16:
            return _half_floats(low, high, count, randomness)
        code = "f" if tensor.element == _FLOAT32 else "d"
        return _repeated(array(code, [low + (high - low) * randomness.random() for _ in range(pool)]), count)
    code, _, low_whole, high_whole = _ELEMENTS[tensor.element]
    if layer is not None and layer.value_range is not None:
        low_whole, high_whole = layer.value_range
    # Values beyond the type wrap around, as in a C++ cast.
    bits = 8 * _ELEMENTS[tensor.element][1]
    values = [_wrapped(randomness.randint(low_whole, high_whole), bits, signed=code.islower()) for _ in range(pool)]
    return _repeated(array(code, values), count)


def _wrapped(value: int, bits: int, *, signed: bool) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def _half_floats(low: float, high: float, count: int, randomness: random.Random) -> bytes:
    import struct

    pool = min(count, _POOL) or 1
    values = (low + (high - low) * randomness.random() for _ in range(pool))
    # 65,520 and above is infinite in half precision.
    packed = struct.pack(f"<{pool}e", *(math.copysign(math.inf, v) if abs(v) >= 65_520 else v for v in values))
    return (packed * (count // pool + 1))[: 2 * count]
