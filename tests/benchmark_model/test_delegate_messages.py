"""Which delegates ran, and how much of the graph they took: one message at a time, and two that disagree."""

from __future__ import annotations

from typing import Any

import pytest

from harness.benchmark_model.delegates import (
    DelegateBook,
    asked_for,
    requested_by_flag,
    tells_of_delegates,
    tool_name,
)
from harness.records import DelegateRequest, DelegateUse, OpTiming


def book(*messages: str) -> DelegateBook:
    made = DelegateBook()
    for message in messages:
        made.feed(message)
    return made


def told(*messages: str) -> list[tuple[Any, ...]]:
    """Name, applied, nodes delegated, nodes in all, partitions, kernels of each delegate."""
    return [
        (use.name, use.applied, use.nodes_delegated, use.nodes_total, use.partitions, use.delegate_kernels)
        for use in book(*messages).result()
    ]


def replacing(nodes: str, delegate: str, partitions: int, subgraph: str = "") -> str:
    return f"Replacing {nodes} node(s) with delegate ({delegate}) node, yielding {partitions} partitions{subgraph}."


@pytest.mark.parametrize(
    ("name", "tool_s"),
    [
        ("TfLiteGpuDelegateV2", "GPU"), ("gpu", "GPU"), (" GPU ", "GPU"), ("LITERT_CL", "GPU"), ("Core ML", "COREML"),
        ("TensorFlow Lite", "XNNPACK"), ("TfLiteXNNPackDelegate", "XNNPACK"), ("DispatchDelegate", "NPU"),
        ("TfLiteArmnnDelegate", "ARMNN"), ("Vx delegate", "VX"), ("Ethosu-delegatev2", "ETHOSU"),
        ("TfLiteHexagonDelegate", "HEXAGON"), ("tflite", "TFLITE"),
    ],
)  # fmt: skip
def test_one_name_for_one_delegate(name: str, tool_s: str) -> None:
    assert tool_name(name) == tool_s


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("--use_gpu=true", "GPU"), ("use_gpu=1", "GPU"), ("--use_gpu=True", "GPU"), ("--use_npu=true", "NPU"),
        ("--use_gpu=false", None), ("--use_gpu=", None), ("--use_gpu", None), ("--num_threads=1", None),
        ("--external_delegate_path=a.so", "EXTERNAL"), ("--external_delegate_path=", None),
        ("--stable_delegate_settings_file=a.json", "STABLE_DELEGATE"), ("--stable_delegate_settings_file=", None),
    ],
)  # fmt: skip
def test_what_a_flag_asks_for(flag: str, name: str | None) -> None:
    assert requested_by_flag(flag) == name


@pytest.mark.parametrize(
    ("message", "use"),
    [
        ("Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.",
         ("GPU", "full", None, None, None, None)),
        ("Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate w/ 2 delegate kernels.",
         ("GPU", "partial", None, None, None, 2)),
        ("Applied NNAPI delegate.", ("NNAPI", None, None, None, None, None)),
        ("Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.",
         ("GPU", "none", None, None, None, None)),
        (replacing("4 out of 9", "TfLiteGpuDelegateV2", 3), ("GPU", "partial", 4, 9, 3, None)),
        (replacing("9 out of 9", "TfLiteGpuDelegateV2", 1), ("GPU", "full", 9, 9, 1, None)),
        (replacing("0 out of 9", "TfLiteGpuDelegateV2", 1), ("GPU", "none", 0, 9, 1, None)),
        (replacing("1", "TfLiteGpuDelegateV2", 1), ("GPU", "full", 1, None, 1, None)),
        # A second partition is a part that stayed on the CPU.
        (replacing("30", "TfLiteGpuDelegateV2", 2), ("GPU", "partial", 30, None, 2, None)),
        (replacing("0", "TfLiteGpuDelegateV2", 1), ("GPU", "none", 0, None, 1, None)),
        ("Failed to apply the default TensorFlow Lite delegate", ("XNNPACK", "failed", None, None, None, None)),
        ("Created TensorFlow Lite XNNPACK delegate for CPU.", ("XNNPACK", "implicit", None, None, None, None)),
        ("17 operations will run on the GPU, and the remaining 30 operations will run on the CPU.",
         ("GPU", "partial", 17, 47, None, None)),
        ("First 17 operations will run on the GPU, and the remaining 0 on the CPU.", ("GPU", "full", 17, 17, None, None)),
        ("No operations will run on the GPU, and all 9 operations will run on the CPU.", ("GPU", "none", 0, 9, None, None)),
        ("Node number 125 (TfLiteHexagonDelegate) failed to prepare.", ("HEXAGON", "failed", None, None, None, None)),
        ("Node number 125 (TfLiteHexagonDelegate) failed to invoke.", ("HEXAGON", None, None, None, None, None)),
        ("Number of subgraphs:2 , 30 nodes delegated out of 33 nodes", ("TIDL", "partial", 30, 33, 2, None)),
        ("EthosuDelegate: 64 nodes delegated out of 66 nodes with 1 partitions.", ("ETHOSU", "partial", 64, 66, 1, None)),
        ("[x] CoreML delegate: 77 nodes delegated out of 77 nodes, with 1 partitions.", ("COREML", "full", 77, 77, 1, None)),
        ("Hexagon delegate: 0 nodes delegated out of 62 nodes.", ("HEXAGON", "none", 0, 62, None, None)),
        ("Could not create Hexagon delegate: platform may not support delegate", ("HEXAGON", "failed", None, None, None, None)),
    ],
)  # fmt: skip
def test_one_message(message: str, use: tuple[Any, ...]) -> None:
    assert told(message) == [use]


