"""The first cause is the true one: the tool's own error, before what follows from it."""

from __future__ import annotations

import pytest

from harness.records import DelegateRequest
from tests.benchmark_model.outputs import GOOD, RUN, START, TIMINGS, named, read

LOADED = "Loaded model m.tflite\n"
ASKED = {
    "XNNPACK": "Use xnnpack: [1]\n",
    "GPU": "Use gpu: [1]\n",
    "NNAPI": "Use NNAPI: [1]\n",
    "EXTERNAL": "External delegate path: [/data/local/tmp/libvx.so]\n",
}
INITIALIZED = "Initialized session in 2ms.\n"


@pytest.mark.parametrize("asked", ["", *ASKED.values()])
@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("num_threads should be >= 0 or just -1 to let TFLite runtime set the value.", "bad_flags"),
        ("something that no list has", "unknown"),
        ("Inputs mismatch: Model inputs #:2 expected: 1", "bad_input"),
    ],
)
def test_an_error_before_delegates_are_applied_is_the_only_cause(asked: str, error: str, cause: str) -> None:
    got = read(f"{START}{asked}{LOADED}ERROR: {error}\nERROR: Benchmarking failed.\n", exit_code=1)
    assert (got["status"], got["causes"], got["message"]) == ("failed", [cause], error)


def test_a_missing_delegate_is_the_second_cause_where_the_run_got_so_far() -> None:
    text = f"{START}{ASKED['GPU']}{LOADED}{INITIALIZED}ERROR: the fan is broken\nERROR: Benchmarking failed.\n"
    got = read(text, exit_code=1)
    assert (got["status"], got["causes"]) == ("failed", ["unknown", "delegate_not_applied"])
    assert got["message"] == "the fan is broken"


@pytest.mark.parametrize(
    "fatal",
    [
        "Inputs mismatch: Model inputs #:2 expected: 1",
        "Incorrect size string specified: 1,a,64,3",
        "The range [-1000, 1000] does not fit tensor x of type INT8",
        "The range 0,300 of input y does not fit tensor y",
        "Populating the tensor x of type STRING is disabled",
        "Tensor serving_default_x:0 has unsupported type COMPLEX64",
        "input_2 has unsupported type 18",
    ],
)
@pytest.mark.parametrize(
    "shell",
    [
        "",
        "Aborted\n",
        "Aborted (core dumped) ./benchmark_model\n",
        "Fatal signal 6 (SIGABRT), code -1 in tid 9 (benchmark_model)\n",
    ],
)
def test_a_fatal_word_about_an_input(fatal: str, shell: str) -> None:
    got = read(f"{START}{ASKED['XNNPACK']}{LOADED}FATAL: {fatal}\n{shell}", exit_code=134)
    assert (got["status"], got["causes"], got["message"]) == ("failed", ["bad_input"], fatal)
    assert read(f"{START}{LOADED}FATAL: {fatal}\n{shell}")["causes"] == ["bad_input"]


def test_another_fatal_word_is_a_crash() -> None:
    assert read(f"{START}FATAL: use_gpu was not found.\nAborted\n", exit_code=134)["causes"] == ["crashed"]


@pytest.mark.parametrize(
    "error",
    [
        "Op type not registered 'Foo' in binary running on localhost. Make sure",
        "Stub operation invoked. This function should not be called.",
        "Stub operation invoked. This model requires accelerator support.",
    ],
)
def test_ops_that_the_runtime_lacks(error: str) -> None:
    node = "ERROR: Node number 3 (CONV_2D) failed to invoke.\n"
    got = read(f"{START}{LOADED}{INITIALIZED}ERROR: {error}\n{node}ERROR: Benchmarking failed.\n", exit_code=1)
    assert (got["causes"], got["message"]) == (["op_unsupported", "invoke_failed"], error)


KERNEL = "tensorflow/lite/kernels/reshape.cc:92 num_input_elements != num_output_elements (588000 != 49000)"


@pytest.mark.parametrize("level", ["ERROR: ", ""])
def test_a_kernel_that_cannot_be_prepared_is_why_the_delegate_is_not_applied(level: str) -> None:
    text = (
        f"{START}{ASKED['GPU']}{LOADED}GPU delegate created.\n{level}{KERNEL}\n"
        f"{level}Node number 8 (RESHAPE) failed to prepare.\n"
        f"{level}Restored original execution plan after delegate application failure.\n"
        f"{level}Failed to apply GPU delegate.\n{level}Benchmarking failed.\n"
    )
    got = read(text, exit_code=1)
    assert (got["causes"], got["message"]) == (["prepare_failed", "delegate_not_applied"], KERNEL)
    assert named(got) == [("GPU", "failed", None, None, None)]


