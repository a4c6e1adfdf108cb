"""Cold and cached starts: where a delegate's cache lies on the device, and how it is filled for a cached start.

* `warm` is the tool's default: no cache is named, and the system's own caches are whatever they are.
* `cold` names a cache in the trial's own folder, which is emptied just before: the process prepares everything and writes it.
* `cached` names a cache in a folder that stays on the device. A separate, unmeasured process fills it once for each model, binary and
  delegate. A trial counts as cached only if a cache is there afterwards.

The folder's name is a hash over model, binary and delegate with its options. The token holds the model's hash because a delegate's cache
does not check weights: another model under the same token would run with the wrong ones.
"""

from __future__ import annotations

import hashlib
import shlex

from harness.benchmark_model.command_line import BinaryFacts, CachePlace, trial_flags
from harness.devices.device_folder import BASE_DIR
from harness.measuring.trial_script import CANNOT
from harness.records import Purpose, RunLengths, Trial

CACHE_DIR = f"{BASE_DIR}/cache"
"""Filled caches stay here, as pushed files do, for later runs."""

_MARK = "harness-cache"


def cache_place(trial: Trial, *, program_sha256: str, folder: str) -> CachePlace | None:
    """Return where the delegate of a trial keeps its cache; None for a warm start.

    Args:
        trial: as asked.
        program_sha256: hash of the benchmark binary, since another build may pack weights differently.
        folder: the trial's own folder on the device, emptied before it runs.
    """
    if trial.start == "warm":
        return None
    # Each signature and each input shape is a different program to a delegate.
    asked = "\0".join((trial.model.sha256, program_sha256, trial.delegate.label, trial.model.asked)).removesuffix("\0")
    key = hashlib.sha256(asked.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    place = folder if trial.start == "cold" else f"{CACHE_DIR}/{key}"
    return CachePlace(folder=place, token=f"{trial.model.sha256[:16]}-{key}")


def fill_script(trial: Trial, cache: CachePlace, *, graph: str, program: str, binary: BinaryFacts, folder: str) -> str:
    """Return shell text that fills a cache if it is empty and lists its files; `is_filled` reads that list.

    The process that fills it runs under the trial's time limit and writes its pid where a trial does, so that the same clean-up finds it.

    Args:
        trial: the trial that wants it.
        cache: from `cache_place`.
        graph: path of the model on the device.
        program: path of the benchmark binary.
        binary: the binary's flags.
        folder: the trial's own folder.
    """
    q = shlex.quote
    once = RunLengths(min_runs=1, min_s=0, max_s=trial.run.max_s, warmup_runs=1, warmup_s=0)
    flags = trial_flags(
        graph=graph,
        delegate=trial.delegate,
        threads=trial.threads,
        purpose=Purpose.LATENCY,
        run=once,
        binary=binary,
        cache=cache,
        model=trial.model,
    )
    arguments = " ".join(q(flag) for flag in flags)
    seconds = max(1, round(trial.run.timeout_s))
    return f"""
mkdir -p {q(cache.folder)} {q(folder)} && cd {q(folder)} || exit 1
F={q(cache.folder)}/{q(cache.token)}
if [ ! -f {q(cache.folder)}/filled ]; then
  rm -f "$F"* code pid
  timeout -s KILL {seconds} sh -c {q(_own_shell())} sh {q(program)} {arguments} </dev/null >/dev/null 2>&1 &
  P=$!; wait $P
  {_read_code(q(program))}
  [ "$code" = 0 ] && : >{q(cache.folder)}/filled
fi
for f in "$F"*; do [ -s "$f" ] && [ -f {q(cache.folder)}/filled ] && echo {_MARK}; done
:
"""


def is_filled(output: bytes) -> bool:
    """Return whether `fill_script` found or made a cache."""
    return _MARK.encode() in output.split(b"\n")


def _own_shell() -> str:
    """Return the text of the shell that `timeout` runs in a folder without `code` and `pid`. It starts its arguments.

    It writes its own PID to `group`, that of its arguments to `pid`, and their exit code to `code`.

    The exit code of `timeout` itself may be wrong: toybox 0.8.8 to 0.8.10 returns 127 if the program ends before its parent has stored its
    pid (repaired in toybox acac56a2). On a busy machine this also happens to programs that take a second.
    """
    # The subshell becomes the program. The shell's own message on its end ("Killed") is not part of its output.
    return f"""echo $$ >group || exit {CANNOT}; exec 3>&2 2>/dev/null
(read -r p rest </proc/self/stat && echo $p >pid || exit {CANNOT}; exec "$@" 2>&3 3>&-)
c=$?; echo $c >code; exit $c"""


def _read_code(program: str) -> str:
    """Return shell text that sets `code` to the exit code from `_own_shell` after `timeout`, whose pid is `$P`, has ended.

    `code` is empty if that shell was killed, by the deadline or from outside. The `timeout` of an old toybox kills only that shell, so this
    text kills the program.

    Args:
        program: shell word of the program as started, because its pid may meanwhile belong to another one.
    """
    return f"""code=; read -r code 2>/dev/null <code
p=; [ -z "$code" ] && read -r p 2>/dev/null <pid
[ "$p" ] && grep -qF {program} /proc/$p/cmdline 2>/dev/null && kill -9 -$P $p 2>/dev/null"""
