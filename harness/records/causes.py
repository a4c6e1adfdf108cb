"""The closed list of causes, as the contract has it."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Reason why a result is not `ok`. The list is closed: scripts switch on these words."""

    MODEL_UNREADABLE = "model_unreadable"
    MODEL_INVALID = "model_invalid"
    OP_UNSUPPORTED = "op_unsupported"
    SIGNATURE_MISSING = "signature_missing"
    BAD_FLAGS = "bad_flags"
    BAD_INPUT = "bad_input"
    DELEGATE_UNAVAILABLE = "delegate_unavailable"
    DELEGATE_NOT_APPLIED = "delegate_not_applied"
    DELEGATE_PARTIAL = "delegate_partial"
    PREPARE_FAILED = "prepare_failed"
    ALLOCATE_FAILED = "allocate_failed"
    INVOKE_FAILED = "invoke_failed"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    KILLED = "killed"
    TIMEOUT = "timeout"
    TRUNCATED_OUTPUT = "truncated_output"
    PROFILE_DROPPED = "profile_dropped"
    NOT_EXECUTABLE = "not_executable"
    DEVICE_LOST = "device_lost"
    DEVICE_HUNG = "device_hung"
    DEVICE_REBOOTED = "device_rebooted"
    DEVICE_UNAUTHORIZED = "device_unauthorized"
    STORAGE_FULL = "storage_full"
    PUSH_FAILED = "push_failed"
    ADB_SERVER_LOST = "adb_server_lost"
    THROTTLED = "throttled"
    TOO_HOT = "too_hot"
    BATTERY_LOW = "battery_low"
    AFFINITY_NOT_HONOURED = "affinity_not_honoured"
    CONDITION_NOT_MET = "condition_not_met"
    UNCONSUMED_FLAGS = "unconsumed_flags"
    OUTPUT_DIFFERS = "output_differs"
    UNKNOWN = "unknown"
