from __future__ import annotations

import pytest

from harness.devices.device_config import load_device_configs
from harness.virtual.android.bus import CommandAnswer
from harness.virtual.android.commands import Commands
from harness.virtual.android.state import DeviceState, boot_state


def state_of(profile: str) -> DeviceState:
    return boot_state(
        load_device_configs()[profile], serial="serial-1", clock_scale=1.0, seed=1, boot_count=0, host_cpus=(0, 1)
    )


class Phone:
    """A state and its commands, with no device around them."""

    def __init__(self, profile: str = "virtual-flagship") -> None:
        self.state = state_of(profile)
        self.commands = Commands(
            lambda: self.state, loads=lambda: [(87.0, 31, "process")], process_exists=lambda pid: pid == 31
        )

    def __call__(self, *words: str) -> CommandAnswer:
        return self.commands.answer(list(words))

    def out(self, *words: str) -> str:
        answer = self(*words)
        assert (answer.err, answer.code) == ("", 0)
        return answer.out


def test_properties_are_listed_read_and_set_where_the_shell_may() -> None:
    phone = Phone()
    assert "[ro.product.model]: [Virtual Flagship]\n" in phone.out("getprop")
    assert phone.out("getprop", "ro.build.version.sdk") == "35\n"
    assert phone.out("getprop", "none") == "\n"
    assert phone.out("getprop", "none", "default") == "default\n"
    assert phone.out("getprop", "ro.harness.virtual") == "1\n"
    assert phone.out("setprop", "debug.x", "1") == ""
    assert phone.out("getprop", "debug.x") == "1\n"
    for key in ("ro.product.model", "vendor.x"):
        assert phone("setprop", key, "other").code == 1
    assert phone("setprop", "debug.x", "y" * 92).code == 1


def test_the_battery_is_told_in_tenths_and_can_be_pretended_and_reset() -> None:
    phone = Phone()
    before = phone.out("dumpsys", "battery")
    assert "  USB powered: true\n" in before
    assert "  level: 87\n" in before
    assert "  temperature: 240\n" in before
    assert "  status: 2\n" in before
    phone.out("dumpsys", "battery", "set", "level", "5")
    phone.out("dumpsys", "battery", "unplug")
    faked = phone.out("dumpsys", "battery")
    assert "  (UPDATES STOPPED -- use 'reset' to restart)\n" in faked
    assert "  level: 5\n" in faked
    assert "  USB powered: false\n" in faked
    assert "  status: 3\n" in faked
    phone.out("cmd", "battery", "reset")
    assert phone.out("dumpsys", "battery") == before
    assert phone("dumpsys", "battery", "set", "colour", "1").code == 255
    assert phone("dumpsys", "battery", "set", "level", "x").code == 255


def test_thermalservice_has_a_stale_and_a_current_block() -> None:
    phone = Phone()
    phone.state.physics.advance(600, {"prime": 1.0, "big": 1.0})
    dump = phone.out("dumpsys", "thermalservice")
    head, _, current = dump.partition("Current temperatures from HAL:\n")
    skin = f"Temperature{{mValue={phone.state.physics.skin_c:.1f}, mType=3, mName=VIRTUAL-SKIN,"
    assert skin in current
    assert skin not in head
    assert "Cached temperatures:\n\tTemperature{mValue=24.0, mType=0, mName=CPU-LITTLE" in head
    assert f"Thermal Status: {phone.state.physics.status}\n" in head
    phone.out("cmd", "thermalservice", "override-status", "4")
    dump = phone.out("dumpsys", "thermalservice")
    assert "IsStatusOverride: true\n" in dump
    assert "Thermal Status: 4\n" in dump
    phone.out("cmd", "thermalservice", "reset")
    assert "IsStatusOverride: false\n" in phone.out("dumpsys", "thermalservice")
    assert phone("cmd", "thermalservice", "override-status", "9").code == 255


def test_an_old_android_lacks_what_it_lacks() -> None:
    old = Phone("virtual-old")
    assert old("dumpsys", "thermalservice") == CommandAnswer(err="Can't find service: thermalservice\n")
    assert old("cmd", "thermalservice", "reset") == CommandAnswer(
        err="cmd: Can't find service: thermalservice\n", code=20
    )
    assert old("cmd", "connectivity", "airplane-mode").code == 255
    assert old("cmd", "power", "set-fixed-performance-mode-enabled", "true").code == 255
    assert "ro.soc.model" not in old.state.properties


def test_fixed_performance_works_refuses_or_is_absent_by_profile() -> None:
    flagship, midrange = Phone(), Phone("virtual-midrange")
    assert flagship.out("cmd", "power", "set-fixed-performance-mode-enabled", "true") == ""
    assert flagship.state.physics.fixed_performance
    assert "not supported" in midrange.out("cmd", "power", "set-fixed-performance-mode-enabled", "true")
    assert not midrange.state.physics.fixed_performance


