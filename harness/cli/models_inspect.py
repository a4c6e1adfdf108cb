"""`harness models inspect`: what model files hold, and what that means for each delegate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from harness.cli.model_argument import require_tflite
from harness.cli.printing import reader_may_leave
from harness.errors import ModelFailed
from harness.files.terminal_text import printable
from harness.models.contents import ModelContents, ShownTensor
from harness.models.findings import Finding
from harness.models.inspection import Inspection, inspect

_MOST_OPEN = 8
_MOST_WEIGHTS = 5


@click.command(
    "inspect",
    epilog="""\b
Examples:
  harness models inspect digits.tflite
  harness models inspect models/*.tflite --json
""",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--no-try", is_flag=True, help="Only read the files: nothing is allocated or run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.pass_context
def inspect_command(ctx: click.Context, files: tuple[Path, ...], no_try: bool, as_json: bool) -> None:
    """Show what model files hold, and what that means for each delegate.

    You see inputs, outputs, signatures, weights, ops with their versions, and what makes a model hard to run. `tried
    here`: LiteRT allocated the model on this host and ran it once on zeros, in a process of its own. `expected`: rules of
    thumb; docs/models.md names their sources.

    The exit code is 1 if some FILE is not a whole TensorFlow Lite model, 2 if none of them is.
    """
    good: list[Inspection] = []
    failed: list[dict[str, str]] = []
    for number, file in enumerate(files):
        try:
            require_tflite(file)
            found = inspect(file, try_here=not no_try)
        except ModelFailed as error:
            failed.append({"path": str(file), "message": str(error)})
            click.echo(printable(str(error)), err=True)
            continue
        good.append(found)
        if not as_json:
            with reader_may_leave():
                click.echo("\n".join([*([""] if number else []), *_lines(found)]))
    if as_json:
        document = {"models": [one.as_json() for one in good], "failed": failed}
        with reader_may_leave(document=True):
            click.echo(json.dumps(document, indent=1, allow_nan=False))
    if failed:
        ctx.exit(1 if good else 2)


def _lines(found: Inspection) -> Iterator[str]:
    contents = found.contents
    yield f"{printable(contents.path)}: {contents.size_bytes:,} bytes, SHA-256 {contents.sha256}"
    if contents.description:
        yield f"  made by: {printable(contents.description)}"
    yield from _tensors("inputs", contents.inputs)
    yield from _tensors("outputs", contents.outputs)
    for one in contents.signatures:
        takes, gives = (", ".join(printable(tensor.name) for tensor in side) for side in (one.inputs, one.outputs))
        yield f"  signature {printable(one.key)!r}: {takes or 'nothing'} -> {gives or 'nothing'}"
    yield from _weights(contents)
    yield f"  ops ({sum(one.count for one in contents.ops)}): " + ", ".join(
        f"{one.count} {printable(one.op)} v{one.version}{_kind(one.custom, one.select_tf)}" for one in contents.ops
    )
    yield f"  quantised: {contents.quantized_ops} of {contents.total_ops} ops; tensors between ops: {_counts(contents.activations)}"
    if contents.dynamic_shapes:
        yield from _tensors("open sizes", contents.dynamic_shapes, most=_MOST_OPEN)
    if contents.control_flow:
        yield f"  control flow: {_counts(contents.control_flow)}; {contents.subgraphs} subgraphs"
    if contents.variables:
        yield f"  keeps a state: {contents.variables} variables"
    yield from _findings("tried here", [one for one in found.findings if one.tried])
    yield from _findings("expected (rules of thumb: docs/models.md)", [one for one in found.findings if not one.tried])


def _kind(custom: bool, select_tf: bool) -> str:
    return " (Select TF)" if select_tf else " (custom)" if custom else ""


def _tensors(title: str, tensors: Sequence[ShownTensor], *, most: int | None = None) -> Iterator[str]:
    yield f"  {title}:"
    for one in tensors[:most]:
        own = f" (tensor {printable(one.tensor)})" if one.tensor != one.name else ""
        scale = f", scale {one.scale:.6g}, zero point {one.zero_point}" if one.scale is not None else ""
        yield f"    {printable(one.name)}{own}: {one.dtype} {_shape(one.shape)}{scale}"
    if most is not None and len(tensors) > most:
        yield f"    and {len(tensors) - most} more"


def _shape(shape: Iterable[int]) -> str:
    return "x".join("?" if size < 0 else str(size) for size in shape) or "a single number"


def _weights(contents: ModelContents) -> Iterator[str]:
    weights = contents.weights
    if not weights.bytes:
        yield "  weights: none"
        return
    share = weights.bytes / contents.size_bytes
    yield f"  weights: {weights.bytes:,} bytes, {share:.0%} of the file: {_counts(weights.by_dtype)}; by op: {_counts(weights.by_op)}"
    for one in weights.largest[:_MOST_WEIGHTS]:
        reader = f", read by {printable(one.op)}" if one.op else ""
        yield f"    {printable(one.tensor)}: {one.dtype} {_shape(one.shape)}, {one.bytes:,} bytes{reader}"
    if weights.sparsity is not None:
        left_out = (
            f"; {weights.sparse_tensors} tensors are stored without their zeros" if weights.sparse_tensors else ""
        )
        yield f"  sparsity: {weights.sparsity:.1%} of the weights are 0{left_out}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {printable(name)}" for name, count in counts.items()) or "none"


def _findings(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    """Lines of findings; what is the same for several delegates stands once."""
    if not findings:
        return
    yield f"  {title}:"
    grouped: dict[tuple[str, str, str | None, str | None], list[str]] = {}
    for one in findings:
        grouped.setdefault((one.severity, one.message, one.op, one.remedy), []).append(one.delegate)
    for (severity, message, op, remedy), delegates in grouped.items():
        word = "" if severity == "info" else f"{severity}: "
        blamed = f"{printable(op)}: " if op else ""
        what_to_do = f" ({printable(remedy)})" if remedy else ""
        yield f"    {', '.join(delegates)}: {word}{blamed}{printable(message)}{what_to_do}"
