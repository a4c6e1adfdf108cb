from __future__ import annotations

import pytest

from harness.conditions.gates import battery_gate, load_gate, thermal_gate
from harness.conditions.readings import Readings, read_readings
from harness.conditions.request import BatteryRequest, LoadRequest, ThermalRequest
from harness.records.causes import Cause

PHONE = """temp 41500
Thermal Status: 2
  AC powered: false
  USB powered: true
  Wireless powered: false
  level: 17
  scale: 100
cpu  100 0 100 800 0 0 0 0 0 0
cpu0 50 0 50 400 0 0 0 0 0 0
cpu1 50 0 50 400 0 0 0 0 0 0
=later
cpu  150 0 150 880 20 0 0 0 0 0
cpu0 75 0 75 440 10 0 0 0 0 0
cpu1 75 0 75 440 10 0 0 0 0 0
"""


def test_what_a_phone_prints_is_read() -> None:
    assert read_readings(PHONE) == Readings(
        temperature_c=41.5, thermal_status=2, battery_percent=17, charging=True, busy_cores=1.0
    )


@pytest.mark.parametrize("text", ["", "temp \n", "temp -99.9\nThermal Status: 99\n  level: 900\n  scale: 0\ncpu x\n"])
def test_what_a_phone_does_not_say_is_unknown(text: str) -> None:
    seen = read_readings(text)
    assert (seen.thermal_status, seen.battery_percent, seen.busy_cores) == (None, None, None)
    assert thermal_gate(ThermalRequest(), 30.0, Readings()) is None
    assert battery_gate(BatteryRequest(), Readings()) is None


def test_a_scale_other_than_a_hundred_counts() -> None:
    assert read_readings("  level: 50\n  scale: 200\n").battery_percent == 25


def test_too_hot_is_waited_for() -> None:
    closed = thermal_gate(ThermalRequest(wait_s=60), None, Readings(thermal_status=1))
    assert closed is not None
    assert (closed.cause, closed.wait_s) == (Cause.TOO_HOT, 60)
    assert closed.evidence == "thermal status 1 (LIGHT), at most 0 asked"
    assert thermal_gate(ThermalRequest(max_status=1), None, Readings(thermal_status=1)) is None
    assert thermal_gate(ThermalRequest(max_status=None), None, Readings(thermal_status=6)) is None
    closed = thermal_gate(ThermalRequest(), 40.0, Readings(thermal_status=0, temperature_c=40.0))
    assert closed is not None
    assert closed.evidence == "40.0 °C, below 40 °C asked"


def test_an_empty_battery_is_waited_for_only_while_it_charges() -> None:
    request = BatteryRequest(min_percent=20, wait_s=600)
    charging = battery_gate(request, Readings(battery_percent=19, charging=True))
    empty = battery_gate(request, Readings(battery_percent=19, charging=False))
    assert charging is not None
    assert empty is not None
    assert (charging.cause, charging.wait_s, empty.wait_s) == (Cause.BATTERY_LOW, 600, 0)
    assert battery_gate(request, Readings(battery_percent=20)) is None


def test_background_load_must_be_known_to_be_low() -> None:
    request = LoadRequest(max=0.5)
    assert load_gate(None, Readings(busy_cores=8)) is None
    assert load_gate(request, Readings(busy_cores=0.5)) is None
    busy, silent = load_gate(request, Readings(busy_cores=0.6)), load_gate(request, Readings())
    assert busy is not None
    assert silent is not None
    assert busy.wait_s == 60
    assert load_gate(request, Readings(), must_be_known=False) is None
    assert silent.wait_s == 0
