"""The turns of LiteRT-LM's block: none, several, or a block that was cut before its end."""

from __future__ import annotations

from typing import Any

import pytest

from harness.benchmark_model.language_model import _seconds
from tests.benchmark_model.foreign.logs import read

RULE = "--------------------------------------------------\n"
HEAD = f"BenchmarkInfo:\n  Init Phases (1):\n    - Executor: 1787.68 ms\n    Total init time: 1922.03 ms\n{RULE}"
FIRST = f"  Time to first token: 2.40 s\n{RULE}"


def phase(name: str, *turns: tuple[int, str, float]) -> str:
    lines = [f"  {name} Turns (Total {len(turns)} turns):\n"]
    for number, (tokens, duration, speed) in enumerate(turns, 1):
        lines += [
            f"    {name} Turn {number}: Processed {tokens} tokens in {duration} duration.\n",
            f"      {name} Speed: {speed:.2f} tokens/sec.\n",
        ]
    return "".join(lines if turns else [*lines, f"    No {name.lower()} turns recorded.\n"]) + RULE


PREFILL = phase("Prefill", (18, "2.311920273s", 7.79))
DECODE = phase("Decode", (62, "5.53092314s", 11.21))


def llm(got: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(got["llm"][key] for key in ("prefill_tokens", "prefill_tps", "decode_tokens", "decode_tps"))


def test_a_whole_block_without_a_turn_is_this_tool_s_and_not_cut() -> None:
    zero = HEAD + FIRST.replace("2.40", "0.00") + phase("Prefill") + phase("Decode") + RULE
    got = read(zero)
    assert (got["tool"], got["status"], got["causes"]) == ("litert_lm", "failed", ["unknown"])
    assert got["message"] == "no prefill and no decode turn is recorded: no token was processed"
    assert (llm(got), got["llm"]["init_us"], got["llm"]["ttft_ms"]) == ((None, None, None, None), 1922030, None)


def test_one_phase_may_be_empty() -> None:
    got = read(HEAD + FIRST + PREFILL + phase("Decode"))
    assert (got["status"], llm(got)) == ("ok", (18, 7.79, None, None))


BLOCK = HEAD + FIRST + PREFILL + DECODE


@pytest.mark.parametrize(
    "end", ["  Prefill Turns", "      Prefill Speed", "  Decode Turns", "    Decode Turn 1", "      Decode Speed"]
)
def test_a_block_that_is_cut_is_not_ok(end: str) -> None:
    got = read(BLOCK[: BLOCK.index(end)])
    assert (got["tool"], got["status"], got["causes"]) == ("litert_lm", "failed", ["truncated_output"])
    assert read(BLOCK)["status"] == "ok"


def test_a_turn_that_is_announced_and_missing() -> None:
    two = phase("Decode", (62, "5.5s", 11.27), (10, "1s", 10.0))
    cut = HEAD + FIRST + PREFILL + two[: two.index("    Decode Turn 2")]
    assert read(cut)["causes"] == ["truncated_output"]


@pytest.mark.parametrize("second", ["1s", "1.0s", "1000ms", "1000000us", "0m1s"])
def test_tokens_and_times_of_several_turns_are_summed(second: str) -> None:
    several = phase("Prefill", (18, "2.311920273s", 7.79), (100, second, 100.0))
    got = read(HEAD + FIRST + several + DECODE)
    assert (got["status"], llm(got)) == ("ok", (118, pytest.approx(118 / 3.311920273, abs=1e-4), 62, 11.21))
    assert got["notes"] == ["prefill: tokens and times of 2 turns are summed"]


def test_a_time_that_cannot_be_read_comes_from_the_speed() -> None:
    odd = phase("Prefill", (50, "a-while", 100.0), (50, "1s", 50.0))
    assert llm(read(HEAD + FIRST + odd + DECODE))[:2] == (100, pytest.approx(100 / 1.5, abs=1e-4))
    none = phase("Prefill", (50, "a-while", 0.0), (50, "1s", 50.0))
    assert llm(read(HEAD + FIRST + none + DECODE))[:2] == (100, None)


def test_turns_of_two_blocks_are_not_summed() -> None:
    got = read(BLOCK + BLOCK.replace("18 tokens", "20 tokens"))
    assert (llm(got)[0], got["notes"]) == (20, ["the output holds 2 blocks of results; only the last is read"])
    headless = PREFILL + DECODE
    assert llm(read(headless + headless.replace("18 tokens", "20 tokens")))[0] == 20


def test_turns_that_took_no_time_have_no_speed() -> None:
    got = read(HEAD + FIRST + PREFILL + phase("Decode", (62, "0s", 11.27), (10, "0s", 10.0)))
    assert llm(got) == (18, 7.79, 72, None)


@pytest.mark.parametrize(
    ("printed", "seconds"),
    [
        ("2.311920273s", 2.311920273),
        ("911.25ms", 0.91125),
        ("250us", 0.00025),
        ("40ns", 0.00000004),
        ("1m2.5s", 62.5),
        ("1h1m1s", 3661.0),
        ("2h", 7200.0),
        ("0", None),
        ("inf", None),
        ("-1s", None),
        ("1s and more", None),
        ("", None),
    ],
)
def test_durations_as_absl_prints_them(printed: str, seconds: float | None) -> None:
    assert _seconds(printed) == (None if seconds is None else pytest.approx(seconds))
