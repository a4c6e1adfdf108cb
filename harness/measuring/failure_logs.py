"""What the device logged about a failed trial: logcat since the trial began, and the tombstone of a crashed process.

It takes one round trip, and only after a failure. A user build lets the shell read all of `logcat` and the dropbox, into which Android
copies each tombstone; only root can read `/data/tombstones`.
If neither has the tombstone, the lines that `crash_dump` logged stand in: they are the tombstone without its memory.
Formats: AOSP system/logging (logcat, `threadtime`), system/core/debuggerd, frameworks/base (DropBoxManagerService).
"""

from __future__ import annotations

import logging
import math
import re
import secrets
import shlex
import threading

from harness.devices.device_folder import BASE_DIR
from harness.devices.target import Cancelled, Target
from harness.errors import DeviceError
from harness.records.causes import Cause

log = logging.getLogger(__name__)

STORY = ("logcat", "tombstone")
"""Kinds of logs (`Result.logs`) that the device itself wrote."""

_MARK = "--8<-- harness "
_KEPT_BYTES = 256 * 1024
"""Largest size of each part in bytes; its end is kept, since what matters comes last."""
_KEPT_LINES = 2000
"""Lines of the log to take if the device cannot compute when the trial began."""
_COMMAND_TIMEOUT_S = 3
_TIMEOUT_S = 30.0
_DROPBOX_LOOKS = 4
"""How often to look for a tombstone, half a second apart: Android copies it into the dropbox a moment after the process has ended."""
_DUMPED = frozenset({4, 5, 6, 7, 8, 11, 16, 31})
"""Signals for which Android writes a tombstone: ILL, TRAP, ABRT, BUS, FPE, SEGV, STKFLT, SYS (debuggerd's handler)."""

_ENTRY = re.compile(r"^=+\n(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) SYSTEM_TOMBSTONE\b[^\n]*\n", re.MULTILINE)
_CRASH_DUMP_LINE = re.compile(r"^\S+ \S+ +(\d+) +\d+ F DEBUG *: (.*)$")


def left_a_tombstone(causes: tuple[Cause, ...], exit_code: int | None) -> bool:
    """Return whether Android writes a tombstone for a process with this exit code."""
    return Cause.CRASHED in causes or (exit_code is not None and exit_code - 128 in _DUMPED)


def collect(
    target: Target, folder: str, *, ago_s: float, tombstone: bool, root: str | None, cancel: threading.Event
) -> dict[str, bytes]:
    """Collect what a device logged about a trial.

    Args:
        target: the device.
        folder: the trial's folder on the device, which holds the PID of its benchmark.
        ago_s: how many seconds ago the trial began.
        tombstone: whether to look for one.
        root: how to become root there; None if that is not possible.
        cancel: set when the run is ending.

    Returns:
        Kind (`logcat`, `tombstone`) to text; a kind that the device does not have is left out. Never raises for a device that fails
        meanwhile, because the trial's own failure is what counts.
    """
    nonce = secrets.token_hex(8)
    try:
        output = target.run(_script(folder, nonce, ago_s, tombstone, root), timeout_s=_TIMEOUT_S, cancel=cancel)
    except (DeviceError, Cancelled) as error:
        log.info("%s: cannot read its log: %s", target.serial, error)
        return {}
    return read_story(output.stdout, nonce)


def read_story(output: bytes, nonce: str) -> dict[str, bytes]:
    """Split the script's output by kind. Pure."""
    parts: dict[str, bytes] = {}
    for piece in output.split(f"\n{_MARK}{nonce} ".encode())[1:]:
        name, _, body = piece.partition(b"\n")
        parts[name.decode(errors="replace")] = body
    found = {}
    if parts.get("logcat", b"").strip():
        found["logcat"] = parts["logcat"]
    pid = parts.get("pid", b"").strip().decode(errors="replace")
    began = parts.get("began", b"").strip().decode(errors="replace")
    text = (
        parts.get("tombstones", b"").decode(errors="replace")
        or _from_dropbox(parts.get("dropbox", b"").decode(errors="replace"), pid, began)
        or (_from_log(found.get("logcat", b"").decode(errors="replace"), pid) if "dropbox" in parts else "")
    )
    if text:
        found["tombstone"] = text.encode()
    return found


