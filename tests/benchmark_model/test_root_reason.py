"""The reason that the runtime gave is the message, under whichever of its tags, and on whichever stream it was printed."""

from __future__ import annotations

import pytest

from harness.benchmark_model import parse_output, to_json
from harness.benchmark_model.failures import thrown_exception
from harness.benchmark_model.foreign import read_foreign_log
from harness.records import DelegateRequest
from tests.benchmark_model.foreign.logs import read as read_log
from tests.benchmark_model.outputs import RUN, START, TIMINGS, named, read

STATIC = (
    "Attempting to use a delegate that only supports static-sized tensors with a graph that has dynamic-sized tensors "
    "(tensor#3 is a dynamic-sized tensor)."
)
BAD_DATA = "NN API returned error ANEURALNETWORKS_BAD_DATA at line 1068 while adding operation."
DEAD = "NN API returned error ANEURALNETWORKS_DEAD_OBJECT at line 5142 while running computation."
STUDIO = "2024-03-02 11:02:11.010 9001-9044/com.example.app "
THREADTIME = "03-02 11:02:11.010  9001  9044 "
CREATED = STUDIO + "I/tflite: Created TensorFlow Lite delegate for NNAPI.\n"
THROWN = (
    STUDIO + "E/AndroidRuntime: FATAL EXCEPTION: main\n    Process: com.example.app, PID: 9001\n"
    "    java.lang.IllegalArgumentException: Internal error: Failed to apply delegate.\n"
)
ENDED = "INFO: Initialized session in 2ms.\n" + RUN + TIMINGS


@pytest.mark.parametrize("before", [
    "E/TFLite-in-PlayServices: ", STUDIO + "E/tflite: ", STUDIO + "E/TFLite-in-PlayServices: ", THREADTIME + "E TFLite-in-PlayServices: ",
    THREADTIME + "E tflite  : ",
])  # fmt: skip
@pytest.mark.parametrize("reason", [STATIC, BAD_DATA])
def test_a_line_of_the_runtime_alone(before: str, reason: str) -> None:
    got = read_log(f"{before}{reason}\n")
    assert (got["status"], got["causes"], got["message"]) == (
        "failed",
        ["delegate_not_applied", "truncated_output"],
        reason,
    )


def test_an_app_that_its_delegate_s_error_ended() -> None:
    got = read_log(CREATED + STUDIO + f"E/TFLite-in-PlayServices: {STATIC}\n" + THROWN)
    assert (got["causes"], got["message"]) == (["delegate_not_applied"], STATIC)
    assert named(got) == [("NNAPI", "failed", None, None, None)]
    got = read_log(CREATED + STUDIO + f"E/tflite: {BAD_DATA}\n" + THROWN.partition("\n")[0] + "\n")
    assert (got["causes"], got["message"]) == (["delegate_not_applied", "crashed"], BAD_DATA)
    assert named(got) == [("NNAPI", "failed", None, None, None)]


def test_an_error_while_running_is_no_refusal() -> None:
    got = read_log(CREATED + STUDIO + f"E/tflite: {DEAD}\n" + THROWN.partition("\n")[0] + "\n")
    assert (got["causes"], got["message"]) == (["invoke_failed", "crashed"], DEAD)
    assert named(got) == [("NNAPI", None, None, None, None)]


def test_a_reason_that_no_list_has() -> None:
    exception = THROWN.replace("Failed to apply delegate.", "the interpreter is closed")
    got = read_log(CREATED + STUDIO + "E/tflite: The vendor's driver is asleep.\n" + exception)
    assert (got["causes"], got["message"]) == (["crashed"], "The vendor's driver is asleep.")
    alone = read_log(CREATED + exception)["message"]
    assert alone == "java.lang.IllegalArgumentException: Internal error: the interpreter is closed"
    cause = "    Caused by: java.lang.IllegalStateException: no such file\n"
    assert read_log(CREATED + exception + cause)["message"] == cause.strip()
    cut = read_log(CREATED + STUDIO + "E/tflite: The vendor's driver is asleep.\n")
    assert (cut["causes"], cut["message"].partition("; ")[2]) == (
        ["truncated_output"], "the first error is: The vendor's driver is asleep.",
    )  # fmt: skip


def test_an_exception_from_before_the_end_is_not_what_ended_the_app() -> None:
    earlier = STUDIO + "W/Glide: java.io.FileNotFoundException: a picture that was not there\n"
    fatal = STUDIO + "E/AndroidRuntime: FATAL EXCEPTION: main\n"
    last = "java.lang.IllegalStateException: closed"
    assert thrown_exception(f"{earlier}{fatal}    {last}\n") == last
    assert (
        thrown_exception(f"{earlier}{fatal}    java.lang.RuntimeException: x\nCaused by: {last}\n")
        == f"Caused by: {last}"
    )
    assert thrown_exception(earlier + fatal) == fatal.strip(), "nothing says why: its own line"
    assert thrown_exception(earlier) is None
    assert len(thrown_exception(fatal.strip() + "x" * 5000) or "") == 2000, "a message, not a book"


