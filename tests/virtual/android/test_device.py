from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.virtual.android import VirtualAndroid
from harness.virtual.android.process import children_of
from harness.virtual.device_interface import WindowSize
from tests.virtual.android.booted import Finished, booted, close_all, read_all, run, typed, until

MODELS = Path(__file__).parents[3] / "suites/models"


def test_a_command_has_its_exit_code_and_its_streams_apart(tmp_path: Path, mode: str) -> None:
    async def scenario() -> None:
        async with booted(tmp_path) as device:
            assert device.events.read("boot")[0]["backend"] == mode
            assert await run(device, "echo out; echo err >&2; exit 7") == Finished(7, "out\n", "err\n")
            assert await run(device, "cat; cat", b"typed") == Finished(0, "typed", "")
            assert (await run(device, "kill -9 $$")).code == 137
            assert (await run(device, "nonesuch")).code == 127
            assert await run(device, "printf '%s|' \"a  b\" '$(c)' | cat") == Finished(0, "a  b|$(c)|", "")

    asyncio.run(scenario())


def test_files_written_by_a_command_and_by_sync_are_the_same_files(tmp_path: Path, mode: str) -> None:
    async def scenario() -> None:
        async with booted(tmp_path) as device:
            with device.files.open_write("/data/local/tmp/deep/er/script", 0o755) as file:
                file.write(b'#!/bin/sh\necho "$@"\n')
            assert (await run(device, "/data/local/tmp/deep/er/script ran")).out == "ran\n"
            await run(
                device, "echo made > /data/local/tmp/made; mkdir /sdcard/d; cd /data/local/tmp && ln -s made link"
            )
            with device.files.open_read("/data/local/tmp/link") as read:
                assert read.read() == b"made\n"
            assert sorted(name for name, _ in device.files.listdir("/sdcard")) == [".", "..", "Download", "d"]

    asyncio.run(scenario())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.jsonl", "fs"]


def test_a_reboot_kills_everything_keeps_data_and_changes_the_boot_id(tmp_path: Path, mode: str) -> None:
    async def scenario() -> None:
        async with booted(tmp_path) as device:
            first = (await run(device, "cat /proc/sys/kernel/random/boot_id")).out
            await run(device, "echo kept > /data/local/tmp/kept; setprop debug.gone 1")
            process = await device.spawn("sleep 4321 & setsid sleep 4322 & sleep 4323")
            await until(lambda: len(host_pids("sleep\x00432")) == 3)
            await device.reboot()
            assert await process.wait() == 137
            close_all(process)
            assert not host_pids("sleep\x00432")
            after = await run(
                device, "cat /proc/sys/kernel/random/boot_id /data/local/tmp/kept; getprop debug.gone; cat /proc/uptime"
            )
            boot_id, kept, gone, uptime = after.out.splitlines()
            assert boot_id + "\n" != first
            assert (kept, gone) == ("kept", "")
            if mode == "namespaces":
                assert 0 <= float(uptime.split()[0]) < 30
            assert [event["event"] for event in device.events.read()][:2] == ["boot", "spawn"]
            assert len(device.events.read("boot")) == 2

    asyncio.run(scenario())


