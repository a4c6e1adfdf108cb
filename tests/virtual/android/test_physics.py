from __future__ import annotations

import math

import pytest

from harness.devices.device_config import Battery, ClusterModel, ThermalModel, Trip
from harness.virtual.android.physics import ClusterState, Physics, approach, governed_khz, thermal_cap

FREQUENCIES = (500_000, 1_000_000, 1_500_000, 2_000_000)


def physics(trips: tuple[Trip, ...] = (), *, governor: str = "performance", plugged: str = "usb") -> Physics:
    cluster = ClusterModel(frequencies_khz=FREQUENCIES, power_w=4.0, c_per_w=10.0, time_constant_s=2.0)
    thermal = ThermalModel(ambient_c=20.0, skin_c_per_w=2.0, skin_time_constant_s=100.0, trips=trips)
    battery = Battery.model_validate({"capacity_mah": 4000, "level": 50, "plugged": plugged})
    return Physics({"big": cluster}, thermal, battery, governor=governor)


def state(**changes: object) -> ClusterState:
    base: dict[str, object] = {
        "temperature_c": 20.0,
        "frequency_khz": 500_000,
        "governor": "schedutil",
        "limits_khz": (500_000, 2_000_000),
    }
    return ClusterState(**(base | changes))  # type: ignore[arg-type]  # the keys are the fields


def test_approach_is_the_exact_answer_whatever_the_steps() -> None:
    assert approach(20, 70, 2.0, 2.0) == pytest.approx(70 - 50 / math.e)
    halves = approach(approach(20, 70, 1.0, 2.0), 70, 1.0, 2.0)
    assert halves == pytest.approx(approach(20, 70, 2.0, 2.0))


def test_full_load_ends_where_the_resistances_say() -> None:
    device = physics()
    device.advance(5000, {"big": 1.0})
    # 4 W: skin 20 + 2 * 4 = 28, cluster 28 + 10 * 4 = 68
    assert device.skin_c == pytest.approx(28.0, abs=0.01)
    assert device.clusters["big"].temperature_c == pytest.approx(68.0, abs=0.01)
    assert device.clusters["big"].frequency_khz == 2_000_000


def test_a_cluster_warms_with_its_own_time_constant_and_cools_to_ambient() -> None:
    device = physics()
    device.advance(2.0, {"big": 1.0})
    assert device.clusters["big"].temperature_c == pytest.approx(20 + 40 * (1 - 1 / math.e), abs=0.7)
    device.advance(3600.0, {})
    assert device.clusters["big"].temperature_c == pytest.approx(20.0, abs=0.01)
    assert device.clusters["big"].load == 0.0


def test_heat_lowers_the_clock_and_the_lower_clock_the_heat() -> None:
    device = physics((Trip(above_c=50, max_fraction=0.5),))
    for _ in range(60):
        device.advance(10, {"big": 1.0})
    big = device.clusters["big"]
    assert device.cap in (0.5, 1.0)
    assert 45.0 <= big.temperature_c <= 53.0  # it hovers about the trip, between 28 (throttled) and 68 (not)


def test_a_trip_is_left_three_degrees_below_it() -> None:
    trips = (Trip(above_c=70, max_fraction=0.8), Trip(above_c=80, max_fraction=0.5))
    assert [thermal_cap(t, trips, 1.0) for t in (69, 71, 81)] == [1.0, 0.8, 0.5]
    assert [thermal_cap(t, trips, 0.5) for t in (78, 76, 68, 66)] == [0.5, 0.8, 0.8, 1.0]


@pytest.mark.parametrize(
    ("changes", "cap", "expected"),
    [
        ({"governor": "performance"}, 1.0, 2_000_000),
        ({"governor": "powersave", "load": 1.0}, 1.0, 500_000),
        ({"governor": "schedutil", "load": 0.5}, 1.0, 1_500_000),
        ({"governor": "interactive", "load": 0.9}, 1.0, 2_000_000),
        ({"governor": "schedutil", "load": 0.25, "busiest": 1.0}, 1.0, 2_000_000),
        ({"governor": "userspace", "setspeed_khz": 1_000_000}, 1.0, 1_000_000),
        ({"governor": "performance"}, 0.6, 1_000_000),
        ({"governor": "performance", "limits_khz": (500_000, 1_000_000)}, 1.0, 1_000_000),
        ({"governor": "powersave", "limits_khz": (1_500_000, 2_000_000)}, 1.0, 1_500_000),
        ({"governor": "powersave", "limits_khz": (1_500_000, 2_000_000)}, 0.5, 1_000_000),
        ({"governor": "performance"}, 0.1, 500_000),
    ],
)
def test_the_clock_follows_governor_limits_and_cap(changes: dict[str, object], cap: float, expected: int) -> None:
    assert governed_khz(state(**changes), FREQUENCIES, cap=cap) == expected


def test_fixed_performance_holds_one_clock_whatever_the_load() -> None:
    assert {
        governed_khz(state(load=load), FREQUENCIES, cap=1.0, fixed_performance=True) for load in (0.0, 0.5, 1.0)
    } == {1_500_000}


def test_the_battery_drains_by_the_energy_used_and_charges_when_plugged() -> None:
    device = physics(plugged="none")
    device.advance(3600, {"big": 1.0})
    assert device.battery_mah == pytest.approx(2000 - (4.0 + 0.25) / 3.85 * 1000, rel=0.01)
    charging = physics()
    charging.advance(3600, {})
    assert charging.battery_mah == pytest.approx(2000 + (2.5 - 0.25) / 3.85 * 1000, rel=0.01)
    charging.advance(1e6, {})
    assert charging.battery_level == 100


def test_the_status_counts_the_skin_thresholds_passed() -> None:
    device = physics()
    for skin_c, status in ((38.9, 0), (39.0, 1), (46.5, 3), (99.0, 6)):
        device.skin_c = skin_c
        assert device.status == status


def test_no_time_no_change() -> None:
    device = physics()
    device.advance(0.0, {"big": 1.0})
    assert device.hottest_c == 20.0
