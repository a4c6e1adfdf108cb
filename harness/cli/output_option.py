"""Types of the options that name an output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.runs.run_folder import refuse_own_file


class OutputPath(click.Path):
    """A file or a folder. `-o ""`, which a script with an unset variable passes, is refused: it is not the working folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType.convert`."""
        if value == "":
            self.fail("it needs a name", param, ctx)
        return super().convert(value, param, ctx)


class OutputFile(OutputPath):
    """An output that is not part of a run, so that measurements are never overwritten. `-` is standard output.

    Args:
        replaces_report: whether a run's report may be overwritten.
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