def test_a_node_of_a_delegate_that_cannot_be_prepared_is_the_delegate_s() -> None:
    text = (
        f"{START}{ASKED['NNAPI']}{LOADED}NNAPI delegate created.\n"
        "ERROR: NN API returned error ANEURALNETWORKS_BAD_DATA at line 1068 while adding operation.\n"
        "ERROR: Node number 31 (TfLiteNnapiDelegate) failed to prepare.\nERROR: Failed to apply NNAPI delegate.\n"
        "ERROR: Benchmarking failed.\n"
    )
    got = read(text, exit_code=1)
    assert got["causes"] == ["delegate_not_applied", "prepare_failed"]
    assert got["message"] == "NN API returned error ANEURALNETWORKS_BAD_DATA at line 1068 while adding operation."


@pytest.mark.parametrize(
    "reason",
    [
        "NN API returned error ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT at line 4113 while running computation.",
        "NN API returned error ANEURALNETWORKS_DEAD_OBJECT at line 4567 while running computation.",
        "hexagon_nn_execute failed with -1",
    ],
)
def test_the_reason_of_a_node_that_failed(reason: str) -> None:
    node = "ERROR: Node number 31 (TfLiteNnapiDelegate) failed to invoke.\n"
    got = read(f"{START}{LOADED}{INITIALIZED}ERROR: {reason}\n{node}ERROR: Benchmarking failed.\n", exit_code=1)
    assert (got["causes"][0], got["message"]) == ("invoke_failed", reason)


def test_the_reason_is_of_the_phase_that_failed() -> None:
    text = (
        f"{START}ERROR: no config file, going on\n{LOADED}{INITIALIZED}"
        "ERROR: gather index out of bounds\nERROR: Node number 0 (GATHER) failed to invoke.\nERROR: Benchmarking failed.\n"
    )
    assert read(text, exit_code=1)["message"] == "gather index out of bounds"


def test_a_graph_with_dynamic_tensors() -> None:
    reason = (
        "Attempting to use a delegate that only supports static-sized tensors with a graph that has dynamic-sized tensors"
        " (tensor#183 is a dynamic-sized tensor)."
    )
    text = f"{START}{ASKED['GPU']}{LOADED}{reason}\nFailed to apply GPU delegate.\nBenchmarking failed.\n"
    got = read(text, exit_code=1)
    assert (got["causes"], got["message"]) == (["delegate_not_applied"], reason)


@pytest.mark.parametrize(
    ("lines", "uses"),
    [
        (
            "Returning error since NNAPI returned failure nnapi_delegate.cc:664.\nFailed to build graph for NNAPI\n"
            "Failed to invoke!\n",
            [("NNAPI", "failed", None, None, None)],
        ),
        ("Aborting since NNAPI returned failure nnapi_delegate.cc:12\n", [("NNAPI", "failed", None, None, None)]),
        (
            "Created TensorFlow Lite delegate for GPU.\nReplacing 3 out of 9 node(s) with delegate (TfLiteGpuDelegateV2) "
            "node, yielding 2 partitions for subgraph 0.\nCreated 0 GPU delegate kernels.\n",
            [("GPU", "failed", 3, 9, 2)],
        ),
        (
            "Replacing 7 out of 9 node(s) with delegate (TfLiteNnapiDelegate) node, yielding 2 partitions for subgraph 0.\n"
            "Restored original execution plan after delegate application failure.\n",
            [("NNAPI", "failed", 7, 9, 2)],
        ),
    ],
)
def test_a_delegate_that_failed_is_neither_partial_nor_absent(lines: str, uses: list[tuple[object, ...]]) -> None:
    got = read(f"{START}{LOADED}{lines}Benchmarking failed.\n", exit_code=1)
    assert (got["status"], got["causes"][0], named(got)) == ("failed", "delegate_not_applied", uses)


def test_nothing_for_the_gpu_to_take_is_no_failure_of_it() -> None:
    nothing = "No operations will run on the GPU, and all 9 operations will run on the CPU.\n"
    assert named(read(f"{START}{nothing}Created 0 GPU delegate kernels.\n{RUN}{TIMINGS}")) == [
        ("GPU", "none", 0, 9, None)
    ]


VX = "Replacing 31 out of 31 node(s) with delegate (Vx Delegate) node, yielding 1 partitions for subgraph 0.\n"
EXPLICIT = "Explicitly applied EXTERNAL delegate, and the model graph will be completely executed by the delegate.\n"


