"""`harness run`: a suite on devices, into a run folder with its report."""

from __future__ import annotations

import contextlib
import os
import platform
import random
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from harness import __version__
from harness.binaries.binary_store import BinaryStore
from harness.binaries.choice import Program, parse_binary_option
from harness.cli.conclusion import conclude
from harness.cli.device_selection import Live, default_port, selected, start_server
from harness.cli.progress import RunProgress
from harness.cli.resume import check_models, match_devices, selectors_of
from harness.cli.run_binaries import binaries_of, check_binaries, suite_of
from harness.cli.run_summary import dry_run_document, print_dry_run, write_json
from harness.conditions.request import ConditionsRequest
from harness.devices.adb_target import server_is_up
from harness.devices.device_config import DeviceConfig, load_device_configs
from harness.devices.push import Blob
from harness.errors import SetupError, SuiteError, UsageError
from harness.files.strict_yaml import line_of
from harness.measuring.schedule import LanePlan, Outcome, Patience, Schedule
from harness.records import Impossible
from harness.runs.run_progress import record_decisions, unfinished_on
from harness.runs.run_store import Manifest, RunStore, load_run, read_manifest
from harness.suite.expand import DevicePlan, Expansion, expand
from harness.suite.suite_file import LoadedSuite, MatchEntry, find_suite, load_suite

_EPILOG = """\b
Examples:
  harness run suites/quickstart.yaml --device virtual:2
  harness run suite.yaml --device any --binary arm64-v8a=benchmark_model
  harness run suite.yaml --device R5CT30ABCDE --dry-run
  harness run --resume runs/quickstart-20261122-101500
"""


@dataclass(frozen=True, slots=True)
class _Options:
    selectors: tuple[str, ...]
    binaries: Mapping[str, Path]
    measure_in_parallel: int
    wait_s: float
    quarantine_s: float
    as_json: bool


