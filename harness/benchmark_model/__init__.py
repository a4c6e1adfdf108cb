"""`benchmark_model`: its command line, and the reading of its output. Pure: nothing here touches a device or a file."""

from harness.benchmark_model.as_json import to_json
from harness.benchmark_model.parser import parse_output

__all__ = ["parse_output", "to_json"]
