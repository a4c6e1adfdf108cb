"""One model on LiteRT: load, compile, allocate, run. Each step is a method, so that the program can time it and word its failure."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.litert_host import abi
from harness.litert_host.library import Library


class LiteRtError(Exception):
    """A call of LiteRT's C library returned a status other than 0.

    Args:
        function: its name after `LiteRt`.
        status: the returned status.
    """

    def __init__(self, function: str, status: int) -> None:
        super().__init__(f"LiteRt{function} returned {status}")
        self.function, self.status = function, status


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuOptions:
    """How the CPU runs the model. `threads` below 1 leaves the choice to the library."""

    xnnpack: bool = True
    threads: int = -1
    profile: bool = False
    weight_cache: str = ""
    xnnpack_flags: int = 0

    def toml(self) -> dict[str, str]:
        """Return the text of LiteRT's opaque options, by identifier."""
        cpu = [f'kernel_mode = "{"delegate" if self.xnnpack else "builtin"}"']
        if self.threads > 0:
            cpu.append(f"num_threads = {self.threads}")
        if self.xnnpack_flags:
            cpu.append(f"flags = {self.xnnpack_flags}")
        if self.weight_cache:
            quoted = self.weight_cache.replace("\\", "\\\\").replace('"', '\\"')
            cpu.append(f'weight_cache_file_path = "{quoted}"')
        options = {"xnnpack": "\n".join(cpu) + "\n"}
        if self.profile:
            options["runtime_options_string"] = "enable_profiling = true\n"
        return options


@dataclass(frozen=True, slots=True)
class Event:
    """One profiler event. `kind` is an `abi.EventType` if known; `node` is the node's number, or its number within a delegate."""

    tag: str
    kind: int
    start_us: int
    elapsed_us: int
    node: int
    subgraph: int


