"""`harness models convert`: makes variants of models of Keras, TensorFlow, PyTorch and ONNX and of .tflite files, and checks each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table

from harness.cli.console import open_console
from harness.cli.printing import reader_may_leave
from harness.cli.run_summary import write_json
from harness.cli.seconds_option import Seconds
from harness.errors import UsageError
from harness.files.terminal_text import printable
from harness.models.conversion import ConversionRequest, convert_source
from harness.models.conversion_request import checked_kind
from harness.records.variants import VARIANTS, ConvertedModel

_EPILOG = """\b
Examples:
  harness models convert digits.keras
  harness models convert digits.keras --variant fp32 --variant int8 --calibration calibration.npz -o models
  harness models convert saved_model/ --variant dynamic --shape image=1x224x224x3
  harness models convert digits.tflite --variant dynamic_wi8 --json
  harness models convert digits.pt2 --variant fp32,dynamic_wi8
"""
_SHAPE = re.compile(r"(?P<name>.+)=(?P<sizes>[0-9]+(?:x[0-9]+)*)")


@click.command(epilog=_EPILOG)
@click.argument(
    "sources", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False), metavar="SOURCE..."
)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="V",
    help=f"A variant to make: {', '.join(VARIANTS)}. May be given several times, or as V,V. Default: fp32.",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="An .npz file with samples by input name, first axis = samples. int8, int8_io, int16x8 and static_wi8_ai8 need it.",
)
@click.option(
    "--batch",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="The batch size, if the source leaves it open.",
)
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    metavar="NAME=1x8x8x1",
    help="The shape of an input with open dimensions, batch included.",
)
@click.option("--signature", metavar="NAME", help="Convert only this signature of a SavedModel. Default: all.")
@click.option(
    "--select-tf-ops",
    is_flag=True,
    help="Keep TensorFlow's own ops; the device then needs a benchmark_model with Flex.",
)
@click.option(
    "--timeout", type=Seconds(1), default=1800, show_default=True, help="The most seconds that one step may take."
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, readable=False, file_okay=False),
    metavar="DIR",
    help="Also copy the files here, as NAME_VARIANT.tflite.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def convert(
    sources: tuple[Path, ...],
    variants: tuple[str, ...],
    calibration: Path | None,
    batch: int,
    shapes: tuple[str, ...],
    signature: str | None,
    select_tf_ops: bool,
    timeout: float,
    out: Path | None,
    as_json: bool,
) -> int:
    """Make variants of a model, and check that they are right.

    A SOURCE is a .keras or .h5 file, a SavedModel folder, a .pt2 of PyTorch (torch.export.save), an .onnx, or a .tflite. Every variant
    is run on this computer, and its outputs are compared with the source's own. Files are cached by content: converting the same source
    again takes no time.
    """
    wanted = tuple(dict.fromkeys(one for given in variants for one in given.split(","))) or ("fp32",)
    requests = [
        ConversionRequest(
            source=source,
            name=str(source),
            variants=wanted,
            calibration=calibration,
            batch=batch,
            select_tf_ops=select_tf_ops,
            signature=signature,
            inputs=dict(map(_shape, shapes)),
            timeout_s=timeout,
        )
        for source in sources
    ]
    _check(requests, out)
    rows: list[ConvertedModel] = []
    for request in requests:
        rows += convert_source(request, out=out, told=lambda line: click.echo(printable(line), err=True))
    with reader_may_leave(document=as_json):
        if as_json:
            write_json({"models": [asdict(row) for row in rows]})
        else:
            _print_tables(rows)
    return 0 if all(row.status == "ok" for row in rows) else 1


def _check(requests: Sequence[ConversionRequest], out: Path | None) -> None:
    """Find mistakes in any source before the first takes its time."""
    stems: dict[str, str] = {}
    for request in requests:
        checked_kind(request)
        other = stems.setdefault(request.stem, request.name)
        if out is not None and other != request.name:
            raise UsageError(
                f"{other} and {request.name} would both become {request.stem}_VARIANT.tflite",
                remedy="convert them one by one into different folders",
            )


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise UsageError(f"--shape {text}: not a shape", remedy="such as --shape image=1x224x224x3, batch included")
    return found["name"], tuple(map(int, found["sizes"].split("x")))


def _print_tables(rows: Sequence[ConvertedModel]) -> None:
    """Print a table of figures for each source, then its files and reasons, a line each, which no width can cut."""
    sources = list(dict.fromkeys(row.source for row in rows))
    for number, source in enumerate(sources):
        if len(sources) > 1:
            click.echo(("\n" if number else "") + printable(source))
        _print_source([row for row in rows if row.source == source])


def _print_source(rows: Sequence[ConvertedModel]) -> None:
    base = next((row.size_bytes for row in rows if row.variant == "fp32"), None)
    table = Table(box=None, pad_edge=False)
    table.add_column("variant", no_wrap=True)
    for heading in ("size", "of fp32", "zipped", "quantised", "SNR dB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.variant,
            "[red]failed[/red]" if row.status == "failed" else _bytes(row.size_bytes),
            f"{row.size_bytes / base:.2f}" if row.size_bytes and base else "",
            _bytes(row.zipped_bytes),
            f"{row.quantized_ops}/{row.total_ops}" if row.total_ops is not None else "",
            f"{row.snr_db:.1f}" if row.snr_db is not None else "",
        )
    open_console().print(table)
    for row in rows:
        if row.status == "ok":
            note = f" ({row.message})" if row.message else ""
            click.echo(printable(f"{row.variant}: {row.path}{note}"))
        else:
            click.echo(printable(f"{row.variant} failed: {row.message}"))
            if row.log is not None:
                click.echo(printable(f"  log: {row.log}"))


def _bytes(size: int | None) -> str:
    return "" if size is None else f"{size:,}"
