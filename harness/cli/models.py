"""`harness models ...`: what is done with model files before they are measured."""

from __future__ import annotations

from harness.cli.verb_group import verb_group
from harness.cli.verbs import Verb

_VERBS: dict[str, Verb] = {
    "convert": Verb("harness.cli.models_convert:convert", "Make variants of a model, and check that they are right."),
    "diff": Verb("harness.cli.models_diff:diff_command", "Compare the outputs of two models on the same inputs."),
    "evaluate": Verb(
        "harness.cli.models_evaluate:evaluate_command",
        "Measure a model's accuracy on a labelled set, with an interval.",
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


@verb_group(_VERBS, epilog=_EPILOG)
def models() -> None:
    """Convert, inspect, compare, evaluate and fetch models."""
