"""Status and causes from facts alone: each fact changed by itself against an output that is good."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.benchmark_model.failures import FailureEvidence
from harness.benchmark_model.status import OutputStatus, StatusFacts, decide_status
from harness.records import DelegateUse, Status
from harness.records.causes import Cause

GOOD = StatusFacts(
    evidence=(),
    system=(),
    exit_code=0,
    complete=True,
    recognized=True,
    empty=False,
    failing_line=False,
    fatal=None,
    first_error=None,
    unconsumed=(),
    asked=(),
    full_asked=False,
    any_allowed=False,
    external_path=None,
    initialized=True,
    traceless=True,
    no_number=None,
    cpu_asked=False,
    delegates=(),
    asked_by_unconsumed=(),
    on_cpu={},
    not_loaded={},
    delegate_lines={},
    delegate_errors={},
)


def decided(**facts: Any) -> tuple[str, list[str], str | None]:
    got = decide_status(replace(GOOD, **facts))
    return got.status.value, [cause.value for cause in got.causes], got.message


def evidence(*causes: str) -> tuple[FailureEvidence, ...]:
    return tuple(FailureEvidence(Cause(cause), f"line of {cause}") for cause in causes)


def use(name: str, applied: Any, nodes: int | None = None, total: int | None = None) -> DelegateUse:
    return DelegateUse(name=name, applied=applied, nodes_delegated=nodes, nodes_total=total)


def test_nothing_is_wrong() -> None:
    assert decide_status(GOOD) == OutputStatus(status=Status.OK, causes=(), message=None)
    assert decide_status(replace(GOOD, exit_code=None)).status is Status.OK


@pytest.mark.parametrize(
    ("code", "cause", "message"),
    [
        (1, "unknown", "exit code 1, and no message that says why"),
        (2, "unknown", "exit code 2, and no message that says why"),
        (128, "unknown", "exit code 128, and no message that says why"),
        (160, "unknown", "exit code 160, and no message that says why"),
        (255, "unknown", "exit code 255, and no message that says why"),
        (124, "timeout", "the time limit ended the process"),
        (142, "timeout", "the time limit ended the process"),
        (126, "not_executable", "the shell could not start the program (exit code 126)"),
        (127, "not_executable", "the shell could not start the program (exit code 127)"),
        *((128 + signal, "killed", f"the process was ended by signal {signal}") for signal in (1, 2, 9, 13, 15)),
        *((128 + signal, "crashed", f"the process crashed with signal {signal}") for signal in (4, 5, 6, 7, 8, 11, 31)),
        *((-signal, "killed", f"the process was ended by signal {signal}") for signal in (1, 9, 15)),
        *((-signal, "crashed", f"the process crashed with signal {signal}") for signal in (6, 11)),
        (131, "unknown", "exit code 131, and no message that says why"),
        (-3, "unknown", "exit code -3, and no message that says why"),
    ],
)
def test_exit_codes(code: int, cause: str, message: str) -> None:
    assert decided(exit_code=code) == ("failed", [cause], message)


def test_an_abort_after_a_message_is_that_message_s_and_a_crash_is_not() -> None:
    bad_input = evidence("bad_input")
    assert decided(exit_code=134, evidence=bad_input) == ("failed", ["bad_input"], "line of bad_input")
    assert decided(exit_code=139, evidence=bad_input) == ("failed", ["bad_input", "crashed"], "line of bad_input")
    assert decided(exit_code=1, evidence=bad_input) == ("failed", ["bad_input"], "line of bad_input")
    assert decided(exit_code=139, fatal="it broke") == ("failed", ["crashed"], "it broke")
    assert decided(fatal="it broke") == ("failed", ["crashed"], "it broke")
    assert decided(fatal="it broke", evidence=bad_input) == ("failed", ["bad_input"], "line of bad_input")


def test_the_first_error_explains_what_nothing_else_does() -> None:
    assert decided(exit_code=1, first_error="it broke") == ("failed", ["unknown"], "it broke")
    assert decided(failing_line=True, first_error="it broke") == ("failed", ["unknown"], "it broke")
    assert decided(failing_line=True) == ("failed", ["unknown"], "Benchmarking failed.")
    assert decided(exit_code=1, first_error="x", evidence=evidence("bad_flags"))[1] == ["bad_flags"]


@pytest.mark.parametrize(
    ("facts", "cause", "message"),
    [
        ({"empty": True}, "truncated_output", "the output is empty"),
        ({"recognized": False}, "unknown", "no line of the output is benchmark_model's"),
        ({}, "truncated_output", "the output stops before its end: before the timings, or within the profile"),
    ],
)
def test_an_output_without_an_end(facts: dict[str, bool], cause: str, message: str) -> None:
    for code in (0, None):
        assert decided(complete=False, exit_code=code, **facts) == ("failed", [cause], message)
    assert decided(complete=False, exit_code=137, **facts)[1] == ["killed"]
    assert decided(complete=False, evidence=evidence("bad_flags"), **facts)[1] == ["bad_flags"]


def test_what_the_system_says_counts_unless_the_tool_ended_well() -> None:
    system = evidence("crashed")
    assert decided(system=system)[:2] == ("ok", [])
    assert decided(system=system, exit_code=None)[:2] == ("failed", ["crashed"])
    assert decided(system=system, complete=False)[:2] == ("failed", ["crashed"])
    assert decided(system=system, exit_code=1)[:2] == ("failed", ["crashed"])
    assert decided(system=system, exit_code=-1)[:2] == ("failed", ["crashed", "killed"])


def test_failed_to_load_says_less_than_why() -> None:
    load = FailureEvidence(Cause.MODEL_UNREADABLE, "Failed to load model x")
    assert decided(evidence=(load,))[1] == ["model_unreadable"]
    assert decided(evidence=(load, *evidence("model_invalid")))[1] == ["model_invalid"]
    assert decided(evidence=(*evidence("model_unreadable"), *evidence("model_invalid")))[1] == [
        "model_invalid",
        "model_unreadable",
    ]


def test_the_most_specific_cause_comes_first_with_its_first_line() -> None:
    lines = (
        *evidence("allocate_failed", "prepare_failed", "op_unsupported"),
        FailureEvidence(Cause.OP_UNSUPPORTED, "second"),
    )
    assert decided(evidence=lines, exit_code=1) == (
        "failed",
        ["op_unsupported", "prepare_failed", "allocate_failed"],
        "line of op_unsupported",
    )


def test_an_average_that_is_no_number() -> None:
    assert decided(no_number="nan") == ("failed", ["unknown"], "the average of the runs is printed as nan")


def test_flags_that_the_tool_did_not_take() -> None:
    assert decided(unconsumed=("--a", "--b")) == ("invalid", ["unconsumed_flags"], "Unconsumed cmdline flags: --a --b")
    assert decided(unconsumed=("--a",), exit_code=1)[:2] == ("invalid", ["unconsumed_flags", "unknown"])
    assert decided(unconsumed=("--use_gpu=true",), asked_by_unconsumed=("GPU",), traceless=False)[1] == [
        "unconsumed_flags",
        "delegate_not_applied",
    ]


def test_a_message_is_cut_at_2000_characters() -> None:
    got = decide_status(replace(GOOD, evidence=(FailureEvidence(Cause.BAD_FLAGS, "x" * 3000),)))
    assert got.message == "x" * 2000


NOTHING_SAYS = "GPU was asked for, and nothing says that it was applied"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ("invalid", ["delegate_not_applied"], NOTHING_SAYS)),
        ({"traceless": False}, ("ok", [], None)),
        ({"traceless": False, "evidence": evidence("delegate_unavailable")},
         ("invalid", ["delegate_unavailable", "delegate_not_applied"], "line of delegate_unavailable")),
        ({"delegates": (use("GPU", "full"),)}, ("ok", [], None)),
        ({"delegates": (use("GPU", None),)}, ("ok", [], None)),
        ({"delegates": (use("GPU", "partial"),)}, ("ok", [], None)),
        ({"delegates": (use("GPU", "none"),)},
         ("invalid", ["delegate_not_applied"], "GPU was asked for, and took no part of the graph")),
        ({"delegates": (use("GPU", "none"),), "delegate_lines": {"GPU": "it says so"}},
         ("invalid", ["delegate_not_applied"], "it says so")),
        ({"delegates": (use("GPU", "none"),), "any_allowed": True}, ("ok", [], None)),
        ({"delegates": (use("NNAPI", "full"),), "traceless": False},
         ("invalid", ["delegate_not_applied"], "GPU was asked for, and NNAPI took part of the graph")),
        ({"delegates": (use("NNAPI", "none"),), "traceless": False}, ("ok", [], None)),
        ({"delegates": (use("XNNPACK", "full"),), "traceless": False}, ("ok", [], None)),
        ({"delegates": (use("NNAPI", "full"),), "asked": ("GPU", "NNAPI"), "traceless": False}, ("ok", [], None)),
    ],
)  # fmt: skip
def test_a_delegate_that_was_asked_for(facts: dict[str, Any], expected: tuple[str, list[str], str | None]) -> None:
    assert decided(**{"asked": ("GPU",), **facts}) == expected


@pytest.mark.parametrize(
    ("delegate", "message"),
    [
        (use("GPU", "partial", 4, 9), "GPU took 4 of 9 nodes, and all of it was asked for"),
        (use("GPU", "partial", 4), "GPU took a part of the graph, and all of it was asked for"),
    ],
)
def test_a_part_is_too_little_where_all_was_asked_for(delegate: DelegateUse, message: str) -> None:
    asked = {"asked": ("GPU",), "delegates": (delegate,)}
    assert decided(full_asked=True, **asked) == ("invalid", ["delegate_partial"], message)
    assert decided(**asked)[0] == "ok"
    full = {"asked": ("GPU",), "delegates": (use("GPU", "full", 9, 9),)}
    assert decided(full_asked=True, **full)[0] == "ok"
    refused = {**asked, "evidence": evidence("delegate_partial"), "exit_code": 1}
    assert decided(full_asked=True, **refused) == ("failed", ["delegate_partial"], "line of delegate_partial")


def test_a_delegate_that_failed_though_nobody_asked() -> None:
    assert decided(delegates=(use("XNNPACK", "failed"),)) == (
        "invalid",
        ["delegate_not_applied"],
        "XNNPACK was asked for, and took no part of the graph",
    )


def test_an_error_of_a_delegate_that_was_not_applied_after_all() -> None:
    errors = {"delegate_errors": {"NNAPI": "NN API returned error"}}
    wrong = ("invalid", ["delegate_not_applied"], "NN API returned error")
    assert decided(**errors) == wrong
    assert decided(**errors, delegates=(use("NNAPI", None),)) == wrong
    for applied in ("full", "partial"):
        assert decided(**errors, delegates=(use("NNAPI", applied),))[0] == "ok"
    assert decided(**errors, complete=False)[1:] == (
        ["delegate_not_applied", "truncated_output"],
        "NN API returned error",
    )
    assert decided(**errors, complete=False, evidence=evidence("bad_flags"))[1] == ["bad_flags"]


def test_a_delegate_that_was_taken_back_out_while_the_run_went_on() -> None:
    lines = evidence("prepare_failed", "allocate_failed", "delegate_not_applied")
    went_on = ("invalid", ["delegate_not_applied"], "line of delegate_not_applied")
    assert decided(evidence=lines) == went_on
    assert decided(evidence=lines, exit_code=None) == went_on
    stopped = ["delegate_not_applied", "prepare_failed", "allocate_failed"]
    assert decided(evidence=lines, exit_code=1)[:2] == ("failed", stopped)
    assert decided(evidence=lines, failing_line=True)[:2] == ("failed", stopped)
    assert decided(evidence=lines, complete=False)[:2] == ("failed", stopped)
    assert decided(evidence=evidence("prepare_failed"))[:2] == ("failed", ["prepare_failed"])


def test_the_line_that_names_the_delegate_says_more() -> None:
    restored = FailureEvidence(Cause.DELEGATE_NOT_APPLIED, "Restored original execution plan")
    named = FailureEvidence(Cause.DELEGATE_NOT_APPLIED, "Failed to apply GPU delegate.")
    assert decided(evidence=(restored, named))[2] == "Failed to apply GPU delegate."


def test_the_built_in_kernels_were_asked_for() -> None:
    ran = (use("XNNPACK", "implicit"), use("GPU", "none"), use("NNAPI", None))
    assert decided(cpu_asked=True, delegates=ran) == (
        "invalid",
        ["condition_not_met"],
        "the built-in kernels were asked for, and XNNPACK, NNAPI took part of the graph",
    )
    assert decided(cpu_asked=True, delegates=(use("GPU", "none"),))[0] == "ok"
    assert decided(cpu_asked=True)[0] == "ok"


@pytest.mark.parametrize("cause", ["profile_dropped", "condition_not_met"])
def test_what_a_run_survives_makes_it_invalid(cause: str) -> None:
    assert decided(evidence=evidence(cause)) == ("invalid", [cause], f"line of {cause}")
    assert decided(evidence=evidence(cause), exit_code=1)[:2] == ("failed", [cause])
