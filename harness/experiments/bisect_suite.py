"""Writes the suites of a bisection: good and bad in all cells of the user's suite, then two places in the deciding cell. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from harness.analysis.metrics import Metric
from harness.experiments.bisect_places import Place
from harness.records import ModelRef, Purpose, Trial
from harness.suite.suite_file import LoadedSuite, read_suite
from harness.suite.trial_entries import delegate_entry, model_entry

Kind = Literal["binary", "model"]
"""What differs between places; also the cell key that names it."""

_PROFILED = 5
"""Profiled processes of each side of the change: enough for intervals of its ops."""
_SET_HERE = ("accuracy", "baseline", "control", "order", "processes", "purposes", "suite")
"""Keys of the user's suite that a bisection sets itself, or that concern other purposes."""
_OF_ANY_CELL = ("conditions", "push", "run", "synthetic")
"""Keys of the user's suite that apply to all its cells."""


def side_name(place: Place) -> str:
    """Return the name of a place's cells, a word that selections can use."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", place.name).strip("-") or "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectSuites:
    """Makes the suites of one bisection.

    Args:
        loaded: the user's suite.
        kind: what differs.
        metric: the compared metric.
    """

    loaded: LoadedSuite
    kind: Kind
    metric: Metric

    @property
    def purpose(self) -> Purpose:
        """The purpose of the processes that give the metric."""
        return Purpose.MEMORY if self.metric is Metric.PEAK_MEMORY else Purpose.LATENCY

    def ends(self, sides: Sequence[Place], programs: Sequence[Mapping[str, Any]], blocks: int) -> LoadedSuite:
        """Return the user's suite with both sides in each cell.

        Args:
            sides: base and head.
            programs: their entries in `binaries`; not used for models.
            blocks: processes of each cell.

        Raises:
            SuiteError: the suite does not allow that.
        """
        data = {key: value for key, value in self._given().items() if key not in _SET_HERE}
        if self.kind == "model":
            data["models"] = [model_entry(self._as_asked(place), side_name(place)) for place in sides]
        return self._suite(data, sides, programs, blocks, profile=False)

    def pair(
        self,
        sides: Sequence[Place],
        programs: Sequence[Mapping[str, Any]],
        blocks: int,
        *,
        cell: Trial,
        profile: bool,
    ) -> LoadedSuite:
        """Return a suite of the two sides in one cell; errors as for `ends`.

        Args:
            sides: base and head.
            programs: their entries in `binaries`; not used for models.
            blocks: processes of each side.
            cell: a trial of the cell.
            profile: measure each op, too.
        """
        given = self._given()
        data: dict[str, Any] = {key: given[key] for key in _OF_ANY_CELL if key in given}
        if self.kind == "model":
            files = [replace(cell.model, path=place.path or "") for place in sides]
            data["models"] = [model_entry(ref, side_name(place)) for ref, place in zip(files, sides, strict=True)]
            named = [one for one in given.get("binaries", []) if cell.binary in (one, _name(one))]
            data |= {"binaries": named} if named else {}
        else:
            data["models"] = [model_entry(cell.model, cell.model.name, str(Path(cell.model.path).resolve()))]
        data["delegates"] = [delegate_entry(cell.delegate)]
        data["start"] = [cell.start]
        data["threads"] = [cell.threads]
        data["cpus"] = [cell.cpus.label]
        return self._suite(data, sides, programs, blocks, profile=profile)

    def _suite(
        self,
        data: dict[str, Any],
        sides: Sequence[Place],
        programs: Sequence[Mapping[str, Any]],
        blocks: int,
        *,
        profile: bool,
    ) -> LoadedSuite:
        base, head = map(side_name, sides)
        if self.kind == "binary":
            data["binaries"] = [dict(program) for program in programs]
        counts = {str(self.purpose): blocks, **({str(Purpose.PROFILE): _PROFILED} if profile else {})}
        data["suite"] = f"{self.loaded.suite.suite}: {base} and {head}"[:200]
        data["purposes"] = list(counts)
        data["processes"] = counts
        data["order"] = {"interleave": True}
        data["baseline"] = {self.kind: base}
        # In the same folder as the user's suite, because its paths are relative to that.
        return read_suite(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100), self.loaded.path)

    def _given(self) -> dict[str, Any]:
        given = yaml.safe_load(self.loaded.text)
        assert isinstance(given, dict)  # noqa: S101  # it was read as a suite before
        return given

    def _as_asked(self, place: Place) -> ModelRef:
        """Return a file of the list, with the signature and inputs of the suite's models if they all have the same."""
        asked = {(one.signature, one.inputs) for one in self.loaded.models}
        signature, inputs = asked.pop() if len(asked) == 1 else (None, ())
        return ModelRef(
            name=side_name(place),
            path=place.path or "",
            sha256=place.sha256 or "",
            size_bytes=0,
            signature=signature,
            inputs=inputs,
        )


def _name(entry: object) -> object:
    return entry.get("name") if isinstance(entry, dict) else None
