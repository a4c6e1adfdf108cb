"""The work planned for one device, and the scheduler's patience with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.devices.inventory import Inventory
from harness.devices.push import Blob
from harness.devices.target import Target
from harness.measuring.turns import Turns
from harness.records import Impossible, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often the scheduler tries. Times are in seconds of wall time.

    Args:
        attempts: most attempts of a trial whose device fails in a way that may pass.
        backoff_s: pause before the second attempt; twice that before the third.
        recovery_s: how long an attempt waits for a device that is gone; after that the device counts as down.
        quarantine_after: failed trials in a row after which a device is quarantined; one that is down is quarantined at once.
        quarantine_s: how long to wait for a quarantined device; 0 gives it up at once.
        probe_s: pause between two health checks, doubled each time up to 8 times this.
        quarantines: how often a device may come back.
        probe_timeout_s: longest duration of a health check.
    """

    attempts: int = 3
    backoff_s: float = 1.0
    recovery_s: float = 60.0
    quarantine_after: int = 3
    quarantine_s: float = 300.0
    probe_s: float = 5.0
    quarantines: int = 5
    probe_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePlan:
    """The work planned for one device.

    Args:
        target: the device.
        inventory: as taken when the run began.
        program: the benchmark binary for its ABI.
        variants: the binaries that trials name, if the suite compares several; then `program` is one of them.
        trials: in order; those with a stored result are passed over.
        further: blocks of an adaptive run beyond the minimum; each block's decisions say which of them run.
        impossible: trials that cannot run there; recorded as skipped.
        slot: held while the benchmark runs, if devices share the cores that they measure on (virtual devices of one host).
        revive_server: restarts the device's ADB server; None if the harness may not do that.
    """

    target: Target
    inventory: Inventory
    program: Blob
    trials: tuple[Trial, ...]
    further: tuple[Trial, ...] = ()
    impossible: tuple[Impossible, ...] = ()
    slot: Turns | None = None
    variants: Mapping[str, Blob] = field(default_factory=dict)
    revive_server: Callable[[], None] | None = None
