"""Reads a suite from a file, from those that ship with the harness, or from a dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from enum import Enum
from pathlib import Path

import yaml

from harness.suite.suite_file import LoadedSuite, Suite, find_suite, load_suite, read_suite

SuiteSource = str | Path | Mapping[str, object] | Suite | LoadedSuite
"""The path of a YAML file, the name of a suite that ships with the harness (`quickstart`), a dictionary with the same keys, or a `Suite`.
Paths in a dictionary are relative to the working folder."""

_IN_MEMORY = Path("<suite>")


def loaded_suite(source: SuiteSource) -> LoadedSuite:
    """Read and check a suite, and find its models.

    Raises:
        SuiteError: a key or a value is wrong, or a model is missing.
        UsageError: there is no such file.
    """
    if isinstance(source, LoadedSuite):
        return source
    if isinstance(source, Suite):
        source = source.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(source, Mapping):
        # As text, because the run keeps the text, and the checks name its keys as in a file.
        return read_suite(yaml.safe_dump(_plain(source), sort_keys=False, allow_unicode=True), _IN_MEMORY)
    return load_suite(find_suite(str(source)))


def _plain(value: object) -> object:
    """Convert to types that YAML knows."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, Sequence | Set) and not isinstance(value, str | bytes):
        return [_plain(one) for one in value]
    return value
