from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.devices.device_config import load_device_configs
from harness.virtual.android.backend import ProcessUse, read_process
from harness.virtual.android.cpufreq_writes import absorb_writes
from harness.virtual.android.event_log import EventLog
from harness.virtual.android.load import LoadMeter
from harness.virtual.android.sysfs import LiveTree, cpuinfo, live_files, proc_files, static_files, thermal_zones
from tests.virtual.android.test_commands import state_of

X86 = """processor\t: {0}
vendor_id\t: Maker
physical id\t: 1
siblings\t: 2
core id\t\t: {0}
cpu cores\t: 2
apicid\t\t: {0}
initial apicid\t: {0}
flags\t\t: fpu avx2
"""
ARM = "processor\t: {0}\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU part\t: 0xd0c\n"


@pytest.mark.parametrize(
    ("written", "limits"),
    [
        ({"min": 9_999_999}, (3187200, 3187200)),
        ({"min": 1_000_000, "max": 806400}, (806400, 806400)),
        ({"max": 806400}, (576000, 806400)),
        ({"min": 1_000_000, "max": 2_000_000}, (1_000_000, 2_000_000)),
        ({"min": 1}, (576000, 3187200)),
    ],
)
def test_a_least_frequency_is_never_above_the_greatest(
    tmp_path: Path, written: dict[str, int], limits: tuple[int, int]
) -> None:
    state = state_of("virtual-flagship")
    files, prime = live_files(state), state.physics.clusters["prime"]
    assert prime.limits_khz == (576000, 3187200)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    tree = LiveTree(lambda name: tmp_path / name, files)
    policy = tmp_path / "sys/devices/system/cpu/cpufreq/policy7"
    for name, khz in written.items():
        (policy / f"scaling_{name}_freq").write_text(f"{khz}\n")
    assert absorb_writes(tree, state, EventLog(tmp_path / "events"))
    tree.update(live_files(state))
    assert prime.limits_khz == limits
    assert tuple(int((policy / f"scaling_{name}_freq").read_text()) for name in ("min", "max")) == limits


def test_cpuinfo_keeps_the_hosts_format_and_has_the_profiles_cores() -> None:
    made = cpuinfo(X86.format(0) + "\n" + X86.format(1) + "\n", 8)
    blocks = made.strip().split("\n\n")
    assert len(blocks) == 8
    assert blocks[7] == X86.format(7).replace("id\t: 1", "id\t: 0").replace(": 2\n", ": 8\n").strip()
    arm = cpuinfo(ARM.format(0) + "\n" + ARM.format(1) + "\nHardware\t: Board\n", 3)
    assert arm == "\n".join(ARM.format(core) for core in range(3)) + "\nHardware\t: Board\n\n\n"
    assert cpuinfo("", 4) == ""


def test_the_flagships_tree_says_what_its_profile_says() -> None:
    state = state_of("virtual-flagship")
    files = static_files(state) | live_files(state)
    cpu = "sys/devices/system/cpu"
    assert files[f"{cpu}/possible"] == "0-7\n"
    assert files[f"{cpu}/cpu7/cpu_capacity"] == "1024\n"
    assert files[f"{cpu}/cpufreq/policy4/related_cpus"] == "4 5 6\n"
    assert files[f"{cpu}/cpufreq/policy7/cpuinfo_max_freq"] == "3187200\n"
    assert files[f"{cpu}/cpufreq/policy0/scaling_governor"] == "schedutil\n"
    assert [kind for kind, _ in thermal_zones(state)] == ["cpu-little", "cpu-big", "cpu-prime", "skin", "battery"]
    assert files["sys/class/thermal/thermal_zone0/temp"] == "24000\n"
    assert files["sys/class/power_supply/battery/status"] == "Charging\n"


def test_memory_is_the_profiles_and_never_more_than_it() -> None:
    host = Path("/proc/meminfo").read_text()
    text = proc_files(state_of("virtual-old"))["proc/meminfo"]
    values = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()}
    assert values["MemTotal"] == 2048 * 1024
    assert values["MemAvailable"] <= values["MemTotal"]
    assert set(values) <= {line.split(":")[0] for line in host.splitlines()}


def test_the_old_profile_has_no_capacity() -> None:
    assert not [name for name in static_files(state_of("virtual-old")) if name.endswith("cpu_capacity")]


