"""TensorFlow for tests that convert: in the Python of the tests, or in the one that HARNESS_MODELS_PYTHON names."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SetupError
from harness.models.converter_python import VARIABLE, ConverterPython, find_converter_python


@pytest.fixture(scope="session")
def converter_python() -> ConverterPython:
    """The Python with the converters, whatever it holds."""
    try:
        return find_converter_python()
    except SetupError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def tensorflow_python(converter_python: ConverterPython) -> Path:
    """A Python with TensorFlow, tf-keras and litert-quantizer."""
    missing = [
        name
        for name, version in (
            ("tensorflow", converter_python.tensorflow),
            ("tf-keras", converter_python.tf_keras),
            ("litert-quantizer", converter_python.quantizer),
        )
        if version is None
    ]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} in {converter_python.program} (see {VARIABLE})")
    return Path(converter_python.program)


@pytest.fixture(scope="session")
def quantizer_python(converter_python: ConverterPython) -> Path:
    """A Python with litert-quantizer; TensorFlow is not needed."""
    if converter_python.quantizer is None:
        pytest.skip(f"no litert-quantizer in {converter_python.program} (see {VARIABLE})")
    return Path(converter_python.program)
