"""The entries of a suite: models with inputs, delegates with options, binaries, lengths, order, devices by property."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from harness.benchmark_model.command_line import check_delegate, flag_name
from harness.errors import UsageError
from harness.records import BinaryRequest, DelegateRequest, ModelInput, RunLengths, Scalar
from harness.suite.delegate_schema import add_options
from harness.suite.model_files import ModelPattern


class StrictEntry(BaseModel):
    """A part of a suite. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InputEntry(StrictEntry):
    """Shape and values for an input of a model."""

    name: str = Field(min_length=1, description="the name of the input in the signature, or of the tensor")
    shape: list[Annotated[int, Field(ge=1)]] = Field(min_length=1, description="sizes; the tool takes no scalars")
    range: tuple[int, int] | None = Field(
        default=None, description="random values lie in it, both ends included; default: the tool's own range"
    )

    @model_validator(mode="after")
    def _range_is_one(self) -> InputEntry:
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError(f"range begins with {self.range[0]}, above its end {self.range[1]}")
        return self


def refuse_equal_names(value: list[InputEntry]) -> list[InputEntry]:
    """Return inputs whose names the tool can tell apart.

    Raises:
        ValueError: two have one name.
    """
    names = [flag_name(entry.name) for entry in value]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ValueError(f"two inputs are called {value[index].name!r}")
    return value


class ModelEntry(StrictEntry):
    """A model by path or glob, relative to the suite file."""

    path: str = Field(min_length=1)
    name: str | None = Field(default=None, min_length=1, description="its name in tables; default: the file's name")
    signature: str | None = Field(default=None, min_length=1, description="the signature that is run")
    inputs: list[InputEntry] = Field(
        default=[], description="all of its inputs, in any order, with shapes (if the file leaves them open) and ranges"
    )

    @field_validator("inputs")
    @classmethod
    def _names_differ(cls, value: list[InputEntry]) -> list[InputEntry]:
        return refuse_equal_names(value)

    def pattern(self) -> ModelPattern:
        """Return it as a record."""
        return ModelPattern(
            path=self.path,
            name=self.name,
            signature=self.signature,
            inputs=tuple(ModelInput(name=one.name, shape=tuple(one.shape), range=one.range) for one in self.inputs),
        )


class DelegateEntry(BaseModel):
    """A delegate by name; every other key is an option of that delegate."""

    model_config = ConfigDict(extra="allow", frozen=True, json_schema_extra=add_options)

    name: str
    require: Literal["full", "partial", "any"] = Field(
        default="partial", description="how much of the graph it must take for the numbers to count"
    )

    @model_validator(mode="after")
    def _known(self) -> DelegateEntry:
        try:
            self.request()
        except UsageError as error:
            raise ValueError(str(error)) from None
        return self

    def request(self) -> DelegateRequest:
        """Return it as a record.

        Raises:
            UsageError: an unknown delegate or option.
        """
        options: dict[str, Scalar] = {}
        for key, value in (self.model_extra or {}).items():
            if not isinstance(value, str | int | float | bool):
                raise UsageError(f"option {key!r} must be one value, not {value!r}")
            options[key] = value
        request = DelegateRequest(name=self.name, options=options, require=self.require)
        check_delegate(request)
        return request


class MatchEntry(StrictEntry):
    """Devices by property: each key is one of model, manufacturer, soc, android, config; values may hold `*` and `?`."""

    match: Mapping[Literal["model", "manufacturer", "soc", "android", "config", "serial"], str] = Field(min_length=1)


class RunEntry(StrictEntry):
    """The length of each process. Seconds are wall time."""

    min_runs: int = Field(default=50, ge=1, le=1_000_000)
    min_s: float = Field(default=1.0, ge=0, le=3600)
    max_s: float = Field(default=30.0, gt=0, le=3600)
    warmup_runs: int = Field(default=1, ge=0, le=1_000_000)
    warmup_s: float = Field(default=0.5, ge=0, le=3600)
    timeout_s: float = Field(
        default=120.0, ge=1, le=24 * 3600, description="after this time the device kills the process"
    )

    @model_validator(mode="after")
    def _possible(self) -> RunEntry:
        if self.max_s < self.min_s:
            raise ValueError(f"max_s ({self.max_s:g}) is below min_s ({self.min_s:g})")
        if self.timeout_s <= self.min_s + self.warmup_s:
            raise ValueError(f"timeout_s ({self.timeout_s:g}) leaves no room for warmup_s + min_s")
        return self

    def lengths(self) -> RunLengths:
        """Return it as a record."""
        return RunLengths(**self.model_dump())


class BinaryEntry(StrictEntry):
    """A benchmark binary to compare: from the local store (`use`), or the user's own files (`path`)."""

    name: str = Field(min_length=1, max_length=80, description="its name in tables")
    use: str | None = Field(
        default=None,
        min_length=1,
        description="a name, a revision, a version or the beginning of a hash, as `harness build --list` shows them; "
        "`host` is the harness's own program, for virtual devices",
    )
    path: str | list[str] | None = Field(
        default=None, min_length=1, description="a file, or one for each ABI, relative to this file"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> BinaryEntry:
        if (self.use is None) == (self.path is None):
            raise ValueError(f"binary {self.name!r} needs either `use` or `path`")
        return self

    def request(self, folder: Path) -> BinaryRequest:
        """Return it as a record, with paths relative to `folder`."""
        paths = [self.path] if isinstance(self.path, str) else self.path or []
        return BinaryRequest(name=self.name, use=self.use, paths=tuple(str(folder / path) for path in paths))


class OrderEntry(StrictEntry):
    """The order of processes. If it is interleaved, every cell runs once in each block, so that drift affects all alike. The order in
    a block is random, and each cell follows each about equally often. `conditions: {idle_s: N}` sets a pause before each process."""

    interleave: bool = True
    seed: int | None = Field(default=None, ge=0, description="of the random order; default: one is drawn and recorded")
