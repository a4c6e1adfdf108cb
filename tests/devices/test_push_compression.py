"""Which files go compressed: by what they are, how fast the link is and what the device offers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from harness.devices.adb_target import AdbTarget
from harness.devices.push_compression import GAIN, PROBE, PushCompression, Sampled, best_codec, sample
from harness.devices.sync_compression import CODECS, Codec
from harness.devices.target import Outgoing
from harness.virtual.farm import VirtualFarm

ZSTD, LZ4, BROTLI = CODECS
ALL = tuple(codec.feature for codec in CODECS)
WORDS = b"".join(b"%d weights " % number for number in range(2_000_000))


@pytest.mark.parametrize(
    ("link_mb_s", "sampled", "best"),
    [
        (None, [Sampled(LZ4, 0.1, 1e9)], None),
        (10, [], None),
        (10, [Sampled(LZ4, 0.5, 500e6), Sampled(ZSTD, 0.4, 300e6)], ZSTD),
        (10, [Sampled(LZ4, 0.95, 500e6), Sampled(ZSTD, 0.92, 300e6)], None),
        (10, [Sampled(LZ4, 0.5, 5e6)], None),
        (100, [Sampled(LZ4, 0.5, 500e6), Sampled(ZSTD, 0.4, 300e6)], LZ4),
        (100, [Sampled(BROTLI, 0.1, 500e6)], None),
        (600, [Sampled(LZ4, 0.01, 2e9), Sampled(ZSTD, 0.001, 2e9)], None),
    ],
    ids=[
        "the link is unknown",
        "nothing is offered",
        "the stronger one over a slow link",
        "weights hardly compress",
        "this machine is slower than the link",
        "the faster one over a faster link",
        "the phone unpacks more slowly than the link brings",
        "a link that nobody unpacks as fast as",
    ],
)
def test_the_slowest_of_three_works_decides(
    link_mb_s: float | None, sampled: Sequence[Sampled], best: Codec | None
) -> None:
    assert best_codec(sampled, link_mb_s and link_mb_s * 1e6) is best


class Asked:
    """A device with features and a link, which counts what it is asked."""

    def __init__(
        self, compression: PushCompression, features: Sequence[str] = ALL, link_bytes_per_s: float = 5e6
    ) -> None:
        self.features, self.link, self.compression = features, link_bytes_per_s, compression
        self.questions = 0
        self.probed: list[tuple[str, int]] = []

    def offered(self) -> Sequence[str]:
        self.questions += 1
        return self.features

    def push(self, files: Sequence[Outgoing], codecs: Mapping[str, Codec]) -> None:
        assert not codecs
        for file in files:
            size = file.local.stat().st_size
            self.probed.append((file.remote, size))
            self.compression.learn(size, size / self.link)


def chosen(asked: Asked, *files: Outgoing) -> dict[str, str]:
    return {remote: codec.name for remote, codec in asked.compression.choose(files, asked.offered, asked.push).items()}


@pytest.fixture
def words(tmp_path: Path) -> Outgoing:
    (tmp_path / "words").write_bytes(WORDS)
    return Outgoing(local=tmp_path / "words", remote="/words")


@pytest.fixture
def weights(tmp_path: Path) -> Outgoing:
    (tmp_path / "weights").write_bytes(os.urandom(20 << 20))
    return Outgoing(local=tmp_path / "weights", remote="/weights")


def test_what_does_not_compress_costs_no_question(weights: Outgoing) -> None:
    asked = Asked(PushCompression())
    assert chosen(asked, weights) == {}
    assert (asked.questions, asked.probed) == (0, [])


def test_before_a_large_file_an_unknown_link_is_asked_once(words: Outgoing, weights: Outgoing) -> None:
    asked = Asked(PushCompression())
    assert set(chosen(asked, words, weights)) == {"/words"}
    assert asked.probed == [("/words", PROBE)]
    assert set(chosen(asked, words)) == {"/words"}
    assert len(asked.probed) == 1


def test_over_a_fast_link_files_go_as_they_are(words: Outgoing) -> None:
    asked = Asked(PushCompression(), link_bytes_per_s=600e6)
    assert chosen(asked, words) == {}
    assert asked.questions == 1
    assert chosen(asked, words) == {}
    assert asked.questions == 1, "a link that is too fast for all of them settles it"


def test_a_small_file_tells_the_link_instead_of_asking_for_it(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(WORDS[: 2 << 20])
    small = Outgoing(local=tmp_path / "small", remote="/small")
    asked = Asked(PushCompression())
    assert chosen(asked, small) == {}
    assert asked.probed == []
    asked.compression.learn(2 << 20, 1.0)
    assert set(chosen(asked, small)) == {"/small"}


def test_a_device_without_any_gets_plain_files(words: Outgoing) -> None:
    asked = Asked(PushCompression(), features=["sendrecv_v2", "shell_v2"])
    assert chosen(asked, words) == {}
    assert asked.probed == []


@pytest.mark.parametrize("codec", CODECS, ids=[codec.name for codec in CODECS])
def test_only_what_the_device_offers_is_chosen(words: Outgoing, codec: Codec) -> None:
    compression = PushCompression()
    compression.learn(1 << 20, 1.0)
    assert chosen(Asked(compression, features=[codec.feature]), words) == {"/words": codec.name}


def test_a_short_push_tells_nothing_about_the_link() -> None:
    compression = PushCompression()
    compression.learn(1000, 10.0)
    assert compression.link_bytes_per_s is None


def test_a_sample_is_taken_from_all_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "half"
    file.write_bytes(bytes(5_000_000) + os.urandom(5_000_000))
    assert 0.4 < sample(file, ZSTD).ratio < 0.6
    file.write_bytes(b"x")
    assert sample(file, ZSTD).ratio > 1 / GAIN


@pytest.mark.parametrize("codec", CODECS, ids=[codec.name for codec in CODECS])
def test_a_compressed_push_arrives_as_it_was(farm: VirtualFarm, tmp_path: Path, words: Outgoing, codec: Codec) -> None:
    target = AdbTarget(farm.serials[0], port=farm.adb_port)
    there = Outgoing(local=words.local, remote="/data/local/tmp/words")
    small = Outgoing(local=tmp_path / "small", remote="/data/local/tmp/small")
    small.local.write_bytes(b"small")
    target._send([there, small], {there.remote: codec}, timeout_s=120, cancel=None)
    for file in (there, small):
        assert target.pull(file.remote, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == file.local.read_bytes()


def test_the_server_tells_what_the_device_offers(farm: VirtualFarm) -> None:
    assert set(ALL) <= set(AdbTarget(farm.serials[0], port=farm.adb_port)._features(60, None))
    assert AdbTarget("no-such-device", port=farm.adb_port)._features(60, None) == ()


def test_a_slow_link_makes_a_push_go_compressed(
    farm: VirtualFarm, tmp_path: Path, words: Outgoing, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", logger="harness.devices"):
        target = AdbTarget(farm.serials[0], port=farm.adb_port)
        target._compression.learn(5_000_000, 1.0)
        target.push([Outgoing(local=words.local, remote="/data/local/tmp/words")])
        assert any(" for /data/local/tmp/words" in line for line in caplog.messages)
        assert target.pull("/data/local/tmp/words", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == WORDS
