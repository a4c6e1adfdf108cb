"""The clock that a busy core should have during a trial: the one that was set, else the highest of its cluster. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.devices.inventory import Inventory
from harness.records import Conditions

_NOT_AT_MAXIMUM = frozenset({"powersave", "userspace", "conservative"})


def expected_khz(
    inventory: Inventory, held: Mapping[str, str], peak_khz: Mapping[int, int], seen: Conditions
) -> dict[int, int]:
    """Return, for each watched core, the clock in kHz that it should have when busy. Cores with an unknown clock are left out.

    Args:
        inventory: the device.
        held: settings that the device accepted.
        peak_khz: the highest clock of each core that was seen in this session.
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
            clock = peak_khz.get(core)  # only the phone knows its fixed clock, so the highest clock seen stands in
        elif held.get(f"governor:policy{policy}") in _NOT_AT_MAXIMUM:
            clock = None
        if clock:
            expected[core] = clock
    return expected
