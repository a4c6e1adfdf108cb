from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest

from harness.analysis.samples import MIN_BLOCKS
from harness.errors import SuiteError, UsageError
from harness.records import ModelInput, Purpose
from harness.records.adaptive_decisions import AdaptivePlan
from harness.suite.suite_file import LoadedSuite, Suite, find_suite, load_suite

HEAD = "suite: s\nmodels: [m.tflite]\n"


def write(folder: Path, text: str, *names: str) -> Path:
    for name in names or ("m.tflite",):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.fsencode(name))
    file = folder / "s.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def load(folder: Path, text: str, *names: str) -> LoadedSuite:
    return load_suite(write(folder, text, *names))


def test_everything_but_name_and_models_has_a_default(tmp_path: Path) -> None:
    suite = load(tmp_path, HEAD).suite
    assert (suite.devices, suite.threads, suite.cpus, suite.processes) == ("any", [1], ["all"], 10)
    assert [request.name for request in suite.delegate_requests()] == ["xnnpack"]


def test_the_contracts_example_is_read(tmp_path: Path) -> None:
    text = """
suite: delegates-on-phones
models:
  - models/mobilenet_v2_*.tflite
  - {path: other.tflite, name: another}
devices: {match: {soc: "Tensor G3"}}
delegates: [cpu, xnnpack, {name: gpu, precision: fp16, require: full}, nnapi]
threads: [1, 4]
cpus: [big, all, f0, 0-3]
purposes: [latency, profile]
processes: 5
run: {min_runs: 50, min_s: 1, max_s: 30, warmup_runs: 1, warmup_s: 0.5, timeout_s: 120}
order: {interleave: true, seed: 7}
baseline: {delegate: cpu}
"""
    loaded = load(tmp_path, text, "models/mobilenet_v2_a.tflite", "models/mobilenet_v2_b.tflite", "other.tflite")
    assert [model.name for model in loaded.models] == ["mobilenet_v2_a", "mobilenet_v2_b", "another"]
    gpu = loaded.suite.delegate_requests()[2]
    assert (gpu.label, gpu.require) == ("gpu(precision=fp16)", "full")


def test_masks_stay_as_written(tmp_path: Path) -> None:
    assert load(tmp_path, HEAD + "cpus: [80, 010, f0, 0e1, 0-3]\n").suite.cpus == ["80", "010", "f0", "0e1", "0-3"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (HEAD + "delegate: [cpu]\n", 3, ["delegate", "delegates"]),
        (HEAD + "run: {min_run: 3}\n", 3, ["run.min_run", "min_runs"]),
        (HEAD + "run:\n  min_s: 5\n  max_s: 2\n", 3, ["max_s", "min_s"]),
        (HEAD + "threads: [0]\n", 3, ["threads"]),
        (HEAD + "threads: [1, 1]\n", 3, ["twice"]),
        (HEAD + "delegates: [cpu, gpux]\n", 3, ["gpux", "xnnpack"]),
        (HEAD + "delegates:\n  - cpu\n  - {name: gpu, precisoin: fp16}\n", 5, ["precisoin", "precision"]),
        (HEAD + "delegates: [{name: gpu, precision: fp8}]\n", 3, ["fp8", "fp16"]),
        (HEAD + "delegates: [{name: external}]\n", 3, ["path"]),
        (HEAD + "delegates: [gpu, {name: gpu, require: full}]\n", 3, ["'gpu'", "twice"]),
        (HEAD + "start: [warm, icy]\n", 3, ["icy", "warm"]),
        (HEAD + "start: [cold, cold]\n", 3, ["twice"]),
        (HEAD + "synthetic: no\n", 3, ["synthetic"]),
        (HEAD + "delegates: [{name: xnnpack, weight_cache: /c}]\nstart: [cold]\n", 4, ["weight_cache", "start"]),
        (HEAD + "purposes: [latencies]\n", 3, ["latencies", "latency"]),
        (HEAD + "processes: many\n", 3, ["processes"]),
        (HEAD + "suite: again\n", 3, ["twice"]),
        ("suite: s\n", 1, ["models"]),
        ("suite: s\nmodels: []\n", 2, ["models"]),
        ("suite: s\nmodels:\n  - m.tflite\n  - nothing_*.tflite\n", 4, ["nothing_*.tflite", "no file matches"]),
        ("suite: s\nmodels: [n.tflite]\n", 2, ["n.tflite", "m.tflite"]),
        ("suite: [\n", 2, ["YAML"]),
        ("", None, ["empty"]),
        (HEAD + "baseline: {delegat: cpu}\n", 3, ["delegat"]),
    ],
)
def test_mistakes_name_file_line_key_and_remedy(tmp_path: Path, text: str, line: int | None, words: list[str]) -> None:
    file = write(tmp_path, text)
    with pytest.raises(SuiteError) as caught:
        load_suite(file)
    message = str(caught.value)
    assert message.startswith(str(file))
    assert caught.value.line == line
    for word in words:
        assert word in message
    assert "\n" not in message


