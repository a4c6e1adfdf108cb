"""Caches conversions by content: an equal request converts nothing.

$CACHE/converted/SOURCE/             a source with its options: `SOURCE` is their hash
    facts.json                       facts about the source: signatures, inputs, ...
    samples.npz, reference.npz       inputs for checking its variants, and its own outputs for them
    VARIANT/model.tflite, record.json, converter.log
    fp32/dense.tflite                of a pruned source, where model.tflite is stored without its zeros
$CACHE/converted/SOURCE.lock         held while somebody converts it
$CACHE/converted/.work-*             exported SavedModels; gone when the conversion ends
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from harness.errors import SetupError
from harness.files.lock import held, lock_if_free
from harness.files.user_folders import models_folder
from harness.files.whole_file import put_in_place, replacing, unfinished, write_whole
from harness.records.variants import ConvertedModel

FORMAT = 2
"""Increased whenever the same request would give another file or another check."""


class ConversionCache:
    """The part of the cache for one source with its options.

    Args:
        identity: everything besides the variant that the results depend on: hashes, shapes, versions.
    """

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self.identity = {**identity, "format": FORMAT}
        key = hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()[:32]
        self.root = models_folder() / "converted"
        self.folder = self.root / key

    @contextlib.contextmanager
    def held(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the lock on this source. If another process converts it, wait.

        Raises:
            SetupError: the cache cannot be written.
        """
        with held(self.folder.with_suffix(".lock"), waiting):
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise _unwritable(error, self.folder) from None
            yield

    @contextlib.contextmanager
    def work_folder(self) -> Iterator[Path]:
        """Yield a folder on the disk of the cache for large temporary files. Folders of killed processes are removed.

        Raises:
            SetupError: it cannot be made.
        """
        for old in self.root.glob(".work-*"):
            with contextlib.suppress(OSError), (old / "lock").open("ab") as lock:
                if lock_if_free(lock):
                    shutil.rmtree(old, ignore_errors=True)
        try:
            folder = Path(tempfile.mkdtemp(prefix=".work-", dir=self.root))
            lock = (folder / "lock").open("ab")
        except OSError as error:
            raise _unwritable(error, self.root) from None
        with lock:
            lock_if_free(lock)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def facts(self) -> dict[str, Any] | None:
        """Return the stored facts about the source; None if there are none, or if they are incomplete."""
        if not all((self.folder / name).is_file() for name in ("samples.npz", "reference.npz")):
            return None
        return _read_json(self.folder / "facts.json")

    def keep_facts(self, facts: Mapping[str, Any], work: Path) -> None:
        """Store the facts about a source, with the samples and outputs in `work`.

        Raises:
            SetupError: it cannot be written.
        """
        for name in ("samples.npz", "reference.npz"):
            self._take(work / name, self.folder / name)
        write_whole(self.folder / "facts.json", json.dumps({**facts, "identity": self.identity}, indent=1).encode())

    def log(self, stage: str) -> Path:
        """Return the path of a new log for a variant, or for the `source`; an older one is removed."""
        path = self.folder / stage / "converter.log"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(error, path) from None
        return path

    def model(self, variant: str) -> Path:
        """Return the path of a variant's file."""
        return self.folder / variant / "model.tflite"

    def kept(self, variant: str) -> ConvertedModel | None:
        """Return the stored record of a variant; None if there is none, or if its file has changed."""
        stored = _read_json(self.folder / variant / "record.json")
        if stored is None:
            return None
        known = {one.name for one in fields(ConvertedModel)}
        try:
            record = ConvertedModel(**{key: value for key, value in stored["model"].items() if key in known})
            same = _digest(self.model(variant)) == record.sha256
            if (dense := stored.get("dense_sha256")) is not None:
                same = same and _digest(self._dense(variant)) == dense
        except (OSError, KeyError, TypeError, AttributeError):
            return None
        return replace(record, path=str(self.model(variant))) if same else None

    def dense(self, variant: str) -> Path | None:
        """Return the dense file of a variant that `kept` returned, if its main file leaves the zeros out."""
        return place if (place := self._dense(variant)).is_file() else None

    def _dense(self, variant: str) -> Path:
        return self.model(variant).with_name("dense.tflite")

    def keep(
        self, record: ConvertedModel, made: Path, more: Mapping[str, Any], dense: Path | None = None
    ) -> ConvertedModel:
        """Store a variant's file and its record.

        Args:
            record: without its path.
            made: the file, which is moved.
            more: further keys for the record: how it was made and checked.
            dense: the same model with all its zeros, which is moved too.

        Raises:
            SetupError: it cannot be written.
        """
        place = self.model(record.variant)
        self._take(made, place)
        if dense is None:
            self._dense(record.variant).unlink(missing_ok=True)
        else:
            self._take(dense, self._dense(record.variant))
            more = {**more, "dense_sha256": _digest(self._dense(record.variant))}
        whole = replace(record, path=str(place))
        document = {"model": asdict(whole), "identity": self.identity, **more}
        write_whole(place.with_name("record.json"), json.dumps(document, indent=1).encode())
        return whole

    def _take(self, made: Path, place: Path) -> None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.chmod(made, 0o644)  # noqa: PTH101  # readable by every program, as ordinary files are
            put_in_place(made, place, durable=True)
        except OSError as error:
            raise _unwritable(error, place) from None


def copy_whole(model: Path, place: Path) -> None:
    """Copy a file to the place that the user named, completely or not at all.

    Raises:
        SetupError: it cannot be written.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists() and place.samefile(model):
            return
        with model.open("rb") as source, replacing(place) as stream:
            shutil.copyfileobj(source, stream, 1 << 20)
    except OSError as error:
        raise _unwritable(error, place) from None


def new_file(folder: Path) -> Path:
    """Return a path for a new file that a worker writes into a folder of the cache."""
    return unfinished(folder / "model.tflite")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _unwritable(error: OSError, path: Path) -> SetupError:
    return SetupError(
        f"cannot write {error.filename or path}: {error.strerror}", remedy="free some room, or see its permissions"
    )
