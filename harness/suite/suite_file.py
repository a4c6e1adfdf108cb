"""Reads and checks a suite file, the YAML that says what to measure.

Editors complete from `Suite.model_json_schema()`. `harness.suite.expand` turns a suite into trials on given devices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from harness.benchmark_model.command_line import NO_CACHE, check_delegate
from harness.conditions.request import ConditionsRequest
from harness.devices.topology import refuse_bad_list
from harness.errors import SuiteError, UsageError
from harness.files.shipped_data import data_dir
from harness.files.strict_yaml import load_yaml_model_in_part
from harness.files.yaml_document import dotted, line_of, read_yaml
from harness.records import (
    BinaryRequest,
    DelegateRequest,
    ModelRef,
    Purpose,
    RunLengths,
    Scalar,
    StartState,
    trial_label,
)
from harness.records.variants import ConvertedModel
from harness.suite.adaptive_entry import AdaptiveEntry, Processes, PurposeEntry, no_such_cell, why_not
from harness.suite.delegate_schema import DELEGATE_NAMES
from harness.suite.model_files import ModelPattern, find_models, model_ref
from harness.suite.model_sources import ModelSource, find_sources, refuse_shared_names
from harness.suite.source_entry import AccuracyEntry, SourceEntry, model_form
from harness.suite.suite_entries import (
    BinaryEntry,
    DelegateEntry,
    MatchEntry,
    ModelEntry,
    OrderEntry,
    RunEntry,
    StrictEntry,
)

__all__ = ["LoadedSuite", "MatchEntry", "Suite", "find_suite", "load_suite", "model_ref"]


_DelegateName = Annotated[str, WithJsonSchema(DELEGATE_NAMES)]
_Delegates = Annotated[list[_DelegateName | DelegateEntry], Field(min_length=1)]
# The discriminator chooses the form first, so that errors are about that form only.
_Model = Annotated[
    Annotated[str, Tag("str")] | Annotated[ModelEntry, Tag("ModelEntry")] | Annotated[SourceEntry, Tag("SourceEntry")],
    Discriminator(model_form),
]
_AsWritten = Annotated[str, WithJsonSchema({"type": ["string", "number"]})]
"""A value below the keys of `yaml_text_keys`: for an editor, 80 is a number."""
CellKeyName = Literal["model", "device", "delegate", "threads", "cpus", "binary", "variant"]
_Cores = Annotated[_AsWritten, AfterValidator(refuse_bad_list)]
_Threads = Annotated[int, Field(ge=1, le=256)]


class Suite(StrictEntry):
    """A suite file. Everything but `suite` and `models` has a default."""

    yaml_text_keys: ClassVar[tuple[str, ...]] = ("binaries", "cpus")

    suite: str = Field(min_length=1, max_length=200, description="a name")
    models: list[_Model] = Field(
        min_length=1, description="paths or globs, relative to this file, or sources to convert to variants"
    )
    devices: Literal["any"] | MatchEntry | list[str] = Field(
        default="any", description="any, a list of serials or config names, or {match: {soc: ...}}"
    )
    delegates: _Delegates = Field(default=["xnnpack"])
    start: list[StartState] = Field(
        default=["warm"],
        min_length=1,
        description="warm: the tool's default; cold: an empty cache; cached: one that an earlier process filled",
    )
    threads: list[_Threads] = Field(default=[1], min_length=1)
    cpus: list[_Cores] = Field(
        default=["all"], min_length=1, description="big, little, middle, prime, all, masks (f0), lists (0-3)"
    )
    purposes: list[Purpose] = Field(default=[Purpose.LATENCY], min_length=1)
    processes: Processes = Field(
        default=10,
        description="latency processes of each cell; the other purposes run once. {latency: 10, profile: 5, memory: 5}: for each "
        "purpose. {min: 5, max: 30, until: 2%}: as many as needed",
    )
    run: RunEntry = RunEntry()
    order: OrderEntry = OrderEntry()
    conditions: ConditionsRequest = Field(
        default=ConditionsRequest(),
        description="what to set on a device, what to wait for, and what makes a trial invalid",
    )
    binaries: list[_AsWritten | BinaryEntry] = Field(
        default=[],
        description="benchmark binaries to compare in one interleaved run; default: one for each device",
    )
    push: Literal["before", "eager"] = Field(
        default="before",
        description="when models are pushed: before the device measures, or while it does, which disturbs results and is noted in them",
    )
    accuracy: AccuracyEntry = Field(
        default=AccuracyEntry(),
        description="the inputs of purpose accuracy, and how far outputs may be from their reference",
    )
    synthetic: Literal["allow", "forbid"] = Field(
        default="allow",
        description="whether replayed or modelled numbers of a virtual device count; they are always marked",
    )
    baseline: Mapping[CellKeyName, Scalar] | None = Field(
        default=None, description="the cells that ratios refer to, such as {delegate: cpu}"
    )
    control: Annotated[Mapping[CellKeyName, Scalar], Field(min_length=1)] | None = Field(
        default=None,
        description="cells that you do not change, such as {model: reference}, to compare separate runs by",
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
        # Compare by meaning: `xnnpack` and `{name: xnnpack}` are the same delegate, and an option's 1 and "1" are the same.
        labels = [entry.request().label if isinstance(entry, DelegateEntry) else str(entry) for entry in value]
        for index, label in enumerate(labels):
            if label in labels[:index]:
                raise ValueError(f"{label!r} is listed twice")
        return value

    @field_validator("processes")
    @classmethod
    def _purposes_are_asked_for(cls, value: Processes, info: ValidationInfo) -> Processes:
        purposes = info.data.get("purposes")
        if isinstance(value, PurposeEntry) and purposes is not None:
            for name in (one.value for one in Purpose if one.value in value.model_fields_set and one not in purposes):
                raise ValueError(f"gives a number for {name}, which `purposes` does not ask for: add it there")
        return value

    @property
    def adaptive(self) -> AdaptiveEntry | None:
        """The adaptive form of `processes`; None if the number of latency processes is fixed."""
        latency = self.processes.latency if isinstance(self.processes, PurposeEntry) else self.processes
        return latency if isinstance(latency, AdaptiveEntry) else None

    def most_processes(self, purpose: Purpose) -> int:
        """Return the largest number of processes of a cell for a purpose."""
        asked = self.processes
        if isinstance(asked, PurposeEntry):
            counts = {Purpose.LATENCY: asked.latency, Purpose.PROFILE: asked.profile, Purpose.MEMORY: asked.memory}
        else:
            counts = {Purpose.LATENCY: asked}
        count = counts.get(purpose, 1)
        return count.max if isinstance(count, AdaptiveEntry) else count

    def accuracy_lengths(self) -> RunLengths:
        """Return the length of an accuracy trial: one inference for each sample, and time to start that many processes."""
        timeout_s = self.run.timeout_s * (1 + self.accuracy.samples / 10)
        return RunLengths(
            min_runs=1, min_s=0.0, max_s=self.run.max_s, warmup_runs=0, warmup_s=0.0, timeout_s=round(timeout_s, 1)
        )

    def starts_of(self, delegate: DelegateRequest) -> tuple[StartState, ...]:
        """Return the start states of a delegate's trials. A delegate without a cache has only one."""
        return ("warm",) if delegate.name in NO_CACHE else tuple(self.start)

    def binary_requests(self, folder: Path) -> tuple[BinaryRequest, ...]:
        """Return the binaries as records; `folder`, that of the suite file, anchors their paths."""
        return tuple(
            BinaryRequest(name=entry, use=entry) if isinstance(entry, str) else entry.request(folder)
            for entry in self.binaries
        )

    def binary_names(self) -> tuple[str | None, ...]:
        """Return the binaries' names, or only None if the suite names none."""
        return tuple(entry if isinstance(entry, str) else entry.name for entry in self.binaries) or (None,)

    def delegate_requests(self) -> tuple[DelegateRequest, ...]:
        """Return the delegates as records."""
        return _requests(self.delegates)


