"""Rules of thumb for how delegates usually treat a model. None is tried; each has its source, which docs/models.md explains.

Only a run on the device gives the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.models.contents import CONTROL_FLOW, ModelContents
from harness.models.findings import Finding, Severity

_ANY_NPU = ("nnapi", "npu", "external")

_GPU_OPS = (
    "ABS ADD ADD_N ATAN2 AVERAGE_POOL_2D BATCH_MATMUL CAST CEIL CONCATENATION CONV_2D COS CUMSUM DENSIFY "
    "DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP "
    "FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GELU GREATER GREATER_EQUAL HARD_SWISH LEAKY_RELU "
    "LESS LESS_EQUAL LOG LOGICAL_AND LOGISTIC LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG "
    "NOT_EQUAL ONE_HOT PACK PAD PADV2 POW PRELU QUANTIZE REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 "
    "RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SELECT SELECT_V2 SIGN SIN SLICE "
    "SOFTMAX SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE STABLEHLO_CLAMP STRIDED_SLICE "
    "SUB SUM TANH TILE TRANSPOSE TRANSPOSE_CONV"
)
GPU_OPS = frozenset(_GPU_OPS.split())
"""Ops that TensorFlow's GPU delegate knows, some under conditions on shapes."""

GPU_CUSTOM_OPS = frozenset({"Convolution2DTransposeBias", "MaxPoolingWithArgmax2D", "MaxUnpooling2D", "Resampler"})

_NOT_ON_GPU = (
    "int64",
    "uint64",
    "float64",
    "complex64",
    "complex128",
    "string",
    "int16",
    "uint16",
    "resource",
    "variant",
)
_QUANTIZED = ("int8", "uint8", "int16", "int4")


def rules_for(contents: ModelContents) -> tuple[Finding, ...]:
    """Return the findings that are expected of a model on delegates that this host does not have."""
    return (*_cpu(contents), *_gpu(contents), *_accelerators(contents), *_hexagon(contents), *_nnapi())


def _cpu(contents: ModelContents) -> Iterator[Finding]:
    if contents.activations.get("int16"):
        yield _expected(
            "cpu",
            "warning",
            "int16 activations run in reference kernels, about 20 times as slow as int8",
            "int16x8",
            remedy="convert it as int8, or as float with dynamic-range weights",
        )


def _gpu(contents: ModelContents) -> Iterator[Finding]:
    left = Counter[str]()
    for one in contents.ops:
        known = one.op in (GPU_CUSTOM_OPS if one.custom else GPU_OPS)
        if not known:
            left[one.op] += one.count
    for op, count in left.items():
        what = (
            "it runs other graphs, and the GPU takes one graph"
            if op in CONTROL_FLOW
            else "the GPU delegate does not know it"
        )
        yield _expected(
            "gpu",
            "warning",
            f"{count} of {_ops(contents)} ops {'stays' if count == 1 else 'stay'} on the CPU: {what}",
            "gpu-ops",
            op=op,
            remedy="replace it before you convert",
        )
    if contents.dynamic_shapes:
        yield _expected(
            "gpu",
            "warning",
            f"{_open(contents)}: the GPU delegate refuses a graph that computes sizes as it runs",
            "gpu-static",
            remedy="convert it with a fixed batch (`batch: 1`) and fixed sizes",
        )
    wrong = {name: count for name, count in contents.activations.items() if name in _NOT_ON_GPU}
    if wrong:
        listed = ", ".join(f"{count} {name}" for name, count in wrong.items())
        yield _expected(
            "gpu",
            "warning",
            f"tensors of types that the GPU does not compute with: {listed}; their ops stay on the CPU",
            "gpu-types",
            remedy="keep indices int32 and values float",
        )
    if any(contents.activations.get(name) for name in _QUANTIZED):
        yield _expected(
            "gpu",
            "warning",
            "quantised ops run as floats on the GPU: no faster than fp16, and the outputs differ a little",
            "gpu-quantised",
            remedy="measure fp16 beside it, and compare the outputs (purpose `accuracy`)",
        )
    elif contents.activations.get("float32"):
        yield _expected(
            "gpu",
            "info",
            "the GPU computes in fp16 unless you ask otherwise: values beyond 65,504 overflow",
            "gpu-fp16",
            remedy="{name: gpu, precision: fp32}, or compare the outputs (purpose `accuracy`)",
        )


def _accelerators(contents: ModelContents) -> Iterator[Finding]:
    if contents.dynamic_shapes:
        for delegate in _ANY_NPU:
            yield _expected(
                delegate,
                "warning",
                f"{_open(contents)}: accelerators compile for fixed sizes",
                "npu-static",
                remedy="convert it with a fixed batch (`batch: 1`) and fixed sizes",
            )
    for op in (*contents.control_flow, *contents.custom_ops, *contents.select_tf_ops):
        for delegate in _ANY_NPU:
            yield _expected(delegate, "warning", "this op stays on the CPU and splits the graph", "npu-ops", op=op)


def _hexagon(contents: ModelContents) -> Iterator[Finding]:
    floats = sum(contents.activations.get(name, 0) for name in ("float32", "float16"))
    if floats:
        yield _expected(
            "hexagon",
            "warning",
            f"{floats} float tensors: Hexagon takes only 8-bit quantised ops",
            "hexagon",
            remedy="convert it as int8",
        )


def _nnapi() -> Iterator[Finding]:
    yield _expected(
        "nnapi",
        "info",
        "NNAPI is deprecated since Android 15: newer phones may run it on a slow reference",
        "nnapi-deprecated",
        remedy="look for the vendor's delegate (`external`) or LiteRT's `npu`",
    )


def _ops(contents: ModelContents) -> int:
    return sum(one.count for one in contents.ops)


def _open(contents: ModelContents) -> str:
    first, more = contents.dynamic_shapes[0], len(contents.dynamic_shapes) - 1
    shape = "x".join("?" if size < 0 else str(size) for size in first.shape)
    return f"{first.name!r} has an open size ({shape})" + (f", as {more} more" if more else "")


def _expected(
    delegate: str, severity: Severity, message: str, source: str, *, op: str | None = None, remedy: str | None = None
) -> Finding:
    return Finding(
        delegate=delegate, severity=severity, op=op, message=message, remedy=remedy, tried=False, source=source
    )
