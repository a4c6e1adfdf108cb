"""`harness history ...`: one database of all runs, and the changes that it shows."""

from __future__ import annotations

from harness.cli.verb_group import verb_group
from harness.cli.verbs import Verb

_VERBS: dict[str, Verb] = {
    "add": Verb("harness.cli.history_add:add_command", "Add runs to the history."),
    "confirm": Verb(
        "harness.cli.history_confirm:confirm_command", "Confirm or refute a change: old and new in turn on its device."
    ),
    "migrate": Verb("harness.cli.history_migrate:migrate_command", "Bring the history up to date with this harness."),
}
"""Subcommands by name, loaded when they are named."""

_EPILOG = """\b
Examples:
  harness history add runs/* --label branch=main
  harness history confirm 7f3a91 --budget 600
  harness history migrate --database postgresql://lab@db.example/harness
"""


@verb_group(_VERBS, epilog=_EPILOG)
def history() -> None:
    """Keep all runs in one database, and find what changed from night to night."""
