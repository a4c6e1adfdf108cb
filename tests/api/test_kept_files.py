"""Which files of a run are kept, and what is said of the others."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from harness.api.kept_files import keep_files
from harness.binaries.binary_store import BinaryStore
from harness.binaries.record import new_record
from harness.history.blob_store import BlobStore
from harness.records import Artifact, ModelRef
from harness.runs.run_store import Manifest
from harness.virtual.replay.replay_launcher import write_launcher
from tests.analysis.made_up import BEGAN
from tests.binaries.programs import write_elf


def model(path: Path, name: str, content: bytes) -> ModelRef:
    return ModelRef(name=name, path=str(path), sha256=sha256(content).hexdigest(), size_bytes=len(content))


def artifact(path: Path, origin: str, source: str | None = None) -> Artifact:
    content = path.read_bytes()
    digest = sha256(content).hexdigest()
    return Artifact(name=origin, sha256=digest, abi="x86_64", size_bytes=len(content), origin=origin, source=source)


def manifest(models: tuple[ModelRef, ...], artifacts: tuple[Artifact, ...]) -> Manifest:
    return Manifest(
        run_id="r",
        suite="s",
        suite_text="",
        started_at=BEGAN,
        harness_version="0",
        models=models,
        artifacts=artifacts,
    )


def test_models_and_binaries_of_every_origin_are_kept(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"model")
    imported = write_elf(tmp_path / "imported", payload=b"i")
    stored = BinaryStore().add(write_elf(tmp_path / "built", payload=b"b"), new_record("build", "source"))
    write_launcher(tmp_path / "own")
    artifacts = (
        artifact(imported, "import", str(imported)),
        artifact(BinaryStore().program_file(stored.sha256), "build", "tensorflow"),
        artifact(tmp_path / "own", "host"),
    )
    (tmp_path / "built").unlink()
    store = BlobStore(tmp_path / "blobs")
    done = keep_files(manifest((model(tmp_path / "m.tflite", "m", b"model"),), artifacts), store)
    assert done.notes == ()
    assert [(one.kind, one.name) for one in done.kept] == [
        ("model", "m"),
        ("binary", "import"),
        ("binary", "build"),
        ("binary", "host"),
    ]
    for one in done.kept:
        found = store.path(one.sha256)
        assert found is not None
        assert found.stat().st_size == one.size_bytes
    own = store.path(artifacts[2].sha256)
    assert own is not None
    assert own.read_bytes() == (tmp_path / "own").read_bytes()


def test_what_is_gone_or_changed_is_said_and_the_rest_is_kept(tmp_path: Path) -> None:
    (tmp_path / "changed.tflite").write_bytes(b"new")
    (tmp_path / "kept.tflite").write_bytes(b"kept")
    models = (
        model(tmp_path / "gone.tflite", "gone", b"gone"),
        model(tmp_path / "changed.tflite", "changed", b"old"),
        model(tmp_path / "kept.tflite", "kept", b"kept"),
        ModelRef(name="recorded elsewhere", path="", sha256="", size_bytes=0),
    )
    (tmp_path / "older").write_bytes(b"#!/bin/sh\n# of an older harness\n")
    artifacts = (artifact(tmp_path / "older", "host"), artifact(tmp_path / "older", "recorded"))
    store = BlobStore(tmp_path / "blobs")
    done = keep_files(manifest(models, artifacts), store)
    assert [one.name for one in done.kept] == ["kept"]
    gone, changed, host = done.notes
    assert gone == f"model gone is not kept: {tmp_path / 'gone.tflite'} is gone"
    assert changed == f"model changed is not kept: {tmp_path / 'changed.tflite'} has changed since the run"
    assert host == "binary host is not kept: it is the program for virtual devices of another version of the harness"


def test_a_file_that_was_kept_before_needs_no_source(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"model")
    store = BlobStore(tmp_path / "blobs")
    of_run = manifest((model(tmp_path / "m.tflite", "m", b"model"),), ())
    keep_files(of_run, store)
    (tmp_path / "m.tflite").write_bytes(b"another model")
    done = keep_files(of_run, store)
    assert (len(done.kept), done.notes) == (1, ())


def test_many_that_are_gone_are_said_in_few_lines(tmp_path: Path) -> None:
    models = tuple(model(tmp_path / f"{number}.tflite", f"m{number}", str(number).encode()) for number in range(20))
    notes = keep_files(manifest(models, ()), BlobStore(tmp_path / "blobs")).notes
    assert [note.partition(" is not kept")[0] for note in notes[:3]] == ["model m0", "model m1", "model m2"]
    assert notes[3:] == ("17 other files are not kept either",)