def _requests(delegates: Sequence[str | DelegateEntry]) -> tuple[DelegateRequest, ...]:
    return tuple(DelegateRequest(name=entry) if isinstance(entry, str) else entry.request() for entry in delegates)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSuite:
    """A suite with its text and its model files."""

    suite: Suite
    text: str
    path: Path
    models: tuple[ModelRef, ...]
    """The models given by path and, after the conversion, the variants of the sources."""
    sources: tuple[ModelSource, ...] = ()
    conversions: tuple[ConvertedModel, ...] = ()
    """The variants of the sources, including those that failed."""

    def wrong(self, message: str, key: Sequence[str | int], remedy: str | None = None) -> SuiteError:
        """Return the error for a mistake at a key, such as `("models", 0)`."""
        return SuiteError(message, file=self.path, line=line_of(self.text, key), key=dotted(key), remedy=remedy)


def find_suite(name: str) -> Path:
    """Find a suite file by path, or one that ships with the harness (`suites/quickstart.yaml`, `quickstart`).

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
    raise UsageError(f"{name}: no such suite file", remedy=f"the harness ships {shipped}")


def load_suite(path: Path) -> LoadedSuite:
    """Read and check a suite, and find its models.

    Raises:
        SuiteError: the suite has mistakes. The error names file, line, key and nearest valid word of each.
    """
    return read_suite(read_yaml(path), path)


def read_suite(text: str, path: Path) -> LoadedSuite:
    """Do the work of `load_suite` for a suite's text. Paths in it are relative to the folder of `path`, which errors name.

    Raises:
        SuiteError: as `load_suite`.
    """
    suite, mistakes, wrong = load_yaml_model_in_part(text, path, Suite, {"suite": "s", "models": ["m"]})
    models: tuple[ModelRef, ...] = ()
    sources: tuple[ModelSource, ...] = ()
    if suite is not None and "models" not in wrong:
        try:
            models, sources = _found(suite, text, path)
        except SuiteError as error:
            mistakes += [error, *error.further]
            wrong |= {"models"}
    if suite is not None:
        mistakes += _unlike_the_cells(suite, models, sources, wrong, text, path)
    if suite is None or mistakes:
        raise SuiteError.of(sorted(mistakes, key=lambda one: one.line or 0))
    return LoadedSuite(suite=suite, text=text, path=path, models=models, sources=sources)


def _found(suite: Suite, text: str, file: Path) -> tuple[tuple[ModelRef, ...], tuple[ModelSource, ...]]:
    mistakes: list[SuiteError] = []
    models: tuple[ModelRef, ...] = ()
    sources: tuple[ModelSource, ...] = ()
    patterns = {
        index: ModelPattern(path=one) if isinstance(one, str) else one.pattern()
        for index, one in enumerate(suite.models)
        if not isinstance(one, SourceEntry)
    }
    try:
        models = find_models(patterns, text, file)
    except SuiteError as error:
        mistakes += [error, *error.further]
    try:
        entries = {index: one for index, one in enumerate(suite.models) if isinstance(one, SourceEntry)}
        sources = find_sources(entries, text, file)
        refuse_shared_names(sources, models, text, file)
    except SuiteError as error:
        mistakes += [error, *error.further]
    if mistakes:
        raise SuiteError.of(mistakes)
    return models, sources


def _unlike_the_cells(
    suite: Suite, models: Sequence[ModelRef], sources: Sequence[ModelSource], wrong: Set[str], text: str, file: Path
) -> list[SuiteError]:
    """Find a baseline or a control that matches no cell, and an adaptive form that the cells do not allow. Skip keys in `wrong`."""
    delegates = suite.delegate_requests()
    possible: dict[str, Sequence[object]] = {
        "model": [*(one.name for one in models), *(one.name for one in sources)],
        "delegate": [trial_label(one, start) for one in delegates for start in suite.starts_of(one)],
        "threads": suite.threads,
        "cpus": suite.cpus,
        "binary": [name or "" for name in suite.binary_names()],
        "variant": list(dict.fromkeys((*([""] if models else []), *(v for one in sources for v in one.variants)))),
    }
    known = {name: values for name, values in possible.items() if wrong.isdisjoint(_KEYS_OF_CELLS[name])}
    why = why_not(
        purposes=suite.purposes, interleave=suite.order.interleave, baseline=suite.baseline, possible=possible
    )
    if suite.adaptive is None or wrong:
        why = None if "baseline" in wrong else no_such_cell(suite.baseline or {}, known)
    found = [] if wrong & {"accuracy", "models"} else _unlike_the_variants(suite, sources, text, file)
    found += [] if "control" in wrong else _unlike_control(suite.control or {}, known, text, file)
    if why is not None:
        key, message, remedy = why
        line = line_of(text, (key,)) or line_of(text, ("processes",))
        found.append(SuiteError(message, file=file, line=line, key=key, remedy=remedy))
    return found


def _unlike_the_variants(suite: Suite, sources: Sequence[ModelSource], text: str, file: Path) -> list[SuiteError]:
    """Find a reference variant that no source is converted to."""
    wanted = suite.accuracy.reference
    there = list(dict.fromkeys(variant for one in sources for variant in one.variants))
    if wanted is None or wanted in there:
        return []
    remedy = f"there is {', '.join(there)}" if there else "no model has a `source`"
    line = line_of(text, ("accuracy", "reference"))
    return [
        SuiteError(
            f"no model has the variant {wanted!r}", file=file, line=line, key="accuracy.reference", remedy=remedy
        )
    ]


def _unlike_control(
    control: Mapping[CellKeyName, Scalar], possible: Mapping[str, Sequence[object]], text: str, file: Path
) -> list[SuiteError]:
    found = []
    for name, value in control.items():
        words = [str(one) for one in possible.get(name, (value,))]  # only a run knows the devices
        if str(value) not in words:
            there = ", ".join(filter(None, words))
            found.append(
                SuiteError(
                    f"no cell has {name} {value!r}: there would be no control",
                    file=file,
                    line=line_of(text, ("control", name)) or line_of(text, ("control",)),
                    key=f"control.{name}",
                    remedy=f"there is {there}" if there else f"the suite names no {name}",
                )
            )
    return found


_KEYS_OF_CELLS = {
    "model": ("models",),
    "delegate": ("delegates", "start"),
    "threads": ("threads",),
    "cpus": ("cpus",),
    "binary": ("binaries",),
    "variant": ("models",),
}
"""For each key of a baseline or a control: the keys of a suite that its values come from."""
