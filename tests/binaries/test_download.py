"""Official binaries from a server on this machine: good, wrong, cut off and resumed, missing, through a proxy."""

from __future__ import annotations

import fcntl
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.binaries.binary_store import BinaryStore
from harness.binaries.prebuilt import fetch_prebuilt
from harness.binaries.sources import Prebuilt
from harness.errors import SetupError
from harness.files import download as downloads
from harness.files.download import download
from tests.binaries.programs import elf

BODY = elf(payload=bytes(range(256)) * 2000)
SHA256 = hashlib.sha256(BODY).hexdigest()


@dataclass
class Site:
    """What a server does, and what it was asked."""

    body: bytes = BODY
    etag: str = '"one"'
    cut: list[int] = field(default_factory=list)
    """After how many bytes each of the next answers breaks off."""
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            site.asked.append((self.path, wanted))
            if site.statuses:
                self.send_error(site.statuses.pop(0))
                return
            start = 0
            if wanted and site.ranges and self.headers.get("If-Range") == site.etag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(site.body):
                    self.send_error(416)
                    return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(site.body) - 1}/{len(site.body)}")
            self.send_header("Content-Length", str(len(site.body) - start))
            self.send_header("ETag", site.etag)
            self.end_headers()
            end = start + site.cut.pop(0) if site.cut else len(site.body)
            self.wfile.write(site.body[start:end])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}/binaries/benchmark_model"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_PAUSE_S", 0.01)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as server:
        yield server


def nothing(_got: int, _total: int | None) -> None:
    """Nobody watches."""


def wanted(url: str, *, sha256: str | None = None, moving: bool = False, abi: str = "arm64-v8a") -> Prebuilt:
    return Prebuilt(version="2.1.4", abi=abi, target="litert", flex=False, url=url, sha256=sha256, moving=moving)


def executables(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and os.access(path, os.X_OK)]


def test_a_good_one_is_in_the_store_with_its_provenance(site: Site, tmp_path: Path) -> None:
    store, seen = BinaryStore(tmp_path), []
    record = fetch_prebuilt(wanted(site.url), store, lambda got, total: seen.append((got, total)), name="official")
    assert (record.sha256, record.origin, record.source, record.revision) == (SHA256, "prebuilt", site.url, "2.1.4")
    assert store.path(record).read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert executables(tmp_path) == [store.path(record)]
    assert [path.suffix for path in (tmp_path / "downloads").iterdir() if path.suffix == ".part"] == []


def test_the_second_time_nothing_is_downloaded(site: Site, tmp_path: Path) -> None:
    store = BinaryStore(tmp_path)
    first = fetch_prebuilt(wanted(site.url), store, nothing)
    assert fetch_prebuilt(wanted(site.url), store, nothing) == first
    assert len(site.asked) == 1


def test_a_pinned_hash_that_is_not_met_is_refused_and_nothing_is_kept(site: Site, tmp_path: Path) -> None:
    store = BinaryStore(tmp_path)
    with pytest.raises(SetupError, match=f"has the SHA-256 {SHA256}, not 0000") as caught:
        fetch_prebuilt(wanted(site.url, sha256="0" * 64), store, nothing)
    assert "\n" not in str(caught.value)
    assert store.records() == ()
    assert executables(tmp_path) == []
    assert list((tmp_path / "downloads").glob("*.part")) == []


def test_what_an_address_gave_first_it_must_give_again(site: Site, tmp_path: Path) -> None:
    first = fetch_prebuilt(wanted(site.url), BinaryStore(tmp_path), nothing)
    (tmp_path / "programs" / first.sha256 / "benchmark_model").unlink()
    (tmp_path / "programs" / first.sha256).rmdir()
    site.body = elf(payload=b"another")
    with pytest.raises(SetupError, match=f"not {SHA256}"):
        fetch_prebuilt(wanted(site.url), BinaryStore(tmp_path), nothing)


def test_a_moving_version_may_change(site: Site, tmp_path: Path) -> None:
    store = BinaryStore(tmp_path)
    fetch_prebuilt(wanted(site.url, moving=True), store, nothing)
    site.body, site.etag = elf(payload=b"of tomorrow"), '"two"'
    again = fetch_prebuilt(wanted(site.url, moving=True), store, nothing)
    assert again.sha256 == hashlib.sha256(site.body).hexdigest()
    assert len(store.records()) == 2


def test_a_broken_connection_is_taken_up_where_it_broke(site: Site, tmp_path: Path) -> None:
    site.cut = [25 * 4096, 10 * 4096]
    got = download(site.url, tmp_path, nothing, sha256=SHA256)
    assert got.path.read_bytes() == BODY
    assert got.resumed
    assert [asked for _, asked in site.asked] == [None, f"bytes={25 * 4096}-", f"bytes={35 * 4096}-"]
    assert not os.access(got.path, os.X_OK)


def test_one_that_breaks_for_good_goes_on_with_the_next_call(site: Site, tmp_path: Path) -> None:
    store = BinaryStore(tmp_path)
    site.cut = [8192] * downloads.ATTEMPTS
    with pytest.raises(SetupError, match="broke off") as caught:
        fetch_prebuilt(wanted(site.url), store, nothing)
    assert "run it again" in str(caught.value)
    assert store.records() == ()
    assert executables(tmp_path) == []
    before = len(site.asked)
    assert fetch_prebuilt(wanted(site.url), store, nothing).sha256 == SHA256
    assert site.asked[before:] == [("/binaries/benchmark_model", f"bytes={8192 * downloads.ATTEMPTS}-")]


