"""adbutils without the HTTP client that it installs apps with: loading that takes four times as long as all the rest of it."""

from __future__ import annotations

from harness.files.put_off import put_off

with put_off("requests"):
    import adbutils
    from adbutils.errors import AdbConnectionError, AdbError, AdbTimeout

__all__ = ["AdbConnectionError", "AdbError", "AdbTimeout", "adbutils"]
