"""Refines the verdict on a trial's output by what the device observed: a timeout, or cores other than those asked for. Pure."""

from __future__ import annotations

import statistics
from dataclasses import replace

from harness.devices.cpu_list import format_list, from_mask, parse_list
from harness.devices.inventory import Inventory
from harness.measuring.device_setup import Setup
from harness.measuring.trailer import Trailer
from harness.records import Conditions, ParsedOutput, Status, Trial
from harness.records.causes import Cause

_SIMULATED = (
    "battery_percent",
    "frequency_khz",
    "samples",
    "temperature_after_c",
    "temperature_before_c",
    "thermal_status_after",
    "thermal_status_before",
)


def observe(inventory: Inventory, trial: Trial, trailer: Trailer | None, setup: Setup) -> Conditions:
    """Put the conditions asked for and those observed side by side."""
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
    # Of several clusters, the one at the highest clock: the others idle, or other processes set their clocks.
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


def judge_trial(
    trial: Trial, parsed: ParsedOutput, trailer: Trailer | None, conditions: Conditions
) -> tuple[Status, tuple[Cause, ...], str | None]:
    """Refine the verdict on the output by the device's observations: a timeout, or cores other than those asked for."""
    # The `timeout` of busybox and of old coreutils exits with 124 when the time is up.
    if trailer is not None and trailer.exit_code in (124, 137) and (trailer.ran_s or 0.0) >= trial.run.timeout_s - 1.0:
        rest = tuple(c for c in parsed.causes if c not in (Cause.KILLED, Cause.TRUNCATED_OUTPUT, Cause.UNKNOWN))
        message = f"no end within {trial.run.timeout_s:g} s, ended by the device's own deadline"
        return Status.FAILED, (Cause.TIMEOUT, *rest), message
    if trailer is None and (parsed.status is not Status.FAILED or parsed.causes == (Cause.UNKNOWN,)):
        # The numbers may be complete, but the trailer is not: the conditions and the exit code are unknown.
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


def affinity_evidence(inventory: Inventory, trial: Trial, conditions: Conditions) -> str:
    """Say in one sentence how the cores of a trial's threads differ from those asked for."""
    allowed = set(inventory.cpuset_cores)
    expected, observed = conditions.affinity_expected, conditions.affinity_observed
    said = f"threads were allowed on cores {observed}, asked for {expected}"
    if observed is None:
        said = f"cores {format_list(from_mask(trial.cpus.mask))} were refused"
    if allowed and not set(parse_list(expected or "")) <= allowed:
        return f"{said}: the cpuset {inventory.cpuset or 'of the shell'} leaves it {format_list(sorted(allowed))}"
    return said
