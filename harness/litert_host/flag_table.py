"""The flags of the real tool (LiteRT of 2026), as its `--help` lists them, and how it announces their values.

The real tool asks its own part and each delegate for their flags, so its help lists two names twice; the first one counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

Kind = Literal["int32", "float", "bool", "string"]
Value = int | float | bool | str


@dataclass(frozen=True, slots=True)
class Flag:
    """One line of the help. `default` is the text that the help prints."""

    name: str
    kind: Kind
    default: str
    about: str


# Name, kind, default, and the words of the help.
_HELP = r"""
num_runs|int32|50|expected number of runs, see also min_secs, max_secs
min_secs|float|1|minimum number of seconds to rerun for, potentially making the actual number of runs to be greater than num_runs
max_secs|float|150|maximum number of seconds to rerun for, potentially making the actual number of runs to be less than num_runs. Note if --max-secs is exceeded in the middle of a run, the benchmark will continue to the end of the run but will not start the next run.
run_delay|float|-1|delay between runs in seconds
run_frequency|float|-1|Execute at a fixed frequency, instead of a fixed delay.Note if the targeted rate per second cannot be reached, the benchmark would start the next run immediately, trying its best to catch up. If set, this will override run_delay.
num_threads|int32|-1|number of threads
use_caching|bool|false|Enable caching of prepacked weights matrices in matrix multiplication routines. Currently implies the use of the Ruy library.
benchmark_name|string||benchmark name
output_prefix|string||benchmark output prefix
warmup_runs|int32|1|minimum number of runs performed on initialization, to allow performance characteristics to settle, see also warmup_min_secs
warmup_min_secs|float|0.5|minimum number of seconds to rerun for, potentially making the actual number of warm-up runs to be greater than warmup_runs
verbose|bool|false|Whether to log parameters whose values are not set. By default, only log those parameters that are set by parsing their values from the commandline flags.
dry_run|bool|false|Whether to run the tool just with simply loading the model, allocating tensors etc. but without actually invoking any op kernels.
report_peak_memory_footprint|bool|false|Report the peak memory footprint by periodically checking the memory footprint. Internally, a separate thread will be spawned for this periodic check. Therefore, the performance benchmark result could be affected.
memory_footprint_check_interval_ms|int32|50|The interval in millisecond between two consecutive memory footprint checks. This is only used when --report_peak_memory_footprint is set to true.
gpu_invoke_loop_times|int32|1|Number of GPU delegate invoke loop iterations. If > 0 then reported latency is divided by this number. Used only when TFLITE_GPU_ENABLE_INVOKE_LOOP is defined.
graph|string||graph file name
input_layer|string||input layer names
input_layer_shape|string||input layer shape
input_layer_value_range|string||A map-like string representing value range for *integer* input layers. Each item is separated by ':', and the item value consists of input layer name and integer-only range values (both low and high are inclusive) separated by ',', e.g. input1,1,2:input2,0,254
input_layer_value_files|string||A map-like string representing value file. Each item is separated by ',', and the item value consists of input layer name and value file path separated by ':', e.g. input1:file_path1,input2:file_path2. In case the input layer name contains ':' e.g. "input:0", escape it with "\:". If the input_name appears both in input_layer_value_range and input_layer_value_files, input_layer_value_range of the input_name will be ignored. The file format is binary and it should be array format or null separated strings format.
allow_fp16|bool|false|allow fp16
require_full_delegation|bool|false|require delegate to run the entire graph
enable_op_profiling|bool|false|enable op profiling
op_profiling_output_mode|string|stdout|Output mode for op profiling results. Supported values are: 'stdout', 'csv' and 'proto'.
op_profiling_output_file|string||Output file for op profiling results.
max_profiling_buffer_entries|int32|1024|max initial profiling buffer entries
allow_dynamic_profiling_buffer_increase|bool|false|allow dynamic increase on profiling buffer entries
profiling_output_csv_file|string||[DEPRECATED: Use op_profiling_output_file and op_profiling_output_mode instead] File path to export profile data as CSV, if not set prints to stdout.
export_model_runtime_info|bool|false|Enable Model Runtime Info Export
model_runtime_info_output_file|string||Proto File to export model runtime info to
print_preinvoke_state|bool|false|print out the interpreter internals just before calling Invoke. The internals will include allocated memory size of each tensor etc.
print_postinvoke_state|bool|false|print out the interpreter internals just before benchmark completes (i.e. after all repeated Invoke calls complete). The internals will include allocated memory size of each tensor etc.
release_dynamic_tensors|bool|false|Ensure dynamic tensor's memory is released when they are not used.
optimize_memory_for_large_tensors|int32|0|Optimize memory usage for large tensors with sacrificing latency.
disable_delegate_clustering|bool|false|Disable delegate clustering.
enable_builtin_cast_constant_cache|bool|false|Cache the output of the builtin cast operation when its input is a constant tensor.
output_filepath|string||File path to export outputs layer as binary data.
output_proto_filepath|string||File path to export outputs layer as tf example proto.
tensor_name_display_length|int32|25|The number of characters to show for the tensor's name when printing the interpeter's state, defaults to 25.
tensor_type_display_length|int32|15|The number of characters to show for the tensor's type when printing the interpeter's state, defaults to 15.
alloc_type_display_length|int32|18|The number of characters to show for the tensor's allocation type when printing the interpeter's state, defaults to 18.
signature_to_run_for|string||If the model contains multiple signatures, use this flag to specify the signature to benchmark. If multiple signatures are present and this flag is not specified, the benchmark will throw an error. If only one signature is present and this flag is not specified, the default signature will be used.
list_signatures|bool|false|Displays all signatures present in the model and then terminates the program.
result_file_path|string||Path to save the benchmark result in binary proto format.
help|bool|false|Print out all supported flags if true.
num_threads|int32|-1|number of threads used for inference on CPU.
max_delegated_partitions|int32|0|Max number of partitions to be delegated.
min_nodes_per_partition|int32|0|The minimal number of TFLite graph nodes of a partition that has to be reached for it to be delegated.A negative value or 0 means to use the default choice of each delegate.
first_delegate_node_index|int32|0|The index of the first node that could be delegated. Used only when TFLITE_DEBUG_DELEGATE is defined. Default is 0.
last_delegate_node_index|int32|2147483647|The index of the last node that could be delegated. Used only when TFLITE_DEBUG_DELEGATE is defined. Default is INT_MAX.
gpu_invoke_loop_times|int32|-1|Number of GPU delegate invoke loop iterations. Used only when TFLITE_GPU_ENABLE_INVOKE_LOOP is defined. Default is 1.
delegate_serialize_dir|string||Directory to be used by delegates for serializing any model data. This allows the delegate to save data into this directory to reduce init time after the first run. Currently supported by NNAPI delegate with specific backends on Android. Note that delegate_serialize_token is also required to enable this feature.
delegate_serialize_token|string||Model-specific token acting as a namespace for delegate serialization. Unique tokens ensure that the delegate doesn't read inapplicable/invalid data. Note that delegate_serialize_dir is also required to enable this feature.
use_xnnpack|bool|false|explicitly apply the XNNPACK delegate. Note the XNNPACK delegate could be implicitly applied by the TF Lite runtime regardless the value of this parameter. To disable this implicit application, set the value to false explicitly.
xnnpack_force_fp16|bool|false|enforce float16 inference.
xnnpack_weight_cache_file_path|string||enable file-backed weight caching.
xnnpack_runtime_flags|int32|0|Extra flags to pass to XNNPACK runtime.
external_delegate_path|string||The library path for the underlying external.
external_delegate_options|string||A list of comma-separated options to be passed to the external delegate. Each option is a colon-separated key-value pair, e.g. option_name:option_value.
"""


def _flag(line: str) -> Flag:
    name, kind, default, about = line.split("|")
    return Flag(name, cast(Kind, kind), default, about)


FLAGS: tuple[Flag, ...] = tuple(_flag(line) for line in _HELP.strip().split("\n"))
"""In the order of the help."""

LABELS: tuple[tuple[str, str], ...] = (
    ("verbose", "Log parameter values verbosely"),
    ("num_runs", "Min num runs"),
    ("min_secs", "Min runs duration (seconds)"),
    ("max_secs", "Max runs duration (seconds)"),
    ("run_delay", "Inter-run delay (seconds)"),
    ("run_frequency", "Number of prorated runs per second"),
    ("num_threads", "Num threads"),
    ("use_caching", "Use caching"),
    ("benchmark_name", "Benchmark name"),
    ("output_prefix", "Output prefix"),
    ("warmup_runs", "Min warmup runs"),
    ("warmup_min_secs", "Min warmup runs duration (seconds)"),
    ("dry_run", "Run w/o invoking kernels"),
    ("report_peak_memory_footprint", "Report the peak memory footprint"),
    ("memory_footprint_check_interval_ms", "Memory footprint check interval (ms)"),
    ("graph", "Graph"),
    ("signature_to_run_for", "Signature to run"),
    ("list_signatures", "List signatures from the provided model"),
    ("input_layer", "Input layers"),
    ("input_layer_shape", "Input shapes"),
    ("input_layer_value_range", "Input value ranges"),
    ("input_layer_value_files", "Input value files"),
    ("allow_fp16", "Allow fp16"),
    ("require_full_delegation", "Require full delegation"),
    ("enable_op_profiling", "Enable op profiling"),
    ("op_profiling_output_mode", "Op profiling output mode."),
    ("op_profiling_output_file", "Op profiling output file."),
    ("max_profiling_buffer_entries", "Max initial profiling buffer entries"),
    ("allow_dynamic_profiling_buffer_increase", "Allow dynamic increase on profiling buffer entries"),
    ("profiling_output_csv_file", "CSV File to export profiling data to"),
    ("export_model_runtime_info", "Enable Model Runtime Info Export"),
    ("model_runtime_info_output_file", "Proto File to export model runtime info to"),
    ("print_preinvoke_state", "Print pre-invoke interpreter state"),
    ("print_postinvoke_state", "Print post-invoke interpreter state"),
    ("release_dynamic_tensors", "Release dynamic tensor memory"),
    ("optimize_memory_for_large_tensors", "Optimize memory usage for large tensors"),
    ("disable_delegate_clustering", "Disable delegate clustering"),
    ("enable_builtin_cast_constant_cache", "Constant CAST output cache"),
    ("output_filepath", "File path to export outputs layer to"),
    ("output_proto_filepath", "File path to export outputs layer as tf example to"),
    ("result_file_path", "File path to save the benchmark result in binary proto format"),
    ("tensor_name_display_length", "Tensor name display length"),
    ("tensor_type_display_length", "Tensor type display length"),
    ("alloc_type_display_length", "Tensor allocation type display length"),
    ("help", "print out all supported flags"),
    ("num_threads", "#threads used for CPU inference"),
    ("max_delegated_partitions", "Max number of delegated partitions"),
    ("min_nodes_per_partition", "Min nodes per partition"),
    ("first_delegate_node_index", "Index of the first node that could be delegated"),
    ("last_delegate_node_index", "Index of the last node that could be delegated"),
    ("gpu_invoke_loop_times", "Number of GPU delegate invoke loop iterations"),
    ("delegate_serialize_dir", "Directory for delegate serialization"),
    ("delegate_serialize_token", "Model-specific token/key for delegate serialization."),
    ("use_xnnpack", "Use xnnpack"),
    ("xnnpack_force_fp16", "xnnpack_force_fp16"),
    ("xnnpack_weight_cache_file_path", "xnnpack_weight_cache_file_path"),
    ("xnnpack_runtime_flags", "Extra flags for XNNPACK runtime"),
    ("external_delegate_path", "External delegate path"),
    ("external_delegate_options", "External delegate options"),
)
"""Flag and label, in order of announcement. The threads are announced twice, the second time by the delegates."""
