"""Works out how busy a device's processes keep its clusters.

It uses their real CPU time on the host and the time that they waited for its cores, so the phone's heat does not depend on the host's other
work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.devices.device_config import Cluster
from harness.virtual.android.backend import ProcessUse

_HEAVY = 0.3
"""Share of a core above which a process counts as heavy. Fictional, like the phone."""


class LoadMeter:
    """Turns CPU times of processes into loads of clusters, from one reading to the next."""

    def __init__(self) -> None:
        self._seen: dict[int, ProcessUse] = {}
        self._percent: dict[int, float] = {}

    @property
    def known(self) -> set[int]:
        """PIDs of the last reading."""
        return set(self._seen)

    def percent_by_pid(self) -> list[tuple[int, float]]:
        """Percent of one core by PID, between the last two readings, busiest first."""
        return sorted(self._percent.items(), key=lambda item: -item[1])

    def cluster_loads(
        self, uses: Sequence[ProcessUse], dt_s: float, clusters: Sequence[Cluster], masks: Mapping[int, int]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Return each cluster's load since the last reading, 0..1: the mean of its cores, and an upper bound for its busiest core.

        Args:
            uses: the present processes.
            dt_s: real seconds since the last reading.
            clusters: the device's clusters.
            masks: PID to the device cores given to `taskset`; children inherit them, other processes may run on every core.
        """
        parents = {use.pid: use.parent for use in uses}
        ordered = sorted(clusters, key=lambda c: (c.capacity or 0, c.max_frequency_khz))
        busy_cores: dict[str, float] = dict.fromkeys((cluster.name for cluster in clusters), 0.0)
        percent = {}
        for use in uses:
            # A new process used all its time since the last reading.
            before = self._seen.get(use.pid)
            used_s = use.cpu_s - (before.cpu_s if before else 0.0)
            # The waiting time of ended threads is lost.
            waited_s = max(0.0, use.waited_s - (before.waited_s if before else 0.0))
            if used_s + waited_s <= 0 or dt_s <= 0:
                continue
            cores = (used_s + waited_s) / dt_s
            if used_s > 0:
                percent[use.pid] = 100 * used_s / dt_s
            mask = _mask_of(use.pid, parents, masks)
            allowed = [(c.name, sum(mask is None or bool(mask >> cpu & 1) for cpu in c.cpus)) for c in ordered]
            for name, count in _placed(cores, allowed):
                busy_cores[name] += count
        self._seen = {use.pid: use for use in uses}
        self._percent = percent
        mean = {c.name: min(1.0, busy_cores[c.name] / len(c.cpus)) for c in clusters}
        return mean, {name: min(1.0, busy) for name, busy in busy_cores.items()}


def _placed(cores: float, allowed: Sequence[tuple[str, int]]) -> list[tuple[str, float]]:
    """Return the clusters that a process keeps busy, and the number of cores on each.

    This follows Android's scheduler: a heavy process goes to the fastest cores, one at a time, and stays there; a light one stays on the
    slowest. So one unpinned heavy thread demands the highest clock of all.

    Args:
        cores: its used CPU time, in cores.
        allowed: clusters with the number of their cores on which it may run, from the slowest to the fastest.
    """
    found = []
    for name, count in reversed(allowed) if cores >= _HEAVY else allowed:
        share = min(cores, float(count))
        cores -= share
        found.append((name, share))
    return [(found[0][0], found[0][1] + cores), *found[1:]] if cores > 0 and found else found


def _mask_of(pid: int, parents: Mapping[int, int], masks: Mapping[int, int]) -> int | None:
    """Return the mask of the process or of its nearest ancestor with one."""
    for _ in range(64):
        if pid in masks:
            return masks[pid]
        if pid not in parents:
            return None
        pid = parents[pid]
    return None
