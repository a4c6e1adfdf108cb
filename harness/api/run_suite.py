"""`harness.run` runs a suite on devices into a run folder with a report; `harness.plan` returns its trials."""

from __future__ import annotations

import contextlib
import os
import platform
import random
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness import __version__
from harness.analysis.cells import key_of
from harness.api.accuracy_cases import accuracy_cases, accuracy_plan
from harness.api.device_selection import ReadyDevice, selected
from harness.api.lanes import QUARANTINE_S, Effort, lanes_of, measure
from harness.api.run_binaries import binaries_of, check_binaries, lacking_ops
from harness.api.run_outcome import RunOutcome, outcome_of
from harness.api.run_watcher import RunWatcher
from harness.api.suite_source import SuiteSource, loaded_suite
from harness.api.suite_variants import converted, unconverted
from harness.api.variant_accuracy import evaluated
from harness.binaries.choice import check_own_binaries
from harness.devices.device_config import DeviceConfig, load_device_configs
from harness.errors import SuiteError, UsageError
from harness.files.yaml_document import line_of
from harness.models.model_format import no_models
from harness.records import Scalar
from harness.records.spans import span
from harness.runs.run_folder import refuse_occupied
from harness.runs.run_store import Manifest, Run, RunStore
from harness.suite.expand import DevicePlan, Expansion, expand
from harness.suite.model_warnings import warnings_about
from harness.suite.suite_file import CellKeyName, LoadedSuite, MatchEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """The trials of a suite on the devices, before anything runs."""

    suite: LoadedSuite
    expansion: Expansion
    resumes: Run | None = None
    """The run to resume; None for a new one."""

    def __repr__(self) -> str:
        devices = {trial.device for trial in self.expansion.trials}
        count = len(self.expansion.trials)
        return f"RunPlan(suite {self.suite.suite.suite!r}: {count} trials on {len(devices)} devices)"


def run(
    suite: SuiteSource,
    *,
    devices: str | Sequence[str] = (),
    binaries: Mapping[str, str | Path] | None = None,
    out: str | Path | None = None,
    report: bool = True,
    parallel_virtual: int = 1,
    wait_s: float = 0.0,
    quarantine_s: float = QUARANTINE_S,
    watcher: RunWatcher | None = None,
) -> RunOutcome:
    """Run a suite on devices, and write a run folder with its report.

    Trials that fail are results, not errors: see `RunOutcome.good`. Ctrl-C ends the run early and keeps the finished trials:
    `RunOutcome.interrupted`.

    Args:
        suite: the path of a suite, the name of one that ships with the harness, or a dictionary with the same keys.
        devices: serials, config names, `any`, `virtual:N`, `virtual:PROFILE`. Replaces the suite's `devices`. Virtual devices start and
            stop with the run.
        binaries: the `benchmark_model` of each ABI. Default: from the store, or the harness's own on virtual devices.
        out: folder of the run. Default: a new one under `runs/`.
        report: write `report.html` into it.
        parallel_virtual: number of virtual devices that measure at a time. They share this machine's cores.
        wait_s: longest wait for a device that another harness process holds, in seconds.
        quarantine_s: longest wait for a failing device to recover, in seconds.
        watcher: hears of the progress.

    Raises:
        UsageError: the suite, a binary or a device's name is wrong, or `out` already holds a run or other files.
        SetupError: something is missing: a device, an ADB server, a binary; or the disk is full.

    Example:
        outcome = harness.run("quickstart", devices="virtual:2", out="runs/first")
        print(outcome.counts, outcome.report)
    """
    watcher = watcher or RunWatcher()
    with span("read suite"):
        loaded = loaded_suite(suite)
    own = check_own_binaries(binaries or {})
    folder = _named(out)
    effort = Effort(parallel_virtual=parallel_virtual, wait_s=wait_s, quarantine_s=quarantine_s)
    configs = load_device_configs()
    _check_place(loaded, own, folder)
    loaded = converted(loaded, watcher)
    right = evaluated(loaded, watcher)
    seed = seed_of(loaded)
    with tempfile.TemporaryDirectory(prefix="harness-") as scratch, contextlib.ExitStack() as stack:
        checks = accuracy_plan(loaded.suite, seed)
        cases = accuracy_cases(loaded, checks, Path(scratch), watcher)
        ready, expansion = stack.enter_context(_expanded(loaded, devices, configs, watcher, seed, own))
        by_serial = {one.target.serial: one for one in ready}
        infos = {serial: one.inventory.info for serial, one in by_serial.items()}
        with span("choose binaries"):
            programs = binaries_of(loaded, infos, own, Path(scratch), watcher.warning)
        for warning in expansion.warnings:
            watcher.warning(warning)
        started_at = datetime.now(UTC)
        path = folder or new_run_folder(loaded.suite.suite, started_at)
        manifest = Manifest(
            run_id=f"{_slug(path.resolve().name)}-{random.SystemRandom().randrange(16**6):06x}",
            suite=loaded.suite.suite,
            suite_text=loaded.text,
            suite_path=str(loaded.path.resolve()),
            started_at=started_at,
            harness_version=__version__,
            host=_host(),
            devices=tuple(infos.values()),
            artifacts=tuple(dict.fromkeys(p.artifact for mine in programs.values() for p in mine.values())),
            models=loaded.models,
            conversions=loaded.conversions,
            task_accuracy=right,
            accuracy=checks,
            trials=expansion.trials,
            further=expansion.further,
            adaptive=loaded.suite.adaptive.plan() if loaded.suite.adaptive else None,
            impossible=expansion.impossible,
            seed=expansion.seed,
            balanced=True,
            baseline=named_cells(loaded.suite.baseline),
            control=named_cells(loaded.suite.control),
        )
        with RunStore.create(path, manifest) as store:
            lanes = lanes_of(by_serial, programs, expansion, effort)
            measured = measure(store, lanes, configs, loaded.suite, effort, watcher, accuracy=cases)
    return outcome_of(path, measured, report=report, watcher=watcher)


