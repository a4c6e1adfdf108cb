"""Finds and opens LiteRT's C library without importing the wheel's Python package, whose import takes five times as long."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path
from typing import Any

from harness.errors import SetupError

_POINTER = ctypes.c_void_p
_OUT = ctypes.POINTER(ctypes.c_void_p)
_SIZE = ctypes.c_size_t
_OUT_SIZE = ctypes.POINTER(ctypes.c_size_t)

# Name after `LiteRt`, and argument types. All return an int status, except `DestroyCompiledModel`, whose result means nothing.
_FUNCTIONS: dict[str, list[Any]] = {
    "CreateEnvironment": [ctypes.c_int, _POINTER, _OUT],
    "CreateModelFromFile": [_POINTER, ctypes.c_char_p, _OUT],
    "CreateOptions": [_OUT],
    "SetOptionsHardwareAccelerators": [_POINTER, ctypes.c_int],
    "CreateOpaqueOptions": [ctypes.c_char_p, _POINTER, _POINTER, _OUT],
    "AddOpaqueOptions": [_POINTER, _POINTER],
    "CreateCompiledModel": [_POINTER, _POINTER, _POINTER, _OUT],
    "CompiledModelGetProfiler": [_POINTER, _OUT],
    "DestroyCompiledModel": [_POINTER],
    "CompiledModelIsFullyAccelerated": [_POINTER, ctypes.POINTER(ctypes.c_bool)],
    "CompiledModelResizeInputTensorNonStrict": [_POINTER, _SIZE, _SIZE, ctypes.POINTER(ctypes.c_int), _SIZE],
    "GetCompiledModelOutputTensorLayouts": [_POINTER, _SIZE, _SIZE, _POINTER, ctypes.c_bool],
    "GetModelSignature": [_POINTER, _SIZE, _OUT],
    "GetNumSignatureInputs": [_POINTER, _OUT_SIZE],
    "GetNumSignatureOutputs": [_POINTER, _OUT_SIZE],
    "GetSignatureInputTensorByIndex": [_POINTER, _SIZE, _OUT],
    "GetSignatureOutputTensorByIndex": [_POINTER, _SIZE, _OUT],
    "GetRankedTensorType": [_POINTER, _POINTER],
    "GetTensorName": [_POINTER, ctypes.POINTER(ctypes.c_char_p)],
    "GetCompiledModelInputBufferRequirements": [_POINTER, _SIZE, _SIZE, _OUT],
    "GetCompiledModelOutputBufferRequirements": [_POINTER, _SIZE, _SIZE, _OUT],
    "CreateManagedTensorBufferFromRequirements": [_POINTER, _POINTER, _POINTER, _OUT],
    "GetTensorBufferPackedSize": [_POINTER, _OUT_SIZE],
    "LockTensorBuffer": [_POINTER, _OUT, ctypes.c_int],
    "UnlockTensorBuffer": [_POINTER],
    "RunCompiledModel": [_POINTER, _SIZE, _SIZE, _POINTER, _SIZE, _POINTER],
    "StartProfiler": [_POINTER],
    "StopProfiler": [_POINTER],
    "GetNumProfilerEvents": [_POINTER, ctypes.POINTER(ctypes.c_int)],
    "GetProfilerEvents": [_POINTER, ctypes.c_int, _POINTER],
}


def library_path() -> Path:
    """Find the C library of the installed `ai-edge-litert`.

    Raises:
        SetupError: the package is not installed, or has no shared library.
    """
    remedy = "pip install 'ai-edge-litert>=2.3'"
    spec = importlib.util.find_spec("ai_edge_litert")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError("the Python package ai-edge-litert is not installed", remedy=remedy)
    path = Path(next(iter(spec.submodule_search_locations))) / "libLiteRt.so"
    if not path.is_file():
        raise SetupError(f"{path} is missing: this ai-edge-litert has no C library", remedy=remedy)
    return path


class Library:
    """LiteRT's C functions with their argument types. `library.call("CreateOptions", ...)` returns the status.

    Raises:
        SetupError: the library cannot be opened, or its version lacks a function.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or library_path()
        try:
            self._dll = ctypes.CDLL(str(self.path))
        except OSError as error:
            raise SetupError(
                f"{self.path} cannot be opened: {error}", remedy="pip install --force-reinstall ai-edge-litert"
            ) from error
        self._functions: dict[str, Any] = {}
        missing = []
        for name, arguments in _FUNCTIONS.items():
            try:
                function = getattr(self._dll, f"LiteRt{name}")
            except AttributeError:
                missing.append(f"LiteRt{name}")
                continue
            function.argtypes, function.restype = arguments, ctypes.c_int
            self._functions[name] = function
        if missing:
            raise SetupError(f"{self.path} lacks {', '.join(missing)}", remedy="pip install 'ai-edge-litert>=2.3'")
        self._libc = ctypes.CDLL(None)
        self._libc.strdup.restype, self._libc.strdup.argtypes = ctypes.c_void_p, [ctypes.c_char_p]

    def function(self, name: str) -> Any:
        """Return the raw ctypes function, for the timed loop."""
        return self._functions[name]

    def call(self, name: str, *arguments: Any) -> int:
        """Call `LiteRt<name>` and return its status, 0 for success."""
        return int(self._functions[name](*arguments))

    def opaque_options(self, identifier: str, toml: str) -> ctypes.c_void_p:
        """Make options that LiteRT reads as TOML text and frees itself. It silently ignores an unknown identifier."""
        made = ctypes.c_void_p()
        payload = self._libc.strdup(toml.encode())
        self.call(
            "CreateOpaqueOptions",
            identifier.encode(),
            payload,
            ctypes.cast(self._libc.free, ctypes.c_void_p),
            ctypes.byref(made),
        )
        return made