@pytest.mark.parametrize(
    "message",
    ["", "GPU delegate created.", "Created TensorFlow Lite delegate for GPU.", "Node number 2 (CONV_2D) failed to invoke.",
     "NN API returned error ANEURALNETWORKS_BAD_DATA", "hexagon_nn_config failed.", "Replacing nothing"],
)  # fmt: skip
def test_messages_that_say_nothing_of_the_graph(message: str) -> None:
    assert told(message) == []


@pytest.mark.parametrize(
    ("message", "told_of"),
    [
        ("Applied NNAPI delegate.", True),
        ("GPU delegate created.", True),
        ("Created TensorFlow Lite delegate for GPU.", True),
        ("No operations will run on the GPU, and all 9 operations will run on the CPU.", True),
        ("Failed to apply GPU delegate.", False),  # a failure, too: whoever collects those must see it
        ("Node number 125 (TfLiteHexagonDelegate) failed to prepare.", False),
        ("Could not create GPU delegate: x", False),
        ("NN API returned error X", False),
        ("something else", False),
    ],
)
def test_whether_a_message_is_used_up(message: str, told_of: bool) -> None:
    assert DelegateBook().feed(message) is told_of


GPU_4_OF_9 = replacing("4 out of 9", "TfLiteGpuDelegateV2", 3)
APPLIED = "Explicitly applied GPU delegate, and the model graph will be {} executed by the delegate."


@pytest.mark.parametrize(
    ("messages", "use"),
    [
        # The tool's word stands over the runtime's, and the runtime's over a trace; counts are kept.
        ((GPU_4_OF_9, APPLIED.format("completely")), ("GPU", "full", 4, 9, 3, None)),
        ((APPLIED.format("completely"), GPU_4_OF_9), ("GPU", "full", 4, 9, 3, None)),
        ((APPLIED.format("completely"), "Failed to apply GPU delegate."), ("GPU", "failed", None, None, None, None)),
        (("Failed to apply GPU delegate.", APPLIED.format("completely")), ("GPU", "failed", None, None, None, None)),
        # What has been undone took nothing.
        ((GPU_4_OF_9, "Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate."),
         ("GPU", "none", 0, 9, 0, None)),
        # The primary graph's word stands over a subgraph's; a later one of the primary graph replaces it.
        ((GPU_4_OF_9, replacing("1 out of 1", "TfLiteGpuDelegateV2", 1, " for subgraph 1")), ("GPU", "partial", 4, 9, 3, None)),
        ((replacing("1 out of 1", "TfLiteGpuDelegateV2", 1, " for subgraph 1"),), ("GPU", "full", 1, 1, 1, None)),
        ((GPU_4_OF_9, replacing("5 out of 9", "TfLiteGpuDelegateV2", 2, " for subgraph 0")), ("GPU", "partial", 5, 9, 2, None)),
        # A delegate that told its own counts is not corrected by the runtime.
        (("Hexagon delegate: 5 nodes delegated out of 9 nodes with 2 partitions.", replacing("5", "TfLiteHexagonDelegate", 1)),
         ("HEXAGON", "partial", 5, 9, 2, None)),
        (("Created TensorFlow Lite XNNPACK delegate for CPU.", replacing("9 out of 9", "TfLiteXNNPackDelegate", 1)),
         ("XNNPACK", "full", 9, 9, 1, None)),
        ((replacing("9 out of 9", "TfLiteXNNPackDelegate", 1), "Created TensorFlow Lite XNNPACK delegate for CPU."),
         ("XNNPACK", "full", 9, 9, 1, None)),
    ],
)  # fmt: skip
def test_two_messages(messages: tuple[str, ...], use: tuple[Any, ...]) -> None:
    assert told(*messages) == [use]


