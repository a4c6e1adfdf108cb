"""Runs the trials of a block on a device in one shell. Reads and judges the output of each while the next one runs.

This module knows nothing of suites, of the order of trials, or of where results are kept.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.benchmark_model import parse_output
from harness.benchmark_model.synthetic import synthetic_origin
from harness.conditions.device_gate import DeviceGate
from harness.devices.cpu_list import format_list, from_mask
from harness.devices.device_folder import storage_error
from harness.devices.lease import LEASE_LOST, LEASE_S, renew_script
from harness.devices.target import Cancelled, CommandStream, Target
from harness.errors import CommandFailed, DeviceBusy, DeviceError, DeviceHung, DeviceRebooted
from harness.measuring.output_verdict import judge_outputs
from harness.measuring.ready_trial import GRACE_S, ReadyTrial
from harness.measuring.trailer import Trailer, split_trailer
from harness.measuring.trial_frames import Frame, TrialFrames
from harness.measuring.trial_logs import drop_log, kind_of_file, paths_of, pull_files, write_logs
from harness.measuring.trial_script import CANNOT, HELD, INLINE_BYTES, BlockScript, TrialScript, kill_script
from harness.measuring.trial_verdict import affinity_evidence, judge_trial, observe
from harness.records import Result, Status, Trial
from harness.records.causes import Cause
from harness.records.spans import span

_STOP_TIMEOUT_S = 10.0
_REFUSED_MASK = re.compile(rb"^taskset: .*affinity: Invalid argument", re.MULTILINE)
"""The error of taskset (toybox and util-linux) for a mask without a usable core: all are offline or outside the process's cpuset."""