def plan(
    suite: SuiteSource,
    *,
    devices: str | Sequence[str] = (),
    binaries: Mapping[str, str | Path] | None = None,
    out: str | Path | None = None,
    watcher: RunWatcher | None = None,
) -> RunPlan:
    """Return the trials that `run` would run with the same arguments. It queries the devices, but runs and writes nothing.

    Raises:
        UsageError, SetupError: as `run`, if the mistake shows before anything is pushed.

    Example:
        for trial in harness.plan("quickstart", devices="virtual:1").expansion.trials:
            print(trial.model.name, trial.delegate.label, trial.threads)
    """
    loaded = loaded_suite(suite)
    own = check_own_binaries(binaries or {})
    _check_place(loaded, own, _named(out))
    loaded = unconverted(loaded)
    configs, seed = load_device_configs(), seed_of(loaded)
    with _expanded(loaded, devices, configs, watcher or RunWatcher(), seed, own) as (_, expansion):
        return RunPlan(suite=loaded, expansion=expansion)


def seed_of(loaded: LoadedSuite) -> int:
    """Return the suite's seed, or a new one."""
    asked = loaded.suite.order.seed
    return asked if asked is not None else random.SystemRandom().randrange(2**31)


def _check_place(loaded: LoadedSuite, own: Mapping[str, Path], out: Path | None) -> None:
    """Check what needs neither a conversion nor a device."""
    if out is not None:
        refuse_occupied(out)
    check_binaries(loaded, own)


@contextlib.contextmanager
def _expanded(
    loaded: LoadedSuite,
    selectors: str | Sequence[str],
    configs: Mapping[str, DeviceConfig],
    watcher: RunWatcher,
    seed: int,
    own: Mapping[str, Path],
) -> Iterator[tuple[list[ReadyDevice], Expansion]]:
    """Yield the devices, with virtual ones only during the context, and the trials on them."""
    suite = loaded.suite
    there = [model for model in loaded.models if model.path]  # a plan has models that are not converted yet
    broken = no_models(there)
    if there and all(model.path in broken for model in loaded.models):
        raise SuiteError(
            "; ".join(broken.values()), file=loaded.path, line=line_of(loaded.text, ("models",)), key="models"
        )
    for what in broken.values():
        watcher.warning(what)
    with ready_devices(selectors, suite.devices, configs, watcher) as ready:
        infos = {one.target.serial: one.inventory.info for one in ready}
        lacking = lacking_ops(replace(loaded, models=tuple(there)), infos, own)
        yield ready, _expand(loaded, [_plan(one, configs, lacking) for one in ready], seed, broken)


