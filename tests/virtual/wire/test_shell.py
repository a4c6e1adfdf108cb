"""What the user types into `adb shell`, through the real adb."""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from fcntl import ioctl
from pathlib import Path

import pytest

from harness.virtual import shell_protocol
from harness.virtual.shell_protocol import ShellId, ShellReader
from tests.virtual.wire.conftest import Bench, eventually


def test_devices_are_listed_with_what_they_are(bench: Bench) -> None:
    listed = bench.adb("devices", "-l").stdout.decode()
    for serial in bench.serials:
        assert re.search(rf"^{serial}\s+device product:plain model:Plain__One_1_ device:plain1 ", listed, re.M)


@pytest.mark.parametrize("code", [0, 1, 7, 126, 255])
def test_exit_codes(bench: Bench, code: int) -> None:
    assert bench.adb("shell", f"exit {code}").returncode == code


def test_a_signal_is_128_and_its_number(bench: Bench) -> None:
    assert bench.adb("shell", "kill -9 $$").returncode == 137
    assert bench.adb("shell", "kill -SEGV $$").returncode == 139


def test_output_and_errors_come_apart(bench: Bench) -> None:
    done = bench.adb("shell", "echo out; echo err >&2; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 3)


def test_standard_input_is_piped_and_closed(bench: Bench) -> None:
    data = os.urandom(3_000_001)
    done = bench.adb("shell", "-T", "cat; echo end >&2", input=data)
    assert done.stdout == data
    assert done.stderr == b"end\n"


def test_a_command_that_does_not_read_its_input_ends_all_the_same(bench: Bench) -> None:
    assert bench.adb("shell", "-T", "exit 4", input=bytes(5_000_000)).returncode == 4


def test_much_output_comes_whole(bench: Bench) -> None:
    done = bench.adb("shell", "dd if=/dev/zero bs=65536 count=320 2>/dev/null")
    assert len(done.stdout) == 320 * 65536


def test_exec_out_keeps_bytes_and_the_order_of_both_outputs(bench: Bench) -> None:
    assert bench.adb("exec-out", r"printf 'a\r\n\000'; echo b >&2; printf c").stdout == b"a\r\n\0b\nc"


def test_exec_in_delivers_everything_before_it_ends(bench: Bench) -> None:
    data = os.urandom(2_000_003)
    bench.adb("exec-in", "cat > data/local/tmp/in.bin", input=data)
    target = bench.tmp / "in.bin"
    eventually(lambda: target.exists() and target.stat().st_size == len(data))
    assert target.read_bytes() == data


def test_version_1_has_no_exit_code_and_one_output(bench: Bench) -> None:
    done = bench.adb("shell", "-x", "echo a; echo b >&2; exit 9")
    assert (done.stdout, done.returncode) == (b"a\nb\n", 0)


def test_a_shell_that_cannot_start_says_so(bench: Bench) -> None:
    done = bench.adb("shell", "cannot-start")
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: cannot start a shell")
    assert b"cannot start a shell" in bench.adb("shell", "-x", "cannot-start").stdout


def test_odd_commands_arrive_as_they_were_sent(bench: Bench) -> None:
    assert bench.adb("shell", "printf %s 'ü€ \"x\" $HOME'").stdout.decode() == 'ü€ "x" $HOME'


def test_services_that_no_device_offers_are_refused(bench: Bench) -> None:
    with pytest.raises(ConnectionRefusedError):
        bench.open_service("tcp:80")
    assert bench.adb("reverse", "tcp:7000", "tcp:7001").returncode != 0
    assert bench.adb("shell", "true").returncode == 0


def test_when_the_host_leaves_the_shell_gets_a_hang_up_and_nothing_else_does(bench: Bench) -> None:
    script = "trap 'echo hup > data/local/tmp/hup; exit' HUP; sleep 300 & echo $! > data/local/tmp/pid; wait"
    with subprocess.Popen(bench.command("shell", script), env=bench.environment) as host:
        eventually(lambda: (bench.tmp / "pid").exists() and (bench.tmp / "pid").read_text())
        host.kill()
    eventually((bench.tmp / "hup").exists)
    sleeper = Path(f"/proc/{(bench.tmp / 'pid').read_text().strip()}/cmdline")
    assert sleeper.read_bytes().startswith(b"sleep\x00300")
    bench.adb("shell", f"kill {sleeper.parent.name}")


class Terminal:
    """A person at a terminal running adb."""

    def __init__(self, command: list[str], environment: dict[str, str], rows: int, columns: int) -> None:
        self.fd, theirs = pty.openpty()
        ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            ["setsid", "-c", *command], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
        os.close(theirs)
        self.seen = ""

    def expect(self, text: str, patience_s: float = 60) -> None:
        deadline = time.monotonic() + patience_s
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{text!r} never came; seen: {self.seen!r}"
            self.seen += os.read(self.fd, 65536).decode("utf-8", "replace")
        self.seen = self.seen.partition(text)[2]

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.fd)


