"""Finds the data that ships with the harness: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def data_dir(name: str) -> Path:
    """Return the folder `bazel`, `device_configs`, `models`, `reports` or `suites`.

    Raises:
        FileNotFoundError: the installation is broken.
    """
    for base in (_PACKAGE / "_data", _PACKAGE.parent):
        if (base / name).is_dir():
            return base / name
    raise FileNotFoundError(f"the installation lacks its folder {name!r} (looked in {_PACKAGE} and {_PACKAGE.parent})")
