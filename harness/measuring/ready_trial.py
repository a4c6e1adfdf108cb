"""Makes a trial ready to run on a device: finds what it lacks before a process is started, and writes its part of the script."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from harness.benchmark_model.command_line import BinaryFacts, CachePlace, trial_flags, unsupported
from harness.devices.cpu_list import to_mask
from harness.devices.device_folder import BASE_DIR
from harness.devices.inventory import Inventory
from harness.devices.lease import LEASE_S, renew_script
from harness.devices.push import Blob
from harness.devices.target import Target
from harness.measuring.delegate_libraries import DelegateLibraries
from harness.measuring.device_setup import Setup
from harness.measuring.not_run import no_library_result, skipped_result
from harness.measuring.start_state import cache_place, fill_script, is_filled
from harness.measuring.trial_logs import output_files
from harness.measuring.trial_script import TrialScript
from harness.records import Result, Trial

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

    @property
    def size(self) -> int:
        """Bytes that it takes of the block's script."""
        return len(self.script.text(0, None).encode("utf-8", "surrogateescape")) + _ROOM_FOR_REST


def make_ready(bench: Bench, trial: Trial, model: Blob, cancel: threading.Event) -> ReadyTrial | Result:
    """Prepare a trial whose model is on the device: look for the delegate's library, and fill the cache of a cached start.

    Args:
        bench: the device, with the binary on it.
        trial: the trial.
        model: the model file, already on the device.
        cancel: set by another thread to give up.

    Returns:
        The trial, or the result of one that cannot run: skipped if the binary has no flag for what it asks, failed if the delegate's
        library is missing or unusable.

    Raises:
        DeviceError: the device failed.
        Cancelled: `cancel` was set.
    """
    if (reason := unsupported(trial.delegate, trial.purpose, trial.start, bench.facts, trial.model)) is not None:
        return replace(skipped_result(trial, reason[1]), causes=(reason[0],), artifact_sha256=bench.program.sha256)
    if (lack := bench.libraries.problem(bench.target, trial.delegate, bench.program, cancel)) is not None:
        return replace(no_library_result(trial, lack), artifact_sha256=bench.program.sha256)
    folder = trial_folder(trial)
    cache = cache_place(trial, program_sha256=bench.program.sha256, folder=folder)
    filled = cache is None or trial.start == "cold" or _fill(bench, trial, model, folder, cache, cancel)
    return ReadyTrial(bench=bench, trial=trial, script=_script(bench, trial, model, folder, cache), filled=filled)


def trial_folder(trial: Trial) -> str:
    """Return a trial's own folder on the device."""
    return f"{BASE_DIR}/run/{trial.trial_id}"


def _script(bench: Bench, trial: Trial, model: Blob, folder: str, cache: CachePlace | None) -> TrialScript:
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
    )
    return TrialScript(
        folder=folder,
        program=bench.program.remote,
        flags=flags,
        mask=trial.cpus.mask,
        other_mask=inventory.topology.all_mask & ~trial.cpus.mask,
        timeout_s=trial.run.timeout_s,
        frequency_paths={cpu: f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq" for cpu in watched},
        files=output_files(flags),
    )


def _fill(bench: Bench, trial: Trial, model: Blob, folder: str, cache: CachePlace, cancel: threading.Event) -> bool:
    """Fill the cache of a cached start if it is empty. Return False if no cache is there afterwards."""
    script = fill_script(
        trial, cache, graph=model.remote, program=bench.program.remote, binary=bench.facts, folder=folder
    )
    renewal = renew_script(bench.owner, trial.run.timeout_s + LEASE_S)
    output = bench.target.run(renewal + script, timeout_s=trial.run.timeout_s + GRACE_S, cancel=cancel)
    return is_filled(output.stdout)