class BlockRun:
    """Trials that run on a device one after the other, without the host in between.

    `result` gives them in order. The device stops by itself before a trial that may not begin, and after one that failed.

    Args:
        trials: the trials, all for one device.
        gate: the limits between two of them.
        cancel: set by another thread to give up.

    Raises:
        DeviceError: the device failed.
        Cancelled: `cancel` was set.
    """

    def __init__(self, trials: Sequence[ReadyTrial], gate: DeviceGate, cancel: threading.Event) -> None:
        bench = trials[0].bench
        zone = bench.inventory.zone
        self._bench, self._cancel = bench, cancel
        self._left = list(trials)
        self._script = BlockScript(
            trials=[ready.script for ready in trials],
            nonce=secrets.token_hex(8),
            zone_path=zone.path if zone else None,
            hal_line=zone.line if zone and zone.path is None else None,
            apply_task_profile=bench.setup.apply_task_profile,
            read_back=bench.setup.read_back,
            renew_lease=renew_script(
                bench.owner, gate.idle_s + max(ready.trial.run.timeout_s for ready in trials) + LEASE_S
            ),
            gate=gate,
        )
        self._frames = TrialFrames(self._script.nonce)
        self._heard: list[_Heard] = []
        self._stops_itself = False
        """Whether the device begins no further trial anyway, since the last one failed or left a file."""
        self._started_at = datetime.now(UTC)
        self._first_s: float | None = None
        self._stream: CommandStream | None = None
        try:
            self._stream = bench.target.stream(self._script.text(), cancel=cancel)
        except (DeviceHung, Cancelled):
            # The shell may have begun, or begin later.
            _end_leftovers(bench.target, self._script)
            raise

    def next_is(self, trial: Trial) -> bool:
        """Return whether the next result is this trial's, unless the device stops before it."""
        open_or_heard = self._stream is not None or bool(self._heard)
        return open_or_heard and bool(self._left) and self._left[0].trial == trial

    def result(self, log_dir: Callable[[str], Path]) -> Result | None:
        """Wait for the next trial and return its result; None if the device stopped before it.

        Args:
            log_dir: makes the folder for a trial's raw output, from its id; paths in the result are relative to its grandparent.

        Raises:
            DeviceError: the device failed. What it still ran is ended, if it answers.
            Cancelled: `cancel` was set.
        """
        heard = self._heard.pop(0) if self._heard else self._listen()
        if heard is None:
            return None
        ready = self._left.pop(0)
        if not self._left:
            self._close()
        try:
            return self._judge(ready, heard, log_dir(ready.trial.trial_id))
        except (DeviceError, Cancelled):
            self.drop()
            raise

    def finish(self) -> None:
        """Let no further trial begin, and wait for the running one; `result` still returns it.

        Raises:
            DeviceError: the device failed.
            Cancelled: `cancel` was set.
        """
        if self._stream is None:
            return
        if not self._stops_itself:
            stop = f": >{shlex.quote(self._script.stop_file)}"
            self._bench.target.run(stop, timeout_s=_STOP_TIMEOUT_S, cancel=self._cancel)
        while len(self._heard) < len(self._left) and (heard := self._listen()) is not None:
            self._heard.append(heard)
        self._close()

    def drop(self) -> None:
        """End the running trial and forget the trials without a result. It is no error if the device does not answer."""
        if self._stream is not None:
            self._close()
            _end_leftovers(self._bench.target, self._script)
        self._left, self._heard = [], []

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _listen(self) -> _Heard | None:
        """Return the next trial's output; None if the device stopped before it."""
        if self._stream is None:
            return None
        ready = self._left[len(self._heard)]
        deadline = time.monotonic() + self._script.longest_s(ready.script) + GRACE_S
        try:
            with span("script", trial=ready.trial.trial_id) as told:
                while (frame := self._frames.take()) is None:
                    piece = self._stream.receive(timeout_s=max(0.0, deadline - time.monotonic()))
                    if piece is None:
                        return self._broken_off(ready.script, self._stream.exit_code)
                    self._frames.feed(*piece)
        except (DeviceHung, Cancelled):
            self.drop()
            raise
        except DeviceError:
            self._close()
            self._left, self._heard = [], []
            raise
        heard = self._heard_of(ready.script, frame, exit_code=0)
        told(process_s=heard.trailer.ran_s if heard.trailer else None)  # by the device's own clock
        return heard

    def _broken_off(self, trial: TrialScript, exit_code: int) -> _Heard | None:
        rest = self._frames.rest()
        self._close()
        heard = self._heard_of(trial, rest, exit_code)
        if heard.trailer is not None:
            return heard
        if exit_code == HELD and f"{self._script.mark} held ".encode() in rest.stderr:
            return None
        serial = self._bench.target.serial
        if exit_code == LEASE_LOST:
            raise DeviceBusy("another process took it while this one slept", serial=serial)
        if exit_code == CANNOT:
            refusal = storage_error(serial, rest.stderr.decode(errors="replace"))
            # The marker may be missing if the output broke off, but the words of a refusal say enough.
            if f"{self._script.mark} cannot".encode() in rest.stdout or not isinstance(refusal, CommandFailed):
                raise refusal
        return heard

    def _heard_of(self, trial: TrialScript, frame: Frame, exit_code: int) -> _Heard:
        has_zone = self._script.zone_path is not None
        stderr, trailer = split_trailer(frame.stderr, self._script.nonce, tuple(trial.frequency_paths), has_zone)
        self._stops_itself = trailer is None or trailer.exit_code != 0 or bool(trailer.left)
        return _Heard(stdout=frame.stdout, stderr=stderr, trailer=trailer, exit_code=exit_code)

    def _judge(self, ready: ReadyTrial, heard: _Heard, log_dir: Path) -> Result:
        bench, trial, trailer, stderr = ready.bench, ready.trial, heard.trailer, heard.stderr
        if trailer is not None and bench.inventory.boot_id and trailer.boot_id != bench.inventory.boot_id:
            raise DeviceRebooted("it rebooted since the run began", serial=trial.device)
        logs = {"stdout": heard.stdout, "stderr": stderr}
        names = ready.script.files if trailer is None else trailer.left
        logs |= {kind_of_file(name): content for name, content in (trailer.files if trailer else {}).items()}
        with span("write logs", trial=trial.trial_id):
            paths = write_logs(log_dir, logs)
        logs |= pull_files(bench.target, ready.script.folder, log_dir, names, self._cancel)
        paths |= paths_of(log_dir, logs)
        exit_code = trailer.exit_code if trailer else heard.exit_code
        with span("parse", trial=trial.trial_id, bytes=len(heard.stdout)):
            parsed = parse_output(
                heard.stdout,
                stderr=stderr,
                profile=logs.get("profile"),
                runtime_info=logs.get("runtime_info"),
                exit_code=exit_code,
                requested=trial.delegate,
            )
        with span("judge", trial=trial.trial_id):
            conditions = observe(bench.inventory, trial, trailer, bench.setup)
            status, causes, message = judge_trial(trial, parsed, trailer, conditions)
        if not ready.filled and status is Status.OK:
            status, causes = Status.INVALID, (Cause.CONDITION_NOT_MET,)
            message = "a cached start was asked for, and the process that ran before left no cache"
        synthetic = synthetic_origin(stderr)
        if synthetic is not None and trial.forbid_synthetic:
            status, causes = Status.INVALID, (Cause.CONDITION_NOT_MET,)
            message = f"the suite forbids synthetic numbers, and these are: {synthetic}"
        if _REFUSED_MASK.search(stderr) and conditions.affinity_observed is None:
            status, causes = Status.FAILED, (Cause.AFFINITY_NOT_HONOURED,)
            message = f"did not run: cores {format_list(from_mask(trial.cpus.mask))} were refused"
        if Cause.AFFINITY_NOT_HONOURED in causes:
            conditions = replace(conditions, evidence=(affinity_evidence(bench.inventory, trial, conditions),))
        figures = None
        if ready.case is not None and status is Status.OK:
            status, causes, message, figures = judge_outputs(
                ready.case, logs.get("outputs", b""), played_back=synthetic
            )
            if figures is not None and not figures.outside and len(logs["outputs"]) > INLINE_BYTES:
                # If the outputs are right they are not kept: with megabytes for each trial they would outgrow all else in a run.
                drop_log(log_dir, paths, "outputs")
        started_at, duration_s = self._when(trailer)
        return Result(
            trial=trial,
            status=status,
            causes=causes,
            message=message,
            measurement=None if synthetic is not None and trial.forbid_synthetic else parsed.measurement,
            conditions=conditions,
            artifact_sha256=bench.program.sha256,
            command=("benchmark_model", *ready.script.flags),
            exit_code=exit_code,
            started_at=started_at,
            duration_s=duration_s,
            synthetic=synthetic is not None,
            accuracy=figures,
            logs=paths,
        )

    def _when(self, trailer: Trailer | None) -> tuple[datetime, float]:
        """Return when a trial began, and its seconds on the device. The host may read the output late, so the device's clock counts."""
        if trailer is None or trailer.began_s is None or trailer.took_s is None:
            return self._started_at, round((datetime.now(UTC) - self._started_at).total_seconds(), 3)
        if self._first_s is None:
            self._first_s = trailer.began_s
        return self._started_at + timedelta(seconds=trailer.began_s - self._first_s), round(trailer.took_s, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """The output of one trial. `exit_code` is the shell's, and counts if there is no trailer."""

    stdout: bytes
    stderr: bytes
    trailer: Trailer | None
    exit_code: int


def _end_leftovers(target: Target, script: BlockScript) -> None:
    """Kill what a block left running, over a connection of its own. It is no error if the device does not answer."""
    with contextlib.suppress(DeviceError):
        target.run(kill_script(script), timeout_s=_STOP_TIMEOUT_S)
