"""`harness run`: runs a suite on devices and writes a run folder with its report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from harness.api.lanes import QUARANTINE_S
from harness.api.resume_plan import plan_resume
from harness.api.resume_run import resume as resume_run
from harness.api.retried_trials import Retry
from harness.api.run_outcome import RunOutcome
from harness.api.run_suite import RunPlan, plan
from harness.api.run_suite import run as run_suite
from harness.binaries.choice import binary_options, parse_binary_option
from harness.cli.closed_terminal import outlives_its_terminal
from harness.cli.database_option import database_option, label_option
from harness.cli.harness_trace import traced
from harness.cli.output_option import OutputFile, OutputPath, require_place
from harness.cli.run_history import HistoryWish, add_at_the_end, history_wish
from harness.cli.seconds_option import Seconds, wait_option
from harness.cli.terminal_watcher import TerminalWatcher
from harness.errors import HarnessError, UsageError

_EPILOG = """\b
Examples:
  harness run suites/quickstart.yaml --device virtual:2
  harness run suite.yaml --device any --binary arm64-v8a=benchmark_model
  harness run suite.yaml --device R5CT30ABCDE --dry-run
  harness run suite.yaml --device any --out runs/pr --junit junit.xml
  harness run suite.yaml --device any --history --label commit=4f1c2e9
  harness run --resume runs/quickstart-20261122-101500
  harness run --resume runs/quickstart-20261122-101500 --retry environment
"""


@click.command(epilog=_EPILOG)
@click.argument("suite", required=False)
@click.option(
    "--device",
    "-d",
    "selectors",
    multiple=True,
    metavar="SEL",
    help="Where to measure: a serial, a config name, any, virtual:N or virtual:PROFILE. Replaces the suite's `devices`. "
    "May be given several times.",
)
@click.option(
    "--binary",
    "binaries",
    multiple=True,
    metavar="ABI=PATH",
    help="The benchmark_model for devices of this ABI (arm64-v8a, armeabi-v7a, x86_64, x86).",
)
@click.option(
    "--out",
    "-o",
    type=OutputPath(),
    metavar="RUN",
    help="The folder for the run. Default: a new one under runs/.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Continue an interrupted run. Finished trials are kept.",
)
@click.option(
    "--retry",
    type=click.Choice(["failed", "environment"]),
    help="With --resume: also repeat all trials that failed, or (environment) only those that the device or its conditions spoiled.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only print the cells and the device time that they need; with --json every trial, with --resume what is left.",
)
@click.option(
    "--parallel-virtual",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="N",
    help="How many virtual devices measure at a time. They share this machine's cores: more than one disturb each other's latencies.",
)
@wait_option("a device that another harness process holds")
@click.option(
    "--quarantine",
    "quarantine_s",
    type=Seconds(0, 86400),
    default=QUARANTINE_S,
    show_default=True,
    metavar="SECONDS",
    help="Give a device that keeps failing up to SECONDS to recover.",
)
@click.option(
    "--junit",
    type=OutputFile(),
    metavar="FILE",
    help="Also write JUnit XML for a CI server: one case per cell. It fails if a process failed or is invalid.",
)
@click.option(
    "--trace",
    type=OutputFile(),
    envvar="HARNESS_TRACE",
    metavar="FILE",
    help="Also write a trace for Perfetto, which shows what the harness itself spent its time on.",
)
@click.option(
    "--history", "into_history", is_flag=True, help="When the run ends, add it to the history (harness history)."
)
@database_option
@label_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.pass_context
@outlives_its_terminal()
def run(
    ctx: click.Context,
    suite: str | None,
    selectors: tuple[str, ...],
    binaries: tuple[str, ...],
    out: Path | None,
    resume: Path | None,
    retry: Retry | None,
    dry_run: bool,
    parallel_virtual: int,
    wait_s: float,
    quarantine_s: float,
    junit: Path | None,
    trace: Path | None,
    into_history: bool,
    database: str | None,
    labels: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure a suite, and write a folder with results and a report."""
    if trace is not None:
        ctx.with_resource(traced(trace, coming=resume or out))
    own = parse_binary_option(binaries)
    watcher = TerminalWatcher()
    history = history_wish(wanted=into_history, database=database, labels=labels, dry_run=dry_run)
    if junit is not None:
        if dry_run:
            raise UsageError("--junit writes results, and --dry-run has none")
        require_place(junit, coming=resume or out)
    if resume is not None:
        if out is not None:
            raise UsageError("--resume does not go with --out")
        if dry_run:
            _print_plan(plan_resume(resume, suite=suite, retry=retry), as_json=as_json)
            return
        outcome = resume_run(
            resume,
            suite=suite,
            devices=selectors,
            binaries=own,
            parallel_virtual=parallel_virtual,
            wait_s=wait_s,
            quarantine_s=quarantine_s,
            retry=retry,
            watcher=watcher,
        )
        ctx.exit(_concluded(outcome, own, as_json=as_json, junit=junit, history=history))
    if retry is not None:
        raise UsageError("--retry needs --resume RUN")
    if suite is None:
        raise UsageError("which suite?", remedy="harness run suites/quickstart.yaml --device virtual:2")
    if dry_run:
        _print_plan(plan(suite, devices=selectors, binaries=own, out=out, watcher=watcher), as_json=as_json)
        return
    outcome = run_suite(
        suite,
        devices=selectors,
        binaries=own,
        out=out,
        parallel_virtual=parallel_virtual,
        wait_s=wait_s,
        quarantine_s=quarantine_s,
        watcher=watcher,
    )
    ctx.exit(_concluded(outcome, own, as_json=as_json, junit=junit, history=history))


def _concluded(
    outcome: RunOutcome, binaries: Mapping[str, Path], *, as_json: bool, junit: Path | None, history: HistoryWish
) -> int:
    from harness.cli.conclusion import conclude  # what compares is loaded when there is something to compare

    code, lost = 0, None
    try:
        code = conclude(outcome, as_json=as_json, junit=junit, options=binary_options(binaries) + history.options)
    except HarnessError as error:  # a document is not written, and the run is whole
        lost = error
    if history.wanted and outcome.interrupted:
        click.echo(f"not added to the history, as it was interrupted: {history.adding(outcome.path)}", err=True)
    elif history.wanted:
        code = add_at_the_end(history, outcome.path, code)
    if lost is not None:
        raise lost
    return code


def _print_plan(planned: RunPlan, *, as_json: bool) -> None:
    from harness.cli.dry_run import dry_run_document, print_dry_run
    from harness.cli.run_summary import write_json

    if as_json:
        write_json(dry_run_document(planned))
    else:
        print_dry_run(planned)
