"""Settings set, read back, given back and mended, by a real shell over files that stand for a phone's."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.conditions.device_settings import Applied, DeviceSettings, probe_support
from harness.conditions.request import ConditionsRequest
from harness.errors import CommandFailed
from tests.conditions.shell_phone import ShellPhone

EVERYTHING = ConditionsRequest.model_validate(
    {
        "fixed_performance": True,
        "governor": {"big": "performance"},
        "frequency": {"little": "70%"},
        "stay_awake": True,
        "screen": "off",
        "airplane_mode": True,
    }
)


@pytest.fixture
def phone(tmp_path: Path) -> ShellPhone:
    return ShellPhone(tmp_path / "phone")


def test_everything_is_set_read_back_and_given_back(phone: ShellPhone) -> None:
    before = phone.values()
    settings = DeviceSettings(phone, phone.inventory())
    applied = settings.apply(EVERYTHING)
    assert applied.asked == {
        "fixed_performance": "true",
        "airplane_mode": "enabled",
        "stay_awake": "15",
        "screen": "Asleep",
        "governor:policy4": "performance",
        # The highest clock that is not above 70 % of 1804800 kHz.
        "frequency:policy0": "1248000 1248000",
    }
    assert applied.held == applied.asked
    assert applied.refused == {}
    assert phone.cpufreq(4, "scaling_governor").read_text() == "performance\n"
    assert phone.cpufreq(0, "scaling_min_freq").read_text() == "1248000\n"
    assert phone.cpufreq(0, "scaling_max_freq").read_text() == "1248000\n"
    assert phone.cpufreq(0, "scaling_governor").read_text() == "schedutil\n", "not asked for"
    assert (phone.state / "stay_on_while_plugged_in").read_text() == "15\n"
    assert (phone.state / "wakefulness").read_text() == "Asleep\n"
    assert (phone.state / "airplane").read_text() == "enabled\n"
    assert (phone.state / "fixed").read_text() == "true\n"
    assert phone.journal.read_text().splitlines() == [
        "fixed_performance false",
        "airplane_mode disabled",
        "stay_awake null",
        "screen Awake",
        "governor:policy4 schedutil",
        "frequency:policy0 300000 1804800",
    ]
    assert settings.restore() == []
    assert phone.values() == before
    sent = len(phone.commands)
    assert settings.restore() == []
    assert len(phone.commands) == sent, "a second time nothing is sent"


def test_what_is_read_back_later_is_what_is_held(phone: ShellPhone) -> None:
    applied = DeviceSettings(phone, phone.inventory()).apply(EVERYTHING)
    lines = phone.run(applied.read_back, timeout_s=20).stdout.decode().splitlines()
    assert lines == [f"=setting {key} {value}" for key, value in applied.held.items()]


def test_only_root_changes_clocks(phone: ShellPhone) -> None:
    DeviceSettings(phone, phone.inventory()).apply(ConditionsRequest(governor={"big": "performance"}))
    assert (phone.state / "su").read_text().startswith("-c echo performance > ")


def test_an_old_value_comes_back_as_it_was(phone: ShellPhone) -> None:
    (phone.state / "stay_on_while_plugged_in").write_text("3\n")
    (phone.state / "wakefulness").write_text("Dozing\n")
    settings = DeviceSettings(phone, phone.inventory())
    applied = settings.apply(ConditionsRequest(stay_awake=True, screen="on"))
    assert applied.held == {"stay_awake": "15", "screen": "Awake"}
    assert settings.restore() == []
    assert (phone.state / "stay_on_while_plugged_in").read_text() == "3\n"
    assert (phone.state / "wakefulness").read_text() == "Asleep\n", "a phone that dozes is as good as asleep"


def test_nothing_asked_nothing_sent(phone: ShellPhone) -> None:
    applied = DeviceSettings(phone, phone.inventory()).apply(ConditionsRequest())
    assert (applied.asked, applied.held, applied.refused, applied.read_back) == ({}, {}, {}, "")
    assert phone.commands == []


def test_what_is_so_already_is_not_written(phone: ShellPhone) -> None:
    (phone.state / "airplane").write_text("enabled\n")
    settings = DeviceSettings(phone, phone.inventory())
    applied = settings.apply(ConditionsRequest(airplane_mode=True))
    assert applied.held == {"airplane_mode": "enabled"}
    assert not phone.journal.exists()
    assert len(phone.commands) == 1, "one look was enough"
    settings.restore()
    assert len(phone.commands) == 1
    assert (phone.state / "airplane").read_text() == "enabled\n"


def test_what_is_refused_is_told_with_the_reason(phone: ShellPhone) -> None:
    (phone.state / "fixed").unlink()
    phone.cpufreq(4, "scaling_governor").unlink()
    request = ConditionsRequest.model_validate(
        {
            "fixed_performance": True,
            "governor": {"4,5,6,7": "performance"},
            "frequency": {"big": 1000},
            "stay_awake": True,
        }
    )
    phone.cpufreq(4, "scaling_governor").mkdir()  # reads as nothing, and cannot be written
    applied = DeviceSettings(phone, phone.inventory()).apply(request)
    assert applied.held == {"stay_awake": "15"}
    assert applied.refused == {
        "fixed_performance": "fixed_performance was set to true and reads false",
        "governor": "the device has no such thing",
        "frequency": "big: 1000: the lowest clock is 710400 kHz",
    }


def test_what_reads_as_nothing_after_it_was_set_is_told(phone: ShellPhone) -> None:
    phone.install("input", "echo '' >$STATE/wakefulness")
    applied = DeviceSettings(phone, phone.inventory()).apply(ConditionsRequest(screen="off"))
    assert applied.held == {}
    assert applied.refused == {"screen": "screen was set to Asleep and reads nothing"}


def test_nothing_is_changed_without_a_journal(phone: ShellPhone) -> None:
    settings = DeviceSettings(phone, phone.inventory())
    phone.lose_folder()
    with pytest.raises(CommandFailed) as caught:
        settings.apply(ConditionsRequest(airplane_mode=True))
    assert (caught.value.exit_code, caught.value.serial) == (1, "R5CT1")
    assert (phone.state / "airplane").read_text() == "disabled\n"


def test_the_next_session_mends(phone: ShellPhone) -> None:
    before = phone.values()
    DeviceSettings(phone, phone.inventory()).apply(EVERYTHING)
    assert phone.values() != before
    told = DeviceSettings(phone, phone.inventory()).mend(phone.journal.read_text())
    assert told == ["gave back what an earlier session left changed"]
    assert phone.values() == before
    sent = len(phone.commands)
    assert DeviceSettings(phone, phone.inventory()).mend("") == []
    assert len(phone.commands) == sent, "nothing is sent where there is nothing"


def test_however_much_is_asked_it_takes_two_round_trips(phone: ShellPhone) -> None:
    applied = DeviceSettings(phone, phone.inventory()).apply(EVERYTHING)
    assert {key.partition(":")[0] for key in applied.held} >= {"governor", "frequency", "screen", "stay_awake"}
    assert len(phone.commands) == 2


def test_what_another_version_changed_is_left_to_it(phone: ShellPhone) -> None:
    phone.journal.write_text("vibration on\nairplane_mode disabled\n")
    (phone.state / "airplane").write_text("enabled\n")
    told = DeviceSettings(phone, phone.inventory()).mend(phone.journal.read_text())
    assert told == [
        "gave back what an earlier session left changed",
        "vibration was on and cannot be given back by this session",
    ]
    assert (phone.state / "airplane").read_text() == "disabled\n"
    assert phone.journal.read_text() == "vibration on\nairplane_mode disabled\n"


def test_what_does_not_go_back_is_told_and_stays_journalled(phone: ShellPhone) -> None:
    settings = DeviceSettings(phone, phone.inventory())
    settings.apply(ConditionsRequest(airplane_mode=True, screen="off"))
    phone.install("cmd", "cat $STATE/airplane")
    assert settings.restore() == ["airplane_mode would not go back to disabled"]
    assert (phone.state / "wakefulness").read_text() == "Awake\n", "the others went back"
    assert phone.journal.exists()


def test_task_profiles_are_a_command_that_a_phone_has_or_not(phone: ShellPhone) -> None:
    settings, asked = DeviceSettings(phone, phone.inventory()), ConditionsRequest(task_profile="MaxPerformance")
    assert not Applied().knows_task_profiles, "before anything was asked"
    assert not settings.apply(asked).knows_task_profiles
    phone.install("settaskprofile", "exit 0")
    assert settings.apply(asked).knows_task_profiles


def test_what_a_phone_supports_is_probed_and_stays_as_it_was(phone: ShellPhone) -> None:
    phone.install("settaskprofile", "exit 0")
    before = phone.values()
    found = probe_support(phone, phone.inventory())
    assert found == {
        "airplane_mode": None,
        "battery": None,
        "fixed_performance": None,
        "frequency": None,
        "governor": None,
        "load": None,
        "screen": None,
        "stay_awake": None,
        "task_profile": None,
        "temperature": "no temperature can be read",
        "thermal_status": None,
    }
    assert list(found) == sorted(found)
    assert phone.values() == before


def test_what_a_phone_lacks_has_its_reason(phone: ShellPhone) -> None:
    for tool in ("settings", "dumpsys", "settaskprofile"):
        phone.remove(tool)
    (phone.state / "fixed").unlink()
    phone.cpufreq(4, "scaling_governor").unlink()
    found = probe_support(phone, phone.inventory())
    refused = {name for name, reason in found.items() if reason == "the device refuses it"}
    assert refused == {
        *("battery", "fixed_performance", "governor", "screen", "stay_awake", "task_profile", "thermal_status")
    }
    assert found["frequency"] is None, "its files are there"
    plain = probe_support(phone, phone.inventory(become_root=None))
    assert (plain["governor"], plain["frequency"]) == ("needs root", "needs root")
    old = probe_support(phone, phone.inventory(api_level=29))
    assert (old["airplane_mode"], old["fixed_performance"]) == ("needs Android 11", "needs Android 11")
    assert probe_support(phone, phone.inventory(api_level=30))["airplane_mode"] is None


def test_a_mode_that_a_session_holds_is_not_switched_off_by_the_probe(phone: ShellPhone) -> None:
    DeviceSettings(phone, phone.inventory()).apply(ConditionsRequest(fixed_performance=True))
    found = probe_support(phone, phone.inventory())
    assert found["fixed_performance"] is None
    assert (phone.state / "fixed").read_text() == "true\n"
