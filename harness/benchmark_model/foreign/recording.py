"""From bytes as they were recorded to lines: encodings, line ends, colours, and the wrapper of a recorded command.

A recorded command is one file that holds it all: `# cmd: ...`, `# ---- stdout ----`, `# ---- stderr ----`, `# exit: N`, each on a
line of its own and each optional.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_MARKER = re.compile(r"^# (?:---- (stdout|stderr) ----|exit: (-?\d{1,10})|cmd: (.*))$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """An output taken apart. `stderr` is None where it was not recorded apart from stdout."""

    stdout: str
    stderr: str | None = None
    exit_code: int | None = None
    command: str | None = None
    earlier: int = 0
    """Recorded commands before this one, in the same file."""


def decode(data: str | bytes) -> str:
    """Bytes to text with `\\n` as the only line end and no terminal colours. Never fails: what is no text becomes U+FFFD.

    UTF-16 is what `> log.txt` writes in Windows PowerShell; its mark may be lost. `\\r\\r\\n` is what old `adb shell` makes of a line end.
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
    """UTF-16 without its byte order mark: every second byte of a text in English is zero."""
    begin = data[:400]
    half = len(begin) // 2
    if half < 8 or b"\0" not in begin:
        return None
    if begin[1::2].count(0) > 0.9 * half and begin[::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if begin[::2].count(0) > 0.9 * half and begin[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    return None


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
    """A log that was copied as HTML or Markdown, without the tags at the ends of its lines, bold figures, and the indentation of a block.

    Any other text stays as it is, and so do tags inside of a line: they are a part of some name.
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


def unwrap(text: str) -> Recording:
    """Take a recorded command apart; an output without markers comes back as it is.

    Markers count only in a file that begins with one: a tool's own output may hold such a line anywhere.
    """
    if not text.startswith("# "):
        return Recording(stdout=text)
    streams: dict[str, list[str]] = {"stdout": [], "stderr": []}
    separate = False
    current = "stdout"
    exit_code: int | None = None
    command: str | None = None
    position = earlier = 0
    for match in _MARKER.finditer(text):
        streams[current].append(text[position : match.start()])
        position = min(match.end() + 1, len(text))
        if match[1]:
            current = match[1]
            separate = separate or current == "stderr"
        elif match[2]:
            exit_code = int(match[2])
        else:
            if command is not None:  # another recording begins: nothing of the one before it is this one's
                streams = {"stdout": [], "stderr": []}
                current, separate, exit_code = "stdout", False, None
                earlier += 1
            command = match[3]
    if position == 0:
        return Recording(stdout=text)
    streams[current].append(text[position:])
    return Recording(
        stdout="".join(streams["stdout"]),
        stderr="".join(streams["stderr"]) if separate else None,
        exit_code=exit_code,
        command=command,
        earlier=earlier,
    )
