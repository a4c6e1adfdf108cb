"""`harness history confirm`: confirms or refutes a change by an experiment."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.closed_terminal import outlives_its_terminal
from harness.cli.database_option import database_option
from harness.cli.opened_history import opened_history
from harness.cli.output_option import OutputPath
from harness.cli.printing import reader_may_leave
from harness.cli.seconds_option import Seconds, wait_option
from harness.cli.terminal_watcher import TerminalWatcher
from harness.experiments.confirm_change import BUDGET_S, Confirmation, confirm
from harness.files.indented_json import indented

_EPILOG = """\b
Examples:
  harness history confirm c3f9a01bc2d
  harness history confirm c3f9a01bc2d --budget 1200 --out runs/confirm-c3f9a01bc2d
  harness history confirm c3f9a01bc2d --device virtual:flagship --json

The binary and the model from before and after the change run in turn on the device of the series, until the answer is
sure or the budget is spent. All other settings are those of that night's suite. The files come from the history's own
store, which keeps them by their hash. The history stores the answer with the change; `undecided` leaves its verdict
unchanged.

\b
Exit code 0: refuted, or a confirmed improvement; 1: confirmed, the new side is slower;
3: no answer: undecided, a file is gone, both sides are the same files, or the device is not there.
"""


@click.command("confirm", epilog=_EPILOG)
@click.argument("change_id", metavar="ID")
@click.option(
    "--budget",
    "budget_s",
    type=Seconds(1, 30 * 86400),
    default=BUDGET_S,
    show_default=True,
    metavar="SECONDS",
    help="Start no more processes after this much device time.",
)
@click.option(
    "--device",
    "-d",
    "selectors",
    multiple=True,
    metavar="SEL",
    help="Where to measure, as for `harness run`. Default: the device of the series.",
)
@click.option(
    "--out", "-o", type=OutputPath(), metavar="DIR", help="The folder for the run. Default: a new one under runs/."
)
@database_option
@wait_option("a device that another harness process holds")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.pass_context
@outlives_its_terminal()
def confirm_command(
    ctx: click.Context,
    change_id: str,
    budget_s: float,
    selectors: tuple[str, ...],
    out: Path | None,
    database: str | None,
    wait_s: float,
    as_json: bool,
) -> None:
    """Measure the old and the new side of a change in turn, and say whether it is real."""
    with opened_history(database) as db:
        found = confirm(
            db, change_id, budget_s=budget_s, devices=selectors, out=out, wait_s=wait_s, watcher=TerminalWatcher()
        )
    _print(found, as_json=as_json)
    ctx.exit(_exit_code(found))


def _print(found: Confirmation, *, as_json: bool) -> None:
    from harness.experiments.confirmation_facts import facts_of
    from harness.formats.confirmation_words import confirmation_document, confirmation_lines

    facts = facts_of(found)
    with reader_may_leave(document=as_json):
        if as_json:
            click.echo(indented(confirmation_document(facts)))
        else:
            click.echo("\n".join(confirmation_lines(facts)))


def _exit_code(found: Confirmation) -> int:
    if found.experiment.interrupted:
        return 130
    if found.bad:
        return 1
    return 3 if found.answer == "undecided" else 0
