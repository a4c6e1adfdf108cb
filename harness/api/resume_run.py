"""`harness.resume`: resumes an interrupted run after a check that suite, models, devices and binaries are the same."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness import __version__
from harness.api.accuracy_cases import accuracy_cases
from harness.api.attached_devices import attached_serials
from harness.api.device_selection import ReadyDevice
from harness.api.lanes import QUARANTINE_S, Effort, lanes_of, measure
from harness.api.resume_plan import check_models, left_of, refuse_other_suite
from harness.api.retried_trials import Retry, to_retry, without_retried
from harness.api.run_binaries import binaries_of, suite_of
from harness.api.run_outcome import RunOutcome, outcome_of
from harness.api.run_suite import ready_devices
from harness.api.run_watcher import RunWatcher
from harness.binaries.choice import Program, check_own_binaries
from harness.devices.device_config import load_device_configs
from harness.errors import SetupError, UsageError
from harness.measuring.schedule import LanesOutcome
from harness.records import DeviceInfo
from harness.runs.run_progress import record_decisions, unfinished_on
from harness.runs.run_store import Manifest, RunStore, load_run, read_manifest
from harness.suite.expand import Expansion
from harness.virtual.farm import running_farms


def resume(
    run: str | Path,
    *,
    suite: str | Path | None = None,
    devices: str | Sequence[str] = (),
    binaries: Mapping[str, str | Path] | None = None,
    report: bool = True,
    parallel_virtual: int = 1,
    wait_s: float = 0.0,
    quarantine_s: float = QUARANTINE_S,
    retry: Retry | None = None,
    watcher: RunWatcher | None = None,
) -> RunOutcome:
    """Run the unfinished trials of an interrupted run, and keep its results.

    Args:
        run: the run's folder.
        suite: leave it out: a run keeps its suite, and another one is refused.
        devices: as for `harness.run`. Default: the devices of the run; it goes on without those that are absent.
        binaries: as for `harness.run`; the same as the run began with.
        report: rewrite `report.html`.
        parallel_virtual: as for `harness.run`.
        wait_s: as for `harness.run`.
        quarantine_s: as for `harness.run`.
        retry: also repeat trials with a result: `failed`, all that failed; `environment`, those that failed or are invalid because of the
            device or its conditions (`ENVIRONMENT`). The new result counts, and the manifest names the trial.
        watcher: hears of the progress.

    Raises:
        UsageError: there is no run, or a model, a device or a binary differs from the one at its start.
        SetupError: as `harness.run`.

    Example:
        outcome = harness.resume("runs/first")
    """
    watcher = watcher or RunWatcher()
    path = Path(run)
    own = check_own_binaries(binaries or {})
    manifest = read_manifest(path)
    refuse_other_suite(path, manifest.suite_text, suite)
    if any(artifact.origin == "recorded" for artifact in manifest.artifacts):
        raise UsageError(f"{path} holds recorded logs: recorded runs cannot be resumed", remedy="start a new run")
    check_models(manifest.models, left_of(without_retried(load_run(path), retry)))
    if manifest.adaptive is not None:
        with RunStore.open(path) as store:
            record_decisions(store)
    done = load_run(path)
    again = to_retry(done, retry)
    left = unfinished_on(without_retried(done, retry))
    if not left:
        watcher.notice(f"{path}: all {len(done.results)} trials are finished")
        return outcome_of(path, LanesOutcome(), report=report, watcher=watcher)
    effort = Effort(parallel_virtual=parallel_virtual, wait_s=wait_s, quarantine_s=quarantine_s)
    configs = load_device_configs()
    # An absent phone must not stop the others, but those that the user names must be there.
    with (
        ready_devices(
            _selectors(manifest, left, devices, watcher), "any", configs, watcher, lenient=not devices
        ) as ready,
        tempfile.TemporaryDirectory(prefix="harness-") as scratch,
    ):
        by_serial = match_devices(manifest, ready)
        infos = {serial: one.inventory.info for serial, one in by_serial.items()}
        loaded = suite_of(manifest)
        cases = accuracy_cases(loaded, manifest.accuracy, Path(scratch), watcher)
        programs = binaries_of(loaded, infos, own, Path(scratch), watcher.warning)
        _refuse_other_binaries(path, manifest, programs)
        expansion = Expansion(
            trials=manifest.trials,
            further=manifest.further,
            impossible=manifest.impossible,
            warnings=(),
            seed=manifest.seed or 0,
        )
        with RunStore.open(path) as store:
            _note_version(store, watcher)
            # Trials of absent devices keep their results.
            again = again & {
                trial.trial_id for trial in (*manifest.trials, *manifest.further) if trial.device in by_serial
            }
            if again:
                store.retry(again)
            lanes = lanes_of(by_serial, programs, expansion, effort)
            measured = measure(store, lanes, configs, loaded.suite, effort, watcher, again, cases)
        for device in manifest.devices:
            if device.serial not in by_serial and left[device.serial]:
                measured.set_aside[device.serial] = "not attached"
    return outcome_of(path, measured, report=report, watcher=watcher)


def _refuse_other_binaries(
    path: Path, manifest: Manifest, programs: Mapping[str, Mapping[str | None, Program]]
) -> None:
    known = {(artifact.binary, artifact.sha256) for artifact in manifest.artifacts}
    for serial, mine in programs.items():
        for name, program in mine.items():
            if (name, program.artifact.sha256) not in known:
                raise UsageError(
                    f"{serial}: the benchmark binary{f' {name}' if name else ''} is not the one that {path} began with",
                    remedy="give the same --binary, or start a new run",
                )


def _note_version(store: RunStore, watcher: RunWatcher) -> None:
    """Note in the manifest that another version resumes the run, since it may measure differently."""
    manifest = store.manifest
    if __version__ in (manifest.harness_version, *manifest.resumed_by):
        return
    watcher.warning(f"the run began with harness {manifest.harness_version}, this is {__version__}")
    store.extend_manifest(replace(manifest, resumed_by=(*manifest.resumed_by, __version__)))


def _selectors(
    manifest: Manifest, left: Mapping[str, int], asked: str | Sequence[str], watcher: RunWatcher
) -> Sequence[str]:
    """Choose the devices to go on with: those asked for. An attached device of the run goes before a new virtual one."""
    # The serial of a virtual device is only its port, where another profile may sit by now.
    kinds = {serial: kind for farm in running_farms() for serial, kind in zip(farm.serials, farm.profiles, strict=True)}
    others = {one.serial for one in manifest.devices if one.virtual and kinds.get(one.serial, one.config) != one.config}
    here = attached_serials() - others
    if asked:
        return _attached_first(manifest, left, (asked,) if isinstance(asked, str) else asked, here, watcher)
    for device in manifest.devices:
        if device.virtual and left.get(device.serial) and device.serial not in here:
            watcher.notice(f"{device.serial} is not up any more: its trials run on a new virtual device of its kind")
    return selectors_of(manifest, here)


def _attached_first(
    manifest: Manifest, left: Mapping[str, int], asked: Sequence[str], here: Collection[str], watcher: RunWatcher
) -> Sequence[str]:
    new = [selector for selector in asked if selector.startswith("virtual:")]
    unfinished = [one.serial for one in manifest.devices if one.virtual and left.get(one.serial)]
    attached = [serial for serial in unfinished if serial in here and serial not in asked]
    if not new or not attached:
        return asked
    watcher.notice(f"{', '.join(attached)}: attached, so its trials run there and not on a new virtual device")
    enough = len(attached) == len(unfinished)
    return (*attached, *(selector for selector in asked if not (enough and selector in new)))


def selectors_of(manifest: Manifest, here: Collection[str]) -> tuple[str, ...]:
    """Return a run's devices as selectors: phones and those in `here`, the attached serials, by serial; other virtual ones by profile."""
    return tuple(
        f"virtual:{device.config}" if device.virtual and device.serial not in here else device.serial
        for device in manifest.devices
    )


