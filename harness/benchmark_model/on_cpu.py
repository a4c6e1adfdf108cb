"""Finds delegates that say that they run on the CPU, such as an accelerator's library without an accelerator.

Their node counts do not show it. Each message comes from the public source named beside it; the reader does not guess others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ARMNN = re.compile(r"TfLiteArmnnDelegate: (Requested unknown|Added) backend (\w{1,40})$")
"""ARM-software/armnn, delegate/classic/src/armnn_delegate.cpp. The second is printed since 23.11."""
_ARMNN_ASKED = re.compile(r"\b(?:CpuAcc|CpuRef|GpuAcc|GpuFsa|EthosNAcc)\b")
"""Arm NN's own backends, in its delegate's options. Without any it takes CpuRef, which is for tests (same file)."""
_WEBGPU = re.compile(r"Selected adapter: .{1,400}\badapterType=CPU\b")
"""LiteRT's GPU accelerator over WebGPU (libLiteRtWebGpuAccelerator.so of ai-edge-litert), on SwiftShader, llvmpipe or WARP."""
_OPENVINO = re.compile(r"Using Intel OpenVINO device: CPU$")
"""google-ai-edge/LiteRT, litert/vendors/intel_openvino/dispatch/invocation_context.cc."""
_NOT_LOADED = re.compile(r"(GPU|NPU) accelerator could not be loaded and registered(?:: \w{1,80})?\.")
"""google-ai-edge/LiteRT, litert/runtime/accelerators/{gpu,npu}_registry.cc: it warns, and goes on with the CPU. It also
prints this in a run of another accelerator, where it is harmless."""

FIRST_WORDS = frozenset({"tflitearmnndelegate", "selected", "using", "gpu", "npu"})
"""The first words of these messages, in lower case."""


@dataclass(slots=True)
class CpuWords:
    """Collects delegates' messages about the CPU, line by line."""

    not_loaded: dict[str, str] = field(default_factory=dict)
    """By delegate: the line that says that it is not there. It counts if no line says that the delegate was applied."""
    _lines: dict[str, str] = field(default_factory=dict)
    _added: dict[str, str] = field(default_factory=dict)
    _unknown: dict[str, str] = field(default_factory=dict)

    def feed(self, text: str) -> None:
        """Take one message."""
        first = text[:1]
        if first == "T" and (match := _ARMNN.match(text)) is not None:
            (self._added if match[1] == "Added" else self._unknown).setdefault(match[2], text)
        elif first == "S" and _WEBGPU.match(text) is not None:
            self._lines.setdefault("GPU", text)
        elif first == "U" and _OPENVINO.match(text) is not None:
            self._lines.setdefault("NPU", text)
        elif first in "GN" and (match := _NOT_LOADED.match(text)) is not None:
            self.not_loaded.setdefault(match[1], text)

    def found(self, external_options: str) -> dict[str, str]:
        """Return by delegate the line that says that it runs on the CPU.

        Args:
            external_options: the external delegate's options. A delegate that was asked for the CPU may run there.
        """
        line = self._armnn(_ARMNN_ASKED.findall(external_options))
        return self._lines if line is None else {**self._lines, "EXTERNAL": line, "ARMNN": line}

    def _armnn(self, asked: list[str]) -> str | None:
        if any(not _is_cpu(name) for name in self._added):
            return None
        refused = [line for name, line in self._unknown.items() if not _is_cpu(name)]
        if not self._added and any(not _is_cpu(name) and name not in self._unknown for name in asked):
            return None  # an old version, which names only the backends that it lacks
        if refused:
            return refused[0]
        return None if asked else next(iter(self._added.values()), None)


def _is_cpu(backend: str) -> bool:
    return backend.startswith("Cpu")
