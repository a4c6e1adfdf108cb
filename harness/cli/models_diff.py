"""`harness models diff`: how far the outputs of two models are apart, and which layer drives them apart."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from harness.cli.model_argument import require_tflite
from harness.cli.printing import reader_may_leave
from harness.errors import ModelFailed, UsageError
from harness.files.terminal_text import printable
from harness.models.arrays_file import Arrays, read_arrays, sample_count
from harness.models.host_run import HostRun
from harness.models.layer_errors import LayerErrors, as_mapping, layer_errors
from harness.models.model_pair import ModelPair, output_errors, pair_of, run_pair
from harness.models.output_error import OutputError
from harness.models.random_samples import random_samples
from harness.records.causes import Cause

_RANDOM = re.compile(r"random(?::([1-9]\d{0,5}))?")
_DEFAULT_COUNT = 8
_ABOVE = ("max_abs", "max_rel", "nan")
_BELOW = ("snr_db", "cosine", "argmax")
_MOST_LAYERS = 20
_FIGURES = ("max abs", "max rel", "SNR dB", "cosine", "argmax", "nan")
_OF_LAYERS = ("max abs", "max rel", "SNR dB", "cosine", "nan")
_TEXTS = frozenset({"output", "tensor", "made by"})
_FILE = click.Path(path_type=Path)


@click.command(
    "diff",
    epilog="""\b
Examples:
  harness models diff digits_fp32.tflite digits_int8.tflite --inputs test.npz
  harness models diff fp32.tflite int8.tflite --inputs random:32 --seed 7 --layers
  harness models diff fp32.tflite int8.tflite --fail-below snr_db=30 --fail-above nan=0 --json
""",
)
@click.argument("reference", metavar="A", type=_FILE)
@click.argument("other", metavar="B", type=_FILE)
@click.option(
    "--inputs", "inputs", default="random", metavar="F.npz|random[:N]", show_default=True,
    help="A file with arrays by input name, first axis = samples; or N random samples (default 8).",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of random inputs. Default: a new one, which is printed."
)
@click.option("--signature", metavar="KEY", help="The signature to run, if the models have several.")
@click.option("--layers", is_flag=True, help="Also rank the tensors between the ops by their error.")
@click.option(
    "--fail-above",
    multiple=True,
    metavar="FIGURE=X",
    help=f"Exit with 1 if a figure of an output is larger: {', '.join(_ABOVE)}.",
)
@click.option(
    "--fail-below",
    multiple=True,
    metavar="FIGURE=X",
    help=f"Exit with 1 if a figure of an output is smaller: {', '.join(_BELOW)}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.pass_context
def diff_command(
    ctx: click.Context,
    reference: Path,
    other: Path,
    inputs: str,
    seed: int | None,
    signature: str | None,
    layers: bool,
    fail_above: tuple[str, ...],
    fail_below: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare the outputs of two models on the same inputs: the reference A, and B.

    Both run on this host with LiteRT's built-in kernels. Outputs are matched by name, and quantised ones are dequantised
    first. max_rel and snr_db are relative to A.

    The exit code is 1 if an output breaks one of your limits or a model does not run here, 2 if the models cannot be
    compared, else 0.
    """
    limits = [*_limits(fail_above, _ABOVE, "--fail-above", 1), *_limits(fail_below, _BELOW, "--fail-below", -1)]
    wanted = _RANDOM.fullmatch(inputs)
    if wanted is None and inputs.startswith("random:"):
        raise UsageError(f"--inputs {inputs}: not random:N", remedy="N is the number of samples, at least 1")
    if wanted is None and seed is not None:
        raise UsageError("--seed goes with random inputs", remedy="leave it out")
    pair = _pair(reference, other, signature)
    samples: Arrays
    if wanted is None:
        samples, source = read_arrays(Path(inputs)), inputs
        count = sample_count(samples, inputs)
    else:
        seed = seed if seed is not None else random.SystemRandom().randrange(2**31)
        count, source = int(wanted[1] or _DEFAULT_COUNT), "random"
        samples = random_inputs(pair, count, seed)
    errors = output_errors(pair, _run(pair, samples, chosen=wanted is None))
    ranked = layer_errors(pair, samples) if layers else None
    broken = [what for one in errors for what in _broken(one, limits)]
    if as_json:
        document = {
            "outputs": [as_mapping(one) for one in errors],
            "reference": _file(pair.reference.contents.path, pair.reference.contents.sha256),
            "other": _file(pair.other.contents.path, pair.other.contents.sha256),
            "signature": pair.reference.signature,
            "inputs": {"source": source, "samples": count, "seed": seed},
            "notes": list(pair.notes),
            "broken_limits": broken,
            **({"layers": _layers_document(ranked)} if ranked is not None else {}),
        }
        with reader_may_leave(document=True):
            click.echo(json.dumps(document, indent=1, allow_nan=False))
    else:
        with reader_may_leave():
            click.echo("\n".join(_lines(pair, errors, ranked, source, count, seed, broken)))
    if broken:
        ctx.exit(1)


def _pair(reference: Path, other: Path, signature: str | None) -> ModelPair:
    """Read both models.

    Raises:
        UsageError: they cannot be compared.
        ModelFailed: one needs ops that this host lacks.
    """
    try:
        for file in (reference, other):
            require_tflite(file)
        return pair_of(reference, other, signature)
    except ModelFailed as error:
        if error.cause is Cause.OP_UNSUPPORTED:
            raise
        raise UsageError(error.message, remedy=error.remedy) from None


