"""A device whose serial holds spaces, as adb names phones after an mDNS conflict: the whole way from the list to the report.

A proxy in front of a virtual device's ADB server gives it such a name.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.runs.run_store import load_run
from harness.virtual.farm import VirtualFarm
from tests.cli.running import harness, write_suite
from tests.cli.scripted_program import write_program
from tests.model_files import shipped

SERIAL = "adb-93HAY (2)._adb-tls-connect._tcp"


class Renaming(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, real: str) -> None:
        super().__init__(("127.0.0.1", 0), _Client)
        self.upstream, self.real = port, real.encode()


class _Client(socketserver.BaseRequestHandler):
    server: Renaming
    request: socket.socket

    def handle(self) -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server.upstream)) as adb:
            asked = _block(self.request)
            lists = asked.startswith(b"host:devices")
            asked = asked.replace(SERIAL.encode(), self.server.real)
            adb.sendall(b"%04x%s" % (len(asked), asked))
            if lists:
                status, text = _exactly(adb, 4), _block(adb)
                text = text.replace(self.server.real, SERIAL.encode())
                self.request.sendall(status + b"%04x%s" % (len(text), text))
                return
            back = threading.Thread(target=_pour, args=(adb, self.request), daemon=True)
            back.start()
            _pour(self.request, adb)
            back.join()


def _exactly(source: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = source.recv(count - len(found))
        if not part:
            raise OSError("it ended early")
        found += part
    return found


def _block(source: socket.socket) -> bytes:
    return _exactly(source, int(_exactly(source, 4), 16))


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def _renamed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with VirtualFarm(["virtual-flagship"]) as farm, Renaming(farm.adb_port, farm.serials[0]) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(server.server_address[1]))
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("_renamed")
def test_it_is_the_same_device_everywhere(tmp_path: Path) -> None:
    (device,) = json.loads(harness("devices", "--json").stdout)["devices"]
    assert (device["serial"], device["state"]) == (SERIAL, "device")
    config = tmp_path / "phone.yaml"
    assert harness("devices", "--init", SERIAL, "-o", config).returncode == 0
    assert config.is_file()

    binary = ("--binary", write_program(tmp_path))
    extra = f"processes: 10\ndevices: ['{SERIAL}']\n"
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], extra)
    by_suite, by_option = tmp_path / "by_suite", tmp_path / "by_option"
    done = harness("run", suite, *binary, "--out", by_suite)
    assert done.returncode == 0, done.stderr
    done = harness("run", suite, *binary, "--device", SERIAL, "--out", by_option)
    assert done.returncode == 0, done.stderr

    trials = by_option / "trials.jsonl"
    lines = trials.read_bytes().splitlines(keepends=True)
    trials.write_bytes(lines[0])
    done = harness("run", "--resume", by_option, *binary)
    assert done.returncode == 0, done.stderr

    for run in (by_suite, by_option):
        results = load_run(run).results
        assert [result.trial.device for result in results] == [SERIAL] * len(lines)
        assert all((run / "logs" / result.trial.trial_id / "stdout.txt").is_file() for result in results)
        assert SERIAL in (run / "report.html").read_text()
        assert SERIAL in (run / "logs" / "harness.log").read_text()
    selection = f"device={SERIAL}"
    done = harness("compare", f"{by_suite}@{selection}", f"{by_option}@{selection}", "--json")
    assert {one["device"] for one in json.loads(done.stdout)["comparisons"]} == {SERIAL}
    done = harness("export", by_suite, "--table", "trials", "--format", "json")
    assert {row["device"] for row in json.loads(done.stdout)} == {SERIAL}
    done = harness("calibrate", by_suite)
    assert done.returncode == 0, done.stderr
