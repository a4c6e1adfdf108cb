"""A suite file: the YAML that says what to measure, checked before anything runs.

`load_suite` reads and checks; `Suite.model_json_schema()` is what editors complete from. `harness.suite.expand`
says what a suite means on given devices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from harness.benchmark_model.command_line import NO_CACHE, check_delegate, flag_name
from harness.conditions.request import ConditionsRequest
from harness.errors import SuiteError, UsageError
from harness.files.shipped_data import data_dir
from harness.files.strict_yaml import line_of, load_yaml_model_from_text
from harness.records import (
    BinaryRequest,
    DelegateRequest,
    ModelInput,
    ModelRef,
    Purpose,
    RunLengths,
    Scalar,
    StartState,
    trial_label,
)
from harness.suite.adaptive_entry import AdaptiveEntry, Processes, why_not
from harness.suite.model_files import ModelPattern, find_models, model_ref

__all__ = ["LoadedSuite", "MatchEntry", "Suite", "find_suite", "load_suite", "model_ref"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputEntry(_Strict):
    """What an input of a model is fed with."""

    name: str = Field(min_length=1, description="the tensor's; the tool warns where it differs, and goes by the order")
    shape: list[Annotated[int, Field(ge=1)]] = Field(min_length=1, description="sizes; the tool takes no scalars")
    range: tuple[int, int] | None = Field(
        default=None, description="random values lie in it, both ends included; the tool's own choice without it"
    )

    @model_validator(mode="after")
    def _range_is_one(self) -> InputEntry:
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError(f"range begins with {self.range[0]}, above its end {self.range[1]}")
        return self


class ModelEntry(_Strict):
    """A model by path or glob, relative to the suite file."""

    path: str = Field(min_length=1)
    name: str | None = Field(
        default=None, min_length=1, description="how it is called in tables; the file's name without it"
    )
    signature: str | None = Field(default=None, min_length=1, description="which of its signatures runs")
    inputs: list[InputEntry] = Field(
        default=[], description="all of its inputs in their order: shapes where the file leaves them open, ranges"
    )

    @field_validator("inputs")
    @classmethod
    def _names_differ(cls, value: list[InputEntry]) -> list[InputEntry]:
        names = [flag_name(entry.name) for entry in value]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise ValueError(f"two inputs are called {value[index].name!r}")
        return value

    def pattern(self) -> ModelPattern:
        """As a record."""
        return ModelPattern(
            path=self.path,
            name=self.name,
            signature=self.signature,
            inputs=tuple(ModelInput(name=one.name, shape=tuple(one.shape), range=one.range) for one in self.inputs),
        )


class DelegateEntry(BaseModel):
    """A delegate by name; every other key is an option of that delegate."""

    model_config = ConfigDict(extra="allow", frozen=True)

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
        """As a record.

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


class MatchEntry(_Strict):
    """Devices by property: each key is one of model, manufacturer, soc, android, config; values may hold `*` and `?`."""

    match: Mapping[Literal["model", "manufacturer", "soc", "android", "config", "serial"], str] = Field(min_length=1)


class RunEntry(_Strict):
    """How long each process measures. Seconds are wall time."""

    min_runs: int = Field(default=50, ge=1, le=1_000_000)
    min_s: float = Field(default=1.0, ge=0, le=3600)
    max_s: float = Field(default=30.0, gt=0, le=3600)
    warmup_runs: int = Field(default=1, ge=0, le=1_000_000)
    warmup_s: float = Field(default=0.5, ge=0, le=3600)
    timeout_s: float = Field(
        default=120.0, ge=1, le=24 * 3600, description="after this the device ends the process itself"
    )

    @model_validator(mode="after")
    def _possible(self) -> RunEntry:
        if self.max_s < self.min_s:
            raise ValueError(f"max_s ({self.max_s:g}) is below min_s ({self.min_s:g})")
        if self.timeout_s <= self.min_s + self.warmup_s:
            raise ValueError(f"timeout_s ({self.timeout_s:g}) leaves no room for warmup_s + min_s")
        return self

    def lengths(self) -> RunLengths:
        """As a record."""
        return RunLengths(**self.model_dump())


