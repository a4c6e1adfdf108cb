from __future__ import annotations

from pathlib import Path

import pytest

from harness.analysis.cells import key_of
from harness.devices.topology import build_topology
from harness.errors import SuiteError
from harness.records import BinaryRequest, ModelRef
from harness.suite.expand import DevicePlan, Expansion, expand
from harness.suite.suite_file import Suite, load_suite

MODELS = (ModelRef(name="m", path="m", sha256="a" * 64, size_bytes=1),)
DEVICE = DevicePlan(
    serial="one",
    topology=build_topology(present="0-3", online="0-3", capacities={}, max_frequencies_khz={}),
    cpu_sets={},
)


def expanded(**keys: object) -> Expansion:
    suite = Suite.model_validate(
        {"suite": "s", "models": ["x"], "delegates": ["cpu", "xnnpack"], "processes": 3, **keys}
    )
    return expand(suite, MODELS, [DEVICE], seed=1)


def loaded(folder: Path, text: str) -> Suite:
    (folder / "m.tflite").touch()
    (folder / "s.yaml").write_text(f"suite: s\nmodels: [m.tflite]\n{text}")
    return load_suite(folder / "s.yaml").suite


def test_each_block_holds_every_binary_once() -> None:
    trials = expanded(binaries=["a", "b"]).trials
    assert len(trials) == 3 * 2 * 2
    for block in range(3):
        asked = [(trial.delegate.name, trial.binary) for trial in trials if trial.block == block]
        assert sorted(asked) == [("cpu", "a"), ("cpu", "b"), ("xnnpack", "a"), ("xnnpack", "b")]
    assert len({trial.trial_id for trial in trials}) == len(trials)
    assert len({key_of(trial) for trial in trials}) == 4


def test_without_binaries_nothing_changes() -> None:
    plain, named = expanded(), expanded(binaries=["a"])
    assert {trial.binary for trial in plain.trials} == {None}
    assert {key_of(trial).binary for trial in plain.trials} == {""}
    assert not {trial.trial_id for trial in plain.trials} & {trial.trial_id for trial in named.trials}


def test_words_and_files_become_requests(tmp_path: Path) -> None:
    suite = loaded(tmp_path, "binaries: [v2.19.0, 12345678, {name: a, use: mine}, {name: b, path: [x/one, /two]}]\n")
    assert suite.binary_requests(Path("/suites")) == (
        BinaryRequest(name="v2.19.0", use="v2.19.0"),
        BinaryRequest(name="12345678", use="12345678"),  # a hash of digits stays text
        BinaryRequest(name="a", use="mine"),
        BinaryRequest(name="b", paths=("/suites/x/one", "/two")),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("binaries: [a, a]", "two binaries are called 'a'"),
        ("binaries: [a, {name: a, use: b}]", "two binaries are called 'a'"),
        ("binaries: ['']", "no name"),
        ("binaries: [{name: a}]", "either `use` or `path`"),
        ("binaries: [{name: a, use: b, path: c}]", "either `use` or `path`"),
        ("binaries: [{name: a, pth: c}]", "pth"),
        ("binaries: a", "binaries"),
    ],
)
def test_mistakes_name_the_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SuiteError, match=r"s\.yaml:3") as caught:
        loaded(tmp_path, text + "\n")
    assert words in str(caught.value)


def test_a_baseline_may_name_a_binary(tmp_path: Path) -> None:
    assert loaded(tmp_path, "binaries: [a, b]\nbaseline: {binary: a}\n").baseline == {"binary": "a"}