def _from_dropbox(text: str, pid: str, began: str) -> str:
    """Return the process's newest dropbox entry since the trial began."""
    headed = _ENTRY.split(text.replace("\r\n", "\n"))[1:]
    for at, body in reversed(list(zip(headed[::2], headed[1::2], strict=True))):
        if at >= began and _is_of(body, pid):
            return body.strip("\n") + "\n"
    return ""


def _from_log(text: str, pid: str) -> str:
    """Return what `crash_dump` logged about that process. The lines of one dump share the PID of `crash_dump`."""
    dumps: dict[str, list[str]] = {}
    for line in text.splitlines():
        if (match := _CRASH_DUMP_LINE.match(line)) is not None:
            dumps.setdefault(match.group(1), []).append(match.group(2))
    for lines in reversed(list(dumps.values())):
        body = "\n".join(lines) + "\n"
        if _is_of(body, pid):
            return body
    return ""


def _is_of(body: str, pid: str) -> bool:
    """Return whether a tombstone is the trial's: by its PID if that is known, else by our folder in its command line."""
    return re.search(rf"^pid: {pid}, ", body, re.MULTILINE) is not None if pid.isdigit() else BASE_DIR in body


def _script(folder: str, nonce: str, ago_s: float, tombstone: bool, root: str | None) -> str:
    # One second more: `date` prints whole seconds, the log's clock is finer.
    ago = math.ceil(ago_s) + 1
    begins = f"echo; echo {shlex.quote(_MARK + nonce)}"
    text = f"""
D={shlex.quote(folder)}; p=; {{ read -r p <"$D"/pid; }} 2>/dev/null
b=$(date -d @$(($(date +%s) - {ago})) '+%Y-%m-%d %H:%M:%S' 2>/dev/null)
{begins} pid; echo "$p"
{begins} began; echo "$b"
{begins} logcat
if [ "$b" ]; then timeout {_COMMAND_TIMEOUT_S} logcat -d -v threadtime -T "${{b#*-}}.000" 2>/dev/null
else timeout {_COMMAND_TIMEOUT_S} logcat -d -v threadtime -t {_KEPT_LINES} 2>/dev/null; fi | tail -c {_KEPT_BYTES}
"""
    if tombstone:
        find = (
            'for f in $(ls -t /data/tombstones/tombstone_?? 2>/dev/null); do [ "$f" -nt "$1"/pid ] && '
            f'grep -q "^pid: $2, " "$f" && head -c {_KEPT_BYTES} "$f" && break; done 2>/dev/null'
        )
        # `su` takes the command line as one word, so the folder and the PID are written into it.
        find = f'{root} "set -- $D $p; "{shlex.quote(find)}' if root else f'set -- "$D" "$p"; {find}'
        dropbox = f"timeout {_COMMAND_TIMEOUT_S} dumpsys dropbox --print SYSTEM_TOMBSTONE 2>/dev/null"
        # Without a PID there is nothing to wait for; once the file itself is found, nothing else to look for.
        text += f"""
t=; [ "$p" ] && t=$( {find}
)
{begins} tombstones; [ -z "$t" ] || echo "$t"
{begins} dropbox
if [ -z "$t" ]; then
  n=0; until [ -z "$p" ] || {dropbox} | grep -q "^pid: $p, " || [ $n -ge {_DROPBOX_LOOKS} ]; do sleep 0.5; n=$((n+1)); done
  {dropbox} | tail -c {_KEPT_BYTES}
fi
"""
    return text + f"{begins} end\n"
