"""Downloads that resume where they broke off, and that count only once they are whole and have the right hash.

Sources: RFC 9110 (Range, If-Range, Content-Range). Proxies are taken from the environment (`https_proxy`, `no_proxy`), as requests does.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from harness.errors import SetupError
from harness.files.lock import held

ATTEMPTS = 4
"""How often a broken connection is resumed before the download is left for the next call."""

_TIMEOUT_S = (10.0, 60.0)
_CHUNK = 1 << 12  # bytes that a broken connection may lose
_PAUSE_S = 0.5
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")

Progress = Callable[[int, int | None], None]
"""Told the bytes so far and in all (None if the server does not say)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """A whole file. It stays in the downloads folder until it is moved away."""

    path: Path
    sha256: str
    resumed: bool


class _Broken(Exception):
    """The connection ended before the file did."""


def download(
    url: str, folder: Path, progress: Progress, *, sha256: str | None = None, if_missing: str | None = None
) -> Downloaded:
    """Download a file.

    Args:
        url: http or https.
        folder: the downloads folder; the file's name there is made from the address.
        progress: told how far it is.
        sha256: the required hash.
        if_missing: the remedy where the server has no such file.

    Raises:
        SetupError: the download failed (no connection, 404, another hash), with the remedy. The part that arrived stays for the next call,
            unless its hash is wrong; then it is removed.
    """
    with _alone(folder, url) as part:
        return _download(url, part, progress, sha256, if_missing)


def _download(url: str, part: Path, progress: Progress, sha256: str | None, if_missing: str | None) -> Downloaded:
    resumed = False
    with requests.Session() as session:
        for attempt in range(ATTEMPTS):
            try:
                resumed = _fetch(session, url, part, progress, if_missing) or resumed
                break
            except _Broken as error:
                if attempt == ATTEMPTS - 1:
                    raise SetupError(f"{url}: {error}", remedy="run it again: it goes on where it broke off") from None
                time.sleep(_PAUSE_S * 2**attempt)
            except OSError as error:
                if isinstance(error, requests.RequestException):
                    raise SetupError(f"{url}: {_reason(error)}", remedy=_network_remedy()) from None
                raise SetupError(f"cannot write {part}: {error.strerror}", remedy="free some room") from None
            except (
                ValueError
            ) as error:  # a malformed address or proxy: requests does not translate all of urllib3's errors
                raise SetupError(f"{url}: {_reason(error)}", remedy=_network_remedy()) from None
    with part.open("rb") as stream:
        seen = hashlib.file_digest(stream, "sha256").hexdigest()
    if sha256 is not None and seen != sha256:
        discard(part)
        raise SetupError(
            f"{url} has the SHA-256 {seen}, not {sha256}",
            remedy="it was changed on its way or at its source: do not use it; it has been removed",
        )
    return Downloaded(path=part, sha256=seen, resumed=resumed)


@contextmanager
def _alone(folder: Path, url: str) -> Iterator[Path]:
    """Lock an address's file in the downloads folder against a second process that wants the same."""
    part = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.part"

    def refuse() -> None:
        raise SetupError(f"{url}: another process is downloading it", remedy="wait for it")

    with held(part.with_suffix(".lock"), refuse):
        yield part


def discard(part: Path) -> None:
    """Remove the downloaded file."""
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _fetch(session: requests.Session, url: str, part: Path, progress: Progress, if_missing: str | None) -> bool:
    """Make one connection. Return whether it resumed from what was there."""
    have, validator = _left_over(part, url)
    headers = {"Accept-Encoding": "identity"}  # a range counts the stored bytes, so compression must be off
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    try:
        response = session.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S)
    except requests.Timeout:
        raise _Broken("the server does not answer") from None
    with response:
        if response.status_code == 416:
            discard(part)
            raise _Broken("the file on the server has changed")
        if response.status_code >= 500:
            raise _Broken(f"the server answers {response.status_code} {response.reason}")
        if response.status_code not in (200, 206):
            remedy = if_missing if response.status_code == 404 else None
            raise SetupError(f"{url}: the server answers {response.status_code} {response.reason}", remedy=remedy)
        start, total = _extent(response)
        if start != have:
            have = 0
            if start:
                raise _Broken("the server sent another part than was asked for")
        _write_note(part, url, response)
        with part.open("ab" if have else "wb") as out:
            got = have
            progress(got, total)
            try:
                for chunk in response.iter_content(_CHUNK):
                    out.write(chunk)
                    got += len(chunk)
                    progress(got, total)
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
                raise _Broken(f"the connection broke off after {got} bytes") from None
            finally:
                out.flush()
                os.fsync(out.fileno())
        if total is not None and got != total:
            raise _Broken(f"the connection broke off after {got} of {total} bytes")
        return bool(have)


def _extent(response: requests.Response) -> tuple[int, int | None]:
    """Return where the body starts in the file, and the file's length."""
    if response.status_code == 206:
        match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        if match is None:
            raise _Broken("the server sent a part and does not say which")
        total = match.group(3)
        return int(match.group(1)), None if total == "*" else int(total)
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _note(part: Path) -> Path:
    return part.with_suffix(".json")


def _left_over(part: Path, url: str) -> tuple[int, str]:
    """Return the number of bytes that are there and the server's tag for that version; 0 if the download cannot be resumed."""
    try:
        size = part.stat().st_size
        note = json.loads(_note(part).read_bytes())
    except (OSError, ValueError):
        return 0, ""
    validator = note.get("validator") if isinstance(note, dict) and note.get("url") == url else None
    return (size, validator) if isinstance(validator, str) and validator else (0, "")


def _write_note(part: Path, url: str, response: requests.Response) -> None:
    tag = response.headers.get("ETag", "")
    # A weak tag may stand for different bytes, so RFC 9110 does not allow it here.
    validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    _note(part).write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")


def _reason(error: Exception) -> str:
    inner = error.args[0] if error.args else None
    text = str(getattr(inner, "reason", None) or inner or error)
    plain = re.sub(r"<[^>]*>:?\s*|\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()
    return _without_password(plain)[:200] or type(error).__name__


def _network_remedy() -> str:
    names = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
    proxy = next((value for name in names if (value := os.environ.get(name))), None)
    if proxy is None:
        return "see the network; a proxy goes into https_proxy"
    return f"see the network and the proxy {_without_password(proxy)}"


def _without_password(text: str) -> str:
    """Remove the password from an address, for terminals and CI logs."""
    return re.sub(r"(^|//)[^/\s@]+@", r"\1***@", text)