@pytest.mark.parametrize("said", ["", EXPLICIT, "EXTERNAL delegate created.\n"])
def test_the_external_delegate_has_the_nodes_of_the_vendor_s(said: str) -> None:
    got = read(f"{START}{ASKED['EXTERNAL']}{LOADED}{VX}{said}{INITIALIZED}{RUN}{TIMINGS}")
    assert (got["status"], sorted(named(got))) == ("ok", [("EXTERNAL", "full", 31, 31, 1), ("VX", "full", 31, 31, 1)])


def test_two_vendors_share_no_count() -> None:
    other = VX.replace("Vx Delegate", "QnnDelegate").replace("31 out of 31", "5 out of 31")
    got = read(f"{START}{ASKED['EXTERNAL']}{LOADED}{VX}{other}{EXPLICIT}{RUN}{TIMINGS}")
    assert ("EXTERNAL", "full", None, None, None) in named(got)


def test_an_external_library_that_is_missing_is_named() -> None:
    silent = read(f"{START}{ASKED['EXTERNAL']}{LOADED}{INITIALIZED}{RUN}{TIMINGS}", exit_code=0)
    assert (silent["status"], silent["causes"]) == ("invalid", ["delegate_not_applied"])
    assert silent["message"] == (
        "EXTERNAL was asked for, and nothing says that it was applied; its library is /data/local/tmp/libvx.so"
    )
    crashed = read(f"{START}{ASKED['EXTERNAL']}{LOADED}EXTERNAL delegate created.\nSegmentation fault\n", exit_code=139)
    assert (crashed["status"], crashed["causes"]) == ("failed", ["crashed"])
    assert "/data/local/tmp/libvx.so was made right before: is the library there" in crashed["message"]
    request = DelegateRequest(name="external", options={"path": "/vendor/lib64/libx.so"})
    asked = read(f"{START}{LOADED}{INITIALIZED}{RUN}{TIMINGS}", exit_code=0, requested=request)
    assert "/vendor/lib64/libx.so" in asked["message"]


CACHE = "XNNPack weight cache could neither be loaded from or saved to '/x/w.bin'. Check that this location is readable and writable."


@pytest.mark.parametrize("line", [CACHE, "XNNPack weight cache: cannot append buffer to cache file"])
def test_a_weight_cache_that_was_refused_makes_the_result_invalid(line: str) -> None:
    got = read(f"{START}{LOADED}ERROR: {line}\n{INITIALIZED}{RUN}{TIMINGS}", exit_code=0)
    assert (got["status"], got["causes"], got["message"]) == ("invalid", ["condition_not_met"], line)


def test_the_refusal_is_the_message_and_not_what_led_to_it() -> None:
    opened = "ERROR: XNNPack weight cache: could not open file ('/x/w.bin'): Permission denied.\n"
    assert read(f"{START}{LOADED}{opened}ERROR: {CACHE}\n{INITIALIZED}{RUN}{TIMINGS}", exit_code=0)["message"] == CACHE


def test_a_weight_cache_that_is_made_anew_is_no_failure() -> None:
    line = "VERBOSE: XNNPack weight cache build for '/x/w.bin' started.\n"
    assert read(f"{START}{LOADED}{line}{INITIALIZED}{RUN}{TIMINGS}", exit_code=0)["status"] == "ok"


REFERENCE = "NNAPI accelerators available: [{}]\n"
APPLIED = "Explicitly applied NNAPI delegate, and the model graph will be completely executed by the delegate.\n"


@pytest.mark.parametrize(
    ("accelerators", "applied", "status"),
    [
        ("nnapi-reference", APPLIED, "invalid"),
        ("qti-dsp,nnapi-reference", APPLIED, "ok"),
        ("qti-dsp", APPLIED, "ok"),
    ],
)
def test_nnapi_with_nothing_but_its_cpu_reference(accelerators: str, applied: str, status: str) -> None:
    text = f"{START}{ASKED['NNAPI']}{REFERENCE.format(accelerators)}{LOADED}{applied}{INITIALIZED}{RUN}{TIMINGS}"
    assert read(text, exit_code=0)["status"] == status
    anyhow = DelegateRequest(name="nnapi", require="any")
    assert read(text, exit_code=0, requested=anyhow)["status"] == "ok"


def test_results_that_are_printed_twice_are_of_one_run() -> None:
    for text in (
        GOOD + TIMINGS,
        GOOD + RUN.rpartition("\n\n")[0].rpartition("\n")[2] + "\n" + TIMINGS,
        GOOD + RUN + TIMINGS,
    ):
        got = read(text)
        assert (got["status"], got["notes"], got["warmup"]["count"], got["runs"]["count"]) == ("ok", [], 5, 50)