TWO = HEAD + "delegates: [cpu, xnnpack]\n"
BASELINE = "baseline: {delegate: cpu}\n"


def test_the_number_of_processes_may_be_left_to_the_ratios(tmp_path: Path) -> None:
    text = TWO + BASELINE + "processes: {min: 6, max: 40, until: 1.5%, device_s: 1800}\n"
    entry = load(tmp_path, text).suite.adaptive
    assert entry is not None
    assert entry.plan() == AdaptivePlan(min_blocks=6, max_blocks=40, until=0.015, device_s=1800)
    entry = load(tmp_path, TWO + BASELINE + "processes: {until: 0.03}\n").suite.adaptive
    assert entry is not None
    assert entry.plan() == AdaptivePlan(min_blocks=5, max_blocks=30, until=0.03, device_s=None)
    assert load(tmp_path, HEAD + "processes: 7\n").suite.adaptive is None


def test_each_purpose_may_have_its_own_number_of_processes(tmp_path: Path) -> None:
    asked = "purposes: [latency, profile, memory]\n"
    suite = load(tmp_path, HEAD + asked + "processes: {latency: 8, profile: 3, memory: 5}\n").suite
    assert [suite.most_processes(purpose) for purpose in Purpose] == [8, 3, 5, 1]
    suite = load(tmp_path, HEAD + asked + "processes: {memory: 5}\n").suite
    assert [suite.most_processes(purpose) for purpose in Purpose] == [10, 1, 5, 1]
    suite = load(tmp_path, HEAD + asked + "processes: 4\n").suite
    assert [suite.most_processes(purpose) for purpose in Purpose] == [4, 1, 1, 1]
    text = TWO + BASELINE + asked + "processes: {latency: {min: 6, until: 3%}, memory: 5}\n"
    suite = load(tmp_path, text).suite
    assert suite.adaptive is not None
    assert suite.adaptive.plan() == AdaptivePlan(min_blocks=6, max_blocks=30, until=0.03, device_s=None)
    assert [suite.most_processes(purpose) for purpose in Purpose] == [30, 1, 5, 1]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (HEAD + "processes: {memory: 5}\n", 3, ["processes", "memory", "`purposes`"]),
        (HEAD + "processes: {latency: 0}\n", 3, ["processes.latency", "greater than or equal to 1"]),
        (HEAD + "processes:\n  latency: 3\n  profil: 5\n", 5, ["processes.profil", "`profile`"]),
        (HEAD + "processes: {memry: 5}\n", 3, ["processes.memry", "`memory`"]),
        (HEAD + "processes: {latency: 5, min: 5}\n", 3, ["processes.min", "latency, profile, memory"]),
        (HEAD + "processes: {latency: {maxi: 9}}\n", 3, ["processes.latency.maxi", "`max`"]),
        (TWO + "processes: {latency: {until: 2%}}\n", 4, ["processes", "baseline"]),
    ],
)
def test_processes_by_purpose_that_cannot_be(tmp_path: Path, text: str, line: int, words: list[str]) -> None:
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, text)
    assert caught.value.line == line
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (TWO + BASELINE + "processes: {min: 4}\n", 5, ["processes.min", "5", "4"]),
        (TWO + BASELINE + "processes:\n  min: 5\n  max: 999\n", 7, ["processes.max", "200"]),
        (TWO + BASELINE + "processes: {min: 9, max: 8}\n", 5, ["max (8)", "min (9)"]),
        (TWO + BASELINE + "processes: {until: 200%}\n", 5, ["processes.until", "less than 1"]),
        (TWO + BASELINE + "processes: {until: 0}\n", 5, ["processes.until", "greater than 0"]),
        (TWO + BASELINE + "processes: {until: two}\n", 5, ["processes.until", "2%", "two"]),
        (TWO + BASELINE + "processes: {until: true}\n", 5, ["processes.until", "2%"]),
        (TWO + BASELINE + "processes: {device_s: 0}\n", 5, ["processes.device_s"]),
        (TWO + BASELINE + "processes: {maximum: 9}\n", 5, ["processes.maximum", "`max`"]),
        (TWO + "processes: {until: 2%}\n", 4, ["processes", "baseline", "delegate: cpu"]),
        (TWO + "processes: {until: 2%}\nbaseline: {device: a}\n", 5, ["baseline", "device"]),
        (TWO + "processes: {until: 2%}\nbaseline: {delegate: gpu}\n", 5, ["baseline", "'gpu'", "xnnpack"]),
        (TWO + "processes: {until: 2%}\nbaseline: {binary: old}\n", 5, ["baseline", "'old'", "names no binary"]),
        (TWO + "processes: {until: 2%}\nbaseline: {threads: 1}\n", 5, ["baseline", "every cell has threads 1"]),
        (TWO + BASELINE + "processes: {until: 2%}\norder: {interleave: false}\n", 6, ["order", "blocks"]),
        (TWO + BASELINE + "processes: {until: 2%}\npurposes: [profile]\n", 6, ["purposes", "latency"]),
    ],
)
def test_an_adaptive_suite_that_cannot_work_is_refused(tmp_path: Path, text: str, line: int, words: list[str]) -> None:
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, text)
    assert caught.value.line == line
    for word in words:
        assert word in str(caught.value)