@pytest.mark.usefixtures("namespaces")
def test_uptime_is_a_clock_and_begins_with_the_boot(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with booted(tmp_path) as device:
            out = (
                await run(device, "cat /proc/uptime; sleep 0.05; cat /proc/uptime; sleep 0.05; cat /proc/uptime")
            ).out
            times = [float(line.split()[0]) for line in out.splitlines()]
            assert 0 <= times[0] < times[1] < times[2] < 30

    asyncio.run(scenario())


def test_stop_leaves_no_process(tmp_path: Path, mode: str) -> None:
    async def scenario() -> None:
        async with booted(tmp_path) as device:
            process = await device.spawn("trap '' HUP TERM; setsid sleep 5431 & sleep 5432")
            await until(lambda: len(host_pids("sleep\x00543")) == 2)
        assert not host_pids("sleep\x00543")
        assert await process.wait() == 137
        close_all(process)
        with pytest.raises(OSError, match="down"):
            await device.spawn("true")

    asyncio.run(scenario())


def test_a_hang_up_reaches_the_shell_alone(tmp_path: Path, mode: str) -> None:
    async def scenario() -> None:
        async with booted(tmp_path) as device:
            process = await device.spawn("sleep 6541 & wait")
            await until(lambda: host_pids("sleep\x006541"))
            process.hang_up()
            assert await process.wait() == 128 + signal.SIGHUP
            assert host_pids("sleep\x006541")
            process.hang_up()  # again, and too late: nothing happens
            close_all(process)

    asyncio.run(scenario())


def test_a_terminal_has_a_size_an_interrupt_key_and_a_prompt(tmp_path: Path, mode: str) -> None:
    if shutil.which("mksh") is None:
        pytest.skip("needs the system package mksh")

    async def scenario() -> None:
        async with booted(tmp_path) as device:
            process = await typed(device, WindowSize(24, 80))
            process.resize(WindowSize(50, 132))
            os.write(process.stdin, b"stty size; echo $TERM\nsleep 50\n")
            await until(lambda: host_pids("sleep\x0050\x00"))
            os.write(process.stdin, b"\x03")
            await until(lambda: not host_pids("sleep\x0050\x00"))
            os.write(process.stdin, b"echo code=$?; exit 5\n")
            out = (await read_all(process.stdout)).decode()
            assert await process.wait() == 5
            assert "50 132\r\n" in out
            assert "xterm\r\n" in out
            assert "code=130\r\n" in out
            assert "vflagship:/" in out

    asyncio.run(scenario())


def test_commands_of_android_take_hostile_words_as_they_are(tmp_path: Path, mode: str) -> None:
    async def scenario() -> None:
        async with booted(tmp_path) as device:
            for word in ("$(touch x)", "a  b", "new\nline", "ü\\n'\"`*", "-n"):
                done = await run(device, f"setprop debug.word {quote(word)}; getprop debug.word")
                assert done == Finished(0, word + "\n", "")
            assert (
                await run(device, "cd /data/local/tmp; getprop ro.product.model | cat; ls")
            ).out == "Virtual Flagship\n"

    asyncio.run(scenario())


def test_taskset_sets_the_mapped_cores_and_records_the_mask(tmp_path: Path, mode: str) -> None:
    async def scenario() -> None:
        async with booted(tmp_path) as device:
            host_cpus = sorted(os.sched_getaffinity(0))
            mapping = dict(
                pair.split(":") for pair in (await run(device, "getprop ro.harness.cpu_map")).out.strip().split(",")
            )
            assert mapping == {str(core): str(host_cpus[core % len(host_cpus)]) for core in range(8)}
            done = await run(device, "taskset 80 grep Cpus_allowed_list /proc/self/status")
            assert done.out.split() == ["Cpus_allowed_list:", mapping["7"]]
            assert (await run(device, "taskset f0 true && taskset f0 false")).code == 1
            asked = device.events.read("taskset")
            assert [event["mask"] for event in asked] == ["80", "f0", "f0"]
            assert asked[1]["command"] == ["true"]
            for words, message in {
                "0xf0 true": "taskset: bad mask '0xf0'\n",
                "-c 0 true": "taskset: Unknown option 'c' (see \"taskset --help\")\n",
            }.items():
                assert await run(device, f"taskset {words}") == Finished(1, "", message)
            # toybox would run its own taskset in place here, past the device's
            done = await run(device, "timeout -s KILL 9 taskset 80 grep Cpus_allowed_list /proc/self/status")
            assert done.out.split() == ["Cpus_allowed_list:", mapping["7"]]
            assert (await run(device, "timeout 9 nice setsid taskset 0x1 true")).err == "taskset: bad mask '0x1'\n"
            assert "affinity: Invalid argument" in (await run(device, "taskset 100 true")).err

    asyncio.run(scenario())


def test_what_runs_warms_the_clusters_it_was_pinned_to(tmp_path: Path, mode: str) -> None:
    async def scenario() -> None:
        async with booted(tmp_path, clock_scale=20.0) as device:
            spin = await device.spawn("taskset 80 sh -c 'while :; do :; done'")
            clusters = device.state.physics.clusters
            await until(lambda: device.state.physics.clusters["prime"].temperature_c > 26)
            assert clusters["prime"].frequency_khz > clusters["little"].frequency_khz
            shown = (await run(device, "cat /sys/class/thermal/thermal_zone2/temp")).out
            assert int(shown) > 26000
            spin.hang_up()
            await spin.wait()
            close_all(spin)

    asyncio.run(scenario())


def test_the_three_profiles_differ_as_phones_do(tmp_path: Path, mode: str) -> None:
    async def scenario(profile: str) -> dict[str, Finished]:
        async with booted(tmp_path / profile, profile) as device:
            commands = {
                "cores": "cat /sys/devices/system/cpu/present",
                "capacity": "cat /sys/devices/system/cpu/cpu0/cpu_capacity",
                "thermal": "dumpsys thermalservice",
                "fixed": "cmd power set-fixed-performance-mode-enabled true",
            }
            return {key: await run(device, command) for key, command in commands.items()}

    flagship, old = asyncio.run(scenario("virtual-flagship")), asyncio.run(scenario("virtual-old"))
    assert (flagship["cores"].out, old["cores"].out) == ("0-7\n", "0-3\n")
    assert flagship["capacity"].out == "240\n"
    assert "No such file" in old["capacity"].err
    assert "Thermal Status: 0\n" in flagship["thermal"].out
    assert old["thermal"] == Finished(0, "", "Can't find service: thermalservice\n")
    assert flagship["fixed"].code == 0
    assert old["fixed"].code == 255


@pytest.mark.usefixtures("namespaces")
def test_a_device_in_namespaces_looks_like_android_and_cannot_change_the_host(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")

    async def scenario() -> None:
        async with booted(tmp_path / "device") as device:
            assert (await run(device, "id -u; id -g")).out == "2000\n2000\n"
            assert (await run(device, "pwd; hostname; echo $TMPDIR")).out == "/\nlocalhost\n/data/local/tmp\n"
            for command in (f"echo x > {victim}", "echo 0 > /proc/sys/vm/swappiness", "echo x > /system/bin/sh"):
                done = await run(device, command)
                assert done.code != 0
                assert "Read-only file system" in done.err
            governor = "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor"
            assert "Permission denied" in (await run(device, f"echo performance > {governor}")).err
            assert (await run(device, "su 0 id")).code == 127
            assert (await run(device, "ps -A -o PID | wc -l")).out.strip() in {"4", "5"}

    asyncio.run(scenario())
    assert victim.read_text() == "mine"


@pytest.mark.usefixtures("namespaces")
def test_root_of_a_rooted_device_sets_governors_and_nothing_of_the_host(tmp_path: Path) -> None:
    policy = "/sys/devices/system/cpu/cpufreq/policy0"

    async def scenario() -> None:
        async with booted(tmp_path, "virtual-midrange") as device:
            assert (await run(device, "su 0 id -u; su -c 'id -u'; su root sh -c 'id -u'")).out == "0\n0\n0\n"
            await run(device, f"su 0 sh -c 'echo performance > {policy}/scaling_governor'")
            done = await run(device, f"getprop; cat {policy}/scaling_governor {policy}/scaling_cur_freq")
            assert done.out.splitlines()[-2:] == ["performance", "1958400"]
            await run(device, f"su 0 sh -c 'echo nonsense > {policy}/scaling_governor'")
            done = await run(device, f"getprop; cat {policy}/scaling_governor")
            assert done.out.splitlines()[-1] == "performance"
            await run(device, f"su 0 sh -c 'echo 300000 > {policy}/scaling_max_freq'")
            done = await run(device, f"getprop; cat {policy}/scaling_max_freq {policy}/scaling_cur_freq")
            assert done.out.splitlines()[-2:] == ["300000", "300000"]
            for command in ("umount /usr", "mount -o remount,rw /usr", "sh -c 'echo 0 > /proc/sys/vm/swappiness'"):
                assert (await run(device, f"su 0 {command}")).code != 0

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("written", "limits"),
    [(("max 1017600", "min 1804800"), ("1017600", "1017600")), (("min 1804800", "max 691200"), ("691200", "691200"))],
)
def test_a_least_frequency_above_the_greatest_is_clamped_without_being_asked_for(
    tmp_path: Path, mode: str, written: tuple[str, str], limits: tuple[str, str]
) -> None:
    """The files themselves are looked at: no command and no pull makes the device look at them."""

    async def scenario() -> None:
        async with booted(tmp_path, "virtual-midrange") as device:
            backend = device._backend
            assert backend is not None
            policy = backend.live_path("sys/devices/system/cpu/cpufreq/policy0")

            def now() -> tuple[str, ...]:
                return tuple((policy / f"scaling_{name}_freq").read_text().strip() for name in ("min", "max"))

            for words in written:
                name, khz = words.split()
                file = policy / f"scaling_{name}_freq"
                file.chmod(0o644)
                await asyncio.to_thread(file.write_text, f"{khz}\n")
                await until(lambda: device.events.read("cpufreq"))
            await until(lambda: now() == limits)

    asyncio.run(scenario())


@pytest.mark.usefixtures("namespaces")
def test_nothing_outlives_a_daemon_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "daemon.py"
    script.write_text(f"""
import asyncio, pathlib
from harness.devices.device_config import load_device_configs
from harness.virtual.android import create_device

async def main():
    root = pathlib.Path({str(tmp_path / "device")!r})
    device = create_device(serial="s", profile=load_device_configs()["virtual-old"], root=root)
    await device.start()
    await device.spawn("setsid sleep 7651 & sleep 7652")
    await asyncio.sleep(60)

asyncio.run(main())
""")
    daemon = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE)

    async def scenario() -> None:
        await until(lambda: daemon.poll() is not None or len(host_pids("sleep\x00765")) == 2, timeout_s=30)
        holders = children_of(daemon.pid)
        daemon.kill()
        _, words = daemon.communicate()
        if not holders:
            assert b"SetupError" in words, words
            pytest.skip("needs unprivileged user namespaces")
        await until(lambda: not host_pids("sleep\x00765") and not any(Path(f"/proc/{pid}").exists() for pid in holders))

    asyncio.run(scenario())


