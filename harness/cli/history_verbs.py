"""`harness history ...`: one database of all runs, and the changes that it shows."""

from __future__ import annotations

from harness.cli.verb_group import verb_group
from harness.cli.verbs import Verb

_VERBS: dict[str, Verb] = {
    "accept": Verb("harness.cli.history_accept:accept_command", "Accept changes as the new level."),
    "add": Verb("harness.cli.history_add:add_command", "Add runs to the history."),
    "check": Verb("harness.cli.history_check:check_command", "Look for changes from night to night."),
    "confirm": Verb(
        "harness.cli.history_confirm:confirm_command", "Confirm or refute a change by an experiment on its device."
    ),
    "list": Verb("harness.cli.history_list:list_command", "List the runs, series or changes of the history."),
    "migrate": Verb("harness.cli.history_migrate:migrate_command", "Bring the history up to date with this harness."),
    "mute": Verb("harness.cli.history_accept:mute_command", "Mute changes, until a day or for good."),
    "prune": Verb("harness.cli.history_prune:prune_command", "Remove old raw logs and unused files; never results."),
    "report": Verb("harness.cli.history_report:report_command", "Write the HTML report of the history."),
    "unmute": Verb("harness.cli.history_accept:unmute_command", "Let muted changes count again."),
}
"""Subcommands by name, loaded when they are named."""

_EPILOG = """\b
Examples:
  harness history add runs/* --label branch=main
  harness history check --fail-on suspected --confirm
  harness history confirm c3f9a01bc2d --budget 600
  harness history accept c3f9a01bc2d
  harness history list --series
  harness history migrate --database postgresql://lab@db.example/harness
  harness history prune --keep-logs 30d --dry-run
  harness history report -o history.html
"""


@verb_group(_VERBS, epilog=_EPILOG)
def history() -> None:
    """Keep all runs in one database, and find what changed."""
