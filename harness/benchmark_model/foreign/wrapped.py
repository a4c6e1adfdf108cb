"""Rejoins lines that a terminal, a mail or an editor broke, if all parts are unmistakable.

This concerns only the few messages with numbers or about delegates: half of one would be a wrong number or hide a fallback. Each looks at
most three lines ahead, so time grows in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.benchmark_model.foreign.log_prefixes import strip_log_prefix
from harness.benchmark_model.needles import present
from harness.benchmark_model.numbers import NUMBER

_VALUE = rf"(?:{NUMBER}|-?nan|-?inf)"
_PERCENTILES = rf"(?: p5={_VALUE} median={_VALUE} p95={_VALUE})?"
_STATISTICS = (
    rf"count=\d{{1,12}}(?: curr={_VALUE}(?:\(all same\))?"
    rf"| first={_VALUE} curr={_VALUE} min={_VALUE} max={_VALUE} avg={_VALUE} std={_VALUE})?{_PERCENTILES}$"
)
_MOST_LINES = 3
_MOST_CHARACTERS = 400

_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (needle, re.compile(pattern))
    for needle, pattern in (
        (
            "nference timings in us: ",
            rf"(?:Average i|I)nference timings in us: (?:[A-Z][a-z]+(?: inference)?(?: \(avg\))?: {NUMBER}, ){{1,4}}"
            rf"(?:Inference(?: \(avg\))?|no stats): {NUMBER}$",
        ),
        ("count=", _STATISTICS),
        (
            " delegate, and the model",
            r".{1,120} delegate, and the model graph will be \w+ executed (?:by|w/) the delegate",
        ),
        (" delegate is ", r"Though .{1,80} delegate is (?:explicitly )?applied, the model graph will not be executed"),
        (
            "node(s) with delegate",
            r"Replacing \d{1,9}(?: out of \d{1,9})? node\(s\) with delegate \(.{1,200}\) node, "
            r"yielding \d{1,9} partitions(?: for subgraph \d{1,9}(?: \(.{0,200}\))?)?\.?$",
        ),
        (
            "nodes delegated out of",
            r".{1,120}: \d{1,9} nodes delegated out of \d{1,9} nodes,? with \d{1,9} partitions\.?$",
        ),
        ("via periodic", rf"Overall peak memory footprint \(MB\) via periodic monitoring: {NUMBER}$"),
        ("The input model file size", rf"The input model file size \(MB\): {NUMBER}$"),
        ("footprint", rf"(?:Memory|Peak memory) footprint .{{0,40}}\(MB\): init={NUMBER} overall={NUMBER}$"),
    )
)
_NEEDLES = tuple(needle for needle, _ in _FORMS)
_BEGINNINGS = (
    "Inference",
    "Average",
    "count=",
    "Explicitly",
    "Applied",
    "Though",
    "Replacing",
    "Memory",
    "Peak",
    "Overall",
    "The input",
)
_FRAGMENT = re.compile(r"[\d.e+-]{1,20}(?:$| p5=)|p5=")
_LAST_NUMBER = re.compile(r"[=:] ?[\d.]{1,20}$")


def rejoin(text: str) -> str:
    """Put each broken message into one line; all other text stays as it is."""
    pieces: list[str] = []
    done = 0
    for start, end in _candidates(text):
        if start < done:
            continue
        joined = _joined(text, start, end)
        if joined is None:
            continue
        message, stop = joined
        pieces += [text[done:start], message]
        done = stop
    return text if not pieces else "".join([*pieces, text[done:]])


def _candidates(text: str) -> Iterator[tuple[int, int]]:
    """Return start and end of each line with one of the messages, in order."""
    found: list[tuple[int, int]] = []
    for needle in present(text, _NEEDLES):
        position = text.find(needle)
        while position >= 0:
            start = text.rfind("\n", max(0, position - 2 * _MOST_CHARACTERS), position) + 1
            end = text.find("\n", position)
            if end < 0:
                break
            if end - start <= _MOST_CHARACTERS:
                found.append((start, end))
            position = text.find(needle, end)
    return iter(sorted(set(found)))


def _joined(text: str, start: int, end: int) -> tuple[str, int] | None:
    """Return the rejoined line and the position of its end; None if the line is not broken."""
    raw = text[start:end]
    line = strip_log_prefix(raw)
    message = line.text.strip()
    if not line.ours or not (message.startswith(_BEGINNINGS) or " nodes delegated out of " in message):
        return None
    form = next((form for needle, form in _FORMS if needle in message), None)
    if form is None:
        return None
    before = raw[: raw.rindex(message)]
    if form.match(message) is not None:
        longer, stop = _extended(text, form, message, end)
        return None if longer == message else (before + longer, stop)
    heads = [message]
    position = end
    for _ in range(_MOST_LINES):
        part, after = _next(text, position)
        part = part.strip()
        if not part or part.startswith(_BEGINNINGS) or len(heads[-1]) + len(part) > 2 * _MOST_CHARACTERS:
            return None
        # The break is between two words or within one; try which makes the message whole.
        heads = [f"{head}{blank}{part}" for head in heads for blank in ("", " ")]
        for head in heads:
            if form.match(head) is not None:
                head, after = _extended(text, form, head, after)
                return before + head, after
        position = after
    return None


def _extended(text: str, form: re.Pattern[str], message: str, end: int) -> tuple[str, int]:
    """Complete a message that looks whole, if the next line holds the end of its last number or the percentiles."""
    part, after = _next(text, end)
    part = part.strip()
    if _LAST_NUMBER.search(message) is None or _FRAGMENT.match(part) is None:
        return message, end
    for blank in ("", " "):
        if form.match(f"{message}{blank}{part}") is not None:
            return f"{message}{blank}{part}", after
    return message, end


def _next(text: str, end: int) -> tuple[str, int]:
    """Return the line after the line end at `end`, and the position of its own end."""
    if end >= len(text):
        return "", len(text)
    after = text.find("\n", end + 1)
    after = len(text) if after < 0 else after
    return text[end + 1 : min(after, end + 1 + _MOST_CHARACTERS)], after