def test_another_app_s_exception_is_no_crash_of_the_tool() -> None:
    got = read_log(THREADTIME + "E AndroidRuntime: FATAL EXCEPTION: main\n" + START + RUN + TIMINGS)
    assert (got["status"], got["causes"]) == ("ok", [])


def test_the_reason_of_a_delegate_that_took_nothing() -> None:
    though = (
        "INFO: Though NNAPI delegate is explicitly applied, the model graph will not be executed by the delegate.\n"
    )
    got = read(f"{START}INFO: Use NNAPI: [1]\nINFO: NNAPI delegate created.\nERROR: {STATIC}\n{though}{ENDED}")
    assert (got["status"], got["causes"], got["message"]) == ("invalid", ["delegate_not_applied"], STATIC)


def test_the_default_xnnpack_may_not_fit_and_the_run_is_as_asked() -> None:
    text = f"{START}INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nWARNING: {STATIC}\n{ENDED}"
    assert read(text)["status"] == "ok"
    got = read(text, requested=DelegateRequest(name="xnnpack"))
    assert (got["status"], got["causes"], got["message"]) == ("invalid", ["delegate_not_applied"], STATIC)


@pytest.mark.parametrize(
    "error",
    [
        'Could not load delegate library /data/local/tmp/libfoo.so: dlopen failed: library "libcdsprpc.so" not found',
        "Unable to load external delegate from : /data/local/tmp/libfoo.so (dlopen failed: it is for 32 bits)",
        "Failed to open the delegate library /data/local/tmp/libfoo.so",
        "dlopen failed: cannot locate symbol in /data/local/tmp/libfoo.so",
    ],
)
def test_the_loader_s_own_error(error: str) -> None:
    asked = "INFO: External delegate path: [/data/local/tmp/libfoo.so]\n"
    got = read(f"{START}{asked}ERROR: {error}\nINFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n{ENDED}")
    assert (got["status"], got["causes"]) == ("invalid", ["delegate_unavailable", "delegate_not_applied"])
    assert got["message"] == error
    other = read(f"{START}{asked}ERROR: the chip is not licensed\n{ENDED}")
    assert other["causes"] == ["delegate_not_applied"]
    assert "/data/local/tmp/libfoo.so" in other["message"]
    assert "the chip is not licensed" in other["message"]


def test_a_loader_that_does_not_name_the_library() -> None:
    got = read(f"{START}INFO: External delegate path: [/d/libfoo.so]\nERROR: dlopen failed: it is for 32 bits\n{ENDED}")
    assert got["message"] == "dlopen failed: it is for 32 bits; its library is /d/libfoo.so"


OUT = (
    "INFO: Use gpu: [1]\nINFO: Loaded model m.tflite\nINFO: GPU delegate created.\nINFO: Created 0 GPU delegate kernels.\n"
    "INFO: Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.\n"
)
ERR = (
    "VERBOSE: Replacing 60 out of 65 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 3 partitions for subgraph 0.\n"
    "ERROR: TfLiteGpuDelegate Init: MUL: Dimension mismatch\nERROR: TfLiteGpuDelegate Prepare: delegate is not initialized\n"
    "ERROR: Node number 65 (TfLiteGpuDelegateV2) failed to prepare.\n"
    "ERROR: Restored original execution plan after delegate application failure.\n"
)
HEXAGON_OUT = (
    "INFO: Use Hexagon: [1]\nINFO: Hexagon delegate created.\nINFO: Hexagon Delegate is not supported.\n"
    "INFO: Could not create Hexagon delegate: platform may not support delegate or required libraries are missing\n"
)
HEXAGON_ERR = "WARN: Failed to fetch Hexagon NN version. This might be because the libraries do not fit.\n"


@pytest.mark.parametrize(
    ("out", "err", "message", "use"),
    [
        (OUT, ERR, "TfLiteGpuDelegate Init: MUL: Dimension mismatch", ("GPU", "failed", 0, 65, 0)),
        (HEXAGON_OUT, HEXAGON_ERR, HEXAGON_ERR[6:-1], ("HEXAGON", "failed", None, None, None)),
    ],
)
def test_the_answer_does_not_depend_on_how_the_streams_were_recorded(
    out: str, err: str, message: str, use: tuple[str | int | None, ...]
) -> None:
    begin = "INFO: STARTING!\n"
    apart = to_json(parse_output(begin + out + ENDED, stderr=err))
    assert to_json(read_foreign_log(begin + out + ENDED, stderr=err).parsed) == apart
    lines = out.splitlines(keepends=True)
    for merged in (
        begin + out + ENDED + err,
        begin + err + out + ENDED,
        begin + "".join(lines[:3]) + err + "".join(lines[3:]) + ENDED,
    ):
        got = read(merged)
        assert (got["status"], got["causes"], got["message"]) == (apart["status"], apart["causes"], message)
        assert named(got) == named(apart) == [use]
