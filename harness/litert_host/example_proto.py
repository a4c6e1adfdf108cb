"""Writes outputs as a `tensorflow.Example`, for `--output_proto_filepath`: one feature per output, by its name.

The wire format is written by hand, since no package here has the classes. `Example.features` = 1; `Features.feature` = 1, a map of key = 1
and value = 2; `Feature` has float_list = 2 or int64_list = 3, each with packed values = 1 (tensorflow/core/example/feature.proto).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence

# TensorType of the schema to the code of `array` or `struct`. Other types (strings, booleans, halves) become a feature without values.
_FLOATS = {0: "f", 10: "d"}
_WHOLE = {2: "i", 3: "B", 4: "q", 7: "h", 9: "b", 12: "Q", 15: "I", 16: "H"}


def example(outputs: Sequence[tuple[str, int, bytes]]) -> bytes:
    """Return the message's bytes.

    Args:
        outputs: name, TensorType of the schema, and bytes of each output.
    """
    entries = b"".join(
        _field(1, _field(1, name.encode("utf-8", "surrogateescape")) + _field(2, _feature(kind, data)))
        for name, kind, data in outputs
    )
    return _field(1, entries)


def _feature(kind: int, data: bytes) -> bytes:
    if kind in _FLOATS:
        values = array(_FLOATS[kind], data)
        return _field(2, _field(1, struct.pack(f"<{len(values)}f", *values)))
    if kind in _WHOLE:
        return _field(3, _field(1, b"".join(_varint(value & (2**64 - 1)) for value in array(_WHOLE[kind], data))))
    return b""


def _field(number: int, content: bytes) -> bytes:
    """Encode a length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
