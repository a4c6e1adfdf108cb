"""The shell script that runs one trial on a device. `trailer` reads what it prints at the end.

It runs in one round trip, so that the harness does not talk to the device during the measurement:

1. a fresh folder, temperature and thermal status before;
2. the benchmark under `timeout`, `taskset` and a shell of its own, which records its exit code; its pid is written before it starts, so
   that it can be found and killed from outside;
3. beside it a sampler, on other cores where possible, that records clocks, temperature and the affinity of every thread;
4. temperature and status after; then, after a line with a nonce, everything that was recorded.

The benchmark's stdout and stderr come through untouched; the trailer follows on stderr. The script is written for mksh and toybox as
Android has them since 7; the tests list the commands that it needs and run it under toybox.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.devices.device_folder import BASE_DIR, PID_FILES
from harness.measuring.trailer import MARK

CANNOT = 111
"""Exit code of the script if it cannot write its folder."""

SAMPLE_INTERVAL_S = 0.5
_SCHEDSTAT = "^[0-9]* [0-9]* [0-9]*$"
"""Fields of /proc/PID/task/TID/schedstat: ns on a core, ns ready and waiting for one, time slices (kernel: scheduler/sched-stats.rst)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialScript:
    """The inputs of the script.

    Args:
        folder: the trial's own folder on the device; emptied first.
        program: path of the benchmark binary.
        flags: its arguments.
        mask: cores asked for.
        other_mask: cores that the sampler may use; 0 if there are no others.
        timeout_s: seconds after which the device itself kills the benchmark.
        zone_path: file with the temperature that the sampler reads, if there is one.
        read_temperature: shell text that prints the temperature before and after; None if none can be read.
        frequency_paths: core number -> file with its present clock in kHz.
        nonce: text that no output contains by chance.
        sample_every_s: seconds between samples; None samples nothing, and the affinity stays unknown.
        apply_task_profile: shell text that the benchmark's shell runs before it becomes the benchmark (a task profile).
        read_back: shell text run after the benchmark to read settings that must still hold (`harness.conditions.journal.read_script`).
    """

    folder: str
    program: str
    flags: Sequence[str]
    mask: int
    other_mask: int
    timeout_s: float
    zone_path: str | None
    read_temperature: str | None
    frequency_paths: Mapping[int, str]
    nonce: str
    sample_every_s: float | None = SAMPLE_INTERVAL_S
    apply_task_profile: str | None = None
    read_back: str = ""

    def look(self) -> str:
        """Shell text for one sample of the process `$p`."""
        q = shlex.quote
        watched = [*self.frequency_paths.values(), *([self.zone_path] if self.zone_path else [])]
        # The shell's own `read`: starting `cat` would be the most expensive part of each sample.
        read_watched = (
            f'for f in {" ".join(q(path) for path in watched)}; do v=-; read -r v <"$f"; echo "$v"; done'
            if watched
            else ":"
        )
        return f"""read up rest </proc/uptime
    echo "t $up"; {read_watched}
    read -r stat </proc/$p/stat && echo "cpu $stat"
    echo a; grep -h -e Cpus_allowed_list -e '{_SCHEDSTAT}' /proc/$p/task/*/status /proc/$p/task/*/schedstat 2>/dev/null"""

    def text(self) -> str:
        """The script, for the device's `sh -c`."""
        q = shlex.quote
        mark = f"{MARK}{self.nonce}"
        # `timeout 0` means at once in toybox and never in GNU.
        seconds = max(1, round(self.timeout_s))
        pin_sampler = f"taskset -p {self.other_mask:x} $S >/dev/null 2>&1" if self.other_mask else ":"
        read_zone = self.read_temperature or ":"
        arguments = " ".join(q(flag) for flag in self.flags)
        apply_task_profile = f"{self.apply_task_profile}; echo $? >profile; " if self.apply_task_profile else ""
        # Pinned before the pid is written: the sampler must not see the mask from before.
        start = q(own_shell(apply_task_profile))
        sampler = f"""{{ n=0
  while [ ! -s pid ] && [ $n -lt 40 ]; do sleep 0.05; n=$((n+1)); done
  read p <pid; w=0.03
  while [ -d /proc/$p ]; do
    sleep $w; case $w in 0.03) w={min(0.2, self.sample_every_s or 0.2)};; *) w={self.sample_every_s};; esac
    {self.look()}
  done; }} >samples 2>/dev/null </dev/null &
S=$!
{pin_sampler}
"""
        stop_sampler = """read C 2>/dev/null </proc/$S/task/$S/children
kill -9 $S $C 2>/dev/null
wait $S 2>/dev/null
"""
        if self.sample_every_s is None:
            sampler = stop_sampler = ""
        return f"""
trap '' HUP
D={q(self.folder)}
rm -rf "$D"; mkdir -p "$D" && cd "$D" && echo $$ >shell || {{ echo {q(mark)} cannot; exit {CANNOT}; }}
conditions() {{ echo "temp $({read_zone})"; dumpsys thermalservice 2>/dev/null | grep -m 1 'Thermal Status'; }}
conditions >before 2>/dev/null
read up rest </proc/uptime; echo "$up" >start || {{ echo {q(mark)} cannot; exit {CANNOT}; }}
[ -e "$D".{self.nonce}.stop ] && exit 113
timeout -s KILL {seconds} taskset {self.mask:x} sh -c {start} sh {q(self.program)} {arguments} </dev/null &
P=$!
{sampler}wait $P; rc=$?
read up rest </proc/uptime; echo "$up" >stop
{read_code(self.program)}
# Before its 0.8.2 (Android 11) toybox reports death by signal N as 127+N.
[ -z "$code" ] && [ $rc -gt 127 ] && {{ timeout 9 sh -c 'kill -9 $$'; [ $? = 136 ] && rc=$((rc+1)); }} 2>/dev/null
[ "$code" ] && rc=$code
{stop_sampler}conditions >after 2>/dev/null
dumpsys battery 2>/dev/null | grep -e '^ *level:' -e '^ *scale:' >>after
{{ {self.read_back or ":"}
}} >settings 2>/dev/null
{{ echo; echo {q(mark)} rc $rc
for f in start stop before after settings profile samples; do echo {q(mark)} $f; cat $f 2>/dev/null; done
echo {q(mark)} boot; cat /proc/sys/kernel/random/boot_id 2>/dev/null
echo {q(mark)} end; }} >&2
exit $rc
"""