def test_an_interactive_shell_at_a_terminal(bench: Bench) -> None:
    environment = {**bench.environment, "TERM": "xterm-256color"}
    with Terminal(bench.command("shell"), environment, rows=31, columns=97) as terminal:
        terminal.expect("plain $ ")
        terminal.type("echo $TERM-$((6*7)); test -t 0 && echo is-a-tty\n")
        terminal.expect("xterm-256color-42")
        terminal.expect("is-a-tty")
        terminal.type("stty size\n")
        terminal.expect("31 97")
        terminal.expect("plain $ ")
        terminal.type("cat\n")
        terminal.expect("cat\r\n")
        terminal.type("typed\n")
        terminal.expect("typed")
        terminal.expect("typed")
        terminal.type("\x03")
        terminal.expect("plain $ ")
        terminal.type("exit 5\n")
        assert terminal.process.wait(20) == 5


def test_a_terminal_follows_the_size_of_the_window(bench: Bench) -> None:
    with bench.open_service("shell,v2,TERM=vt100,pty:read x; stty size; read x; stty size") as stream:
        reader = ShellReader()
        for size, expected in ((b"31x97,0x0", b"31 97\r\n"), (b"50x120,640x480\0", b"50 120\r\n")):
            stream.sendall(shell_protocol.encode(ShellId.WINDOW_SIZE, size))
            stream.sendall(shell_protocol.encode(ShellId.STDIN, b"\n"))
            seen = b""
            while expected not in seen:
                seen += b"".join(
                    data for packet_id, data in reader.feed(stream.recv(4096)) if packet_id is ShellId.STDOUT
                )


def test_a_terminal_is_given_to_a_command_where_asked(bench: Bench) -> None:
    assert b"yes" in bench.adb("shell", "-tt", "test -t 1 && echo yes", stdin=subprocess.DEVNULL).stdout


def test_adbutils_sees_the_same(bench: Bench) -> None:
    done = bench.adbutils_device().shell2("echo out; echo err >&2; exit 7", v2=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_many_shells_at_once(bench: Bench) -> None:
    running = [
        subprocess.Popen(bench.command("shell", f"sleep 0.2; exit {i}"), env=bench.environment) for i in range(20)
    ]
    assert [process.wait(30) for process in running] == list(range(20))


def test_nothing_is_left_open(bench: Bench) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    bench.adb("shell", "true")
    before = descriptors()
    for i in range(10):
        bench.adb("shell", "cat", input=b"x" * i)
        bench.adb("exec-out", "echo x")
    eventually(lambda: descriptors() <= before)


@pytest.mark.parametrize("size", [3_600_000, 4_300_000])
def test_exec_in_of_a_host_that_leaves_before_it_is_read(bench: Bench, size: int) -> None:
    # A server whose client has hung up sends what it still has without waiting to be asked for it.
    data = os.urandom(size)
    bench.adb("exec-in", "sleep 1; cat > data/local/tmp/late.bin", input=data)
    target = bench.tmp / "late.bin"
    eventually(lambda: target.exists() and target.stat().st_size == len(data))
    assert target.read_bytes() == data
    assert bench.adb("shell", "echo still here").stdout == b"still here\n"