def test_the_limits_of_an_adaptive_suite_are_those_of_its_statistics() -> None:
    properties = Suite.model_json_schema()["$defs"]["AdaptiveEntry"]["properties"]
    for name in ("min", "max"):
        assert (properties[name]["minimum"], properties[name]["maximum"]) == (MIN_BLOCKS, 200)
    assert [properties[name]["default"] for name in ("min", "max", "until")] == [5, 30, 0.02]


def test_all_mistakes_of_a_suite_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, HEAD + "threads: [0, 010]\nrun: {min_run: 3}\ncpus: [010]\n")
    assert sorted((one.line, one.key) for one in (caught.value, *caught.value.further)) == [
        (3, "threads[0]"),
        (3, "threads[1]"),
        (4, "run.min_run"),
    ]
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, HEAD + "threads: [0]\ndelegates: [gpux]\nrun: {min_run: 3}\n")
    assert [one.line for one in (caught.value, *caught.value.further)] == [3, 4, 5]
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, "suite: s\nmodels:\n  - none.tflite\n  - m.tflite\n  - not_*.tflite\n")
    assert [one.key for one in (caught.value, *caught.value.further)] == ["models[0]", "models[2]"]


MISTAKES = {
    "models": "models: [m.tflite, gone.tflite]",
    "cpus": "cpus: [all, '3-0']",
    "threads": "threads: [010]",
    "delegates": "delegates: [foo]",
    "conditions": "conditions: {bogus: 1}",
    "run": "run: {min_runs: 3, min_runs: 4}",
    "baseline": "baseline: {binary: old}",
    "order": "order: {seed: 007}",
    "stray": "stray: 1",
}


