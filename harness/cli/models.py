"""`harness models ...`: what is done with model files before they are measured."""

from __future__ import annotations

import importlib

import click

from harness.cli.logging_setup import add_verbose_option
from harness.cli.verbs import Verb

_VERBS: dict[str, Verb] = {
    "convert": Verb("harness.cli.models_convert:convert", "Make variants of a model, and check that they are right."),
    "diff": Verb("harness.cli.models_diff:diff_command", "Compare the outputs of two models on the same inputs."),
    "evaluate": Verb(
        "harness.cli.models_evaluate:evaluate_command", "Run a labelled set on this host: accuracy with an interval."
    ),
    "fetch": Verb("harness.cli.models_fetch:fetch", "Fetch a model by its name or its address, checked by its hash."),
    "inspect": Verb(
        "harness.cli.models_inspect:inspect_command",
        "Show what model files hold, and what that means for each delegate.",
    ),
    "list": Verb("harness.cli.models_list:list_models", "List the models that you can fetch by name."),
}
"""Subcommands by name, loaded when they are named."""

_EPILOG = """\b
Examples:
  harness models convert digits.keras --variant int8 --calibration calibration.npz
  harness models diff digits_fp32.tflite digits_int8.tflite --inputs test.npz --layers
  harness models evaluate int8.tflite --data test.npz --labels label --metric top1
  harness models fetch face_detection_front -o face.tflite
  harness models inspect digits.tflite
  harness models list
"""


class _ModelVerbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = _VERBS.get(cmd_name)
        if verb is None:
            return None
        module, _, name = verb.place.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101  # a mistake in the table above
        return add_verbose_option(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _VERBS[name].line) for name in self.list_commands(ctx)])


@click.group(cls=_ModelVerbs, epilog=_EPILOG)
def models() -> None:
    """Convert, inspect, compare, evaluate and fetch models."""
