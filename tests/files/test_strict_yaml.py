from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.errors import SuiteError
from harness.files.strict_yaml import load_yaml_model, load_yaml_model_from_text


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Options(Strict):
    name: str
    precision: Literal["fp16", "fp32"] = "fp32"
    threads: int = Field(default=1, ge=1)


class Document(Strict):
    title: str
    items: tuple[str | Options, ...] = ()
    by_name: dict[str, Options] = {}
    mode: Literal["fast", "slow"] | int = "fast"
    limit: Annotated[float, Field(gt=0)] | None = None
    nested: Options | None = None
    aliased: int = Field(default=0, alias="other-name")

    @model_validator(mode="after")
    def _title_is_not_bad(self) -> Document:
        if self.title == "bad":
            raise ValueError("a title must not be bad")
        return self


def error_of(text: str) -> SuiteError:
    with pytest.raises(SuiteError) as caught:
        load_yaml_model_from_text(text, "doc.yaml", Document)
    return caught.value


def test_a_good_document() -> None:
    document = load_yaml_model_from_text(
        "title: t\nitems: [a, {name: b, threads: 2}]\nother-name: 3\nmode: 7\n", "doc.yaml", Document
    )
    assert document.items == ("a", Options(name="b", threads=2))
    assert (document.aliased, document.mode) == (3, 7)


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("titel: t\n", 1, "titel", "unknown key (did you mean `title`?)"),
        ("title: t\nnonsense: 1\n", 2, "nonsense", "unknown key (valid: title, items"),
        ("items: []\n", 1, "title", "this key is required"),
        ("title: t\nitems:\n  - a\n  - {name: b, thread: 2}\n", 4, "items[1].thread", "did you mean `threads`?"),
        ("title: t\nitems:\n- name: b\n  precision: fp61\n", 4, "items[0].precision", "did you mean `fp16`?"),
        ("title: t\nitems: [3]\n", 2, "items[0]", "should be a valid string, or"),
        (
            "title: t\nby_name:\n  x:\n    name: a\n    threads: 0\n",
            5,
            "by_name.x.threads",
            "greater than or equal to 1",
        ),
        ("title: t\nby_name:\n  x:\n    nam: a\n", 4, "by_name.x.nam", "did you mean `name`?"),
        ("title: t\nnested: {name: 1}\n", 2, "nested.name", "should be a valid string, not 1"),
        ("title: t\nmode: fats\n", 2, "mode", "did you mean `fast`?"),
        ("title: t\nother_name: 1\n", 2, "other_name", "did you mean `other-name`?"),
        ("title: t\nlimit: -1\n", 2, "limit", "greater than 0"),
        ("title: t\nlimit: [1]\n", 2, "limit", "should be a valid number"),
        ("title: bad\n", 1, None, "a title must not be bad"),
        ("title: t\ntitle: u\n", 2, "title", "is given twice (first in line 1)"),
        ("title: t\nnested:\n  name: a\n  name: b\n", 4, "nested.name", "is given twice (first in line 3)"),
        ("title: [t\nitems: x", 2, None, "is not valid YAML"),
        ("title: !!python/object/apply:os.system [true]\n", 1, None, "is not valid YAML"),
        ("- a\n- b\n", 1, None, "must be a mapping"),
        ("", None, None, "is empty"),
        ("title: &a [*a]\n", 1, None, "an alias refers to the value that contains it"),
        ("title: t\n---\ntitle: u\n", 2, None, "is not valid YAML"),
        ("title: 2024-99-99\n", None, None, "is not valid YAML"),
        ("title: \x01\n", None, None, "is not valid YAML"),
        ("1: x\ntitle: t\n", 1, "[1]", "keys should be strings, not 1"),
    ],
)
def test_every_mistake_names_its_line_and_key(text: str, line: int | None, key: str | None, words: str) -> None:
    error = error_of(text)
    assert words in str(error)
    assert (error.line, error.key) == (line, key)
    assert str(error).startswith("doc.yaml")
    assert "\n" not in str(error)


def test_all_mistakes_are_said_at_once_in_the_order_of_the_document() -> None:
    text = (
        "titel: t\nlimit: -1\nitems:\n  - {nam: b, threads: 0, precision: fp61}\n  - 3\n"
        "by_name: {x: {name: 1}}\nnested: {threads: 2}\nstray: 1\n"
    )
    error = error_of(text)
    found = [(one.line, one.key) for one in (error, *error.further)]
    assert found == [
        (1, "titel"),
        (2, "limit"),
        (4, "items[0].precision"),
        (4, "items[0].threads"),
        (4, "items[0].nam"),
        (5, "items[1]"),
        (6, "by_name.x.name"),
        (7, "nested.name"),
        (8, "stray"),
    ]
    lines = str(error).split("\n")
    assert len(lines) == len(found)
    assert all(line.startswith(f"doc.yaml:{number}: {key}: ") for line, (number, key) in zip(lines, found, strict=True))


def test_all_keys_that_are_given_twice_are_said_at_once() -> None:
    error = error_of("title: t\ntitle: u\nnested: {name: a, name: b}\n")
    assert [(one.line, one.key) for one in (error, *error.further)] == [(2, "title"), (3, "nested.name")]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("010", "010 is 8 in YAML: write 10, or 8"),
        ("-017", "is -15"),
        ("007", "007 is an octal number in YAML: write 7"),
        ("1:30", "base of 60"),
        ("1:30.5", "base of 60"),
    ],
)
def test_numbers_that_yaml_reads_otherwise_than_people_are_refused(number: str, words: str) -> None:
    error = error_of(f"title: t\nother-name: {number}\n")
    assert ", or 7" not in str(error)
    assert (error.line, error.key) == (2, "other-name")
    assert words in str(error)
    assert load_yaml_model_from_text("title: '010'\nother-name: 0\n", "doc.yaml", Document).title == "010"


def test_aliases_that_blow_up_are_refused() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 9))
    assert "absurd size" in str(error_of("l0: &l0 [x]\n" + levels + "title: t\n"))


def test_deep_nesting_is_refused_without_a_crash() -> None:
    assert "nested too deeply" in str(error_of("title: " + "[" * 5000 + "]" * 5000 + "\n"))


def test_an_alias_may_be_used_twice() -> None:
    text = "title: t\nitems:\n  - &o {name: a}\n  - *o\n  - {<<: *o, threads: 3}\n"
    document = load_yaml_model_from_text(text, "doc.yaml", Document)
    assert document.items == (Options(name="a"), Options(name="a"), Options(name="a", threads=3))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(SuiteError, match=words):
            load_yaml_model(path, Document)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"title: \xff\n")
    with pytest.raises(SuiteError, match="not UTF-8 text"):
        load_yaml_model(binary, Document)
