from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.models.arrays_file import read_arrays, sample_count


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


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    import tempfile

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
