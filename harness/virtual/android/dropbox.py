"""`dumpsys dropbox`: reports that survive a reboot (frameworks/base, DropBoxManagerService)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from harness.virtual.android.bus import CommandAnswer

_USAGE = "Usage: dumpsys dropbox [--print|--file] [YYYY-mm-dd] [HH:MM:SS] [tag]\n"
_SHOWN_CHARACTERS = 70


@dataclass(frozen=True, slots=True)
class DropBoxEntry:
    """A report. `at_s` is in seconds since the epoch."""

    at_s: float
    tag: str
    text: str

    @property
    def date(self) -> str:
        """The date under which an entry is listed and searched."""
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.at_s))


def dropbox(entries: Sequence[DropBoxEntry], words: list[str]) -> CommandAnswer:
    """Answer `dumpsys dropbox WORDS`."""
    flags = [word for word in words if word.startswith("-")]
    searched = [word for word in words if not word.startswith("-")]
    unknown = [flag for flag in flags if flag not in ("-p", "--print")]
    out = [f"Unknown argument: {flag}\n" for flag in unknown]
    out.append(f"Drop box contents: {len(entries)} entries\nMax entries: 1000\n")
    if searched:
        out.append(f"Searching for: {' '.join(searched)}\n")
    out.append("\n")
    found = [entry for entry in entries if all(word in entry.date or word == entry.tag for word in searched)]
    for entry in found:
        head = f"{entry.date} {entry.tag} (text, {len(entry.text.encode())} bytes)\n"
        if flags:
            out.append(f"{'=' * 40}\n{head}{entry.text}\n")
        else:
            first = entry.text.strip().replace("\n", "/")
            out.append(f"{head}    {first[:_SHOWN_CHARACTERS]}{' ...' if len(first) > _SHOWN_CHARACTERS else ''}\n")
    if not found:
        out.append("(No entries found.)\n")
    if not words:
        out.append(f"\n{_USAGE}")
    return CommandAnswer(out="".join(out))
