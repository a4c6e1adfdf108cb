"""Turns the messages of converters, which have tens of thousands of characters, into one line with the op and the remedy.

Words: TensorFlow 2.19 to 2.21 (lite/python/convert.py, lite/toco), litert-quantizer 0.11.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.errors import ModelFailed
from harness.models.worker_process import WorkerDied
from harness.records.causes import Cause

_FLEX = re.compile(r"TF Select ops: ([\w ,]+)")
_CUSTOM = re.compile(r"Custom ops: ([\w ,]+)")
_NO_KERNEL = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
_MLIR = re.compile(r"error: ('[\w.]+' op [^\n]{1,200}|failed to legalize[^\n]{1,200})")
_LONGEST = 240


def explained(error_type: str, text: str, *, variant: str, select_tf_ops: bool) -> ModelFailed:
    """Explain what a converter raised.

    Args:
        error_type: the exception's class.
        text: its message.
        variant: the one that was made.
        select_tf_ops: whether ops of TensorFlow were allowed.
    """
    flex, custom = _ops(_FLEX, text), _ops(_CUSTOM, text)
    unknown = _ops(_NO_KERNEL, text)
    if custom:
        return ModelFailed(
            f"LiteRT and TensorFlow Lite have no kernel for {_listed(custom)}",
            remedy="use other ops; Select TF ops do not have it either",
        )
    if flex or (unknown and not select_tf_ops):
        names = flex or unknown
        return ModelFailed(
            f"TensorFlow Lite does not have the op{'s' * (len(names) > 1)} {_listed(names)}",
            remedy="--select-tf-ops keeps TensorFlow's own (in a suite `select_tf_ops: true`), "
            "and the device then needs a benchmark_model with Flex: harness build --flex",
        )
    if error_type == "MemoryError" or "bad_alloc" in text or "ResourceExhausted" in error_type:
        return ModelFailed("the converter ran out of memory", remedy="free some memory, or convert on a larger machine")
    for pattern, message, remedy in _KNOWN:
        found = re.search(pattern, text)
        if found is not None:
            return ModelFailed(found.expand(message), remedy=remedy)
    mlir = _MLIR.search(text)
    return ModelFailed(_short(mlir[1] if mlir is not None else text) or error_type)


def explained_death(died: WorkerDied, *, variant: str, loops: bool, recurrent: Sequence[str]) -> ModelFailed:
    """Explain a converter that ended without an answer.

    Args:
        died: what happened.
        variant: the one that was made.
        loops: whether the source has loops: recurrent layers that are not unrolled have.
        recurrent: names of its recurrent layers, if they are known.
    """
    if died.signal_name == "SIGKILL":
        return ModelFailed(
            f"{died.message}: the system probably ran out of memory",
            remedy="free some memory, or convert on a larger machine",
            cause=died.cause,
        )
    if loops and variant.startswith("int"):
        layer = f" ({', '.join(map(repr, recurrent[:3]))})" if recurrent else ""
        return ModelFailed(
            f"{died.message}: TensorFlow's calibration crashes on recurrent layers that are not unrolled{layer}",
            remedy="`dynamic` quantises their weights; or build the layers with unroll=True",
            cause=died.cause,
        )
    if died.cause is Cause.TIMEOUT:
        return ModelFailed(died.message, remedy="give it more time: --timeout SECONDS", cause=died.cause)
    return ModelFailed(died.message, remedy=f"its log: {died.log}", cause=died.cause)


_KNOWN: tuple[tuple[str, str, str | None], ...] = (
    (
        r"TensorListReserve|requires element_shape to be static",
        "a recurrent layer has an open dimension (TensorListReserve)",
        "fix the batch and the length: --shape NAME=1x...",
    ),
    (r"Tensor data is null", "litert-quantizer cannot calibrate loops and recurrent layers", "use `dynamic_wi8`"),
    (
        r"no_integer_overflow_from_quantization[\s\S]{0,400}?\((\w+)\) failed to prepare",
        r"the scales of \1 overflow int16x8",
        "calibrate with real samples of a trained model, or use int8",
    ),
    (
        r"Node number (\d+) \((\w+)\) failed to (prepare|invoke)",
        r"the op \2 (node \1) failed to \3 during the calibration",
        None,
    ),
    (r"Quantization not yet supported for op: '?(\w+)", r"\1 cannot be quantised", "use `dynamic` or `fp16`"),
    (
        r"Quantization to 16x8-bit not yet supported for op: '(\w+)'",
        r"\1 cannot be quantised to int16x8",
        "use int8",
    ),
    (
        r"op '?(tfl\.\w+)'? .{0,80}must be .{0,80}(?:but got|QI8)",
        r"\1 takes no operand of that type",
        "convert the float model, without Keras's own quantize()",
    ),
    (
        r"Could not deserialize class '(\w+)'",
        r"this Keras cannot load its \1",
        "save it again with the Keras that made it",
    ),
    (r"model quantization statistics values \(QSVs\) are required", "it needs a calibration", "--calibration FILE"),
)


def _ops(pattern: re.Pattern[str], text: str) -> list[str]:
    names = (name.strip() for found in pattern.findall(text) for name in found.split(","))
    return list(dict.fromkeys(name for name in names if name))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _short(text: str) -> str:
    lines = [" ".join(line.split()) for line in text.splitlines()]
    line = next((one for one in lines if one), "")
    line = "".join(c if c.isprintable() else " " for c in line)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