def test_xnnpack_that_was_asked_for_is_not_implicit() -> None:
    made = book("Created TensorFlow Lite XNNPACK delegate for CPU.")
    assert made.result() == (DelegateUse(name="XNNPACK", applied="implicit"),)
    made.echo("Use xnnpack", "1")
    assert made.result() == (DelegateUse(name="XNNPACK", applied=None),)


@pytest.mark.parametrize(
    ("label", "value", "asked"),
    [
        ("Use gpu", "1", ["GPU"]), ("Use gpu ", "1", ["GPU"]), ("Use NNAPI", "1", ["NNAPI"]), ("Use gpu", "0", []),
        ("External delegate path", "a.so", ["EXTERNAL"]), ("External delegate path", "", []),
        ("Delegate settings file path", "a.json", ["STABLE_DELEGATE"]), ("Delegate settings file path", "", []),
        ("Num threads", "1", []), ("Require full delegation", "1", []),
    ],
)  # fmt: skip
def test_echoed_parameters(label: str, value: str, asked: list[str]) -> None:
    made = DelegateBook()
    made.echo(label, value)
    made.echo(label, value)
    assert (made.echoed, made.full_asked) == (asked, label.startswith("Require"))


def test_full_delegation_that_is_not_required() -> None:
    made = DelegateBook()
    made.echo("Require full delegation", "0")
    assert not made.full_asked


def row(node_type: str) -> OpTiming:
    return OpTiming(index=0, node_type=node_type, name="", first_us=1, avg_us=1)


def test_delegates_that_only_the_profile_shows() -> None:
    made = DelegateBook()
    made.rows([row("CONV_2D"), row("TfLiteXNNPackDelegate"), row("TfLiteGpuDelegateV2"), row("Vx Delegate")])
    assert made.result() == (
        DelegateUse(name="XNNPACK", applied="implicit"),
        DelegateUse(name="GPU", applied=None),
        DelegateUse(name="VX", applied=None),
    )


def test_a_row_adds_nothing_to_what_a_message_says_and_is_the_external_delegate_s() -> None:
    made = book(APPLIED.format("completely").replace("GPU", "EXTERNAL"))
    made.rows([row("Vx Delegate"), row("TfLiteXNNPackDelegate")])
    assert [(use.name, use.applied) for use in made.result()] == [("EXTERNAL", "full"), ("XNNPACK", "implicit")]


def test_the_runtime_info_stands_over_messages() -> None:
    made = book(APPLIED.format("completely"))
    made.observed("GPU", nodes=4, total=9, kernels=2)
    assert made.result() == (
        DelegateUse(name="GPU", applied="partial", nodes_delegated=4, nodes_total=9, delegate_kernels=2),
    )


@pytest.mark.parametrize(
    ("messages", "request_", "asked"),
    [
        ((), None, ["NNAPI"]),
        ((), DelegateRequest(name="cpu"), []),
        ((), DelegateRequest(name="gpu"), ["GPU"]),
        ((), DelegateRequest(name="gpu-fp16"), ["GPU"]),
        ((), DelegateRequest(name="vx"), ["VX"]),
        ((APPLIED.format("completely").replace("GPU", "EXTERNAL"),), DelegateRequest(name="vx"), ["EXTERNAL"]),
        ((APPLIED.format("completely").replace("GPU", "NNAPI"),), DelegateRequest(name="vx"), ["NNAPI"]),
        (("EthosuDelegate: 64 nodes delegated out of 66 nodes.",), DelegateRequest(name="ethosu"), ["ETHOSU"]),
    ],
)
def test_which_delegates_had_to_be_applied(
    messages: tuple[str, ...], request_: DelegateRequest | None, asked: list[str]
) -> None:
    made = book(*messages)
    made.ask("NNAPI")
    assert asked_for(made, request_) == asked


@pytest.mark.parametrize(
    ("seen", "name", "tells"),
    [
        ("XNNPACK", "GPU", True),
        ("GPU", "GPU", False),
        ("VX", "GPU", False),
        ("XNNPACK", "EXTERNAL", True),
        ("XNNPACK", "VX", False),
    ],
)
def test_an_excerpt_that_tells_of_delegates(seen: str, name: str, tells: bool) -> None:
    made = book(APPLIED.format("completely").replace("GPU", seen))
    assert tells_of_delegates(made, name) is tells


def test_a_vendor_s_delegate_may_be_the_external_one() -> None:
    made = book(APPLIED.format("completely").replace("GPU", "XNNPACK"), "Applied VX delegate.")
    assert not tells_of_delegates(made, "EXTERNAL")
