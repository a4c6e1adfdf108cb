"""The programs of a bisection's revisions: built with Bazel when the search first needs them, then kept in the binary store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

from harness.binaries.binary_store import BinaryStore
from harness.binaries.build_events import Advance
from harness.binaries.builder import BuildRequest, build, build_request
from harness.binaries.checkout import checkout
from harness.binaries.preflight import Preflight, preflight
from harness.binaries.source_tree import SourceTree
from harness.binaries.sources import Sources, TargetName
from harness.errors import BuildFailed, UsageError
from harness.experiments.bisect_places import Place
from harness.experiments.bisect_state import StateFile
from harness.files.lock import held

_LINES = 3
"""Number of lines of a build's error that a reason keeps."""


class BuildWatcher:
    """Receives the progress of builds. Override what you need."""

    def building(self, place: Place, abi: str) -> AbstractContextManager[Callable[[Advance], None]]:
        """Return a context that lasts while a place is built. Its value is called with Bazel's progress."""
        return nullcontext(lambda _: None)

    def waiting(self, what: str) -> None:
        """Called when another process must finish first."""


class RevisionPrograms:
    """The programs of revisions.

    Args:
        source: the user's checkout, which stays as it is.
        places: the revisions.
        state: stores what was built, and what does not build.
        abis: build ABIs.
        store: keeps the binaries.
        sources: what can be built.
        watcher: is notified of builds.
    """

    def __init__(
        self,
        source: Path,
        places: Sequence[Place],
        state: StateFile,
        abis: Sequence[str],
        store: BinaryStore,
        sources: Sources,
        watcher: BuildWatcher,
    ) -> None:
        self._source, self._places, self._state = source, places, state
        self._abis, self._store, self._sources, self._watcher = tuple(abis), store, sources, watcher
        # One checkout for all revisions of a source, so that Bazel builds only the differences.
        self._tree = f"bisect-{hashlib.sha256(str(source.resolve()).encode()).hexdigest()[:16]}"

    def identity(self, place: int) -> str | None:
        """Return an identifier that is the same for equal programs; None if the place does not build.

        Raises:
            UsageError: good or bad does not build.
            SetupError: Bazel or something else that the build needs is missing.
        """
        sha256 = self._sha256(place)
        return "/".join(sha256[abi] for abi in self._abis) if sha256 is not None else None

    def why_not(self, place: int) -> str:
        """Return why a place has no program."""
        return self._state.state.not_built.get(place, "it does not build")

    def entry(self, place: int) -> dict[str, Any]:
        """Return the entry for a suite's `binaries`."""
        sha256 = self._sha256(place)
        assert sha256 is not None  # noqa: S101  # only what was built is measured
        name = self._places[place].name
        if len(self._abis) == 1:
            return {"name": name, "use": sha256[self._abis[0]]}
        paths = [str(self._store.path(self._store.matching(sha256[abi])[0])) for abi in self._abis]
        return {"name": name, "path": paths}

    def _sha256(self, place: int) -> dict[str, str] | None:
        state = self._state.state
        if place in state.not_built:
            return None
        known = dict(state.programs.get(place, {}))
        if set(self._abis) <= set(known) and all(self._store.matching(known[abi]) for abi in self._abis):
            return known
        try:
            made = self._build(self._places[place])
        except BuildFailed as error:
            self._keep_failure(place, "\n".join([error.message, *error.lines[:_LINES], f"log: {error.log}"]))
            return None
        except UsageError as error:  # the revision has no such target, or is no such source
            self._keep_failure(place, str(error))
            return None
        self._state.keep_program(place, made)
        return made

    def _keep_failure(self, place: int, reason: str) -> None:
        if place in (0, len(self._places) - 1):
            side = "--good" if place == 0 else "--bad"
            raise UsageError(f"{side} {self._places[place].name} does not build", remedy=reason.replace("\n", "\n  "))
        self._state.keep_failure(place, reason)

    def _build(self, place: Place) -> dict[str, str]:
        asked = self._state.state.asked
        folder = self._store.folder("sources")
        assert place.commit is not None  # noqa: S101  # a revision has one
        with held(
            folder / f"{self._tree}.building", lambda: self._watcher.waiting("another process builds revisions of it")
        ):
            tree = checkout(place.commit, self._source, folder, self._sources, place=self._tree)
            made = {}
            for abi in self._abis:
                request = build_request(
                    tree,
                    abi,
                    self._sources.android,
                    target=cast(TargetName, asked.target),
                    flex=asked.flex,
                    extra_flags=asked.flags,
                )
                made[abi] = self._built(request, place, abi)
        return made

    def _built(self, request: BuildRequest, place: Place, abi: str) -> str:
        with self._watcher.building(place, abi) as advance:
            record, _ = build(request, self._store, lambda: self._preflight(request.tree, abi), advance)
        return record.sha256

    def _preflight(self, tree: SourceTree, abi: str) -> Preflight:
        return preflight(tree, [abi], self._sources.android, Path.home())
