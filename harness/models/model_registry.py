"""Models by name: the registry that ships with the harness, and the user's own, which takes precedence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from harness.errors import UsageError
from harness.files.shipped_data import data_dir
from harness.files.strict_yaml import load_yaml_model
from harness.files.user_folders import own_registry_file
from harness.models.model_address import ModelAddress, parse_address

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputFacts(_Strict):
    """An input of a model."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    """-1 for an open size."""
    holds: str | None = None
    """The meaning of the values, such as `RGB, -1 to 1`."""


class RegistryEntry(_Strict):
    """A model: its address, and the hash that identifies it."""

    url: str
    """See `model_address`; a relative `file:` counts from the registry's own folder."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(gt=0)] | None = None
    licence: Annotated[str, Field(min_length=1)]
    """An SPDX identifier where there is one."""
    inputs: tuple[InputFacts, ...] = ()
    description: str | None = None
    page: Annotated[str, Field(pattern="^https?://")] | None = None
    """The web page where its makers describe it."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parse_address(url)
        return url


class _RegistryFile(_Strict):
    models: Mapping[str, RegistryEntry]

    @field_validator("models")
    @classmethod
    def _names_are_plain(cls, models: Mapping[str, RegistryEntry]) -> Mapping[str, RegistryEntry]:
        for name in models:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name: letters, digits, `_`, `-` and `.`, at most 80")
        return models


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedModel:
    """An entry with its name and its registry."""

    name: str
    entry: RegistryEntry
    registry: Literal["shipped", "own"]
    file: Path
    """The registry."""

    @property
    def address(self) -> ModelAddress:
        """Its address; a relative file counts from the registry's folder."""
        return parse_address(self.entry.url)


def registered_models() -> dict[str, NamedModel]:
    """Return all models that have a name, by name. The user's entry replaces a shipped one.

    Raises:
        SuiteError: a registry has mistakes; the error names file, line and key.
    """
    shipped, own = data_dir("models") / "registry.yaml", own_registry_file()
    found = _read(shipped, "shipped")
    if own.exists():
        found |= _read(own, "own")
    return dict(sorted(found.items()))


def named_model(name: str) -> NamedModel:
    """Return the model of that name.

    Raises:
        UsageError: there is none; the error names the nearest.
        SuiteError: a registry has mistakes.
    """
    known = registered_models()
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    remedy = f"did you mean {close[0]}?" if close else "harness models list shows the names"
    if Path(name).is_file():
        remedy = f"for the file of that name write file:{name}"
    raise UsageError(f"no model is registered as {name!r}", remedy=remedy)


def _read(file: Path, registry: Literal["shipped", "own"]) -> dict[str, NamedModel]:
    read = load_yaml_model(file, _RegistryFile)
    return {name: NamedModel(name=name, entry=one, registry=registry, file=file) for name, one in read.models.items()}
