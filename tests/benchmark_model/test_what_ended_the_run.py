"""What ended a run comes first, in the tool's own words; what merely came of it, or was wrong beside it, comes after."""

from __future__ import annotations

import pytest

from tests.benchmark_model.outputs import RUN, START, TIMINGS, named, read

LOADED = "INFO: Loaded model m.tflite\n"
GPU = "INFO: Use gpu: [1]\n"
FAILED = "ERROR: Benchmarking failed.\n"
UNCONSUMED = "INFO: Unconsumed cmdline flags: --use_gpu=true\n"


@pytest.mark.parametrize(
    ("errors", "causes"),
    [
        (
            "ERROR: This model requires accelerator support.\nERROR: Node number 0 (DISPATCH_OP) failed to prepare.\n"
            "ERROR: Failed to allocate tensors!\n",
            ["op_unsupported", "prepare_failed", "allocate_failed"],
        ),
        ("ERROR: This model requires accelerator support.\n", ["op_unsupported"]),
    ],
)
def test_a_model_compiled_for_an_accelerator_on_the_cpu(errors: str, causes: list[str]) -> None:
    got = read(START + "INFO: Use NPU: [1]\n" + LOADED + errors + FAILED, exit_code=1)
    assert (got["causes"], got["message"]) == (causes, "This model requires accelerator support.")


ABORTS = [
    "Aborted\n",
    "bash: line 1: 123 Aborted                 (core dumped) ./benchmark_model\n",
    "zsh: abort      ./benchmark_model\n",
    "fish: Job 1, './benchmark_model' terminated by signal SIGABRT (Abort)\n",
    "F libc    : Fatal signal 6 (SIGABRT), code -1 (SI_QUEUE) in tid 9 (benchmark_model), pid 9 (benchmark_model)\n",
]


@pytest.mark.parametrize("shell", ABORTS)
@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("FATAL: third_party/x.cc:12 the frobnicator is bent", "third_party/x.cc:12 the frobnicator is bent"),
        ("F0000 00:00:1720000000.123456    1234 tensor.cc:77] Check failed: a == b (12 vs. 16)", "Check failed: a == b (12 vs. 16)"),
        ("F0000 00:00:1720000000.1 1234 tensor.cc:77] Check failed: a == b (12 vs. 16)", "Check failed: a == b (12 vs. 16)"),
        ("F0301 12:01:02.123456  1234 graph.cc:9] no more room here", "no more room here"),
    ],
)  # fmt: skip
def test_the_tool_s_own_last_word_is_not_hidden_by_the_shell_s(shell: str, said: str, message: str) -> None:
    got = read(f"{START}{LOADED}{said}\n*** Check failure stack trace: ***\n{shell}")
    assert (got["status"], got["causes"], got["message"]) == ("failed", ["crashed"], message)


def test_an_assertion_is_not_hidden_by_the_shell_s_word() -> None:
    line = "benchmark_model: third_party/foo.cc:12: void f(int): Assertion `n > 0' failed."
    assert read(f"{START}{LOADED}{line}\nAborted\n", exit_code=134)["message"] == line


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("fish: Job 1, './benchmark_model' terminated by signal SIGSEGV (Address boundary error)", "crashed"),
        ("fish: “./benchmark_model --graph=m” terminated by signal SIGBUS (Misaligned address error)", "crashed"),
        ("fish: Job 1, './benchmark_model' terminated by signal SIGKILL (Forced quit)", "killed"),
        ("fish: Job 2, './benchmark_model' terminated by signal SIGTERM (Polite quit request)", "killed"),
        ("Command terminated by signal 11", "crashed"),
        ("Command terminated by signal 9", "killed"),
        ("Memory fault", "crashed"),
        ("bash: line 1: 123 Trace/breakpoint trap   (core dumped) ./benchmark_model", "crashed"),
    ],
)
def test_how_shells_name_a_signal(line: str, cause: str) -> None:
    got = read(f"{START}{LOADED}{line}\n")
    assert (got["status"], got["causes"], got["message"]) == ("failed", [cause], line)


