from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.models.arrays_file import read_arrays, sample_count
from harness.models.mapped_arrays import open_arrays


def test_arrays_come_back_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.arange(6).reshape(2, 3), label=np.array([1, 2]))
    arrays = read_arrays(tmp_path / "a.npz")
    assert sorted(arrays) == ["image", "label"]
    assert arrays["image"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert sample_count(arrays, "a.npz") == 2


def test_each_mistake_is_named_in_one_line(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros(3))
    np.savez(tmp_path / "objects.npz", x=np.array([{}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04abc")
    for name, message in (
        ("one.npy", "is one array"),
        ("objects.npz", "holds Python objects"),
        ("none.npz", "holds no array"),
        ("text.npz", "no .npz file"),
        ("cut.npz", "no .npz file"),
        ("missing.npz", "cannot be read: No such file"),
    ):
        with pytest.raises(UsageError, match=message) as caught:
            read_arrays(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_damaged_number_is_not_read(tmp_path: Path) -> None:
    """If the size in the list of members is damaged too, NumPy's own reader takes it."""
    file = tmp_path / "a.npz"
    np.savez(file, x=np.arange(1000))
    data = bytearray(file.read_bytes())
    data[data.index((500).to_bytes(8, "little"))] ^= 1
    listed = data.index(b"PK\x01\x02")
    for size in (20, 24):  # APPNOTE 4.3.12: compressed and uncompressed, lowest byte first
        data[listed + size + 1] |= 0x40
    file.write_bytes(data)
    with np.load(file) as numpys:
        assert numpys["x"][500] == 501
    with pytest.raises(UsageError, match="is damaged"):
        read_arrays(file)
    with pytest.raises(UsageError, match="is damaged"), open_arrays(file, large_bytes=0):
        pass


def test_an_archive_in_an_archive_is_no_array(tmp_path: Path) -> None:
    inner = io.BytesIO()
    np.savez(inner, x=np.zeros(3))
    file = tmp_path / "outer.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("inner.npz", inner.getvalue())
    with pytest.raises(UsageError, match="is damaged or no"):
        read_arrays(file)
    with pytest.raises(UsageError, match="is damaged or no"), open_arrays(file, large_bytes=0):
        pass


def test_arrays_come_through_a_pipe() -> None:
    stream = io.BytesIO()
    np.savez(stream, x=np.arange(3))
    ours, theirs = os.pipe()
    try:
        os.write(theirs, stream.getvalue())  # less than a pipe holds
        os.close(theirs)
        with open_arrays(Path(f"/dev/fd/{ours}")) as arrays:
            assert arrays["x"].tolist() == [0, 1, 2]
    finally:
        os.close(ours)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        with pytest.raises(UsageError):
            read_arrays(Path(file.name))


def test_the_first_axis_counts_samples() -> None:
    for arrays, message in (
        ({"x": np.array(1.0)}, "single number"),
        ({"x": np.zeros((0, 2))}, "holds no sample"),
        ({"x": np.zeros(2), "y": np.zeros(3)}, "'x' has 2, 'y' has 3"),
    ):
        with pytest.raises(UsageError, match=message):
            sample_count(arrays, "f.npz")


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
@example([(6, 1)])  # its first member says that it is encrypted
@example([(2813, 1)])  # its first member is longer than the file
@example([(1379, 128)])  # reaches into the list of members
@example([(1422, 0)])  # no member
@example([(699, 0), (1383, 1)])  # numbers, and the list of members
@example([(1369, 12)])  # another compression, whose reader raises OSError
@example([(4, 91)])  # a version of ZIP that there is not
def test_a_damaged_archive_is_read_or_refused_in_words(damage: list[tuple[int, int]]) -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, x=np.random.default_rng(0).integers(0, 5, 2000))
    data = bytearray(stream.getvalue())
    for place, byte in damage:
        data[place % len(data)] = byte
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        path = Path(file.name)
        path.write_bytes(data)
        said = [
            _outcome(lambda: read_arrays(path)),
            _outcome(lambda: ExitStack().enter_context(open_arrays(path, large_bytes=0))),
        ]
        assert said[0] == said[1]


def _outcome(read: Callable[[], object]) -> str:
    try:
        read()
    except UsageError as error:
        return error.message.rpartition(".npz ")[2]
    return "read"
