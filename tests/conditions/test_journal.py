"""The journal and its scripts, run by this machine's shell on files that stand for a phone's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.conditions.journal import (
    Setting,
    SettingChange,
    apply_script,
    as_root,
    read_journal,
    read_script,
    read_values,
    restore_script,
)
from harness.devices.device_folder import JOURNAL


def file_setting(path: Path, key: str) -> Setting:
    return Setting(key=key, read=f"cat '{path}'", write=lambda value: f"printf '%s\\n' {value} >'{path}'")


def sh(script: str) -> str:
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Setting]:
    (tmp_path / "a").write_text("schedutil\n")
    (tmp_path / "b").write_text("300000\n2800000\n")
    names = {"governor:policy0": "a", "frequency:policy4": "b", "screen": "absent"}
    return {key: file_setting(tmp_path / name, key) for key, name in names.items()}


def test_what_is_there_is_read_and_what_is_not_is_left_out(settings: dict[str, Setting]) -> None:
    assert read_values(sh(read_script(list(settings.values())))) == {
        "governor:policy0": "schedutil",
        "frequency:policy4": "300000 2800000",
    }


def test_old_values_are_journalled_before_anything_changes(settings: dict[str, Setting], tmp_path: Path) -> None:
    setting = settings["governor:policy0"]
    dies = Setting(key=setting.key, read=setting.read, write=lambda value: "kill -9 $$")
    with pytest.raises(subprocess.CalledProcessError):
        sh(apply_script(str(tmp_path), [SettingChange(setting=dies, wanted="performance", old="schedutil")]))
    assert read_journal((tmp_path / JOURNAL).read_text()) == {"governor:policy0": "schedutil"}


def test_nothing_changes_where_the_journal_cannot_be_written(settings: dict[str, Setting], tmp_path: Path) -> None:
    (tmp_path / JOURNAL).mkdir()
    change = SettingChange(setting=settings["governor:policy0"], wanted="performance", old="schedutil")
    with pytest.raises(subprocess.CalledProcessError):
        sh(apply_script(str(tmp_path), [change]))
    assert (tmp_path / "a").read_text() == "schedutil\n"


def test_everything_goes_back_and_the_journal_is_gone(settings: dict[str, Setting], tmp_path: Path) -> None:
    del settings["screen"]
    script = apply_script(
        str(tmp_path),
        [
            SettingChange(setting=settings["governor:policy0"], wanted="performance", old="schedutil"),
            SettingChange(setting=settings["frequency:policy4"], wanted="5", old="300000 2800000"),
        ],
    )
    sh(script)
    assert (tmp_path / "a").read_text() == "performance\n"
    journal = read_journal((tmp_path / JOURNAL).read_text())
    assert sh(restore_script(str(tmp_path), settings, journal)) == "restored\n"
    assert (tmp_path / "a").read_text() == "schedutil\n"
    assert (tmp_path / "b").read_text() == "300000\n2800000\n"
    assert not (tmp_path / JOURNAL).exists()


def test_what_will_not_go_back_is_named_and_stays_journalled(settings: dict[str, Setting], tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("governor:policy0 interactive\n")
    stuck = {"governor:policy0": Setting(key="governor:policy0", read="echo other", write=lambda value: "true")}
    answer = sh(restore_script(str(tmp_path), stuck, {"governor:policy0": "interactive"}))
    assert answer == "left governor:policy0\n"
    assert (tmp_path / JOURNAL).exists()


def test_the_first_of_two_old_values_is_the_one_to_give_back() -> None:
    assert read_journal("screen Asleep\nscreen Awake\n") == {"screen": "Asleep"}


@pytest.mark.parametrize(
    "line", ["governor:policy0 $(reboot)", "governor:policy0 a;b", "x`y` 1", "GOVERNOR performance", "screen", " "]
)
def test_a_journal_holds_values_never_commands(line: str) -> None:
    assert read_journal(line) == {}


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    for values in (read_journal(text), read_values("=setting " + text)):
        assert all("'" not in value and "$" not in value for value in values.values())


def test_root_is_asked_with_one_quoted_word() -> None:
    assert as_root("", "echo a > b") == "echo a > b"
    assert as_root("su -c", "echo 'a' > b") == """su -c 'echo '"'"'a'"'"' > b'"""
