"""What the user names as a place to write to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.runs.run_folder import refuse_own_file


class OutputPath(click.Path):
    """A file or a folder with a name: `-o ""`, as a script with an unset variable says it, is not the working folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType.convert`."""
        if value == "":
            self.fail("it needs a name", param, ctx)
        return super().convert(value, param, ctx)


class OutputFile(OutputPath):
    """One that is not part of a run: what was measured is never overwritten. `-` is standard output.

    Args:
        replaces_report: a run's report may be.
    """

    def __init__(self, *, replaces_report: bool = False) -> None:
        super().__init__()
        self._replaces_report = replaces_report

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType.convert`."""
        path = super().convert(value, param, ctx)
        if str(path) != "-":
            refuse_own_file(path, replaces_report=self._replaces_report)
        return path
