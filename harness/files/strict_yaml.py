"""Reads YAML into a pydantic model. Errors name file, line, key and the nearest valid word of every mistake.

Only `yaml.SafeLoader` is used. Duplicate keys are errors (YAML's own rule, which PyYAML does not enforce), and so are documents that
contain themselves or that aliases blow up.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import SuiteError
from harness.files.yaml_document import Loc, dotted, line_number, parse_document, read_yaml, step_to

_Model = TypeVar("_Model", bound=BaseModel)


def load_yaml_model(path: Path, model: type[_Model]) -> _Model:
    """Read a YAML file as `model`.

    The values of top-level keys in the model's class variable `yaml_text_keys` are taken as written, never as numbers.

    Raises:
        SuiteError: the file cannot be read, is not YAML, or does not fit the model.
    """
    return load_yaml_model_from_text(read_yaml(path), path, model)


def load_yaml_model_from_text(text: str, source_name: Path | str, model: type[_Model]) -> _Model:
    """Read YAML text as `model`; `source_name` stands for the file in errors.

    Raises:
        SuiteError: the text is not YAML, or does not fit the model.
    """
    loaded, mistakes, _ = load_yaml_model_in_part(text, source_name, model)
    if mistakes:
        raise SuiteError.of(mistakes)
    assert loaded is not None  # noqa: S101  # else there is a mistake
    return loaded


def load_yaml_model_in_part(
    text: str, source_name: Path | str, model: type[_Model], stand_ins: Mapping[str, Any] = types.MappingProxyType({})
) -> tuple[_Model | None, list[SuiteError], frozenset[str]]:
    """Read YAML text as `model`, as far as it can be, so that further checks find mistakes beside the first ones.

    Args:
        text: the document.
        source_name: stands for the file in errors.
        model: what it is read as.
        stand_ins: values for keys with mistakes that have no default.

    Returns:
        The model, in which top-level keys with mistakes have their defaults or stand-ins; None if it cannot be made so. All mistakes in the
        order of the document. The top-level keys with mistakes.

    Raises:
        SuiteError: the text is not YAML, or no mapping.
    """
    node, data, mistakes = parse_document(text, source_name, getattr(model, "yaml_text_keys", ()))
    if not isinstance(node, yaml.MappingNode):
        what = "is empty" if node is None else "must be a mapping (key: value)"
        raise SuiteError(what, file=source_name, line=None if node is None else line_number(node))
    whole: _Model | None = None
    try:
        whole = model.model_validate(data)
    except ValidationError as error:
        known = {(one.line, one.key) for one in mistakes}
        mistakes += [one for one in _translate(error, node, model, source_name) if (one.line, one.key) not in known]
    mistakes.sort(key=lambda one: one.line or 0)
    wrong = frozenset(re.split(r"[.\[]", one.key or "")[0] for one in mistakes)
    if whole is None:
        with suppress(ValidationError):
            whole = model.model_validate(
                {**stand_ins, **{key: value for key, value in data.items() if key not in wrong}}
            )
    return whole, mistakes, wrong


@dataclass(frozen=True, slots=True)
class _Place:
    """The end of an error's `loc`: the keys that exist in the document, their line, and the type expected there."""

    keys: Loc
    line: int
    expected: Any


_Found = tuple[ErrorDetails, _Place]


def _translate(
    error: ValidationError, root: yaml.Node, model: type[BaseModel], source_name: Path | str
) -> list[SuiteError]:
    """Turn every mistake into a sentence, in the order of the document. Of a union's complaints the most telling one counts."""
    groups: dict[Loc, list[_Found]] = {}
    details = error.errors(include_url=False)
    found: list[_Found] = []
    for detail in details:
        if detail["type"] == "too_short" and any(_is_below(one["loc"], detail["loc"]) for one in details):
            continue  # only because an entry is wrong, which is said
        found.append((detail, _locate(detail["loc"], root, model)))
    lone = _lone_branches(found)
    for detail, place in found:
        groups.setdefault(_mistake(detail["loc"], place, lone), []).append((detail, place))
    chosen = [item for group in groups.values() for item in _most_telling(group)]
    chosen = [item for item in chosen if not _is_misspelt(item, chosen)]
    errors = []
    for detail, place in sorted(chosen, key=lambda item: item[1].line):
        group = groups[_mistake(detail["loc"], place, lone)]
        message, remedy = _sentence(detail, [d for d, p in group if p.keys == place.keys], place)
        key = dotted(place.keys) or None
        errors.append(SuiteError(message, file=source_name, line=place.line, key=key, remedy=remedy))
    return errors


def _is_below(loc: Loc, above: Loc) -> bool:
    return len(loc) > len(above) and loc[: len(above)] == above


def _lone_branches(found: Sequence[_Found]) -> frozenset[Loc]:
    """The unions' branches that alone complain: a discriminator chose them, so each of their complaints is a mistake of its own."""
    branches: dict[Loc, set[str | int]] = {}
    for detail, place in found:
        if (same := _shared(detail["loc"], place)) < len(detail["loc"]):
            branches.setdefault(detail["loc"][:same], set()).add(detail["loc"][same])
    return frozenset((*above, *names) for above, names in branches.items() if len(names) == 1)


def _shared(loc: Loc, place: _Place) -> int:
    """The number of first parts of `loc` that are keys of the document: what follows is the name of a union's branch."""
    same = 0
    while same < min(len(loc), len(place.keys)) and loc[same] == place.keys[same]:
        same += 1
    return same


