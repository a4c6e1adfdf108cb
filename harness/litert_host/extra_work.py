"""A session that really works longer at each inference, by a share of what the inference itself took.

So you can see how the harness answers a slower program without having one: a virtual device measures it like any other. It computes and
does not sleep: a busy core makes it slower still, as it does every program. The program's file names the share, so files of other shares
have other hashes, and its output says so.
"""

from __future__ import annotations

import hashlib
import time

from harness.litert_host.library import Library
from harness.litert_host.session import Session

# Short enough to end within a microsecond or two of what is owed.
_WORK = bytes(range(256)) * 2


class ExtraWorkSession(Session):
    """A session whose inferences compute longer.

    Args:
        library: LiteRT's library.
        share: the extra work, as a share of the processor time that the inference took of its thread: 0.1 makes it a tenth longer.
    """

    def __init__(self, library: Library, share: float) -> None:
        super().__init__(library)
        self._share = share

    def run(self) -> tuple[int, int]:
        """Run one inference and the extra work. Return what `Session.run` does; the time is that of both."""
        run, arguments, clock, cpu = self._run, self._arguments, time.monotonic_ns, time.thread_time_ns
        work, share = hashlib.sha256, self._share
        start, began = clock(), cpu()
        status = run(*arguments)
        worked = cpu()
        until = worked + (worked - began) * share
        while cpu() < until:
            work(_WORK)
        end = clock()
        return status, end // 1000 - start // 1000