def test_the_screen_sleeps_wakes_and_stays_on() -> None:
    phone = Phone()
    assert "  mWakefulness=Awake\n" in phone.out("dumpsys", "power")
    phone.out("input", "keyevent", "KEYCODE_SLEEP")
    assert "  mWakefulness=Asleep\n" in phone.out("dumpsys", "power")
    phone.out("svc", "power", "stayon", "usb")
    assert "  mWakefulness=Awake\n" in phone.out("dumpsys", "power")
    assert "  mStayOn=true\n" in phone.out("dumpsys", "power")
    assert phone.out("settings", "get", "global", "stay_on_while_plugged_in") == "2\n"
    phone.out("svc", "power", "stayon", "false")
    phone.out("input", "keyevent", "26")
    assert not phone.state.awake
    assert phone("input", "tap", "1", "2").code == 255


def test_settings_and_airplane_mode() -> None:
    phone = Phone()
    assert phone.out("settings", "get", "system", "none") == "null\n"
    phone.out("settings", "put", "system", "key", "value")
    assert phone.out("settings", "list", "system") == "key=value\n"
    assert phone.out("settings", "delete", "system", "key") == "Deleted 1 rows\n"
    assert phone.out("settings", "delete", "system", "key") == "Deleted 0 rows\n"
    assert phone("settings", "get", "nonsense", "x").code == 255
    phone.out("cmd", "connectivity", "airplane-mode", "enable")
    assert phone.out("cmd", "connectivity", "airplane-mode") == "enabled\n"
    assert phone.out("settings", "get", "global", "airplane_mode_on") == "1\n"


def test_the_rest_of_the_commands() -> None:
    phone = Phone()
    assert phone.out("wm", "size") == "Physical size: 1440x3120\n"
    assert phone.out("wm", "density") == "Physical density: 560\n"
    assert "  87% 31/process" in phone.out("dumpsys", "cpuinfo")
    assert phone.out("settaskprofile", "31", "MaxPerformance") == ""
    assert phone("settaskprofile", "32", "MaxPerformance").code == 1
    assert phone("settaskprofile", "31", "Nonsense").code == 1
    assert "boot 0 of the virtual device virtual-flagship" in phone.out("logcat", "-d")
    phone.out("logcat", "-c")
    assert phone.out("logcat", "-d") == "--------- beginning of main\n"
    assert "thermalservice" in phone.out("dumpsys", "-l")
    assert phone.out("service", "check", "battery") == "Service battery: found\n"


@pytest.mark.parametrize(
    "words",
    [
        ("am", "start"),
        ("pm", "list"),
        ("logcat",),
        ("cmd",),
        ("dumpsys",),
        ("wm", "x"),
        ("svc", "x"),
        ("service",),
        ("setprop", "x"),
        ("cmd", "nonesuch"),
        ("cmd", "package", "list"),
    ],
)
def test_what_is_not_there_says_so_and_fails(words: tuple[str, ...]) -> None:
    answer = Phone()(*words)
    assert answer.err
    assert answer.code != 0
    assert answer.out == ""


def test_persistent_things_outlive_a_reboot_and_the_rest_does_not() -> None:
    before = state_of("virtual-midrange")
    before.properties |= {"persist.x": "1", "debug.x": "1"}
    before.settings["global"]["k"] = "v"
    before.physics.skin_c = 41.0
    after = boot_state(
        before.config, serial="serial-1", clock_scale=1.0, seed=1, boot_count=1, host_cpus=(0, 1), before=before
    )
    assert after.properties["persist.x"] == "1"
    assert "debug.x" not in after.properties
    assert after.settings["global"]["k"] == "v"
    assert after.physics.skin_c == 41.0
    assert after.boot_id != before.boot_id


def test_staying_awake_follows_the_setting_wherever_it_is_written() -> None:
    phone = Phone()
    for command, bits in (
        (("settings", "put", "global", "stay_on_while_plugged_in", "3"), 3),
        (("settings", "delete", "global", "stay_on_while_plugged_in"), 0),
        (("svc", "power", "stayon", "usb"), 2),
    ):
        phone(*command)
        assert f"mStayOnWhilePluggedInSetting={bits}\n" in phone.out("dumpsys", "power")
    assert phone.out("settings", "get", "global", "stay_on_while_plugged_in") == "2\n"


def test_airplane_mode_is_a_setting_from_the_first_boot_on() -> None:
    assert "airplane_mode_on=0\n" in Phone().out("settings", "list", "global")
