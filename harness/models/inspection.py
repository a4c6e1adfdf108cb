"""Inspects a model file: its content, the findings of trying it on this host, and those expected elsewhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.models.contents import ModelContents, read_contents
from harness.models.findings import Finding
from harness.models.rules_of_thumb import rules_for
from harness.models.tried_here import needs_flex, tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A model's content, and the findings about it."""

    contents: ModelContents
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the document of `models inspect --json` for one file: the contract's keys first."""
        facts = asdict(self.contents)
        first = ("path", "sha256", "size_bytes", "inputs", "outputs", "signatures", "ops", "dynamic_shapes")
        findings = []
        for one in self.findings:
            facts_of = asdict(one)
            findings.append({"for": facts_of.pop("delegate"), **facts_of})
        return {
            **{key: facts[key] for key in first},
            "findings": findings,
            **{key: value for key, value in facts.items() if key not in first},
        }


def inspect(path: Path, *, try_here: bool = True) -> Inspection:
    """Read a .tflite file, and try it on this host.

    Args:
        path: the file.
        try_here: also allocate it and run it once on zeros, each in a process of its own.

    Raises:
        ModelFailed: it cannot be read, or is not a whole TensorFlow Lite model.

    Example:
        inspect(Path("digits.tflite")).findings
    """
    contents, graph = read_contents(path)
    found = tried(path, contents, graph) if try_here else tuple(needs_flex(contents, tried=False))
    return Inspection(contents=contents, findings=(*found, *rules_for(contents)))
