"""`harness models list` and `harness models fetch` as a script calls them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from harness.files.user_folders import own_registry_file
from harness.models.model_fetch import fetched_models_folder
from tests.cli.running import harness, no_traceback
from tests.model_files import shipped

MODEL = shipped("cnn_fp32.tflite")
SHA256 = hashlib.sha256(MODEL.read_bytes()).hexdigest()


def register(url: str = f"file:{MODEL}", sha256: str = SHA256) -> None:
    own_registry_file().write_text(
        f"models:\n  mine: {{url: {json.dumps(url)}, sha256: {sha256}, licence: MIT, description: a net}}\n"
    )


def test_the_list_says_what_is_here() -> None:
    register()
    before = json.loads(harness("models", "list", "--json").stdout)["models"]
    (mine,) = [one for one in before if one["name"] == "mine"]
    assert (mine["registry"], mine["path"], mine["sha256"], mine["licence"]) == ("own", None, SHA256, "MIT")
    assert all(one["registry"] == "shipped" for one in before if one is not mine)
    assert harness("models", "fetch", "mine").returncode == 0
    after = json.loads(harness("models", "list", "--json").stdout)["models"]
    assert [Path(one["path"]) for one in after if one["path"]] == [fetched_models_folder() / SHA256 / MODEL.name]
    listed = harness("models", "list")
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("mine")]
    assert line.split()[1:] == ["MIT", "yes", "a", "net", "(your", "own)"]
    assert str(own_registry_file()) in listed.stdout


def test_fetch_prints_the_path_alone(tmp_path: Path) -> None:
    done = harness("models", "fetch", f"file:{MODEL}")
    path = fetched_models_folder() / SHA256 / MODEL.name
    assert (done.returncode, done.stdout) == (0, f"{path}\n")
    assert f"SHA-256 {SHA256} (not checked" in done.stderr
    done = harness("models", "fetch", f"file:{MODEL}", "--sha256", f"SHA256:{SHA256.upper()}", "-o", tmp_path / "m")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'm'}\n")
    assert done.stderr.splitlines()[-1] == f"already in the cache: {MODEL.stat().st_size:,} bytes, SHA-256 {SHA256}"
    assert (tmp_path / "m").read_bytes() == MODEL.read_bytes()


def test_fetch_as_json() -> None:
    register()
    document = json.loads(harness("models", "fetch", "mine", "--json").stdout)
    assert document == {
        "name": "mine",
        "url": f"file:{MODEL}",
        "path": str(fetched_models_folder() / SHA256 / MODEL.name),
        "sha256": SHA256,
        "size_bytes": MODEL.stat().st_size,
        "licence": "MIT",
        "checked": True,
        "fetched": True,
    }


def test_a_relative_file_counts_from_the_registry_or_the_working_folder(tmp_path: Path) -> None:
    beside = own_registry_file().parent / "near.tflite"
    beside.write_bytes(MODEL.read_bytes())
    register("file:near.tflite")
    assert harness("models", "fetch", "mine", cwd=tmp_path).returncode == 0
    done = harness("models", "fetch", "file:near.tflite", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    (tmp_path / "near.tflite").write_bytes(MODEL.read_bytes())
    assert harness("models", "fetch", "file:near.tflite", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nobody"], 2, "no model is registered as 'nobody'"),
        (["ftp://h/m"], 2, "ftp://h/m: ftp: is no kind of address"),
        (["file:/nowhere/m.tflite"], 2, "there is no file /nowhere/m.tflite"),
        ([f"file:{MODEL}", "--sha256", "abc"], 2, "--sha256 abc is no SHA-256"),
        ([f"file:{MODEL}", "--sha256", "f" * 64], 3, f"has the SHA-256 {SHA256}, not {'f' * 64}"),
        (["mine", "--sha256", "f" * 64], 2, f"contradicts the registry, which has {SHA256} for mine"),
        (["mine", "-o", "/"], 2, "/ is a folder"),
        (["mine", "-o", "/nowhere/m"], 2, "cannot write /nowhere/m"),
        (["mine", "-o", ""], 2, "it needs a name"),
        ([], 2, "NAME|URL"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], code: int, words: str) -> None:
    register()
    done = harness("models", "fetch", *arguments)
    no_traceback(done)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


def test_a_registry_with_a_mistake_names_it() -> None:
    own_registry_file().write_text("models:\n  mine:\n    url: file:m\n    sha: abc\n")
    done = harness("models", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{own_registry_file()}:4: models.mine.sha: unknown key" in done.stderr
