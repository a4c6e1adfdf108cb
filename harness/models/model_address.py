"""The address of a model file: a web address, a file of this machine, or a file in a wheel on PyPI. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

Scheme = Literal["https", "http", "file", "wheel"]

FORMS = "https://HOST/FILE, http://HOST/FILE, file:PATH or wheel:PACKAGE==VERSION/PATH/IN/WHEEL"
"""The forms of an address, for remedies."""

# PEP 508 and PEP 440, as far as one exact version needs them. Neither can begin with `-`, as an option of pip would.
_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._+!-]*[A-Za-z0-9])?")
_ODD = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAddress:
    """A parsed address."""

    text: str
    """As it was written."""
    scheme: Scheme
    file: Path | None = None
    """Of `file:`; a relative path counts from the folder of the file that holds the address."""
    package: str = ""
    """Of `wheel:`."""
    version: str = ""
    member: str = ""
    """The path inside the wheel."""

    @property
    def file_name(self) -> str:
        """A plain name for the file; never empty, hidden or a path."""
        last = PurePosixPath(self.member or (str(self.file) if self.file else unquote(urlsplit(self.text).path))).name
        return _ODD.sub("_", last).strip(".")[-_LONGEST_NAME:] or "model.tflite"


def parse_address(text: str) -> ModelAddress:
    """Read an address.

    Raises:
        ValueError: it is not an address; the message shows the valid forms.
    """
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not all(character.isprintable() for character in text):
        raise ValueError("an address holds no control characters")
    if scheme in ("http", "https"):
        _require_web_address(text)
        return ModelAddress(text=text, scheme="https" if scheme == "https" else "http")
    if scheme == "file":
        return ModelAddress(text=text, scheme="file", file=_file(rest))
    if scheme == "wheel":
        return _wheel(text, rest)
    what = f"{scheme}: is no kind of address that is known" if colon else "it is no address"
    raise ValueError(f"{what}; write {FORMS}")


def _require_web_address(text: str) -> None:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"it is no address: {error}") from None
    if not host:
        raise ValueError("it names no host; write https://HOST/FILE")


def _file(rest: str) -> Path:
    """Read `file:/path`, `file:///path` or `file://localhost/path` (RFC 8089), or our own addition, a relative path."""
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host not in ("", "localhost"):
            raise ValueError(f"file://{host}/... would be a file of another machine; write file:PATH")
        rest = slash + path
    path = unquote(rest)
    if not path or path.endswith("/") or "\0" in path:
        raise ValueError("it names no file; write file:PATH")
    return Path(path)


def _wheel(text: str, rest: str) -> ModelAddress:
    requirement, _, member = rest.partition("/")
    package, equals, version = requirement.partition("==")
    if not equals or not _PACKAGE.fullmatch(package) or not _VERSION.fullmatch(version):
        raise ValueError(f"{requirement!r} is not PACKAGE==VERSION; write wheel:PACKAGE==VERSION/PATH/IN/WHEEL")
    if not is_plain_member(member):
        raise ValueError(f"{member!r} is no path of a file in a wheel; write wheel:PACKAGE==VERSION/PATH/IN/WHEEL")
    return ModelAddress(text=text, scheme="wheel", package=package, version=version, member=member)


def is_plain_member(member: str) -> bool:
    """Return whether a path in an archive stays inside it and names a file."""
    parts = member.split("/")
    return bool(member) and "\\" not in member and all(part not in ("", ".", "..") for part in parts)
