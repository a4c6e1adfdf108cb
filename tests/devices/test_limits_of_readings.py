"""Where a reading of heat turns from one unit into another, or into nonsense; and where a word for cores ends."""

from __future__ import annotations

import pytest

from harness.devices.thermal_zones import ThermalZone, choose_zone, hal_zones, thermal_status, to_celsius
from harness.devices.topology import build_topology, named_sets, resolve
from harness.errors import UsageError


@pytest.mark.parametrize(
    ("text", "celsius"),
    [
        # Whole degrees up to 130, then tenths, from 1000 on thousandths.
        ("129.5", 129.5),
        ("130", 130.0),
        ("131", 13.1),
        ("131.0", None),
        ("255.0", None),
        ("999", 99.9),
        ("1000", 1.0),
        ("130000", 130.0),
        ("130001", None),
        ("-20", -20.0),
        ("-20.1", None),
        ("-20000", -20.0),
        ("-20001", None),
        ("-131", -13.1),
        (" 35500\n", 35.5),
        ("nan", None),
    ],
)
def test_units_of_the_kernel_s_zones(text: str, celsius: float | None) -> None:
    assert to_celsius(text) == celsius


@pytest.mark.parametrize(
    ("value", "celsius"),
    [("36.5", 36.5), ("-99.9", None), ("130", 130.0), ("130.1", None), ("-20", -20.0), ("-20.1", None), ("x", None)],
)
def test_the_hal_says_degrees(value: str, celsius: float | None) -> None:
    text = (
        "Current temperatures from HAL:\n"
        f"\tTemperature{{mValue={value}, mType=0, mName=CPU0, mStatus=0}}\n"
        "Current cooling devices from HAL:\n"
        "\tTemperature{mValue=30.0, mType=0, mName=late, mStatus=0}\n"
    )
    assert hal_zones(text) == [ThermalZone(number=None, type="CPU0", temperature_c=celsius, kind=0)]


@pytest.mark.parametrize(
    ("status", "expected"), [("0", 0), ("6", 6), ("7", None), ("06", 6), ("006", None), ("-1", None), ("2 x", None)]
)
def test_android_has_seven_thermal_statuses(status: str, expected: int | None) -> None:
    assert thermal_status(f"  Thermal Status: {status}\n") == expected


def zone(number: int, kind: str, celsius: float | None) -> ThermalZone:
    return ThermalZone(number=number, type=kind, temperature_c=celsius)


def test_of_the_zones_that_matter_the_hottest_then_the_first() -> None:
    zones = [zone(3, "cpu-1-0", 40.0), zone(1, "cpu-1-1", 42.0), zone(2, "cpu-1-2", 42.0), zone(0, "soc", 90.0)]
    assert choose_zone(zones) == zones[1]
    assert choose_zone(zones[::-1]) == zones[1]
    assert choose_zone([zone(0, "skin", 30.0), zone(1, "SOC", 25.0)]) == zone(1, "SOC", 25.0)
    assert choose_zone(zones, ["battery", "so?", "cpu*"]) == zones[3]
    assert choose_zone([zone(1, "cpu", None), zone(2, "quiet-therm", 31.0)], ["cpu"]) == zone(2, "quiet-therm", 31.0)
    assert choose_zone([zone(0, "battery", 30.0)]) is None


def test_a_kernel_s_zone_is_a_file() -> None:
    assert zone(12, "cpu", 40.0).path == "/sys/class/thermal/thermal_zone12/temp"
    assert zone(0, "cpu", 40.0).read == "cat /sys/class/thermal/thermal_zone0/temp 2>/dev/null"


def test_what_a_cluster_shows_is_kept_and_what_it_does_not_is_unknown() -> None:
    topology = build_topology(
        present="0-3", online="", capacities={2: 1024, 3: 1024}, max_frequencies_khz={0: 1_800_000, 1: 1_800_000}
    )
    little, big = topology.clusters
    assert (little.capacity, little.max_frequency_khz, big.capacity, big.max_frequency_khz) == (
        None,
        1_800_000,
        1024,
        None,
    )
    assert topology.online == (0, 1, 2, 3), "where it does not say, all are"
    zero = build_topology(present="0", online="0", capacities={0: 0}, max_frequencies_khz={0: 0}).clusters[0]
    assert (zero.capacity, zero.max_frequency_khz) == (0, 0)


def test_cores_that_only_their_clocks_tell_of() -> None:
    topology = build_topology(present="", online="", capacities={1: 5}, max_frequencies_khz={0: 9})
    assert topology.online == (0, 1)


def test_five_clusters_have_numbers() -> None:
    topology = build_topology(
        present="0-4", online="0-4", capacities={core: core + 1 for core in range(5)}, max_frequencies_khz={}
    )
    assert [cluster.name for cluster in topology.clusters] == [f"cluster{number}" for number in range(5)]
    assert named_sets(topology)["middle"] == 0b00110
    assert named_sets(topology)["prime"] == 0b10000
    assert named_sets(topology)["big"] == 0b01000


@pytest.mark.parametrize(
    ("sizes", "names"),
    [
        ((4,), ["all"]),
        ((1,), ["all"]),
        ((4, 4), ["little", "big"]),
        ((7, 1), ["little", "big"]),
        ((4, 2, 2), ["little", "middle", "big"]),
        ((4, 3, 1), ["little", "big", "prime"]),
        ((2, 2, 2, 2), ["little", "middle", "upper", "big"]),
        ((2, 3, 2, 1), ["little", "middle", "big", "prime"]),
    ],
)
def test_clusters_are_called_as_their_cores(sizes: tuple[int, ...], names: list[str]) -> None:
    capacities: dict[int, int] = {}
    for rank, size in enumerate(sizes):
        capacities |= {len(capacities) + index: 100 * (rank + 1) for index in range(size)}
    topology = build_topology(present="", online="", capacities=capacities, max_frequencies_khz={})
    assert [cluster.name for cluster in topology.clusters] == names


def test_a_word_needs_one_of_its_cores_and_a_mask_all() -> None:
    topology = build_topology(
        present="0-7", online="0-5", capacities={c: 1 if c < 4 else 2 for c in range(8)}, max_frequencies_khz={}
    )
    found = resolve("big", topology)
    assert found is not None
    assert found.mask == 0b110000
    assert resolve("f0", topology) is None
    assert resolve("30", topology) is not None
    assert resolve("gold", topology, {"gold": (6, 7)}) is None
    assert resolve("f" * 256, topology) is None
    with pytest.raises(UsageError, match="names no cores"):
        resolve("f" * 257, topology)
    with pytest.raises(UsageError, match="holds no core at all"):
        resolve("0", topology)