class Session:
    """A compiled model with its buffers. Nothing is freed before the process ends."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._environment = ctypes.c_void_p()
        self._model = ctypes.c_void_p()
        self._compiled = ctypes.c_void_p()
        self._profiler = ctypes.c_void_p()
        self._signature = 0
        self._inputs: Any = None
        self._outputs: Any = None
        option = abi.EnvironmentOption(
            abi.EnvironmentTag.MIN_LOGGER_SEVERITY, abi.AnyValue(abi.AnyType.INT, abi.LogSeverity.ERROR)
        )
        self._check("CreateEnvironment", 1, ctypes.byref(option), ctypes.byref(self._environment))

    def _check(self, name: str, *arguments: Any) -> None:
        status = self._library.call(name, *arguments)
        if status:
            raise LiteRtError(name, status)

    def load(self, path: str) -> None:
        """Read the model file.

        Raises:
            LiteRtError: the file is not a model.
        """
        self._check(
            "CreateModelFromFile", self._environment, path.encode("utf-8", "surrogateescape"), ctypes.byref(self._model)
        )

    def compile(self, options: CpuOptions) -> None:
        """Build the interpreter and apply XNNPACK if asked for. It replaces an earlier compilation.

        Raises:
            LiteRtError: an operator or the delegate refuses.
        """
        if self._compiled:
            self._library.call("DestroyCompiledModel", self._compiled)
            self._compiled = ctypes.c_void_p()
        made = ctypes.c_void_p()
        self._check("CreateOptions", ctypes.byref(made))
        self._check("SetOptionsHardwareAccelerators", made, abi.Accelerator.CPU)
        for identifier, toml in options.toml().items():
            self._check("AddOpaqueOptions", made, self._library.opaque_options(identifier, toml))
        self._check("CreateCompiledModel", self._environment, self._model, made, ctypes.byref(self._compiled))
        if options.profile:
            self._check("CompiledModelGetProfiler", self._compiled, ctypes.byref(self._profiler))

    def resize(self, signature: int, index: int, shape: tuple[int, ...]) -> None:
        """Give an input another shape (before `allocate`).

        Raises:
            LiteRtError: the model does not allow it.
        """
        dimensions = (ctypes.c_int * len(shape))(*shape)
        self._check("CompiledModelResizeInputTensorNonStrict", self._compiled, signature, index, dimensions, len(shape))

    def allocate(self, signature: int) -> None:
        """Prepare every operator and allocate the tensors of a signature; otherwise LiteRT would do it in the first run.

        Raises:
            LiteRtError: an operator is unresolved or refuses its inputs.
        """
        self._signature = signature
        count = self._count("Output")
        layouts = (abi.LiteRtLayout * count)()
        self._check("GetCompiledModelOutputTensorLayouts", self._compiled, signature, count, layouts, True)
        self._output_layouts = layouts

    def create_buffers(self, input_shapes: dict[int, tuple[int, ...]]) -> None:
        """Make a buffer for every input and output.

        Args:
            input_shapes: shapes of the resized inputs.

        Raises:
            LiteRtError: a buffer cannot be made.
        """
        self._inputs = self._buffers("Input", input_shapes)
        self._outputs = self._buffers(
            "Output", {index: layout.shape for index, layout in enumerate(self._output_layouts)}
        )

    def _signature_handle(self) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        self._check("GetModelSignature", self._model, self._signature, ctypes.byref(handle))
        return handle

    def _count(self, direction: str) -> int:
        count = ctypes.c_size_t()
        self._check(f"GetNumSignature{direction}s", self._signature_handle(), ctypes.byref(count))
        return count.value

    def _buffers(self, direction: str, shapes: dict[int, tuple[int, ...]]) -> Any:
        count = self._count(direction)
        buffers = (ctypes.c_void_p * count)()
        for index in range(count):
            tensor, requirements, buffer = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
            self._check(f"GetSignature{direction}TensorByIndex", self._signature_handle(), index, ctypes.byref(tensor))
            kind = abi.RankedTensorType()
            self._check("GetRankedTensorType", tensor, ctypes.byref(kind))
            for axis, size in enumerate(shapes.get(index, ())):
                kind.layout.dimensions[axis] = size
            self._check(
                f"GetCompiledModel{direction}BufferRequirements",
                self._compiled,
                self._signature,
                index,
                ctypes.byref(requirements),
            )
            self._check(
                "CreateManagedTensorBufferFromRequirements",
                self._environment,
                ctypes.byref(kind),
                requirements,
                ctypes.byref(buffer),
            )
            buffers[index] = buffer.value
        return buffers

    def write_input(self, index: int, data: bytes) -> None:
        """Copy bytes into an input buffer.

        Raises:
            LiteRtError: the buffer cannot be mapped.
        """
        address = ctypes.c_void_p()
        self._check("LockTensorBuffer", self._inputs[index], ctypes.byref(address), abi.LockMode.WRITE)
        ctypes.memmove(address, data, len(data))
        self._check("UnlockTensorBuffer", self._inputs[index])

    def clear_inputs(self) -> None:
        """Fill every input with zeros.

        Raises:
            LiteRtError: a buffer cannot be mapped.
        """
        for index, buffer in enumerate(self._inputs):
            size = ctypes.c_size_t()
            self._check("GetTensorBufferPackedSize", buffer, ctypes.byref(size))
            self.write_input(index, bytes(size.value))

    def read_outputs(self) -> list[bytes]:
        """Return the contents of the output buffers.

        Raises:
            LiteRtError: a buffer cannot be mapped.
        """
        outputs = []
        for buffer in self._outputs:
            address, size = ctypes.c_void_p(), ctypes.c_size_t()
            self._check("GetTensorBufferPackedSize", buffer, ctypes.byref(size))
            self._check("LockTensorBuffer", buffer, ctypes.byref(address), abi.LockMode.READ)
            outputs.append(ctypes.string_at(address, size.value))
            self._check("UnlockTensorBuffer", buffer)
        return outputs

    def prepare_run(self) -> None:
        """Prepare the arguments of `run`, so that only the call itself is between its two readings of the clock."""
        self._run = self._library.function("RunCompiledModel")
        self._arguments = (
            self._compiled,
            ctypes.c_size_t(self._signature),
            ctypes.c_size_t(len(self._inputs)),
            ctypes.cast(self._inputs, ctypes.c_void_p),
            ctypes.c_size_t(len(self._outputs)),
            ctypes.cast(self._outputs, ctypes.c_void_p),
        )

    def run(self) -> tuple[int, int]:
        """Run one inference. Return its status (0 is success) and its time in microseconds.

        As in the real tool, the time is the difference of two clock readings in whole microseconds. It is right on average even for runs
        below one.
        """
        run, arguments, clock = self._run, self._arguments, time.monotonic_ns
        start = clock()
        status = run(*arguments)
        end = clock()
        return status, end // 1000 - start // 1000

    @property
    def fully_accelerated(self) -> bool:
        """Return whether delegates took every node."""
        answer = ctypes.c_bool()
        self._check("CompiledModelIsFullyAccelerated", self._compiled, ctypes.byref(answer))
        return bool(answer.value)

    def start_profiler(self) -> None:
        """Drop earlier events and start recording."""
        self._check("StartProfiler", self._profiler)

    def event_count(self) -> int:
        """Return the number of events since the profiler was started."""
        count = ctypes.c_int()
        self._check("GetNumProfilerEvents", self._profiler, ctypes.byref(count))
        return count.value

    def stop_profiler(self, ends: Sequence[int]) -> Iterator[list[Event]]:
        """Stop recording and return the events, run by run.

        Args:
            ends: the number of events after each run.
        """
        self._check("StopProfiler", self._profiler)
        count = self.event_count()
        if not count:
            return
        recorded = (abi.ProfilerEvent * count)()
        self._check("GetProfilerEvents", self._profiler, count, recorded)
        begin = 0
        for end in ends:
            yield [
                Event(
                    (e.tag or b"").decode("utf-8", "replace"),
                    e.event_type,
                    e.start_us,
                    e.elapsed_us,
                    e.metadata_1,
                    e.metadata_2,
                )
                for e in recorded[begin:end]
            ]
            begin = end