def _run(pair: ModelPair, samples: Arrays, *, chosen: bool) -> tuple[HostRun, HostRun]:
    """Run both models.

    Args:
        pair: the models.
        samples: their inputs.
        chosen: whether the user chose them; else a failure may come from a size that they guess.

    Raises:
        UsageError: the samples do not fit.
        ModelFailed: a model does not run here.
    """
    try:
        return run_pair(pair, samples)
    except ModelFailed as error:
        if chosen or all(size >= 0 for one in pair.reference.inputs for size in one.shape):
            raise
        remedy = "random samples take open sizes as 1: give samples with --inputs FILE.npz"
        raise ModelFailed(error.message, remedy=remedy, cause=error.cause) from None


def random_inputs(pair: ModelPair, count: int, seed: int) -> Arrays:
    """Make random samples for both models of a pair.

    Raises:
        UsageError: an input has no random values.
    """
    theirs = {one.name: one for one in pair.other.inputs}
    others = [theirs[pair.inputs[one.name]] for one in pair.reference.inputs]
    return random_samples(pair.reference.inputs, others, count, seed)


def _limits(given: Sequence[str], known: Sequence[str], option: str, sign: int) -> list[tuple[str, float, int]]:
    limits = []
    for text in given:
        name, equals, number = text.partition("=")
        try:
            limit = float(number)
        except ValueError:
            limit = math.nan
        if not equals or name not in known or math.isnan(limit):
            raise UsageError(f"{option} {text}: not FIGURE=NUMBER", remedy=f"FIGURE is one of {', '.join(known)}")
        limits.append((name, limit, sign))
    return limits


def _broken(error: OutputError, limits: Sequence[tuple[str, float, int]]) -> Iterator[str]:
    """Say which limits an output breaks. A figure that is not defined breaks one unless the outputs are equal."""
    for name, limit, sign in limits:
        value = getattr(error, name)
        if value is None:
            if not error.equal:
                yield f"{error.name}: {name} is not defined"
        elif (value - limit) * sign > 0:
            yield f"{error.name}: {name} {value:.6g} is {'above' if sign > 0 else 'below'} {limit:g}"


def _file(path: str, sha256: str) -> dict[str, str]:
    return {"path": path, "sha256": sha256}


def _layers_document(ranked: LayerErrors) -> dict[str, Any]:
    tensors = [
        {**as_mapping(one.error), "op": one.op, "node": one.node, "loss_db": one.loss_db} for one in ranked.layers
    ]
    return {"matched": ranked.matched, "total": ranked.total, "samples": ranked.samples, "tensors": tensors}


def _lines(
    pair: ModelPair,
    errors: Sequence[OutputError],
    ranked: LayerErrors | None,
    source: str,
    count: int,
    seed: int | None,
    broken: Sequence[str],
) -> Iterator[str]:
    many = f"{count} sample{'s' if count != 1 else ''}"
    yield (
        f"{printable(pair.reference.contents.path)} (reference) and {printable(pair.other.contents.path)}, "
        + (f"{many} of {printable(source)}" if seed is None else f"{many}, random, seed {seed}")
    )
    if pair.reference.contents.sha256 == pair.other.contents.sha256:
        yield "  both files are the same"
    for note in pair.notes:
        yield f"  note: {printable(note)}"
    yield from _table(["output", *_FIGURES], [[printable(one.name), *_figures(one)] for one in errors])
    for what in broken:
        yield f"  limit broken: {printable(what)}"
    if ranked is None:
        return
    yield ""
    yield f"layers, worst first ({ranked.matched} of {ranked.total} tensors have a match by name; {ranked.samples} samples)"
    rows = []
    for one in ranked.layers[:_MOST_LAYERS]:
        figures = [figure for head, figure in zip(_FIGURES, _figures(one.error), strict=True) if head in _OF_LAYERS]
        name, maker = printable(_short(one.tensor)), f"{printable(one.op)} #{one.node}"
        rows.append([name, maker, *figures, _number(one.loss_db, ".1f")])
    yield from _table(["tensor", "made by", *_OF_LAYERS, "lost dB"], rows)
    if len(ranked.layers) > _MOST_LAYERS:
        yield f"  and {len(ranked.layers) - _MOST_LAYERS} more (--json has all)"
    largest = max((one for one in ranked.layers if one.loss_db), key=lambda one: one.loss_db or 0.0, default=None)
    if largest is not None:
        yield f"  most is lost in {printable(largest.op)} #{largest.node}, {largest.loss_db:.1f} dB: {printable(_short(largest.tensor))}"


def _figures(one: OutputError) -> list[str]:
    snr = "equal" if one.equal else _number(one.snr_db, ".1f")
    return [
        _number(one.max_abs, ".4g"), _number(one.max_rel, ".3g"), snr, _number(one.cosine, ".6f"), _number(one.argmax, ".3f"), str(one.nan)
    ]  # fmt: skip


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _short(name: str) -> str:
    """Return the end of a long name, which is what tells tensors apart."""
    return name if len(name) <= 60 else "..." + name[-57:]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(len(heads))]
    texts = sum(head in _TEXTS for head in heads)
    for row in (heads, *rows):
        cells = [
            cell.ljust(width) if place < texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield ("  " + "  ".join(cells)).rstrip()