class BinaryEntry(_Strict):
    """A benchmark binary among several that are compared: out of the local store (`use`), or files of one's own (`path`)."""

    name: str = Field(min_length=1, max_length=80, description="how it is called in tables")
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
        """As a record, with paths relative to `folder`."""
        paths = [self.path] if isinstance(self.path, str) else self.path or []
        return BinaryRequest(name=self.name, use=self.use, paths=tuple(str(folder / path) for path in paths))


class OrderEntry(_Strict):
    """The order of processes. Interleaved: in each block every cell runs once, in random order, so that drift hits all alike."""

    interleave: bool = True
    seed: int | None = Field(
        default=None, ge=0, description="of the random order; without it one is drawn and recorded"
    )


_Delegates = Annotated[list[str | DelegateEntry], Field(min_length=1)]
_Threads = Annotated[int, Field(ge=1, le=256)]


class Suite(_Strict):
    """A suite file. Everything but `suite` and `models` has a default."""

    yaml_text_keys: ClassVar[tuple[str, ...]] = ("binaries", "cpus")

    suite: str = Field(min_length=1, max_length=200, description="a name")
    models: list[str | ModelEntry] = Field(min_length=1, description="paths or globs, relative to this file")
    devices: Literal["any"] | MatchEntry | list[str] = Field(
        default="any", description="any, a list of serials or config names, or {match: {soc: ...}}"
    )
    delegates: _Delegates = ["xnnpack"]
    start: list[StartState] = Field(
        default=["warm"],
        min_length=1,
        description="warm: as it is by default; cold: an empty cache; cached: one that an earlier process filled",
    )
    threads: list[_Threads] = Field(default=[1], min_length=1)
    cpus: list[str] = Field(
        default=["all"], min_length=1, description="big, little, middle, prime, all, masks (f0), lists (0-3)"
    )
    purposes: list[Purpose] = Field(default=[Purpose.LATENCY], min_length=1)
    processes: Processes = Field(
        default=10,
        description="of each cell, for purpose latency; the others run once. {min: 5, max: 30, until: 2%}: as many as it takes",
    )
    run: RunEntry = RunEntry()
    order: OrderEntry = OrderEntry()
    conditions: ConditionsRequest = Field(
        default=ConditionsRequest(), description="what is set on a device, waited for, and held against a trial"
    )
    binaries: list[str | BinaryEntry] = Field(
        default=[],
        description="benchmark binaries to compare in one interleaved run; without them each device gets one",
    )
    synthetic: Literal["allow", "forbid"] = Field(
        default="allow",
        description="whether numbers count that a virtual device replayed or modelled; they are always marked",
    )
    baseline: Mapping[Literal["model", "device", "delegate", "threads", "cpus", "binary"], Scalar] | None = Field(
        default=None, description="the cells that ratios refer to, such as {delegate: cpu}"
    )

    @field_validator("delegates")
    @classmethod
    def _delegates_exist(cls, value: list[str | DelegateEntry]) -> list[str | DelegateEntry]:
        for entry in value:
            if isinstance(entry, str):
                try:
                    check_delegate(DelegateRequest(name=entry))
                except UsageError as error:
                    raise ValueError(str(error)) from None
        labels = [request.label for request in _requests(value)]
        for index, label in enumerate(labels):
            if label in labels[:index]:
                raise ValueError(f"{label!r} is listed twice: delegates must differ in more than `require`")
        return value

    @field_validator("start")
    @classmethod
    def _one_cache(cls, value: list[StartState], info: ValidationInfo) -> list[StartState]:
        if value != ["warm"] and any(
            "weight_cache" in one.options for one in _requests(info.data.get("delegates", []))
        ):
            raise ValueError("start states choose the weight cache themselves: leave out the delegate's `weight_cache`")
        return value

    @field_validator("binaries")
    @classmethod
    def _names_differ(cls, value: list[str | BinaryEntry]) -> list[str | BinaryEntry]:
        names = [entry if isinstance(entry, str) else entry.name for entry in value]
        for index, name in enumerate(names):
            if not name:
                raise ValueError("a binary has no name")
            if name in names[:index]:
                raise ValueError(f"two binaries are called {name!r}")
        return value

    @field_validator("threads", "cpus", "purposes", "delegates", "start")
    @classmethod
    def _no_repeats(cls, value: list[Any]) -> list[Any]:
        # By meaning: `xnnpack` and `{name: xnnpack}` are one delegate, and so are an option's 1 and "1".
        labels = [entry.request().label if isinstance(entry, DelegateEntry) else str(entry) for entry in value]
        for index, label in enumerate(labels):
            if label in labels[:index]:
                raise ValueError(f"{label!r} is listed twice")
        return value

    @property
    def adaptive(self) -> AdaptiveEntry | None:
        """How the run finds its number of processes; None if the number is fixed."""
        return self.processes if isinstance(self.processes, AdaptiveEntry) else None

    @property
    def most_processes(self) -> int:
        """The most latency processes of a cell."""
        return self.processes.max if isinstance(self.processes, AdaptiveEntry) else self.processes

    def starts_of(self, delegate: DelegateRequest) -> tuple[StartState, ...]:
        """Start states of a delegate's trials. A delegate that keeps no cache starts in only one way."""
        return ("warm",) if delegate.name in NO_CACHE else tuple(self.start)

    def binary_requests(self, folder: Path) -> tuple[BinaryRequest, ...]:
        """The binaries as records; paths are relative to `folder`, that of the suite file."""
        return tuple(
            BinaryRequest(name=entry, use=entry) if isinstance(entry, str) else entry.request(folder)
            for entry in self.binaries
        )

    def binary_names(self) -> tuple[str | None, ...]:
        """What trials multiply by: the binaries' names, or just None if the suite names none."""
        return tuple(entry if isinstance(entry, str) else entry.name for entry in self.binaries) or (None,)

    def delegate_requests(self) -> tuple[DelegateRequest, ...]:
        """The delegates as records."""
        return _requests(self.delegates)


