"""Records what happens on a virtual device, one JSON object per line: boot, spawn, taskset, reboot, stop.

`t` is the host's time (seconds since the epoch), `event` the kind; the other keys depend on the kind.
"""

from __future__ import annotations

import json
import time
from pathlib import Path


class EventLog:
    """Appends to a file that is opened for each line only, so that 64 devices hold no descriptor."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def record(self, event: str, **details: object) -> None:
        """Append one event."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"t": round(time.time(), 6), "event": event, **details}) + "\n")

    def read(self, event: str | None = None) -> list[dict[str, object]]:
        """Return all events, or those of one kind."""
        if not self.path.exists():
            return []
        lines = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if event in (None, line["event"])]
