"""Clocks and governors: what a policy offers, which clock is meant, and what is written."""

from __future__ import annotations

import pytest

from harness.conditions.cpufreq import choose_clock, frequency, governor, read_available, written_files

CLOCKS_KHZ = (300_000, 576_000, 1_248_000, 1_804_800)


@pytest.mark.parametrize(
    ("asked", "khz"),
    [
        ("max", 1_804_800),
        ("min", 300_000),
        ("100%", 1_804_800),
        ("99%", 1_248_000),
        ("70%", 1_248_000),
        # 17 % of 1804800 kHz are 306816.
        ("17%", 300_000),
        (1_248_000, 1_248_000),
        (1_247_999, 576_000),
        (300_000, 300_000),
        (9_999_999, 1_804_800),
    ],
)
def test_the_highest_clock_that_is_not_above_what_was_asked(asked: int | str, khz: int) -> None:
    assert choose_clock(asked, CLOCKS_KHZ) == khz


@pytest.mark.parametrize("asked", [299_999, "16%"])
def test_no_clock_is_low_enough(asked: int | str) -> None:
    with pytest.raises(ValueError, match="the lowest clock is 300000 kHz"):
        choose_clock(asked, CLOCKS_KHZ)


def test_clocks_are_read_by_policy_ascending() -> None:
    text = """=clocks 0 1804800 300000 1248000
=bounds 0 300000 1804800
=clocks 4
=bounds 4 710400 2803200
=clocks 7
=bounds 7
"""
    assert read_available(text) == {0: (300_000, 1_248_000, 1_804_800), 4: (710_400, 2_803_200)}


@pytest.mark.parametrize(
    "line", ["", "=clocks", "=clocks x 300000", "=other 0 300000", "=clocks 0 -1", "=clocks 0 1234567890"]
)
def test_what_is_no_clock_is_passed_over(line: str) -> None:
    assert read_available(line) == {}


def test_a_clock_has_nine_digits_at_most() -> None:
    assert read_available("=clocks 0 123456789") == {0: (123_456_789,)}


def test_what_is_written_is_the_policy_s_own_file() -> None:
    folder = "/sys/devices/system/cpu/cpufreq"
    assert written_files([0, 6]) == {
        "governor": [f"{folder}/policy0/scaling_governor", f"{folder}/policy6/scaling_governor"],
        "frequency": [
            f"{folder}/policy0/scaling_min_freq",
            f"{folder}/policy0/scaling_max_freq",
            f"{folder}/policy6/scaling_min_freq",
            f"{folder}/policy6/scaling_max_freq",
        ],
    }
    setting = governor(6, "")
    assert (setting.key, setting.condition) == ("governor:policy6", "governor")
    assert setting.write("performance") == f"echo performance > {folder}/policy6/scaling_governor"


def test_either_direction_of_both_limits_passes() -> None:
    """The kernel refuses a lowest clock above the highest: the lowest is written first and last."""
    folder = "/sys/devices/system/cpu/cpufreq/policy4"
    assert frequency(4, "").write("710400 1401600") == (
        f"echo 710400 > {folder}/scaling_min_freq; echo 1401600 > {folder}/scaling_max_freq; "
        f"echo 710400 > {folder}/scaling_min_freq"
    )
