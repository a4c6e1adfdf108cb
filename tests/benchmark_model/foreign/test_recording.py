"""Encodings, colours, HTML, Markdown and JSON around an output."""

from __future__ import annotations

import pytest

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
