"""A `benchmark_model` for this host: LiteRT's C library out of the `ai-edge-litert` wheel, driven through ctypes.

It takes the real tool's flags, prints the real tool's output and fails as the real tool fails, on the CPU alone. It is what a virtual
device runs by default. What it measures is real (kernels, profiler, memory); what it cannot measure it does not print.

Where it differs from the real tool, on purpose:

- The first block of a profile has the rows `CreateCompiledModel` and `AllocateTensors`: LiteRT builds the interpreter and applies
  XNNPACK within one call, so that `ModifyGraphWithDelegate` cannot be told apart.
- LiteRT's own error lines, which start with a source file in brackets, stand on stderr beside those of the kernels.
- A runtime info that goes to stdout comes after the measurement, not before it.
- `--max_profiling_buffer_entries` is taken and shown, but LiteRT's event buffer has a size of its own (524,288 events).

Outputs can be compared: `--output_filepath=FILE` writes the bytes of all outputs of the last run, one after the other in the order of
the signature, and `--input_layer_value_files=NAME:FILE` feeds inputs that are known.
"""