@pytest.mark.parametrize(
    ("ended", "causes"),
    [
        ("ERROR: gather index out of bounds\nERROR: Node number 3 (GATHER) failed to invoke.\n",
         ["invoke_failed", "unconsumed_flags", "delegate_not_applied"]),
        ("ERROR: The model is not a valid Flatbuffer buffer\nERROR: Failed to load model m.tflite\n",
         ["model_invalid", "unconsumed_flags"]),
        ("ERROR: a word of the loader that no list has\n", ["unknown", "unconsumed_flags"]),
        ("INFO: Initialized session in 2ms.\nERROR: a word that no list has\n", ["unknown", "unconsumed_flags", "delegate_not_applied"]),
        ("FATAL: Inputs mismatch: Model inputs #:2 expected: 1\n", ["bad_input", "unconsumed_flags"]),
    ],
)  # fmt: skip
def test_a_flag_that_was_not_taken_does_not_hide_what_ended_the_run(ended: str, causes: list[str]) -> None:
    got = read(START + UNCONSUMED + LOADED + ended + FAILED, exit_code=1)
    assert (got["status"], got["causes"]) == ("invalid", causes)
    assert got["message"] == ended.split("\n")[-2 if "Init" in ended else 0].partition(": ")[2]


def test_a_flag_that_was_not_taken_is_first_where_no_line_says_what_ended_the_run() -> None:
    for text, code in ((START + UNCONSUMED + RUN, None), (START + UNCONSUMED + RUN + TIMINGS, 1)):
        got = read(text, exit_code=code)
        assert (got["status"], got["causes"][0]) == ("invalid", "unconsumed_flags")
        assert got["message"] == "Unconsumed cmdline flags: --use_gpu=true"


def test_a_delegate_s_own_node_that_cannot_be_prepared() -> None:
    text = (
        f"{START}INFO: Use xnnpack: [1]\n{LOADED}INFO: XNNPACK delegate created.\n"
        "INFO: Explicitly applied XNNPACK delegate, and the model graph will be completely executed by the delegate.\n"
        "ERROR: failed to create XNNPACK runtime\nERROR: Node number 31 (TfLiteXNNPackDelegate) failed to prepare.\n"
        f"ERROR: Failed to allocate tensors!\n{FAILED}"
    )
    got = read(text, exit_code=1)
    assert named(got) == [("XNNPACK", "failed", None, None, None)]
    assert got["causes"] == ["prepare_failed", "delegate_not_applied", "allocate_failed"]
    assert got["message"] == "failed to create XNNPACK runtime"
    default = read(
        text.replace("INFO: Use xnnpack: [1]\n", "").replace("Explicitly applied", "Would have applied"), exit_code=1
    )
    assert (default["causes"], named(default)[0][1]) == (["prepare_failed", "allocate_failed"], "failed")


def test_flex_is_no_delegate_that_was_refused() -> None:
    text = (
        f"{START}{LOADED}INFO: Created TensorFlow Lite delegate for select TF ops.\n"
        "ERROR: Op type not registered 'Foo' in binary running on host.\n"
        f"ERROR: Node number 9 (TfLiteFlexDelegate) failed to prepare.\n{FAILED}"
    )
    assert read(text, exit_code=1)["causes"] == ["op_unsupported", "prepare_failed"]


RESHAPE = (
    "ERROR: third_party/tensorflow/lite/kernels/reshape.cc:92 num_input_elements != num_output_elements (1280 != 1001)\n"
    "ERROR: Node number 8 (RESHAPE) failed to prepare.\nERROR: Failed to allocate tensors!\n"
)


def test_a_delegate_that_was_created_and_had_no_time_to_be_applied() -> None:
    created = START + GPU + LOADED + "INFO: Created TensorFlow Lite delegate for GPU.\nINFO: GPU delegate created.\n"
    kernel = read(created + RESHAPE + FAILED, exit_code=1)
    assert named(kernel) == [("GPU", "failed", None, None, None)]
    assert kernel["causes"] == ["prepare_failed", "delegate_not_applied", "allocate_failed"]
    assert kernel["message"] == RESHAPE.partition("\n")[0].removeprefix("ERROR: ")
    crashed = read(created + "Segmentation fault\n", exit_code=139)
    assert (named(crashed), crashed["causes"]) == ([("GPU", None, None, None, None)], ["crashed"])