@pytest.mark.parametrize("left_out", [None, *MISTAKES])
def test_no_mistake_hides_another_of_another_kind(tmp_path: Path, left_out: str | None) -> None:
    lines = [text for key, text in MISTAKES.items() if key != left_out]
    keys = [key for key in MISTAKES if key != left_out]
    if left_out == "models":
        lines, keys = ["models: m.tflite", *lines], ["models", *keys]
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, "\n".join(["suite: s", *lines]) + "\n", "m.tflite")
    found = [(one.line, re.split(r"[.\[]", one.key or "")[0]) for one in (caught.value, *caught.value.further)]
    assert found == list(enumerate(keys, 2))


@pytest.mark.parametrize(
    ("baseline", "wrong", "keys"),
    [
        ("{delegate: gpu}", "threads: [0]", ["threads[0]", "baseline"]),
        ("{delegate: gpu}", "delegates: [foo]", ["delegates"]),
        ("{model: gone}", "models: [gone.tflite]", ["models[0]"]),
        ("{threads: 2}", "processes: {min: 5, until: 2%}\nthreads: [1]\nstray: 1", ["stray", "baseline"]),
    ],
)
def test_a_baseline_is_judged_by_the_keys_that_are_right(
    tmp_path: Path, baseline: str, wrong: str, keys: list[str]
) -> None:
    models = "" if wrong.startswith("models") else "models: [m.tflite]\n"
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, f"suite: s\n{models}{wrong}\nbaseline: {baseline}\n", "m.tflite")
    assert [one.key for one in (caught.value, *caught.value.further)] == keys


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="two models are called 'm'"):
        load(tmp_path, "suite: s\nmodels: [a/m.tflite, b/m.tflite]\n", "a/m.tflite", "b/m.tflite")


@pytest.mark.parametrize(
    "name", ["a b.tflite", "it's.tflite", "$(touch x).tflite", "<script>.tflite", "模型 🚀.tflite", "a[1].tflite"]
)
def test_hostile_names_are_only_names(tmp_path: Path, name: str) -> None:
    loaded = load(tmp_path, f"suite: s\nmodels: [{json.dumps(name, ensure_ascii=False)}]\n", name)
    assert [model.name for model in loaded.models] == [name.removesuffix(".tflite")]
    by_glob = load(tmp_path, "suite: s\nmodels: ['*.tflite']\n", name)
    assert name.removesuffix(".tflite") in [model.name for model in by_glob.models]


def test_a_file_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="not UTF-8"):
        load(tmp_path, "suite: s\nmodels: ['*.tflite']\n", "m\udcff.tflite")


def test_a_folder_with_brackets_does_not_confuse_the_glob(tmp_path: Path) -> None:
    folder = tmp_path / "a[b]"
    folder.mkdir()
    assert len(load(folder, "suite: s\nmodels: ['*.tflite']\n", "m.tflite").models) == 1


def test_shipped_suites_are_found_from_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("suites/quickstart.yaml", "quickstart", "quickstart.yaml"):
        assert load_suite(find_suite(name)).suite.suite == "quickstart"
    with pytest.raises(UsageError, match=r"quickstart\.yaml"):
        find_suite("suites/nothing.yaml")


