"""`harness models evaluate`: a metric on a labelled set with its interval, and a paired test against another model, on this host."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from harness.analysis.paired_accuracy import PairedTest, paired_test
from harness.cli.printing import reader_may_leave
from harness.cli.run_summary import write_json
from harness.errors import UsageError
from harness.files.terminal_text import printable
from harness.formats.accuracy_words import against_words, paired_words, samples, value_words
from harness.models.evaluation import Evaluation, evaluate
from harness.models.mapped_arrays import open_arrays
from harness.models.task_metric import task_metric

_EPILOG = """\b
Examples:
  harness models evaluate int8.tflite --data test.npz --labels label --metric top1
  harness models evaluate int8.tflite --data test.npz --labels label --metric top1 --against fp32.tflite
  harness models evaluate depth.tflite --data test.npz --labels depth --metric mae --output depth --json
  harness models evaluate seg.tflite --data test.npz --labels mask --metric my_metrics:iou
"""

_FILE = click.Path(path_type=Path)


@click.command("evaluate", epilog=_EPILOG)
@click.argument("model", type=_FILE, metavar="FILE")
@click.option(
    "--data",
    required=True,
    type=_FILE,
    metavar="F.npz",
    help="A file with an array for each input, under its name, and the labels; first axis = samples.",
)
@click.option("--labels", "labels_name", required=True, metavar="NAME", help="The array with the labels.")
@click.option(
    "--metric",
    required=True,
    metavar="top1|top5|mse|mae|MODULE:FUNCTION",
    help="FUNCTION(outputs, labels) returns a score for each sample; outputs are arrays by name.",
)
@click.option("--output", metavar="NAME", help="The output to judge, if the model has several.")
@click.option("--signature", metavar="KEY", help="The signature to run, if the model has several.")
@click.option("--against", type=_FILE, metavar="FILE", help="Also compare it with this model, sample by sample.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def evaluate_command(
    model: Path,
    data: Path,
    labels_name: str,
    metric: str,
    output: str | None,
    signature: str | None,
    against: Path | None,
    as_json: bool,
) -> None:
    """Measure a model's accuracy on a labelled set, with an interval.

    The model runs on this host with LiteRT's built-in kernels. The 95 % interval is Clopper and Pearson's for a share of
    right answers, Student's for a mean error. --against says whether the samples show a difference (McNemar's exact test,
    Student's paired test).
    """
    for file in (model, *([against] if against else [])):
        _hash_of(file)  # a file that is missing is named before anything runs
    judge = task_metric(metric)
    with open_arrays(data) as arrays:
        if labels_name not in arrays:
            there = ", ".join(map(repr, sorted(arrays)))
            raise UsageError(f"{data} holds no labels {labels_name!r}", remedy=f"it holds {there}")
        labels = arrays.pop(labels_name)

        def judged(path: Path) -> Evaluation:
            with _progress(path.name) as progress:
                return evaluate(path, arrays, labels, judge, signature=signature, output=output, progress=progress)

        found = judged(model)
        other = None if against is None else judged(against)
    paired = None if other is None else paired_test(found.per_sample, other.per_sample)
    with reader_may_leave(document=as_json):
        if as_json:
            document = _document(model, found)
            if against is not None and other is not None and paired is not None:
                document["against"] = {**_document(against, other), **_paired_document(paired)}
            write_json(document)
            return
        click.echo(f"{printable(model.name)}: {found.metric} {value_words(found)}, {samples(found.n)}")
        if against is not None and other is not None and paired is not None:
            click.echo(f"{printable(against.name)}: {other.metric} {value_words(other)}")
            click.echo(f"{against_words(found, other, paired)} ({paired_words(paired)})")


def _hash_of(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _document(path: Path, found: Evaluation) -> dict[str, Any]:
    return {
        "metric": found.metric,
        "value": found.value,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "n": found.n,
        "interval": found.interval,
        "path": str(path),
        "sha256": _hash_of(path),
    }


def _paired_document(paired: PairedTest) -> dict[str, Any]:
    return {
        "test": paired.test,
        "difference": paired.difference,
        "p_value": paired.p_value,
        "shown": paired.shown,
        "only_this": paired.only_first,
        "only_other": paired.only_second,
    }


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show the samples so far on a terminal. Elsewhere nobody waits for a bar."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as display:
        task = display.add_task(escape(printable(what)), total=None)
        yield lambda done, total: display.update(task, completed=done, total=total)
