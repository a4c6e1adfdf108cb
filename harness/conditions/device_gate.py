"""The gates between two trials of a block, as shell text: the device itself decides whether the next trial may begin. Pure.

The device lets a trial begin only if it is sure. Whatever it cannot decide with whole numbers it leaves to `harness.conditions.gates`,
which decides with the same limits: the shell then stops before the trial, and the host takes over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceGate:
    """The limits for the trials of a block after its first.

    Args:
        max_status: highest allowed thermal status; None allows any.
        below_c: the temperature in degrees Celsius must be lower; None allows any.
        min_percent: least charge.
        idle_s: pause before each trial in seconds.
    """

    max_status: int | None = None
    below_c: float | None = None
    min_percent: int = 0
    idle_s: float = 0.0

    def text(self) -> str:
        """Return shell text that calls `held REASON` if the next trial may not begin.

        It reads `$S` (thermal status), `$T` (temperature, as `ThermalZone.read` prints it) and `$C` (lines of `dumpsys battery`). Empty
        means that the device does not report it, which closes no gate.
        """
        lines = []
        if self.max_status is not None:
            allowed = "|".join(str(status) for status in range(self.max_status + 1))
            lines.append(f"case $S in ''|{allowed}) ;; *) held 'thermal status';; esac")
        if self.below_c is not None:
            # `to_celsius` tells the unit by the number of digits; a decimal point means degrees. Rounded down: nothing slips through.
            whole, milli = math.floor(self.below_c), math.floor(self.below_c * 1000)
            lines.append(
                f"""case $T in
  '') ;;
  *[!0-9.]*|*.*.*|.*|??????????*) held temperature;;
  *.*) [ "${{T%.*}}" -lt {whole} ] || held temperature;;
  ?|??) [ "$T" -lt {whole} ] || held temperature;;
  ????*) [ "$T" -lt {milli} ] || held temperature;;
  *) held temperature;;
esac"""
            )
        if self.min_percent > 0:
            lines.append(
                f"""case $C in *level:*scale:*)
  l=${{C#*level: }}; l=${{l%%[!0-9]*}}; s=${{C#*scale: }}; s=${{s%%[!0-9]*}}
  case $l/$s in /*|*/|*/0|????????????*) held battery;; esac
  [ $((100*l/s)) -ge {self.min_percent} ] || held battery;;
'') ;;
*) held battery;;
esac"""
            )
        return "\n".join(lines) or ":"
