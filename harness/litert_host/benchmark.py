"""One run of the tool: load, initialise, warm up, measure, report."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from harness.litert_host import memory
from harness.litert_host import tool_output as output
from harness.litert_host.delegation import Partition, delegate_kernels, find_delegated, partitions
from harness.litert_host.flags import FlagError, Options
from harness.litert_host.graph import Graph, Signature, Subgraph
from harness.litert_host.inputs import FatalInput, InputLayer, input_bytes
from harness.litert_host.library import Library
from harness.litert_host.model_file import ModelError, choose_signature, open_graph
from harness.litert_host.profile import ModelProfile
from harness.litert_host.recorder import EventRecorder
from harness.litert_host.reports import (
    BenchmarkOutcome,
    write_example,
    write_outputs,
    write_profile,
    write_result,
    write_runtime_info,
)
from harness.litert_host.runs import RunLimits, run_many
from harness.litert_host.runtime_details import model_runtime_details
from harness.litert_host.session import CpuOptions, LiteRtError, Session
from harness.litert_host.state_dump import ColumnWidths, state_lines
from harness.litert_host.statistics import number

# The real tool feeds random values as well.
_SEED = 20
_FORCE_FP16 = 4
"""TFLITE_XNNPACK_DELEGATE_FLAG_FORCE_FP16 (tflite/delegates/xnnpack/xnnpack_delegate.h)."""


class Failed(Exception):
    """The benchmark failed, and the error has been printed."""


class Benchmark:
    """One run of the tool. `run` calls the parts in order; each prints what the real tool prints for it."""

    def __init__(self, options: Options, layers: list[InputLayer]) -> None:
        self.options = options
        self.layers = layers
        self.path = options.text("graph")
        self.explicit = options.on("use_xnnpack")
        self.xnnpack = self.explicit or "use_xnnpack" not in options.given
        self.init_us = 0
        self.not_the_tools = memory.NotTheTools(at_start=memory.read_status())
        self.steps: list[tuple[str, int, int]] = []
        self.layer_of: dict[int, InputLayer] = {}
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.graph: Graph
        self.signature: Signature | None
        self.session: Session

    def run(self) -> None:
        """Run all parts.

        Raises:
            ModelError, FlagError, FatalInput, LiteRtError, Failed: a part failed.
        """
        for line in self.options.announcements():
            output.info(line)
        self._load()
        if self.options.on("list_signatures"):
            self._list_signatures()
        self.signature_index, self.signature = choose_signature(self.graph, self.options.text("signature_to_run_for"))
        if self.options.text("signature_to_run_for"):
            output.info(f"Using signature: {self.options.text('signature_to_run_for')}")
        self._match_layers()
        self._compile()
        self._resize()
        if self.explicit:
            self._say_how_much_was_delegated()
        self._allocate()
        output.info(f"The input model file size (MB): {number(self.size_bytes / 1e6)}")
        output.info(f"Initialized session in {number(self.init_us / 1e3)}ms.")
        self._measure()

    @property
    def subgraph_index(self) -> int:
        """Number of the subgraph that runs."""
        return self.signature.subgraph if self.signature else 0

    @property
    def subgraph(self) -> Subgraph:
        """The subgraph that runs."""
        return self.graph.subgraphs[self.subgraph_index]

    @property
    def input_tensors(self) -> tuple[int, ...]:
        """Tensor numbers of the inputs, in the order in which LiteRT counts them: the subgraph's, of those that the signature names."""
        named = self.signature.inputs if self.signature else self.subgraph.inputs
        return tuple(index for index in self.subgraph.inputs if index in named)

    @property
    def output_tensors(self) -> tuple[int, ...]:
        """Tensor numbers of the outputs, in the order in which LiteRT counts them: likewise."""
        named = self.signature.outputs if self.signature else self.subgraph.outputs
        return tuple(index for index in self.subgraph.outputs if index in named)

    # --- initialisation -----------------------------------------------------------------------------------------------

    def _timed(self, step: str, action: Callable[[], None]) -> None:
        before_kb, started = memory.peak_kb(), time.monotonic_ns()
        action()
        elapsed_us = (time.monotonic_ns() - started) // 1000
        self.init_us += elapsed_us
        self.steps.append((step, elapsed_us, memory.peak_kb() - before_kb))

    def _load(self) -> None:
        self.graph, self.size_bytes = open_graph(self.path)
        # A real binary has the library linked in, so it is opened before the first reading of memory.
        self.session = Session(Library())
        self.start_kb = memory.peak_kb()
        try:
            self._timed("LoadModel", lambda: self.session.load(self.path))
        except LiteRtError as error:
            raise ModelError(
                "The model is not a valid Flatbuffer buffer", f"Failed to load model {self.path}"
            ) from error
        output.info(f"Loaded model {self.path}")
        if self.options.whole("num_threads") < -1:
            raise FlagError(
                "num_threads should be >= 0 or just -1 to let TFLite runtime set the value.",
                "Failed to set thread number",
            )

    def _list_signatures(self) -> NoReturn:
        output.info(f"The Model contains {len(self.graph.signatures)} signature key(s).")
        if self.graph.signatures:
            output.info("They are listed below: ")
        for signature in self.graph.signatures:
            output.info(f"-> Signature Key: {signature.key}")
        raise Failed

    def _compile(self) -> None:
        if self.options.on("require_full_delegation") and not self.explicit:
            # The real tool does not count an XNNPACK that applies by itself either.
            raise ModelError("Disallowed CPU fallback detected.")
        cache = self.options.text("xnnpack_weight_cache_file_path") if self.explicit else ""
        options = CpuOptions(
            xnnpack=self.xnnpack,
            threads=self.options.whole("num_threads"),
            weight_cache=cache,
            xnnpack_flags=_FORCE_FP16 if self.explicit and self.options.on("xnnpack_force_fp16") else 0,
        )
        try:
            self._timed("CreateCompiledModel", lambda: self.session.compile(options))
        except LiteRtError as error:
            raise ModelError(f"Failed to create the compiled model: {error}") from error
        if self.options.on("enable_op_profiling"):
            self._compile_with_profiler(options)
        if self.explicit:
            if cache:
                output.info("XNNPack file-backed weight cache enabled.")
            output.info("XNNPACK delegate created.")

    def _compile_with_profiler(self, options: CpuOptions) -> None:
        """Compile once more with the profiler, outside of the measured initialisation.

        LiteRT's profiler allocates a buffer of some 70 MB, which takes a tenth of a second. The real tool's has 1,024 entries.
        """
        plain_kb = memory.read_status().get("VmRSS", 0)
        try:
            self.session.compile(replace(options, profile=True))
        except LiteRtError as error:
            raise ModelError(f"Failed to create the compiled model: {error}") from error
        grown_kb = memory.read_status().get("VmRSS", 0) - plain_kb
        self.not_the_tools = replace(self.not_the_tools, profiler_kb=max(0, grown_kb))

    def _match_layers(self) -> None:
        tensors = [self.subgraph.tensors[index] for index in self.input_tensors]
        self.shapes = {index: tensor.shape for index, tensor in enumerate(tensors)}
        if not self.layers:
            return
        # Flags use the subgraph's order, which may differ from the signature's.
        labels = self.subgraph.inputs
        if len(self.layers) != len(labels):
            raise FatalInput(f"Inputs mismatch: Model inputs #:{len(labels)} expected: {len(self.layers)}")
        for layer, label in zip(self.layers, labels, strict=True):
            tensor = self.subgraph.tensors[label]
            if layer.name != tensor.name:
                output.warning(f"Tensor # {label} is named {tensor.name} but flags call it {layer.name}")
            if len(layer.shape) != len(tensor.shape):
                raise FlagError(f"Input tensor #{label} should have {len(tensor.shape)} dimensions!")
            if label in self.input_tensors:
                self.layer_of[self.input_tensors.index(label)] = layer

    def _resize(self) -> None:
        for index, layer in self.layer_of.items():
            if layer.shape != self.shapes[index]:
                self.session.resize(self.signature_index, index, layer.shape)
                self.shapes[index] = layer.shape

    def _allocate(self) -> None:
        def allocate() -> None:
            self.session.allocate(self.signature_index)
            self.session.create_buffers(self.shapes)

        self._refuse_data_dependent_outputs()
        try:
            self._timed("AllocateTensors", allocate)
        except LiteRtError as error:
            raise ModelError("Failed to allocate tensors!") from error
        self.session.prepare_run()

    def _refuse_data_dependent_outputs(self) -> None:
        """Refuse outputs whose size depends on data: LiteRT's compiled models bind outputs before they run, the real tool does not.

        Otherwise each run would fail with an internal message of the library only.
        """
        tensors = self.subgraph.tensors
        if any(-1 in tensors[index].signature for index in self.input_tensors):
            return  # an unknown output size then comes from an input's size, which is known by now
        for index in self.subgraph.outputs:
            if -1 in tensors[index].signature:
                raise ModelError(
                    f"Failed to allocate tensors! The shape of output {tensors[index].name} depends on the data: LiteRT's"
                    " compiled models do not take that, a benchmark_model of TensorFlow's or LiteRT's own does"
                )

    def _say_how_much_was_delegated(self) -> None:
        groups = None if self.session.fully_accelerated else self._partitions()
        kernels = delegate_kernels(groups) if groups is not None else None
        if self.session.fully_accelerated:
            output.info(
                "Explicitly applied XNNPACK delegate, and the model graph will be completely executed by the delegate."
            )
        elif self.options.on("require_full_delegation"):
            raise ModelError("Disallowed CPU fallback detected.")
        elif kernels:
            output.info(
                "Explicitly applied XNNPACK delegate, and the model graph will be partially executed by the delegate"
                f" w/ {kernels} delegate kernels."
            )
        elif kernels == 0:
            output.info(
                "Though XNNPACK delegate is explicitly applied, the model graph will not be executed by the delegate."
            )
        else:
            output.warning("XNNPACK did not take the whole model graph; how much it took could not be found out.")

    def _partitions(self) -> list[Partition] | None:
        delegated: frozenset[int] | None = frozenset()
        if self.xnnpack and self.session.fully_accelerated:
            delegated = frozenset(range(len(self.subgraph.operators)))
        elif self.xnnpack:
            resized = {i: s for i, s in self.shapes.items() if s != self.subgraph.tensors[self.input_tensors[i]].shape}
            delegated = find_delegated(
                self.subgraph,
                self.subgraph_index,
                self.path,
                self.signature_index,
                resized,
                self.options.whole("num_threads"),
            )
        return None if delegated is None else partitions(self.subgraph, delegated)

    # --- measurement --------------------------------------------------------------------------------------------------

    def _limits(self, runs: str, seconds: str) -> RunLimits:
        dry, options = self.options.on("dry_run"), self.options
        return RunLimits(
            runs=0 if dry else options.whole(runs),
            min_s=-1 if dry else options.real(seconds),
            max_s=options.real("max_secs"),
            delay_s=options.real("run_delay"),
            frequency_hz=options.real("run_frequency"),
        )

    def _measure(self) -> None:
        options, session = self.options, self.session
        profiler_kb = self.not_the_tools.profiler_kb
        init_kb = max(0, memory.peak_kb() - self.start_kb - profiler_kb)
        # Input values, not secrets; the same in every process, so that outputs can be compared.
        randomness = random.Random(_SEED)  # noqa: S311  # see above
        tensors = [self.subgraph.tensors[index] for index in self.input_tensors]
        inputs = [input_bytes(t, self.shapes[i], self.layer_of.get(i), randomness) for i, t in enumerate(tensors)]
        if options.on("print_preinvoke_state"):
            self._print_state("pre")
        monitor = None
        if options.on("report_peak_memory_footprint"):
            monitor = memory.PeakMonitor(options.whole("memory_footprint_check_interval_ms"))
            monitor.start()
        warmup, good = run_many(session, self._limits("warmup_runs", "warmup_min_secs"), inputs)
        if not good:
            raise Failed
        profile = ModelProfile(self.graph)
        recorder = EventRecorder(session, profile) if options.on("enable_op_profiling") else None
        if recorder is not None:
            recorder.start()
            runs, good = run_many(session, self._limits("num_runs", "min_secs"), inputs, after=recorder.end_run)
        else:
            runs, good = run_many(session, self._limits("num_runs", "min_secs"), inputs)
        outcome = BenchmarkOutcome(
            init_us=self.init_us,
            warmup=warmup,
            runs=runs,
            init_kb=init_kb,
            overall_kb=max(0, memory.peak_kb() - self.start_kb - profiler_kb),
            peak_kb=self.not_the_tools.peak_kb(monitor.stop()) if monitor is not None else None,
            now_kb=self.not_the_tools.now_kb(),
            model_bytes=self.size_bytes,
            input_bytes=sum(len(data) for data in inputs),
        )
        if recorder is not None:
            recorder.finish()
        self._report(outcome, profile)
        if not good:
            raise Failed

    def _print_state(self, when: str) -> None:
        options = self.options
        if (groups := self._partitions()) is None:
            return  # nothing shows which delegate runs which node
        widths = ColumnWidths(
            name=max(0, options.whole("tensor_name_display_length")),
            kind=max(0, options.whole("tensor_type_display_length")),
            allocation=max(0, options.whole("alloc_type_display_length")),
        )
        details = model_runtime_details(self.subgraph, self.subgraph_index, groups)
        output.info(f"\n====Printing out TfLite interpreter {when}-invoke state begins====")
        output.plain(state_lines(self.subgraph, len(self.graph.subgraphs), details, widths))
        output.info(f"====Printing out TfLite interpreter {when}-invoke state ends====\n")

    def _report(self, outcome: BenchmarkOutcome, profile: ModelProfile) -> None:
        options = self.options
        outcome.say()
        if options.on("print_postinvoke_state"):
            self._print_state("post")
        if options.on("enable_op_profiling"):
            init = ModelProfile(self.graph)
            # Compiling covers the whole model, allocating the subgraph that runs. The real tool's profile does not include loading.
            whole, own = self.steps[1:2], self.steps[2:]
            if self.subgraph_index == 0:
                init.add_steps(0, whole + own)
            else:
                init.add_steps(0, whole)
                init.add_steps(self.subgraph_index, own)
            write_profile(
                init, profile, options.text("op_profiling_output_mode"), options.text("op_profiling_output_file")
            )
        if options.on("export_model_runtime_info"):
            write_runtime_info(
                self.subgraph, self.subgraph_index, self._partitions(), options.text("model_runtime_info_output_file")
            )
        if options.text("output_filepath"):
            write_outputs(self.session.read_outputs(), Path(options.text("output_filepath")))
        if options.text("output_proto_filepath"):
            tensors = [self.subgraph.tensors[index] for index in self.output_tensors]
            write_example(tensors, self.session.read_outputs(), Path(options.text("output_proto_filepath")))
        if options.text("result_file_path"):
            write_result(outcome, options.text("result_file_path"))
