"""The summary of `harness parse` for people: plain text, a few lines per log."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import DelegateUse, LlmFigures, Measurement, OpTiming, OptionRun, ParsedOutput

_TOP_OPS = 10


def render(name: str, parsed: ParsedOutput) -> str:
    """Summarize one log: verdict, times, memory, delegates, and the most expensive ops."""
    measurement = parsed.measurement
    lines = [f"{_plain(name)}: {parsed.status.value}" + (f" ({', '.join(parsed.causes)})" if parsed.causes else "")]
    if parsed.message:
        lines.append(f"  {_plain(parsed.message)[:200]}")
    lines += _times(measurement)
    if measurement.llm is not None:
        lines += _language_model(measurement.llm)
    lines += [f"  {cell.option:>26} {_option(cell)}" for cell in measurement.cells or ()]
    lines += [f"  delegate         {_delegate(use)}" for use in measurement.delegates]
    if measurement.unconsumed_flags:
        lines.append(f"  not understood   {_plain(' '.join(measurement.unconsumed_flags))}")
    if measurement.ops:
        lines += _ops(measurement, measurement.ops)
    lines += [f"  note: {_plain(note)}" for note in measurement.notes]
    return "\n".join(lines)


def _times(measurement: Measurement) -> list[str]:
    lines = []
    for label, value in (
        ("inference", measurement.inference_avg_us),
        ("warm-up", measurement.warmup_avg_us),
        ("first inference", measurement.first_inference_us),
        ("initialization", measurement.init_us),
    ):
        if value is not None:
            lines.append(f"  {label:16} {_us(value)}")
    runs = measurement.runs
    if runs is not None:
        parts = [f"{runs.count} runs"]
        parts += [
            f"{label} {_us(value)}"
            for label, value in (("min", runs.min), ("median", runs.median), ("max", runs.max), ("std", runs.std))
            if value is not None
        ]
        lines.append(f"  {'timed':16} {', '.join(parts)}")
    memory = measurement.memory
    peak = memory.periodic_peak_mb or memory.overall_peak_mb
    if peak is not None:
        lines.append(f"  {'peak memory':16} {peak:g} MB")
    if memory.overall_delta_mb is not None:
        lines.append(f"  {'memory added':16} {memory.overall_delta_mb:g} MB")
    return lines


def _language_model(llm: LlmFigures) -> list[str]:
    lines = []
    for label, speed, tokens in (
        ("prefill", llm.prefill_tps, llm.prefill_tokens),
        ("decode", llm.decode_tps, llm.decode_tokens),
    ):
        if speed is not None:
            lines.append(f"  {label:16} {speed:g} tokens/s" + (f", {tokens} tokens" if tokens is not None else ""))
    if llm.ttft_ms is not None:
        lines.append(f"  {'first token':16} {llm.ttft_ms:g} ms ({llm.ttft})")
    return lines


def _option(cell: OptionRun) -> str:
    if cell.runs is None or cell.runs.avg is None:
        return "failed" if not cell.completed else "no average"
    return f"{_us(cell.runs.avg)} on average, {cell.runs.count} runs"


def _ops(measurement: Measurement, ops: Sequence[OpTiming]) -> list[str]:
    main = [op for op in ops if op.subgraph in (None, 0)] or list(ops)
    costly = sorted(main, key=lambda op: -(measurement.op_cost_us(op) or 0.0))[:_TOP_OPS]
    lines = [f"  {len(ops)} ops, the costliest:"]
    for op in costly:
        share = "" if op.percent is None else f"{op.percent:6.2f} %"
        cost = "" if (each := measurement.op_cost_us(op)) is None else _us(each)
        lines.append(f"    {cost:>12} {share:>9}  {_plain(op.node_type)[:40]:40}  {_plain(op.name)[:60]}")
    return lines


def _delegate(use: DelegateUse) -> str:
    words = [use.name, use.applied or "extent unknown"]
    if use.nodes_delegated is not None:
        words.append(f"{use.nodes_delegated} of {use.nodes_total if use.nodes_total is not None else '?'} nodes")
    if use.partitions is not None:
        words.append(f"{use.partitions} partitions")
    return ", ".join(words)


def _us(value: float) -> str:
    return f"{value:g} us" if value < 1000 else f"{value / 1000:.3f} ms" if value < 1e6 else f"{value / 1e6:.3f} s"


def _plain(text: str) -> str:
    """Remove control characters from untrusted text."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
