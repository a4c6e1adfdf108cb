"""Types of the options that name an output."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from harness.errors import UsageError
from harness.runs.run_folder import refuse_own_file


def only_once(_ctx: click.Context, param: click.Parameter, value: tuple[Any, ...]) -> Any:
    """Return the value of an option that you give once. Click itself would silently drop all but the last.

    Raises:
        UsageError: you gave it several times.
    """
    if len(value) > 1:
        raise UsageError(
            f"{max(param.opts, key=len)} was given {len(value)} times",
            remedy="for several outputs add --html FILE, --junit FILE or --markdown FILE",
        )
    return value[0] if value else None


class OutputPath(click.Path):
    """A file or a folder. `-o ""`, which a script with an unset variable passes, is refused: it is not the working folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType.convert`."""
        if value == "":
            self.fail("it needs a name", param, ctx)
        return super().convert(value, param, ctx)


def require_own_places(output: Path | None, beside: Mapping[str, Path]) -> None:
    """Check that no two outputs of a command are the same file.

    Args:
        output: that of `-o`; None is standard output.
        beside: further files, by the names of their options without dashes, which are those of formats.

    Raises:
        UsageError: two are, or one of them is `-`.
    """
    places: dict[str, str] = {}
    named = {"-o": output} | {f"--{name}": path for name, path in beside.items()}
    for option, path in named.items():
        if path is None:
            continue
        if str(path) == "-":
            raise UsageError(f"{option} needs a file", remedy=f"for standard output: --format {option.strip('-')}")
        other = places.setdefault(os.path.realpath(path), option)
        if other != option:
            raise UsageError(f"{other} and {option} name the same file {path}")


def require_place(output: Path, *, coming: Path | None = None) -> None:
    """Check the place of a file that will be written hours from now, before anything runs.

    Args:
        output: the file.
        coming: a run's folder that will exist by then.

    Raises:
        UsageError: you cannot write there, or the file is one of the run's own.
    """
    folder = output.parent
    if str(output) == "-":
        raise UsageError("standard output is taken by the summary", remedy="name a file")
    if coming is not None and folder.resolve() == coming.resolve():
        refuse_own_file(output, run=coming)
    elif not folder.is_dir():
        raise UsageError(
            f"cannot write {output}: there is no folder {folder}", remedy="make it first, or name another file"
        )
    elif output.is_dir():
        raise UsageError(f"cannot write {output}: it is a folder", remedy="name a file")
    elif not os.access(output if output.exists() else folder, os.W_OK):
        raise UsageError(f"cannot write {output}: no permission", remedy="name another file")


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
