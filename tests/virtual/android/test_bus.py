from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from harness.virtual.android.bus import Bus, CommandAnswer
from tests.virtual.android.booted import until


@asynccontextmanager
async def listening(folder: Path, seen: list[list[str]], answer: CommandAnswer) -> AsyncIterator[None]:
    def handle(pid: int, words: list[str]) -> CommandAnswer:
        seen.append(words)
        return answer

    bus = Bus(folder, handle)
    bus.open()
    try:
        yield
    finally:
        bus.close()
        bus.close()  # once more does no harm


def tell(folder: Path, line: bytes) -> None:
    fd = os.open(folder / "requests", os.O_WRONLY | os.O_NONBLOCK)
    os.write(fd, line)
    os.close(fd)


def test_an_answer_comes_by_file_and_its_code_by_fifo(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    async def scenario() -> bytes:
        async with listening(tmp_path, seen, CommandAnswer(out="text\n", code=3)):
            (tmp_path / "7.req").write_bytes(b"dumpsys\0a b\n\0\0")
            os.mkfifo(tmp_path / "7.res")
            fd = os.open(tmp_path / "7.res", os.O_RDWR | os.O_NONBLOCK)
            tell(tmp_path, b"7 7\n")
            await until(lambda: (tmp_path / "7.out").exists() and not (tmp_path / "7.res").exists())
            code = os.read(fd, 100)
            os.close(fd)
            return code

    assert asyncio.run(scenario()) == b"3\n"
    assert seen == [["dumpsys", "a b\n", ""]]
    assert (tmp_path / "7.out").read_text() == "text\n"
    assert not (tmp_path / "7.req").exists()


def test_a_fifo_that_was_there_is_new_for_the_next_one(tmp_path: Path) -> None:
    async def scenario() -> list[bytes]:
        codes = []
        async with listening(tmp_path, [], CommandAnswer(code=3)):
            for pid in ("7", "8"):
                (tmp_path / f"{pid}.req").write_bytes(b"getprop\0")
                (tmp_path / "a.taken").touch(exist_ok=False)
                fd = os.open(tmp_path / "a.res", os.O_RDWR | os.O_NONBLOCK)
                tell(tmp_path, f"{pid} a\n".encode())
                await until(lambda: not (tmp_path / "a.taken").exists())
                if pid == "8":
                    codes.append(os.read(fd, 100))
                os.close(fd)  # the first has not read its answer
        return codes

    assert asyncio.run(scenario()) == [b"3\n"]


def test_links_planted_by_the_device_are_neither_read_nor_written(tmp_path: Path) -> None:
    bus, victim = tmp_path / "bus", tmp_path / "victim"
    bus.mkdir()
    victim.write_text("mine")
    seen: list[list[str]] = []

    async def scenario() -> None:
        async with listening(bus, seen, CommandAnswer(out="stolen", err="stolen", code=1)):
            (bus / "1.req").symlink_to(victim)  # would be read
            (bus / "2.req").write_bytes(b"getprop\0")
            (bus / "2.res").symlink_to(victim)  # would be written
            (bus / "3.req").write_bytes(b"getprop\0")
            (bus / "3.res").write_text("a plain file")
            (bus / "4.req").write_bytes(b"getprop\0")  # asker has gone: nobody reads 4.res
            os.mkfifo(bus / "4.res")
            tell(bus, b"1 1\n2 2\n3 3\n4 4\n../../victim\nx\n\n7 ../victim\n" + b"9" * 5000 + b"\n5 5\n")
            (bus / "a.res").unlink()
            (bus / "a.res").symlink_to(victim)
            (bus / "8.req").write_bytes(b"getprop\0")
            tell(bus, b"8 a\n")
            (bus / "6.req").write_bytes(b"last\0")
            tell(bus, b"6 6\n")
            await until(lambda: ["last"] in seen)

    asyncio.run(scenario())
    assert victim.read_text() == "mine"
    assert ["mine"] not in seen
