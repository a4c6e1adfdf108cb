"""`harness schema`: prints JSON Schemas of the YAML files, for editors."""

from __future__ import annotations

import click

from harness.cli.run_summary import write_json
from harness.devices.device_config import DeviceConfig
from harness.suite.suite_file import Suite

_EPILOG = """\b
Examples:
  harness schema suite > suite.schema.json
  harness schema device > device.schema.json
To have your editor check a YAML file, begin the file with:
  # yaml-language-server: $schema=suite.schema.json
"""


@click.command(epilog=_EPILOG)
@click.argument("kind", type=click.Choice(["suite", "device"]))
def schema(kind: str) -> None:
    """Print the JSON Schema of suite files or of device configs."""
    model = Suite if kind == "suite" else DeviceConfig
    write_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()})
