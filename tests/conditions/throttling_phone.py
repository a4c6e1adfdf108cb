"""A phone that cannot hold its clocks: after about a minute of load on its big cores it takes 40 % away, until it has cooled."""

from __future__ import annotations

from harness.devices.device_config import ClusterModel, DeviceConfig, ThermalModel, Trip, load_device_configs

CLOCK_SCALE = 20.0
"""Its minute is three seconds of ours."""

HOT_C, COOL_C = 40.0, 30.0
"""Where it throttles, and from where it can run for half a minute without. One thread on its big cores is 1.8 W: the skin goes from 24 to
60 °C, and the cores, 1.8 degrees above it, reach 40 °C after 120 * ln((60 - 24) / (60 - 38.2)) = 60 s."""


def throttling_phone() -> DeviceConfig:
    flagship = load_device_configs()["virtual-flagship"]
    assert flagship.virtual is not None
    clusters = {
        name: ClusterModel(
            frequencies_khz=model.frequencies_khz,
            # Heat goes with the mean load of a cluster: one thread on one of three big cores is a third of this.
            power_w=5.4 if name == "big" else 0.3,
            c_per_w=1,
            time_constant_s=2,
        )
        for name, model in flagship.virtual.clusters.items()
    }
    thermal = ThermalModel(
        ambient_c=24,
        skin_c_per_w=20,
        skin_time_constant_s=120,
        trips=(Trip(above_c=HOT_C, max_fraction=0.6),),
        status_skin_c=(90, 91, 92, 93, 94, 95),
    )
    return flagship.model_copy(
        update={
            "name": "throttling-phone",
            "virtual": flagship.virtual.model_copy(update={"clusters": clusters, "thermal": thermal}),
        }
    )
