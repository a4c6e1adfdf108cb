"""Heat, charge and load out of what Android prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.conditions.readings import battery_percent, read_readings, readings_script
from tests.conditions.shell_phone import ShellPhone


def stat(*lines: str) -> str:
    """/proc/stat a second apart, without the lines of single cores but for two."""
    return "\n".join(
        (lines[0], "cpu0 1 1 1 1 1", "cpu1 1 1 1 1 1", "=later", lines[1], "cpu0 1 1 1 1 1", "cpu1 1 1 1 1 1")
    )


@pytest.mark.parametrize(
    ("before", "after", "busy"),
    [
        # user nice system idle iowait irq softirq steal guest guest_nice; 2 cores, 200 ticks a second.
        ("cpu  0 0 0 0 0 0 0 0 0 0", "cpu  0 0 0 200 0 0 0 0 0 0", 0.0),
        ("cpu  0 0 0 0 0 0 0 0 0 0", "cpu  200 0 0 0 0 0 0 0 0 0", 2.0),
        ("cpu  0 0 0 0 0 0 0 0 0 0", "cpu  50 10 20 100 10 3 4 3 50 10", 0.9),
        ("cpu  100 0 0 100 0 0 0 0 0 0", "cpu  150 0 0 250 0 0 0 0 0 0", 0.5),
        # Waiting for storage is not work.
        ("cpu  0 0 0 0 0 0 0 0 0 0", "cpu  50 0 0 50 100 0 0 0 0 0", 0.5),
        # Old kernels print fewer fields; five are enough.
        ("cpu  0 0 0 0 0", "cpu  100 0 0 80 20", 1.0),
        ("cpu  0 0 0 0", "cpu  100 0 0 100", None),
        # To a hundredth of a core, and from a single tick on.
        ("cpu  0 0 0 0 0 0 0 0", "cpu  1 0 0 2 0 0 0 0", 0.67),
        ("cpu  0 0 0 0 0 0 0 0", "cpu  1 0 0 0 0 0 0 0", 2.0),
        ("cpu  5 0 0 9 0 0 0 0", "cpu  15 0 0 8 0 0 0 0", None),
        # No time has passed, or a counter went back.
        ("cpu  10 0 0 10 0 0 0 0", "cpu  10 0 0 10 0 0 0 0", None),
        ("cpu  0 0 0 100 0 0 0 0", "cpu  200 0 0 90 0 0 0 0", None),
        ("cpu  100 0 0 0 0 0 0 0", "cpu  0 0 0 150 0 0 0 0", None),
    ],
)
def test_busy_cores_are_those_that_were_neither_idle_nor_waiting(before: str, after: str, busy: float | None) -> None:
    assert read_readings(stat(before, after)).busy_cores == busy


def test_without_a_second_look_or_cores_the_load_is_unknown() -> None:
    assert read_readings("cpu  0 0 0 0 0 0 0 0\ncpu0 1 1 1 1 1\n").busy_cores is None
    assert read_readings("cpu  0 0 0 0 0\n=later\ncpu  100 0 0 100 0\n").busy_cores is None
    assert read_readings("=later\ncpu  100 0 0 100 0\ncpu0 1 1 1 1 1\n").busy_cores is None


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        ("  level: 0\n  scale: 100\n", 0),
        ("  level: 100\n  scale: 100\n", 100),
        ("  level: 1\n  scale: 3\n", 33),
        ("  level: 42\n", 42),
        ("  level: 100\n", 100),
        ("  level: 101\n  scale: 100\n", None),
        ("  level: 0\n  scale: 0\n", None),
        ("  scale: 100\n", None),
        ("  level: -1\n  scale: 100\n", None),
        ("  level: 7\n  scale: 1\n", None),
        ("  level: 1\n  scale: 1\n", 100),
        ("", None),
    ],
)
def test_charge_is_level_of_scale(text: str, percent: int | None) -> None:
    assert battery_percent(text) == percent


@pytest.mark.parametrize(
    ("text", "charging"),
    [
        ("  AC powered: false\n  USB powered: false\n  Wireless powered: false\n", False),
        ("  AC powered: true\n  USB powered: false\n", True),
        ("  Dock powered: true\n", True),
        ("  level: 80\n", None),
    ],
)
def test_any_plug_charges(text: str, charging: bool | None) -> None:
    assert read_readings(text).charging is charging


def test_one_command_asks_a_phone_for_all(tmp_path: Path) -> None:
    phone = ShellPhone(tmp_path / "phone")
    (phone.state / "thermalservice").write_text("IsStatusOverride: false\nThermal Status: 2\nThermal Status: 5\n")
    text = phone.run(readings_script("echo 38500", load=True), timeout_s=20).stdout.decode()
    seen = read_readings(text)
    assert (seen.temperature_c, seen.thermal_status, seen.battery_percent, seen.charging) == (38.5, 2, 80, True)
    assert "=later" in text
    assert "; sleep 1; " in readings_script(None, load=True), "looks are a second apart"
    plain = phone.run(readings_script(None, load=False), timeout_s=20)
    assert plain.exit_code == 0
    seen = read_readings(plain.stdout.decode())
    assert (seen.temperature_c, seen.busy_cores, seen.battery_percent) == (None, None, 80)
    assert "cpu" not in plain.stdout.decode()
