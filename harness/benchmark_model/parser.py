"""Turns an output of `benchmark_model` into the contract's records. Pure: text and bytes in, records out."""

from __future__ import annotations

from dataclasses import replace

from harness.benchmark_model.command_line import flag_name
from harness.benchmark_model.delegates import (
    DelegateBook,
    asked_for,
    requested_by_flag,
    tells_of_delegates,
)
from harness.benchmark_model.failures import (
    KERNEL_NODE,
    WHILE_RUNNING,
    FailureEvidence,
    system_messages,
    thrown_exception,
)
from harness.benchmark_model.performance_options import is_of_performance_options
from harness.benchmark_model.profile_proto import ProfileProto, read_profile, read_profile_text
from harness.benchmark_model.profile_text import ProfileText
from harness.benchmark_model.python_results import PythonResults, read_python_results
from harness.benchmark_model.reader import MOST_PROTO_LINES, Reading
from harness.benchmark_model.result_proto import ResultProto, read_result
from harness.benchmark_model.runtime_info import RuntimeInfo, read_runtime_info, read_runtime_info_text
from harness.benchmark_model.status import StatusFacts, decide_status
from harness.benchmark_model.text import decode
from harness.benchmark_model.timings import agree, average_is_cut, not_a_number, read_timings
from harness.records import DelegateRequest, DelegateUse, Measurement, ParsedOutput, RunStatistics, Status
from harness.records.causes import Cause


def conclude_output(
    reading: Reading,
    text: str,
    *,
    profile: bytes | None,
    result: bytes | None,
    runtime_info: bytes | None,
    exit_code: int | None,
    requested: DelegateRequest | None,
) -> ParsedOutput:
    """Make a measurement and a status from the reading of one process.

    Args:
        reading: what its lines say.
        text: all of its output, for messages of shells, linkers and the system.
        profile: as in `harness.benchmark_model.parse_output`; so are all other arguments.
    """
    measurement = read_timings(reading)
    if measurement.tool == "benchmark_model" and is_of_performance_options(text):
        measurement = replace(measurement, tool="benchmark_model_performance_options")
    python = None if result is None else read_python_results(decode(result))
    if python is not None:
        _note_refusal(reading, python, requested)
        measurement = _filled(measurement, python.measurement)
    else:
        measurement = _with_result(measurement, result)
    measurement = _with_profile(measurement, reading, profile)
    measurement = _with_delegates(measurement, reading, runtime_info, requested)
    return _decided(reading, measurement, text, exit_code, requested)


def conclude_results(
    results: PythonResults, *, exit_code: int | None, requested: DelegateRequest | None
) -> ParsedOutput:
    """Make a measurement and a status from the result file of LiteRT's tool in Python, without any output."""
    if results.measurement.inference_avg_us is None:
        message = "the result file holds no timed run"
        return ParsedOutput(
            status=Status.FAILED, causes=(Cause.UNKNOWN,), message=message, measurement=results.measurement
        )
    reading = Reading(ours=True)
    _note_refusal(reading, results, requested)
    return _decided(reading, results.measurement, "", exit_code, requested)


def _note_refusal(reading: Reading, results: PythonResults, requested: DelegateRequest | None) -> None:
    line = results.refusal(requested)
    if line is not None:
        reading.evidence.append(FailureEvidence(Cause.DELEGATE_NOT_APPLIED, line))


def _decided(
    reading: Reading, measurement: Measurement, text: str, exit_code: int | None, requested: DelegateRequest | None
) -> ParsedOutput:
    decided = decide_status(_facts(reading, measurement, text, exit_code, requested))
    return ParsedOutput(status=decided.status, causes=decided.causes, message=decided.message, measurement=measurement)


def _with_result(measurement: Measurement, data: bytes | None) -> Measurement:
    """Add the result file. Its floats hold more digits than the text's six, so they are used where both agree."""
    if data is None:
        return measurement
    result = read_result(data)
    if result is None:
        return _noted(measurement, "the result file cannot be read: it is no BenchmarkResult")
    text = measurement.inference_avg_us
    if text is not None and result.inference_avg_us is not None and not agree(result.inference_avg_us, text):
        measurement = _noted(
            measurement,
            f"the result file says {result.inference_avg_us:g} us on average and the text {text:g} us; the file's is used",
        )
    memory = measurement.memory
    return replace(
        measurement,
        init_us=_first(result.init_us, measurement.init_us),
        first_inference_us=_first(result.first_inference_us, measurement.first_inference_us),
        warmup_avg_us=_first(result.warmup_avg_us, measurement.warmup_avg_us),
        inference_avg_us=_first(result.inference_avg_us, measurement.inference_avg_us),
        runs=_merged_runs(measurement.runs, result),
        model_size_mb=_first(measurement.model_size_mb, result.model_size_mb),
        memory=replace(
            memory,
            init_delta_mb=_first(memory.init_delta_mb, result.init_delta_mb),
            overall_delta_mb=_first(memory.overall_delta_mb, result.overall_delta_mb),
            periodic_peak_mb=_first(memory.periodic_peak_mb, result.periodic_peak_mb),
        ),
    )


