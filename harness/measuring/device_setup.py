"""The settings that a session has made on a device for its trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The settings of a device, and the shell text that each trial's script needs for them.

    Args:
        asked: settings to values, as the suite asks for them.
        held: those of them that the device accepted.
        apply_task_profile: shell text for the process itself (its task profile), if any.
        read_back: shell text that reads the settings after a run.
    """

    asked: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    apply_task_profile: str | None = None
    read_back: str = ""
