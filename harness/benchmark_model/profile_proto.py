"""Reads the profile as a protocol buffer: `tflite.profiling.BenchmarkProfilingData`, binary or printed as text.

The wheel of ai-edge-litert ships the message. Its `avg` is truncated to whole microseconds, so `sum / count` is used. Its `run_order` is
the order of execution; the text's `Run Order` is not reliable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from harness.records import OpTiming, OpTypeSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileProto:
    """Both phases of a profile; None for a phase that the message lacks."""

    ops: tuple[OpTiming, ...] | None
    init_ops: tuple[OpTiming, ...] | None
    op_summary: tuple[OpTypeSummary, ...] | None
    init_op_summary: tuple[OpTypeSummary, ...] | None


def read_profile(data: bytes) -> ProfileProto | None:
    """Read a profile file; None if the bytes are not this message or are empty."""
    message = _message()
    try:
        message.ParseFromString(data)
    except (DecodeError, RecursionError):
        return None
    return _convert(message)


def read_profile_text(lines: Sequence[str]) -> ProfileProto | None:
    """Read a profile that was printed as text; None if the text is not one, or is cut short."""
    message = _message()
    try:
        text_format.Parse("\n".join(lines), message, allow_unknown_field=True)
    except (text_format.ParseError, RecursionError, ValueError):
        return None
    # A log can lose lines, and the rest of two ops may still look like one.
    return _convert(message) if _sound(message) else None


_OP_FIELDS = ("node_type", "inference_microseconds", "times_called", "name", "run_order")
_STAT_FIELDS = ("first", "last", "avg", "min", "max", "sum", "count")


def _sound(message: Any) -> bool:
    """Return whether every op has all fields, its numbers fit together, and no op is missing in between."""
    for profile in (message.init_profile, message.runtime_profile):
        orders = [[op.run_order for op in group.per_op_profiles] for group in profile.subgraph_profiles]
        apart = all(sorted(order) == list(range(len(order))) for order in orders)
        together = sorted(chain.from_iterable(orders))
        if not apart and together != list(range(len(together))):
            return False
        for group in (*profile.subgraph_profiles, *profile.delegate_profiles):
            for op in group.per_op_profiles:
                time = op.inference_microseconds
                if not all(op.HasField(field) for field in _OP_FIELDS):
                    return False
                if not all(time.HasField(field) for field in _STAT_FIELDS) or time.count <= 0:
                    return False
                if not time.min <= time.avg <= time.max or time.avg != time.sum // time.count:
                    return False
    return True


def _message() -> Any:
    # Imported here: it costs 50 ms and most outputs hold no proto.
    from ai_edge_litert import profiling_info_pb2

    return profiling_info_pb2.BenchmarkProfilingData()


def _convert(message: Any) -> ProfileProto | None:
    phases: dict[str, tuple[tuple[OpTiming, ...], tuple[OpTypeSummary, ...]] | None] = {}
    for name in ("init_profile", "runtime_profile"):
        if not message.HasField(name):
            phases[name] = None
            continue
        profile = getattr(message, name)
        groups = [(group.subgraph_index, list(group.per_op_profiles)) for group in profile.subgraph_profiles]
        for group in profile.delegate_profiles:
            # A delegate's internal rows; the delegate's row in the graph includes them.
            groups.append((None, list(group.per_op_profiles)))
        phases[name] = (_ops(groups), _summary(groups))
    init, run = phases["init_profile"], phases["runtime_profile"]
    if init is None and run is None:
        return None
    return ProfileProto(
        ops=run[0] if run else None,
        init_ops=init[0] if init else None,
        op_summary=run[1] if run else None,
        init_op_summary=init[1] if init else None,
    )


def _ops(groups: list[tuple[int | None, list[Any]]]) -> tuple[OpTiming, ...]:
    """Return rows in order of execution within each subgraph; percentages are of the subgraph's total, as in the text."""
    rows: list[OpTiming] = []
    for subgraph, profiles in groups:
        ordered = sorted(profiles, key=lambda op: int(op.run_order))
        total = sum(_per_run_us(op) or 0.0 for op in ordered)
        sofar = 0.0
        for op in ordered:
            per_run = _per_run_us(op)
            sofar += per_run or 0.0
            time, memory = op.inference_microseconds, op.mem_kb
            rows.append(
                OpTiming(
                    index=len(rows),
                    node_type=op.node_type,
                    name=op.name,
                    first_us=float(time.first) if time.HasField("first") else None,
                    avg_us=_mean(time),
                    percent=100 * per_run / total if per_run is not None and total > 0 else None,
                    cdf_percent=100 * sofar / total if total > 0 else None,
                    mem_kb=_mean(memory),
                    times_called=int(op.times_called) if op.HasField("times_called") else None,
                    subgraph=subgraph,
                )
            )
    return tuple(rows)


def _summary(groups: list[tuple[int | None, list[Any]]]) -> tuple[OpTypeSummary, ...]:
    """Return the main graph's time per run by node type, longest first, as in the tool's own summary."""
    main = next((profiles for _, profiles in groups if profiles), [])
    by_type: dict[str, list[Any]] = {}
    for op in main:
        by_type.setdefault(op.node_type, []).append(op)
    total = sum(_per_run_us(op) or 0.0 for op in main)
    costs = {kind: sum(_per_run_us(op) or 0.0 for op in ops) for kind, ops in by_type.items()}
    rows: list[OpTypeSummary] = []
    sofar = 0.0
    for kind in sorted(costs, key=lambda kind: -costs[kind]):
        sofar += costs[kind]
        ops = by_type[kind]
        rows.append(
            OpTypeSummary(
                node_type=kind,
                count=len(ops),
                avg_us=costs[kind],
                percent=100 * costs[kind] / total if total > 0 else None,
                cdf_percent=100 * sofar / total if total > 0 else None,
                mem_kb=sum((_mean(op.mem_kb) or 0.0) * op.times_called for op in ops),
                times_called=sum(int(op.times_called) for op in ops),
            )
        )
    return tuple(rows)


def _mean(stat: Any) -> float | None:
    return stat.sum / stat.count if stat.count > 0 else None


def _per_run_us(op: Any) -> float | None:
    """Return an op's time per inference: its average per call times the calls per inference."""
    mean = _mean(op.inference_microseconds)
    return None if mean is None else mean * max(int(op.times_called), 1)
