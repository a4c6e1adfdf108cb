"""Applies what root writes into the files of a cpufreq policy, as the kernel would."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.virtual.android.event_log import EventLog
from harness.virtual.android.state import DeviceState
from harness.virtual.android.sysfs import WRITABLE, LiveTree, cluster_of, live_files, policy_dir, writable_files

_NUMBER = re.compile(r"\+?\d{1,19}", re.ASCII)


def read_value(state: DeviceState, path: str) -> str:
    """Return what a served file holds now. The path is relative to the device's tree."""
    return writable_files(state, cluster_of(state, path))[path]


def store_write(live_tree: LiveTree, state: DeviceState, events: EventLog, path: str, text: str) -> bool:
    """Apply one write into a served file, and render what follows from it.

    Args:
        live_tree: the files.
        state: receives the new value.
        events: records the write.
        path: the file, relative to the device's tree.
        text: what was written, without its newline.

    Returns:
        Whether a kernel takes it, clamped or not. Else nothing has changed.
    """
    cluster = cluster_of(state, path)
    accepted = _apply(state, cluster.name, {path.rpartition("/")[2]: text})
    if accepted:
        state.physics.settle_clocks()
        live_tree.update(live_files(state))
    events.record("cpufreq", cluster=cluster.name, asked={path: text})
    return accepted


def absorb_writes(live_tree: LiveTree, state: DeviceState, events: EventLog) -> bool:
    """Apply governors and limits that were written since the last call into files that are not served. Values that the kernel would refuse
    or clamp are corrected, in the files too.

    Args:
        live_tree: the files, and their last content from the device itself.
        state: receives the new values.
        events: records the writes.

    Returns:
        Whether anything was written.
    """
    found = False
    for cluster in state.config.clusters:
        here = policy_dir(cluster)
        changed = live_tree.changed_on_device(f"{here}/{name}" for name in WRITABLE)
        if changed:
            _apply(state, cluster.name, {path.rpartition("/")[2]: text for path, text in changed.items()})
            state.physics.settle_clocks()
            # Before anything else: whoever wrote may read it back by now.
            live_tree.update(writable_files(state, cluster))
            events.record("cpufreq", cluster=cluster.name, asked=changed)
            found = True
    return found


def _apply(state: DeviceState, cluster: str, written: Mapping[str, str]) -> bool:
    """Change governor, limits and clock of a cluster as far as the kernel would. Return False if it would refuse one of the values."""
    now, frequencies = state.physics.clusters[cluster], state.virtual.clusters[cluster].frequencies_khz
    low, high = now.limits_khz
    refused = False
    for name, text in written.items():
        if name == "scaling_governor" and text in state.virtual.governors:
            now.governor = text
        elif name == "scaling_governor" or not _NUMBER.fullmatch(text):
            refused = True
        else:
            khz = min(max(int(text), frequencies[0]), frequencies[-1])
            if name == "scaling_min_freq":
                low = khz
            elif name == "scaling_max_freq":
                high = khz
            elif name == "scaling_setspeed" and now.governor == "userspace":
                now.setspeed_khz = khz
            else:
                refused = True
    # A minimum above the maximum is clamped to it, as in the kernel's cpufreq_verify_within_limits().
    now.limits_khz = (min(low, high), high)
    return not refused
