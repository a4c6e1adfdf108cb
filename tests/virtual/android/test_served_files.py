from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from harness.virtual.android import VirtualAndroid
from harness.virtual.android.backend import Backend, BackendUnavailable
from harness.virtual.android.layout import Layout
from harness.virtual.android.namespace import Namespaces
from harness.virtual.android.served_files import ServedFiles
from harness.virtual.android.userland import host_userland
from tests.virtual.android.booted import booted, close_all, read_all, run, until

POLICY = "/sys/devices/system/cpu/cpufreq/policy0"
LEAST, GREATEST = f"{POLICY}/scaling_min_freq", f"{POLICY}/scaling_max_freq"
TRIES = 60

pytestmark = pytest.mark.usefixtures("namespaces")


@asynccontextmanager
async def serving(root: Path) -> AsyncIterator[VirtualAndroid]:
    """A rooted device (300000 to 1958400 kHz) that serves its files; skips where this host refuses that."""
    async with booted(root, "virtual-midrange") as device:
        if device._served is None:
            pytest.skip("needs /dev/fuse")
        yield device


def test_no_read_after_a_write_sees_a_value_that_is_not_clamped(tmp_path: Path) -> None:
    """From the first write after the boot on, and while others write the same file."""
    once = f"echo 999999999 > {LEAST}; cat {LEAST}"
    beside = f"i=0; while [ $i -lt {TRIES} ]; do echo 99999999$i > {LEAST}; read x < {LEAST}; echo $x; i=$((i+1)); done"

    async def scenario() -> list[str]:
        async with serving(tmp_path) as device:
            alone = [(await run(device, f"su 0 sh -c '{once}'")).out for _ in range(3)]
            loops = await asyncio.gather(*[run(device, f"su 0 sh -c '{beside}'") for _ in range(3)])
            assert {done.err for done in loops} == {""}
            return [*alone, *(line for done in loops for line in done.out.splitlines(keepends=True))]

    assert asyncio.run(scenario()) == ["1958400\n"] * (3 + 3 * TRIES)


