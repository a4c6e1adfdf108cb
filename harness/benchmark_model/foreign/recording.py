"""Turns a recorded file's bytes into the plain text that the tool wrote: encodings, line ends, colours, HTML and Markdown."""

from __future__ import annotations

import codecs
import re

_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


def decode_log(data: str | bytes) -> str:
    """Decode bytes to text with `\\n` as the only line end and without terminal colours. Never fails: invalid bytes become U+FFFD.

    Windows PowerShell writes UTF-16 for `> log.txt`; its byte order mark may be lost. Old `adb shell` turns a line end into `\\r\\r\\n`.
    """
    if isinstance(data, str):
        text = data.removeprefix("\ufeff")
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", errors="replace")
    elif (encoding := _bare_utf16(data)) is not None:
        text = data.decode(encoding, errors="replace")
    else:
        text = data.decode("utf-8-sig", errors="replace")
    if "\r" in text:
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if "\0" in text:
        text = text.replace("\0", "")  # a disk that lost power, a serial line
    return text


def _bare_utf16(data: bytes) -> str | None:
    """Detect UTF-16 without a byte order mark: every second byte of English text is zero."""
    begin = data[:400]
    half = len(begin) // 2
    if half < 8 or b"\0" not in begin:
        return None
    if begin[1::2].count(0) > 0.9 * half and begin[::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if begin[::2].count(0) > 0.9 * half and begin[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    return None


def as_utf8(file: bytes) -> bytes:
    """Convert UTF-16 to UTF-8; return any other file as it is, since it may be binary."""
    if file.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _bare_utf16(file) is not None:
        return decode_log(file).encode()
    return file


_HTML = ("<pre", "<code", "<br", "</p>", "</pre>", "</code>")
_TAGS = re.compile(
    r"^(?:[ \t]{0,40}<(?:pre|code|p|div|span)(?: [^<>\n]{0,200})?>){1,8}|(?:<br ?/?>|</(?:pre|code|p|div|span)>){1,8}[ \t]{0,40}$",
    re.MULTILINE,
)
_BREAK = re.compile(r"<br ?/?>")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&nbsp;": " ", "&amp;": "&"}


_AT_THE_MARGIN = re.compile(r"^[^ \n]", re.MULTILINE)
_BOLD = re.compile(r"(?<==)\*\*([\d.e+-]{1,20})\*\*")


def without_markup(text: str) -> str:
    """Remove HTML and Markdown from a copied log: tags at the ends of lines, bold figures, and the indentation of a block.

    Any other text stays as it is, and so do tags inside a line, which are part of a name.
    """
    if text[:1] in (" ", "\n") and _AT_THE_MARGIN.search(text) is None:
        lines = text.split("\n")
        indent = min((len(line) - len(line.lstrip(" ")) for line in lines if line), default=0)
        text = "\n".join(line[indent:] for line in lines)
    if text.count("\\n") > text.count("\n") and ("STARTING!\\n" in text or " timings in us: " in text):
        text = text.replace("\\n", "\n").replace("\\t", "\t")  # a string of JSON
    if "timings\u00a0in\u00a0us" in text:
        text = text.replace("\u00a0", " ")
    if "=**" in text:
        text = _BOLD.sub(r"\1", text)
    if "<" not in text or not any(tag in text for tag in _HTML):
        return text
    if text.count("<br") > text.count("\n"):
        text = _BREAK.sub("\n", text)
    stripped = _TAGS.sub("", text)
    if stripped != text:
        for entity, character in _ENTITIES.items():
            stripped = stripped.replace(entity, character)
    return stripped
