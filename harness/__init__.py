"""A benchmarking harness for LiteRT / TensorFlow Lite models on Android devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.formats.frames import RunFrames

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(run: str | Path) -> RunFrames:
    """Read a run's folder into pandas frames: `.trials`, `.ops`, `.samples`, and `.manifest`.

    Raises:
        harness.errors.UsageError: there is no run at that path, or it is damaged, or a newer harness wrote it.
    """
    # Late, so that importing the package stays quick: pandas alone takes most of a second.
    from harness.formats.frames import load as load_frames

    return load_frames(run)
