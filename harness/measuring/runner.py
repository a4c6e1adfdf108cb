"""One trial: run it on a device, read what it said, and judge what the device itself shows of it.

Knows nothing of suites, of the order of trials, or of where results are kept.
"""

from __future__ import annotations

import os
import re
import secrets
import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.benchmark_model import parse_output
from harness.benchmark_model.command_line import (
    PROFILE_FILE,
    RUNTIME_INFO_FILE,
    BinaryFacts,
    CachePlace,
    trial_flags,
    unsupported,
)
from harness.benchmark_model.synthetic import synthetic_origin
from harness.devices.cpu_list import format_list, from_mask, parse_list, to_mask
from harness.devices.device_folder import BASE_DIR, storage_error
from harness.devices.inventory import Inventory
from harness.devices.lease import LEASE_LOST, LEASE_S, renew_script
from harness.devices.push import Blob
from harness.devices.target import Cancelled, Target
from harness.errors import CommandFailed, DeviceBusy, DeviceError, DeviceHung, DeviceRebooted
from harness.measuring.start_state import cache_place, fill_script, is_filled
from harness.measuring.trailer import Trailer, split_trailer
from harness.measuring.trial_script import CANNOT, TrialScript, kill_script
from harness.records import Conditions, ParsedOutput, Result, Status, Trial
from harness.records.causes import Cause

GRACE_S = 20.0
"""How much longer than the device's own deadline the host waits before it steps in."""

_REFUSED_MASK = re.compile(rb"^taskset: .*affinity: Invalid argument", re.MULTILINE)
"""What taskset (toybox and util-linux) says of a mask of which the process may have no core: they are offline, or outside its cpuset."""

