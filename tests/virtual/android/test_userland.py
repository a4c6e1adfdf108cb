"""What the harness sends to a device, in one list, run under Android's own shell and toybox."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from harness.virtual.android.layout import Layout
from harness.virtual.android.path_mapping import PathMapping
from harness.virtual.android.userland import Userland, host_userland, system_layout
from tests.virtual.android.booted import booted, run

# Options count: each line is a form that the harness relies on, and must exit with 0 on a phone.
SENT_TO_A_DEVICE = (
    "mkdir -p /data/local/tmp/h/bin",
    "printf x > /data/local/tmp/h/file; chmod 755 /data/local/tmp/h/file",
    "sha256sum /data/local/tmp/h/file",
    "mv -f /data/local/tmp/h/file /data/local/tmp/h/bin/file",
    "ls -l /data/local/tmp/h/bin; ls /sys/class/thermal",
    "cat /proc/uptime /proc/loadavg /proc/meminfo /proc/cpuinfo /proc/sys/kernel/random/boot_id",
    "cat /sys/devices/system/cpu/possible /sys/devices/system/cpu/cpu*/cpu_capacity",
    "grep -H . /sys/devices/system/cpu/cpufreq/policy*/scaling_cur_freq",
    "for z in /sys/class/thermal/thermal_zone*; do echo $(cat $z/type) $(cat $z/temp); done",
    "getprop; getprop ro.product.model",
    "dumpsys battery; dumpsys thermalservice; dumpsys power; dumpsys cpuinfo",
    "cmd power set-fixed-performance-mode-enabled true; cmd power set-fixed-performance-mode-enabled false",
    "svc power stayon true; svc power stayon false; input keyevent KEYCODE_WAKEUP",
    "settings get global airplane_mode_on; wm size; logcat -d",
    "top -b -n 1 > /dev/null; ps -A -o PID,PPID,NAME > /dev/null; df -k /data/local/tmp",
    "trap '' HUP; echo $$ > /data/local/tmp/h/1.pid; exec timeout -s KILL 20 taskset f0 true",
    "sleep 30 & kill -9 $!; wait; true",
    "grep Cpus_allowed_list /proc/$$/task/*/status",
    "find /data/local/tmp/h -type f -name 'file'; du -k /data/local/tmp/h; stat -c %s /data/local/tmp/h/bin/file",
    "tail -n 1 /proc/meminfo | cut -d : -f 1 | tr a-z A-Z; head -c 8 /dev/urandom | od -A n -t x1; date +%s",
    "sync; test -x /data/local/tmp/h/bin/file && [ -f /data/local/tmp/h/1.pid ]; uname -m; id -u",
    "rm -rf /data/local/tmp/h",
)
NOT_ON_A_PHONE = ("apt", "bash", "curl", "gcc", "python3", "numactl", "perl", "sudo", "systemctl", "wget")


def test_what_the_harness_sends_runs_under_androids_own_tools(tmp_path: Path, mode: str) -> None:
    for package in ("mksh", "toybox"):
        if shutil.which(package) is None:
            pytest.skip(f"needs the system package {package}")

    async def scenario() -> list[str]:
        async with booted(tmp_path) as device:
            assert device.events.read("boot")[0]["authentic"] is True
            assert "MIRBSD KSH" in (await run(device, "echo $KSH_VERSION")).out
            failed = []
            for command in SENT_TO_A_DEVICE:
                done = await run(device, command)
                if done.code or done.err:
                    failed.append(f"{command}: {done}")
            for command in NOT_ON_A_PHONE:
                if (await run(device, command)).code != 127:
                    failed.append(f"{command}: is there")
            return failed

    failed = asyncio.run(scenario())
    assert not failed, "\n".join(failed)


def test_commands_that_come_at_once_each_get_their_answer(tmp_path: Path, mode: str) -> None:
    """More than there are FIFOs, and among them one whose asker is gone."""

    async def scenario() -> None:
        async with booted(tmp_path) as device:
            await run(device, ": >/dev/harness/a.taken")
            for _ in range(3):
                ask = "for n in 1 2 3 4 5 6 7 8 9; do getprop ro.nonesuch $n & done; wait"
                assert sorted((await run(device, ask)).out.split()) == list("123456789")
            assert (await run(device, "ls /dev/harness/*.taken")).out.count("taken") == 1

    asyncio.run(scenario())


def test_without_mksh_and_toybox_the_scripts_are_plain_posix(tmp_path: Path) -> None:
    """A host with neither: dash and coreutils, and the commands of Android written without mksh's own."""
    real = host_userland()
    bare = Userland(None, None, frozenset(), real.taskset, real.unshare, real.setsid)
    links, scripts = system_layout(
        bin_dir="/system/bin", bus="/b u s", shell="/bin/sh", absent={"awk"}, root=True, tools=bare
    )
    assert links["system/bin/ls"] == shutil.which("ls")
    assert links["system/bin/sh"] == "/bin/sh"
    assert "system/bin/awk" not in links
    for text in scripts.values():
        assert text.startswith("#!/bin/sh\n")
        assert "print -r" not in text
        assert "[[" not in text
    assert "'/b u s'/$$" in scripts["system/bin/getprop"]


def test_commands_are_rewritten_at_whole_paths_only(tmp_path: Path) -> None:
    tree = tmp_path / "fs"
    backend = PathMapping(tree, tools=host_userland())
    asyncio.run(backend.start(Layout(files={"proc/meminfo": "1\n"})))
    assert backend.translate("cat /data/local/tmp/x --g=/sdcard/y '/sys/class'") == (
        f"cat {tree}/data/local/tmp/x --g={tree}/sdcard/y '{tree}/sys/class'"
    )
    assert backend.translate("cat /proc/meminfo /proc/self/status") == f"cat {tree}/proc/meminfo /proc/self/status"
    for untouched in ("/home/data/x", "$D/data/x", "/database", "/systems", "a/sys/b", f"{tree}/data/x"):
        assert backend.translate(untouched) == untouched
    asyncio.run(backend.stop())
