"""Encodings, colours, HTML, Markdown and JSON around an output."""

from __future__ import annotations

import pytest

from harness.benchmark_model.foreign.recording import as_utf8, decode_log, without_markup
from tests.benchmark_model.foreign.logs import read
from tests.benchmark_model.outputs import GOOD, RUN, START, TIMINGS


@pytest.mark.parametrize(
    "data",
    [
        (START + RUN + TIMINGS).replace("\n", "\r\n").encode(),
        (START + RUN + TIMINGS).replace("\n", "\r\r\n").encode(),
        b"\xef\xbb\xbf" + (START + RUN + TIMINGS).encode(),
        (START + RUN + TIMINGS).encode("utf-16"),
        "".join(f"\x1b[1;32m{line}\x1b[0m\n" for line in (START + RUN + TIMINGS).split("\n")).encode(),
        b"\x00\xff\xfe binary\n" + (START + RUN + TIMINGS).encode() + b"\x80\x81",
    ],
)
def test_encodings(data: bytes) -> None:
    got = read(data)
    assert (got["status"], got["inference_avg_us"], got["runs"]["count"]) == ("ok", 101.5, 50)


def test_a_string_of_json_and_blanks_that_do_not_break() -> None:
    assert read(GOOD.replace("\n", "\\n")) == read(GOOD)
    assert read(GOOD.replace(" ", "\u00a0")) == read(GOOD)
    assert read(GOOD.replace("\n", "\0\n") + "\0" * 50) == read(GOOD)


@pytest.mark.parametrize(
    "text",
    [
        "<pre><code>" + GOOD.replace("\n", "<br>\n") + "</code></pre>\n",
        "<pre>" + GOOD.rstrip() + "</code></pre>\n",
        '<pre class="a">' + GOOD.rstrip().replace("\n", "<br />") + "</pre>",
        "<p>" + GOOD.rstrip() + "</p>\n<p>Next.</p>\n",
    ],
)
def test_copied_as_html(text: str) -> None:
    assert read(text) == read(GOOD)


def test_entities_are_text_where_nothing_is_html() -> None:
    row = "\tADD\t0.000\t1.500\t1.250\t100.000%\t100.000%\t0.000\t1\t[a&lt;b<br>]:0\n"
    got = read(f"\t[node type]\t[start]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]\n{row}")
    assert got["ops"][0]["name"] == "[a&lt;b<br>]:0"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf_16_with_and_without_its_mark(encoding: str) -> None:
    assert read(GOOD.encode(encoding)) == read(GOOD)


def test_bold_figures() -> None:
    assert read(START + RUN.replace("avg=101.5", "avg=**101.5**") + TIMINGS) == read(GOOD)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\r\nb\r\r\nc\rd\n", "a\nb\nc\nd\n"),
        (b"\xef\xbb\xbfa", "a"),
        ("\ufeffa", "a"),
        (b"a\x80b", "a\ufffdb"),
        (b"\x1b[1;32ma\x1b[0m\x1b]0;title\x07b", "ab"),
        (b"a\0b\0", "ab"),
        ("\u00e4\n".encode("utf-16-le") * 20, "\u00e4\n" * 20),
        ("STARTING".encode("utf-16-le"), "STARTING"),  # eight characters are enough to tell
        ("STARTING".encode("utf-16-be"), "STARTING"),
        ("STARTIN".encode("utf-16-le"), "STARTIN"),  # by dropping what is no text
        (("a" * 11 + "\u4e00").encode("utf-16-le"), "a" * 11 + "\u4e00"),
        (("a" * 11 + "\u4e00").encode("utf-16-be"), "a" * 11 + "\u4e00"),
        (b"plain text of more than eight characters", "plain text of more than eight characters"),
    ],
)
def test_bytes_become_plain_lines(data: bytes | str, text: str) -> None:
    assert decode_log(data) == text


def test_text_with_zeros_here_and_there_is_no_utf_16() -> None:
    some = b"a\0" * 8 + b"ab" * 2
    assert decode_log(some) == "a" * 8 + "abab"
    both = b"\0\0" * 10
    assert decode_log(both) == ""


def test_a_file_beside_the_log_stays_binary_unless_it_is_utf_16() -> None:
    assert as_utf8("node type, first\n".encode("utf-16")) == b"node type, first\n"
    assert as_utf8("node type, first\n".encode("utf-16-le")) == b"node type, first\n"
    for file in (b"", b"\x0a\x05\xff\0binary", b"a\r\nb"):
        assert as_utf8(file) is file


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("", ""),
        ("a\n  b\n", "a\n  b\n"),
        ("  a\n    b\n\n  c\n", "a\n  b\n\nc\n"),
        ("\n    a\n  b\n", "\n  a\nb\n"),
        (" \n", "\n"),
        ("\n\n", "\n\n"),
        ("STARTING!\\na\\tb\\n", "STARTING!\na\tb\n"),
        ("x timings in us: 1\\na\\n", "x timings in us: 1\na\n"),
        ("C:\\new\\names", "C:\\new\\names"),
        ("STARTING!\\na\nb\n", "STARTING!\\na\nb\n"),  # as many line ends as their names
        ("timings\u00a0in\u00a0us:\u00a01", "timings in us: 1"),
        ("a\u00a0b", "a\u00a0b"),
        ("avg=**1.5**, **2**", "avg=1.5, **2**"),
        ("<pre>a &lt;b&gt; &amp;lt;</pre>", "a <b> &lt;"),
        ("a<br>b<br/>c<br />d", "a\nb\nc\nd"),
        ("a<br>\nb<br>\n", "a\nb\n"),
        ("a &lt; b", "a &lt; b"),
        ("a <b>b</b> &lt;", "a <b>b</b> &lt;"),
        ("a </code>b</code>", "a </code>b"),
    ],
)
def test_markup_is_taken_off_where_it_is_some(text: str, plain: str) -> None:
    assert without_markup(text) == plain
