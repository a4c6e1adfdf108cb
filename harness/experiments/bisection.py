"""`harness bisect`: finds the revision, or the model file of a list, that made a cell slower or faster."""

from __future__ import annotations

import glob
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.analysis.cell_selection import parse_where
from harness.api.compare_runs import compare, metric_named
from harness.api.run_suite import ready_devices
from harness.api.run_watcher import RunWatcher
from harness.api.suite_source import loaded_suite
from harness.binaries.binary_store import BinaryStore
from harness.binaries.choice import HOST, build_abi
from harness.binaries.profiles import BUILD_ABIS, parse_abis
from harness.binaries.sources import load_sources
from harness.devices.device_config import load_device_configs
from harness.errors import SetupError, UsageError
from harness.experiments.bisect_measure import SuiteMeasure
from harness.experiments.bisect_places import Place, models_between, revisions_between
from harness.experiments.bisect_programs import BuildWatcher, RevisionPrograms
from harness.experiments.bisect_records import BisectAnswer, Watcher
from harness.experiments.bisect_search import Search
from harness.experiments.bisect_state import BisectQuestion, StateFile, opened, read_state
from harness.experiments.bisect_suite import BisectSuites, side_name
from harness.formats.comparison_json import comparison_document
from harness.suite.suite_file import LoadedSuite, find_suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to bisect, as given on a command line: either `source` or `models`."""

    suite: str
    good: str | None = None
    bad: str | None = None
    source: Path | None = None
    models: str | None = None
    """A glob of model files, in the order in which a shell lists them."""
    devices: tuple[str, ...] = ()
    cell: str | None = None
    metric: str = "inference_avg"
    min_effect: float = 0.01
    abis: str | None = None
    flex: bool = False
    target: str = "tflite"
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisection:
    """The result of a bisection."""

    asked: BisectQuestion
    places: tuple[Place, ...]
    answer: BisectAnswer
    folder: Path
    ops: tuple[dict[str, Any], ...] = ()
    """Differences between the ops of the last two neighbours, as in `harness compare --json`."""
    profiled_us: tuple[float, float] | None = None
    """Average latency of the profiled processes of both sides; their ops are parts of it. A busy machine shifts it."""
    synthetic: bool = False
    """Whether numbers were replayed or modelled, not measured."""


class Watchers:
    """Receivers of a bisection's progress. Override what you need."""

    def __init__(self) -> None:
        self.search = Watcher()
        self.builds = BuildWatcher()
        self.runs = RunWatcher()

    def begins(self, folder: Path, places: Sequence[Place], *, known_runs: int) -> None:
        """Called when the search begins or continues."""


def bisect(
    question: Question, *, out: Path | None = None, budget_s: float | None = None, watchers: Watchers | None = None
) -> Bisection:
    """Bisect, or continue an interrupted bisection of the same question.

    Args:
        question: what to bisect.
        out: folder of the bisection. Default: one below `runs/`, the same for the same question.
        budget_s: device seconds for all steps together, including earlier sessions.
        watchers: are notified of the progress.

    Raises:
        UsageError: the question is wrong: no such revision, no such suite, good or bad does not build.
        SetupError: Bazel, a device or something else is missing.
        KeyboardInterrupt: Ctrl-C; finished work is kept.
    """
    loaded = loaded_suite(question.suite)
    places = _places(question)
    asked = _asked(question, loaded, places)
    folder = out if out is not None else Path("runs") / f"bisect-{_slug(places)}-{_digest(asked, places)}"
    return _bisect(folder, asked, places, loaded, budget_s, watchers or Watchers())


def resume_bisection(folder: Path, *, budget_s: float | None = None, watchers: Watchers | None = None) -> Bisection:
    """Continue the bisection in a folder.

    Args:
        folder: of the bisection.
        budget_s: as for `bisect`.
        watchers: as for `bisect`.

    Raises:
        UsageError: there is none, or its suite has changed.
        SetupError, KeyboardInterrupt: as `bisect`.
    """
    state = read_state(folder)
    if state is None:
        raise UsageError(f"{folder} holds no bisection", remedy="begin one: harness bisect --help")
    loaded = loaded_suite(state.asked.suite)
    if _text_sha256(loaded) != state.asked.suite_sha256:
        raise UsageError(
            f"{state.asked.suite} is not the suite that {folder} began with", remedy="begin anew: --out DIR"
        )
    return _bisect(folder, state.asked, state.places, loaded, budget_s, watchers or Watchers())


