from __future__ import annotations

import pytest

from harness.conditions.thermal import ThermalZone, choose_zone, thermal_status, to_celsius


@pytest.mark.parametrize(
    ("text", "celsius"),
    [
        ("35500", 35.5),
        ("41", 41.0),
        ("355", 35.5),
        ("-99.9", None),
        ("-274000", None),
        ("0", 0.0),
        ("n/a", None),
        ("", None),
        ("999999999", None),
    ],
)
def test_zone_readings(text: str, celsius: float | None) -> None:
    assert to_celsius(text) == celsius


@pytest.mark.parametrize(
    ("dumpsys", "status"),
    [
        ("IsStatusOverride: false\nThermal Status: 0\nCached temperatures:", 0),
        ("Thermal Status: 3", 3),
        ("Can't find service: thermalservice", None),
        ("Thermal Status: 9", None),
        ("", None),
    ],
)
def test_thermal_status(dumpsys: str, status: int | None) -> None:
    assert thermal_status(dumpsys) == status


def zone(number: int, kind: str, temperature: float | None) -> ThermalZone:
    return ThermalZone(number=number, type=kind, temperature_c=temperature)


def test_the_zone_that_the_config_names_wins() -> None:
    zones = [zone(0, "battery", 30.0), zone(1, "cpu-1-0-usr", 50.0), zone(2, "xyz-therm", 40.0)]
    assert choose_zone(zones, ["missing", "xyz-*"]) == zones[2]


def test_without_a_config_the_hottest_cpu_zone_is_taken_and_unreadable_ones_are_not() -> None:
    zones = [zone(0, "battery", 30.0), zone(1, "cpuss-0", 45.0), zone(2, "cpuss-1", 48.0), zone(3, "cpu-1-0", None)]
    assert choose_zone(zones) == zones[2]


def test_no_zone_that_matters_is_none() -> None:
    assert choose_zone([zone(0, "battery", 30.0), zone(1, "modem", 33.0)]) is None
