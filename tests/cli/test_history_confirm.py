"""What `harness history confirm` and `check --confirm` refuse, and how answers are put into words. The experiments: tests/experiments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.formats.confirmation_words import ConfirmationFacts, confirmation_document, confirmation_lines
from harness.history.change_log import known_changes
from harness.history.database import open_history
from tests.cli.running import harness, no_traceback
from tests.cli.test_history_check import STEP, check, history, noisy
from tests.experiments.changes_made_up import KEY, change, night
from tests.history.made_up_history import key

NIGHTS = [night(0), night(1, binary="new")]


def test_a_group_names_its_changes(tmp_path: Path) -> None:
    slower = [noisy(1.06, key(device), seed=number, binaries={STEP: "c" * 64}) for number, device in enumerate("AB")]
    database = history(tmp_path, *slower)
    check(database)
    with open_history(str(database)) as db, db.read() as connection:
        known = known_changes(connection)
    assert len({one.group for one in known}) == 1
    done = harness("history", "confirm", known[0].group, "--database", database)
    no_traceback(done)
    assert done.returncode == 2
    assert f"{known[0].group} is a group of 2 changes" in done.stderr
    assert all(one.id in done.stderr for one in known)


def test_a_budget_is_for_experiments(tmp_path: Path) -> None:
    database = history(tmp_path, noisy())
    done = harness("history", "check", "--budget", 60, "--database", database)
    assert (done.returncode, "--budget goes with --confirm" in done.stderr) == (2, True)


def test_what_cannot_be_tried_is_told_and_the_check_goes_on(tmp_path: Path) -> None:
    database = history(tmp_path, noisy(1.06, binaries={STEP: "c" * 64}))
    code, document = check(database, "--confirm")
    assert code == 0
    (experiment,) = document["experiments"]
    assert (experiment["answer"], experiment["verdict"]) == ("not tried", "suspected")
    assert "the run folders of both nights are gone" in experiment["reason"]
    assert any("are gone" in note for note in document["changes"][0]["notes"])


def test_a_hostile_name_in_a_refusal_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    database = history(tmp_path, noisy(1.06, key("R5CT1", "m\x1b[2J\nharness: all is well"), binaries={STEP: "c" * 64}))
    _, document = check(database)
    done = harness("history", "confirm", document["changes"][0]["id"], "--database", database)
    assert done.returncode == 3
    first, remedy = done.stderr.splitlines()
    assert "m\\x1b[2J\\nharness: all is well" in first
    assert "harness history add RUN" in remedy


def test_there_is_no_history_yet(tmp_path: Path) -> None:
    done = harness("history", "confirm", "c1", "--database", tmp_path / "none.db")
    assert done.returncode == 2
    assert "holds no history yet" in done.stderr
    assert not (tmp_path / "none.db").exists()


def told(**given: object) -> list[str]:
    facts = ConfirmationFacts(
        change=change(NIGHTS, 1, key=replace(KEY, model="m\x1b[2J\n")),
        answer="confirmed",
        reason="it is slower",
        ratio=1.1,
        ci_low=1.05,
        ci_high=1.15,
        device_s=61.7,
        run_path="/runs/\x07",
        old=NIGHTS[0],
        new=NIGHTS[1],
        notes=("a note\r",),
    )
    return confirmation_lines(replace(facts, **given))  # type: ignore[arg-type]


def test_an_answer_in_words() -> None:
    lines = told()
    assert lines[0].startswith("c1 confirmed: average latency of m\\x1b[2J\\n on R5CT1 cpu")
    assert "  new over old: +10.0 % (+5.0 % to +15.0 %), in 62 s on the device" in lines
    assert "  suspected: +10.0 % (+8.0 % to +12.0 %) since 2026-08-02" in lines
    (binary,) = [line for line in lines if line.startswith("  binary: ")]
    assert binary == f"  binary: {NIGHTS[0].binary_sha256[:12]} -> {NIGHTS[1].binary_sha256[:12]}"
    assert not any(line.startswith("  model: ") for line in lines)
    assert all(line.isprintable() for line in lines)


def test_no_answer_in_words() -> None:
    lines = told(answer="not tried", ratio=None, old=None, new=None, run_path=None, notes=(), reason="a file is gone")
    assert [line.split(":")[0] for line in lines] == ["c1 not tried", "  suspected", "  a file is gone"]
    facts = ConfirmationFacts(change=change(NIGHTS, 1), answer="not tried", reason="a file is gone")
    document = confirmation_document(facts)
    assert (document["old"], document["ratio"], document["verdict"]) == (None, None, "suspected")
