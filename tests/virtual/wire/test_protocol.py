from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.virtual.protocol import HEADER, MAX_PAYLOAD, Command, Packet, PacketReader, ProtocolError, encode

words = st.integers(0, 0xFFFFFFFF)
# A large payload is given by its size: hypothesis prints what it tries, and 70 kB of that help nobody.
payloads = st.one_of(st.binary(max_size=300), st.integers(0, 70_000))
drafts = st.tuples(st.sampled_from(Command), words, words, payloads)


def plain(packet: Packet) -> Packet:
    return Packet(packet.command, packet.arg0, packet.arg1, bytes(packet.payload))


@given(st.lists(drafts, max_size=6), st.lists(st.integers(1, 40_000), min_size=1, max_size=20))
def test_any_packets_in_any_pieces_come_out_as_they_went_in(
    drafted: list[tuple[Command, int, int, bytes | int]], sizes: list[int]
) -> None:
    sent = [
        Packet(command, arg0, arg1, b"\xa5" * payload if isinstance(payload, int) else payload)
        for command, arg0, arg1, payload in drafted
    ]
    stream = b"".join(encode(p.command, p.arg0, p.arg1, p.payload) for p in sent)
    reader, position = PacketReader(), 0
    received: list[Packet] = []
    while position < len(stream):
        size = sizes[len(received) % len(sizes)]
        received += [plain(packet) for packet in reader.feed(stream[position : position + size])]
        position += size
    assert received == sent


@given(st.binary(max_size=2000))
def test_garbage_is_refused_or_waited_on_and_never_anything_else(garbage: bytes) -> None:
    reader = PacketReader()
    try:
        for packet in reader.feed(garbage):
            assert isinstance(packet.command, Command)
    except ProtocolError:
        return
    assert len(reader.get_buffer()) > 0


def header(command: int = Command.OKAY, length: int = 0, magic: int | None = None) -> bytes:
    return HEADER.pack(command, 1, 2, length, 0, command ^ 0xFFFFFFFF if magic is None else magic)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (header(magic=0), "bad magic"),
        (header(command=0x12345678), "unknown command"),
        (header(length=MAX_PAYLOAD + 1), "payload of 1048577 bytes"),
        (header(length=0xFFFFFFFF), "payload of 4294967295 bytes"),
    ],
)
def test_a_header_that_cannot_be_one_is_named(bad: bytes, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        list(PacketReader().feed(bad))


def test_packets_before_the_bad_one_are_still_delivered() -> None:
    packets_ = PacketReader().feed(encode(Command.OKAY, 1, 2) + header(magic=1))
    assert next(packets_) == Packet(Command.OKAY, 1, 2)
    with pytest.raises(ProtocolError):
        next(packets_)


def test_the_largest_payload_passes_and_the_limit_may_be_lower() -> None:
    data = encode(Command.WRTE, 1, 2, bytes(MAX_PAYLOAD))
    (packet,) = PacketReader().feed(data)
    assert bytes(packet.payload) == bytes(MAX_PAYLOAD)
    with pytest.raises(ProtocolError):
        list(PacketReader(max_payload=1000).feed(data))


def test_known_bytes() -> None:
    data = encode(Command.OPEN, 1, 0, b"shell:ls\0", checksum=True)
    assert data[:4] == b"OPEN"
    assert data[4:16] == bytes.fromhex("010000000000000009000000")
    assert int.from_bytes(data[16:20], "little") == sum(b"shell:ls\0")
    assert data[20:24] == bytes(byte ^ 0xFF for byte in b"OPEN")
    assert data[24:] == b"shell:ls\0"
