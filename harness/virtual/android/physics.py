"""A phone's heat, clocks and battery as first-order models. Pure: no clock, no files; time is given as elapsed seconds.

Nothing here is measured. It lets you try conditions, throttling and cooling without a phone. The harness marks temperature, clocks and
battery of virtual devices as simulated wherever it shows them.

The model, per cluster i with load u_i (0..1, mean over its cores), clock f_i and highest clock F_i:

- clock wanted: by the load of the busiest core, as cpufreq governors do
- power: P_i = power_w * u_i * (f_i / F_i)^2  (dynamic power goes with f * V^2; V is assumed to fall slowly with f)
- skin: approaches ambient + skin_c_per_w * sum(P) with its time constant
- cluster: approaches skin + c_per_w * P_i with its time constant
- cap: the smallest max_fraction of the trips below the hottest cluster's temperature; a trip ends 3 degrees below its limit
- clock: the governor's choice, within the cap, rounded to an existing clock

An approach over dt is exact: T += (target - T) * (1 - exp(-dt / tau)). Load and heat feed back through the cap, so long spans are split
into steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.devices.device_config import Battery, ClusterModel, ThermalModel, Trip

_STEP_S = 0.5
_MAX_STEPS = 400
_TRIP_HYSTERESIS_C = 3.0
_FIXED_PERFORMANCE_FRACTION = 0.65
"""Fraction at which fixed-performance mode holds the clocks: low enough to last (AndroidX locks at 50 % or more of the maximum)."""
_HEADROOM = 1.25  # schedutil's: next clock = 1.25 * highest * utilisation
_PACK_VOLTS = 3.85
_IDLE_W = 0.25
_USB_W = 2.5


@dataclass(slots=True)
class ClusterState:
    """The present state of a cluster. `limits_khz` is scaling_min_freq and scaling_max_freq."""

    temperature_c: float
    frequency_khz: int
    governor: str
    limits_khz: tuple[int, int]
    load: float = 0.0
    """Mean load over the cores, 0..1; it makes the heat."""
    busiest: float = 0.0
    """Load of the busiest core, 0..1; the governor uses it, since one busy thread needs the whole cluster's clock."""
    setspeed_khz: int | None = None


def approach(value: float, target: float, dt_s: float, time_constant_s: float) -> float:
    """Return the exact value of a first-order system after `dt_s`."""
    return target + (value - target) * math.exp(-dt_s / time_constant_s)


def thermal_cap(hottest_c: float, trips: Sequence[Trip], current: float) -> float:
    """Return the allowed fraction of the highest clock. An active trip stays active until 3 degrees below it."""
    cap = 1.0
    for trip in trips:
        active = current <= trip.max_fraction
        if hottest_c > trip.above_c - (_TRIP_HYSTERESIS_C if active else 0.0):
            cap = min(cap, trip.max_fraction)
    return cap


def governed_khz(
    state: ClusterState, frequencies_khz: Sequence[int], *, cap: float, fixed_performance: bool = False
) -> int:
    """Return the clock that results from governor, limits and cap. Unknown governors behave as `schedutil`."""
    highest = frequencies_khz[-1]
    load = max(state.load, state.busiest)
    wanted: float
    if fixed_performance:
        wanted = highest * _FIXED_PERFORMANCE_FRACTION
    elif state.governor == "performance":
        wanted = highest
    elif state.governor == "powersave":
        wanted = frequencies_khz[0]
    elif state.governor == "userspace":
        wanted = state.setspeed_khz or state.frequency_khz
    elif state.governor in {"ondemand", "interactive"}:
        wanted = highest if load > 0.8 else highest * load * _HEADROOM
    else:
        wanted = highest * load * _HEADROOM
    low, high = state.limits_khz
    ceiling = min(high, highest * cap)
    wanted = min(max(wanted, low), ceiling)
    # The lowest sufficient clock, unless it is above the limit.
    enough = [f for f in frequencies_khz if f >= wanted and f <= ceiling]
    return enough[0] if enough else max([f for f in frequencies_khz if f <= ceiling], default=frequencies_khz[0])


