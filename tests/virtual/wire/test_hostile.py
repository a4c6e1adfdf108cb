"""Strangers on a device's port: their connection ends, with a line in the log, and nobody else notices."""

from __future__ import annotations

import contextlib
import logging
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.virtual.protocol import HEADER, MAX_PAYLOAD, VERSION, Command, encode
from tests.virtual.wire.conftest import Bench, eventually, receive

GREETING = encode(Command.CNXN, VERSION, MAX_PAYLOAD, b"host::features=shell_v2")


def connect(bench: Bench) -> socket.socket:
    return socket.create_connection(("127.0.0.1", bench.devices[0].port), timeout=60)


def dropped(stream: socket.socket) -> bool:
    """Whether the device ends the connection."""
    try:
        while stream.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def next_packet(stream: socket.socket) -> tuple[Command, int, int, bytes]:
    command, arg0, arg1, length, _, _ = HEADER.unpack(receive(stream, HEADER.size))
    return Command(command), arg0, arg1, receive(stream, length) if length else b""


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "bad magic"),
        (HEADER.pack(Command.CNXN, VERSION, 4096, 0, 0, 0), "bad magic"),
        (HEADER.pack(0x41414141, 0, 0, 0, 0, 0x41414141 ^ 0xFFFFFFFF), "unknown command"),
        (HEADER.pack(Command.CNXN, 0, 0, 0xFFFFFFFF, 0, Command.CNXN ^ 0xFFFFFFFF), "limit 65536"),
        (encode(Command.OPEN, 1, 0, b"shell:id\0"), "before the connection is online"),
        (encode(Command.AUTH, 3, 0, b"key"), "not asked for"),
        (encode(Command.CNXN, VERSION, 3, b"host::"), "payloads of only 3"),
        (GREETING + GREETING, "second CNXN"),
        (GREETING + encode(Command.OPEN, 0, 0, b"shell:id\0"), "stream 0"),
    ],
)
def test_what_cannot_be_is_logged_and_ends(
    bench: Bench, caplog: pytest.LogCaptureFixture, said: bytes, why: str
) -> None:
    with caplog.at_level(logging.WARNING), connect(bench) as stream:
        stream.sendall(said)
        assert dropped(stream)
    assert why in caplog.text
    assert bench.adb("shell", "true").returncode == 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    garbage=st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.builds(
                encode,
                st.sampled_from(Command),
                st.integers(0, 5),
                st.integers(0, 5),
                st.sampled_from([b"", b"sync:\0", b"tcp:1\0", b"shell:echo x\0", b"\0" * 40, b"STAT\x04\0\0\0/tmp"]),
            ),
        ),
        max_size=12,
    ),
    greet=st.booleans(),
)
def test_any_garbage(bench: Bench, garbage: list[bytes], greet: bool) -> None:
    with connect(bench) as stream:
        try:
            stream.sendall((GREETING if greet else b"") + b"".join(garbage))
        except ConnectionError:
            return
        stream.shutdown(socket.SHUT_WR)
        assert dropped(stream)


def test_data_without_end_before_the_last_was_acknowledged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), connect(bench) as stream:
        stream.sendall(GREETING + encode(Command.OPEN, 7, 0, b"shell,v2,raw:sleep 5\0"))
        assert next_packet(stream)[0] is Command.CNXN
        command, mine, yours, _ = next_packet(stream)
        assert (command, yours) == (Command.OKAY, 7)
        # A sleeping process reads nothing: what it is sent piles up, up to a limit.
        stdin = b"\0" + (1_000_000).to_bytes(4, "little") + bytes(1_000_000)
        with contextlib.suppress(ConnectionError):
            for _ in range(80):
                stream.sendall(encode(Command.WRTE, 7, mine, stdin))
        assert dropped(stream)
    assert "sent before they were asked for" in caplog.text


def test_streams_that_do_not_exist_are_ignored(bench: Bench) -> None:
    with connect(bench) as stream:
        stream.sendall(GREETING)
        assert next_packet(stream)[0] is Command.CNXN
        for command in (Command.OKAY, Command.WRTE, Command.CLSE):
            stream.sendall(encode(command, 99, 98, b""))
        stream.sendall(encode(Command.OPEN, 7, 0, b"shell:echo still here\0"))
        assert next_packet(stream)[0] is Command.OKAY
        assert next_packet(stream)[3] == b"still here\n"


def test_an_old_host_gets_checksums_and_small_payloads(bench: Bench) -> None:
    with connect(bench) as stream:
        stream.sendall(encode(Command.CNXN, 0x01000000, 4096, b"host::", checksum=True))
        assert next_packet(stream)[0] is Command.CNXN
        stream.sendall(encode(Command.OPEN, 1, 0, b"exec:head -c 5000 /dev/zero | tr '\\0' a\0", checksum=True))
        assert next_packet(stream)[0] is Command.OKAY
        total = 0
        while total < 5000:
            _, mine, _, length, checksum, _ = HEADER.unpack(receive(stream, HEADER.size))
            payload = receive(stream, length)
            assert checksum == sum(payload)
            assert length <= 4096
            total += length
            stream.sendall(encode(Command.OKAY, 1, mine))


def test_too_many_streams_and_connections_are_refused(bench: Bench) -> None:
    with connect(bench) as stream:
        stream.sendall(GREETING)
        assert next_packet(stream)[0] is Command.CNXN
        stream.sendall(b"".join(encode(Command.OPEN, i + 1, 0, b"sync:\0") for i in range(520)))
        answers = [next_packet(stream)[0] for _ in range(520)]
    assert answers.count(Command.OKAY) == 512
    assert answers.count(Command.CLSE) == 8
    crowd = [connect(bench) for _ in range(20)]
    eventually(lambda: bench.adb("shell", "true").returncode == 0)
    for stream in crowd:
        stream.close()
    assert bench.adb("shell", "true").returncode == 0


def test_answers_are_not_held_back(bench: Bench) -> None:
    """Nagle's algorithm on the device's side would add 40 ms to each of these, so that none could be faster; a busy machine slows some."""
    with bench.open_service("sync:") as stream:

        def answer_s() -> float:
            started = time.perf_counter()
            stream.sendall(b"STAT\x04\0\0\0/etc")
            receive(stream, 16)
            return time.perf_counter() - started

        assert any(answer_s() < 0.03 for _ in range(500))