def _filled(measurement: Measurement, file: Measurement) -> Measurement:
    """Fill gaps in the printed results from the result file of LiteRT's tool in Python; both have two decimals of a millisecond."""
    said = {
        name: value
        for name in (
            "init_us",
            "first_inference_us",
            "warmup_avg_us",
            "inference_avg_us",
            "warmup",
            "runs",
            "model_size_mb",
        )
        if (value := getattr(measurement, name)) is not None
    }
    return replace(
        file, **said, memory=measurement.memory, unconsumed_flags=measurement.unconsumed_flags, notes=measurement.notes
    )


def _merged_runs(text: RunStatistics | None, result: ResultProto) -> RunStatistics | None:
    if text is None or result.runs is None:
        return text or result.runs
    if text.count != result.runs.count:
        return text
    return replace(
        text,
        avg=_first(text.avg and result.runs.avg, text.avg),
        p5=_first(text.p5, result.runs.p5),
        median=_first(text.median, result.runs.median),
        p95=_first(text.p95, result.runs.p95),
    )


def _first(preferred: float | None, other: float | None) -> float | None:
    return preferred if preferred is not None else other


def _with_profile(measurement: Measurement, reading: Reading, data: bytes | None) -> Measurement:
    """Add the ops from the proto if there is one, else from the text."""
    text = reading.profile
    proto: ProfileProto | None = None
    if data is not None:
        proto = read_profile(data)
        if proto is None:
            file = ProfileText()
            lines = decode(data).split("\n")
            for number, line in enumerate(lines):
                file.feed(line, cut=number == len(lines) - 1)
            if any(block.started for block in file.blocks):
                text = file
            else:
                measurement = _noted(measurement, "the profile file cannot be read: it is no profile")
    if proto is None and reading.protos and reading.proto_lines <= MOST_PROTO_LINES:
        proto = read_profile_text([line for lines in reading.protos if _is_profile(lines) for line in lines])
        if proto is None and any(map(_is_profile, reading.protos)):
            measurement = _noted(measurement, "the profile that was printed as a proto is cut short, and not used")
    main = text.main_block("run")
    measurement = replace(
        measurement,
        ops=text.ops("run"),
        init_ops=text.ops("init"),
        op_summary=text.summary("run"),
        init_op_summary=text.summary("init"),
        profile_runs=main.timings if main is not None else None,
    )
    reading.profile_cut = text.cut_short or reading.profile.cut_short
    if reading.profile_cut:
        measurement = _noted(measurement, "the profile is cut short: ops may be missing")
    if main is not None and main.order and main.observed is not None and main.observed > len(main.order):
        measurement = _noted(
            measurement, f"the profile observed {main.observed} ops and lists {len(main.order)}: rows are missing"
        )
    if proto is None:
        return measurement
    if measurement.ops is not None and proto.ops is not None:
        types = [sorted(op.node_type for op in ops) for ops in (measurement.ops, proto.ops)]
        if types[0] != types[1]:
            measurement = _noted(
                measurement,
                f"the text lists {len(types[0])} ops and the proto {len(types[1])}, not the same; the proto is used",
            )
    return replace(
        measurement,
        ops=proto.ops if proto.ops is not None else measurement.ops,
        init_ops=proto.init_ops if proto.init_ops is not None else measurement.init_ops,
        op_summary=proto.op_summary if proto.op_summary is not None else measurement.op_summary,
        init_op_summary=proto.init_op_summary if proto.init_op_summary is not None else measurement.init_op_summary,
    )


def _is_profile(lines: list[str]) -> bool:
    return not lines[0].startswith(("subgraphs", "model_id"))


def _with_delegates(
    measurement: Measurement, reading: Reading, data: bytes | None, requested: DelegateRequest | None
) -> Measurement:
    book = reading.delegates
    info: RuntimeInfo | None = None
    if data is not None:
        info = read_runtime_info(data)
        if info is None:
            measurement = _noted(measurement, "the runtime info file cannot be read: it is no ModelRuntimeDetails")
    if info is None and reading.protos and reading.proto_lines <= MOST_PROTO_LINES:
        info = read_runtime_info_text([line for lines in reading.protos if not _is_profile(lines) for line in lines])
    for item in info.delegated if info is not None else ():
        before = book.uses.get(item.name)
        book.observed(item.name, nodes=item.nodes, total=item.total, kernels=item.kernels)
        if before is not None and before.nodes_delegated not in (None, item.nodes):
            measurement = _noted(
                measurement,
                f"{item.name}: a message says {before.nodes_delegated} nodes and the runtime info {item.nodes}; the info is used",
            )
    if info is not None:
        # A delegate whose flag the tool ignored was not applied, whatever the info says.
        lacking = {requested_by_flag(flag) for flag in reading.unconsumed}
        asked = [name for name in asked_for(book, requested) if name not in lacking]
        book.untouched(info.total, [item.name for item in info.delegated], asked)
    book.rows(measurement.ops or ())
    found = book.result()
    if not (reading.initialized or measurement.inference_avg_us is not None):
        found += _undecided(reading)
    names = {use.name for use in found}
    return replace(measurement, delegates=(*found, *(use for use in measurement.delegates if use.name not in names)))