@click.command(epilog=_EPILOG)
@click.argument("suite", required=False)
@click.option(
    "--device",
    "-d",
    "selectors",
    multiple=True,
    metavar="SEL",
    help="A serial, a config name, any, virtual:N or virtual:PROFILE; may be repeated. Replaces the suite's `devices`.",
)
@click.option(
    "--binary",
    "binaries",
    multiple=True,
    metavar="ABI=PATH",
    help="The benchmark_model for devices of this ABI (arm64-v8a, armeabi-v7a, x86_64, x86).",
)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Folder of the run. Default: a new one under runs/.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Go on with an interrupted run; what is finished is kept.",
)
@click.option("--dry-run", is_flag=True, help="Print the trials and an estimate of device time, and stop.")
@click.option(
    "--parallel-virtual",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="N",
    help="How many virtual devices measure at a time. They share this machine's cores: more than one disturbs the others' latencies.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, 86400),
    default=0.0,
    metavar="SECONDS",
    help="How long to wait for a device that another harness process holds.",
)
@click.option(
    "--quarantine",
    "quarantine_s",
    type=click.FloatRange(0, 86400),
    default=Patience().quarantine_s,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a device that keeps failing to get well.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def run(
    ctx: click.Context,
    suite: str | None,
    selectors: tuple[str, ...],
    binaries: tuple[str, ...],
    out: Path | None,
    resume: Path | None,
    dry_run: bool,
    parallel_virtual: int,
    wait_s: float,
    quarantine_s: float,
    as_json: bool,
) -> None:
    """Run SUITE on devices and write a run folder with its report."""
    options = _Options(selectors, parse_binary_option(binaries), parallel_virtual, wait_s, quarantine_s, as_json)
    if resume is not None:
        if dry_run or out is not None:
            raise UsageError("--resume goes with neither --dry-run nor --out")
        ctx.exit(_resume(resume, suite, options))
    if suite is None:
        raise UsageError("which suite?", remedy="harness run suites/quickstart.yaml --device virtual:2")
    ctx.exit(_run(load_suite(find_suite(suite)), out, dry_run, options))


def run_loaded(
    loaded: LoadedSuite, out: Path | None, *, selectors: tuple[str, ...], binaries: tuple[str, ...]
) -> tuple[int, Path]:
    """Run a suite as `harness run` does, for another command. Returns the exit code and the run's folder."""
    options = _Options(selectors, parse_binary_option(binaries), 1, 0.0, Patience().quarantine_s, as_json=False)
    path = out or _new_folder(loaded.suite.suite, datetime.now(UTC))
    return _run(loaded, path, False, options), path


def _run(loaded: LoadedSuite, out: Path | None, dry_run: bool, options: _Options) -> int:
    configs = load_device_configs()
    suite = loaded.suite
    if out is not None and (out / "manifest.json").exists():
        raise UsageError(f"{out} already holds a run", remedy=f"go on with it: --resume {out}; or choose another --out")
    check_binaries(loaded, options.binaries)
    seed = suite.order.seed if suite.order.seed is not None else random.SystemRandom().randrange(2**31)
    with (
        _devices(options.selectors, suite.devices, configs) as live,
        tempfile.TemporaryDirectory(prefix="harness-") as scratch,
    ):
        expansion = _expanded(loaded, [_plan(one, configs) for one in live], seed)
        if dry_run:
            if options.as_json:
                write_json(dry_run_document(loaded, expansion))
            else:
                print_dry_run(loaded, expansion)
            return 0
        programs = binaries_of(
            loaded, {one.target.serial: one.inventory.info for one in live}, options.binaries, Path(scratch)
        )
        for warning in expansion.warnings:
            click.echo(f"warning: {warning}", err=True)
        started_at = datetime.now(UTC)
        path = out or _new_folder(suite.suite, started_at)
        manifest = Manifest(
            run_id=f"{_slug(path.resolve().name)}-{random.SystemRandom().randrange(16**6):06x}",
            suite=suite.suite,
            suite_text=loaded.text,
            suite_path=str(loaded.path.resolve()),
            started_at=started_at,
            harness_version=__version__,
            host=_host(),
            devices=tuple(one.inventory.info for one in live),
            artifacts=tuple(dict.fromkeys(p.artifact for mine in programs.values() for p in mine.values())),
            models=loaded.models,
            trials=expansion.trials,
            further=expansion.further,
            adaptive=suite.adaptive.plan() if suite.adaptive else None,
            impossible=expansion.impossible,
            seed=seed,
            baseline={str(key): value for key, value in suite.baseline.items()} if suite.baseline else None,
        )
        with RunStore.create(path, manifest) as store:
            lanes = _lanes(live, {one.target.serial: one.target.serial for one in live}, programs, expansion, options)
            total = len(manifest.planned) + len(manifest.further)
            outcome = _schedule(store, lanes, configs, options, suite.conditions, total)
    return conclude(path, outcome, as_json=options.as_json)


def _resume(path: Path, suite: str | None, options: _Options) -> int:
    manifest = read_manifest(path)
    if suite is not None and find_suite(suite).read_text(encoding="utf-8") != manifest.suite_text:
        raise UsageError(f"{suite} is not the suite of {path}", remedy="leave it out: a run keeps its own suite")
    check_models(manifest.models)
    configs = load_device_configs()
    selectors = options.selectors or selectors_of(manifest)
    if manifest.adaptive is not None:
        with RunStore.open(path) as store:
            record_decisions(store)
    done = load_run(path)
    open_trials = unfinished_on(done)
    if not open_trials:
        click.echo(f"{path}: all {len(done.results)} trials are finished", err=True)
        return conclude(path, Outcome(), as_json=options.as_json)
    # One phone that is away must not keep the others from going on; those that the user names must be there.
    lenient = not options.selectors
    with (
        _devices(selectors, "any", configs, lenient=lenient) as live,
        tempfile.TemporaryDirectory(prefix="harness-") as scratch,
    ):
        serials = match_devices(manifest, live)
        infos = {serial: one.inventory.info for serial, one in serials.items()}
        programs = binaries_of(suite_of(manifest), infos, options.binaries, Path(scratch))
        known = {(artifact.binary, artifact.sha256) for artifact in manifest.artifacts}
        for serial, mine in programs.items():
            for name, program in mine.items():
                if (name, program.artifact.sha256) not in known:
                    raise UsageError(
                        f"{serial}: the benchmark binary{f' {name}' if name else ''} is not the one that {path} began with",
                        remedy="give the same --binary, or start a new run",
                    )
        expansion = Expansion(
            trials=manifest.trials,
            further=manifest.further,
            impossible=manifest.impossible,
            warnings=(),
            seed=manifest.seed or 0,
        )
        with RunStore.open(path) as store:
            matched = [one for one in live if any(one is other for other in serials.values())]
            names = {one.target.serial: serial for serial, one in serials.items()}
            lanes = _lanes(
                matched,
                names,
                {one.target.serial: programs[names[one.target.serial]] for one in matched},
                expansion,
                options,
            )
            conditions = suite_of(manifest).suite.conditions
            total = len(manifest.planned) + len(manifest.further)
            outcome = _schedule(store, lanes, configs, options, conditions, total)
        for device in manifest.devices:
            if device.serial not in serials and open_trials[device.serial]:
                outcome.set_aside[device.serial] = "not attached"
    return conclude(path, outcome, as_json=options.as_json)


@contextlib.contextmanager
def _devices(
    selectors: Sequence[str],
    devices: str | MatchEntry | Sequence[str],
    configs: Mapping[str, DeviceConfig],
    *,
    lenient: bool = False,
) -> Iterator[list[Live]]:
    console = Console(stderr=True)
    starting = any(selector.startswith("virtual:") for selector in selectors)
    with contextlib.ExitStack() as stack:
        with console.status("starting virtual devices" if starting else "asking devices what they are"):
            live = stack.enter_context(selected(selectors, devices, configs, lenient=lenient))
        yield live


def _expanded(loaded: LoadedSuite, plans: Sequence[DevicePlan], seed: int) -> Expansion:
    try:
        return expand(loaded.suite, loaded.models, plans, seed=seed)
    except UsageError as error:
        # Which words of `cpus` mean something is known only with the devices; where the word stands is known to the suite.
        for index, label in enumerate(loaded.suite.cpus):
            if repr(label) in error.message:
                line = line_of(loaded.text, ("cpus", index))
                raise SuiteError(
                    error.message, file=loaded.path, line=line, key=f"cpus[{index}]", remedy=error.remedy
                ) from None
        raise


def _plan(one: Live, configs: Mapping[str, DeviceConfig]) -> DevicePlan:
    config = configs.get(one.inventory.info.config or "")
    return DevicePlan(
        serial=one.target.serial,
        topology=one.inventory.topology,
        cpu_sets=dict(config.cpu_sets) if config else {},
    )


def _lanes(
    live: Sequence[Live],
    names: Mapping[str, str],
    programs: Mapping[str, Mapping[str | None, Program]],
    expansion: Expansion,
    options: _Options,
) -> list[LanePlan]:
    slot = threading.Semaphore(options.measure_in_parallel)
    lanes = []
    for one in live:
        serial = names[one.target.serial]
        mine = programs[one.target.serial]
        trials, further = (
            tuple(trial for trial in trials if trial.device == serial)
            for trials in (expansion.trials, expansion.further)
        )
        impossible: tuple[Impossible, ...] = tuple(i for i in expansion.impossible if i.trial.device == serial)
        lanes.append(
            LanePlan(
                target=one.target,
                inventory=replace(one.inventory, info=replace(one.inventory.info, serial=serial)),
                program=next(iter(mine.values())).blob,
                variants={name: program.blob for name, program in mine.items() if name is not None},
                trials=trials,
                further=further,
                impossible=impossible,
                slot=slot if one.inventory.info.virtual else None,
                revive_server=_start_users_server if one.target.port == default_port() else None,
            )
        )
    return lanes


def _start_users_server() -> None:
    if server_is_up(default_port()):
        return
    with contextlib.suppress(SetupError):  # the lane goes on waiting, and says what it waits for
        start_server(default_port())


def _schedule(
    store: RunStore,
    lanes: Sequence[LanePlan],
    configs: Mapping[str, DeviceConfig],
    options: _Options,
    conditions: ConditionsRequest,
    total: int,
) -> Outcome:
    models = {
        ref.sha256: Blob(path=Path(ref.path), sha256=ref.sha256, size=ref.size_bytes) for ref in store.manifest.models
    }
    console = Console(stderr=True)
    with RunProgress(console, total, len(store.results()), store.manifest.adaptive) as progress:
        schedule = Schedule(
            store,
            models,
            configs,
            progress,
            owner=store.manifest.run_id,
            wait_for_lease_s=options.wait_s,
            patience=Patience(quarantine_s=options.quarantine_s),
            help_texts=BinaryStore(),
            conditions=conditions,
        )
        return schedule.run(lanes)


def _slug(name: str) -> str:
    """A name that is one word for a shell and a plain part of a path."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "run"


def _new_folder(name: str, now: datetime) -> Path:
    base = Path("runs") / f"{_slug(name)}-{now:%Y%m%d-%H%M%S}"
    path, number = base, 1
    while path.exists():
        number += 1
        path = base.with_name(f"{base.name}-{number}")
    return path


def _host() -> dict[str, str]:
    return {
        "cores": str(os.cpu_count() or 0),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }
