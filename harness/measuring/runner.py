"""Runs one trial on a device, reads its output, and judges it by what the device shows.

This module knows nothing of suites, of the order of trials, or of where results are kept.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.benchmark_model import parse_output
from harness.benchmark_model.command_line import (
    BinaryFacts,
    CachePlace,
    trial_flags,
    unsupported,
)
from harness.benchmark_model.synthetic import synthetic_origin
from harness.devices.cpu_list import format_list, from_mask, to_mask
from harness.devices.device_folder import BASE_DIR, storage_error
from harness.devices.inventory import Inventory
from harness.devices.lease import LEASE_LOST, LEASE_S, renew_script
from harness.devices.push import Blob
from harness.devices.target import Cancelled, Target
from harness.errors import CommandFailed, DeviceBusy, DeviceError, DeviceHung, DeviceRebooted
from harness.measuring.delegate_libraries import DelegateLibraries
from harness.measuring.device_setup import Setup
from harness.measuring.not_run import no_library_result, skipped_result
from harness.measuring.start_state import cache_place, fill_script, is_filled
from harness.measuring.trailer import split_trailer
from harness.measuring.trial_logs import pull_files, write_logs
from harness.measuring.trial_script import CANNOT, TrialScript, kill_script
from harness.measuring.trial_verdict import affinity_evidence, judge_trial, observe
from harness.records import Result, Status, Trial
from harness.records.causes import Cause
from harness.records.spans import span

GRACE_S = 20.0
"""Seconds that the host waits beyond the device's own deadline before it steps in."""

_REFUSED_MASK = re.compile(rb"^taskset: .*affinity: Invalid argument", re.MULTILINE)
"""The error of taskset (toybox and util-linux) for a mask without a usable core: all are offline or outside the process's cpuset."""


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


def run_trial(bench: Bench, trial: Trial, model: Blob, log_dir: Path, cancel: threading.Event) -> Result:
    """Run one benchmark process and return its result. It leaves nothing running on the device, whatever happens.

    Args:
        bench: the device, with the binary on it.
        trial: the trial.
        model: the model file, already on the device.
        log_dir: folder for the raw output, named after the trial; paths in the result are relative to its grandparent.
        cancel: set by another thread to give up.

    Returns:
        A result of status ok, failed or invalid, whatever the benchmark does; skipped if the binary has no flag for what the trial asks;
        failed without a process if the delegate's library is missing or unusable.

    Raises:
        DeviceError: the device failed (lost, hung, rebooted); the caller decides whether to try again.
        Cancelled: `cancel` was set.
    """
    folder = trial_folder(trial)
    if (reason := unsupported(trial.delegate, trial.purpose, trial.start, bench.facts, trial.model)) is not None:
        return replace(skipped_result(trial, reason[1]), causes=(reason[0],), artifact_sha256=bench.program.sha256)
    if (lack := bench.libraries.problem(bench.target, trial.delegate, bench.program, cancel)) is not None:
        return replace(no_library_result(trial, lack), artifact_sha256=bench.program.sha256)
    cache = cache_place(trial, program_sha256=bench.program.sha256, folder=folder)
    script = _script(bench, trial, model, folder, cache)
    started_at, started = datetime.now(UTC), time.monotonic()
    try:
        filled = cache is None or trial.start == "cold" or _fill(bench, trial, model, folder, cache, cancel)
        with span("script", trial=trial.trial_id) as tell:
            output = bench.target.run(
                renew_script(bench.owner, trial.run.timeout_s + LEASE_S) + script.text(),
                timeout_s=trial.run.timeout_s + GRACE_S,
                cancel=cancel,
            )
    except (DeviceHung, Cancelled):
        end_leftovers(bench.target, folder, script.nonce)
        raise
    stderr, trailer = split_trailer(
        output.stderr, script.nonce, tuple(script.frequency_paths), script.zone_path is not None
    )
    if trailer is None and output.exit_code == LEASE_LOST:
        raise DeviceBusy("another process took it while this one slept", serial=trial.device)
    if trailer is None and output.exit_code == CANNOT:
        refusal = storage_error(trial.device, stderr.decode(errors="replace"))
        # The marker may be missing if the output broke off, but the words of a refusal say enough.
        if f"{script.nonce} cannot".encode() in output.stdout or not isinstance(refusal, CommandFailed):
            raise refusal
    if trailer is not None and bench.inventory.boot_id and trailer.boot_id != bench.inventory.boot_id:
        raise DeviceRebooted("it rebooted since the run began", serial=trial.device)
    logs = {"stdout": output.stdout, "stderr": stderr}
    logs |= pull_files(bench.target, folder, log_dir, script.flags, cancel)
    with span("write logs", trial=trial.trial_id):
        paths = write_logs(log_dir, logs)
    exit_code = trailer.exit_code if trailer else output.exit_code
    with span("parse", trial=trial.trial_id, bytes=len(output.stdout)):
        parsed = parse_output(
            output.stdout,
            stderr=stderr,
            profile=logs.get("profile"),
            runtime_info=logs.get("runtime_info"),
            exit_code=exit_code,
            requested=trial.delegate,
        )
    with span("judge", trial=trial.trial_id):
        conditions = observe(bench.inventory, trial, trailer, bench.setup)
        status, causes, message = judge_trial(trial, parsed, trailer, conditions)
    tell(process_s=conditions.process_s)  # by the device's own clock
    if not filled and status is Status.OK:
        status, causes = Status.INVALID, (Cause.CONDITION_NOT_MET,)
        message = "a cached start was asked for, and the process that ran before left no cache"
    synthetic = synthetic_origin(stderr)
    if synthetic is not None and trial.forbid_synthetic:
        status, causes = Status.INVALID, (Cause.CONDITION_NOT_MET,)
        message = f"the suite forbids synthetic numbers, and these are: {synthetic}"
    if _REFUSED_MASK.search(stderr) and conditions.affinity_observed is None:
        status, causes = Status.FAILED, (Cause.AFFINITY_NOT_HONOURED,)
        message = f"did not run: cores {format_list(from_mask(trial.cpus.mask))} were refused"
    if Cause.AFFINITY_NOT_HONOURED in causes:
        conditions = replace(conditions, evidence=(affinity_evidence(bench.inventory, trial, conditions),))
    return Result(
        trial=trial,
        status=status,
        causes=causes,
        message=message,
        measurement=None if synthetic is not None and trial.forbid_synthetic else parsed.measurement,
        conditions=conditions,
        artifact_sha256=bench.program.sha256,
        command=("benchmark_model", *script.flags),
        exit_code=exit_code,
        started_at=started_at,
        duration_s=round(time.monotonic() - started, 3),
        synthetic=synthetic is not None,
        logs=paths,
    )