@contextlib.contextmanager
def ready_devices(
    selectors: str | Sequence[str],
    devices: str | MatchEntry | Sequence[str],
    configs: Mapping[str, DeviceConfig],
    watcher: RunWatcher,
    *,
    lenient: bool = False,
) -> Iterator[list[ReadyDevice]]:
    """Do `device_selection.selected`, and tell the watcher while devices start or answer."""
    names = [selectors] if isinstance(selectors, str) else list(selectors)
    starting = any(name.startswith("virtual:") for name in names)
    with contextlib.ExitStack() as stack:
        with (
            span("ask devices"),
            watcher.phase("starting virtual devices" if starting else "asking devices what they are"),
        ):
            ready = stack.enter_context(selected(names, devices, configs, watcher.notice, lenient=lenient))
        yield ready


def _expand(loaded: LoadedSuite, plans: Sequence[DevicePlan], seed: int, broken: Mapping[str, str]) -> Expansion:
    try:
        expansion = expand(loaded.suite, loaded.models, plans, seed=seed, no_models=broken)
        there = [model for model in loaded.models if model.path]
        expansion = replace(expansion, warnings=(*warnings_about(there), *expansion.warnings))
    except UsageError as error:
        # Only the devices tell which words of `cpus` are valid; add the place of the word in the suite.
        for index, label in enumerate(loaded.suite.cpus):
            if repr(label) in error.message:
                line = line_of(loaded.text, ("cpus", index))
                raise SuiteError(
                    error.message, file=loaded.path, line=line, key=f"cpus[{index}]", remedy=error.remedy
                ) from None
        raise
    _check_named_cells(loaded, expansion)
    return expansion


def named_cells(named: Mapping[CellKeyName, Scalar] | None) -> dict[str, Scalar] | None:
    """Return what a suite's `baseline` or `control` fixes, in plain strings; None without one."""
    return {str(key): value for key, value in named.items()} if named else None


def _check_named_cells(loaded: LoadedSuite, expansion: Expansion) -> None:
    """Check that baseline and control have cells. Cells that a device cannot run count, since others may."""
    trials = (*expansion.trials, *expansion.further, *(item.trial for item in expansion.impossible))
    keys = {key_of(trial) for trial in trials}
    for key, named, lack in (
        ("baseline", loaded.suite.baseline, "nothing to compare with"),
        ("control", loaded.suite.control, "no control"),
    ):
        for name, value in (named or {}).items():
            there = sorted({str(getattr(one, name)) for one in keys})
            if name == "variant" and any(one.variant == value for one in loaded.conversions):
                continue  # its conversion failed, which is reported elsewhere
            if str(value) not in there:
                raise SuiteError(
                    f"no cell has {name} {value!r}: there would be {lack}",
                    file=loaded.path,
                    line=line_of(loaded.text, (key,)),
                    key=key,
                    remedy=f"one of {', '.join(filter(None, there))}" if any(there) else f"the suite names no {name}",
                )


def _plan(
    one: ReadyDevice, configs: Mapping[str, DeviceConfig], lacking: Mapping[str, Mapping[tuple[str | None, str], str]]
) -> DevicePlan:
    config = configs.get(one.inventory.info.config or "")
    return DevicePlan(
        serial=one.target.serial,
        topology=one.inventory.topology,
        cpu_sets=dict(config.cpu_sets) if config else {},
        lacking_ops=lacking.get(one.target.serial, {}),
    )


def _named(out: str | Path | None) -> Path | None:
    if out == "":
        raise UsageError("the run's folder needs a name")  # Path("") is the working folder
    return None if out is None else Path(out)


def _slug(name: str) -> str:
    """Turn a name into one word for a shell and a part of a path."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "run"


def new_run_folder(name: str, now: datetime, parent: Path = Path("runs")) -> Path:
    """Make a new folder for a run.

    Args:
        name: the suite's.
        now: the moment that names it.
        parent: where; made if needed.

    Raises:
        UsageError: it cannot be made.
    """
    base = parent / f"{_slug(name)}-{now:%Y%m%d-%H%M%S}"
    path, number = base, 1
    try:
        base.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                path.mkdir()  # fails if another run begins in the same second
                return path
            except FileExistsError:
                number += 1
                path = base.with_name(f"{base.name}-{number}")
    except OSError as error:
        raise UsageError(f"cannot make {path}: {error.strerror}", remedy="choose another folder: --out") from None


def _host() -> dict[str, str]:
    return {
        "cores": str(os.cpu_count() or 0),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }
