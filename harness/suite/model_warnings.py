"""Warns about a suite's models before they run: damaged files, and several signatures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.litert_host.model_file import ModelError, open_graph
from harness.models.model_format import other_format
from harness.records import ModelRef


def warnings_about(models: Sequence[ModelRef]) -> tuple[str, ...]:
    """Return a sentence for each model that will fail or has several signatures. `model_format.no_models` covers other formats."""
    found: list[str] = []
    for model in models:
        path = Path(model.path)
        shown = path.name if model.variant is None else model.label  # the files of all variants have the same name
        try:
            if other_format(path) is not None:
                continue
            graph, _ = open_graph(model.path)
        except OSError as error:
            found.append(f"{shown} cannot be read ({error.strerror}): its trials will fail")
        except ModelError:
            found.append(f"{shown} is a damaged file: its trials will fail")
        else:
            keys = [one.key for one in graph.signatures]
            if model.signature is None and len(keys) > 1:
                found.append(f"{shown} has the signatures {', '.join(keys)}: name the one to run with `signature`")
    return tuple(found)
