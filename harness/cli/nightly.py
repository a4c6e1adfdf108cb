"""`harness nightly`: measures suites into the history, finds and tests changes, writes the page and notifies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from harness.analysis.metrics import Metric
from harness.api.check_history import DEFAULT_METRICS
from harness.binaries.choice import binary_options, parse_binary_option
from harness.cli.closed_terminal import outlives_its_terminal
from harness.cli.console import open_console
from harness.cli.database_option import database_option, label_option
from harness.cli.output_option import OutputFile, OutputPath, require_place
from harness.cli.printing import reader_may_leave, say_error
from harness.cli.seconds_option import Seconds, wait_option
from harness.cli.terminal_watcher import TerminalWatcher
from harness.errors import UsageError
from harness.files.indented_json import indented
from harness.files.user_folders import nightly_lock_file

if TYPE_CHECKING:
    from harness.analysis.checked_history import FailOn
    from harness.experiments.nightly_run import Night, NightPlan

_EPILOG = """\b
Examples:
  harness nightly suites/phones.yaml --device any --report history.html
  harness nightly latency.yaml memory.yaml --device R5CT1 --device R5CT2 --label commit=4f1c2e9
  harness nightly suite.yaml --binary arm64-v8a=out/benchmark_model --confirm-budget 3600
  harness nightly suite.yaml --notify-url https://chat.example/hooks/123 --wait 3600
  harness nightly suite.yaml --notify-command 'mail -s Benchmarks lab@example.com'

nightly adds a run of each suite to the history; a suite that cannot run does not stop the next one. Then it looks for
changes, tests new suspicions on their devices until the budget is spent, and writes the page. docs/nightly.md has lines
for cron, systemd, Jenkins and GitHub Actions.

You get a notification when a regression is newly suspected, and every night while one is confirmed, until you accept it
(harness history accept). The command gets JSON on its standard input and counts in HARNESS_SUMMARY, HARNESS_CONFIRMED,
HARNESS_SUSPECTED, HARNESS_NEW, HARNESS_BAD_TRIALS, HARNESS_REPORT; no shell runs it. The web hook gets the same JSON as a
POST, with the message in `text`.

\b
Exit code 1: a trial failed, or a confirmed regression counts; 2: a suite or an option is wrong;
3: something could not run, or another nightly runs; 130: interrupted (what finished is kept).
"""


@click.command("nightly", epilog=_EPILOG)
@click.argument("suites", metavar="SUITE...", nargs=-1, required=True)
@click.option(
    "--device",
    "-d",
    "selectors",
    multiple=True,
    metavar="SEL",
    help="Where to measure, as for `harness run`. May be given several times.",
)
@click.option(
    "--binary",
    "binaries",
    multiple=True,
    metavar="ABI=PATH",
    help="The benchmark_model for devices of this ABI, as for `harness run`.",
)
@click.option(
    "--out",
    "-o",
    "folder",
    type=OutputPath(),
    default=Path("runs"),
    show_default=True,
    metavar="DIR",
    help="Where the run folders go.",
)
@click.option("--history", "history", is_flag=True, help="No effect: the runs always go into the history.")
@database_option
@label_option
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    type=click.Choice([str(metric) for metric in Metric]),
    default=[str(metric) for metric in DEFAULT_METRICS],
    show_default=", ".join(DEFAULT_METRICS),
    help="Look for changes of this metric. May be given several times.",
)
@click.option(
    "--confirm-budget",
    "confirm_budget_s",
    type=Seconds(0, 30 * 86400),
    default=1800.0,
    show_default=True,
    metavar="SECONDS",
    help="Device time for experiments on suspicions; 0 for none.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["confirmed", "suspected"]),
    default="confirmed",
    show_default=True,
    help="The weakest regression that makes the exit code 1.",
)
@click.option("--report", type=OutputFile(), metavar="FILE", help="Also write the page of the history.")
@click.option("--notify-command", metavar="CMD", help="A command that notifies you of regressions.")
@click.option(
    "--notify-url",
    envvar="HARNESS_NOTIFY_URL",
    metavar="URL",
    help="A web hook that notifies you of regressions. If its address is a secret, set HARNESS_NOTIFY_URL instead.",
)
@wait_option("another nightly to end, and for a device that another harness process holds")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.pass_context
@outlives_its_terminal()
def nightly_command(
    ctx: click.Context,
    suites: tuple[str, ...],
    selectors: tuple[str, ...],
    binaries: tuple[str, ...],
    folder: Path,
    history: bool,
    database: str | None,
    labels: tuple[str, ...],
    metrics: tuple[str, ...],
    confirm_budget_s: float,
    fail_on: str,
    report: Path | None,
    notify_command: str | None,
    notify_url: str | None,
    wait_s: float,
    as_json: bool,
) -> None:
    """Measure suites, find and confirm changes, and notify you."""
    del history
    from harness.experiments.night_notice import check_url, parse_command
    from harness.experiments.nightly_lock import one_nightly
    from harness.experiments.nightly_run import NightPlan, nightly
    from harness.experiments.tell_of_night import Notified, tell
    from harness.history.database import require_history
    from harness.history.run_labels import parse_labels

    require_history(database)
    command = parse_command(notify_command) if notify_command is not None else ()
    url = check_url(notify_url) if notify_url else None
    if report is not None:
        require_place(report)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder} is not a folder")
    plan = NightPlan(
        suites=suites,
        devices=selectors,
        binaries=parse_binary_option(binaries),
        folder=folder,
        database=database,
        labels=parse_labels(labels),
        metrics=metrics,
        fail_on=cast("FailOn", fail_on),
        confirm_budget_s=confirm_budget_s,
        report=report,
        wait_s=wait_s,
    )
    with one_nightly(nightly_lock_file(), wait_s, _waits):
        night = nightly(plan, TerminalWatcher())
        told = Notified() if night.interrupted else tell(night, database=database, command=command, url=url)
    _print(night, plan, told=told.arrived, as_json=as_json)
    for error in (*night.troubles, *told.troubles):
        say_error(error)
    ctx.exit(night.exit_code or (3 if told.troubles else 0))


def _waits(holder: str) -> None:
    click.echo(f"waiting for another nightly to end: {holder}", err=True)


def _print(night: Night, plan: NightPlan, *, told: bool, as_json: bool) -> None:
    from harness.experiments.confirmation_facts import facts_of_tried
    from harness.experiments.night_story import night_document, suite_lines
    from harness.formats.changes_text import print_check
    from harness.formats.confirmation_words import confirmation_lines
    from harness.history.adding_options import adding_options
    from harness.history.database_address import parse_address

    with reader_may_leave(document=as_json):
        if as_json:
            click.echo(indented(night_document(night, told=told)))
            return
        for line in suite_lines(night, adding_options(plan.database, plan.labels), binary_options(plan.binaries)):
            click.echo(line)
        for one in night.tried:
            click.echo("\n".join(confirmation_lines(facts_of_tried(one))))
        if night.checked is not None:
            click.echo()
            print_check(night.checked, open_console(), argument=parse_address(plan.database).argument)
        if night.report is not None:
            click.echo(f"report: {night.report}")
