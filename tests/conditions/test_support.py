"""Which conditions a device supports, read from its answers."""

from __future__ import annotations

import pytest

from harness.conditions.support import read_support, support_script

ASKED_OF_ALL = {"stay_awake", "screen", "task_profile", "thermal_status", "battery", "load"}


def probed(*, api_level: int | None, root: str | None, policies: tuple[int, ...]) -> set[str]:
    """The conditions that the script asks for."""
    script = support_script("/data/local/tmp/ours", api_level=api_level, root=root, policies=policies)
    return {line.split('"')[1].removeprefix("=can ") for line in script.splitlines() if line.startswith('echo "=can ')}


@pytest.mark.parametrize(
    ("api_level", "root", "policies", "more"),
    [
        (None, None, (), set()),
        (29, None, (0,), set()),
        (30, None, (0,), {"airplane_mode", "fixed_performance"}),
        (34, None, (0,), {"airplane_mode", "fixed_performance"}),
        (29, "su -c", (0, 4), {"governor", "frequency"}),
        (29, "", (0, 4), {"governor", "frequency"}),
        (29, "su -c", (), set()),
    ],
)
def test_only_what_it_could_have_is_asked_for(
    api_level: int | None, root: str | None, policies: tuple[int, ...], more: set[str]
) -> None:
    assert probed(api_level=api_level, root=root, policies=policies) == ASKED_OF_ALL | more


def test_all_files_of_all_policies_must_be_writable() -> None:
    script = support_script("/ours", api_level=29, root="", policies=(0, 4))
    folder = "/sys/devices/system/cpu/cpufreq"
    assert (
        f"[ -w {folder}/policy0/scaling_governor ] && [ -w {folder}/policy4/scaling_governor ] && echo yes;" in script
    )


def test_an_answer_is_yes_or_in_use_or_none() -> None:
    text = "=can screen yes\n=can fixed_performance in use\n=can battery no\n=can load \nnoise\n=can governor yes\n"
    found = read_support(text, api_level=30, root="su -c", temperature=True)
    assert {name for name, reason in found.items() if reason is None} == {
        *("temperature", "screen", "fixed_performance", "governor")
    }
    assert found["battery"] == found["load"] == found["frequency"] == "the device refuses it"


@pytest.mark.parametrize(
    ("api_level", "root", "expected"),
    [
        (None, None, ("needs Android 11", "needs root")),
        (29, None, ("needs Android 11", "needs root")),
        (30, None, ("the device refuses it", "needs root")),
        (30, "", ("the device refuses it", "the device refuses it")),
    ],
)
def test_a_reason_names_what_is_missing_first(
    api_level: int | None, root: str | None, expected: tuple[str, str]
) -> None:
    found = read_support("", api_level=api_level, root=root, temperature=False)
    assert (found["airplane_mode"], found["governor"]) == expected
    assert (found["fixed_performance"], found["frequency"]) == expected
    assert found["temperature"] == "no temperature can be read"
    assert found["screen"] == "the device refuses it"
