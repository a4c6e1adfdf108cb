"""Delegates that say themselves that they run on the CPU. The messages are those of the sources named in `on_cpu`."""

from __future__ import annotations

import pytest

from harness.benchmark_model.on_cpu import CpuWords
from harness.records import DelegateRequest
from tests.benchmark_model.outputs import RUN, START, TIMINGS, read

LOADED = "Loaded model m.tflite\n"
INITIALIZED = "Initialized session in 2ms.\n"

ADDED, UNKNOWN = "TfLiteArmnnDelegate: Added backend ", "TfLiteArmnnDelegate: Requested unknown backend "
ALL = "Explicitly applied {} delegate, and the model graph will be completely executed by the delegate.\n"
EXTERNAL = "External delegate path: [/data/local/tmp/libarmnnDelegate.so]\nExternal delegate options: [{}]\n"


def found(options: str, *messages: str) -> dict[str, str]:
    words = CpuWords()
    for message in messages:
        words.feed(message)
    return words.found(options)


@pytest.mark.parametrize(
    ("options", "messages", "line"),
    [
        ("backends:GpuAcc,CpuAcc", [f"{UNKNOWN}GpuAcc", f"{ADDED}CpuAcc"], f"{UNKNOWN}GpuAcc"),
        ("backends:GpuAcc,CpuAcc", [f"{UNKNOWN}GpuAcc"], f"{UNKNOWN}GpuAcc"),  # before 23.11
        ("backends:GpuAcc,EthosNAcc", [f"{UNKNOWN}GpuAcc", f"{UNKNOWN}EthosNAcc"], f"{UNKNOWN}GpuAcc"),  # the first
        ("backends:EthosNAcc", [f"{UNKNOWN}EthosNAcc", f"{ADDED}CpuRef"], f"{UNKNOWN}EthosNAcc"),
        ("", [f"{ADDED}CpuRef"], f"{ADDED}CpuRef"),  # its own choice where nothing is asked for
        ("logging-severity:info", [f"{ADDED}CpuRef"], f"{ADDED}CpuRef"),
        ("backends:CpuAcc", [f"{ADDED}CpuAcc"], None),  # as it was told
        ("backends:CpuAcc,CpuRef", [f"{UNKNOWN}CpuAcc", f"{ADDED}CpuRef"], None),
        ("backends:GpuAcc,CpuAcc", [f"{ADDED}GpuAcc", f"{ADDED}CpuAcc"], None),
        ("backends:EthosNAcc,GpuAcc,CpuAcc", [f"{UNKNOWN}EthosNAcc", f"{ADDED}GpuAcc"], None),
        ("backends:EthosNAcc,GpuAcc", [f"{UNKNOWN}EthosNAcc"], None),  # GpuAcc may be there
        ("backends:GpuAcc", [f"{ADDED}GpuAcc and more"], None),
    ],
)
def test_arm_nn_names_its_backends(options: str, messages: list[str], line: str | None) -> None:
    assert found(options, *messages) == ({} if line is None else {"EXTERNAL": line, "ARMNN": line})


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Selected adapter: SwiftShader Device (Subzero), arch=, backend=Vulkan, adapterType=CPU / Software", "GPU"),
        ("Selected adapter: llvmpipe (LLVM 19.1.1, 256 bits), arch=, vendor=mesa, adapterType=CPU", "GPU"),
        ("Selected adapter: Mali-G715, arch=valhall, vendor=arm, adapterType=Integrated GPU", None),
        ("Using Intel OpenVINO device: CPU", "NPU"),
        ("Using Intel OpenVINO device: NPU", None),
    ],
)
def test_litert_names_its_devices(message: str, name: str | None) -> None:
    assert found("", message) == ({} if name is None else {name: message})


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("NPU accelerator could not be loaded and registered: kLiteRtStatusErrorInvalidArgument.", ["NPU"]),
        ("GPU accelerator could not be loaded and registered.", ["GPU"]),
        ("NPU accelerator registered.", []),
        ("XNNPACK CPU accelerator could not be loaded and registered: x.", []),
    ],
)
def test_litert_says_what_it_could_not_load(message: str, names: list[str]) -> None:
    words = CpuWords()
    words.feed(message)
    assert (list(words.not_loaded), words.found("")) == (names, {})


