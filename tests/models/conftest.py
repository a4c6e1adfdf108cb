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


@pytest.fixture(scope="session")
def torch_python() -> Path:
    """A Python with PyTorch, litert-torch and litert-quantizer."""
    return _holding("litert_torch", "quantizer")


@pytest.fixture(scope="session")
def onnx_python() -> Path:
    """A Python with onnx2tf and what it needs, and litert-quantizer."""
    return _holding("onnx2tf", "tensorflow", "quantizer")


def _holding(*wanted: str) -> Path:
    try:
        found = find_converter_python(*wanted)
    except SetupError as error:
        pytest.skip(str(error))
    missing = [name for name in wanted if getattr(found, name) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} in one of the Pythons of {VARIABLE}")
    return Path(found.program)