@pytest.mark.parametrize(
    ("name", "written", "code", "read"),
    [
        ("scaling_min_freq", "691200", 0, "691200"),
        ("scaling_min_freq", "1", 0, "300000"),
        ("scaling_max_freq", "+1017600", 0, "1017600"),
        ("scaling_max_freq", "0", 0, "300000"),
        ("scaling_max_freq", "fast", 1, "1958400"),
        ("scaling_max_freq", "-5", 1, "1958400"),
        ("scaling_max_freq", "²", 1, "1958400"),
        ("scaling_min_freq", "1017600 kHz", 1, "300000"),
        ("scaling_governor", "performance", 0, "performance"),
        ("scaling_governor", "nonsense", 1, "schedutil"),
        ("scaling_setspeed", "691200", 1, "<unsupported>"),
    ],
)
def test_a_write_is_taken_or_refused_before_it_returns(
    tmp_path: Path, name: str, written: str, code: int, read: str
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as device:
            file = f"{POLICY}/{name}"
            done = await run(device, f"su 0 sh -c 'echo \"{written}\" > {file}; echo $?; cat {file}'")
            assert done.out == f"{code}\n{read}\n"
            assert ("Invalid argument" in done.err) == bool(code)
            assert [event["asked"] for event in device.events.read("cpufreq")] == [{file[1:]: written}]

    asyncio.run(scenario())


def test_a_least_frequency_follows_a_greatest_below_it_and_the_clock_too(tmp_path: Path) -> None:
    script = f"echo 1017600 > {LEAST}; echo 691200 > {GREATEST}; cat {LEAST} {GREATEST} {POLICY}/scaling_cur_freq"

    async def scenario() -> None:
        async with serving(tmp_path) as device:
            assert (await run(device, f"su 0 sh -c '{script}'")).out == "691200\n691200\n691200\n"

    asyncio.run(scenario())


def test_a_file_that_is_held_open_for_writing_is_read_all_the_same(tmp_path: Path) -> None:
    script = f"exec 3> {LEAST}; cat {LEAST}; echo 1 >&3; echo 691200 >&3; cat {LEAST}; echo 5000000 >&3; cat {LEAST}"

    async def scenario() -> None:
        async with serving(tmp_path) as device:
            assert (await run(device, f"su 0 sh -c '{script}'")).out == "300000\n691200\n1958400\n"

    asyncio.run(scenario())


def test_a_reader_has_one_value_to_its_end_and_the_next_when_it_starts_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as device:
            assert device._backend is not None
            path = device._backend.live_path(LEAST[1:])
            with path.open("rb", buffering=0) as file:
                assert file.read(3) == b"300"
                await run(device, f"su 0 sh -c 'echo 691200 > {LEAST}'")
                assert file.read() == b"000\n"
                file.seek(0)
                assert file.read() == b"691200\n"
            assert device.files.stat(LEAST).size == 4096
            with device.files.open_read(LEAST) as pulled:
                assert pulled.read() == b"691200\n"

    asyncio.run(scenario())


def test_only_root_may_write_them_and_all_may_read(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as device:
            done = await run(device, f"echo 691200 > {LEAST}; cat {LEAST}; stat -c '%a %u %F' {LEAST}")
            assert done.out == "300000\n444 2000 regular file\n"
            assert "Permission denied" in done.err

    asyncio.run(scenario())


def test_the_values_are_new_after_a_reboot(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as device:
            for _ in range(2):
                done = await run(device, f"su 0 sh -c 'cat {LEAST}; echo 691200 > {LEAST}; cat {LEAST}'")
                assert done.out == "300000\n691200\n"
                await device.reboot()

    asyncio.run(scenario())


def test_a_device_stops_although_a_write_was_never_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(ServedFiles, "_judge", lambda *request: asked.append(request))

    async def scenario() -> None:
        async with serving(tmp_path) as device:
            process = await device.spawn(f"su 0 sh -c 'echo 691200 > {LEAST}'")
            await until(lambda: asked)
            await device.stop()
            assert await process.wait() != 0
            close_all(process)

    asyncio.run(scenario())


def test_a_write_that_fails_inside_is_refused_not_left_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bool:
        raise ValueError("broken")

    monkeypatch.setattr("harness.virtual.android.device.store_write", broken)

    async def scenario() -> None:
        failures = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(str(context["exception"])))
        async with serving(tmp_path) as device:
            assert "Invalid argument" in (await run(device, f"su 0 sh -c 'echo 691200 > {LEAST}'")).err
        assert failures == ["broken"]

    asyncio.run(scenario())


def test_a_daemon_that_is_killed_leaves_no_writer_waiting(tmp_path: Path) -> None:
    script = tmp_path / "daemon.py"
    script.write_text(f"""
import asyncio, os, pathlib, sys, time
from harness.devices.device_config import load_device_configs
from harness.virtual.android import create_device
from harness.virtual.android.served_files import ServedFiles

ServedFiles._judge = lambda *_: (print("waiting", flush=True), time.sleep(600))

async def main():
    root = pathlib.Path({str(tmp_path / "device")!r})
    device = create_device(serial="s", profile=load_device_configs()["virtual-midrange"], root=root)
    await device.start()
    print("up" if device._served else "refused", device._backend.root_path().parent.name, flush=True)
    await device.spawn("su 0 sh -c 'echo 691200 > {LEAST}'")
    await asyncio.sleep(600)

asyncio.run(main())
""")
    daemon = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    said, _, first = daemon.stdout.readline().partition(" ")
    if said == "up":
        assert daemon.stdout.readline() == "waiting\n"
    daemon.kill()
    daemon.wait()
    daemon.stdout.close()
    if said != "up":
        pytest.skip("needs /dev/fuse")
    # Process 1 of a PID namespace ends last.
    asyncio.run(until(lambda: not Path(f"/proc/{first.strip()}").exists()))


def test_where_files_cannot_be_served_the_device_starts_without(tmp_path: Path) -> None:
    """The second file does not exist, so it cannot be mounted; then the first is an ordinary file again."""

    async def scenario() -> None:
        backend = Namespaces(tmp_path, tools=host_userland(), overlays={}, hostname="h")
        try:
            await backend.start(Layout(files={"sys/a": "1\n"}, served=("sys/a", "sys/none")))
        except BackendUnavailable as error:
            pytest.skip(str(error))
        try:
            assert backend.served == {}
            assert backend.live_path("sys/a").read_text() == "1\n"
        finally:
            await backend.stop()

    asyncio.run(scenario())


def test_without_served_files_a_value_is_clamped_soon_after_the_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = VirtualAndroid._layout

    def unserved(device: VirtualAndroid, backend: Backend) -> Layout:
        return dataclasses.replace(layout(device, backend), served=())

    monkeypatch.setattr(VirtualAndroid, "_layout", unserved)

    async def scenario() -> None:
        async with booted(tmp_path, "virtual-midrange") as device:
            assert device._served is None
            assert device._backend is not None
            path = device._backend.live_path(LEAST[1:])
            await run(device, f"su 0 sh -c 'echo 999999999 > {LEAST}'")
            await until(lambda: path.read_text() == "1958400\n")

    asyncio.run(scenario())


def test_nothing_stays_open_after_a_stop(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as device:
            served = device._served
            assert served is not None
            assert _open_devices() == len(served._files) == 8
            process = await device.spawn(f"cat {LEAST}")
            os.close(process.stdin)
            assert process.stderr is not None
            assert (await read_all(process.stdout), await read_all(process.stderr)) == (b"300000\n", b"")
            await process.wait()
        assert _open_devices() == 0
        served.close()

    asyncio.run(scenario())


def _open_devices() -> int:
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(str(link.readlink()) == "/dev/fuse" for link in links)
