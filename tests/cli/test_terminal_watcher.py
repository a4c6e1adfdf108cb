from __future__ import annotations

import pytest

from harness.cli.terminal_watcher import TerminalWatcher
from harness.records import Status
from tests.analysis.made_up import result


def test_stdout_is_left_to_the_answer(capfd: pytest.CaptureFixture[str]) -> None:
    watcher = TerminalWatcher()
    with watcher.phase("adding runs/[/red]"):  # a folder's name is no markup
        watcher.advanced(1, 3)
    watcher.advanced(2, 3)
    watcher.notice("left out: R5CT1 is offline")
    watcher.warning("R5CT1: it has no GPU delegate")
    with watcher.measuring(2, 0, None):
        watcher.started(result(1000.0).trial)
        watcher.finished(result(1000.0))
        watcher.note("R5CT1", "is well again")
        watcher.finished(result(None, status=Status.FAILED))
    out, err = capfd.readouterr()
    assert out == ""
    left_out, warning, first, note, second = err.splitlines()
    assert (left_out, warning) == ("left out: R5CT1 is offline", "warning: R5CT1: it has no GPU delegate")
    assert first.startswith("1/2 ")
    assert note == "R5CT1 is well again"
    assert second.startswith("2/2 ")
