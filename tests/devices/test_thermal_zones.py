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
    heat_function,
    read_heat,
    temperatures,
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


@pytest.mark.parametrize("shell", ["sh", "mksh"])
@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("CPU7", 0, "47.25 1"),
        ("CPU7", None, "47.25 1"),
        ("CPU7", 3, " 1"),  # another sensor of that name
        ("CPU3", 0, "-99.9 1"),
        ("gpu", 1, "52.0 1"),  # whole degrees
        ("PU7", None, " 1"),
        ("cached", None, " 1"),
    ],
)
def test_a_shell_finds_status_and_temperature_by_itself(
    shell: str, tmp_path: Path, name: str, kind: int | None, told: str
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    text = DUMP.replace("Current cooling", "\tTemperature{mValue=52, mType=1, mName=gpu, mStatus=0}\nCurrent cooling")
    text = "Thermal Status: 1\n" + text.replace("Thermal Status", "Other")
    text += "\tTemperature{mValue=9.0, mType=0, mName=cached, mStatus=0}\n"
    line = ThermalZone(number=None, type=name, temperature_c=None, kind=kind).line
    (tmp_path / "CPU").touch()  # `CPU$(reboot)` and the like are not expanded
    script = f'{heat_function(line)}\nA=$(cat); T=; heat; echo "$T $S"'
    done = subprocess.run([shell, "-c", script], input=text, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == f"{told}\n"


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


TENSOR = """Current temperatures from HAL:
\tTemperature{mValue=0.0, mType=8, mName=soc, mStatus=0}
\tTemperature{mValue=11900.0, mType=7, mName=ocp_cpu2, mStatus=0}
\tTemperature{mValue=49.0, mType=7, mName=ocp_cpu1, mStatus=0}
\tTemperature{mValue=1.0, mType=6, mName=battery_cycle, mStatus=0}
\tTemperature{mValue=26.0, mType=1, mName=G3D, mStatus=0}
\tTemperature{mValue=27.0, mType=0, mName=LITTLE, mStatus=0}
\tTemperature{mValue=26.000002, mType=0, mName=BIG, mStatus=0}
\tTemperature{mValue=24.8, mType=3, mName=VIRTUAL-SKIN, mStatus=0}
Current cooling devices from HAL:
"""


def test_a_current_limit_is_no_temperature_whatever_it_is_called() -> None:
    """A Tensor Pixel: its zone `soc` is a battery current limit in per cent, and `ocp_cpu1` reads 49 (milliamperes over a limit)."""
    chosen = choose_zone(hal_zones(TENSOR))
    assert chosen is not None
    assert (chosen.type, chosen.temperature_c) == ("BIG", 26.000002)
    assert [one.type for one in temperatures(hal_zones(TENSOR))] == ["G3D", "LITTLE", "BIG", "VIRTUAL-SKIN"]
    # A config cannot make a temperature of it either.
    named = choose_zone(hal_zones(TENSOR), ["soc", "VIRTUAL-SKIN"])
    assert named is not None
    assert named.type == "VIRTUAL-SKIN"


def test_the_kernels_zones_of_the_same_phone_are_told_apart_by_name_and_by_what_the_hal_says() -> None:
    kernel = [
        zone(0, "BIG", 31.0),
        zone(1, "soc", 12.0),
        zone(2, "ocp_cpu2", 11.9),
        zone(3, "soft_ocp_gpu", 8.9),
        zone(4, "vdroop1", 1.05),
        zone(5, "smpl_gm", 1.3),
        zone(6, "batoilo", 4.9),
        zone(7, "tpu_limit", 40.0),
    ]
    assert [one.type for one in temperatures([*kernel, *hal_zones(TENSOR)]) if one.number is not None] == ["BIG"]
    assert choose_zone([*kernel, *hal_zones(TENSOR)]) == kernel[0]
    # Without a readable core zone of the kernel the HAL's is better than the kernel's chip or case.
    unreadable = [zone(0, "BIG", None), zone(9, "quiet_therm", 22.0)]
    chosen = choose_zone([*unreadable, *hal_zones(TENSOR)])
    assert chosen is not None
    assert chosen.type == "BIG"
    assert chosen.number is None


def test_qualcomms_soc_is_a_state_of_charge_beside_its_current_limits_and_a_chip_elsewhere() -> None:
    assert choose_zone([zone(0, "soc", 80.0), zone(1, "ibat-lvl0", 1.2), zone(2, "xo-therm", 33.0)]) == zone(
        2, "xo-therm", 33.0
    )
    assert choose_zone([zone(0, "soc", 45.0), zone(1, "xo-therm", 33.0)]) == zone(0, "soc", 45.0)


@pytest.mark.parametrize(
    ("text", "celsius"), [("-20000", -20.0), ("-21000", None), ("130000", 130.0), ("131000", None)]
)
def test_what_no_phone_reaches_is_no_temperature(text: str, celsius: float | None) -> None:
    assert to_celsius(text) == celsius


def test_two_sensors_of_one_name_are_told_apart_by_what_they_measure(tmp_path: Path) -> None:
    dump = TENSOR.replace("mType=3, mName=VIRTUAL-SKIN", "mType=13, mName=soc")
    chosen = next(one for one in temperatures(hal_zones(dump)) if one.kind == 13)
    (tmp_path / "dumpsys").write_text(f"#!/bin/sh\ncat <<'EOT'\n{dump}EOT\n")
    (tmp_path / "dumpsys").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    read = subprocess.run(["sh", "-c", chosen.read], capture_output=True, text=True, env={"PATH": path}, check=True)
    assert read.stdout == "24.8\n"


def hal(*rows: tuple[str, int, float]) -> list[ThermalZone]:
    lines = (f"\tTemperature{{mValue={value}, mType={kind}, mName={name}, mStatus=0}}\n" for name, kind, value in rows)
    return hal_zones("Current temperatures from HAL:\n" + "".join(lines))


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([("cpu-gpu-0", 1, 70.0), ("CPU0", 0, 40.0)], "CPU0"),
        ([("cpu_skin", 3, 60.0), ("CLUSTER0", 0, 41.0)], "CLUSTER0"),
        ([("npu_cpu", 9, 80.0), ("MID", 0, 50.0)], "MID"),
        ([("soc_usb", 4, 99.0), ("skin", 3, 27.0)], "skin"),
        ([("soc", 2, 33.0), ("VIRTUAL-SKIN", 3, 30.0)], "VIRTUAL-SKIN"),
        ([("BIG", -1, 35.0), ("MID", 0, 30.0)], "MID"),
        ([("skin_therm", -1, 35.0), ("case-7", 3, 30.0)], "case-7"),
        ([("xyz", 3, 30.0), ("die", 13, 29.0)], "die"),
        ([("cpu-big-pa", 5, 70.0)], None),
        ([("cpu_therm", -1, 44.0), ("skin", 3, 30.0)], "cpu_therm"),
    ],
)
def test_what_the_hal_says_of_a_sensor_comes_before_its_name(
    rows: list[tuple[str, int, float]], best: str | None
) -> None:
    for order in (rows, rows[::-1]):
        chosen = choose_zone(hal(*order))
        assert (chosen.type if chosen else None) == best