def _mistake(loc: Loc, place: _Place, lone: Set[Loc]) -> Loc:
    """The key that pydantic's errors of one mistake share: the path to the value, up to the first name of a union's branch."""
    same = _shared(loc, place)
    if same == len(loc):
        return ("value", *loc)
    return ("value", *place.keys) if loc[: same + 1] in lone else ("union", *loc[:same])


def _most_telling(group: Sequence[_Found]) -> list[_Found]:
    """The complaints of the union's branch that got furthest."""
    depth = max(len(place.keys) for _, place in group)
    first = next(item for item in group if len(item[1].keys) == depth)
    above = first[0]["loc"][:-1]
    telling: dict[Loc, _Found] = {}
    for item in group:
        if item[0]["loc"][:-1] == above and len(item[1].keys) == depth:
            telling.setdefault(item[1].keys, item)
    return list(telling.values())


def _is_misspelt(item: _Found, chosen: Sequence[_Found]) -> bool:
    """Tell a missing key that is only misspelt: the error on the unknown key beside it says enough."""
    detail, place = item
    if detail["type"] != "missing":
        return False
    strangers = [
        str(other.keys[-1]).lower()
        for one, other in chosen
        if one["type"] == "extra_forbidden" and other.keys[:-1] == place.keys[:-1]
    ]
    return bool(get_close_matches(str(place.keys[-1]).lower(), strangers, n=1, cutoff=0.6))


def _sentence(detail: ErrorDetails, alternatives: Sequence[ErrorDetails], place: _Place) -> tuple[str, str | None]:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        valid = _field_names(place.expected)
        return "unknown key", _nearest(str(place.keys[-1]), valid)
    if kind == "missing":
        return "this key is required", None
    if kind == "too_short":
        least = context["min_length"]
        return f"needs at least {least} item{'s' if least > 1 else ''}, not {context['actual_length']}", None
    words = [word for other in alternatives for word in _words_of(other, place.expected)]
    if words:
        return f"{_shown(detail['input'])} is not one of the valid words", _nearest(str(detail["input"]), words)
    if kind in {"value_error", "assertion_error"} and "error" in context:
        return str(context["error"]), None
    own = (other["msg"].removeprefix("Value error, ") for other in alternatives)
    messages = dict.fromkeys(text[:1].lower() + text[1:] for text in own)
    shown = "" if isinstance(detail["input"], (Mapping, list)) else f", not {_shown(detail['input'])}"
    return ", or ".join(m.removeprefix("input ") for m in messages) + shown, None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest(word: str, valid: Sequence[str]) -> str | None:
    if not valid:
        return None
    close = get_close_matches(word.lower(), [v.lower() for v in valid], n=1, cutoff=0.6)
    if close:
        return f"did you mean `{next(v for v in valid if v.lower() == close[0])}`?"
    return "valid: " + ", ".join(valid)


def _words_of(detail: ErrorDetails, expected: object) -> list[str]:
    """The valid words, if the error is about a closed list."""
    if detail["type"] not in {"literal_error", "enum"}:
        return []
    words: list[str] = []
    for branch in _branches(expected):
        if typing.get_origin(branch) is typing.Literal:
            words += [str(value) for value in typing.get_args(branch)]
        elif isinstance(branch, type) and issubclass(branch, Enum):
            words += [str(member.value) for member in branch]
    return words


def _field_names(expected: object) -> list[str]:
    return [
        field.alias or name
        for branch in _branches(expected)
        if isinstance(branch, type) and issubclass(branch, BaseModel)
        for name, field in branch.model_fields.items()
    ]


def _branches(expected: object) -> list[Any]:
    """The types of a union, or the type itself, without `Annotated`."""
    origin = typing.get_origin(expected)
    if origin is typing.Annotated:
        return _branches(typing.get_args(expected)[0])
    if origin is typing.Union or isinstance(expected, types.UnionType):
        return [branch for argument in typing.get_args(expected) for branch in _branches(argument)]
    return [expected]


def _locate(loc: Loc, root: yaml.Node, model: type[BaseModel]) -> _Place:
    """Follow `loc` through the document. Parts that are no keys there are pydantic's names of union branches."""
    node: yaml.Node | None = root
    line = line_number(root)
    place_keys: Loc = ()
    current: Any = model
    holder: Any = model
    for index, part in enumerate(loc):
        step = step_to(node, part)
        if step is not None:
            node, line = step
            place_keys, holder = (*place_keys, part), current
            current = _type_of_child(current, part)
        elif branch := next((b for b in _branches(current) if getattr(b, "__name__", None) == part), None):
            current = branch
        elif index == len(loc) - 1 and isinstance(part, str) and part in _field_names(current):
            place_keys = (*place_keys, part)  # a missing key gets the line of its holder
    unknown = bool(loc) and bool(place_keys) and place_keys[-1] == loc[-1] and current is None
    return _Place(place_keys, line, holder if unknown else current)


def _type_of_child(expected: object, part: str | int) -> Any:
    """The type below `part`; None for an unknown key."""
    found: list[Any] = []
    for branch in _branches(expected):
        origin, arguments = typing.get_origin(branch), typing.get_args(branch)
        if isinstance(branch, type) and issubclass(branch, BaseModel) and origin is None:
            for name, field in branch.model_fields.items():
                if part in (name, field.alias):
                    found.append(field.annotation)
        elif isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
            found.append(arguments[1])
        elif isinstance(origin, type) and issubclass(origin, Sequence | frozenset | set) and arguments:
            found.append(arguments[0])
    if not found:
        return None
    return found[0] if len(found) == 1 else typing.Union[tuple(found)]  # noqa: UP007  # built at run time