def _undecided(reading: Reading) -> tuple[DelegateUse, ...]:
    """Return the delegates that were created in a run that ended before a line could say what became of them."""
    book = reading.delegates
    ended = any(
        item.cause is Cause.DELEGATE_UNAVAILABLE
        or (item.cause is Cause.PREPARE_FAILED and KERNEL_NODE.match(item.line) is not None)
        for item in reading.evidence
    )
    failed = {name for name, line in book.recoverable_errors.items() if WHILE_RUNNING not in line}
    failed |= book.by_tool if ended else set()
    return tuple(
        DelegateUse(name=name, applied="failed" if name in failed else None)
        for name in sorted(book.created - set(book.uses))
    )


def _facts(
    reading: Reading, measurement: Measurement, text: str, code: int | None, requested: DelegateRequest | None
) -> StatusFacts:
    book: DelegateBook = reading.delegates
    timed = (
        (reading.timings_seen and not average_is_cut(reading))
        or "inference" in reading.litert.times_us
        or measurement.inference_avg_us is not None
    )
    cells = measurement.cells or ()
    figures = measurement.llm
    timed = timed or (figures is not None and reading.llm.ended and bool(figures.prefill_tps or figures.decode_tps))
    no_turns = reading.llm.without_turns
    zero = measurement.runs is not None and measurement.runs.count == 0 and reading.timings_seen
    # The output of a process that ended is complete; an excerpt may end anywhere.
    stopped = code is not None and reading.profile_cut
    starts = reading.begins or reading.counts.announced > 0
    excerpt_end = not starts and reading.profile.complete
    asked = asked_for(book, requested)
    recognized = reading.ours or reading.begins or bool(book.uses or book.recoverable_errors)
    return StatusFacts(
        evidence=reading.evidence,
        system=tuple(system_messages(text)),
        exit_code=code,
        complete=(timed or zero or excerpt_end or _only_summary(reading) or no_turns is not None) and not stopped,
        recognized=recognized,
        empty=not text.strip(),
        failing_line=reading.failing_line or any(not cell.completed for cell in cells) or no_turns is not None,
        fatal=reading.fatal,
        first_error=reading.first_error
        or next((f"{cell.option}: failed!" for cell in cells if not cell.completed), no_turns),
        reason=reading.reason,
        thrown=None if starts else thrown_exception(text),
        unconsumed=measurement.unconsumed_flags,
        asked=asked,
        full_asked=book.full_asked if requested is None else requested.require == "full",
        any_allowed=requested is not None and requested.require == "any",
        external_path=_external_path(reading, requested) if "EXTERNAL" in asked else None,
        initialized=reading.initialized or timed,
        # An excerpt may lack the line, and the oldest versions do not print it.
        traceless=(timed or reading.initialized)
        and not reading.old_form
        and (reading.begins or any(tells_of_delegates(book, name) for name in asked)),
        no_number=not_a_number(reading, measurement),
        misnamed=_misnamed_input(reading),
        cpu_asked=requested is not None and requested.name == "cpu",
        delegates=measurement.delegates,
        on_cpu={**book.on_cpu, **reading.cpu_words.found(_external_options(reading, requested))},
        not_loaded=reading.cpu_words.not_loaded,
        delegate_lines=book.lines,
        delegate_errors=book.recoverable_errors,
        asked_by_unconsumed=[name for flag in reading.unconsumed if (name := requested_by_flag(flag)) is not None],
    )


def _misnamed_input(reading: Reading) -> str | None:
    """Return the warning that a flag uses another input's name, if that input may have got another's values.

    The tool goes by the order of the names. A single input cannot be mixed up, and a name that flags cannot carry is changed on purpose.
    """
    if reading.parameters.get("Input layers", ",").count(",") == 0:
        return None
    lines = (line for line, tensor, flag in reading.misnamed if flag_name(tensor) != flag_name(flag))
    return next(lines, None)


def _only_summary(reading: Reading) -> bool:
    """Return whether the text is only the summary of many runs, without the runs."""
    return bool(reading.options.runs) and not (reading.begins or reading.initialized)


def _external_path(reading: Reading, requested: DelegateRequest | None) -> str | None:
    asked = requested.options.get("path") if requested is not None else None
    return reading.parameters.get("External delegate path") or (str(asked) if asked else None)


def _external_options(reading: Reading, requested: DelegateRequest | None) -> str:
    asked = requested.options.get("options") if requested is not None else None
    return reading.parameters.get("External delegate options") or str(asked or "")


def _noted(measurement: Measurement, note: str) -> Measurement:
    return replace(measurement, notes=(*measurement.notes, note))
