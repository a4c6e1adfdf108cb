"""A verb with verbs of its own, such as `harness models ...`, each loaded when it is named."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

import click

from harness.cli.logging_setup import add_verbose_option
from harness.cli.verbs import Verb


class VerbGroup(click.Group):
    """A group whose commands are loaded when they are named; see `verb_group`."""

    verbs: Mapping[str, Verb] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs."""
        return sorted(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a verb's command."""
        verb = self.verbs.get(cmd_name)
        if verb is None:
            return None
        module, _, name = verb.place.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101  # a mistake in the table
        return add_verbose_option(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.verbs[name].line) for name in self.list_commands(ctx)])


def verb_group(verbs: Mapping[str, Verb], *, epilog: str) -> Callable[[Callable[[], None]], click.Group]:
    """Make a group of a function whose docstring is its help.

    Args:
        verbs: its commands by name.
        epilog: examples.
    """

    def made(function: Callable[[], None]) -> click.Group:
        group = click.group(cls=VerbGroup, epilog=epilog)(function)
        group.verbs = verbs
        return group

    return made
