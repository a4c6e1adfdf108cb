"""The command line, run inside the test's own process: it prints and answers as a process of its own would, without the second that each
of those needs to import everything.

What only a process can show (signals, a kill, streams that are closed, the start itself) is tested with `python -m harness`.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from harness.cli.main import run_cli


def harness(
    *arguments: object, stdin: bytes = b"", cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `harness ARGUMENTS`.

    Args:
        arguments: verb and options.
        stdin: what it reads.
        cwd: the folder that it runs in.
        env: variables beside those that there are.
    """
    done = harness_bytes(*arguments, stdin=stdin, cwd=cwd, env=env)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def harness_bytes(
    *arguments: object, stdin: bytes = b"", cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """The same, with what it printed as bytes."""
    words = [str(argument) for argument in arguments]
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        files[0].write(stdin)
        files[0].seek(0)
        with contextlib.chdir(cwd or Path.cwd()), _variables(env or {}), _standard_streams(files):
            code = run_cli(words)
        out, err = (_whole(file) for file in files[1:])
    return subprocess.CompletedProcess(["harness", *words], code, out, err)


@contextlib.contextmanager
def _standard_streams(files: Sequence[BinaryIO]) -> Iterator[None]:
    """Descriptors 0 to 2, for programs that are started meanwhile, and Python's own objects, without pytest's capture in between."""
    sys.stdout.flush()
    sys.stderr.flush()
    objects = sys.stdin, sys.stdout, sys.stderr
    kept = [os.dup(number) for number in range(3)]
    for number, file in enumerate(files):
        os.dup2(file.fileno(), number)
    raw = [open(number, mode, closefd=False) for number, mode in enumerate(("rb", "wb", "wb"))]  # noqa: SIM115
    sys.stdin, sys.stdout, sys.stderr = (io.TextIOWrapper(one, encoding="utf-8") for one in raw)
    sys.stderr.reconfigure(errors="backslashreplace", line_buffering=True)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdin, sys.stdout, sys.stderr = objects
        for number, before in enumerate(kept):
            os.dup2(before, number)
            os.close(before)


@contextlib.contextmanager
def _variables(changes: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        for name in changes:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]


def _whole(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()
