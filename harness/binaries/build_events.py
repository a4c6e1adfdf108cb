"""Reads Bazel's account of a build: the Build Event Protocol, one JSON object per line.

Source of the format: Bazel's documentation of the Build Event Protocol and `build_event_stream.proto` (fields in lowerCamelCase).
Unknown kinds of events are skipped, as the protocol requires.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_COUNTER = re.compile(r"^\[([\d,]+) / ([\d,]+)\]\s*(.*)$")
_STATE = re.compile(r"^(Loading|Analyzing|Computing main repo mapping|Fetching)\b.*")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAction:
    """The action at which a build failed."""

    label: str
    kind: str
    """Bazel's mnemonic, such as CppCompile."""
    exit_code: int | None
    stderr_path: Path | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Progress of a build, in Bazel's own count of actions; both None while it still loads."""

    done: int | None
    total: int | None
    doing: str


@dataclass(slots=True)
class BuildEvents:
    """Collects the events of a build, line by line."""

    failed_actions: list[FailedAction] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Bazel's error if no action failed: a missing target, a package that does not load."""
    exit_name: str | None = None
    """SUCCESS, BUILD_FAILURE, INTERRUPTED, ...; None until the end."""
    version: str | None = None
    advance: Advance | None = None
    finished: bool = False
    _sets: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _outputs: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    _completed: dict[str, bool] = field(default_factory=dict)

    def feed(self, line: bytes) -> None:
        """Read one line. A line that is not a JSON object is skipped, since a killed Bazel leaves half of one."""
        try:
            event = json.loads(line)
        except ValueError:
            return
        if not isinstance(event, dict) or not isinstance(event.get("id"), dict):
            return
        for kind, handler in _HANDLERS.items():
            if kind in event["id"]:
                handler(self, event["id"][kind] or {}, event)
        self.finished = self.finished or bool(event.get("lastMessage"))

    def outputs(self, label: str) -> tuple[Path, ...] | None:
        """Return the local files that a target produced; None if it was not built."""
        label = _plain(label)
        if not self._completed.get(label):
            return None
        files: list[Mapping[str, Any]] = []
        pending = list(self._outputs.get(label, []))
        seen: set[str] = set()
        while pending:
            item = pending.pop()
            if "name" in item:
                files.append(item)
            elif (number := str(item.get("id"))) not in seen:
                seen.add(number)
                content = self._sets.get(number, {})
                pending += [*content.get("files", []), *content.get("fileSets", [])]
        paths = (local_path(str(file.get("uri", ""))) for file in files)
        return tuple(dict.fromkeys(path for path in paths if path is not None))

    # One method per kind of event.

    def _started(self, _id: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        version = str(event.get("started", {}).get("buildToolVersion", ""))
        self.version = version if version[:1].isdigit() else None

    def _progress(self, _id: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        for line in _ESCAPES.sub("", str(event.get("progress", {}).get("stderr", ""))).splitlines():
            self.advance = read_progress(line) or self.advance

    def _action(self, ident: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        action = event.get("action", {})
        if action.get("success"):
            return
        self.failed_actions.append(
            FailedAction(
                label=str(action.get("label") or ident.get("label") or "?"),
                kind=str(action.get("type") or "action"),
                exit_code=action.get("exitCode"),
                stderr_path=local_path(str(action.get("stderr", {}).get("uri", ""))),
                message=action.get("failureDetail", {}).get("message"),
            )
        )

    def _target(self, ident: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        label = _plain(str(ident.get("label")))
        completed = event.get("completed", {})
        self._completed[label] = bool(completed.get("success"))
        groups = [group for group in completed.get("outputGroup", []) if group.get("name") == "default"]
        sets = [one for group in groups for one in group.get("fileSets", [])]
        self._outputs[label] = sets or list(completed.get("importantOutput", []))

    def _named_set(self, ident: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        self._sets[str(ident.get("id"))] = event.get("namedSetOfFiles", {})

    def _finished(self, _id: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        self.exit_name = event.get("finished", {}).get("exitCode", {}).get("name")

    def _trouble(self, _id: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        description = event.get("aborted", {}).get("description")
        if description and str(description) not in self.problems:
            self.problems.append(str(description))


_HANDLERS = {
    "started": BuildEvents._started,
    "progress": BuildEvents._progress,
    "actionCompleted": BuildEvents._action,
    "targetCompleted": BuildEvents._target,
    "namedSet": BuildEvents._named_set,
    "buildFinished": BuildEvents._finished,
    "unconfiguredLabel": BuildEvents._trouble,
    "configuredLabel": BuildEvents._trouble,
    "pattern": BuildEvents._trouble,
}


def read_progress(line: str) -> Advance | None:
    """Read a line of Bazel's progress display: `[12 / 345] Compiling x.cc`, or a line without numbers at first."""
    if match := _COUNTER.match(line):
        done, total, doing = match.groups()
        return Advance(done=int(done.replace(",", "")), total=int(total.replace(",", "")), doing=doing.strip())
    return Advance(done=None, total=None, doing=line.strip()) if _STATE.match(line) else None


def _plain(label: str) -> str:
    """Remove the `@@` that newer versions put before the main repository's labels."""
    return label.lstrip("@")


def local_path(uri: str) -> Path | None:
    """Return the path in a `file://` address; None for any other address (a remote cache)."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" and parts.path else None