def own_shell(prepare: str = "") -> str:
    """Return the text of the shell that `timeout` runs in a folder without `code` and `pid`. It starts its arguments.

    It writes its own PID to `group`, that of its arguments to `pid`, and their exit code to `code`.

    The exit code of `timeout` itself may be wrong: toybox 0.8.8 to 0.8.10 returns 127 if the program ends before its parent has stored its
    pid (repaired in toybox acac56a2). On a busy machine this also happens to programs that take a second.

    Args:
        prepare: shell text to run first; ends with `;`.
    """
    # The subshell becomes the program. The shell's own message on its end ("Killed") is not part of its output.
    return f"""echo $$ >group || exit {CANNOT}; {prepare}exec 3>&2 2>/dev/null
(read -r p rest </proc/self/stat && echo $p >pid || exit {CANNOT}; exec "$@" 2>&3 3>&-)
c=$?; echo $c >code; exit $c"""


def read_code(program: str) -> str:
    """Return shell text that sets `code` to the exit code from `own_shell` after `timeout`, whose pid is `$P`, has ended.

    `code` is empty if that shell was killed, by the deadline or from outside. The `timeout` of an old toybox kills only that shell, so this
    text kills the program.

    Args:
        program: the program as started, because its pid may meanwhile belong to another one.
    """
    return f"""code=; read -r code 2>/dev/null <code
p=; [ -z "$code" ] && read -r p 2>/dev/null <pid
[ "$p" ] && grep -qF {shlex.quote(program)} /proc/$p/cmdline 2>/dev/null && kill -9 -$P $p 2>/dev/null"""


def kill_script(folder: str, nonce: str) -> str:
    """Return shell text that ends what a trial in this folder started, even if its shell is gone. It prints `gone` once nothing runs.

    The trial's shell may not have started the benchmark yet, or not even made its folder: a file with its nonce tells it to stop. A pid may
    have been reused, so only a process whose command line names our folder is killed.
    """
    return f"""
mkdir -p {shlex.quote(folder)} && : >{shlex.quote(folder)}.{nonce}.stop
cd {shlex.quote(folder)} 2>/dev/null || {{ echo gone; exit 0; }}
n=0
for f in {" ".join(PID_FILES)}; do
  p=; read p <$f
  while [ -n "$p" ] && [ $n -lt 20 ] && grep -q {shlex.quote(BASE_DIR)} /proc/$p/cmdline; do
    kill -9 $p; kill -9 -$p
    sleep 0.1; n=$((n+1))
  done
done 2>/dev/null
[ $n -lt 20 ] && echo gone
"""
