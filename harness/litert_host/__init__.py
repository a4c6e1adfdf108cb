"""A `benchmark_model` for this host: it drives LiteRT's C library from the `ai-edge-litert` wheel through ctypes.

It takes the real tool's flags, prints the real tool's output and fails as the real tool fails, on the CPU only. Virtual devices run it by
default. Its measurements are real (kernels, profiler, memory); it does not print what it cannot measure.

It differs from the real tool on purpose:

- The first block of a profile has the rows `CreateCompiledModel` and `AllocateTensors`: LiteRT builds the interpreter and applies
  XNNPACK in one call, so `ModifyGraphWithDelegate` cannot be timed separately.
- LiteRT's own error lines, which start with a source file in brackets, are on stderr among those of the kernels.
- If the runtime info goes to stdout, it comes after the measurement, not before it.
- `--max_profiling_buffer_entries` is accepted and shown, but LiteRT's event buffer has a fixed size (524,288 events).

You can compare outputs: `--output_filepath=FILE` writes the bytes of all outputs of the last run, one after the other in the signature's
order, and `--input_layer_value_files=NAME:FILE` feeds known inputs.
"""