def test_the_schema_accepts_what_the_loader_accepts(tmp_path: Path, repository: Path) -> None:
    import yaml

    schema = Suite.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = yaml.safe_load((repository / "suites" / "quickstart.yaml").read_text())
    jsonschema.validate(document, schema)
    for until in ("2%", "1.5 %", 0.02):
        jsonschema.validate({**document, "processes": {"min": 5, "max": 30, "until": until, "device_s": 60}}, schema)
    for processes in (3, {"latency": 5, "memory": 5}, {"latency": {"until": "2%"}, "profile": 2}):
        jsonschema.validate({**document, "processes": processes}, schema)
    for wrong in (
        {"processes": {"latency": 0}},
        {"delegate": ["cpu"]},
        {"processes": {"until": "two"}},
        {"processes": {"min": 4}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document, **wrong}, schema)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("cpus: [80, 0-3, big]", True),
        ("cpus: [{a: 1}]", False),
        ("binaries: [2.16, old]", True),
        ("delegates: [cpu, {name: gpu, precision: fp16, require: full}]", True),
        ("delegates: [{name: external, path: /x.so}, npu]", True),
        ("delegates: [gpux]", False),
        ("delegates: [{name: gpux}]", False),
        ("delegates: [{name: gpu, precison: fp16}]", False),
        ("delegates: [{name: gpu, precision: fp8}]", False),
        ("delegates: [{name: external}]", False),
        ("delegates: [{name: cpu, force_fp16: true}]", False),
    ],
)
def test_an_editor_and_the_loader_know_the_same(tmp_path: Path, text: str, good: bool) -> None:
    import yaml

    validator = jsonschema.Draft202012Validator(Suite.model_json_schema())
    assert validator.is_valid(yaml.safe_load(HEAD + text)) is good
    if good:
        load(tmp_path, HEAD + text + "\n")
    else:
        with pytest.raises(SuiteError):
            load(tmp_path, HEAD + text + "\n")


def test_a_bare_number_of_per_cent_is_answered_with_its_sign(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"processes\.until: must be a share below 1, not 2: write 2% for 2 per cent"):
        load(tmp_path, TWO + BASELINE + "processes: {until: 2}\n")


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ("governor: {all: per formance}", "must be one word"),
        ("task_profile: 'a;b'", "must be one word"),
        ("frequency: {big: half}", "must be kHz, a share such as 70%, max or min"),
    ],
)
def test_no_message_shows_a_regular_expression(tmp_path: Path, conditions: str, words: str) -> None:
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, HEAD + f"conditions: {{{conditions}}}\n")
    assert words in str(caught.value)
    assert "pattern" not in str(caught.value)
    assert "[A-Z" not in str(caught.value)


def test_a_model_is_fed_as_the_suite_says(tmp_path: Path) -> None:
    text = (
        "suite: s\nmodels:\n  - path: m.tflite\n    name: ids\n    signature: encode\n"
        "    inputs: [{name: 'ids:0', shape: [1, 128], range: [0, 999]}, {name: scale, shape: [1]}]\n  - m.tflite\n"
    )
    fed, plain = load(tmp_path, text, "m.tflite").models
    assert fed.signature == "encode"
    assert fed.inputs == (
        ModelInput(name="ids:0", shape=(1, 128), range=(0, 999)),
        ModelInput(name="scale", shape=(1,)),
    )
    assert fed.asked == "signature encode, ids:0 1x128 in 0..999, scale 1"
    assert (plain.signature, plain.inputs, plain.asked) == (None, (), "")


@pytest.mark.parametrize(
    ("entry", "line", "words"),
    [
        ("inputs: [{name: x, shape: [1], range: [5, 1]}]", ":5: ", "range begins with 5"),
        ("inputs: [{name: x, shape: [0]}]", ":5: ", "greater than or equal to 1"),
        ("inputs: [{name: x}]", ":5: ", "shape"),
        ("inputs: [{name: 'a:b', shape: [1]}, {name: 'a,b', shape: [1]}]", ":5: ", "two inputs are called"),
        ("signatur: x", ":5: ", "did you mean `signature`"),
    ],
)
def test_a_model_that_is_fed_with_nonsense(tmp_path: Path, entry: str, line: str, words: str) -> None:
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, f"suite: s\nmodels:\n  - path: m.tflite\n    name: m\n    {entry}\n", "m.tflite")
    assert line in str(caught.value)
    assert words in str(caught.value)


def test_one_file_asked_in_two_ways_needs_two_names(tmp_path: Path) -> None:
    text = "suite: s\nmodels: [m.tflite, {path: m.tflite, signature: add}]\n"
    with pytest.raises(SuiteError, match="with different settings"):
        load(tmp_path, text, "m.tflite")
