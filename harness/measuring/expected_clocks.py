"""The clock that a busy core should have during a trial: what was set, else the highest of its cluster. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.devices.inventory import Inventory
from harness.records import Conditions

_NOT_AT_MAXIMUM = frozenset({"powersave", "userspace", "conservative"})


def expected_khz(
    inventory: Inventory, held: Mapping[str, str], peak_khz: Mapping[int, int], seen: Conditions
) -> dict[int, int]:
    """Watched cores to the clock in kHz that a busy one should have; without those of which nobody can tell.

    Args:
        inventory: the device.
        held: settings that it took on.
        peak_khz: the highest clock that each core was seen at in this session.
        seen: what was sampled during the trial.
    """
    policy_of = {cpu: policy for policy, cpus in inventory.policies.items() for cpu in cpus}
    highest = {cpu: cluster.max_frequency_khz for cluster in inventory.info.cpu_clusters for cpu in cluster.cpus}
    expected = {}
    for core in {core for sample in seen.samples for core in sample.frequency_khz}:
        policy = policy_of.get(core)
        clock = highest.get(core)
        if fixed := held.get(f"frequency:policy{policy}"):
            clock = int(fixed.partition(" ")[2])
        elif held.get("fixed_performance") == "true":
            clock = peak_khz.get(core)  # only the phone knows which clock it holds: what it ran at, at best
        elif held.get(f"governor:policy{policy}") in _NOT_AT_MAXIMUM:
            clock = None
        if clock:
            expected[core] = clock
    return expected