def test_a_file_that_changed_meanwhile_begins_anew(site: Site, tmp_path: Path) -> None:
    site.cut = [8192] * downloads.ATTEMPTS
    with pytest.raises(SetupError):
        download(site.url, tmp_path, nothing)
    site.body, site.etag = elf(payload=b"new" * 9000), '"two"'
    assert download(site.url, tmp_path, nothing).path.read_bytes() == site.body


def test_a_server_without_ranges_begins_anew(site: Site, tmp_path: Path) -> None:
    site.ranges, site.cut = False, [8192]
    got = download(site.url, tmp_path, nothing, sha256=SHA256)
    assert (got.path.read_bytes(), got.resumed) == (BODY, False)


def test_a_complete_leftover_is_not_taken_for_good(site: Site, tmp_path: Path) -> None:
    """All bytes are there, but nobody had time to look at them: the server says 416, and it begins anew."""
    got = download(site.url, tmp_path, nothing)
    assert download(site.url, tmp_path, nothing, sha256=SHA256).sha256 == got.sha256
    assert [asked for _, asked in site.asked] == [None, f"bytes={len(BODY)}-", None]


def test_404_is_said_with_the_remedy(site: Site, tmp_path: Path) -> None:
    site.statuses = [404]
    with pytest.raises(SetupError, match="404") as caught:
        fetch_prebuilt(wanted(site.url), BinaryStore(tmp_path), nothing)
    assert caught.value.remedy
    assert len(site.asked) == 1
    assert executables(tmp_path) == []


def test_a_servers_trouble_is_waited_out(site: Site, tmp_path: Path) -> None:
    site.statuses = [503, 500]
    assert download(site.url, tmp_path, nothing).sha256 == SHA256


@pytest.mark.parametrize(
    "body", [b"<!DOCTYPE html><html>sign in", BODY[:50_000], elf("x86_64", "/lib64/ld-linux-x86-64.so.2")]
)
def test_what_is_no_program_for_the_abi_never_gets_into_the_store(site: Site, tmp_path: Path, body: bytes) -> None:
    site.body = body
    store = BinaryStore(tmp_path)
    with pytest.raises(SetupError) as caught:
        fetch_prebuilt(wanted(site.url), store, nothing)
    assert caught.value.message.startswith(site.url)
    assert "\n" not in str(caught.value)
    assert store.records() == ()
    assert executables(tmp_path) == []


def test_a_proxy_out_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Site()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.rsplit("/binaries", 1)[0])
        monkeypatch.setenv("no_proxy", "")
        got = download("http://storage.example.invalid/benchmark_model", tmp_path, nothing)
    assert got.sha256 == SHA256
    assert proxy.asked == [("http://storage.example.invalid/benchmark_model", None)]


def test_no_connection_is_one_line_that_names_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(SetupError) as caught:
        download("http://storage.example.invalid/benchmark_model", tmp_path, nothing)
    assert "127.0.0.1:9" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_at_a_time_do_not_write_into_each_other(site: Site, tmp_path: Path) -> None:
    download(site.url, tmp_path, nothing)
    (lock,) = tmp_path.glob("*.lock")
    with lock.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SetupError, match="another process"):
            download(site.url, tmp_path, nothing)


def test_damaged_notes_are_no_trap(site: Site, tmp_path: Path) -> None:
    site.cut = [8192] * downloads.ATTEMPTS
    with pytest.raises(SetupError):
        download(site.url, tmp_path, nothing)
    for note in tmp_path.glob("*.json"):
        note.write_text(json.dumps(["nonsense"]))
    assert download(site.url, tmp_path, nothing).sha256 == SHA256


def test_hashes_of_two_addresses_at_once_are_both_remembered(tmp_path: Path) -> None:
    """The second write would be of what it read before the first."""
    script = (
        "import sys; from pathlib import Path; from harness.binaries.prebuilt import _remember\n"
        "[_remember(Path(sys.argv[1]), f'http://x/{sys.argv[2]}/{n}', 'ab' * 32) for n in range(40)]\n"
    )
    commands = [[sys.executable, "-c", script, str(tmp_path), name] for name in ("a", "b", "c")]
    others = [subprocess.Popen(command) for command in commands]
    assert [other.wait(timeout=60) for other in others] == [0, 0, 0]
    assert len(json.loads((tmp_path / "hashes.json").read_text())) == 120


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxys_password_is_not_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("http_proxy", f"{scheme}me:s3cret@127.0.0.1:9")
    with pytest.raises(SetupError) as caught:
        download("http://example.invalid/x", tmp_path, nothing)
    assert "s3cret" not in str(caught.value)
    assert "127.0.0.1:9" in str(caught.value)


@pytest.mark.parametrize("proxy", ["nonsense", "http://[::1", "ftp://x:y", "http://host:port", "http:// space/"])
def test_a_proxy_that_is_none_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(SetupError) as caught:
        download("http://example.invalid/x", tmp_path, nothing)
    assert "\n" not in str(caught.value)
