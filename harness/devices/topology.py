"""A device's cores, their clusters, and the meaning of `big`, `little` or `f0` on it. Pure: text in, values out.

Sources, in order of trust: `cpu_capacity` (0..1024, what the scheduler itself uses), else `cpufreq/cpuinfo_max_freq`. Two clusters can
share a maximum frequency; then only the capacity tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.devices.cpu_list import parse_list, to_mask
from harness.errors import UsageError
from harness.records import CpuCluster, CpuRequest

NAMES = ("all", "big", "little", "middle", "prime")
"""Words for sets of cores; a device config may add more."""

_NAMES_BY_COUNT = {
    1: ("all",),
    2: ("little", "big"),
    3: ("little", "middle", "big"),
    4: ("little", "middle", "upper", "big"),
}
_NAMES_WITH_PRIME = {3: ("little", "big", "prime"), 4: ("little", "middle", "big", "prime")}
"""Cluster names if the fastest cluster is a single core: each is called by the word that means its cores (`named_sets`)."""
_LIST = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")
_MASK = re.compile(r"[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The cores of a device. `clusters` are ordered from the slowest to the fastest; `online` lacks cores that are switched off."""

    clusters: tuple[CpuCluster, ...]
    online: tuple[int, ...]

    @property
    def all_mask(self) -> int:
        """Mask of the cores that are online."""
        return to_mask(self.online)


def build_topology(
    *, present: str, online: str, capacities: Mapping[int, int], max_frequencies_khz: Mapping[int, int]
) -> Topology:
    """Group cores into clusters.

    Args:
        present: content of `/sys/devices/system/cpu/present` (or `possible`).
        online: content of `/sys/devices/system/cpu/online`.
        capacities: `cpu_capacity` per core; cores may be missing.
        max_frequencies_khz: `cpuinfo_max_freq` per core; cores may be missing.
    """
    cores = parse_list(present) or tuple(sorted({*capacities, *max_frequencies_khz})) or (0,)
    # An offline core shows neither; it joins its lower neighbour's cluster, since cores are numbered by cluster.
    groups: dict[tuple[int, int], list[int]] = {}
    previous: tuple[int, int] | None = None
    for core in cores:
        key = (capacities.get(core, -1), max_frequencies_khz.get(core, -1))
        if key == (-1, -1) and previous is not None:
            key = previous
        groups.setdefault(key, []).append(core)
        previous = key
    ordered = sorted(groups.items(), key=lambda item: (item[0], item[1]))
    by_count = _NAMES_WITH_PRIME if len(ordered[-1][1]) == 1 and len(ordered) in _NAMES_WITH_PRIME else _NAMES_BY_COUNT
    names = by_count.get(len(ordered)) or tuple(f"cluster{i}" for i in range(len(ordered)))
    clusters = tuple(
        CpuCluster(
            name=name,
            cpus=tuple(members),
            capacity=key[0] if key[0] >= 0 else None,
            max_frequency_khz=key[1] if key[1] >= 0 else None,
        )
        for name, (key, members) in zip(names, ordered, strict=True)
    )
    return Topology(clusters=clusters, online=parse_list(online) or cores)


def named_sets(topology: Topology) -> dict[str, int]:
    """Find the masks of the words that mean something on this device.

    `little` is the slowest cluster. `prime` is the fastest cluster if it has one core. `big` is the fastest cluster that is not a prime, so
    its cores are alike and a thread that moves among them measures the same. `middle` is what lies between `little` and `big`, or `big`
    itself on three clusters with a prime. On a single cluster `big` and `little` both mean all cores. To pin to big and prime cores
    together, ask for their mask.
    """
    clusters = list(topology.clusters)
    sets = {"all": topology.all_mask, "little": to_mask(clusters[0].cpus)}
    if len(clusters) > 1 and len(clusters[-1].cpus) == 1:
        sets["prime"] = to_mask(clusters[-1].cpus)
        if len(clusters) > 2:
            clusters.pop()
    sets["big"] = to_mask(clusters[-1].cpus)
    if len(topology.clusters) > 2:
        between = clusters[1:-1] or clusters[1:]
        sets["middle"] = to_mask([cpu for cluster in between for cpu in cluster.cpus])
    return sets


def refuse_bad_list(label: str) -> str:
    """Return a suite's word for cores. Only the devices tell whether it is right, except for a list.

    Raises:
        ValueError: it has the form of a list and is none: backwards, or beyond any phone's cores.
    """
    if _is_list(label):
        parse_list(label)
    return label


def _is_list(label: str) -> bool:
    return ("-" in label or "," in label) and _LIST.fullmatch(label) is not None


def resolve(label: str, topology: Topology, extra: Mapping[str, Sequence[int]] | None = None) -> CpuRequest | None:
    """Resolve a suite's word for cores on this device.

    Args:
        label: a name (`big`), a bare hex mask (`f0`), or a list (`0-3`, `4,5`). A single digit is a mask, as for taskset.
        topology: the device's cores.
        extra: sets that the device's config names; they take precedence.

    Returns:
        The request, or None if the device lacks these cores (no `prime` on a single cluster; core 7 of a 4-core phone; cores offline).

    Raises:
        UsageError: `label` is not a name, a mask or a list.
    """
    sets = named_sets(topology) | {name: to_mask(list(cpus)) for name, cpus in (extra or {}).items()}
    if label in sets:
        mask = sets[label]
    elif label in NAMES:
        return None
    elif _is_list(label):
        try:
            mask = to_mask(parse_list(label))
        except ValueError as error:  # backwards, or beyond any phone's cores
            raise UsageError(str(error)) from None
    elif _MASK.fullmatch(label) and len(label) <= 256:
        mask = int(label, 16)
    else:
        raise UsageError(
            f"{label!r} names no cores", remedy=f"{', '.join(sorted({*NAMES, *sets}))}, a mask like f0, a list like 0-3"
        )
    if mask == 0:
        raise UsageError(f"{label!r} holds no core at all")
    usable = mask & topology.all_mask
    wanted_by_name = label in sets
    if usable == 0 or (usable != mask and not wanted_by_name):
        return None
    return CpuRequest(label=label, mask=usable)
