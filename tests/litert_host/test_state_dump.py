"""The state of the interpreter, as far as it is known, in the real tool's own form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.litert_host.delegation import Partition
from harness.litert_host.graph import Operator, Subgraph, Tensor
from harness.litert_host.runtime_details import model_runtime_details
from harness.litert_host.state_dump import ColumnWidths, int_list, state_lines
from tests.litert_host.conftest import SHORT, Tool

RECORDED = Path(__file__).parents[1] / "data" / "logs" / "host" / "20_preinvoke.log"
SHAPE = (1, 8, 8, 3)
ADD = Subgraph(
    "main",
    (
        Tensor("serving_default_x:0", 0, SHAPE, SHAPE, False),
        Tensor("mul/y", 0, (), (), True),
        Tensor("Relu;add", 0, SHAPE, SHAPE, False),
        Tensor("PartitionedCall:0", 0, SHAPE, SHAPE, False),
    ),
    (Operator(0, "", (0, 0), (2,)), Operator(18, "", (2, 1), (3,))),
    (0,),
    (3,),
)
"""The recorded model."""
ALL_TAKEN = [Partition(True, (0, 1))]


def dump(groups: list[Partition], widths: ColumnWidths) -> list[str]:
    return list(state_lines(ADD, 1, model_runtime_details(ADD, 0, groups), widths))


def known_of(text: str) -> list[str]:
    """The recorded state without what only an interpreter knows: arenas, addresses, memory in all."""
    state = text.partition("state begins====\n")[2].partition("INFO: ====Printing")[0]
    state = state.partition("--------------Memory Arena Status Start")[0]
    state = re.sub(r"\nkTfLiteArenaRw Info: .*?\nkTfLiteDynamic Info: [^\n]*\n", "", state, flags=re.DOTALL)
    state = re.sub(r"\[-?\d+, -?\d+\)$", "[-1, -1)", state, flags=re.MULTILINE)
    return re.sub(r"\(0x[0-9a-f]+\)", "((nil))", state).removesuffix("\n").split("\n")


def test_what_is_known_reads_as_recorded() -> None:
    assert dump(ALL_TAKEN, ColumnWidths()) == known_of(RECORDED.read_text())


def test_nodes_that_stay_count_their_bytes() -> None:
    lines = dump([Partition(False, (0, 1))], ColumnWidths())
    assert "Node   1 Operator Builtin Code  18 MUL (not delegated)" in lines
    assert "  2 Input Tensors:[2,1] -> 772B (0.00MB)" in lines
    assert "Execution plan as the list of 2 nodes invoked in-order: [0,1]" in lines
    assert not any("delegated by" in line or line.startswith("Among") for line in lines)


@pytest.mark.parametrize(
    ("widths", "row"),
    [
        (ColumnWidths(name=8), "Tensor   0 servi... kTfLiteFloat32  kTfLiteArenaRw    "),
        (ColumnWidths(kind=8), "Tensor   0 serving_default_x:0       ...oat32 kTfLiteArenaRw    "),
        (ColumnWidths(allocation=6), "Tensor   0 serving_default_x:0       kTfLiteFloat32  ...aRw "),
        (ColumnWidths(name=2), "Tensor   0 .. kTfLiteFloat32  "),
    ],
)
def test_columns_are_as_wide_as_the_flags_say(widths: ColumnWidths, row: str) -> None:
    assert any(line.startswith(row) for line in dump(ALL_TAKEN, widths))


@pytest.mark.parametrize(
    ("values", "collapse", "text"),
    [
        ([], True, "(null)"),
        ([4], True, "[4]"),
        ([0, 1, 3, 4, 5, 9], True, "[0,1,3-5,9]"),
        ([0, 1, 2], False, "[0,1,2]"),
        ([2, 1], True, "[2,1]"),
    ],
)
def test_numbers_are_listed_as_the_tool_lists_them(values: list[int], collapse: bool, text: str) -> None:
    assert int_list(values, collapse=collapse) == text


@pytest.mark.parametrize(("flag", "before"), [("preinvoke", True), ("postinvoke", False)])
def test_it_stands_where_the_real_one_stands(tool: Tool, model_dir: Path, flag: str, before: bool) -> None:
    done = tool(f"--graph={model_dir / 'partly_delegated.tflite'}", f"--print_{flag}_state=true", *SHORT)
    assert done.exit_code == 0, done.stderr
    word = flag.replace("invoke", "-invoke")
    begins = f"INFO: \n====Printing out TfLite interpreter {word} state begins====\nInterpreter has 1 subgraphs.\n\n"
    assert begins in done.stdout
    assert f"\n\nINFO: ====Printing out TfLite interpreter {word} state ends====\n\n" in done.stdout
    assert "nodes invoked in-order: [5,1-3,6]\n" in done.stdout
    assert (done.stdout.index(begins) < done.stdout.index("Running benchmark")) is before


def test_without_the_flag_nothing_is_printed(tool: Tool, model_dir: Path) -> None:
    assert "interpreter" not in tool(f"--graph={model_dir / 'add.tflite'}", *SHORT).stdout
