import sys
from pathlib import Path

import pytest

from harness.files.put_off import put_off


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A library that imports a slow one as `slow_one`, and the name of the slow one."""
    name = f"slow_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text("LOADED = True\n")
    (tmp_path / f"uses_{name}.py").write_text(f"import {name} as slow_one\ndef use(): return slow_one.LOADED\n")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_it_is_loaded_when_somebody_uses_it(library: str) -> None:
    with put_off(library):
        user = __import__(f"uses_{library}")
    assert library not in sys.modules
    assert user.use() is True
    assert sys.modules[library].LOADED is True
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = user.slow_one.nothing


def test_what_is_loaded_already_is_left_alone(library: str) -> None:
    module = __import__(library)
    with put_off(library):
        assert __import__(library) is module
    assert sys.modules[library] is module


def test_a_failed_import_leaves_nothing_behind(library: str) -> None:
    with pytest.raises(ImportError), put_off(library):
        import no_such_library_anywhere  # type: ignore[import-not-found]  # noqa: F401
    assert library not in sys.modules
