from __future__ import annotations

import pytest

from harness.devices.inventory import Inventory, read_inventory


def inventory(**sections: str) -> Inventory:
    return read_inventory("s", {"present": "0-7", "online": "0-7"} | sections, {})


@pytest.mark.parametrize(
    ("sections", "gpu"),
    [
        ({"gles": "GLES: Qualcomm, Adreno (TM) 740, OpenGL ES 3.2 V@0676.0"}, "Qualcomm Adreno (TM) 740"),
        ({"gles": " GLES: ARM, Mali-G715, OpenGL ES 3.2 v1.r44p1"}, "ARM Mali-G715"),
        ({"kgsl": "Adreno640v2\n"}, "Adreno640v2"),
        ({"props": "[ro.hardware.vulkan]: [mali]\n"}, "mali"),
        ({"devfreq": "17000010.devfreq_mif\n1c500000.mali\n"}, "1c500000.mali"),
        ({"devfreq": "17000010.devfreq_mif\n"}, None),
        ({"gles": "Can't find service: SurfaceFlinger"}, None),
    ],
)
def test_the_gpu_is_named_by_whoever_knows_it(sections: dict[str, str], gpu: str | None) -> None:
    assert inventory(**sections).gpu == gpu


@pytest.mark.parametrize(
    ("said", "way"),
    [("shell", ""), ("su 0 sh -c", "su 0 sh -c"), ("su -c", "su -c"), ("", None), ("su: not found", None)],
)
def test_root_is_what_answered_as_root(said: str, way: str | None) -> None:
    seen = inventory(root=said)
    assert seen.become_root == way
    assert seen.root == (way is not None)


def test_the_cpuset_that_holds_us_is_read() -> None:
    seen = inventory(cpuset="/background\nCpus_allowed_list:\t0-3\n")
    assert (seen.cpuset, seen.cpuset_cores) == ("/background", (0, 1, 2, 3))
    assert inventory(cpuset="Cpus_allowed_list:\t9-3\n").cpuset_cores == ()
    assert inventory().cpuset is None


def test_policies_are_folders_with_their_cores() -> None:
    seen = inventory(policies="0 1800000 0 1 2 3\n4 2800000 4 5 6 7\n")
    assert seen.policies == {0: (0, 1, 2, 3), 4: (4, 5, 6, 7)}
    alone = inventory(policies="0 1800000\n", cores="\n".join(f"{core} 1024 1800000" for core in range(8)))
    assert alone.policies == {0: tuple(range(8))}


def test_governors_are_known_by_their_policy_and_hostile_lines_are_none() -> None:
    here = "/sys/devices/system/cpu/cpufreq"
    told = f"{here}/policy0/scaling_governor:schedutil\n{here}/policy4/scaling_governor:<b>\nscaling_governor:walt\n"
    assert inventory(governors=told).info.governors == {"policy0": "schedutil"}
    assert inventory().info.governors == {}