def trial_folder(trial: Trial) -> str:
    """Return a trial's own folder on the device."""
    return f"{BASE_DIR}/run/{trial.trial_id}"


def end_leftovers(target: Target, folder: str, nonce: str) -> bool:
    """Kill what a trial left running, over a connection of its own. Return False if the device does not answer."""
    try:
        return "gone" in target.run(kill_script(folder, nonce), timeout_s=10.0).stdout.decode(errors="replace")
    except DeviceError:
        return False


def _script(bench: Bench, trial: Trial, model: Blob, folder: str, cache: CachePlace | None) -> TrialScript:
    inventory = bench.inventory
    watched = [
        next(cpu for cpu in cluster.cpus if trial.cpus.mask >> cpu & 1)
        for cluster in inventory.topology.clusters
        if to_mask(cluster.cpus) & trial.cpus.mask
    ]
    return TrialScript(
        folder=folder,
        program=bench.program.remote,
        flags=trial_flags(
            graph=model.remote,
            delegate=trial.delegate,
            threads=trial.threads,
            purpose=trial.purpose,
            run=trial.run,
            binary=bench.facts,
            cache=cache,
            model=trial.model,
        ),
        mask=trial.cpus.mask,
        other_mask=inventory.topology.all_mask & ~trial.cpus.mask,
        timeout_s=trial.run.timeout_s,
        zone_path=inventory.zone.path if inventory.zone else None,
        read_temperature=inventory.zone.read if inventory.zone else None,
        frequency_paths={cpu: f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq" for cpu in watched},
        nonce=secrets.token_hex(8),
        apply_task_profile=bench.setup.apply_task_profile,
        read_back=bench.setup.read_back,
    )


def _fill(bench: Bench, trial: Trial, model: Blob, folder: str, cache: CachePlace, cancel: threading.Event) -> bool:
    """Fill the cache of a cached start if it is empty. Return False if no cache is there afterwards."""
    script = fill_script(
        trial, cache, graph=model.remote, program=bench.program.remote, binary=bench.facts, folder=folder
    )
    renewal = renew_script(bench.owner, trial.run.timeout_s + LEASE_S)
    output = bench.target.run(renewal + script, timeout_s=trial.run.timeout_s + GRACE_S, cancel=cancel)
    return is_filled(output.stdout)
