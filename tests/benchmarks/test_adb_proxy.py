"""What the proxy counts of a known sequence of requests, and that it changes nothing that passes."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.adb_proxy import CountingProxy, Requests, round_trips


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class Echo(socketserver.BaseRequestHandler):
    """Sends back whatever comes, until the client has closed its side."""

    def handle(self) -> None:
        while data := self.request.recv(4096):
            self.request.sendall(data)


@contextmanager
def echo() -> Iterator[int]:
    with Server(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def request(text: str) -> bytes:
    return f"{len(text):04x}{text}".encode()


def say(port: int, *pieces: bytes) -> bytes:
    """Send the pieces one after the other, each once the one before has come back; return all that came back."""
    back = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        for number, piece in enumerate(pieces):
            client.sendall(piece)
            expected = sum(map(len, pieces[: number + 1]))
            while len(back) < expected:
                back += client.recv(4096)
        client.shutdown(socket.SHUT_WR)
        while data := client.recv(4096):
            back += data
    return back


def test_a_known_sequence_is_counted_and_passes_unchanged() -> None:
    shell = request("host:tport:serial:emulator-20000") + request("shell,v2,TERM=dumb,raw:echo 000chost:version")
    sync = [request("host:transport-id:3"), request("sync:"), request("host:transport:x") + b"\x00\xffDATA" * 100]
    exchanges = [
        [shell[:7], shell[7:60], shell[60:]],
        sync,
        [request("host:transport:S") + request("exec:cat")],
        [request("host:version")],
        [request("host:devices-l")],
        [request("host-serial:S:features")],
        [],
    ]
    with echo() as port, CountingProxy(port) as proxy:
        for pieces in exchanges:
            assert say(proxy.port, *pieces) == b"".join(pieces)
        deadline = time.monotonic() + 60
        while not proxy.counts()["silent"] and time.monotonic() < deadline:
            time.sleep(0.01)
        counts = proxy.counts()
    assert counts == {
        "shell": 1,
        "sync": 1,
        "exec": 1,
        "server version": 1,
        "server devices-l": 1,
        "server features": 1,
        "silent": 1,
    }
    assert round_trips(counts) == 3


def test_a_large_transfer_comes_through_whole() -> None:
    blob = bytes(range(256)) * 4000
    with echo() as port, CountingProxy(port) as proxy:
        assert say(proxy.port, request("host:transport:S"), request("sync:"), blob).endswith(blob)
        assert proxy.counts() == {"sync": 1}


def test_who_asks_a_server_that_is_gone_is_hung_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with CountingProxy(port) as proxy, socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as client:
        assert client.recv(1) == b""


@pytest.mark.parametrize("cut", range(1, 12))
def test_where_the_bytes_are_cut_does_not_matter(cut: int) -> None:
    whole = request("host:transport-any") + request("shell:ls") + b"more"
    seen = Requests()
    for at in range(0, len(whole), cut):
        seen.feed(whole[at : at + cut])
    assert seen.kinds == ["shell"]


def test_what_is_no_request_counts_for_nothing() -> None:
    seen = Requests()
    seen.feed(b"GET / HTTP/1.1\r\n")
    assert seen.kinds == []
