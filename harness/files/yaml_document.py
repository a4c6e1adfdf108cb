"""Reads YAML text into nodes with lines, and into data. Refuses what YAML allows but the harness's files may not hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.errors import SuiteError

Loc = tuple[str | int, ...]
"""The path to a value: keys and places in lists."""

_MAX_NODES = 200_000
"""Largest number of nodes with all aliases expanded. A suite has hundreds."""


def read_yaml(path: Path) -> str:
    """Return the text of a YAML file.

    Raises:
        SuiteError: the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SuiteError("no such file", file=path) from None
    except IsADirectoryError:
        raise SuiteError("is a folder, not a YAML file", file=path) from None
    except UnicodeDecodeError as error:
        raise SuiteError(f"is not UTF-8 text (byte {error.start})", file=path) from error
    except OSError as error:
        raise SuiteError(f"cannot be read: {error.strerror}", file=path) from error


def dotted(loc: Sequence[str | int]) -> str:
    """Return a key as people write it: `models[2].path`."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def line_of(text: str, loc: Sequence[str | int]) -> int | None:
    """Find the 1-based line of a key in a valid document; if it is absent, that of its nearest parent, or None."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = None
    for part in loc:
        step = step_to(node, part)
        if step is None:
            return line
        node, line = step
    return line


def parse_document(
    text: str, source_name: Path | str, text_keys: Sequence[str] = ()
) -> tuple[yaml.Node | None, Any, list[SuiteError]]:
    """Read a document into nodes, which know their lines, and data. Both are None if it is empty.

    The third is a list of mistakes beside which the rest can still be checked: keys that are given twice, and odd numbers.

    Args:
        text: the document.
        source_name: stands for the file in errors.
        text_keys: top-level keys whose values stay as written.

    Raises:
        SuiteError: it is not YAML, or holds something forbidden.
    """
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None, None, []
            _refuse_self_reference(node, source_name)
            _keep_as_text(node, text_keys)
            return node, loader.construct_document(node), _mistakes(node, source_name)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = ": ".join(part for part in (error.context, error.problem) if part)
        raise SuiteError(
            f"is not valid YAML: {problem}", file=source_name, line=mark.line + 1 if mark else None
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise SuiteError(f"is not valid YAML: {' '.join(str(error).split())}", file=source_name) from error
    except RecursionError as error:
        raise SuiteError("is nested too deeply", file=source_name) from error


def _keep_as_text(root: yaml.Node, keys: Sequence[str]) -> None:
    """Keep the values of top-level keys as written: YAML would read the CPU mask 80 as a number, 010 as 8 and 0e1 as 0.0."""
    if isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            if key.value in keys:
                for scalar in (value, *_children(value)):
                    if isinstance(scalar, yaml.ScalarNode):
                        scalar.tag = "tag:yaml.org,2002:str"


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _refuse_self_reference(root: yaml.Node, source_name: Path | str) -> None:
    """Keep documents from the validator that contain themselves or whose aliases expand without end."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in open_nodes:
            raise SuiteError("an alias refers to the value that contains it", file=source_name, line=line_number(node))
        if id(node) not in sizes:
            open_nodes.add(id(node))
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
            open_nodes.remove(id(node))
        return sizes[id(node)]

    if size(root) > _MAX_NODES:
        raise SuiteError("its aliases expand to an absurd size", file=source_name)


def _mistakes(root: yaml.Node, source_name: Path | str) -> list[SuiteError]:
    """Find duplicate keys, and numbers that YAML reads otherwise than people do."""
    found: list[SuiteError] = []
    seen_nodes: set[int] = set()
    pending: list[tuple[yaml.Node, Loc]] = [(root, ())]
    while pending:
        node, loc = pending.pop()
        if id(node) in seen_nodes:
            continue
        seen_nodes.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            if (odd := _odd_number(node)) is not None:
                found.append(SuiteError(odd, file=source_name, line=line_number(node), key=dotted(loc) or None))
        elif isinstance(node, yaml.SequenceNode):
            pending += [(child, (*loc, index)) for index, child in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            first: dict[tuple[str, str], yaml.Node] = {}
            for key, value in node.value:
                here = (*loc, str(key.value))
                if isinstance(key, yaml.ScalarNode):
                    earlier = first.setdefault((key.tag, key.value), key)
                    if earlier is not key:
                        message = f"is given twice (first in line {line_number(earlier)})"
                        found.append(SuiteError(message, file=source_name, line=line_number(key), key=dotted(here)))
                pending.append((value, here))
    return sorted(found, key=lambda error: error.line or 0)


def _odd_number(node: yaml.ScalarNode) -> str | None:
    """Explain a number that people do not mean: YAML 1.1 reads 010 as octal and 1:30 to the base of 60."""
    text = node.value
    digits = text.lstrip("+-").replace("_", "")
    if node.tag == "tag:yaml.org,2002:int" and len(digits) > 1 and digits[0] == "0" and digits.isdigit():
        sign = "-" if text.startswith("-") else ""
        octal = f"{sign}{int(digits, 8)}"
        decimal = f"{sign}{digits.lstrip('0') or '0'}"
        if octal == decimal:
            return f"{text} is an octal number in YAML: write {decimal}"
        return f"{text} is {octal} in YAML: write {decimal}, or {octal}"
    if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float") and ":" in text:
        return f"{text} is a number to the base of 60 in YAML: write it in full, or in quotes"
    return None


def line_number(node: yaml.Node) -> int:
    """Return the 1-based line on which a node begins."""
    return int(node.start_mark.line) + 1


def step_to(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, int] | None:
    """Return the node below a key or a place in a list, and the line of that key; None if there is none."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], line_number(node.value[part])
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if str(key.value) == str(part):
                return value, line_number(key)
    return None
