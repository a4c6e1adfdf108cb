"""Which ADB server is the user's: the same that adb itself would take by its environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.api.attached_devices import default_port
from harness.errors import UsageError


@pytest.mark.parametrize(
    ("socket", "port", "found"),
    [
        (None, None, 5037),
        (None, "5555", 5555),
        (None, "", 5037),
        ("", "5555", 5555),
        ("tcp:6000", "5555", 6000),
        ("tcp:localhost:6001", None, 6001),
        ("tcp:127.0.0.1:6002", "", 6002),
    ],
)
def test_the_port_is_adbs_own(
    monkeypatch: pytest.MonkeyPatch, socket: str | None, port: str | None, found: int
) -> None:
    for name, value in (("ADB_SERVER_SOCKET", socket), ("ANDROID_ADB_SERVER_PORT", port)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert default_port() == found


@pytest.mark.parametrize("socket", ["tcp:10.0.0.5:5037", "localfilesystem:/tmp/adb", "tcp:0", "tcp:99999"])
def test_a_server_elsewhere_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, socket: str) -> None:
    monkeypatch.setenv("ADB_SERVER_SOCKET", socket)
    with pytest.raises(UsageError, match="ADB_SERVER_SOCKET is"):
        default_port()


def test_an_empty_port_stops_no_verb(tmp_path: Path) -> None:
    # In a process of its own: the ADB library reads its port once, when it is loaded.
    environment = {**os.environ, "HARNESS_STATE_DIR": str(tmp_path), "ANDROID_ADB_SERVER_PORT": ""}
    command = [sys.executable, "-m", "harness", "devices", "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
