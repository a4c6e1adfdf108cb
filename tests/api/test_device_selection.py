"""Which devices a run gets, where some of those that it names cannot be used."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from harness.api.device_selection import selected
from harness.devices.device_config import load_device_configs
from harness.errors import SetupError
from harness.virtual.farm import VirtualFarm
from harness.virtual.faults import FaultPlan

CONFIGS = load_device_configs()


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualFarm]:
    """Two devices, the second of which does not trust this computer."""
    faults = FaultPlan.model_validate(
        {"faults": [{"fault": "unauthorized", "devices": [2], "after_s": 0, "forever": True}]}
    )
    with VirtualFarm(["virtual-old", "virtual-old"], faults=faults) as started:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(started.adb_port))
        yield started


def test_a_named_device_that_cannot_be_used_ends_it_or_is_left_out(farm: VirtualFarm) -> None:
    well, unwell = farm.serials
    said: list[str] = []
    with pytest.raises(SetupError), selected([well, "gone"], "any", CONFIGS, said.append):
        pass
    with selected([unwell, well, "gone"], "any", CONFIGS, said.append, lenient=True) as live:
        assert [one.target.serial for one in live] == [well]
    left_out = "\n".join(said)
    assert f"left out: {unwell} is " in left_out
    assert "left out: no device 'gone' is attached" in left_out
    with pytest.raises(SetupError), selected(["gone"], "any", CONFIGS, said.append, lenient=True):
        pass


@contextlib.contextmanager
def silent_phones(together: threading.Barrier) -> Iterator[int]:
    """A server that lists as many phones as meet at the barrier; each hangs up once all of them have been asked something. Its port."""

    def serve(sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError, ValueError):
            while True:
                request = sock.recv(int(sock.recv(4, socket.MSG_WAITALL), 16), socket.MSG_WAITALL)
                if request.startswith(b"shell"):
                    with contextlib.suppress(threading.BrokenBarrierError):
                        together.wait()
                    return
                sock.sendall(b"OKAY" + (bytes(8) if request.startswith(b"host:tport") else b""))
                if request == b"host:devices-l":
                    text = "".join(f"phone-{n} device transport_id:{n}\n" for n in range(together.parties)).encode()
                    sock.sendall(b"%04x" % len(text) + text)
                    return

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize("selectors", [["any"], ["phone-0", "phone-1", "phone-2"]], ids=" ".join)
def test_all_are_asked_at_once(selectors: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(3, timeout=100)
    said: list[str] = []
    with silent_phones(together) as port:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        with pytest.raises(SetupError), selected(selectors, "any", CONFIGS, said.append, lenient=True):
            pass
    assert not together.broken, "one was waited for before the next was asked"
    assert len(said) == 3
