"""Converts the sources of a suite before any device is asked, or lists what would be converted."""

from __future__ import annotations

from dataclasses import replace

from harness.api.run_watcher import RunWatcher
from harness.errors import ModelFailed, SuiteError, UsageError
from harness.formats.conversion_words import failures
from harness.models import conversion
from harness.models.conversion import ConversionRequest
from harness.models.source_kind import source_hash
from harness.records import ModelRef
from harness.records.spans import span
from harness.records.variants import ConvertedModel
from harness.suite.model_sources import ModelSource, models_of
from harness.suite.suite_file import LoadedSuite


def converted(loaded: LoadedSuite, watcher: RunWatcher) -> LoadedSuite:
    """Convert a suite's sources, and return the suite with the models that they became.

    The watcher hears of a variant that fails, and `LoadedSuite.conversions` keeps it; the others go on.

    Args:
        loaded: the suite.
        watcher: hears of the progress and of failures.

    Raises:
        SuiteError: a source, its calibration or its inputs are wrong.
        ModelFailed: nothing is left to run.
        SetupError: the converter is not installed, or the disk is full.
    """
    if not loaded.sources:
        return loaded
    models: list[ModelRef] = list(loaded.models)
    rows: list[ConvertedModel] = []
    for source in loaded.sources:
        with span("convert", source=source.source), watcher.phase(f"converting {source.source}"):
            mine = _converted(loaded, source, watcher)
        rows += mine
        models += models_of(source, mine, loaded.text, loaded.path)
    for line in failures(rows):
        watcher.warning(line)
    if not models:
        raise ModelFailed(f"no model is left to run: {failures(rows)[0]}" if rows else "no model is left to run")
    return replace(loaded, models=tuple(models), conversions=tuple(rows))


def unconverted(loaded: LoadedSuite) -> LoadedSuite:
    """Return the suite with a model for each variant that would be converted; their files do not exist yet.

    Raises:
        UsageError: a source cannot be read.
    """
    coming = [
        ModelRef(
            name=source.name,
            path="",
            sha256="",
            size_bytes=0,
            signature=source.signature,
            inputs=source.inputs,
            variant=variant,
            source=source.source,
            source_sha256=sha256,
        )
        for source in loaded.sources
        for sha256 in [source_hash(source.path)]
        for variant in source.variants
    ]
    return replace(loaded, models=(*loaded.models, *coming))


def _converted(loaded: LoadedSuite, source: ModelSource, watcher: RunWatcher) -> tuple[ConvertedModel, ...]:
    request = ConversionRequest(
        source=source.path,
        name=source.source,
        variants=source.variants,
        calibration=source.calibration,
        batch=source.batch,
        select_tf_ops=source.select_tf_ops,
        signature=source.signature,
        inputs={one.name: one.shape for one in source.inputs},
    )
    try:
        return conversion.convert_source(request, told=watcher.notice)
    except SuiteError:
        raise
    except UsageError as error:
        raise loaded.wrong(error.message, ("models", source.index), error.remedy) from None
