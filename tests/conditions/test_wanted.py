"""From what a suite asks to the settings of one device, and why it cannot have some."""

from __future__ import annotations

import pytest

from harness.conditions.airplane_mode import cuts_us_off
from harness.conditions.request import ConditionsRequest
from harness.conditions.task_profile import apply_task_profile
from harness.conditions.wanted import Abilities, Wanted, setting_of, wanted_settings
from harness.devices.topology import build_topology

CLOCKS_KHZ = {0: (300_000, 1_804_800), 4: (710_400, 2_803_200), 7: (806_400, 3_187_200)}


def phone(
    *, api_level: int | None = 34, root: str | None = "su -c", serial: str = "R5CT1", virtual: bool = False
) -> Abilities:
    """Four little cores, three big ones and a prime core."""
    return Abilities(
        serial=serial,
        virtual=virtual,
        api_level=api_level,
        root=root,
        topology=build_topology(
            present="0-7",
            online="0-7",
            capacities={**dict.fromkeys(range(4), 325), **dict.fromkeys(range(4, 7), 870), 7: 1024},
            max_frequencies_khz={},
        ),
        cpu_sets={"efficient": (0, 1)},
        policies={0: (0, 1, 2, 3), 4: (4, 5, 6), 7: (7,)},
        folder="/data/local/tmp/ours",
    )


def wanted(asked: dict[str, object], able: Abilities | None = None) -> Wanted:
    return wanted_settings(ConditionsRequest.model_validate(asked), able or phone(), CLOCKS_KHZ)


def values(found: Wanted) -> dict[str, str]:
    return {key: value for key, (_, value) in found.values.items()}


def test_nothing_asked_nothing_wanted() -> None:
    found = wanted({})
    assert (found.values, found.impossible) == ({}, {})


@pytest.mark.parametrize("condition", ["fixed_performance", "airplane_mode"])
@pytest.mark.parametrize(("api_level", "has"), [(None, False), (29, False), (30, True), (35, True)])
def test_android_11_is_api_level_30(condition: str, api_level: int | None, has: bool) -> None:
    found = wanted({condition: True}, phone(api_level=api_level))
    assert (condition in found.values) is has
    assert found.impossible == ({} if has else {condition: "needs Android 11 (API 30)"})


def test_words_and_numbers_as_android_has_them() -> None:
    found = wanted({"fixed_performance": True, "airplane_mode": True, "stay_awake": True, "screen": "on"})
    # AC 1, USB 2, wireless 4, dock 8: BatteryManager.BATTERY_PLUGGED_*.
    assert values(found) == {
        "fixed_performance": "true",
        "airplane_mode": "enabled",
        "stay_awake": "15",
        "screen": "Awake",
    }
    assert values(wanted({"screen": "off"})) == {"screen": "Asleep"}


@pytest.mark.parametrize(
    ("serial", "over_wifi"),
    [
        ("192.168.1.7:5555", True),
        ("adb-R5CT1-AbCdEf._adb-tls-connect._tcp", True),
        ("adb-R5CT1._adb._tcp", True),
        ("R5CT1", False),
        ("emulator-5554", False),
    ],
)
def test_a_phone_that_is_reached_over_wifi_keeps_it(serial: str, over_wifi: bool) -> None:
    assert cuts_us_off(serial) is over_wifi
    found = wanted({"airplane_mode": True}, phone(serial=serial))
    assert ("airplane_mode" in found.values) is not over_wifi
    if over_wifi:
        assert found.impossible == {"airplane_mode": "the device is reached over Wi-Fi, which it would switch off"}
    assert "airplane_mode" in wanted({"airplane_mode": True}, phone(serial=serial, virtual=True)).values


