"""Collects profiler events of many runs with the profiler always on.

If the profiler restarted for each run, it would clear its 50 MB buffer in between, and with it the CPU's caches: a model below a
millisecond would run a third slower. So it starts once, and the number of events after each run separates the runs.
"""

from __future__ import annotations

from harness.litert_host.profile import ModelProfile
from harness.litert_host.session import Session

# LiteRT's buffer holds 524,288 events and drops the rest, so it is emptied between two runs well before that.
_EMPTY_AT = 400_000


class EventRecorder:
    """Adds the events of each run to a profile.

    Args:
        session: a session compiled with profiling.
        profile: receives the runs.
        empty_at: number of events after which the buffer is emptied between two runs.
    """

    def __init__(self, session: Session, profile: ModelProfile, empty_at: int = _EMPTY_AT) -> None:
        self._session, self._profile, self._empty_at = session, profile, empty_at
        self._ends: list[int] = []

    def start(self) -> None:
        """Start recording."""
        self._session.start_profiler()

    def end_run(self) -> None:
        """Mark the end of a run."""
        self._ends.append(self._session.event_count())
        if self._ends[-1] > self._empty_at:
            self.finish()
            self.start()

    def finish(self) -> None:
        """Stop, and add the recorded runs to the profile."""
        for events in self._session.stop_profiler(self._ends):
            self._profile.add_run(events)
        self._ends.clear()