def _bisect(
    folder: Path,
    asked: BisectQuestion,
    places: Sequence[Place],
    loaded: LoadedSuite,
    budget_s: float | None,
    watchers: Watchers,
) -> Bisection:
    metric = metric_named(asked.metric)
    suites = BisectSuites(loaded=loaded, kind="model" if asked.models else "binary", metric=metric)
    # Check that the suite fits before two builds.
    ends = (places[0], places[-1])
    suites.ends(ends, [{"name": side_name(place), "use": HOST} for place in ends], 1)
    with opened(folder.resolve(), asked, places) as state:
        watchers.begins(folder, places, known_runs=len(state.state.runs))
        programs = None
        if asked.source is not None:
            abis = _abis(state, loaded, watchers.runs)
            programs = RevisionPrograms(
                Path(asked.source), places, state, abis, BinaryStore(), load_sources(), watchers.builds
            )
        measure = SuiteMeasure(
            suites,
            places,
            programs.entry if programs is not None else lambda place: {},
            state,
            asked.devices,
            asked.cell,
            watchers.search,
            watchers.runs,
        )
        search = Search(
            count=len(places) - 1,
            program=programs.identity if programs is not None else lambda place: places[place].sha256,
            why_not=programs.why_not if programs is not None else lambda place: "",
            measure=measure,
            min_effect=asked.min_effect,
            budget_s=budget_s,
            watcher=watchers.search,
            named=lambda place: places[place].name,
        )
        answer = search.run()
        found = Bisection(asked=asked, places=tuple(places), answer=answer, folder=folder)
        return _with_ops(found, suites)


def _with_ops(found: Bisection, suites: BisectSuites) -> Bisection:
    change = found.answer.change
    if change is None or not change.runs:
        return found
    run = found.folder / change.runs[0]
    sides = [f"{run}@{suites.kind}={side_name(found.places[place])}" for place in (change.base, change.head)]
    compared = compare(*sides, metric=suites.metric)
    document = comparison_document(compared.table, *sides)
    ops = [one for cell in document["ops"] for one in cell["changes"]]
    ops.sort(key=lambda one: -abs(one["change_us"]))
    whole = next(((cell["base_us"], cell["head_us"]) for cell in document["ops"]), None)
    synthetic = any(one.synthetic for one in compared.table.comparisons)
    return replace(found, ops=tuple(ops), profiled_us=whole, synthetic=synthetic)


def _places(question: Question) -> tuple[Place, ...]:
    if (question.source is None) == (question.models is None):
        raise UsageError(
            "one of --source DIR and --models GLOB is needed"
            if question.source is None
            else "--source and --models exclude each other",
            remedy="harness bisect --help",
        )
    if question.source is not None:
        if question.good is None or question.bad is None:
            raise UsageError("--good REV and --bad REV are needed with --source")
        return revisions_between(question.source, question.good, question.bad)
    assert question.models is not None  # noqa: S101  # one of both is there
    files = [Path(one) for one in sorted(glob.glob(question.models, recursive=True)) if Path(one).is_file()]  # noqa: PTH207
    if not files:
        raise UsageError(
            f"--models {question.models}: no such file", remedy="quote the glob, so that the shell leaves it alone"
        )
    ends = [Path(one) if one is not None else None for one in (question.good, question.bad)]
    places = models_between(files, *ends)
    names = [side_name(place) for place in places]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"--models: several files would be called {twice}", remedy="rename one")
    return places


def _asked(question: Question, loaded: LoadedSuite, places: Sequence[Place]) -> BisectQuestion:
    metric_named(question.metric)
    if question.cell is not None:
        parse_where(question.cell)
    return BisectQuestion(
        suite=str(find_suite(question.suite).resolve()),
        suite_sha256=_text_sha256(loaded),
        good=places[0].commit or places[0].name,
        bad=places[-1].commit or places[-1].name,
        source=str(question.source.resolve()) if question.source is not None else None,
        models=tuple(place.path or "" for place in places) if question.models is not None else (),
        devices=question.devices,
        cell=question.cell,
        metric=question.metric,
        min_effect=question.min_effect,
        abis=parse_abis(question.abis) if question.abis is not None else (),
        flex=question.flex,
        target=question.target,
        flags=question.flags,
    )


def _abis(state: StateFile, loaded: LoadedSuite, watcher: RunWatcher) -> tuple[str, ...]:
    """Return the ABIs to build for: the given ones, else those of the devices."""
    asked = state.state.asked
    if asked.abis or state.state.abis:
        return asked.abis or state.state.abis
    with ready_devices(asked.devices, loaded.suite.devices, load_device_configs(), watcher) as ready:
        abis = tuple(sorted({build_abi(one.inventory.info) for one in ready}))
    if strange := [abi for abi in abis if abi not in BUILD_ABIS]:
        raise SetupError(
            f"nothing can be built for {', '.join(strange)}", remedy=f"choose other devices: {', '.join(BUILD_ABIS)}"
        )
    state.keep_abis(abis)
    return abis


def _text_sha256(loaded: LoadedSuite) -> str:
    return hashlib.sha256(loaded.text.encode()).hexdigest()


def _digest(asked: BisectQuestion, places: Sequence[Place]) -> str:
    what = [asdict(asked), *(place.sha256 or place.commit or "" for place in places)]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:8]


def _slug(places: Sequence[Place]) -> str:
    names = (Path(place.name).stem for place in (places[0], places[-1]))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(name[:24] for name in names))
