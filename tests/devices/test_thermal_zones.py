from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.devices.thermal_zones import (
    Heat,
    ThermalZone,
    choose_zone,
    hal_zones,
    read_heat,
    thermal_status,
    to_celsius,
)


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


DUMP = """IsStatusOverride: false
Thermal Status: 0
Cached temperatures:
\tTemperature{mValue=99.0, mType=0, mName=CPU0, mStatus=0}
HAL Ready: true
HAL connection:
\tThermalHAL 2.0 connected: yes
Current temperatures from HAL:
\tTemperature{mValue=41.5, mType=0, mName=CPU0, mStatus=0}
\tTemperature{mValue=47.25, mType=0, mName=CPU7, mStatus=0}
\tTemperature{mValue=-99.9, mType=0, mName=CPU3, mStatus=0}
\tTemperature{mValue=31.0, mType=2, mName=battery, mStatus=0}
\tTemperature{mValue=33.4, mType=3, mName=VIRTUAL-SKIN, mStatus=0}
\tTemperature{mValue=88.0, mType=0, mName=CPU$(reboot), mStatus=0}
Current cooling devices from HAL:
\tCoolingDevice{mValue=0, mType=2, mName=thermal-cpufreq-0}
Temperature static thresholds from HAL:
"""


def test_only_what_the_hal_says_now_counts_and_no_sentinel() -> None:
    assert [(zone.type, zone.temperature_c) for zone in hal_zones(DUMP)] == [
        ("CPU0", 41.5),
        ("CPU7", 47.25),
        ("CPU3", None),
        ("battery", 31.0),
        ("VIRTUAL-SKIN", 33.4),
    ]
    assert hal_zones("HAL Ready: false\n") == []
    assert hal_zones("") == []


def test_a_zone_of_the_hal_is_chosen_as_one_of_the_kernel() -> None:
    zones = hal_zones(DUMP)
    hottest, named = choose_zone(zones), choose_zone(zones, ["VIRTUAL-*"])
    assert hottest is not None
    assert named is not None
    assert (hottest.type, named.type) == ("CPU7", "VIRTUAL-SKIN")
    # Vendors that call the processor AP: what is like a CPU's name, else what is like the skin's.
    ap = choose_zone(
        hal_zones("Current temperatures from HAL:\n\tTemperature{mValue=40.1, mType=3, mName=AP, mStatus=0}\n")
    )
    assert ap is not None
    assert ap.type == "AP"


def test_a_zone_of_the_hal_has_no_file_and_is_read_from_its_dump(tmp_path: Path) -> None:
    zone = next(zone for zone in hal_zones(DUMP) if zone.type == "CPU7")
    assert zone.path is None
    (tmp_path / "dumpsys").write_text(f"#!/bin/sh\ncat <<'EOT'\n{DUMP}EOT\n")
    (tmp_path / "dumpsys").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    for shell in ("sh", "mksh"):
        if shutil.which(shell):
            read = subprocess.run(
                [shell, "-c", zone.read], capture_output=True, text=True, env={"PATH": path}, check=True
            )
            assert read.stdout == "47.25\n"


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


@pytest.mark.parametrize(
    ("text", "heat"),
    [
        ("temp 31000\nThermal Status: 2\n", Heat(temperature_c=31.0, thermal_status=2)),
        ("temp 45.5\n", Heat(temperature_c=45.5, thermal_status=None)),
        ("Thermal Status: 0\n", Heat(temperature_c=None, thermal_status=0)),
        ("temp \nwarm temp 31\n", Heat(temperature_c=None, thermal_status=None)),
        ("", Heat(temperature_c=None, thermal_status=None)),
    ],
)
def test_heat_is_read_alike_before_between_and_after_trials(text: str, heat: Heat) -> None:
    assert read_heat(text) == heat
