"""The fake keeps the promises of `Target`, as far as they can be kept without a device."""

from __future__ import annotations

import re
import stat
import threading
from pathlib import Path

import pytest

from harness.devices.fake_target import After, Call, FakeFile, FakeTarget, Hang, UnexpectedCommand
from harness.devices.target import Cancelled, CommandOutput, Outgoing, RemoteStat, Target
from harness.errors import CommandFailed, DeviceHung, DeviceLost, HarnessError

GONE = DeviceLost("gone", serial="fake")


def said(target: Target, command: str, timeout_s: float = 10.0) -> bytes:
    return target.run(command, timeout_s=timeout_s).stdout


def test_text_bytes_and_numbers_are_outputs() -> None:
    whole = CommandOutput(stdout=b"o", stderr=b"e", exit_code=7)
    target = FakeTarget({"text": "ä\n", "bytes": b"\xff", "number": 3, "whole": whole})
    assert target.run("text", timeout_s=1) == CommandOutput(stdout="ä\n".encode(), stderr=b"", exit_code=0)
    assert target.run("bytes", timeout_s=1) == CommandOutput(stdout=b"\xff", stderr=b"", exit_code=0)
    assert target.run("number", timeout_s=1) == CommandOutput(stdout=b"", stderr=b"", exit_code=3)
    assert target.run("whole", timeout_s=1) is whole


def test_a_whole_command_goes_before_patterns_and_patterns_before_later_ones() -> None:
    target = FakeTarget({re.compile("get"): "first", re.compile("get x"): "second", "get x": "whole"})
    assert [said(target, command) for command in ("get x", "please get x")] == [b"whole", b"first"]


def test_a_list_is_one_answer_a_call_and_the_last_for_ever() -> None:
    target = FakeTarget({"a": ["1", GONE, "2"], "b": "b"})
    assert said(target, "a") == b"1"
    assert said(target, "b") == b"b"
    with pytest.raises(DeviceLost):
        said(target, "a")
    assert [said(target, "a") for _ in range(3)] == [b"2"] * 3


def test_functions_are_given_the_command() -> None:
    assert said(FakeTarget({re.compile("^echo"): lambda command: command[5:]}), "echo x y") == b"x y"
    assert said(FakeTarget(lambda command: command.upper()), "abc") == b"ABC"


def test_a_command_without_an_answer_is_shown_and_is_no_failure_of_the_device() -> None:
    target = FakeTarget({"getprop": "", re.compile("dumps.s"): ""})
    with pytest.raises(UnexpectedCommand, match=r"rm -rf /data\n.*getprop, /dumps\.s/") as caught:
        said(target, "rm -rf /data")
    assert caught.value.command == "rm -rf /data"
    assert not isinstance(caught.value, HarnessError)
    with pytest.raises(UnexpectedCommand, match="nothing"):
        said(FakeTarget(), "true")


def test_what_was_asked_is_remembered_with_when(tmp_path: Path) -> None:
    target = FakeTarget({"slow": After(2.5, "")}, files={"/a": b""})
    said(target, "slow")
    target.stat("/a")
    target.pull("/a", tmp_path / "a")
    target.push([Outgoing(local=tmp_path / "a", remote="/b")])
    assert target.calls == [
        Call("run", "slow", 0),
        Call("stat", "/a", 2.5),
        Call("pull", "/a", 2.5),
        Call("push", "/b", 2.5),
    ]
    assert target.commands == ["slow"]


def test_its_clock_passes_by_the_commands_and_not_by_ours() -> None:
    target = FakeTarget({"boot": After(60, "up"), "late": After(31, "never"), "in time": After(20, After(9, "yes"))})
    assert said(target, "boot", timeout_s=61) == b"up"
    assert target.clock() == 60
    with pytest.raises(DeviceHung, match="within 30 s"):
        said(target, "late", timeout_s=30)
    assert target.clock() == 90, "the deadline, not the answer"
    assert said(target, "in time", timeout_s=30) == b"yes"
    assert target.clock() == 119
    with pytest.raises(DeviceHung):
        said(FakeTarget({"both": After(20, After(10, ""))}), "both", timeout_s=30)


def test_hanging_ends_at_the_deadline_or_when_it_is_cancelled() -> None:
    target = FakeTarget({"dead": Hang.UNTIL_DEADLINE, "waits": Hang.UNTIL_CANCELLED})
    with pytest.raises(DeviceHung):
        said(target, "dead", timeout_s=3600)
    assert target.clock() == 3600
    cancel = threading.Event()
    threading.Timer(0.05, cancel.set).start()
    with pytest.raises(Cancelled):
        target.run("waits", timeout_s=3600, cancel=cancel)
    with pytest.raises(Cancelled):
        target.run("anything", timeout_s=1, cancel=cancel)
    with pytest.raises(AssertionError, match="nobody can cancel"):
        said(target, "waits")


def test_files_go_there_and_back(tmp_path: Path) -> None:
    target = FakeTarget(files={"/etc/hosts": b"old", "/data/x/y": FakeFile(data=b"12345", mode=0o600, mtime=7)})
    (tmp_path / "local").write_bytes(b"new")
    target.push([Outgoing(local=tmp_path / "local", remote="/etc/hosts", mode=0o755)])
    seen = target.stat("/etc/hosts")
    assert seen is not None
    assert (seen.mode, seen.size) == (stat.S_IFREG | 0o755, 3)
    assert seen.mtime == int((tmp_path / "local").stat().st_mtime)
    assert target.stat("/data/x/y") == RemoteStat(mode=stat.S_IFREG | 0o600, size=5, mtime=7)
    assert target.pull("/etc/hosts", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"new"
    assert target.files["/etc/hosts"].data == b"new"


def test_what_is_not_there_is_none_and_folders_are_known_by_their_files(tmp_path: Path) -> None:
    target = FakeTarget(files={"/data/x/y": b""})
    assert target.stat("/data/x/z") is None
    assert target.stat("/dat") is None
    assert not target.pull("/data/x/z", tmp_path / "z")
    assert list(tmp_path.iterdir()) == []
    for folder in ("/data", "/data/x", "/data/x/"):
        seen = target.stat(folder)
        assert seen is not None
        assert stat.S_ISDIR(seen.mode)
    with pytest.raises(CommandFailed, match="directory"):
        target.pull("/data/x", tmp_path / "x")


def test_the_nth_call_fails_and_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "local").write_bytes(b"x")
    target = FakeTarget({"a": ["1", "2"]}, faults={2: GONE, 3: GONE, 4: Hang.UNTIL_DEADLINE, 5: Hang.UNTIL_DEADLINE})
    assert said(target, "a") == b"1"
    with pytest.raises(DeviceLost):
        said(target, "a")
    with pytest.raises(DeviceLost):
        target.push([Outgoing(local=tmp_path / "local", remote="/x")])
    with pytest.raises(DeviceHung):
        target.stat("/x")
    with pytest.raises(DeviceHung):
        said(target, "a")
    assert target.stat("/x") is None
    assert said(target, "a") == b"2", "a call that failed has used up no answer"


def test_closing_is_remembered() -> None:
    target = FakeTarget()
    assert not target.closed
    target.close()
    assert target.closed


def test_the_examples_of_the_page_run(repository: Path) -> None:
    """The Python on the page is one program, from top to bottom; its functions `test_...` are run."""
    page = (repository / "docs" / "testing.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {"__name__": "docs.testing"}
    for block in blocks:
        exec(compile(block, "docs/testing.md", "exec"), names)
    tests = [found for name, found in names.items() if name.startswith("test_") and callable(found)]
    assert len(tests) >= 4
    for test in tests:
        test()
