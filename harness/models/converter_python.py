"""Finds the Python that holds a converter, and the versions of what it holds, without loading any of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from harness.errors import SetupError

VARIABLE = "HARNESS_MODELS_PYTHON"
"""Environment variable with the Python of another environment, for people who keep TensorFlow apart; or several, as in PATH."""

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
    "litert_torch": version("litert-torch") if u.find_spec("litert_torch") else None,
    "torch": version("torch") if u.find_spec("torch") else None,
    "onnx2tf": version("onnx2tf") if u.find_spec("onnx2tf") else None,
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConverterPython:
    """A Python, and the versions of its packages; None for those that are not installed."""

    program: str
    tensorflow: str | None = None
    keras: str | None = None
    tf_keras: str | None = None
    tfmot: str | None = None
    """tensorflow-model-optimization."""
    quantizer: str | None = None
    litert_torch: str | None = None
    torch: str | None = None
    onnx2tf: str | None = None

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

    def need_litert_torch(self, what: str) -> str:
        """Return litert-torch's version.

        Raises:
            SetupError: it is missing.
        """
        if self.litert_torch is None:
            raise self._missing(f"{what} needs litert-torch", "torch")
        return self.litert_torch

    def need_onnx2tf(self, what: str) -> str:
        """Return onnx2tf's version.

        Raises:
            SetupError: it is missing.
        """
        if self.onnx2tf is None:
            raise SetupError(
                f"{what} needs onnx2tf, which is not installed{self._where}",
                remedy=f"python3 -m venv onnx, onnx/bin/pip install onnx2tf, and {VARIABLE}=onnx/bin/python: "
                "its pinned packages conflict with the harness",
            )
        return self.onnx2tf

    def _missing(self, message: str, extra: str) -> SetupError:
        return SetupError(
            f"{message}, which is not installed{self._where}", remedy=f"pip install 'litert-device-harness[{extra}]'"
        )

    @property
    def _where(self) -> str:
        return f" ({VARIABLE} is {os.environ[VARIABLE]})" if os.environ.get(VARIABLE) else ""


def find_converter_python(*wanted: str) -> ConverterPython:
    """Look into the Pythons that `HARNESS_MODELS_PYTHON` names, or into this one.

    Args:
        wanted: attributes of `ConverterPython`.

    Returns:
        The first that holds all of `wanted`, else the first.

    Raises:
        SetupError: one does not start, or is older than 3.11.
    """
    programs = [one for one in os.environ.get(VARIABLE, "").split(os.pathsep) if one] or [sys.executable]
    first = None
    for program in programs:
        found = _asked(program)
        if all(getattr(found, name) is not None for name in wanted):
            return found
        first = first or found
    assert first is not None  # noqa: S101  # there is at least one
    return first


def _asked(program: str) -> ConverterPython:
    remedy = f"{VARIABLE} names the Python of the environment with TensorFlow" if os.environ.get(VARIABLE) else None
    try:
        ended = subprocess.run([program, "-c", _PROBE], capture_output=True, text=True, timeout=60, check=True)
        found = json.loads(ended.stdout.strip().splitlines()[-1])
    except OSError as error:
        raise SetupError(f"cannot start {program}: {error.strerror}", remedy=remedy) from None
    except (subprocess.SubprocessError, ValueError, IndexError):
        raise SetupError(f"{program} is not a working Python", remedy=remedy) from None
    if tuple(found.pop("python")) < (3, 11):
        raise SetupError(f"{program} is older than Python 3.11", remedy=remedy)
    return ConverterPython(program=program, **found)
