"""Settings of the screen: on or off, and on while the phone is plugged in. No root needed."""

from __future__ import annotations

from harness.conditions.journal import Setting

_STAY_ON = "stay_on_while_plugged_in"
ALL_PLUGS = "15"
"""Bits of `stay_on_while_plugged_in`: AC, USB, wireless, dock."""

_SLEEP, _WAKE_UP = "223", "224"


def stay_awake() -> Setting:
    """Return the setting: bits of the plugs with which the screen stays on, 0 for none, `null` if it was never set."""
    return Setting(
        key="stay_awake",
        read=f"settings get global {_STAY_ON}",
        write=lambda value: (
            f"settings delete global {_STAY_ON}" if value == "null" else f"settings put global {_STAY_ON} {value}"
        ),
    )


def screen() -> Setting:
    """Return the setting: `Awake` or `Asleep`, as `dumpsys power` says. Dozing and dreaming count as asleep."""
    return Setting(
        key="screen",
        read="case $(dumpsys power | sed -n 's/^ *mWakefulness=//p') in Awake) echo Awake;; ?*) echo Asleep;; esac",
        # The power key would toggle; these keys go one way.
        write=lambda value: f"input keyevent {_WAKE_UP if value == 'Awake' else _SLEEP}; sleep 0.3",
    )
