"""Runs all trials of a run: one lane per device, in order, with retries. Each finished trial is stored at once, beside the lanes.

A device's failure never ends the run. Failures that may pass are tried again. A device that keeps failing is quarantined with its reason
while the others go on; it is checked now and then, and taken back when it works.
If it does not recover in time it is set aside. Its remaining trials are not recorded, so that `--resume` runs them.

In an adaptive run a lane decides after each block which cells to measure further (`analysis.stopping`). Each decision is stored before it
takes effect.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from harness.analysis.stopping import Step, prepare, process_of
from harness.conditions.request import ConditionsRequest
from harness.devices.device_config import DeviceConfig
from harness.devices.push import Blob
from harness.devices.target import Cancelled
from harness.errors import DeviceError, HarnessError, SetupError
from harness.measuring.device_session import DeviceSession
from harness.measuring.lane_plan import LanePlan, Patience
from harness.measuring.lane_threads import LaneThreads
from harness.measuring.not_run import impossible_result
from harness.measuring.program_facts import HelpTexts
from harness.measuring.quarantine import gets_well
from harness.measuring.result_writer import ResultWriter
from harness.measuring.run_events import LanesOutcome, Progress, RunEvents, Unheard
from harness.measuring.run_services import RunServices
from harness.models.accuracy_case import AccuracyCase
from harness.records import ModelRef, Purpose, Result, Status, Trial
from harness.records.spans import span
from harness.runs.run_folder import LOGS
from harness.runs.run_log import TRACEBACK_FILE, internal_error, run_log
from harness.runs.run_progress import processes_of, stopping_of
from harness.runs.run_store import RunStore, runnable_models

log = logging.getLogger(__name__)

__all__ = [
    "HelpTexts",
    "LanePlan",
    "LanesOutcome",
    "Patience",
    "Progress",
    "Schedule",
    "bad",
]


class Schedule:
    """Runs lanes until all are done, or until `cancel` is set.

    Args:
        store: where results go.
        models: model files by SHA-256.
        configs: device configs, needed to take a device's inventory again.
        progress: the watcher.
        owner: the run's id.
        wait_for_lease_s: how long a lane waits for a device that another process holds.
        help_texts: stored help texts of binaries; each binary is asked only once.
        conditions: the conditions that the suite asks for.
        patience: how long and how often to try.
        again: trials to run although they have a result.
        eager_push: whether models may be pushed while a device measures.
    """

    def __init__(
        self,
        store: RunStore,
        models: Mapping[str, Blob],
        configs: Mapping[str, DeviceConfig],
        progress: Progress,
        *,
        owner: str,
        wait_for_lease_s: float = 0.0,
        help_texts: HelpTexts | None = None,
        conditions: ConditionsRequest | None = None,
        patience: Patience | None = None,
        again: Collection[str] = (),
        eager_push: bool = False,
        accuracy: Mapping[ModelRef, AccuracyCase | str] | None = None,
    ) -> None:
        self._store = store
        self._progress = Unheard(progress)
        self._patience = patience or Patience()
        self._hardware: Counter[str] = Counter()
        self._serials: frozenset[str] = frozenset(device.serial for device in store.manifest.devices)
        self._lock = threading.Lock()
        self._disk = threading.Lock()
        results = [result for result in store.results() if result.trial.trial_id not in again]
        self._done = {result.trial.trial_id for result in results}
        self._stopping = stopping_of(store.manifest)
        self._processes = processes_of(results) if self._stopping else {}
        if store.manifest.adaptive is not None:
            prepare(store.manifest.adaptive)
        self._decisions = list(store.decisions())
        self._outcome = LanesOutcome()
        self._fatal: HarnessError | None = None
        self._cancel = threading.Event()
        self._writer = ResultWriter(self._write, self._announce, self._cannot_store)
        self._events = RunEvents(self._progress, self._lock)
        self._services = RunServices(
            owner=owner,
            wait_for_lease_s=wait_for_lease_s,
            conditions=conditions or ConditionsRequest(),
            patience=self._patience,
            configs=configs,
            models=models,
            # A resumed run may no longer need a model whose file is gone.
            canary_model=min(
                runnable_models(store.manifest),
                key=lambda model: (not Path(model.path).is_file(), model.size_bytes, model.sha256),
            ),
            help_texts=help_texts,
            log_dir=store.log_dir,
            events=self._events,
            cancel=self._cancel,
            eager_push=eager_push,
            accuracy=accuracy or {},
        )

    def run(self, lanes: Sequence[LanePlan]) -> LanesOutcome:
        """Run all lanes. Ctrl-C ends running trials and keeps finished ones.

        Raises:
            SetupError: results cannot be stored (a full disk); what is stored so far stays.
        """
        self._hardware = Counter(_hardware_serial(lane) for lane in lanes)
        self._serials |= {lane.target.serial for lane in lanes}
        with run_log(self._store.path / LOGS), self._writer:
            LaneThreads(self._cancel, self._interrupted).run(
                {lane.target.serial: partial(self._guarded, lane) for lane in lanes}
            )
        if self._fatal is not None:
            raise self._fatal
        return self._outcome

    def _interrupted(self, count: int) -> None:
        # A further Ctrl-C must not close the store under running lanes: their processes on devices are ended first.
        self._outcome.interrupted = True
        self._cancel.set()
        if count == 2:
            self._events.note("harness", "still ending what runs on the devices; this takes seconds")

    def _guarded(self, lane: LanePlan) -> None:
        serial = lane.target.serial
        try:
            self._lane(lane)
        except Cancelled:
            pass
        except DeviceError as error:
            self._set_aside(serial, str(error).removeprefix(f"{serial}: "))
        except HarnessError as error:
            self._fail(error)
        except OSError as error:
            self._fail(
                SetupError(f"cannot write {error.filename or 'the run'}: {error.strerror}", remedy="free some room")
            )
        except (
            Exception
        ) as error:  # the thread's outermost boundary: the run ends with one line, and the other lanes clean up
            log.exception("%s: an error that nobody foresaw", serial)
            file = self._store.path / LOGS / TRACEBACK_FILE
            self._fail(SetupError(internal_error(error, f" on {serial}", file)))

    def _lane(self, lane: LanePlan) -> None:
        for item in lane.impossible:
            if item.trial.trial_id not in self._done:
                self._keep(impossible_result(item))
        left, further = (
            tuple(trial for trial in trials if trial.trial_id not in self._done)
            for trials in (lane.trials, lane.further)
        )
        session = DeviceSession(
            self._services,
            replace(lane, trials=left, further=further),
            not_me=self._serials,
            twins=self._hardware[_hardware_serial(lane)] > 1,
        )
        try:
            self._run_trials(lane.target.serial, session, self._todo(lane))
            if any(trial.trial_id in self._done for trial in lane.trials):
                session.tidy()
        finally:
            with span("close session"):
                session.close()

    def _todo(self, lane: LanePlan) -> Iterator[Sequence[Trial]]:
        """Yield the trials left to run, in order, in batches: each holds those known by then.

        In an adaptive run the contents of a block are decided when the block before is complete.
        """
        stopping = self._stopping.get(lane.inventory.info.serial)
        while stopping is not None and not self._cancel.is_set():
            with span("decide"):
                step = stopping.step(self._processes, self._decisions, datetime.now(UTC))
            self._looked(step)
            if not step.trials:
                break
            yield step.trials
        yield [
            trial
            for trial in lane.trials
            if trial.trial_id not in self._done and not (stopping and trial.purpose is Purpose.LATENCY)
        ]

    def _looked(self, step: Step) -> None:
        # What a decision was drawn from is on the disk before it.
        self._writer.drain()
        with self._disk:
            for decision in step.decisions:
                self._store.decide(decision)
        with self._lock:
            self._decisions.extend(step.decisions)
            self._progress.looked(step)

    def _run_trials(self, serial: str, session: DeviceSession, todo: Iterable[Sequence[Trial]]) -> None:
        failures = quarantines = 0
        for trial, ends_block, coming in _with_ends(todo):
            if self._cancel.is_set():
                return
            with span("trial", trial=trial.trial_id):
                result = session.attempt(trial, ends_block=ends_block, coming=coming)
            came_back = True
            if session.down is not None:
                # The trial is not to blame: it runs again when the device is back.
                quarantines += 1
                came_back = self._quarantine(serial, session, session.down.message, quarantines)
                if came_back:
                    result = session.attempt(trial, result.setbacks, ends_block=ends_block, coming=coming)
            self._keep(result)
            failures = failures + 1 if session.device_failed else 0
            if came_back and (failures >= self._patience.quarantine_after or session.down is not None):
                quarantines += 1
                reason = f"{failures} trials in a row failed: {result.message}"
                came_back = self._quarantine(serial, session, reason, quarantines)
                failures = 0
            if not came_back:
                self._set_aside(serial, (result.message or "it does not come back").removeprefix(f"{serial}: "))
                return

    def _quarantine(self, serial: str, session: DeviceSession, reason: str, number: int) -> bool:
        return gets_well(
            session.healthy,
            number=number,
            reason=reason,
            patience=self._patience,
            note=partial(self._events.note, serial),
            cancel=self._cancel,
        )

    def _keep(self, result: Result) -> None:
        log.info(
            "%s: %s is %s after %.3f s, attempt %d%s",
            result.trial.device,
            result.trial.trial_id,
            result.status,
            result.duration_s,
            result.attempt + 1,
            f": {', '.join(result.causes)}: {result.message}" if result.causes else "",
        )
        with self._lock:
            if self._stopping and result.trial.purpose is Purpose.LATENCY:
                self._processes[result.trial.trial_id] = process_of(result)
        self._writer.put(result)

    def _write(self, results: Sequence[Result]) -> None:
        # Outside the watcher's lock: the disk must not hold up a device.
        with span("store", results=len(results)), self._disk:
            self._store.append(*results)

    def _announce(self, result: Result) -> None:
        with self._lock:
            self._progress.finished(result)

    def _cannot_store(self, error: Exception) -> None:
        if isinstance(error, HarnessError):
            self._fail(error)
        else:
            log.exception("an error that nobody foresaw, while results were stored", exc_info=error)
            self._fail(SetupError(internal_error(error, "", self._store.path / LOGS / TRACEBACK_FILE)))

    def _set_aside(self, serial: str, reason: str) -> None:
        with self._lock:
            self._outcome.set_aside[serial] = reason
        self._events.note(serial, f"set aside: {reason}")

    def _fail(self, error: HarnessError) -> None:
        with self._lock:
            self._fatal = self._fatal or error
        self._cancel.set()


def _with_ends(todo: Iterable[Sequence[Trial]]) -> Iterator[tuple[Trial, bool, Sequence[Trial]]]:
    """Pair each trial with whether it is the last of its block, and with those known to come after it."""
    for trials in todo:
        ends = {trial.block: trial.trial_id for trial in trials}
        for number, trial in enumerate(trials):
            yield trial, ends[trial.block] == trial.trial_id, trials[number + 1 :]


def _hardware_serial(lane: LanePlan) -> str:
    return lane.inventory.properties.get("ro.serialno", "")


def bad(results: Sequence[Result]) -> int:
    """Count the results that are failed or invalid."""
    return sum(result.status in (Status.FAILED, Status.INVALID) for result in results)
