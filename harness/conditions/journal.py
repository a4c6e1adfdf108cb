"""A setting that changes the device: read it, journal it, write it, read it back, restore it. Pure: values in, shell text out.

Before anything is changed its old value goes into a journal on the device. The end of a session plays the journal back; if a
session is killed before, the next one does. A line holds a key and a value, never a command: what a file on a device says is not run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

JOURNAL = "journal"
"""File in our folder on the device. Present only while something is changed."""

_MARK = "=setting "
_KEY = re.compile(r"[a-z_]+(:policy\d{1,3})?")
_VALUE = re.compile(r"[A-Za-z0-9_.:,=+ -]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value on the device.

    Args:
        key: condition, and what it is about: `governor:policy4`.
        read: shell text that prints the value; nothing where the device has no such thing.
        write: from a value to shell text that sets it. Whether that worked is found by reading, never believed.
    """

    key: str
    read: str
    write: Callable[[str], str]

    @property
    def condition(self) -> str:
        """The suite's word for it."""
        return self.key.partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A setting, what it is to be, and what it was."""

    setting: Setting
    wanted: str
    old: str


def as_root(prefix: str, text: str) -> str:
    """Shell text run by root: `prefix` is empty where the shell is root already, else `su 0 sh -c` or `su -c`."""
    return f"{prefix} {shlex.quote(text)}" if prefix else text


def read_script(settings: Sequence[Setting]) -> str:
    """Prints the value of each setting, for `read_values`."""
    # Unquoted on purpose: a value of several lines becomes one of several words.
    return "\n".join(f'echo "{_MARK}{s.key}" $({{ {s.read}; }} 2>/dev/null </dev/null)' for s in settings)


def read_values(text: str) -> dict[str, str]:
    """What `read_script` printed, by key; settings that the device lacks, or that read as something impossible, are not in it."""
    values = {}
    for line in text.splitlines():
        if line.startswith(_MARK):
            key, _, value = line[len(_MARK) :].partition(" ")
            value = " ".join(value.split())
            if _KEY.fullmatch(key) and _VALUE.fullmatch(value):
                values[key] = value
    return values


def apply_script(folder: str, changes: Sequence[Change]) -> str:
    """Journals the old values, then changes them; nothing is changed where the journal cannot be written."""
    lines = "".join(f"{change.setting.key} {change.old}\n" for change in changes)
    writes = "\n".join(f"{{ {c.setting.write(c.wanted)}; }} >/dev/null 2>&1 </dev/null" for c in changes)
    return f"""
cd {shlex.quote(folder)} || exit 1
printf %s {shlex.quote(lines)} >>{JOURNAL} || exit 1
{writes}
true
"""


def read_journal(text: str) -> dict[str, str]:
    """Old values by key, in the order of the changes. A key that was changed twice keeps the value that it had first."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ")
        if _KEY.fullmatch(key) and _VALUE.fullmatch(value):
            found.setdefault(key, value)
    return found


def restore_script(
    folder: str, settings: Mapping[str, Setting], journal: Mapping[str, str], *, forget: bool = True
) -> str:
    """Restores old values, the last change first, and removes the journal once each value reads as it did.

    Args:
        folder: ours on the device.
        settings: by key, all that the journal names.
        journal: old values by key, in the order of the changes.
        forget: whether the journal may go; not where it holds more than is given here.

    Prints `restored`, or the keys that would not go back.
    """
    steps = []
    for key, old in reversed(list(journal.items())):
        setting = settings[key]
        steps.append(
            f"{{ {setting.write(old)}; }} >/dev/null 2>&1 </dev/null\n"
            f'[ "$(echo $({{ {setting.read}; }} 2>/dev/null </dev/null))" = {shlex.quote(old)} ] || left="$left {key}"'
        )
    body = "\n".join(steps)
    # Goes on where the connection breaks: half of the old values are no state to leave a phone in.
    return f"""
trap '' HUP
cd {shlex.quote(folder)} || exit 1
left=
{body}
if [ -z "$left" ]; then {f"rm -f {JOURNAL}" if forget else ":"}; echo restored; else echo "left$left"; fi
"""
