"""Finds the Python that holds TensorFlow and litert-quantizer, and their versions, without loading them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from harness.errors import SetupError

VARIABLE = "HARNESS_MODELS_PYTHON"
"""Environment variable with the Python of another environment, for people who keep TensorFlow apart."""

_PROBE = """
import importlib.metadata as m, importlib.util as u, json, sys
def version(*names):
    for name in names:
        try: return m.version(name)
        except m.PackageNotFoundError: pass
    return None
print(json.dumps({
    "python": list(sys.version_info[:3]),
    "tensorflow": version("tensorflow", "tensorflow-cpu", "tf-nightly", "tensorflow-macos") if u.find_spec("tensorflow") else None,
    "tf_keras": version("tf-keras", "tf_keras") if u.find_spec("tf_keras") else None,
    "keras": version("keras") if u.find_spec("keras") else None,
    "tfmot": version("tensorflow-model-optimization") if u.find_spec("tensorflow_model_optimization") else None,
    "quantizer": version("litert-quantizer") if u.find_spec("litert_quantizer") else None,
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConverterPython:
    """A Python, and the versions of what it holds; None for what it does not hold."""

    program: str
    tensorflow: str | None = None
    keras: str | None = None
    tf_keras: str | None = None
    tfmot: str | None = None
    """tensorflow-model-optimization."""
    quantizer: str | None = None

    def need_tensorflow(self, what: str) -> str:
        """Return TensorFlow's version.

        Raises:
            SetupError: it is missing.
        """
        if self.tensorflow is None:
            raise self._missing(f"{what} needs TensorFlow", "models")
        return self.tensorflow

    def need_quantizer(self, what: str) -> str:
        """Return litert-quantizer's version.

        Raises:
            SetupError: it is missing.
        """
        if self.quantizer is None:
            raise self._missing(f"{what} needs litert-quantizer", "quantize")
        return self.quantizer

    def _missing(self, message: str, extra: str) -> SetupError:
        where = f" ({VARIABLE} is {self.program})" if os.environ.get(VARIABLE) else ""
        return SetupError(
            f"{message}, which is not installed{where}", remedy=f"pip install 'litert-device-harness[{extra}]'"
        )


def find_converter_python() -> ConverterPython:
    """Ask the Python that `HARNESS_MODELS_PYTHON` names, or this one, for what it holds.

    Raises:
        SetupError: it does not start, or is older than 3.11.
    """
    program = os.environ.get(VARIABLE) or sys.executable
    remedy = f"{VARIABLE} names the Python of the environment with TensorFlow" if os.environ.get(VARIABLE) else None
    try:
        ended = subprocess.run([program, "-c", _PROBE], capture_output=True, text=True, timeout=60, check=True)
        found = json.loads(ended.stdout.strip().splitlines()[-1])
    except OSError as error:
        raise SetupError(f"cannot start {program}: {error.strerror}", remedy=remedy) from None
    except (subprocess.SubprocessError, ValueError, IndexError):
        raise SetupError(f"{program} is no working Python", remedy=remedy) from None
    if tuple(found.pop("python")) < (3, 11):
        raise SetupError(f"{program} is older than Python 3.11", remedy=remedy)
    return ConverterPython(program=program, **found)
