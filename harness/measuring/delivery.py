"""Brings to one device the files that its trials need: before they run, or beside them where the suite allows that."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from harness.devices.push import Blob, push_missing
from harness.devices.target import Target
from harness.errors import PushFailed, StableError
from harness.measuring.eager_push import EagerPush
from harness.measuring.run_services import RunServices
from harness.records import Result, Trial

log = logging.getLogger(__name__)

_WORTH_A_NOTE = 50_000_000
"""Size in bytes from which the watcher hears of a push."""


class Delivery:
    """Knows which files a device has, and brings what it lacks.

    Args:
        services: what the sessions of the run share; `eager_push` says whether files may come while the device measures.
        target: the device.
        note: tells the watcher.
    """

    def __init__(self, services: RunServices, target: Target, note: Callable[[str], None]) -> None:
        self._services, self._target, self._note = services, target, note
        self._present: dict[str, int] = {}
        self._eager: EagerPush | None = None
        self._earlier: list[EagerPush] = []

    def begin(self, present: dict[str, int]) -> None:
        """Note which files a device has whose lease was just taken. Call `stop` first."""
        self._present = present

    def bring(self, blobs: Iterable[Blob]) -> None:
        """Push those of these files that the device lacks, now.

        Raises:
            DeviceError: as `push_missing`.
            OSError: a file cannot be read.
            Cancelled: the run is ending.
        """
        lacking = [blob for blob in blobs if not self.has(blob)]
        if self._eager is not None:
            lacking = [blob for blob in lacking if not self._eager.take(blob)]
        self._push(lacking)

    def has(self, blob: Blob) -> bool:
        """Return whether the device has a file."""
        return self._present.get(blob.name) == blob.size

    def prepare(self, trials: Sequence[Trial]) -> None:
        """Push the models of the coming trials, and the canary's, in one session; with `push: eager` only begin to.

        A file that cannot be pushed is left to `bring`, so that its fault concerns only its own trials.

        Raises:
            DeviceError: the device went away or is held by another process.
            Cancelled: the run is ending.
        """
        canary = [self._services.canary_model] if self._services.conditions.canary and trials else []
        wanted = dict.fromkeys(model.sha256 for model in (*canary, *(trial.model for trial in trials)))
        blobs = [self._services.models[sha256] for sha256 in wanted]
        lacking = [blob for blob in blobs if not self.has(blob) and blob.path.is_file()]
        if self._services.eager_push and lacking:
            # No lease is renewed from the thread: that could shorten the one of the trial that runs.
            self._eager = EagerPush(
                lambda blob, stop: push_missing(self._target, [blob], {}, stop, pushed=self._arrived),
                lacking,
                self._services.cancel,
                self._note,
            )
            return
        try:
            self._push(lacking)
        except (StableError, PushFailed, OSError) as error:
            log.info("%s: models are pushed one by one now: %s", self._target.serial, error)

    def disturbed(self, result: Result) -> Result:
        """Return the result with the names of the files that were pushed while its trial ran."""
        for eager in (*self._earlier, *filter(None, [self._eager])):
            result = eager.disturbed(result)
        return result

    def stop(self) -> None:
        """End a push beside the trials. Returns once it has ended."""
        if self._eager is not None:
            self._eager.stop()
            self._earlier.append(self._eager)
            self._eager = None

    def _push(self, blobs: Sequence[Blob]) -> None:
        total, done = sum(blob.size for blob in blobs), 0
        if total >= _WORTH_A_NOTE:
            self._note(f"gets {len(blobs)} files, {total / 1e6:,.0f} MB")

        def pushed(some: Sequence[Blob]) -> None:
            nonlocal done
            self._arrived(some)
            done += sum(blob.size for blob in some)
            if _WORTH_A_NOTE <= done < total:
                self._note(f"has got {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")

        push_missing(
            self._target, blobs, self._present, self._services.cancel, owner=self._services.owner, pushed=pushed
        )

    def _arrived(self, blobs: Sequence[Blob]) -> None:
        for blob in blobs:
            self._present[blob.name] = blob.size