def test_a_kernel_s_zone_is_what_the_hal_says_of_its_name() -> None:
    zones = [zone(0, "cpu-front", 60.0), zone(1, "X1", 40.0), *hal(("cpu-front", 2, 60.0), ("X1", 0, 40.0))]
    assert choose_zone(zones) == zones[1]


@pytest.mark.parametrize(
    "name",
    [
        "ocp-cpu",
        "soft-ocp-cpu",
        "cpu1_ocp",
        "cpu-ocp2",
        "cpu-limit",
        "cpu-limits",
        "cpu_limit_0",
        "pre-uvlo-cpu",
        "cpu-vdroop1",
        "cpu.bcl",
    ],
)
def test_a_limit_of_the_kernel_is_no_temperature_wherever_its_name_says_so(name: str) -> None:
    assert choose_zone([zone(1, name, 11.9), zone(2, "zzz", 30.0)]) is None


@pytest.mark.parametrize("name", ["socpmic", "cpuss-0", "cpu-unlimited", "procpu"])
def test_a_name_that_only_looks_like_a_limit_is_a_temperature(name: str) -> None:
    assert temperatures([zone(1, name, 30.0)])


@pytest.mark.parametrize(
    ("value", "celsius"),
    [
        ("47.25", 47.25),
        ("255.0", None),
        ("255", None),
        ("131", None),
        ("1300.0", None),
        ("27000", None),
        ("-99.9", None),
        ("33", 33.0),
        ("-5", -5.0),
        ("", None),
        ("NaN", None),
        ("1.0E-5", 1e-5),
    ],
)
def test_a_value_of_the_hal_is_in_degrees_also_while_a_trial_runs(
    tmp_path: Path, value: str, celsius: float | None
) -> None:
    dump = DUMP.replace("mValue=47.25", f"mValue={value}")
    (tmp_path / "dumpsys").write_text(f"#!/bin/sh\ncat <<'EOT'\n{dump}EOT\n")
    (tmp_path / "dumpsys").chmod(0o755)
    script = f'echo "temp $({hal(("CPU7", 0, 40.0))[0].read})"'
    path = f"{tmp_path}:{os.environ['PATH']}"
    read = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env={"PATH": path}, check=True)
    assert read_heat(read.stdout).temperature_c == celsius
