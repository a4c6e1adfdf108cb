"""Applies what root writes into the files of a cpufreq policy, as the kernel would."""

from __future__ import annotations

from harness.virtual.android.event_log import EventLog
from harness.virtual.android.state import DeviceState
from harness.virtual.android.sysfs import WRITABLE, LiveTree, policy_dir, writable_files


def absorb_writes(live_tree: LiveTree, state: DeviceState, events: EventLog) -> bool:
    """Apply governors and limits that were written since the last call. Values that the kernel would refuse or clamp are corrected, in
    the files too.

    Args:
        live_tree: the files, and their last content from the device itself.
        state: receives the new values.
        events: records the writes.

    Returns:
        Whether anything was written.
    """
    found = False
    for cluster in state.config.clusters:
        here, now = policy_dir(cluster), state.physics.clusters[cluster.name]
        changed = live_tree.changed_on_device(f"{here}/{name}" for name in WRITABLE)
        frequencies = state.virtual.clusters[cluster.name].frequencies_khz
        low, high = now.limits_khz
        for path, text in changed.items():
            name = path.rpartition("/")[2]
            if name == "scaling_governor" and text in state.virtual.governors:
                now.governor = text
            elif name != "scaling_governor" and text.isdigit():
                khz = min(max(int(text), frequencies[0]), frequencies[-1])
                if name == "scaling_min_freq":
                    low = khz
                elif name == "scaling_max_freq":
                    high = khz
                elif name == "scaling_setspeed" and now.governor == "userspace":
                    now.setspeed_khz = khz
        # A minimum above the maximum is clamped to it, as in the kernel's cpufreq_verify_within_limits().
        now.limits_khz = (min(low, high), high)
        if changed:
            state.physics.settle_clocks()
            # Before anything else: whoever wrote may read it back by now.
            live_tree.update(writable_files(state, cluster))
            events.record("cpufreq", cluster=cluster.name, asked=changed)
            found = True
    return found
