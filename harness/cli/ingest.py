"""`harness ingest`: turns logs that were recorded elsewhere into a run, or part of one, and marks them as such."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from harness.api.ingest_logs import Ingested
from harness.api.ingest_logs import ingest as ingest_logs
from harness.api.recorded_log import RecordedLog
from harness.cli.output_option import OutputPath
from harness.cli.parse import read_log
from harness.records import Status

_EPILOG = """\b
Examples:
  harness ingest pixel6/*.log --device "Pixel 6" --model mobilenet_v2 --delegate gpu -o runs/recorded
  harness report runs/recorded

The run knows the model only by its name, does not know the cores, and takes the time of a process from its file. Logs
count as run in the order of those times; in the order given if they are equal or those of a copy (less than a second a
log). A log with a profile counts as a profile: its latency is never compared with that of a process that did not profile.
"""


@click.command("ingest", epilog=_EPILOG)
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("--device", required=True, metavar="NAME", help="A name for the device.")
@click.option("--model", required=True, metavar="NAME", help="A name for the model.")
@click.option(
    "--delegate", required=True, metavar="NAME", help="The delegate that was asked for: cpu, xnnpack, gpu, ..."
)
@click.option(
    "--process",
    type=click.IntRange(min=0),
    metavar="N",
    help="The number of the process that ran first. Default: the next free one.",
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="CPU threads, if the logs do not say.")
@click.option(
    "-o",
    "--output",
    "run",
    required=True,
    type=OutputPath(),
    metavar="RUN",
    help="The run to make, or to add to.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def ingest(
    logs: tuple[str, ...],
    device: str,
    model: str,
    delegate: str,
    process: int | None,
    threads: int | None,
    run: Path,
    as_json: bool,
) -> None:
    """Make a run from recorded outputs of benchmark_model.

    A LOG (`-` is standard input) holds the output of one process or of several; the run lists each by itself, and keeps the raw logs.
    """
    taken = ingest_logs(
        [_log(log) for log in logs],
        device=device,
        model=model,
        delegate=delegate,
        out=run,
        process=process,
        threads=threads,
    )
    _say(taken, as_json)
    if not taken.good:
        click.get_current_context().exit(1)


def _log(log: str) -> str | RecordedLog:
    if log != "-":
        return log
    return RecordedLog(name=log, source="standard input", data=read_log(log), at=datetime.now(UTC))


def _say(taken: Ingested, as_json: bool) -> None:
    run, results = taken.path, taken.results
    if as_json:
        rows = [
            {
                "trial_id": result.trial.trial_id,
                "process": result.trial.process,
                "purpose": result.trial.purpose.value,
                "status": result.status.value,
                "causes": [cause.value for cause in result.causes],
                "inference_avg_us": result.measurement.inference_avg_us if result.measurement else None,
                "notes": list(result.measurement.notes) if result.measurement else [],
            }
            for result in results
        ]
        click.echo(json.dumps({"run": str(run), "trials": rows}, indent=1))
        return
    counts = {status: sum(result.status is status for result in results) for status in Status}
    words = ", ".join(f"{count} {status.value}" for status, count in counts.items() if count)
    click.echo(f"{run}: {len(results)} recorded {'process' if len(results) == 1 else 'processes'} added ({words})")
    for result in results:
        if result.status is not Status.OK:
            click.echo(f"  {result.status.value} ({', '.join(result.causes)}): {result.message}")
        notes = result.measurement.notes[1:] if result.measurement else ()  # the first one says where it was recorded
        for note in notes:
            click.echo(f"  note on process {result.trial.process}: {note}")
