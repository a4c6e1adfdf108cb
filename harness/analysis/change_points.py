"""Change points of a whole series by a published method from a library: where in it the level changed for good. Pure.

Kernel change point detection (Celisse, Marot, Pierre-Jean, Rigaill, Journal of Machine Learning Research 19, 2018; Arlot, Celisse,
Harchaoui, JMLR 20, 2019) with the rbf kernel, by `ruptures` (Truong, Oudre, Vayatis, Signal Processing 167, 2020). Single bad nights hardly
move it. A segment with `a` and `b` nights at its sides gains at most `2 a b / (a + b)`, so it takes three nights and more after a change,
whatever its size: for the latest nights see `latest_nights`.
"""

from __future__ import annotations

import numpy as np

from harness.analysis.centre import MAD_TO_SD
from harness.analysis.ranks import Floats
from harness.errors import SetupError

try:
    import ruptures
except ImportError as error:
    raise SetupError("change points need ruptures", remedy="pip install 'litert-device-harness[history]'") from error

HINT_PENALTY = 4.0
ALERT_PENALTY = 6.0
"""What a change point must gain. Chosen by trial on simulated series: docs/statistics.md."""
LEAST_NIGHTS = 3
"""Nights between two change points, at least."""
_AROUND = 3
"""A noisy night is pulled towards the median of so many nights at each side and itself."""


def change_points(values: Floats, errors: Floats, penalty: float) -> list[int]:
    """Return the places of the first nights after each change, oldest first.

    Args:
        values: one value a night, on a scale where noise adds.
        errors: standard error of each between the processes of its night; a night with a large one counts less.
        penalty: what a change point must gain: the more, the fewer are found.
    """
    if len(values) < 2 * LEAST_NIGHTS:
        return []
    weighed = _weighed(values, errors)
    spread = float(weighed.std())
    if spread <= 1e-12 * max(1.0, float(np.abs(weighed).max())):
        return []
    search = ruptures.KernelCPD(kernel="rbf", min_size=LEAST_NIGHTS).fit((weighed - weighed.mean()) / spread)
    return [int(place) for place in search.predict(pen=penalty)[:-1]]


def _weighed(values: Floats, errors: Floats) -> Floats:
    """Pull nights that are noisier than usual towards their neighbours, until they are as noisy as the others. Levels stay as they are."""
    steps = np.diff(values)
    fast = (MAD_TO_SD * float(np.median(np.abs(steps - np.median(steps))))) ** 2 / 2
    usual = float(np.median(errors**2))
    own = max(0.0, fast - usual) + errors**2
    typical = float(np.median(own))
    if typical <= 0:
        return values
    weights = np.minimum(1.0, np.sqrt(typical / np.maximum(own, typical)))
    padded = np.pad(values, _AROUND, mode="reflect")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1), axis=1)
    return np.asarray(around + weights * (values - around), dtype=np.float64)
