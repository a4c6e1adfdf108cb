"""One device while a lane runs on it: its lease, its files, and each trial with its attempts.

The class of a fault decides what happens: after a `TransientError` the trial runs again once the device answers, with growing pauses; after
a `StableError` it does not.
The result keeps every failed attempt (`Result.setbacks`), so a number that took three attempts says so.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from harness.devices.device_folder import BASE_DIR
from harness.devices.inventory import Inventory
from harness.devices.lease import OpenedFolder, close_folder, open_folder
from harness.devices.push import Blob
from harness.devices.target import Cancelled
from harness.errors import DeviceBusy, DeviceError, DeviceUnauthorized, StableError, TransientError
from harness.measuring.conditioning import Conditioning
from harness.measuring.delivery import Delivery
from harness.measuring.failure_logs import STORY, collect, left_a_tombstone
from harness.measuring.lane_plan import LanePlan
from harness.measuring.not_run import failed_result, not_repeated_result, skipped_result
from harness.measuring.program_facts import facts_of
from harness.measuring.ready_trial import Bench, ReadyTrial, input_blobs, make_ready, trial_folder
from harness.measuring.recovery import DeviceDown, Recovery, setback_of
from harness.measuring.run_services import RunServices
from harness.measuring.running_block import RunningBlock
from harness.measuring.trial_logs import write_logs
from harness.records import Purpose, Result, Setback, Status, Trial
from harness.records.causes import Cause
from harness.records.spans import span

log = logging.getLogger(__name__)

PASSING = frozenset({Cause.KILLED, Cause.TRUNCATED_OUTPUT})
"""Failures of a trial that may have an outside cause: it gets one more attempt."""

PARTING_S = 5.0
"""Seconds that a device has to answer when a run ends early. Then its lease runs out by itself."""


class DeviceSession:
    """One device while a lane runs on it.

    Args:
        services: what the sessions of the run share.
        lane: what the device has to do.
        not_me: serials of the run's other devices; this device cannot come back under one of them.
        twins: whether another device of the run has the same hardware serial, which then identifies neither.
    """

    def __init__(
        self, services: RunServices, lane: LanePlan, *, not_me: Collection[str] = (), twins: bool = False
    ) -> None:
        self._services = services
        self._lane = lane
        self._target = lane.target
        self._benches: dict[str | None, Bench] = {}
        self._delivery = Delivery(services, lane.target, self._note)
        self._opened = False
        self._kept_s = 0.0
        """Seconds for which the current trial has used the device so far (`Result.device_s`)."""
        self.device_failed = False
        """Whether the last trial has no measurement because of the device, not because of the trial."""
        self.down: DeviceError | None = None
        """The device's last error, if the device did not come back after a fault in the last trial."""
        self._recovery = Recovery(services, lane, not_me=not_me, twins=twins, note=self._note)
        self._conditions = Conditioning(
            lane.target,
            services.conditions,
            owner=services.owner,
            cancel=services.cancel,
            note=self._note,
            run_canary=self._run_canary,
        )
        self._block = RunningBlock(
            self._conditions,
            self._ready,
            is_there=lambda trial: self._delivery.has(services.models[trial.model.sha256]),
            slot=lane.slot,
            log_dir=services.log_dir,
            cancel=services.cancel,
        )

    def attempt(
        self,
        trial: Trial,
        earlier: tuple[Setback, ...] = (),
        *,
        ends_block: bool = False,
        coming: Sequence[Trial] = (),
    ) -> Result:
        """Run a trial, and run it again after device failures that may pass.

        Args:
            trial: the next one.
            earlier: setbacks of its attempts before the device was quarantined.
            ends_block: whether the trial is the last of its block; the canary is timed after it.
            coming: the trials that will be asked for next, in order. The device may begin them before that.

        Raises:
            DeviceBusy: another process measures on the device.
            Cancelled: the run is ending.
        """
        attempts = self._services.patience.attempts
        started_at, started = datetime.now(UTC), time.monotonic()
        if not earlier:
            self._kept_s = 0.0
        self.device_failed, self.down = False, None
        setbacks = list(earlier)
        story: Mapping[str, str] = {}
        error: DeviceError
        attempt = 0
        for attempt in range(attempts):
            try:
                if attempt or earlier:
                    self._recover(attempt, setbacks)
                result = self._once(trial, ends_block, coming)
            except DeviceBusy:
                raise
            except DeviceDown as down:
                error = self.down = down.error
                break
            except DeviceUnauthorized as fault:
                error = self.down = fault
                setbacks.append(setback_of(fault))
                break
            except DeviceError as fault:
                error = fault
                setbacks.append(setback_of(fault))
                if not isinstance(fault, TransientError):
                    log.info("%s: attempt %d: not again: %s", self._target.serial, attempt + 1, fault.message)
                    break
                self._note(f"attempt {attempt + 1} of {attempts}: {fault.message}")
            else:
                if attempt == 0 and attempts > 1 and result.status is Status.FAILED and result.causes[0] in PASSING:
                    setbacks.append(Setback(cause=result.causes[0], message=result.message or "", at=datetime.now(UTC)))
                    self._note(f"once more: {result.message or result.causes[0]}")
                    story = {kind: path for kind, path in result.logs.items() if kind in STORY}
                    continue
                return self._with_all(
                    replace(result, attempt=len(earlier) + attempt, logs={**story, **result.logs}), setbacks
                )
        else:
            # No further attempt follows: this finds out why the last one failed, and gets the device back for the next trial.
            try:
                self._recover(attempts, setbacks)
            except DeviceDown as down:
                self.down = down.error
        self.device_failed = True
        failed = failed_result(
            trial, error, started_at=started_at, duration_s=time.monotonic() - started, attempt=len(earlier) + attempt
        )
        if self.down is None:
            story = {**story, **self._story(trial, ago_s=time.monotonic() - started)}
        causes = (setbacks[-1].cause,) if setbacks else failed.causes
        return self._with_all(replace(failed, causes=causes, logs=story), setbacks)

    def _story(self, trial: Trial, *, ago_s: float, tombstone: bool = False) -> dict[str, str]:
        """Save what the device logged since a failed trial began. Return kind to path, as a result has it."""
        story = collect(
            self._target,
            trial_folder(trial),
            ago_s=ago_s,
            tombstone=tombstone,
            root=self._lane.inventory.become_root,
            cancel=self._services.cancel,
        )
        return write_logs(self._services.log_dir(trial.trial_id), story) if story else {}

    def _with_all(self, result: Result, setbacks: Sequence[Setback]) -> Result:
        return self._delivery.disturbed(replace(result, setbacks=tuple(setbacks), device_s=round(self._kept_s, 3)))

    def healthy(self) -> bool:
        """Return whether the device answers and its storage can be written.

        Raises:
            Cancelled: the run is ending.
        """
        folder = f"{BASE_DIR}/health"
        self._block.drop()
        try:
            now = self._recovery.look()
            output = self._target.run(
                f"mkdir -p {BASE_DIR} && mkdir {folder} && rmdir {folder}",
                timeout_s=self._services.patience.probe_timeout_s,
                cancel=self._services.cancel,
            )
        except DeviceError:
            return False
        if output.exit_code != 0:
            return False
        if now.boot_id != self._lane.inventory.boot_id:
            # It rebooted while nothing ran: the settings are gone, and a later loss must not be blamed on this reboot.
            self._benches = {}
            self._is_now(now)
        return True

    def tidy(self) -> None:
        """Restore what an earlier session of this run left, if its controller was killed after the device's last trial."""
        if self._opened:
            return
        try:
            found = open_folder(self._target, owner=self._services.owner)
            self._conditions.mend(self._lane.inventory, found.journal)
            close_folder(self._target, owner=self._services.owner)
        except DeviceBusy:
            pass  # another process's session has repaired it already
        except DeviceError as error:
            self._note(f"could not be tidied up: {error.message}")

    def close(self) -> None:
        """Restore the device and give the lease back. If the device is gone, its lease expires and the next session restores it."""
        if not self._opened:
            return
        self._block.drop()
        self._delivery.stop()
        deadline = time.monotonic() + (
            0.0 if self.down or self._services.cancel.is_set() else self._services.patience.recovery_s
        )
        while True:
            try:
                if self._services.cancel.is_set():
                    # The user who ends a run waits for this, so a device that hangs does not get each command's own deadline.
                    self._target.run("true", timeout_s=PARTING_S)
                with contextlib.suppress(
                    Cancelled
                ):  # the last canary failed: the settings are restored by now, the lease is still held
                    self._conditions.exit()
                close_folder(self._target, owner=self._services.owner)
            except DeviceError as error:
                again = isinstance(error, TransientError) and time.monotonic() < deadline
                if again and not self._services.cancel.wait(self._services.patience.backoff_s):
                    continue
                self._note(f"could not be tidied up: {error.message}")
            break
        self._target.close()

    # --- a trial ------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Take the lease, set the conditions, push binaries and models, and read each binary's help."""
        if not self._opened:
            self._recovery.remember_bystanders()
        self._opened = True
        # Before the lease is taken: that removes partial files, and lists what has arrived.
        self._delivery.stop()
        found = self._take_lease()
        self._delivery.begin(found.blobs)
        setup = self._conditions.enter(self._lane.inventory, found.journal)
        programs: dict[str | None, Blob] = dict(self._lane.variants.items()) or {None: self._lane.program}
        self._delivery.bring(programs.values())
        self._benches = {
            name: Bench(
                target=self._target,
                inventory=self._lane.inventory,
                program=program,
                facts=facts_of(self._target, program, self._services.help_texts, self._services.cancel),
                owner=self._services.owner,
                setup=setup,
            )
            for name, program in programs.items()
        }
        self._delivery.prepare((*self._lane.trials, *self._lane.further))

    def _take_lease(self) -> OpenedFolder:
        deadline = time.monotonic() + self._services.wait_for_lease_s
        said = False
        while True:
            try:
                return open_folder(self._target, owner=self._services.owner)
            except DeviceBusy as busy:
                if time.monotonic() >= deadline:
                    raise
                if not said:
                    self._note(f"waits: {busy.message}")
                said = True
            if self._services.cancel.wait(min(2.0, max(0.1, deadline - time.monotonic()))):
                raise Cancelled

    def _once(self, trial: Trial, ends_block: bool, coming: Sequence[Trial]) -> Result:
        if not self._benches:
            with span("open session"):
                self._open()
        began = time.monotonic()
        try:
            return self._until_good(trial, ends_block, coming)
        finally:
            self._kept_s += time.monotonic() - began

    def _until_good(self, trial: Trial, ends_block: bool, coming: Sequence[Trial]) -> Result:
        """Run the trial, and run it again if heat spoiled it."""
        repeats, spoiled = 0, None
        while True:
            result = self._from_block(trial) if self._block.runs(trial) else None
            if result is None:
                with span("gate", trial=trial.trial_id):
                    not_run = self._conditions.before_trial(trial, repeats=repeats)
                if not_run is not None:
                    return not_run if spoiled is None else not_repeated_result(spoiled, not_run)
                self._services.events.started(trial)
                result = self._measure(trial, coming)
            with span("gate after", trial=trial.trial_id):
                result = self._conditions.after_trial(result, repeats=repeats, ends_block=ends_block)
            if not self._conditions.worth_repeating(result, repeats):
                return result
            # The trial that the device has begun would only warm it further.
            self._block.drop()
            repeats, spoiled = repeats + 1, result

    def _from_block(self, trial: Trial) -> Result | None:
        """Return the result of a trial that the device has begun by itself; None if it did not begin it."""
        self._conditions.passed_on_device(trial)
        self._services.events.started(trial)
        asked = time.monotonic()
        result = self._block.next_result(trial)
        if result is None:
            return None
        # The device may have run it while the host was busy with the one before.
        self._kept_s += result.duration_s - (time.monotonic() - asked)
        return self._with_story(result)

    def _run_canary(self, trial: Trial) -> Result:
        # The canary's model has a signature and inputs of its own; the trial's would not fit.
        return self._measure(replace(trial, model=self._services.canary_model))

    def _measure(self, trial: Trial, coming: Sequence[Trial] = ()) -> Result:
        ready = self._ready(trial)
        if isinstance(ready, Result):
            return ready
        result, waited_s = self._block.begin(ready, coming)
        self._kept_s -= waited_s
        return self._with_story(result)

    def _ready(self, trial: Trial) -> ReadyTrial | Result:
        model = self._services.models[trial.model.sha256]
        case = self._services.accuracy.get(trial.model) if trial.purpose is Purpose.ACCURACY else None
        try:
            self._delivery.bring([model, *input_blobs(case)])
        except FileNotFoundError:
            # The file vanished since the run began: this concerns neither the device nor the other models.
            lost = skipped_result(trial, f"the model file {model.path} is gone")
            return replace(lost, status=Status.FAILED, causes=(Cause.MODEL_UNREADABLE,))
        bench = self._benches.get(trial.binary)
        if bench is None:
            raise StableError("it was not set up again after it failed", serial=self._target.serial)
        return make_ready(bench, trial, model, self._services.cancel, case)

    def _with_story(self, result: Result) -> Result:
        """Add what the device logged, if the trial ran and failed."""
        if result.status is not Status.FAILED or result.exit_code is None:
            return result
        asked = time.monotonic()
        # Queried after the slot is free and when nothing runs, so that no other lane waits and no trial is disturbed.
        self._block.finish()
        tombstone = left_a_tombstone(result.causes, result.exit_code)
        story = self._story(
            result.trial, ago_s=(datetime.now(UTC) - result.started_at).total_seconds(), tombstone=tombstone
        )
        self._kept_s -= time.monotonic() - asked
        return replace(result, logs={**result.logs, **story})

    # --- the way back -------------------------------------------------------------------------------------------------

    def _recover(self, attempt: int, setbacks: list[Setback]) -> None:
        """Wait until the device answers, then open it again: it may have rebooted, and pushed files may be gone.

        Raises:
            DeviceDown: the device stayed away too long.
            Cancelled: the run is ending.
        """
        self._benches = {}
        self._block.drop()
        self._delivery.stop()
        self._is_now(self._recovery.wait(attempt, setbacks, self._lane.inventory))

    def _is_now(self, now: Inventory) -> None:
        serial = self._lane.inventory.info.serial
        self._lane = replace(self._lane, inventory=replace(now, info=replace(now.info, serial=serial)))

    def _note(self, message: str) -> None:
        self._services.events.note(self._lane.target.serial, message)
