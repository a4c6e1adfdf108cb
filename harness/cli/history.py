"""`harness history ...`: one database of all runs, and the changes that it shows."""

from __future__ import annotations

from harness.cli.verb_group import verb_group
from harness.cli.verbs import Verb

_VERBS: dict[str, Verb] = {}
"""Subcommands by name, loaded when they are named."""

_EPILOG = """\b
Examples:
"""


@verb_group(_VERBS, epilog=_EPILOG)
def history() -> None:
    """Keep all runs in one database, and find what changed from night to night."""
