"""Finds the sources of a suite before anything is converted, and turns their variants into the models of trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from harness.errors import SuiteError
from harness.files.yaml_document import dotted, line_of
from harness.files.zip_archive import zip_names
from harness.records import ModelInput, ModelRef
from harness.records.variants import ConvertedModel
from harness.suite.model_inputs import Mismatch, matched_to_file
from harness.suite.source_entry import SourceEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """Labelled data and their metric."""

    data: Path
    labels: str
    metric: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """One of a suite's sources, with its place for error messages."""

    index: int
    """Its index in `models`."""
    source: str
    """As written in the suite."""
    path: Path
    name: str
    variants: tuple[str, ...]
    calibration: Path | None = None
    batch: int = 1
    select_tf_ops: bool = False
    signature: str | None = None
    inputs: tuple[ModelInput, ...] = ()
    evaluation: EvaluationRequest | None = None


def sources_of(entries: Sequence[object], folder: Path) -> tuple[ModelSource, ...]:
    """Return the sources among a suite's `models`, with paths relative to `folder`, without looking at the disk."""
    return tuple(_source(one, index, folder) for index, one in enumerate(entries) if isinstance(one, SourceEntry))


def find_sources(entries: Mapping[int, SourceEntry], text: str, file: Path) -> tuple[ModelSource, ...]:
    """Find the files that a suite's sources name.

    Args:
        entries: the sources by their index in `models`.
        text: the suite's text, to name lines in errors.
        file: the suite file; paths are relative to its folder.

    Raises:
        SuiteError: a file is missing, labels are not in their file, or two sources ask for the same variant under the same name.
    """
    mistakes: list[SuiteError] = []
    found: list[ModelSource] = []
    for index, entry in entries.items():

        def wrong(message: str, below: Sequence[str], remedy: str | None = None, index: int = index) -> SuiteError:
            key: tuple[str | int, ...] = ("models", index, *below)
            return SuiteError(message, file=file, line=line_of(text, key), key=dotted(key), remedy=remedy)

        source = _source(entry, index, file.parent)
        if not source.path.exists():
            mistakes.append(wrong(f"no such source: {entry.source!r}", ("source",), _nearest_file(source.path)))
        files: dict[tuple[str, ...], Path | None] = {("calibration",): source.calibration}
        if source.evaluation is not None:
            files["evaluate", "data"] = source.evaluation.data
        for below, path in files.items():
            if path is not None and not path.is_file():
                mistakes.append(wrong(f"no such file: {str(path)!r}", below, _nearest_file(path)))
        if source.evaluation is not None and source.evaluation.data.is_file():
            names = _array_names(source.evaluation.data)
            if names and source.evaluation.labels not in names:
                remedy = f"it holds {', '.join(map(repr, names))}"
                mistakes.append(
                    wrong(
                        f"{entry.evaluate and entry.evaluate.data} has no array {source.evaluation.labels!r}",
                        ("evaluate", "labels"),
                        remedy,
                    )
                )
        for other in found:
            if other.name != source.name:
                continue
            if other.path != source.path:
                what = f"two models are called {source.name!r}: {other.source} and {source.source}"
                mistakes.append(wrong(what, (), "give one of them a name"))
            elif twice := next((one for one in source.variants if one in other.variants), None):
                mistakes.append(wrong(f"{twice} of {source.source} is asked for twice", ("variants",)))
        found.append(source)
    if mistakes:
        raise SuiteError.of(mistakes)
    return tuple(found)


def refuse_shared_names(sources: Sequence[ModelSource], models: Sequence[ModelRef], text: str, file: Path) -> None:
    """Check that no source has the name of a model that is given by its path.

    Raises:
        SuiteError: one has.
    """
    named = {model.name: model for model in models}
    for source in sources:
        if source.name in named:
            key = ("models", source.index)
            message = f"two models are called {source.name!r}: {named[source.name].path} and {source.source}"
            raise SuiteError(
                message, file=file, line=line_of(text, key), key=dotted(key), remedy="give one of them a name"
            )


def models_of(source: ModelSource, converted: Sequence[ConvertedModel], text: str, file: Path) -> list[ModelRef]:
    """Return the models that a source was converted to.

    Args:
        source: the source.
        converted: its variants; those that failed give no model.
        text: the suite's text, to name lines in errors.
        file: the suite file.

    Raises:
        SuiteError: a model has no such signature or input.
    """
    found = []
    for one in converted:
        if one.status != "ok" or one.path is None or one.sha256 is None:
            continue
        ref = ModelRef(
            name=source.name,
            path=one.path,
            sha256=one.sha256,
            size_bytes=one.size_bytes or 0,
            signature=source.signature,
            inputs=source.inputs,
            variant=one.variant,
            source=source.source,
            source_sha256=one.source_sha256,
        )
        try:
            found.append(matched_to_file(ref))
        except Mismatch as error:
            if error.keys[0] == "signature":  # the converter may have renamed the only one
                found.append(matched_to_file(replace(ref, signature=None)))
                continue
            key = ("models", source.index, *error.keys)
            raise SuiteError(
                f"{one.variant}: {error.message}",
                file=file,
                line=line_of(text, key),
                key=dotted(key),
                remedy=error.remedy,
            ) from None
    return found


def _source(entry: SourceEntry, index: int, folder: Path) -> ModelSource:
    evaluate = entry.evaluate
    return ModelSource(
        index=index,
        source=entry.source,
        path=folder / entry.source,
        name=entry.shown_name,
        variants=tuple(entry.variants),
        calibration=folder / entry.calibration if entry.calibration is not None else None,
        batch=entry.batch,
        select_tf_ops=entry.select_tf_ops,
        signature=entry.signature,
        inputs=tuple(ModelInput(name=one.name, shape=tuple(one.shape), range=one.range) for one in entry.inputs),
        evaluation=None
        if evaluate is None
        else EvaluationRequest(data=folder / evaluate.data, labels=evaluate.labels, metric=evaluate.metric),
    )


def _array_names(path: Path) -> list[str]:
    """Return the names of the arrays in an .npz file; none for another file, which is reported when it is read."""
    return [name.removesuffix(".npy") for name in zip_names(path) or ()]


def _nearest_file(path: Path) -> str | None:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    there = sorted(one.name for one in path.parent.iterdir() if not one.name.startswith("."))
    near = get_close_matches(path.name, there, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"{path.parent.resolve()} holds {', '.join(there[:5])}" if there else f"{path.parent.resolve()} is empty"