def test_litert_and_xnnpack_run_on_the_device(tmp_path: Path, mode: str) -> None:
    model = MODELS / "mobilenet_fp32.tflite"
    program = (
        "import sys, os, numpy as np; from ai_edge_litert.interpreter import Interpreter; "
        "i = Interpreter(model_path=sys.argv[1], num_threads=2); i.allocate_tensors(); i.invoke(); "
        "print('invoked', os.cpu_count())"
    )

    async def scenario() -> Finished:
        async with booted(tmp_path) as device:
            return await run(device, f'taskset f0 {sys.executable} -c "{program}" {model}')

    done = asyncio.run(scenario())
    cores = 8 if mode == "namespaces" else os.cpu_count()
    assert (done.code, done.out) == (0, f"invoked {cores}\n"), done.err
    assert "XNNPACK" in done.err


def test_many_devices_live_in_one_loop(tmp_path: Path, mode: str) -> None:
    async def one(number: int) -> tuple[str, str]:
        profile = ("virtual-flagship", "virtual-midrange", "virtual-old")[number % 3]
        async with booted(tmp_path / str(number), profile, serial=f"serial-{number}") as device:
            await run(device, f"echo {number} > /data/local/tmp/me")
            done = await run(device, "getprop ro.serialno; cat /data/local/tmp/me")
            serial, me = done.out.split()
            return serial, me

    async def scenario() -> list[tuple[str, str]]:
        return await asyncio.gather(*(one(number) for number in range(8)))

    assert asyncio.run(scenario()) == [(f"serial-{number}", str(number)) for number in range(8)]


def host_pids(words: str) -> list[int]:
    """PIDs on the host whose NUL-separated arguments hold these words (toybox' setsid runs its sleep in place)."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                if words in (path / "cmdline").read_bytes().decode(errors="replace"):
                    found.append(int(path.name))
            except OSError:
                continue
    return found


def quote(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def test_a_device_is_not_started_twice(tmp_path: Path, mode: str) -> None:
    async def scenario(device: VirtualAndroid) -> None:
        with pytest.raises(RuntimeError, match="up already"):
            await device.start()

    async def main() -> None:
        async with booted(tmp_path) as device:
            await scenario(device)

    asyncio.run(main())
