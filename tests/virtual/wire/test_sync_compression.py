"""Compressed files to and from a device, as the real `adb` sends them, and as one that means harm would."""

from __future__ import annotations

import logging
import os
import stat
import struct
from pathlib import Path

import pytest

from harness.devices.sync_compression import CODECS, Codec, DecodeError, installed_codecs
from tests.virtual.wire.conftest import Bench
from tests.virtual.wire.test_sync import RawSync

ROOM = "/data/local/tmp/compressed"
IDS = [codec.name for codec in CODECS]

CONTENTS = {
    "empty": b"",
    "one byte": b"x",
    "random": os.urandom(3_000_001),
    "zeros": bytes(20_000_000),
    "words": b"".join(b"%d weights " % number for number in range(200_000)),
}


def encoded(codec: Codec, data: bytes) -> bytes:
    encoder = codec.encoder()
    return encoder.encode(data) + encoder.finish()


def ask_to_send(sync: RawSync, path: str, flags: int) -> None:
    sync.ask(b"SND2", path, b"SND2" + struct.pack("<II", stat.S_IFREG | 0o600, flags))


def pieces(data: bytes) -> list[bytes]:
    return [data[start : start + 65536] for start in range(0, len(data), 65536)]


def test_all_of_them_are_installed_where_tests_run() -> None:
    assert installed_codecs() == CODECS


@pytest.mark.parametrize("codec", CODECS, ids=IDS)
@pytest.mark.parametrize("content", CONTENTS)
def test_what_one_end_compresses_the_other_gets_back(codec: Codec, content: str) -> None:
    data = CONTENTS[content]
    decoder = codec.decoder()
    parts = [part for piece in pieces(encoded(codec, data)) for part in decoder.decode(piece)]
    assert b"".join(parts) == data
    assert decoder.complete
    assert max(map(len, parts), default=0) < 64 << 20


@pytest.mark.parametrize("codec", CODECS, ids=IDS)
def test_what_breaks_off_is_not_complete_and_nonsense_is_an_error(codec: Codec) -> None:
    decoder = codec.decoder()
    list(decoder.decode(encoded(codec, CONTENTS["words"])[:-1]))
    assert not decoder.complete
    with pytest.raises(DecodeError):
        list(codec.decoder().decode(b"this is no such stream" * 9))


@pytest.mark.parametrize("codec", CODECS, ids=IDS)
@pytest.mark.parametrize("content", CONTENTS)
def test_adb_pushes_and_pulls_compressed(
    bench: Bench, tmp_path: Path, codec: Codec, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(CONTENTS[content])
    with caplog.at_level(logging.DEBUG, logger="harness.virtual.sync_service"):
        assert bench.adb("push", "-z", codec.name, source, f"{ROOM}/file").returncode == 0
        assert bench.adb("pull", "-z", codec.name, f"{ROOM}/file", back).returncode == 0
    assert (bench.root / ROOM[1:] / "file").read_bytes() == CONTENTS[content]
    assert back.read_bytes() == CONTENTS[content]
    assert any(line.endswith(f"sends {ROOM}/file, {codec.name}") for line in caplog.messages)
    # adb sends a file that fits into one DATA as it is.
    if len(CONTENTS[content]) > 65536:
        assert any(line.endswith(f"receives {ROOM}/file, {codec.name}") for line in caplog.messages)


@pytest.mark.parametrize("codec", CODECS, ids=IDS)
@pytest.mark.parametrize("spoil", [lambda data: data[:-2], lambda data: b"nonsense" + data], ids=["short", "nonsense"])
def test_a_spoiled_stream_is_refused_leaves_no_file_and_the_session_goes_on(
    bench: Bench, codec: Codec, spoil: object
) -> None:
    assert callable(spoil)
    with RawSync(bench) as sync:
        ask_to_send(sync, f"{ROOM}/spoiled", codec.flag)
        sync.data(*pieces(spoil(encoded(codec, CONTENTS["random"]))))
        kind, reason = sync.answer()
        assert (kind, reason[:20]) == (b"FAIL", b"decompression failed")
        ask_to_send(sync, f"{ROOM}/whole", codec.flag)
        sync.data(*pieces(encoded(codec, b"whole")))
        assert sync.answer() == (b"OKAY", b"")
    assert not (bench.root / ROOM[1:] / "spoiled").exists()
    assert (bench.root / ROOM[1:] / "whole").read_bytes() == b"whole"


@pytest.mark.parametrize("codec", CODECS, ids=IDS)
def test_a_full_disk_refuses_what_it_cannot_unpack(bench: Bench, codec: Codec) -> None:
    with RawSync(bench) as sync:
        ask_to_send(sync, "/full/x", codec.flag)
        sync.data(*pieces(encoded(codec, CONTENTS["zeros"])))
        assert sync.answer() == (b"FAIL", b"write failed: No space left on device")


def test_a_device_announces_what_it_can_unpack(bench: Bench) -> None:
    features = bench.adb("features").stdout.decode().split()
    assert {codec.feature for codec in CODECS} <= set(features)