def test_only_changed_files_are_written_and_foreign_writes_are_seen(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys/a").write_text("1\n")
    (tmp_path / "sys/b").write_text("1\n")
    tree = LiveTree(tmp_path.joinpath, {"sys/a": "1\n", "sys/b": "1\n"})
    inode = (tmp_path / "sys/a").stat().st_ino
    tree.update({"sys/a": "1\n", "sys/b": "2\n"})
    assert (tmp_path / "sys/a").stat().st_ino == inode
    assert (tmp_path / "sys/b").read_text() == "2\n"
    assert (tmp_path / "sys/b").stat().st_mode & 0o777 == 0o444
    assert tree.changed_on_device(["sys/a", "sys/b"]) == {}
    (tmp_path / "sys/a").write_text("performance\n")
    assert tree.changed_on_device(["sys/a", "sys/b"]) == {"sys/a": "performance"}
    tree.update({"sys/a": "1\n"})
    assert (tmp_path / "sys/a").read_text() == "1\n"


def test_cpu_time_becomes_load_of_the_clusters_that_the_mask_allows() -> None:
    clusters = load_device_configs()["virtual-flagship"].clusters
    meter = LoadMeter()
    masks = {10: 0x80, 20: 0x70}
    first = [ProcessUse(10, 0, 1.0), ProcessUse(11, 10, 0.0), ProcessUse(20, 0, 0.0), ProcessUse(30, 0, 0.0)]
    meter.cluster_loads(first, 1.0, clusters, {})
    second = [ProcessUse(10, 0, 1.0), ProcessUse(11, 10, 0.5), ProcessUse(20, 0, 1.5), ProcessUse(30, 0, 0.2)]
    loads, busiest = meter.cluster_loads(second, 1.0, clusters, masks)
    # 11 inherits 10's mask: half of the prime core; 20: 1.5 of the three big ones; 30, which may run anywhere, 0.2 on a little one
    assert {name: round(load, 3) for name, load in loads.items()} == {"little": 0.05, "big": 0.5, "prime": 0.5}
    assert {name: round(load, 3) for name, load in busiest.items()} == {"little": 0.2, "big": 1.0, "prime": 0.5}
    assert meter.percent_by_pid()[0] == (20, 150.0)
    assert meter.known == {10, 11, 20, 30}
    assert meter.cluster_loads([], 1.0, clusters, masks)[0] == {"little": 0.0, "big": 0.0, "prime": 0.0}


def test_a_heavy_process_that_may_run_anywhere_is_on_the_fastest_cores() -> None:
    """Else one thread would keep an eighth of each core busy, and no governor would ask for a clock that is high."""
    clusters = load_device_configs()["virtual-flagship"].clusters

    def busiest(cores: float) -> dict[str, float]:
        found = LoadMeter().cluster_loads([ProcessUse(1, 0, cores)], 1.0, clusters, {})[1]
        return {name: round(load, 2) for name, load in found.items()}

    assert busiest(1.0) == {"little": 0.0, "big": 0.0, "prime": 1.0}
    assert busiest(2.5) == {"little": 0.0, "big": 1.0, "prime": 1.0}
    assert busiest(4.5) == {"little": 0.5, "big": 1.0, "prime": 1.0}
    assert busiest(99.0) == {"little": 1.0, "big": 1.0, "prime": 1.0}
    assert busiest(0.1) == {"little": 0.1, "big": 0.0, "prime": 0.0}


def test_waiting_for_a_core_of_a_busy_host_is_load_of_the_device_and_no_cpu_time() -> None:
    clusters = load_device_configs()["virtual-flagship"].clusters
    meter = LoadMeter()
    meter.cluster_loads([ProcessUse(10, 0, 1.0, 2.0)], 1.0, clusters, {10: 0x80})
    loads, _ = meter.cluster_loads([ProcessUse(10, 0, 1.25, 2.5)], 1.0, clusters, {10: 0x80})
    assert loads["prime"] == 0.75
    assert meter.percent_by_pid() == [(10, 25.0)]
    loads, _ = meter.cluster_loads([ProcessUse(10, 0, 1.5, 0.5)], 1.0, clusters, {10: 0x80})
    assert loads["prime"] == 0.25, "a thread that ended took what it had waited with it"


def test_a_process_that_waits_for_a_core_is_read_so() -> None:
    assert len(Path("/proc/self/schedstat").read_text().split()) == 3
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        for process in (child, *others):
            os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
        time.sleep(1.0)
        use = read_process(Path(f"/proc/{child.pid}"))
        assert use is not None
        assert use.waited_s > 0.2
    finally:
        for process in (child, *others):
            process.kill()
            process.wait()


def test_more_cpu_time_than_cores_is_a_full_load() -> None:
    clusters = load_device_configs()["virtual-old"].clusters
    loads, _ = LoadMeter().cluster_loads([ProcessUse(1, 0, 9.0)], 1.0, clusters, {1: 0x4})
    assert loads == {"little": 0.0, "big": 1.0}
