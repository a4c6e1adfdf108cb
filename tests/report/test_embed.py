from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.embed import content_hash, json_block, log_href, own_code, rounded


@given(st.text() | st.text(alphabet="<>/!&-scriptSCRIPT\u2028\u2029\"'\\"))
def test_embedded_json_reads_back_and_holds_nothing_that_html_reads(text: str) -> None:
    block = str(json_block({"name": text, text: 1}))
    assert not set(block) & set("<>&\u2028\u2029")
    assert json.loads(block) == {"name": text, text: 1}


def test_the_policy_names_code_by_its_hash() -> None:
    # The value that the specification of Content Security Policy gives for `alert('Hello, world.');`.
    assert content_hash("alert('Hello, world.');") == "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
    assert content_hash("// \u00e4") != content_hash("// a")


@pytest.mark.parametrize("code", ["a </script> b", "a </SCRIPT", "</style>", "<!-- x"])
def test_code_that_would_end_its_element_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="cannot be inlined"):
        own_code(code)


@pytest.mark.parametrize(
    ("path", "href"),
    [
        ("logs/t1/stdout.txt", "logs/t1/stdout.txt"),
        ("logs/a b/<x>.txt", "logs/a%20b/%3Cx%3E.txt"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("../../etc/passwd", None),
        ("/etc/passwd", None),
        ("logs\\x", None),
        ("", None),
    ],
)
def test_log_links_stay_inside_the_run(path: str, href: str | None) -> None:
    assert log_href("", path) == href


def test_log_links_carry_the_way_to_the_run() -> None:
    assert log_href("../runs/one/", "logs/t/stdout.txt") == "../runs/one/logs/t/stdout.txt"


@pytest.mark.parametrize(
    ("value", "short"),
    [
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
        (3.0, 3),
        (0.1234567, 0.123457),
        (1234567.8, 1234570),
        (0.0, 0),
    ],
)
def test_numbers_are_short_and_always_numbers(value: float | None, short: float | None) -> None:
    assert rounded(value) == short


def test_numbers_that_are_none_are_null() -> None:
    value = {"a": [1.5, float("nan"), {"b": (float("inf"), 2)}], "c": float("-inf")}
    assert json.loads(str(json_block(value))) == {"a": [1.5, None, {"b": [None, 2]}], "c": None}