_SIMULATED = (
    "battery_percent",
    "frequency_khz",
    "samples",
    "temperature_after_c",
    "temperature_before_c",
    "thermal_status_after",
    "thermal_status_before",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What was set on the device, and what each trial has to do about it.

    Args:
        asked: settings to values, as the suite asks for them.
        held: those of them that the device took on.
        apply_task_profile: shell text for the process itself (its task profile), if any.
        read_back: shell text that reads the settings after a run.
    """

    asked: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    apply_task_profile: str | None = None
    read_back: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A device that is ready to run trials.

    Args:
        target: the way to it.
        inventory: what it is.
        program: the benchmark binary, already on the device.
        facts: what the binary's help says.
        owner: the run's id, which holds the lease.
        setup: what each trial is to do for the conditions that were asked for.
    """

    target: Target
    inventory: Inventory
    program: Blob
    facts: BinaryFacts
    owner: str
    setup: Setup = field(default_factory=Setup)


def run_trial(bench: Bench, trial: Trial, model: Blob, log_dir: Path, cancel: threading.Event) -> Result:
    """Run one process and say what came of it. Nothing that it started is left running on the device, whatever happens.

    Args:
        bench: the device, with the binary on it.
        trial: what is asked.
        model: the model file, already on the device.
        log_dir: folder for the raw output, named after the trial; paths in the result are relative to its grandparent.
        cancel: set by another thread to give up.

    Returns:
        A result of status ok, failed or invalid: whatever the benchmark itself does is a result; skipped where the binary has no way
        to be asked for that.

    Raises:
        DeviceError: the device failed (lost, hung, rebooted): whether to try again is the caller's question.
        Cancelled: `cancel` was set.
    """
    folder = f"{BASE_DIR}/run/{trial.trial_id}"
    if (reason := unsupported(trial.delegate, trial.purpose, trial.start, bench.facts, trial.model)) is not None:
        return replace(skipped_result(trial, reason[1]), causes=(reason[0],), artifact_sha256=bench.program.sha256)
    cache = cache_place(trial, program_sha256=bench.program.sha256, folder=folder)
    script = _script(bench, trial, model, folder, cache)
    started_at, started = datetime.now(UTC), time.monotonic()
    try:
        filled = cache is None or trial.start == "cold" or _fill(bench, trial, model, folder, cache, cancel)
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
        # Its mark may be missing where the output broke off, but the words of a refusal say enough.
        if f"{script.nonce} cannot".encode() in output.stdout or not isinstance(refusal, CommandFailed):
            raise refusal
    if trailer is not None and bench.inventory.boot_id and trailer.boot_id != bench.inventory.boot_id:
        raise DeviceRebooted("it rebooted since the run began", serial=trial.device)
    logs = {"stdout": output.stdout, "stderr": stderr}
    logs |= _pull(bench.target, folder, log_dir, script.flags)
    paths = _write_logs(log_dir, logs)
    exit_code = trailer.exit_code if trailer else output.exit_code
    parsed = parse_output(
        output.stdout,
        stderr=stderr,
        profile=logs.get("profile"),
        runtime_info=logs.get("runtime_info"),
        exit_code=exit_code,
        requested=trial.delegate,
    )
    conditions = observe(bench.inventory, trial, trailer, bench.setup)
    status, causes, message = judge(trial, parsed, trailer, conditions)
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
        conditions = replace(conditions, evidence=(_affinity_evidence(bench.inventory, trial, conditions),))
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


def end_leftovers(target: Target, folder: str, nonce: str) -> bool:
    """Kill what a trial left running, out of band. False where the device does not answer even to this."""
    try:
        return "gone" in target.run(kill_script(folder, nonce), timeout_s=10.0).stdout.decode(errors="replace")
    except DeviceError:
        return False


def failed_result(trial: Trial, error: DeviceError, *, started_at: datetime, duration_s: float, attempt: int) -> Result:
    """The result of a trial whose device failed."""
    return Result(
        trial=trial,
        status=Status.FAILED,
        causes=(error.cause,),
        message=str(error),
        started_at=started_at,
        duration_s=round(duration_s, 3),
        attempt=attempt,
    )


def skipped_result(trial: Trial, reason: str) -> Result:
    """The result of a trial that this device cannot run at all."""
    return Result(
        trial=trial,
        status=Status.SKIPPED,
        causes=(Cause.CONDITION_NOT_MET,),
        message=reason,
        started_at=datetime.now(UTC),
        duration_s=0.0,
    )


def observe(inventory: Inventory, trial: Trial, trailer: Trailer | None, setup: Setup) -> Conditions:
    """Asked and seen, side by side."""
    cpu_map = inventory.info.cpu_map
    cores = from_mask(trial.cpus.mask)
    expected = sorted({cpu_map.get(core, core) for core in cores}) if cpu_map else cores
    conditions = Conditions(
        cpus_asked=trial.cpus.hex,
        affinity_expected=format_list(expected),
        battery_percent=inventory.battery_percent,
        settings_asked=setup.asked,
        simulated=_SIMULATED if inventory.info.virtual else (),
    )
    if trailer is None:
        return conditions
    settings = dict(trailer.settings)
    if trailer.task_profile_applied is not None:
        settings["task_profile"] = setup.asked.get("task_profile", "") if trailer.task_profile_applied else "refused"
    # Of several clusters the one at the highest clock: the others rest, or their clocks are asked for by somebody else.
    clocks = [max(sample.frequency_khz.values()) for sample in trailer.samples if sample.frequency_khz]
    return replace(
        conditions,
        affinity_observed=trailer.affinity,
        temperature_before_c=trailer.temperature_before_c,
        temperature_after_c=trailer.temperature_after_c,
        thermal_status_before=trailer.thermal_status_before,
        thermal_status_after=trailer.thermal_status_after,
        battery_percent=(inventory.battery_percent if trailer.battery_percent is None else trailer.battery_percent),
        settings_observed=settings,
        process_s=round(trailer.ran_s, 3) if trailer.ran_s is not None else None,
        frequency_khz=round(statistics.median(clocks)) if clocks else None,
        samples=trailer.samples,
    )


def judge(
    trial: Trial, parsed: ParsedOutput, trailer: Trailer | None, conditions: Conditions
) -> tuple[Status, tuple[Cause, ...], str | None]:
    """The verdict of the output, sharpened by what the device knows: a deadline that struck, cores that were not the ones asked for."""
    # 124 is what a `timeout` of busybox or of an old coreutils says of a deadline that struck.
    if trailer is not None and trailer.exit_code in (124, 137) and (trailer.ran_s or 0.0) >= trial.run.timeout_s - 1.0:
        rest = tuple(c for c in parsed.causes if c not in (Cause.KILLED, Cause.TRUNCATED_OUTPUT, Cause.UNKNOWN))
        message = f"no end within {trial.run.timeout_s:g} s, ended by the device's own deadline"
        return Status.FAILED, (Cause.TIMEOUT, *rest), message
    if trailer is None and (parsed.status is not Status.FAILED or parsed.causes == (Cause.UNKNOWN,)):
        # The numbers may be whole, but what came after them is not: nothing is known of the conditions, nor of the exit code.
        message = "the output breaks off before the device's own notes"
        return Status.FAILED, (Cause.TRUNCATED_OUTPUT, *parsed.causes), message
    observed, expected = conditions.affinity_observed, conditions.affinity_expected
    if parsed.status is not Status.FAILED and observed is not None and observed != expected:
        message = f"asked for cores {expected}, the kernel allowed {observed}"
        return Status.INVALID, (Cause.AFFINITY_NOT_HONOURED, *parsed.causes), message
    if parsed.status is Status.OK and observed is None and trailer is not None and (trailer.ran_s or 1.0) >= 1.0:
        message = "nothing was seen of the cores that it ran on"
        return Status.INVALID, (Cause.CONDITION_NOT_MET, *parsed.causes), message
    return parsed.status, parsed.causes, parsed.message


def _affinity_evidence(inventory: Inventory, trial: Trial, conditions: Conditions) -> str:
    allowed = set(inventory.cpuset_cores)
    expected, observed = conditions.affinity_expected, conditions.affinity_observed
    said = f"threads were allowed on cores {observed}, asked for {expected}"
    if observed is None:
        said = f"cores {format_list(from_mask(trial.cpus.mask))} were refused"
    if allowed and not set(parse_list(expected or "")) <= allowed:
        return f"{said}: the cpuset {inventory.cpuset or 'of the shell'} leaves it {format_list(sorted(allowed))}"
    return said


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
    """Fill the cache of a cached start where it is empty. False where none lies there after it."""
    script = fill_script(
        trial, cache, graph=model.remote, program=bench.program.remote, binary=bench.facts, folder=folder
    )
    renewal = renew_script(bench.owner, trial.run.timeout_s + LEASE_S)
    output = bench.target.run(renewal + script, timeout_s=trial.run.timeout_s + GRACE_S, cancel=cancel)
    return is_filled(output.stdout)


def _pull(target: Target, folder: str, log_dir: Path, flags: Sequence[str]) -> dict[str, bytes]:
    """The files that the flags name, as far as they were written."""
    pulled = {}
    for kind, name in (("profile", PROFILE_FILE), ("runtime_info", RUNTIME_INFO_FILE)):
        if not any(flag.endswith(f"={name}") for flag in flags):
            continue
        local = log_dir / name
        if target.pull(f"{folder}/{name}", local):
            pulled[kind] = local.read_bytes()
    return pulled


def _write_logs(log_dir: Path, logs: dict[str, bytes]) -> dict[str, str]:
    names = {"stdout": "stdout.txt", "stderr": "stderr.txt", "profile": PROFILE_FILE, "runtime_info": RUNTIME_INFO_FILE}
    base = log_dir.parent.parent
    for kind in ("stdout", "stderr"):
        with (log_dir / names[kind]).open("wb") as stream:
            # On the disk before the result that names it: a record must not outlive its evidence.
            stream.write(logs[kind])
            stream.flush()
            os.fsync(stream.fileno())
    return {kind: str((log_dir / names[kind]).relative_to(base)) for kind in logs}
