from __future__ import annotations

import pytest

from harness.devices.topology import (
    Topology,
    build_topology,
    named_sets,
    resolve,
)
from harness.errors import UsageError


def phone(*clusters: tuple[int, int, int], online: str = "") -> Topology:
    """(cores, capacity, kHz) from core 0 up."""
    capacities: dict[int, int] = {}
    frequencies: dict[int, int] = {}
    core = 0
    for count, capacity, khz in clusters:
        for _ in range(count):
            if capacity:
                capacities[core] = capacity
            if khz:
                frequencies[core] = khz
            core += 1
    return build_topology(
        present=f"0-{core - 1}", online=online, capacities=capacities, max_frequencies_khz=frequencies
    )


FLAGSHIP = phone((4, 250, 1_800_000), (3, 800, 2_800_000), (1, 1024, 3_200_000))


@pytest.mark.parametrize(
    ("topology", "expected"),
    [
        (FLAGSHIP, {"all": 0xFF, "little": 0x0F, "middle": 0x70, "big": 0x70, "prime": 0x80}),
        (phone((2, 350, 1_900_000), (6, 1024, 2_400_000)), {"all": 0xFF, "little": 0x03, "big": 0xFC}),
        (phone((4, 0, 1_400_000), (4, 0, 2_000_000)), {"all": 0xFF, "little": 0x0F, "big": 0xF0}),
        (
            phone((2, 250, 1_800_000), (3, 700, 2_500_000), (2, 800, 2_800_000), (1, 1024, 3_300_000)),
            {"all": 0xFF, "little": 0x03, "middle": 0x1C, "big": 0x60, "prime": 0x80},
        ),
        (
            phone((4, 200, 1_700_000), (2, 600, 2_200_000), (2, 1024, 2_800_000)),
            {"all": 0xFF, "little": 0x0F, "middle": 0x30, "big": 0xC0},
        ),
        (phone((7, 400, 2_000_000), (1, 1024, 2_400_000)), {"all": 0xFF, "little": 0x7F, "prime": 0x80, "big": 0x80}),
        (phone((4, 0, 1_500_000)), {"all": 0x0F, "little": 0x0F, "big": 0x0F}),
    ],
    ids=["1+3+4", "2+6", "4+4 without capacity", "2+3+2+1", "4+2+2", "7+1", "single cluster"],
)
def test_words_for_cores(topology: Topology, expected: dict[str, int]) -> None:
    assert named_sets(topology) == expected


@pytest.mark.parametrize(
    "topology",
    [
        FLAGSHIP,
        phone((2, 250, 1_800_000), (3, 700, 2_500_000), (2, 800, 2_800_000), (1, 1024, 3_300_000)),
        phone((4, 200, 1_700_000), (2, 600, 2_200_000), (2, 1024, 2_800_000)),
        phone((7, 400, 2_000_000), (1, 1024, 2_400_000)),
        phone((4, 0, 1_500_000)),
    ],
)
def test_a_cluster_has_the_name_that_means_its_cores(topology: Topology) -> None:
    sets = named_sets(topology)
    for cluster in topology.clusters:
        assert sets[cluster.name] == sum(1 << cpu for cpu in cluster.cpus)


def test_capacity_tells_clusters_of_one_frequency_apart() -> None:
    topology = phone((4, 400, 2_000_000), (4, 1024, 2_000_000))
    assert [cluster.cpus for cluster in topology.clusters] == [(0, 1, 2, 3), (4, 5, 6, 7)]


def test_an_offline_core_joins_its_neighbours_and_is_not_used() -> None:
    topology = build_topology(
        present="0-7",
        online="0-6",
        capacities={0: 300, 1: 300, 2: 300, 3: 300, 4: 1024, 5: 1024, 6: 1024},
        max_frequencies_khz={},
    )
    assert [cluster.cpus for cluster in topology.clusters] == [(0, 1, 2, 3), (4, 5, 6, 7)]
    big = resolve("big", topology)
    assert big is not None
    assert big.mask == 0x70
    assert resolve("f0", topology) is None, "a mask names its cores: one of them missing is not what was asked"


def test_a_device_that_shows_nothing_has_one_core() -> None:
    topology = build_topology(present="", online="", capacities={}, max_frequencies_khz={})
    assert topology.all_mask == 1


@pytest.mark.parametrize(
    ("label", "mask"),
    [
        ("f0", 0xF0),
        ("F0", 0xF0),
        ("0-3", 0x0F),
        ("4,5", 0x30),
        ("80", 0x80),
        ("7", 0x07),
        ("big", 0x70),
        ("gold", 0x70),
    ],
)
def test_labels_resolve(label: str, mask: int) -> None:
    request = resolve(label, FLAGSHIP, {"gold": (4, 5, 6)})
    assert request is not None
    assert (request.label, request.mask) == (label, mask)


@pytest.mark.parametrize("label", ["1ff", "0-9", "8-9"])
def test_cores_that_a_device_lacks_are_none(label: str) -> None:
    assert resolve(label, FLAGSHIP) is None


def test_prime_on_a_single_cluster_is_none() -> None:
    assert resolve("prime", phone((4, 0, 1_500_000))) is None


@pytest.mark.parametrize("label", ["bigg", "0xf0", "", "0", "0-3;reboot", "-1", "$(id)"])
def test_words_that_mean_nothing_are_errors(label: str) -> None:
    with pytest.raises(UsageError):
        resolve(label, FLAGSHIP)