def _requests(delegates: Sequence[str | DelegateEntry]) -> tuple[DelegateRequest, ...]:
    return tuple(DelegateRequest(name=entry) if isinstance(entry, str) else entry.request() for entry in delegates)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSuite:
    """A suite with its text and the model files that it names."""

    suite: Suite
    text: str
    path: Path
    models: tuple[ModelRef, ...]


def find_suite(name: str) -> Path:
    """Find the suite file that a user means: a path, or one that ships with the harness (`suites/quickstart.yaml`, `quickstart`).

    Raises:
        UsageError: there is no such file.
    """
    path = Path(name)
    if path.exists():
        return path
    bundled = data_dir("suites")
    for candidate in (bundled / path.name, bundled / f"{path.name}.yaml"):
        if candidate.is_file() and path.parent in (Path(), Path("suites")):
            return candidate
    shipped = ", ".join(sorted(f"suites/{file.name}" for file in bundled.glob("*.yaml")))
    raise UsageError(f"{name}: no such suite file", remedy=f"with the harness come: {shipped}")


def load_suite(path: Path) -> LoadedSuite:
    """Read and check a suite, and find its models.

    Raises:
        SuiteError: with file, line, key, and the nearest valid word.
    """
    text = _read(path)
    suite = load_yaml_model_from_text(text, path, Suite)
    entries = [ModelPattern(path=one) if isinstance(one, str) else one.pattern() for one in suite.models]
    models = find_models(entries, text, path)
    if suite.adaptive is not None:
        _check_adaptive(suite, models, text, path)
    return LoadedSuite(suite=suite, text=text, path=path, models=models)


def _check_adaptive(suite: Suite, models: Sequence[ModelRef], text: str, file: Path) -> None:
    delegates = suite.delegate_requests()
    wrong = why_not(
        purposes=suite.purposes,
        interleave=suite.order.interleave,
        baseline=suite.baseline,
        possible={
            "model": [model.name for model in models],
            "delegate": [trial_label(one, start) for one in delegates for start in suite.starts_of(one)],
            "threads": suite.threads,
            "cpus": suite.cpus,
            "binary": [name or "" for name in suite.binary_names()],
        },
    )
    if wrong is not None:
        key, message, remedy = wrong
        line = line_of(text, (key,)) or line_of(text, ("processes",))
        raise SuiteError(message, file=file, line=line, key=key, remedy=remedy)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SuiteError(f"is not UTF-8 text (byte {error.start})", file=path) from None
    except OSError as error:
        raise SuiteError(f"cannot be read: {error.strerror}", file=path) from None
