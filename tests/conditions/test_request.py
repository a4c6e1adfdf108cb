from __future__ import annotations

from pathlib import Path

import pytest

from harness.conditions.request import ConditionsRequest
from harness.errors import SuiteError
from harness.files.strict_yaml import load_yaml_model_from_text


def load(text: str) -> ConditionsRequest:
    return load_yaml_model_from_text(text, Path("conditions.yaml"), ConditionsRequest)


def test_by_default_nothing_is_changed_on_a_device() -> None:
    default = ConditionsRequest()
    assert not any((default.fixed_performance, default.stay_awake, default.airplane_mode, default.canary))
    assert (dict(default.governor), dict(default.frequency), default.task_profile, default.screen) == (
        {},
        {},
        None,
        None,
    )
    assert (default.thermal.max_status, default.battery.min_percent, default.load, default.idle_s) == (0, 10, None, 0)


def test_what_the_documentation_shows_is_valid() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "conditions.md").read_text()
    block = text.partition("```yaml\nconditions:\n")[2].partition("```")[0]
    request = load("\n".join(line[2:] for line in block.splitlines()))
    assert request.screen == "on", "a bare `on` is a word here"
    assert request.optional("governor")
    assert not request.optional("screen")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("thermal: {max_status: 7}", "thermal.max_status"),
        ("frequency: {big: fast}", "frequency.big"),
        ("frequency: {big: 0%}", "frequency.big"),
        ("governor: {big: 'a; reboot'}", "governor.big"),
        ("task_profile: $(reboot)", "task_profile"),
        ("load: {}", "load"),
        ("when_supported: [gpu]", "when_supported"),
        ("when_supported: [governor, governor]", "when_supported"),
        ("turbo: true", "turbo"),
    ],
)
def test_what_makes_no_sense_names_its_key(text: str, key: str) -> None:
    with pytest.raises(SuiteError) as caught:
        load(text)
    assert (caught.value.key or "").startswith(key)
