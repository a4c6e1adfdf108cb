"""Reads `bazel/sources.yaml` strictly: what can be built or downloaded, and from where."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import UsageError
from harness.files.shipped_data import data_dir
from harness.files.strict_yaml import load_yaml_model

TargetName = Literal["tflite", "litert"]
"""Which of the two tools: TensorFlow Lite's `benchmark_model`, or LiteRT's own newer one of the same name."""

_Commit = Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Revision(_Strict):
    """A pinned revision. `bazel` is the version in its .bazelversion, for a preflight before anything is fetched."""

    commit: _Commit
    archive_sha256: _Sha256
    bazel: str


class Source(_Strict):
    """A repository that `benchmark_model` can be built from."""

    git: str
    marker: str
    targets: Mapping[Literal["tflite", "tflite_flex", "litert", "litert_flex"], str]
    revisions: Mapping[str, Revision]

    def label(self, name: str, target: TargetName, *, flex: bool) -> str:
        """Return Bazel's label of a tool.

        Raises:
            UsageError: this source lacks that tool.
        """
        for key, label in self.targets.items():
            if key == (f"{target}_flex" if flex else target):
                return label
        what = f"--target {target}{' with --flex' if flex else ''}"
        raise UsageError(f"{name} has nothing for {what}", remedy=f"it has {', '.join(self.targets)}")


class AndroidNeeds(_Strict):
    """The requirements of an Android build on the machine."""

    ndk_versions: list[int]
    ndk_api_levels: tuple[int, int]
    default_ndk_api_level: int


class PrebuiltFamily(_Strict):
    """Official binaries of one publisher."""

    versions: list[str]
    moving: list[str]
    target: TargetName
    urls: Mapping[str, str]
    flex_suffix: str | None = None
    sha256: Mapping[str, _Sha256] = {}


class Sources(_Strict):
    """The whole file."""

    sources: Mapping[str, Source]
    android: AndroidNeeds
    prebuilt: Mapping[str, PrebuiltFamily]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prebuilt:
    """One official binary. `sha256` is its pinned hash, if any; `moving`: its content changes under the same address."""

    version: str
    abi: str
    target: TargetName
    flex: bool
    url: str
    sha256: str | None
    moving: bool


def load_sources() -> Sources:
    """Read `bazel/sources.yaml`.

    Raises:
        SuiteError: the file is invalid; names the file, the line and the key.
    """
    return load_yaml_model(data_dir("bazel") / "sources.yaml", Sources)


def official_version(sources: Sources, abi: str, *, flex: bool) -> str | None:
    """Return a version with an official binary for an ABI; None if nobody publishes one."""
    for family in sources.prebuilt.values():
        if abi in family.urls and (family.flex_suffix is not None or not flex):
            return next(iter(family.moving), None)
    return None


def prebuilt(sources: Sources, version: str, abi: str, *, flex: bool) -> Prebuilt:
    """Find the official binary of a version for a build ABI.

    Raises:
        UsageError: there is none; lists those that exist.
    """
    if not version or not all(c.isalnum() or c in "._-" for c in version) or ".." in version:
        raise UsageError(f"--prebuilt {version!r} is not a version", remedy="such as latest, nightly or 2.1.4")
    for family in sources.prebuilt.values():
        if not any(fnmatch.fnmatchcase(version, pattern) for pattern in family.versions):
            continue
        if abi not in family.urls:
            raise UsageError(
                f"there is no official binary {version} for {abi}",
                remedy=f"of that version there are {', '.join(family.urls)}; or build one: harness build --source DIR --abi {abi}",
            )
        if flex and family.flex_suffix is None:
            raise UsageError(f"there is no official binary {version} with Flex", remedy="--prebuilt nightly has one")
        url = family.urls[abi].format(version=version) + (family.flex_suffix or "" if flex else "")
        return Prebuilt(
            version=version,
            abi=abi,
            target=family.target,
            flex=flex,
            url=url,
            sha256=family.sha256.get(url),
            moving=version in family.moving,
        )
    known = ", ".join(v for family in sources.prebuilt.values() for v in family.versions)
    raise UsageError(f"--prebuilt {version}: no such version", remedy=f"known: {known}")