class Physics:
    """The living state of one device.

    Args:
        clusters: by name, in the order of their cores.
        thermal: the heat model.
        battery: the battery at boot.
        governor: the governor at boot.
    """

    def __init__(
        self, clusters: Mapping[str, ClusterModel], thermal: ThermalModel, battery: Battery, *, governor: str
    ) -> None:
        self._models, self._thermal, self._battery = dict(clusters), thermal, battery
        self.skin_c = thermal.ambient_c
        self.cap = 1.0
        self.fixed_performance = False
        self.battery_mah = battery.capacity_mah * battery.level / 100
        self.battery_c = thermal.ambient_c
        self.plugged = battery.plugged != "none"
        self.clusters = {
            name: ClusterState(
                temperature_c=thermal.ambient_c,
                frequency_khz=model.frequencies_khz[0],
                governor=governor,
                limits_khz=(model.frequencies_khz[0], model.frequencies_khz[-1]),
            )
            for name, model in self._models.items()
        }

    @property
    def hottest_c(self) -> float:
        """Temperature of the hottest cluster."""
        return max(cluster.temperature_c for cluster in self.clusters.values())

    @property
    def status(self) -> int:
        """Thermal status 0 (NONE) to 6 (SHUTDOWN), from the skin temperature as Android's virtual skin sensors do."""
        return sum(self.skin_c >= limit for limit in self._thermal.status_skin_c)

    @property
    def battery_level(self) -> int:
        """Charge in percent."""
        return round(100 * self.battery_mah / self._battery.capacity_mah)

    def advance(self, dt_s: float, loads: Mapping[str, float], busiest: Mapping[str, float] | None = None) -> None:
        """Let `dt_s` seconds pass.

        Args:
            dt_s: the seconds.
            loads: mean load of the cores of each cluster, 0..1; clusters not named are idle.
            busiest: load of the busiest core of each cluster; by default the mean.
        """
        if dt_s <= 0:
            return
        busy = any(loads.values())
        # At rest nothing feeds back (without load the clocks do not matter), so a few steps are exact enough for hours.
        steps = min(max(1, math.ceil(dt_s / _STEP_S)), _MAX_STEPS if busy or self.cap < 1.0 else 8)
        for _ in range(steps):
            self._step(dt_s / steps, loads, busiest or {})

    def _step(self, dt_s: float, loads: Mapping[str, float], busiest: Mapping[str, float]) -> None:
        powers = {}
        for name, cluster in self.clusters.items():
            model = self._models[name]
            cluster.load = min(max(loads.get(name, 0.0), 0.0), 1.0)
            cluster.busiest = min(max(busiest.get(name, 0.0), cluster.load), 1.0)
            cluster.frequency_khz = governed_khz(
                cluster, model.frequencies_khz, cap=self.cap, fixed_performance=self.fixed_performance
            )
            powers[name] = model.power_w * cluster.load * (cluster.frequency_khz / model.frequencies_khz[-1]) ** 2
        total_w = sum(powers.values())
        thermal = self._thermal
        skin_target = thermal.ambient_c + thermal.skin_c_per_w * total_w
        self.skin_c = approach(self.skin_c, skin_target, dt_s, thermal.skin_time_constant_s)
        for name, cluster in self.clusters.items():
            model = self._models[name]
            target = self.skin_c + model.c_per_w * powers[name]
            cluster.temperature_c = approach(cluster.temperature_c, target, dt_s, model.time_constant_s)
        self.cap = thermal_cap(self.hottest_c, thermal.trips, self.cap)
        self.battery_c = approach(self.battery_c, self.skin_c, dt_s, 2 * thermal.skin_time_constant_s)
        drawn_w = _IDLE_W + total_w - (_USB_W if self.plugged else 0.0)
        used_mah = drawn_w / _PACK_VOLTS * dt_s / 3.6
        self.battery_mah = min(max(self.battery_mah - used_mah, 0.0), float(self._battery.capacity_mah))

    def set_charge(self, percent: int) -> None:
        """Set the charge, and take the device off the charger."""
        self.battery_mah = self._battery.capacity_mah * percent / 100
        self.plugged = False

    def settle_clocks(self) -> None:
        """Apply changed governors and limits at once, without letting time pass."""
        for name, cluster in self.clusters.items():
            cluster.frequency_khz = governed_khz(
                cluster,
                self._models[name].frequencies_khz,
                cap=self.cap,
                fixed_performance=self.fixed_performance,
            )
