"""Probes which conditions a device supports. Pure: shell text out, answers in.

Nothing stays changed. Fixed performance mode can only be probed by switching it off, so a session that has it on is left alone. The task
profile is tried on a shell that ends with the probe.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from harness.conditions import airplane_mode, cpufreq, fixed_performance, screen, task_profile
from harness.conditions.journal import as_root
from harness.devices.device_folder import JOURNAL

NEEDS_ROOT = "needs root"
NEEDS_ANDROID_11 = "needs Android 11"
_MARK = "=can "
_IN_USE = "in use"


def support_script(folder: str, *, api_level: int | None, root: str | None, policies: Sequence[int]) -> str:
    """Return shell text that probes the conditions for `read_support`.

    Args:
        folder: the harness's folder on the device.
        api_level: Android's API level; the text omits conditions that came later.
        root: how to become root (see `as_root`); None if impossible.
        policies: cpufreq policies.
    """
    probes = {
        "stay_awake": f'[ -n "$({screen.stay_awake().read})" ] && echo yes',
        "screen": f'[ -n "$({screen.screen().read})" ] && echo yes',
        "task_profile": task_profile.probe_script(),
        "thermal_status": "dumpsys thermalservice | grep -q 'Thermal Status' && echo yes",
        "battery": "dumpsys battery | grep -q '^ *level:' && echo yes",
        "load": "grep -q '^cpu ' /proc/stat && echo yes",
    }
    if (api_level or 0) >= fixed_performance.MIN_API_LEVEL:
        held = f"grep -q fixed_performance {shlex.quote(folder)}/{JOURNAL}"
        probes["fixed_performance"] = f"if {held}; then echo {_IN_USE}; else {fixed_performance.probe_script()}; fi"
    if (api_level or 0) >= airplane_mode.MIN_API_LEVEL:
        probes["airplane_mode"] = f'[ -n "$({airplane_mode.setting().read})" ] && echo yes'
    if root is not None and policies:
        for name, files in cpufreq.written_files(policies).items():
            probes[name] = as_root(root, " && ".join(f"[ -w {path} ]" for path in files) + " && echo yes")
    return "\n".join(f'echo "{_MARK}{name}" $({{ {probe}; }} 2>/dev/null </dev/null)' for name, probe in probes.items())


def read_support(text: str, *, api_level: int | None, root: str | None, temperature: bool) -> dict[str, str | None]:
    """Map each condition to None if the device supports it, else to the reason.

    Args:
        text: output of the script.
        api_level: as for `support_script`.
        root: as for `support_script`.
        temperature: whether a temperature can be read.
    """
    found: dict[str, str | None] = {"temperature": None if temperature else "no temperature can be read"}
    answers: Mapping[str, str] = {
        name: answer.strip()
        for name, _, answer in (
            line[len(_MARK) :].partition(" ") for line in text.splitlines() if line.startswith(_MARK)
        )
    }
    late = {"airplane_mode": airplane_mode.MIN_API_LEVEL, "fixed_performance": fixed_performance.MIN_API_LEVEL}
    for name in (
        "airplane_mode",
        "battery",
        "fixed_performance",
        "frequency",
        "governor",
        "load",
        "screen",
        "stay_awake",
        "task_profile",
        "thermal_status",
    ):
        answer = answers.get(name, "")
        if answer in ("yes", _IN_USE):
            found[name] = None
        elif (api_level or 0) < late.get(name, 0):
            found[name] = NEEDS_ANDROID_11
        elif name in ("governor", "frequency") and root is None:
            found[name] = NEEDS_ROOT
        else:
            found[name] = "the device refuses it"
    return dict(sorted(found.items()))
