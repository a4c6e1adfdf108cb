"""Messages and the cause that each stands for, one of each kind."""

from __future__ import annotations

import pytest

from harness.benchmark_model.failures import FailureEvidence, match_message, system_messages
from harness.records.causes import Cause


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("Could not open 'x.tflite'.", "model_unreadable"),
        ("Failed to load model x.tflite", "model_unreadable"),
        ("mmap of size 0 requested", "model_invalid"),
        ("The model is not a valid Flatbuffer buffer", "model_invalid"),
        ("Encountered unresolved custom op: X.", "op_unsupported"),
        ("Didn't find op for builtin opcode 'MUL' version '5'.", "op_unsupported"),
        ("Signature not specified or incorrect", "signature_missing"),
        ("Failed to parse flag 'x'", "bad_flags"),
        ("usage: ./benchmark_model <flags>", "bad_flags"),
        ("The Model contains 2 signature key(s).", "bad_flags"),
        ("Input tensor #0 should have 2 dimensions!", "bad_input"),
        ("The size of x is 100 bytes. It should be 200", "bad_input"),
        ("Node number 5 (CONV_2D) failed to prepare.", "prepare_failed"),
        ("Failed to allocate tensors!", "allocate_failed"),
        ("Node number 5 (CONV_2D) failed to invoke.", "invoke_failed"),
        ("Run failed", "invoke_failed"),
        ("Disallowed CPU fallback detected.", "delegate_partial"),
        ("Failed to apply GPU delegate.", "delegate_not_applied"),
        ("Restored original execution plan after delegate application failure.", "delegate_not_applied"),
        ("`--use_nnapi=true` must be set for the provided NNAPI accelerator", "delegate_not_applied"),
        ("The provided value (x) is not a valid nnapi execution preference.", "condition_not_met"),
        ("Can not open OpenCL library on this device", "delegate_unavailable"),
        ("std::bad_alloc", "out_of_memory"),
        ("Check failed: x", "crashed"),
        ("Warning: Dropping ProfileBuffer event.", "profile_dropped"),
    ],
)
def test_messages_of_the_tool_and_of_the_runtime(message: str, cause: str) -> None:
    assert match_message(message) == cause
    assert match_message(f"the driver says: {message}") is None


@pytest.mark.parametrize(
    "message", ["", "...", "Failed", "Failed to do something", "Run failed, maybe", "Could not open the door"]
)
def test_messages_that_stand_for_nothing(message: str) -> None:
    assert match_message(message) is None


def test_the_system_s_words_are_found_anywhere_in_the_text_once_for_each_kind() -> None:
    text = "Killed\nx\nSegmentation fault\n/system/bin/sh: ./x: not executable: 64-bit ELF file\nSegmentation fault (core dumped)\n  Killed"
    assert list(system_messages(text)) == [
        FailureEvidence(Cause.NOT_EXECUTABLE, "/system/bin/sh: ./x: not executable: 64-bit ELF file"),
        FailureEvidence(Cause.CRASHED, "Segmentation fault"),
        FailureEvidence(Cause.KILLED, "Killed"),
    ]


def test_a_needle_in_other_words_does_not_hide_the_next() -> None:
    assert list(system_messages("nobody Killed it\nKilled\n")) == [FailureEvidence(Cause.KILLED, "Killed")]
    assert list(system_messages("nobody Killed it\nnor it Killed")) == []
    assert list(system_messages("x: No space left on device\n")) == [
        FailureEvidence(Cause.STORAGE_FULL, "x: No space left on device")
    ]
    assert list(system_messages("")) == []
