"""The screen: whether it is on, and whether it stays so while the phone is plugged in. No root needed."""

from __future__ import annotations

from harness.conditions.journal import Setting

_STAY_ON = "stay_on_while_plugged_in"
ALL_PLUGS = "15"
"""Bits of `stay_on_while_plugged_in`: AC, USB, wireless, dock."""

_SLEEP, _WAKE_UP = "223", "224"


def stay_awake() -> Setting:
    """Bits of the plugs with which the screen stays on; 0 for none, `null` where it was never set."""
    return Setting(
        key="stay_awake",
        read=f"settings get global {_STAY_ON}",
        write=lambda value: (
            f"settings delete global {_STAY_ON}" if value == "null" else f"settings put global {_STAY_ON} {value}"
        ),
    )


def screen() -> Setting:
    """`Awake` or `Asleep`, as `dumpsys power` calls it; a phone that dozes or dreams is as good as asleep."""
    return Setting(
        key="screen",
        read="case $(dumpsys power | sed -n 's/^ *mWakefulness=//p') in Awake) echo Awake;; ?*) echo Asleep;; esac",
        # Keys that go one way only: the power key would toggle.
        write=lambda value: f"input keyevent {_WAKE_UP if value == 'Awake' else _SLEEP}; sleep 0.3",
    )
