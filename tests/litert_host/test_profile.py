"""The arithmetic and the format of a profile, against one that the real tool wrote."""

from __future__ import annotations

from pathlib import Path

from ai_edge_litert import profiling_info_pb2

from harness.litert_host.abi import EventType
from harness.litert_host.graph import Graph, Operator, Subgraph, Tensor
from harness.litert_host.profile import ModelProfile
from harness.litert_host.profile_printer import RUNS_TITLE, render
from harness.litert_host.protos import profiling_data
from harness.litert_host.session import Event

DATA = Path(__file__).parent / "data"
# Of `mixed_xnn.csv`: kind, type, number, time of the first call, sum over 10 runs, in microseconds. The first kernel runs twice a run, as
# two operators of two partitions that have the same name: its second call of the first run makes up that run's total.
OPERATORS = [
    (EventType.DELEGATE_OPERATOR_INVOKE, "Convolution (NHWC, F32) IGEMM", 0, 92, 2615 - 1000),
    (EventType.DELEGATE_OPERATOR_INVOKE, "Multiply (ND)", 1, 4, 54),
    (EventType.OPERATOR_INVOKE, "CAST", 2, 49, 491),
    (EventType.OPERATOR_INVOKE, "RIGHT_SHIFT", 3, 59, 621),
    (EventType.OPERATOR_INVOKE, "CAST", 4, 12, 128),
    (EventType.DELEGATE_OPERATOR_INVOKE, "Convolution (NHWC, F32) IGEMM", 0, 159, 1000),
    (EventType.DELEGATE_OPERATOR_INVOKE, "Mean (ND) Reduce2", 1, 4, 44),
    (EventType.DELEGATE_OPERATOR_INVOKE, "Softmax (NC, F32)", 2, 0, 0),
    (EventType.OPERATOR_INVOKE, "ARG_MAX", 7, 1, 11),
]
LABELS = {2: "Cast", 3: "RightShift", 4: "Cast_1", 7: "PartitionedCall:0"}


def _graph(subgraphs: int = 1) -> Graph:
    tensors = tuple(Tensor(LABELS.get(i, f"t{i}"), 0, (1,), (1,), False) for i in range(9))
    operators = tuple(Operator(0, "", (), (i,)) for i in range(9))
    return Graph(tuple(Subgraph(name, tensors, operators, (), ()) for name in ("main", "body")[:subgraphs]), ())


def _recorded_runs() -> ModelProfile:
    profile = ModelProfile(_graph())
    for run in range(10):
        events = [Event("Invoke", EventType.DEFAULT, 0, 999, 0, 0)]
        for kind, tag, node, first, total in OPERATORS:
            share, rest = divmod(total - first, 9)
            elapsed = first if run == 0 else share + (run <= rest)
            events.append(Event(tag, kind, 0, elapsed, node, 0))
        profile.add_run(events)
    return profile


def test_csv_equals_the_recorded_one() -> None:
    recorded = (DATA / "mixed_xnn.csv").read_text().partition(RUNS_TITLE)[2].splitlines()
    ours = render(RUNS_TITLE, _recorded_runs(), csv=True).partition(RUNS_TITLE)[2].splitlines()
    assert len(ours) == len(recorded)
    for mine, theirs in zip(ours, recorded, strict=True):
        if mine.startswith("Timings"):  # its spread cannot be made up again from sums
            assert mine.startswith("Timings (microseconds): count=10 first=380 ")
            assert "avg=396.4" in mine
        else:
            assert mine == theirs


def test_text_rows_have_the_recorded_columns() -> None:
    recorded = (DATA / "02_opprof_stdout_fp32.log").read_text().splitlines()
    block = render(RUNS_TITLE, _recorded_runs(), csv=False).splitlines()
    headers = [line for line in recorded if "node type]" in line.lower()]
    assert [line for line in block if "node type]" in line.lower()] == headers[3:6]
    assert (
        "\t           Convolution (NHWC, F32) IGEMM\t    0.092\t    0.131\t 65.969%\t 65.969%\t     0.000\t        2"
        "\tDelegate/Convolution (NHWC, F32) IGEMM:0"
    ) in block
    assert (
        "\t                                    CAST\t        2\t     0.061\t    15.482%\t    97.462%\t     0.000\t        2"
        in block
    )


def test_rows_without_any_time_have_no_percentage() -> None:
    profile = ModelProfile(_graph())
    for _ in range(3):
        profile.add_run([Event("ADD", EventType.OPERATOR_INVOKE, 0, 0, 2, 0)])
    text = render(RUNS_TITLE, profile, csv=False)
    assert "\t   -nan%\t   -nan%\t" in text
    assert "Timings (microseconds): count=3 curr=0(all same)\n" in text


def test_operators_of_other_subgraphs_have_a_section_of_their_own() -> None:
    profile = ModelProfile(_graph(2))
    profile.add_run(
        [Event("LESS", EventType.OPERATOR_INVOKE, 0, 5, 2, 1), Event("WHILE", EventType.OPERATOR_INVOKE, 0, 9, 3, 0)]
    )
    text = render(RUNS_TITLE, profile, csv=False)
    assert "Primary graph (name: main) profile:\n" in text
    assert "Subgraph (index: 1, name: body) Timings (microseconds): count=1 curr=5\n" in text
    assert profile.subgraphs[0].total_us == 9


def test_proto_has_the_fields_of_the_recorded_one() -> None:
    recorded = profiling_info_pb2.BenchmarkProfilingData()
    recorded.ParseFromString((DATA / "prof_xnntrue.pb").read_bytes())
    init = ModelProfile(_graph())
    init.add_steps(0, [("AllocateTensors", 130, 256)])
    ours = profiling_data(init, _recorded_runs())
    theirs_op, our_op = (m.runtime_profile.subgraph_profiles[0].per_op_profiles[0] for m in (recorded, ours))
    for message in ("inference_microseconds", "mem_kb"):
        fields = [{f.name for f, _ in getattr(op, message).ListFields()} for op in (theirs_op, our_op)]
        assert fields[0] == fields[1]
    assert [f.name for f, _ in theirs_op.ListFields()] == [f.name for f, _ in our_op.ListFields()]
    times = our_op.inference_microseconds
    assert (times.first, times.sum, times.count, times.avg) == (92, 2615, 20, 130)
    assert (our_op.times_called, our_op.name) == (2, "Delegate/Convolution (NHWC, F32) IGEMM:0")
    step = ours.init_profile.subgraph_profiles[0].per_op_profiles[0]
    assert (step.name, step.inference_microseconds.sum, step.mem_kb.sum) == ("AllocateTensors/0", 130, 256)