def test_the_nodes_that_it_took_do_not_count() -> None:
    asked = EXTERNAL.format("backends:GpuAcc,CpuAcc")
    told = f"INFO: {UNKNOWN}GpuAcc\nINFO: {ADDED}CpuAcc\n"
    text = f"{START}{asked}{told}{LOADED}{ALL.format('EXTERNAL')}{INITIALIZED}{RUN}{TIMINGS}"
    got = read(text, exit_code=0)
    assert (got["status"], got["causes"]) == ("invalid", ["delegate_not_applied"])
    assert got["message"] == f"EXTERNAL ran on the CPU: {UNKNOWN}GpuAcc"
    assert got["runs"]["count"] > 0, "the numbers stay, they are the CPU's"
    anyhow = DelegateRequest(name="external", options={"path": "/x.so"}, require="any")
    assert read(text, exit_code=0, requested=anyhow)["status"] == "ok"
    working = text.replace("Requested unknown", "Added")
    assert read(working, exit_code=0)["status"] == "ok"


def test_the_options_of_a_suite_count_where_the_output_does_not_echo_them() -> None:
    text = f"{START}INFO: {ADDED}CpuRef\n{LOADED}{ALL.format('EXTERNAL')}{INITIALIZED}{RUN}{TIMINGS}"
    told = DelegateRequest(name="external", options={"path": "/x.so", "options": "backends:CpuRef"})
    assert read(text, exit_code=0, requested=told)["status"] == "ok"
    silent = DelegateRequest(name="external", options={"path": "/x.so"})
    assert read(text, exit_code=0, requested=silent)["causes"] == ["delegate_not_applied"]


def test_an_npu_on_the_cpu() -> None:
    line = "Using Intel OpenVINO device: CPU"
    replaced = (
        "Replacing 12 out of 12 node(s) with delegate (DispatchDelegate) node, yielding 1 partitions for subgraph 0.\n"
    )
    place = "INFO: [litert/vendors/intel_openvino/dispatch/invocation_context.cc:288] "
    text = f"{START}{LOADED}{place}{line}\nINFO: {replaced}{INITIALIZED}{RUN}{TIMINGS}"
    npu = DelegateRequest(name="npu")
    got = read(text, exit_code=0, requested=npu)
    assert (got["causes"], got["message"]) == (["delegate_not_applied"], f"NPU ran on the CPU: {line}")
    assert read(text.replace("device: CPU", "device: NPU"), exit_code=0, requested=npu)["status"] == "ok"


def test_what_could_not_be_loaded_counts_only_where_it_was_asked_for() -> None:
    line = "NPU accelerator could not be loaded and registered: kLiteRtStatusErrorNotFound."
    text = f"{START}WARNING: [npu_registry.cc:33] {line}\n{LOADED}{INITIALIZED}{RUN}{TIMINGS}"
    assert read(text, exit_code=0)["status"] == "ok"
    got = read(text, exit_code=0, requested=DelegateRequest(name="npu"))
    assert (got["causes"], got["message"]) == (["delegate_not_applied"], f"NPU ran on the CPU: {line}")
    counts = "INFO: DispatchDelegate delegate: 1 nodes delegated out of 1 nodes with 1 partitions.\n"
    took = read(text.replace(INITIALIZED, counts + INITIALIZED), exit_code=0, requested=DelegateRequest(name="npu"))
    assert took["status"] == "ok", "what it took says more than another library that is not there"


def test_a_model_that_cannot_be_read_is_not_the_accelerators_fault() -> None:
    line = "NPU accelerator could not be loaded and registered: kLiteRtStatusErrorNotFound."
    text = f"{START}WARNING: [npu_registry.cc:33] {line}\nERROR: Could not open '/m'.\nERROR: Benchmarking failed.\n"
    assert read(text, exit_code=1, requested=DelegateRequest(name="npu"))["causes"] == ["model_unreadable"]