def match_devices(manifest: Manifest, live: Sequence[ReadyDevice]) -> dict[str, ReadyDevice]:
    """Map the manifest's serials to the present devices. The same serial is the same device.

    Virtual devices may have been restarted: an absent one matches a free one of its profile.

    Raises:
        UsageError: a serial now belongs to another phone or another system.
        SetupError: none of the run's devices is here.
    """
    by_serial = {one.target.serial: one for one in live}
    matched: dict[str, ReadyDevice] = {}
    for device in manifest.devices:
        one = by_serial.get(device.serial)
        if one is None or one.inventory.info.virtual != device.virtual:
            continue
        if not device.virtual or one.inventory.info.config == device.config:
            matched[device.serial] = one
    free = [one for one in live if one.inventory.info.virtual and not any(one is other for other in matched.values())]
    for device in manifest.devices:
        if device.virtual and device.serial not in matched:
            same = next((one for one in free if one.inventory.info.config == device.config), None)
            if same is not None:
                matched[device.serial] = same
                free.remove(same)
    for device in manifest.devices:
        if device.serial in matched:
            _refuse_changed(device, matched[device.serial].inventory.info)
    if not matched:
        raise SetupError(
            f"none of the run's devices is here: it began on {_named(manifest.devices)}",
            remedy=f"here: {_named([one.inventory.info for one in live])}. {_way_on(manifest)}",
        )
    return matched


def _named(devices: Sequence[DeviceInfo]) -> str:
    return ", ".join(f"{one.serial} ({one.config or one.model or 'unknown'})" for one in devices) or "none"


def _way_on(manifest: Manifest) -> str:
    kinds = dict.fromkeys(device.config for device in manifest.devices if device.virtual and device.config)
    if not kinds:
        return "Attach one of those that it began on"
    return f"Leave out --device, or give {' '.join(f'--device virtual:{kind}' for kind in kinds)}"


def _refuse_changed(then: DeviceInfo, now: DeviceInfo) -> None:
    """Refuse another phone or system of the same serial: cheap phones share serials, and updates come overnight."""
    for what in ("model", "soc", "fingerprint"):
        before, after = getattr(then, what), getattr(now, what)
        if before != after:
            raise UsageError(
                f"{then.serial} is not the device that the run began on: {what} was {before}, is {after}",
                remedy="start a new run: its numbers must not be pooled with the old ones",
            )
