"""Decides status and causes of an output from evidence: messages, the exit code, the request, and what is missing.

The exit code alone proves little: it is 0 if a delegate is not compiled in, if an external delegate cannot be loaded, and if a full disk or
a closed pipe cut the output off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.benchmark_model.failures import KERNEL_NODE, WHILE_RUNNING, FailureEvidence
from harness.records import DelegateUse, Status
from harness.records.causes import Cause

_RANK = (
    Cause.UNCONSUMED_FLAGS,
    Cause.NOT_EXECUTABLE,
    Cause.MODEL_INVALID,
    Cause.MODEL_UNREADABLE,
    Cause.SIGNATURE_MISSING,
    Cause.BAD_FLAGS,
    Cause.BAD_INPUT,
    Cause.OP_UNSUPPORTED,
    Cause.OUT_OF_MEMORY,
    Cause.DELEGATE_UNAVAILABLE,
    Cause.DELEGATE_NOT_APPLIED,
    Cause.DELEGATE_PARTIAL,
    Cause.STORAGE_FULL,
    Cause.INVOKE_FAILED,
    Cause.PREPARE_FAILED,
    Cause.ALLOCATE_FAILED,
    Cause.CRASHED,
    Cause.KILLED,
    Cause.TIMEOUT,
    Cause.TRUNCATED_OUTPUT,
    Cause.PROFILE_DROPPED,
    Cause.CONDITION_NOT_MET,
    Cause.UNKNOWN,
)
"""Causes, most specific first."""

_SOFT = frozenset(
    {
        Cause.PROFILE_DROPPED,
        Cause.DELEGATE_UNAVAILABLE,
        Cause.DELEGATE_NOT_APPLIED,
        Cause.DELEGATE_PARTIAL,
        Cause.CONDITION_NOT_MET,
    }
)
"""Causes that a run can survive: it goes on with the CPU, or without some rows."""


_OF_DELEGATES = frozenset({Cause.DELEGATE_UNAVAILABLE, Cause.DELEGATE_NOT_APPLIED, Cause.DELEGATE_PARTIAL})
_ABORT = re.compile(r"\b[Aa]bort|SIGABRT")
_BARE = re.compile(r"Restored|.{1,80}(?:\bnot supported|\bunsupported|may not support)")
"""Beginning of a message that only says that a delegate failed or is not there. Others, which say why, come before it."""

_ACCELERATORS = frozenset({"GPU", "NNAPI", "HEXAGON", "COREML"})
"""Delegates whose names never mean the same delegate. `EXTERNAL` is missing: its library has a name of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFacts:
    """The facts on which status and causes rest."""

    evidence: Sequence[FailureEvidence]
    system: Sequence[FailureEvidence]
    """Messages of shells, linkers and the system."""
    exit_code: int | None
    complete: bool
    """The timings are present, or the output is an excerpt whose end is present."""
    recognized: bool
    """A line is the tool's."""
    empty: bool
    failing_line: bool
    fatal: str | None
    first_error: str | None
    reason: str | None = None
    """The error of the runtime that says why what came last failed."""
    thrown: str | None = None
    """The exception that ended an app that uses the runtime."""
    unconsumed: Sequence[str]
    asked: Sequence[str]
    full_asked: bool
    any_allowed: bool
    """The request allows that the delegate takes nothing."""
    external_path: str | None
    """The library of the requested external delegate."""
    initialized: bool
    """The interpreter was built, and all delegates that could be applied were."""
    traceless: bool
    """The output says which delegates were applied, so a delegate without a trace was not."""
    no_number: str | None
    """The printed average, if it is not a time."""
    misnamed: str | None = None
    """The warning that a flag has a different name for one of several inputs, which therefore got another's values."""
    cpu_asked: bool
    delegates: Sequence[DelegateUse]
    asked_by_unconsumed: Sequence[str]
    delegate_lines: Mapping[str, str]
    """By delegate: the line that says that it took nothing."""
    on_cpu: Mapping[str, str]
    """By delegate: the line that says that it ran on the CPU."""
    not_loaded: Mapping[str, str]
    """By delegate: the line that says that its library is not there."""
    delegate_errors: Mapping[str, str]
    """By delegate: an error that it printed, which need not be fatal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputStatus:
    """The status of an output."""

    status: Status
    causes: tuple[Cause, ...]
    message: str | None


def decide_status(facts: StatusFacts) -> OutputStatus:
    """Decide status and causes; `message` is the line of the first cause."""
    hard = [item for item in facts.evidence if item.cause not in _SOFT]
    went_on = facts.complete and not facts.failing_line and facts.exit_code in (0, None)
    if went_on and _delegate_failed(facts):
        # The delegate was removed and the run went on, so it was the delegate that could not be prepared.
        hard = [item for item in hard if item.cause not in (Cause.PREPARE_FAILED, Cause.ALLOCATE_FAILED)]
    if not (facts.complete and facts.exit_code == 0):
        hard += _said_by_system(facts)
    if any(item.cause in (Cause.BAD_INPUT, Cause.BAD_FLAGS) for item in hard):
        # The tool aborts on purpose after it has named an error in its input; shell and system then report the abort.
        hard = [item for item in hard if item.cause is not Cause.CRASHED or _ABORT.search(item.line) is None]
    if any(item.cause is Cause.MODEL_INVALID for item in hard):
        # `Failed to load model` follows the message that says why.
        hard = [item for item in hard if not item.line.startswith("Failed to load model")]
    failures = list(hard)
    if facts.no_number is not None:
        failures.append(FailureEvidence(Cause.UNKNOWN, f"the average of the runs is printed as {facts.no_number}"))
    failed = bool(failures) or facts.failing_line or facts.fatal is not None
    validity = _delegation(facts, explained=bool(failures))
    if facts.misnamed is not None and facts.complete:
        validity.append(FailureEvidence(Cause.BAD_INPUT, facts.misnamed))
    if facts.exit_code not in (0, None):
        failed = True
        failures += _exit_evidence(facts, bool(failures))
    elif facts.fatal is not None and not failures:
        failures.append(FailureEvidence(Cause.CRASHED, facts.fatal))
    if not facts.complete and not failed and not (validity and facts.failing_line):
        failed = True
        failures += _missing(facts)
    if facts.failing_line and not failures and not validity:
        failures.append(FailureEvidence(Cause.UNKNOWN, facts.first_error or "Benchmarking failed."))
    said_by_tool = facts.first_error is not None and not failures and not _delegate_failed(facts)
    if failed and said_by_tool and all(item.cause is Cause.DELEGATE_NOT_APPLIED and item.inferred for item in validity):
        failures.append(FailureEvidence(Cause.UNKNOWN, facts.first_error or ""))
    if failed and not failures and not validity:
        failures.append(FailureEvidence(Cause.UNKNOWN, facts.first_error or "the tool failed and does not say why"))
    found = _ranked(failures) + [item for item in _ranked(validity) if item.cause not in {f.cause for f in failures}]
    if failed:
        # Among failures, a refused delegate says more than the node that could not be prepared for it.
        stopped = all(item.cause is Cause.TRUNCATED_OUTPUT or facts.thrown is not None for item in failures)
        found = _ranked(found) if stopped or _delegate_failed(facts) else found
        found = _allocation_last(_kernel_first(found))
    if facts.unconsumed:
        line = f"Unconsumed cmdline flags: {' '.join(facts.unconsumed)}"
        found.insert(_ended_by(found, failures), FailureEvidence(Cause.UNCONSUMED_FLAGS, line))
    if not found:
        return OutputStatus(status=Status.OK, causes=(), message=None)
    # Ignored flags make the result invalid, whatever the exit code (contract).
    status = Status.INVALID if facts.unconsumed or not failed else Status.FAILED
    message = found[0].message
    if (
        found[0].cause is Cause.DELEGATE_UNAVAILABLE
        and facts.external_path is not None
        and facts.external_path not in message
    ):
        message += _library("EXTERNAL", facts)
    if found[0].cause is Cause.CRASHED and facts.external_path is not None and not facts.initialized:
        # If a library cannot be loaded there is no delegate, but the tool reports it as applied all the same (until June 2026).
        message = f"{message}; the delegate of {facts.external_path} was made right before: is the library there, and for this ABI?"
    return OutputStatus(status=status, causes=tuple(item.cause for item in found), message=message[:2000])


def _said_by_system(facts: StatusFacts) -> list[FailureEvidence]:
    """Return the messages of shells and the system. What the tool or the runtime itself said takes the place of one that says less."""
    found = []
    for item in facts.system:
        if item.cause is Cause.CRASHED and facts.fatal is not None and _ABORT.search(item.line) is not None:
            found.append(replace(item, line=facts.fatal))
        elif item.cause is Cause.DELEGATE_NOT_APPLIED and item.line.endswith("delegate."):
            found.append(replace(item, reason=facts.reason))
        else:
            found.append(item)
    return found


def _ended_by(found: list[FailureEvidence], failures: list[FailureEvidence]) -> int:
    """Return the number of causes in `found` up to the last that ended the run, if a line says it.

    A flag that the tool did not take explains why another was missing, and says more than an exit code or an end that is missing.
    """
    ended = {item.cause for item in failures if not item.inferred} - {Cause.BAD_FLAGS}
    return max((number for number, item in enumerate(found, 1) if item.cause in ended), default=0)


def _allocation_last(found: list[FailureEvidence]) -> list[FailureEvidence]:
    """Put the allocation behind the delegate: it only follows from the node that could not be prepared."""
    causes = {item.cause for item in found}
    if Cause.PREPARE_FAILED not in causes or not causes & _OF_DELEGATES:
        return found
    return sorted(found, key=lambda item: item.cause is Cause.ALLOCATE_FAILED)


def _library(name: str, facts: StatusFacts) -> str:
    return f"; its library is {facts.external_path}" if name == "EXTERNAL" and facts.external_path is not None else ""


def _first_error(facts: StatusFacts) -> str:
    return f"; the first error is: {facts.first_error}" if facts.first_error is not None else ""


def _kernel_first(found: list[FailureEvidence]) -> list[FailureEvidence]:
    """Put a failed kernel of the model first: it is why the delegate was not applied, not the reverse."""
    kernel = [item for item in found if item.cause is Cause.PREPARE_FAILED and KERNEL_NODE.match(item.line) is not None]
    delegate = next((number for number, item in enumerate(found) if item.cause in _OF_DELEGATES), None)
    if delegate is None or not kernel or found.index(kernel[0]) < delegate:
        return found
    rest = [item for item in found if item is not kernel[0]]
    return [*rest[:delegate], kernel[0], *rest[delegate:]]


def _delegate_failed(facts: StatusFacts) -> bool:
    return any(item.cause is Cause.DELEGATE_NOT_APPLIED for item in facts.evidence)


def _got_so_far(facts: StatusFacts) -> bool:
    """Return whether the run reached the point at which delegates are applied."""
    return facts.complete or facts.initialized or any(item.cause is Cause.INVOKE_FAILED for item in facts.evidence)


def _delegation(facts: StatusFacts, *, explained: bool = False) -> list[FailureEvidence]:
    """Find requested delegates that were not applied as asked, and what the profile lost. `explained`: a failure is known."""
    found = [item for item in facts.evidence if item.cause in (Cause.PROFILE_DROPPED, Cause.CONDITION_NOT_MET)]
    refused = [item for item in facts.evidence if item.cause is Cause.DELEGATE_NOT_APPLIED]
    refused.sort(key=_says_little)
    unavailable = sorted(
        (item for item in facts.evidence if item.cause is Cause.DELEGATE_UNAVAILABLE),
        key=lambda item: _says_little(item)[1],
    )
    fallback = [item for item in facts.evidence if item.cause is Cause.DELEGATE_PARTIAL]
    uses = {use.name: use for use in facts.delegates}
    missing: list[FailureEvidence] = []
    partial: list[FailureEvidence] = []
    gone = [use.name for use in facts.delegates if use.applied == "failed" and not explained]
    for name in dict.fromkeys([*facts.asked, *facts.asked_by_unconsumed, *gone]):
        use = uses.get(name)
        if use is None:
            said = facts.on_cpu.get(name) or facts.not_loaded.get(name)
            if said is not None and not facts.any_allowed and (facts.initialized or facts.complete):
                missing.append(FailureEvidence(Cause.DELEGATE_NOT_APPLIED, f"{name} ran on the CPU: {said}"))
            elif instead := _another(name, facts):
                missing.append(
                    FailureEvidence(
                        Cause.DELEGATE_NOT_APPLIED,
                        f"{name} was asked for, and {instead} took part of the graph",
                        inferred=True,
                    )
                )
            elif facts.traceless or unavailable or (name in facts.asked_by_unconsumed and _got_so_far(facts)):
                missing.append(
                    FailureEvidence(
                        Cause.DELEGATE_NOT_APPLIED,
                        f"{name} was asked for, and nothing says that it was applied{_library(name, facts)}{_first_error(facts)}",
                        inferred=True,
                    )
                )
        elif use.applied in ("none", "failed"):
            if not facts.any_allowed:
                line = facts.delegate_lines.get(name, f"{name} was asked for, and took no part of the graph")
                missing.append(
                    FailureEvidence(
                        Cause.DELEGATE_NOT_APPLIED,
                        line,
                        inferred=name not in facts.delegate_lines,
                        reason=facts.delegate_errors.get(name),
                    )
                )
        elif name in facts.on_cpu:
            if not facts.any_allowed:
                line = f"{name} ran on the CPU: {facts.on_cpu[name]}"
                missing.append(FailureEvidence(Cause.DELEGATE_NOT_APPLIED, line))
        elif facts.full_asked and use.applied == "partial":
            share = f"{use.nodes_delegated} of {use.nodes_total} nodes" if use.nodes_total else "a part of the graph"
            partial.append(FailureEvidence(Cause.DELEGATE_PARTIAL, f"{name} took {share}, and all of it was asked for"))
    if facts.complete or not explained:
        missing += [
            FailureEvidence(Cause.DELEGATE_NOT_APPLIED, line)
            for name, line in facts.delegate_errors.items()
            if name not in uses or uses[name].applied not in ("full", "partial")
            # XNNPACK is the default: where it does not fit, the run goes on as it would without it.
            if name in facts.asked or (name != "XNNPACK" and (name != "" or not facts.complete))
            if facts.complete or WHILE_RUNNING not in line
        ]
    if refused or missing:
        found += unavailable
        found += refused or missing
    if partial or (fallback and not (refused or missing)):
        found += fallback or partial
    if facts.cpu_asked and (ran := [use.name for use in facts.delegates if use.applied not in ("none", "failed")]):
        line = f"the built-in kernels were asked for, and {', '.join(ran)} took part of the graph"
        found.append(FailureEvidence(Cause.CONDITION_NOT_MET, line))
    return found


def _says_little(item: FailureEvidence) -> tuple[bool, bool]:
    """Return the key that sorts messages of one cause, so that their order on two streams does not matter: reasons come first."""
    return item.reason is None, _BARE.match(item.line) is not None


def _another(name: str, facts: StatusFacts) -> str | None:
    """Find the accelerator that ran instead of the requested one; in an excerpt only the profile may show it."""
    if name not in _ACCELERATORS:
        return None
    ran = (use.name for use in facts.delegates if use.applied not in ("none", "failed"))
    return next((other for other in ran if other in _ACCELERATORS and other not in facts.asked), None)


def _exit_evidence(facts: StatusFacts, explained: bool) -> Iterable[FailureEvidence]:
    """Return what a non-zero exit code shows by itself."""
    code = facts.exit_code or 0
    signal = -code if code < 0 else code - 128 if 128 < code < 160 else 0
    if code == 124 or code == 142:
        yield FailureEvidence(Cause.TIMEOUT, "the time limit ended the process")
    elif code in (126, 127):
        yield FailureEvidence(Cause.NOT_EXECUTABLE, f"the shell could not start the program (exit code {code})")
    elif signal in (1, 2, 9, 13, 15):
        yield FailureEvidence(Cause.KILLED, f"the process was ended by signal {signal}")
    elif signal in (4, 5, 6, 7, 8, 11, 31):
        if signal != 6 or not explained:
            # The tool aborts after a FATAL message; that message is the cause.
            yield FailureEvidence(Cause.CRASHED, facts.fatal or f"the process crashed with signal {signal}")
    elif not explained and not _delegation(facts):
        line = facts.first_error or f"exit code {code}, and no message that says why"
        yield FailureEvidence(Cause.UNKNOWN, line, inferred=facts.first_error is None)


def _missing(facts: StatusFacts) -> Iterable[FailureEvidence]:
    """Explain an output that has no end and gives no reason."""
    error = _first_error(facts)
    ran = next((line for line in facts.delegate_errors.values() if WHILE_RUNNING in line), None)
    if ran is not None:
        yield FailureEvidence(Cause.INVOKE_FAILED, ran)
    if facts.thrown is not None:
        yield FailureEvidence(Cause.CRASHED, facts.thrown if facts.first_error is None else facts.first_error)
    elif ran is not None:
        return
    elif facts.empty:
        yield FailureEvidence(Cause.TRUNCATED_OUTPUT, "the output is empty", inferred=True)
    elif not facts.recognized:
        yield FailureEvidence(Cause.UNKNOWN, f"no line of the output is benchmark_model's{error}", inferred=True)
    else:
        line = f"the output stops before its end: before the timings, or within the profile{error}"
        yield FailureEvidence(Cause.TRUNCATED_OUTPUT, line, inferred=True)


def _ranked(items: Iterable[FailureEvidence]) -> list[FailureEvidence]:
    """Return the first line for each cause, the most specific cause first."""
    first: dict[Cause, FailureEvidence] = {}
    for item in items:
        first.setdefault(item.cause, item)
    return sorted(first.values(), key=lambda item: _RANK.index(item.cause))
