"""The gates as shell text decide as the host's do, or leave the decision to the host."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.conditions.device_gate import DeviceGate
from harness.conditions.gates import battery_gate, thermal_gate
from harness.conditions.readings import read_readings
from harness.conditions.request import BatteryRequest, ThermalRequest

SHELLS = [name for name in ("mksh", "sh") if shutil.which(name)]


def held(gate: DeviceGate, shell: str, *, status: str = "", temperature: str = "", battery: str = "") -> str:
    """Why the device's shell stops; empty if it goes on."""
    text = f'held() {{ echo "$1"; exit 1; }}\n{gate.text()}\necho goes on'
    done = subprocess.run(
        [shell, "-c", text],
        env={"S": status, "T": temperature, "C": battery},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.strip().removesuffix("goes on")


def battery(level: object, scale: object = 100) -> str:
    return f"  level: {level}\n  scale: {scale}"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("gate", "seen", "why"),
    [
        (DeviceGate(), {"status": "6", "temperature": "99000", "battery": battery(1)}, ""),
        (DeviceGate(), {"battery": "  level: 90"}, ""),  # no charge is asked for, so none need be told
        (DeviceGate(max_status=0), {"status": "0"}, ""),
        (DeviceGate(max_status=0), {"status": "1"}, "thermal status"),
        (DeviceGate(max_status=2), {"status": "2"}, ""),
        (DeviceGate(max_status=2), {"status": "3"}, "thermal status"),
        (DeviceGate(max_status=0), {"status": ""}, ""),
        (DeviceGate(max_status=6), {"status": "12"}, "thermal status"),
        (DeviceGate(below_c=35.5), {"temperature": "35499"}, ""),
        (DeviceGate(below_c=35.5), {"temperature": "35500"}, "temperature"),
        (DeviceGate(below_c=35.5), {"temperature": "34"}, ""),
        (DeviceGate(below_c=35.5), {"temperature": "36"}, "temperature"),
        (DeviceGate(below_c=35.5), {"temperature": "34.9"}, ""),
        (DeviceGate(below_c=35.5), {"temperature": "36.0"}, "temperature"),
        (DeviceGate(below_c=35.5), {"temperature": "340"}, "temperature"),  # tenths, which the host tells from degrees
        (DeviceGate(below_c=35.5), {"temperature": "-5000"}, "temperature"),
        (DeviceGate(below_c=35.5), {"temperature": ""}, ""),
        (DeviceGate(min_percent=1), {"battery": battery(0)}, "battery"),
        (DeviceGate(min_percent=1), {"battery": battery(1)}, ""),
        (DeviceGate(min_percent=20), {"battery": battery(20)}, ""),
        (DeviceGate(min_percent=20), {"battery": battery(19)}, "battery"),
        (DeviceGate(min_percent=20), {"battery": battery(100)}, ""),
        (DeviceGate(min_percent=20), {"battery": battery(30, 200)}, "battery"),
        (DeviceGate(min_percent=20), {"battery": battery(30, 0)}, "battery"),
        (DeviceGate(min_percent=20), {"battery": "  level: 90"}, "battery"),
        (DeviceGate(min_percent=20), {"battery": ""}, ""),
    ],
)
def test_what_the_shell_decides(shell: str, gate: DeviceGate, seen: dict[str, str], why: str) -> None:
    assert held(gate, shell, **seen) == why


NUMBERS = st.one_of(
    st.integers(-300, 200_000).map(str),
    st.floats(-50, 200).map(lambda value: f"{value:.1f}"),
    st.text(alphabet="0123456789.-+eN a$`'\"*", max_size=14),
)


@settings(max_examples=150, deadline=None)
@given(
    status=st.one_of(st.integers(0, 9).map(str), st.just("")),
    temperature=NUMBERS,
    level=st.integers(-5, 300),
    scale=st.sampled_from([0, 1, 100, 200, 255]),
    max_status=st.one_of(st.none(), st.integers(0, 6)),
    below_c=st.one_of(st.none(), st.floats(0, 90)),
    min_percent=st.integers(0, 100),
)
def test_the_device_lets_nothing_begin_that_the_host_would_refuse(
    status: str,
    temperature: str,
    level: int,
    scale: int,
    max_status: int | None,
    below_c: float | None,
    min_percent: int,
) -> None:
    gate = DeviceGate(max_status=max_status, below_c=below_c, min_percent=min_percent)
    if held(gate, SHELLS[0], status=status, temperature=temperature, battery=battery(level, scale)):
        return
    seen = read_readings(f"temp {temperature}\nThermal Status: {status}\n{battery(level, scale)}\n")
    assert thermal_gate(ThermalRequest(max_status=max_status), below_c, seen) is None
    assert battery_gate(BatteryRequest(min_percent=min_percent), seen) is None


def test_a_gate_of_nothing_holds_nothing_and_rests_not_at_all() -> None:
    assert (DeviceGate().text(), DeviceGate().idle_s) == (":", 0.0)
