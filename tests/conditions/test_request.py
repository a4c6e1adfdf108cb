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


@pytest.mark.parametrize(
    ("key", "least", "most", "below", "above"),
    [
        ("thermal.max_status", "0", "6", "-1", "7"),
        ("thermal.wait_s", "0", "21600", "-0.001", "21600.001"),
        ("thermal.low_clock", "0.001", "1", "0", "1.001"),
        ("battery.min_percent", "0", "100", "-1", "101"),
        ("battery.wait_s", "0", "86400", "-0.001", "86400.001"),
        ("load.max", "0.001", "64", "0", "64.001"),
        ("idle_s", "0", "3600", "-0.001", "3600.001"),
        ("repeat_invalid", "0", "20", "-1", "21"),
    ],
)
def test_limits_belong_to_what_is_allowed(key: str, least: str, most: str, below: str, above: str) -> None:
    part, _, name = key.rpartition(".")
    pattern = f"{part}: {{{name}: %s}}" if part else f"{name}: %s"
    for value in (least, most):
        load(pattern % value)
    for value in (below, above):
        with pytest.raises(SuiteError) as caught:
            load(pattern % value)
        assert caught.value.key == key


def test_a_load_may_be_waited_for_up_to_six_hours() -> None:
    for value in ("0", "21600"):
        assert load(f"load: {{max: 1, wait_s: {value}}}").load is not None
    for value in ("-0.001", "21600.001"):
        with pytest.raises(SuiteError) as caught:
            load(f"load: {{max: 1, wait_s: {value}}}")
        assert caught.value.key == "load.wait_s"


def test_what_is_waited_for_by_default() -> None:
    default = load("load: {max: 1}")
    assert (default.thermal.wait_s, default.thermal.low_clock, default.thermal.below_c) == (300, 0.9, None)
    assert (default.battery.wait_s, default.repeat_invalid) == (0, 2)
    assert default.load is not None
    assert default.load.wait_s == 60


@pytest.mark.parametrize("value", [".nan", ".inf"])
def test_what_is_no_number_is_no_temperature(value: str) -> None:
    with pytest.raises(SuiteError):
        load(f"thermal: {{below_c: {value}}}")


@pytest.mark.parametrize("clock", ["1", "1%", "99%", "100%", "max", "min"])
def test_clocks_that_can_be_asked_for(clock: str) -> None:
    assert load(f"frequency: {{big: {clock}}}").frequency


@pytest.mark.parametrize("clock", ["0", "101%", "-5", "1.5%"])
def test_clocks_that_no_device_has(clock: str) -> None:
    with pytest.raises(SuiteError):
        load(f"frequency: {{big: {clock}}}")


def test_a_screen_is_on_or_off_whether_yaml_takes_it_for_a_word_or_not() -> None:
    words = [load(f"screen: {text}").screen for text in ("on", "off", "'on'", "'off'", "null")]
    assert words == ["on", "off", "on", "off", None]


def test_what_a_device_may_lack() -> None:
    assert not load("{}").optional("governor")
    assert load("when_supported: true").optional("governor")
    listed = load("when_supported: [screen, battery]")
    assert [listed.optional(name) for name in ("screen", "battery", "governor")] == [True, True, False]
