from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.virtual.device_interface import WindowSize
from harness.virtual.protocol import ProtocolError
from harness.virtual.shell_protocol import (
    ShellId,
    ShellReader,
    ShellRequest,
    encode,
    parse_service,
    parse_window_size,
)


@given(st.lists(st.tuples(st.sampled_from(ShellId), st.binary(max_size=200))), st.integers(1, 64))
def test_packets_survive_any_cut(packets: list[tuple[ShellId, bytes]], size: int) -> None:
    stream = b"".join(encode(packet_id, data) for packet_id, data in packets)
    reader = ShellReader()
    received = [p for start in range(0, len(stream), size) for p in reader.feed(stream[start : start + size])]
    assert received == packets


@given(st.binary(max_size=500))
def test_garbage_is_refused_or_waited_on(garbage: bytes) -> None:
    try:
        for packet_id, _ in ShellReader().feed(garbage):
            assert isinstance(packet_id, ShellId)
    except ProtocolError:
        pass


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("shell:", ShellRequest(None, v2=False, terminal=True)),
        ("shell:ls -l", ShellRequest("ls -l", v2=False, terminal=False)),
        ("shell:a:b,c", ShellRequest("a:b,c", v2=False, terminal=False)),
        ("shell,v2,TERM=xterm,pty:", ShellRequest(None, v2=True, terminal=True, term="xterm")),
        ("shell,v2,raw:exit 3", ShellRequest("exit 3", v2=True, terminal=False)),
        ("shell,v2,raw:", ShellRequest(None, v2=True, terminal=False)),
        ("shell,v2,future=1:id", ShellRequest("id", v2=True, terminal=False)),
        ("exec:cat", ShellRequest("cat", v2=False, terminal=False)),
        ("shell", None),
        ("tcp:5555", None),
        ("shellfish:x", None),
        ("", None),
    ],
)
def test_services_by_name(name: str, request_: ShellRequest | None) -> None:
    assert parse_service(name) == request_


def test_window_sizes() -> None:
    assert parse_window_size(b"24x80,640x480\0") == WindowSize(24, 80, 640, 480)
    assert parse_window_size(b"50x132,0x0") == WindowSize(50, 132)
    assert parse_window_size(b"99999x1,0x0") == WindowSize(65535, 1)
    for bad in (b"", b"24x80", b"-1x80,0x0", b"24x80,0x0;reboot", b"\xff" * 9):
        assert parse_window_size(bad) is None
