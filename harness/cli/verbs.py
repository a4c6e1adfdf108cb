"""The verbs of `harness`: where each one is, and its line in the list of verbs.

A verb's module is loaded only when the verb is named. `harness --help` and completion need only the lines; loading all modules would mean
waiting for pandas, scipy and the ADB library.
"""

from __future__ import annotations

import importlib
import os
import textwrap
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from harness.cli.logging_setup import add_verbose_option
from harness.errors import UsageError


class Verb(NamedTuple):
    """A command that is loaded when it is named."""

    place: str
    """`module:name` of the command."""
    line: str
    """The first sentence of its help."""


VERBS = {
    "bisect": Verb(
        "harness.cli.bisect:bisect",
        "Find the revision, or the model file, that made something slower.",
    ),
    "build": Verb(
        "harness.cli.build:build",
        "Build, download or import a benchmark_model.",
    ),
    "calibrate": Verb(
        "harness.cli.calibrate:calibrate_command",
        "Find the smallest change that you can detect.",
    ),
    "compare": Verb(
        "harness.cli.compare:compare_command", "Compare two runs, or two selections from runs, cell by cell."
    ),
    "devices": Verb(
        "harness.cli.devices:devices",
        "List the attached phones and the virtual devices that are up.",
    ),
    "doctor": Verb("harness.cli.doctor:doctor", "Check this machine for what the harness needs."),
    "export": Verb(
        "harness.cli.export:export",
        "Export trials or ops as a table, a trace or overlays.",
    ),
    "history": Verb(
        "harness.cli.history_verbs:history",
        "Keep all runs in one database, and find what changed.",
    ),
    "ingest": Verb(
        "harness.cli.ingest:ingest",
        "Make a run from recorded outputs of benchmark_model.",
    ),
    "models": Verb("harness.cli.models:models", "Convert, inspect, compare, evaluate and fetch models."),
    "nightly": Verb("harness.cli.nightly:nightly_command", "Measure suites, find and confirm changes, and notify you."),
    "parse": Verb(
        "harness.cli.parse:parse",
        "Read an output of benchmark_model: numbers, status, causes.",
    ),
    "report": Verb("harness.cli.report:report", "Write the HTML report of a run."),
    "run": Verb("harness.cli.run:run", "Measure a suite, and write a folder with results and a report."),
    "schema": Verb("harness.cli.schema:schema", "Print the JSON Schema of suite files or of device configs."),
    "virtual": Verb("harness.cli.virtual:virtual", "Start, list and stop virtual Android devices."),
}


class Verbs(click.Group):
    """A group whose commands are loaded when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a verb's command.

        Raises:
            UsageError: the environment variable for the ADB port is not a port.
        """
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        module, _, name = verb.place.partition(":")
        if not os.environ.get("ANDROID_ADB_SERVER_PORT", "none"):
            del os.environ["ANDROID_ADB_SERVER_PORT"]  # adb takes an empty value as unset, the ADB library as a number
        try:
            command = getattr(importlib.import_module(module), name)
        except ValueError:
            # The ADB library reads its port when it is loaded, which only some verbs do.
            port = os.environ.get("ANDROID_ADB_SERVER_PORT", "")
            if port.isascii() and port.isdigit():
                raise
            raise UsageError(f"ANDROID_ADB_SERVER_PORT is {port!r}, not a port") from None
        assert isinstance(command, click.Command)  # noqa: S101  # a mistake in the table above
        for inner in command.commands.values() if isinstance(command, click.Group) else ():
            add_verbose_option(inner)
        return add_verbose_option(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without loading them."""
        room = formatter.width - 6 - max(len(name) for name in VERBS)
        with formatter.section("Commands"):
            formatter.write_dl([(name, _shortened(VERBS[name].line, room)) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete verbs without loading them, then what every command completes (options)."""
        found = [CompletionItem(name, help=VERBS[name].line) for name in sorted(VERBS) if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


def _shortened(line: str, room: int) -> str:
    """Shorten to as many whole words as fit, as click does for loaded commands."""
    return line if len(line) <= room else textwrap.shorten(line, room, placeholder="...")
