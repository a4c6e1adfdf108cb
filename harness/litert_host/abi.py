"""Layouts of LiteRT's C structs on 64-bit Linux, tested with ai-edge-litert 2.1.6 to 2.4. Importing this module checks them."""

from __future__ import annotations

import ctypes
from enum import IntEnum


class LiteRtStatus(IntEnum):
    """LiteRT's status codes that this program distinguishes. 0 is success."""

    OK = 0
    FILE_IO = 500
    INVALID_FLATBUFFER = 501


class Accelerator(IntEnum):
    """Bits of the hardware accelerator set."""

    CPU = 1


class EnvironmentTag(IntEnum):
    """Keys of environment options."""

    MIN_LOGGER_SEVERITY = 25


class AnyType(IntEnum):
    """Discriminator of LiteRT's tagged union."""

    INT = 2


class LogSeverity(IntEnum):
    """Least severity that is logged. At INFO the library names every accelerator that it does not have."""

    ERROR = 3


class LockMode(IntEnum):
    """How a tensor buffer is mapped into this process."""

    READ = 0
    WRITE = 1


class EventType(IntEnum):
    """Kinds of profiler events (bits of TFLite's `Profiler::EventType`)."""

    DEFAULT = 1
    OPERATOR_INVOKE = 2
    DELEGATE_OPERATOR_INVOKE = 8


class AnyValue(ctypes.Structure):
    """`LiteRtAny`: a type and an 8-byte value."""

    _fields_ = [("type", ctypes.c_int), ("value", ctypes.c_int64)]


class EnvironmentOption(ctypes.Structure):
    """`LiteRtEnvOption`."""

    _fields_ = [("tag", ctypes.c_int), ("any", AnyValue)]


class LiteRtLayout(ctypes.Structure):
    """`LiteRtLayout`. The low 7 bits of `rank_and_flags` are the rank."""

    _fields_ = [
        ("rank_and_flags", ctypes.c_uint32),
        ("dimensions", ctypes.c_int32 * 8),
        ("strides", ctypes.c_uint32 * 8),
    ]

    @property
    def shape(self) -> tuple[int, ...]:
        """The used dimensions."""
        return tuple(self.dimensions[: self.rank_and_flags & 0x7F])


class RankedTensorType(ctypes.Structure):
    """`LiteRtRankedTensorType`."""

    _fields_ = [("element_type", ctypes.c_int32), ("layout", LiteRtLayout)]


class ProfilerEvent(ctypes.Structure):
    """`LiteRtProfiledEventData`. Times in microseconds."""

    _fields_ = [
        ("tag", ctypes.c_char_p),
        ("event_type", ctypes.c_int32),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("begin_memory", ctypes.c_size_t * 3),
        ("end_memory", ctypes.c_size_t * 3),
        ("metadata_1", ctypes.c_uint64),
        ("metadata_2", ctypes.c_uint64),
        ("source", ctypes.c_int32),
    ]


_SIZES = {EnvironmentOption: 24, LiteRtLayout: 68, RankedTensorType: 72, ProfilerEvent: 104}
for _struct, _size in _SIZES.items():
    if ctypes.sizeof(_struct) != _size:
        raise ImportError(
            f"{_struct.__name__} has {ctypes.sizeof(_struct)} bytes here, {_size} in LiteRT: this platform is not supported"
        )
