"""The worker's side of `worker_process`.

It runs in the Python with TensorFlow, which may lack the harness's dependencies. So workers import only NumPy, the standard library, and
modules of the harness that import no more than these.
"""

from __future__ import annotations

import ctypes
import json
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, UsageError

_PR_SET_PDEATHSIG = 1  # prctl(2)


def answer_request(work: Callable[[dict[str, Any]], dict[str, Any]], folder: Path | None = None) -> None:
    """Handle `request.json`, and write an answer. The traceback of an error goes to the log.

    Keys of an error: `error`, `remedy`, and `kind`: `usage` if the request is wrong for every variant, `failed` if the worker recognised
    the problem, `raised` if a library raised an exception, whose class is `type`.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a killed harness leaves no converter behind
    folder = Path(sys.argv[1]) if folder is None else folder
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    answer: dict[str, Any]
    try:
        answer = work(request)
    except HarnessError as error:
        kind = "usage" if isinstance(error, UsageError) else "failed"
        answer = {"error": error.message, "remedy": error.remedy, "kind": kind, "type": type(error).__name__}
    except Exception as error:  # a converter raises anything; the caller makes one line of it
        traceback.print_exc()
        answer = {"error": str(error), "remedy": None, "kind": "raised", "type": type(error).__name__}
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB", flush=True)
    whole = folder / "answer.part"
    whole.write_text(json.dumps(answer), encoding="utf-8")
    whole.replace(folder / "answer.json")
