"""Reads, journals, writes and restores device settings. Pure: values in, shell text out.

Old values go into a journal on the device before any change. The end of the session plays the journal back; after a kill, the next session
does. A line holds a key and a value, never a command: nothing in a device's file is executed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.devices.device_folder import JOURNAL

_MARK = "=setting "
_KEY = re.compile(r"[a-z_]+(:policy\d{1,3})?")
_VALUE = re.compile(r"[A-Za-z0-9_.:,=+ -]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value on the device.

    Args:
        key: condition and object: `governor:policy4`.
        read: shell text that prints the value, or nothing if the device lacks the setting.
        write: makes shell text that sets a value. Only a later read shows whether it worked.
    """

    key: str
    read: str
    write: Callable[[str], str]

    @property
    def condition(self) -> str:
        """Its name in the suite."""
        return self.key.partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """A setting with its wanted and its old value."""

    setting: Setting
    wanted: str
    old: str


def as_root(prefix: str, text: str) -> str:
    """Return shell text to run as root: `prefix` is empty if the shell is root already, else `su 0 sh -c` or `su -c`."""
    return f"{prefix} {shlex.quote(text)}" if prefix else text


def read_script(settings: Sequence[Setting]) -> str:
    """Return shell text that prints the value of each setting for `read_values`."""
    # Unquoted, so that a value of several lines becomes several words.
    return "\n".join(f'echo "{_MARK}{s.key}" $({{ {s.read}; }} 2>/dev/null </dev/null)' for s in settings)


def read_values(text: str) -> dict[str, str]:
    """Read the output of `read_script` by key; settings that the device lacks or that read as nonsense are left out."""
    values = {}
    for line in text.splitlines():
        if line.startswith(_MARK):
            key, _, value = line[len(_MARK) :].partition(" ")
            value = " ".join(value.split())
            if _KEY.fullmatch(key) and _VALUE.fullmatch(value):
                values[key] = value
    return values


def apply_script(folder: str, changes: Sequence[SettingChange]) -> str:
    """Return shell text that journals the old values and then changes them, or changes nothing if it cannot write the journal."""
    lines = "".join(f"{change.setting.key} {change.old}\n" for change in changes)
    writes = "\n".join(f"{{ {c.setting.write(c.wanted)}; }} >/dev/null 2>&1 </dev/null" for c in changes)
    return f"""
cd {shlex.quote(folder)} || exit 1
printf %s {shlex.quote(lines)} >>{JOURNAL} || exit 1
{writes}
true
"""


def read_journal(text: str) -> dict[str, str]:
    """Return the old values by key, in the order of the changes. Of a key changed twice the first one counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ")
        if _KEY.fullmatch(key) and _VALUE.fullmatch(value):
            found.setdefault(key, value)
    return found


def restore_script(
    folder: str, settings: Mapping[str, Setting], journal: Mapping[str, str], *, forget: bool = True
) -> str:
    """Return shell text that restores old values, the last change first, and removes the journal if each reads back.

    It prints `restored`, or `left` and the keys that would not go back.

    Args:
        folder: the harness's folder on the device.
        settings: all settings that the journal names, by key.
        journal: old values by key, in the order of the changes.
        forget: remove the journal; False if it holds more than `journal`.
    """
    steps = []
    for key, old in reversed(list(journal.items())):
        setting = settings[key]
        steps.append(
            f"{{ {setting.write(old)}; }} >/dev/null 2>&1 </dev/null\n"
            f'[ "$(echo $({{ {setting.read}; }} 2>/dev/null </dev/null))" = {shlex.quote(old)} ] || left="$left {key}"'
        )
    body = "\n".join(steps)
    # The script survives a broken connection, since a half restored phone helps nobody.
    return f"""
trap '' HUP
cd {shlex.quote(folder)} || exit 1
left=
{body}
if [ -z "$left" ]; then {f"rm -f {JOURNAL}" if forget else ":"}; echo restored; else echo "left$left"; fi
"""
