"""Makes a trial ready to run on a device: finds what it lacks before a process is started, and writes its part of the script."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from harness.benchmark_model.command_line import (
    OUTPUTS_FILE,
    BinaryFacts,
    CachePlace,
    fed_flags,
    trial_flags,
    unsupported,
)
from harness.devices.cpu_list import to_mask
from harness.devices.device_folder import BASE_DIR
from harness.devices.inventory import Inventory
from harness.devices.lease import LEASE_S, renew_script
from harness.devices.push import Blob
from harness.devices.target import Target
from harness.errors import UsageError
from harness.measuring.delegate_libraries import DelegateLibraries
from harness.measuring.device_setup import Setup
from harness.measuring.feeding_script import FED, feeding_words
from harness.measuring.not_run import no_library_result, skipped_result
from harness.measuring.start_state import cache_place, fill_script, is_filled
from harness.measuring.trial_logs import output_files
from harness.measuring.trial_script import TrialScript
from harness.models.accuracy_case import AccuracyCase
from harness.records import Purpose, Result, Trial

GRACE_S = 20.0
"""Seconds that the host waits beyond the device's own deadline before it steps in."""
_ROOM_FOR_REST = 300
"""Bytes of a trial's part besides its call: the folder's name a second time, and the zone's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A device that is ready to run trials.

    Args:
        target: the device.
        inventory: what it is.
        program: the benchmark binary, already on the device.
        facts: the flags that the binary's help lists.
        owner: the run's id; it holds the lease.
        setup: what each trial's script has to do for the conditions.
        libraries: the findings about the delegates' libraries.
    """

    target: Target
    inventory: Inventory
    program: Blob
    facts: BinaryFacts
    owner: str
    setup: Setup = field(default_factory=Setup)
    libraries: DelegateLibraries = field(default_factory=DelegateLibraries)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyTrial:
    """A trial that may run.

    Args:
        bench: the device, with the binary on it.
        trial: the trial.
        script: its part of the block's script.
        filled: whether the cache that it asks for is there.
    """

    bench: Bench
    trial: Trial
    script: TrialScript
    filled: bool
    case: AccuracyCase | None = None
    """What the outputs of an accuracy trial are compared with."""

    @property
    def size(self) -> int:
        """Bytes that the trial takes in the block's script."""
        return len(self.script.text(0, None).encode("utf-8", "surrogateescape")) + _ROOM_FOR_REST


def make_ready(
    bench: Bench, trial: Trial, model: Blob, cancel: threading.Event, case: AccuracyCase | str | None = None
) -> ReadyTrial | Result:
    """Prepare a trial whose model is on the device: look for the delegate's library, and fill the cache of a cached start.

    Args:
        bench: the device, with the binary on it.
        trial: the trial.
        model: the model file, already on the device.
        cancel: set by another thread to give up.
        case: for an accuracy trial, its inputs and references, with its files on the device; or why it cannot run.

    Returns:
        The trial, or the result of one that cannot run: skipped if the binary lacks a flag that the trial needs, failed if the delegate's
        library is missing or unusable.

    Raises:
        DeviceError: the device failed.
        Cancelled: `cancel` was set.
    """
    if (reason := unsupported(trial.delegate, trial.purpose, trial.start, bench.facts, trial.model)) is not None:
        return replace(skipped_result(trial, reason[1]), causes=(reason[0],), artifact_sha256=bench.program.sha256)
    if (lack := bench.libraries.problem(bench.target, trial.delegate, bench.program, cancel)) is not None:
        return replace(no_library_result(trial, lack), artifact_sha256=bench.program.sha256)
    if trial.purpose is Purpose.ACCURACY and not isinstance(case, AccuracyCase):
        return replace(skipped_result(trial, case or "nothing to compare with"), artifact_sha256=bench.program.sha256)
    case = case if isinstance(case, AccuracyCase) else None
    folder = trial_folder(trial)
    cache = cache_place(trial, program_sha256=bench.program.sha256, folder=folder)
    filled = cache is None or trial.start == "cold" or _fill(bench, trial, model, folder, cache, cancel)
    try:
        script = _script(bench, trial, model, folder, cache, case)
    except UsageError as error:
        return replace(skipped_result(trial, str(error)), artifact_sha256=bench.program.sha256)
    return ReadyTrial(bench=bench, trial=trial, script=script, filled=filled, case=case)


def input_blobs(case: AccuracyCase | str | None) -> list[Blob]:
    """Return the files that an accuracy trial feeds."""
    layers = case.layers if isinstance(case, AccuracyCase) else ()
    return [Blob(path=one.path, sha256=one.sha256, size=one.path.stat().st_size) for one in layers]


def trial_folder(trial: Trial) -> str:
    """Return a trial's own folder on the device."""
    return f"{BASE_DIR}/run/{trial.trial_id}"


def _script(
    bench: Bench, trial: Trial, model: Blob, folder: str, cache: CachePlace | None, case: AccuracyCase | None
) -> TrialScript:
    inventory = bench.inventory
    watched = [
        next(cpu for cpu in cluster.cpus if trial.cpus.mask >> cpu & 1)
        for cluster in inventory.topology.clusters
        if to_mask(cluster.cpus) & trial.cpus.mask
    ]
    flags = trial_flags(
        graph=model.remote,
        delegate=trial.delegate,
        threads=trial.threads,
        purpose=trial.purpose,
        run=trial.run,
        binary=bench.facts,
        cache=cache,
        model=trial.model,
        fed=fed_flags(
            [(one.name, one.shape, FED.format(place)) for place, one in enumerate(case.layers)] if case else []
        )
        if case
        else (),
    )
    before: tuple[str, ...] = ()
    if case is not None:
        remote = [blob.remote for blob in input_blobs(case)]
        sizes = [one.sample_bytes for one in case.layers]
        before = feeding_words(case.count, list(zip(remote, sizes, strict=True)))
    return TrialScript(
        folder=folder,
        program=bench.program.remote,
        flags=flags,
        mask=trial.cpus.mask,
        other_mask=inventory.topology.all_mask & ~trial.cpus.mask,
        timeout_s=trial.run.timeout_s,
        frequency_paths={cpu: f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq" for cpu in watched},
        files=output_files(flags) if case is None else (*output_files(flags), OUTPUTS_FILE),
        before=before,
    )


def _fill(bench: Bench, trial: Trial, model: Blob, folder: str, cache: CachePlace, cancel: threading.Event) -> bool:
    """Fill the cache of a cached start if it is empty. Return False if no cache is there afterwards."""
    script = fill_script(
        trial, cache, graph=model.remote, program=bench.program.remote, binary=bench.facts, folder=folder
    )
    renewal = renew_script(bench.owner, trial.run.timeout_s + LEASE_S)
    output = bench.target.run(renewal + script, timeout_s=trial.run.timeout_s + GRACE_S, cancel=cancel)
    return is_filled(output.stdout)