def test_cores_are_set_through_their_policies() -> None:
    found = wanted({"governor": {"big": "performance", "little": "powersave"}})
    assert values(found) == {"governor:policy4": "performance", "governor:policy0": "powersave"}
    assert values(wanted({"governor": {"f0": "performance"}})) == dict.fromkeys(
        ("governor:policy4", "governor:policy7"), "performance"
    )
    assert values(wanted({"governor": {"efficient": "powersave"}})) == {"governor:policy0": "powersave"}
    assert values(wanted({"frequency": {"all": "max"}})) == {
        "frequency:policy0": "1804800 1804800",
        "frequency:policy4": "2803200 2803200",
        "frequency:policy7": "3187200 3187200",
    }
    (setting, value) = wanted({"governor": {"prime": "performance"}}).values["governor:policy7"]
    assert setting.write(value).startswith("su -c ")
    (setting, value) = wanted({"frequency": {"prime": "max"}}).values["frequency:policy7"]
    assert setting.write(value).startswith("su -c ")


def test_without_root_neither_clocks_nor_governors() -> None:
    found = wanted({"governor": {"big": "performance"}, "frequency": {"big": "max"}}, phone(root=None))
    reason = "needs root, which this device does not give"
    assert (found.values, found.impossible) == ({}, {"governor": reason, "frequency": reason})
    as_shell = wanted({"governor": {"big": "performance"}}, phone(root=""))
    assert values(as_shell) == {"governor:policy4": "performance"}, "the shell is root itself"


def test_cores_that_are_not_there_are_told() -> None:
    assert wanted({"governor": {"f00": "performance"}}).impossible == {"governor": "the device has no cores 'f00'"}
    assert wanted({"governor": {"fast": "performance"}}).impossible == {"governor": "'fast' names no cores"}


def test_one_clock_that_is_too_low_does_not_keep_the_others_from_being_set() -> None:
    found = wanted({"frequency": {"all": 750_000}})
    assert values(found) == {"frequency:policy0": "300000 300000", "frequency:policy4": "710400 710400"}
    assert found.impossible == {"frequency": "all: 750000: the lowest clock is 806400 kHz"}
    found = wanted({"frequency": {"all": 500_000, "little": "min"}})
    assert values(found) == {"frequency:policy0": "300000 300000"}
    silent = wanted_settings(ConditionsRequest(frequency={"big": "max"}), phone(), {})
    assert silent.impossible == {"frequency": "big: max: the device does not list its clocks"}


def test_a_low_clock_of_one_policy_goes_on_with_the_next() -> None:
    found = wanted({"frequency": {"f0": 750_000}})
    assert values(found) == {"frequency:policy4": "710400 710400"}
    clocks = {4: (900_000,), 7: (806_400, 3_187_200)}
    found = wanted_settings(ConditionsRequest(frequency={"f0": 850_000}), phone(), clocks)
    assert values(found) == {"frequency:policy7": "806400 806400"}


@pytest.mark.parametrize(
    "key", ["fixed_performance", "stay_awake", "screen", "airplane_mode", "governor:policy4", "frequency:policy0"]
)
def test_a_journal_s_line_finds_its_setting(key: str) -> None:
    setting = setting_of(key, phone())
    assert setting is not None
    assert setting.key == key
    assert setting.condition == key.split(":")[0]


@pytest.mark.parametrize("key", ["governor", "governor:policyx", "frequency:policy", "vibration", ""])
def test_what_no_setting_is_called_finds_none(key: str) -> None:
    assert setting_of(key, phone()) is None


def test_a_line_that_only_root_could_have_written_finds_none_without_root() -> None:
    assert setting_of("governor:policy4", phone(root=None)) is None
    assert setting_of("frequency:policy4", phone(root=None)) is None
    assert setting_of("screen", phone(root=None)) is not None


def test_a_task_profile_is_tried_as_it_is_then_as_root() -> None:
    plain = "settaskprofile $L MaxPerformance >/dev/null 2>&1"
    assert apply_task_profile("MaxPerformance", None) == plain
    assert apply_task_profile("MaxPerformance", "") == plain, "the shell is root itself"
    assert apply_task_profile("MaxPerformance", "su -c") == (
        f'{plain} || su -c "settaskprofile $L MaxPerformance" >/dev/null 2>&1'
    )
