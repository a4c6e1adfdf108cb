"""Conversions without a converter: what a suite does with variants is tested apart from how they are made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.models import conversion
from harness.models.conversion import ConversionRequest
from harness.records.variants import ConvertedModel


def converts_to(monkeypatch: pytest.MonkeyPatch, files: Mapping[str, Path | str]) -> list[ConversionRequest]:
    """Make every source become these files by variant, or by its name and variant. Returns what is asked for.

    A text instead of a file is the message of a variant that fails.
    """
    asked: list[ConversionRequest] = []

    def convert(
        request: ConversionRequest, *, out: Path | None = None, told: Callable[[str], None] = print
    ) -> tuple[ConvertedModel, ...]:
        asked.append(request)
        name = request.source.stem
        return tuple(
            _row(request, variant, files.get(f"{name} {variant}") or files[variant]) for variant in request.variants
        )

    monkeypatch.setattr(conversion, "convert_source", convert)
    return asked


def _row(request: ConversionRequest, variant: str, made: Path | str) -> ConvertedModel:
    source = hashlib.sha256(request.source.read_bytes()).hexdigest()
    if isinstance(made, str):
        return ConvertedModel(
            source=request.name,
            source_sha256=source,
            variant=variant,
            converter="none",
            status="failed",
            message=made,
        )
    data = made.read_bytes()
    return ConvertedModel(
        source=request.name,
        source_sha256=source,
        variant=variant,
        path=str(made),
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        converter="none",
        status="ok",
    )
