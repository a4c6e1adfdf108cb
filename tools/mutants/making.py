"""The mutants of a module: Cosmic Ray's operators, less those that nobody learns from.

Of the replacements of one operator only the usual partner is made (`<` to `<=` and `>=`, `*` to `/`, `and` to `or`): most others end in a
TypeError that any test sees, and would only flatter the score. Annotations are left alone, since nothing evaluates them.
"""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names

OPERATORS = (
    "AddNot",
    "ExceptionReplacer",
    "NumberReplacer",
    "RemoveDecorator",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ZeroIterationForLoop",
    *(
        f"ReplaceBinaryOperator_{pair}"
        for pair in (
            *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul"),
            *("LShift_RShift", "RShift_LShift", "BitOr_BitAnd", "BitAnd_BitOr", "BitXor_BitAnd"),
        )
    ),
    *(
        f"ReplaceComparisonOperator_{pair}"
        for pair in (
            *("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt"),
            *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
        )
    ),
    *("ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_Invert"),
)

DECLARED = ("frozen", "slots", "kw_only", "init", "repr", "compare", "strict")
"""Keywords by which a class declares its form. `mypy --strict` holds code to them; no value depends on them."""

WHOLE_ROOM = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one module.

    Args:
        module: path of the module, relative to the checkout.
        line: first line that differs, from 1.
        operator: name of Cosmic Ray's operator.
        before: that line as it is, without its indentation.
        after: the same line of the mutant; empty where it is gone.
        code: the whole mutated module.
        function: first and last line of the function around it; None where the change acts on import, so that every test may see it.
    """

    module: Path
    line: int
    operator: str
    before: str
    after: str
    code: str
    function: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where an operator can change a module: its how-manieth place there, and where that begins (line from 1, column from 0)."""

    module: Path
    operator: str
    occurrence: int
    start: tuple[int, int]


def spots_of(root: Path, module: Path) -> list[Spot]:
    """All places of one module at which a mutant can be made."""
    source = (root / module).read_text(encoding="utf-8")
    nodes = list(ast_nodes(get_ast(source)))
    tree = ast.parse(source)
    left_alone, computed = list(_left_alone(tree)), _computed(tree)
    return [
        Spot(module=module, operator=name, occurrence=occurrence, start=start)
        for name in OPERATORS
        for occurrence, (start, _) in enumerate(p for node in nodes for p in _operator(name).mutation_positions(node))
        if not _within(start, left_alone) and (not name.startswith("ReplaceBinary") or _within(start, computed))
    ]


def mutant_at(root: Path, spot: Spot) -> Mutant | None:
    """The mutant of one place; None where Cosmic Ray makes none that compiles (it knows no dotted name after `except`)."""
    source = (root / spot.module).read_text(encoding="utf-8")
    try:
        code = mutate_code(source, _operator(spot.operator), spot.occurrence)
    except AttributeError:
        return None
    if code is None or code == source or not _compiles(code):
        return None
    line, before, after = _first_difference(source, code)
    around = [
        (first, last)
        for first, last, cached in _functions(ast.parse(source))
        if first <= spot.start[0] <= last and not cached
    ]
    return Mutant(
        module=spot.module,
        line=line,
        operator=spot.operator,
        before=before,
        after=after,
        code=code,
        function=max(around, default=WHOLE_ROOM),
    )


@functools.cache
def _operator(name: str) -> Operator:
    known = {known.partition("/")[2]: known for known in operator_names()}
    made: Operator = get_operator(known[name])()
    return made


def _left_alone(tree: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """From where to where nothing is changed, as (line, column): annotations, and how a class is declared."""
    for node in ast.walk(tree):
        apart: list[ast.expr | None] = []
        if isinstance(node, ast.AnnAssign | ast.arg):
            apart.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            apart.append(node.returns)
        elif isinstance(node, ast.Call):
            apart.extend(keyword.value for keyword in node.keywords if keyword.arg in DECLARED)
        for expression in filter(None, apart):
            yield (expression.lineno, expression.col_offset), _end(expression)


def _computed(tree: ast.Module) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Between which places an operator stands that computes: Cosmic Ray also changes the `*` of a signature and of an unpacked list."""
    return [
        (_end(node.left), (node.right.lineno, node.right.col_offset))
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp)
    ]


def _within(place: tuple[int, int], spans: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> bool:
    return any(low <= place < high for low, high in spans)


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _functions(tree: ast.Module) -> Iterator[tuple[int, int, bool]]:
    """First and last line of each function, and whether it remembers its answers: then the first test alone runs it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (
                node.lineno,
                node.end_lineno or node.lineno,
                any("cache" in ast.unparse(d) for d in node.decorator_list),
            )


def _compiles(code: str) -> bool:
    try:
        compile(code, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _first_difference(source: str, code: str) -> tuple[int, str, str]:
    old, new = source.splitlines(), code.splitlines()
    for number, (before, after) in enumerate(itertools.zip_longest(old, new, fillvalue=""), start=1):
        if before.strip() != after.strip() and len(old) == len(new):
            return number, before.strip(), after.strip()
        if before.strip() != after.strip() and before.strip():
            return number, before.strip(), ""  # blank lines before a decorator are gone with it
    raise AssertionError("a mutant differs from its source")
