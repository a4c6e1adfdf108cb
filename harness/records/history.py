"""Records of the history: series of estimates over many runs, and the changes found in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from harness.records.asked import CellKey, StartState, model_label

Unit = Literal["us", "mb"]


class ChangeVerdict(StrEnum):
    """What is known of a change.

    Only an experiment confirms or refutes; `explained` says that the ground changed on the same night. `improved` is a change whose ratio
    is below 1, suspected or confirmed.
    """

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    EXPLAINED = "explained"
    IMPROVED = "improved"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SeriesKey:
    """The identity of a series: all that its estimates have in common. Texts are the user's or the device's own: escape them."""

    device: str
    """A phone's serial; a virtual device's profile, `virtual:PROFILE`, because its serial is only its port."""
    model: str
    """The model's name in the suite, which outlives its file."""
    delegate: str
    threads: int
    cpus: str
    metric: str
    """A value of `harness.analysis.metrics.Metric`."""
    binary: str = ""
    """Name of the benchmark binary in the suite; empty if its runs compare none."""
    variant: str = ""
    start: StartState = "warm"

    @property
    def words(self) -> str:
        """Name for people: `mobilenet on R5CT1 cpu 1 thr big`, with the metric if it is not the average latency."""
        parts = [f"{model_label(self.model, self.variant)} on {self.device} {self.delegate}"]
        parts += [] if self.start == "warm" else [f"{self.start} start"]
        parts += [f"{self.threads} thr {self.cpus}"]
        parts += [self.binary] if self.binary else []
        parts += [] if self.metric == "inference_avg" else [self.metric]
        return " ".join(parts)

    @property
    def cell(self) -> CellKey:
        """The cell of a run that gives its estimates, with the name of a virtual device in place of its serial."""
        delegate = self.delegate if self.start == "warm" else f"{self.delegate}, {self.start} start"
        return CellKey(
            model=self.model,
            device=self.device,
            delegate=delegate,
            threads=self.threads,
            cpus=self.cpus,
            binary=self.binary,
            variant=self.variant,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a night was measured on, beside what is tested. A change that coincides with a change of it is no regression of the code.

    The files of the model and of the binary are what is tested: they never explain a change.
    """

    fingerprint: str | None = None
    """The device's system build."""
    governor: str | None = None
    """Governors seen after the trials, of each frequency domain: `policy0=schedutil, policy4=schedutil`."""
    config: str | None = None
    """Name of the device config, with the beginning of a hash of what of it acts on trials."""
    harness_version: str = ""
    asked: str = ""
    """Hash of what the suite asked of each process: its purpose, lengths, inputs, delegate options, settings, the mask of the cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightEstimate:
    """The estimate of a series in one run, and what it was measured on."""

    run_id: str
    run_path: str
    """Folder of the run when it was added; it may be gone."""
    at: datetime
    """Start of the run, with its time zone."""
    value: float
    """Centre of the processes that count, in the metric's unit."""
    processes: int
    """Number of processes that count; at least 1."""
    spread: float | None
    """Robust standard deviation of the logarithm of one process's value; None for fewer than two processes."""
    ci_low: float | None
    ci_high: float | None
    """Ends of the 95 % interval of `value` between processes of this run, in its unit; None where there are too few."""
    model_sha256: str
    binary_sha256: str
    ground: Ground
    synthetic: bool = False
    output_differs: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    """Labels of the run, such as `("commit", "abc")`, by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Estimates of one series, oldest first: at most one of each run. A missed night has none."""

    key: SeriesKey
    unit: Unit
    estimates: tuple[NightEstimate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What an experiment found."""

    run_id: str
    run_path: str
    ratio: float
    ci_low: float
    ci_high: float
    device_s: float
    """Seconds of device time that it took."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a series."""

    id: str
    """Short, stable over repeated checks, and safe as an argument: letters and digits."""
    group: str
    """Id of the changes that belong together: same night, same model or binary, same direction."""
    series: SeriesKey
    unit: Unit
    first_bad: str
    """Id of the first run after the change."""
    first_bad_at: datetime
    last_good: str
    """Id of the last run before it."""
    last_good_at: datetime
    before: float
    """Level before it, in the metric's unit."""
    after: float
    ratio: float
    """`after` over `before`; above 1 is worse."""
    ci_low: float
    ci_high: float
    verdict: ChangeVerdict
    kind: Literal["hint", "alert", "tonight"] = "alert"
    """How it was found: by change points with the low or the high penalty, or by the latest nights against the level before them."""
    found_at: datetime
    """When `check` found it first."""
    explained_by: tuple[str, ...] = ()
    """Sentences on what changed of the ground on that night."""
    evidence: Evidence | None = None
    accepted: bool = False
    """Somebody accepted the new level: it no longer counts for exit codes and notifications."""
    muted_until: datetime | None = None
    muted: bool = False
    """Whether it is silenced now: by `muted_until`, or for good."""
    unseen_since: datetime | None = None
    """Since when no check finds it any more: later nights do not bear it out. Never of one that an experiment decided."""
    mended_since: datetime | None = None
    """Since when the series is back at the level before it."""
    notes: tuple[str, ...] = field(default=())

    @property
    def counts(self) -> bool:
        """Whether it may set an exit code or notify: nobody accepted or silenced it, later nights bear it out, and it is still there."""
        return not (self.accepted or self.muted or self.unseen_since or self.mended_since)

    @property
    def worse(self) -> bool:
        """Whether the metric grew."""
        return self.ratio > 1
