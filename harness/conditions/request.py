"""The `conditions:` part of a suite.

Without it the harness changes nothing on a device. The defaults only look: no trial begins while Android reports thermal mitigation or the
battery is nearly empty, since its numbers would be useless.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from harness.files.written_form import Written

_Condition = Literal[
    "airplane_mode",
    "battery",
    "fixed_performance",
    "frequency",
    "governor",
    "load",
    "screen",
    "stay_awake",
    "task_profile",
    "thermal",
]
_Word = Annotated[str, Written(r"[A-Za-z0-9_.-]{1,64}", "one word of letters, digits, `_`, `.` and `-`")]
_Clock = (
    Annotated[int, Field(gt=0)]
    | Annotated[str, Written(r"(max|min|[1-9]\d?%|100%)", "kHz, a share such as 70%, max or min")]
)


LOW_CLOCK = 0.9
"""Default of `low_clock`: one or two clocks below the highest, since phones' clocks are 5 to 10 % apart."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ThermalRequest(_Strict):
    """The heat allowed before each trial, and after it for the trial to count."""

    max_status: int | None = Field(
        default=0, ge=0, le=6, description="highest thermal status (0 NONE, 1 LIGHT ..); null: any"
    )
    below_c: float | Literal["device"] | None = Field(
        default=None,
        description="the CPU's zone must be cooler than this; `device`: start_below_c of the device's config",
    )
    wait_s: float = Field(default=300.0, ge=0, le=6 * 3600, description="how long to wait for that before each trial")
    low_clock: float | None = Field(
        default=LOW_CLOCK,
        gt=0,
        le=1,
        description="clocks below this share of the highest, while the process kept its cores busy: throttled; null: any",
    )


class BatteryRequest(_Strict):
    """The charge needed before each trial."""

    min_percent: int = Field(default=10, ge=0, le=100)
    wait_s: float = Field(default=0.0, ge=0, le=24 * 3600, description="how long to wait for a phone that is charging")


class LoadRequest(_Strict):
    """The foreign load allowed before each trial."""

    max: float = Field(gt=0, le=64, description="cores that others keep busy, on average over a second")
    wait_s: float = Field(default=60.0, ge=0, le=6 * 3600)


class ConditionsRequest(_Strict):
    """Conditions for every trial of the suite. The harness restores all changes at the end."""

    fixed_performance: bool = Field(default=False, description="Android 11+: clocks that the phone can hold")
    governor: Mapping[str, _Word] = Field(
        default_factory=dict, description="cores (big, all, f0) to cpufreq governor; needs root"
    )
    frequency: Mapping[str, _Clock] = Field(
        default_factory=dict,
        description="cores (big, all, f0) to a clock in kHz, a share (70%), max or min; needs root",
    )
    task_profile: _Word | None = Field(
        default=None, description="of task_profiles.json, such as MaxPerformance; given to each process"
    )
    stay_awake: bool = Field(default=False, description="the screen stays on while the phone is plugged in")
    screen: Literal["on", "off"] | None = None
    airplane_mode: bool = Field(default=False, description="Android 11+; not for a phone that is reached over Wi-Fi")
    thermal: ThermalRequest = ThermalRequest()
    battery: BatteryRequest = BatteryRequest()
    load: LoadRequest | None = None
    idle_s: float = Field(default=0.0, ge=0, le=3600, description="pause before each trial")
    canary: bool = Field(default=False, description="time a small fixed workload before and after each block")
    repeat_invalid: int = Field(
        default=2, ge=0, le=20, description="how often a trial that heat spoiled is repeated once the device has cooled"
    )
    threads_over_cores: Literal["warn", "refuse"] = Field(
        default="warn", description="cells with more threads than cores are run with a warning, or skipped"
    )
    when_supported: bool | list[_Condition] = Field(
        default=False, description="conditions that a device may lack; true: all of them. Others: condition_not_met"
    )

    @field_validator("screen", mode="before")
    @classmethod
    def _word_not_bool(cls, value: object) -> object:
        # YAML takes a bare `on` for true.
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value

    @field_validator("when_supported")
    @classmethod
    def _no_repeats(cls, value: bool | list[str]) -> bool | list[str]:
        if isinstance(value, list) and len(set(value)) != len(value):
            raise ValueError("a condition is listed twice")
        return value

    def optional(self, condition: str) -> bool:
        """Say whether a device without this condition may run all the same."""
        return self.when_supported if isinstance(self.when_supported, bool) else condition in self.when_supported
