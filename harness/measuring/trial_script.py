"""The shell script that runs the trials of a block on a device, one after the other. `trailer` reads what each prints at its end.

It runs in one round trip, so that the harness does not talk to the device while it measures, and the device does not wait for the harness
between two trials. For each trial:

1. temperature and thermal status before (those after the previous trial, if nothing happened in between);
2. the benchmark under `timeout`, `taskset` and a shell of its own, which records its exit code; its pid is written before it starts, so
   that it can be found and killed from outside;
3. beside it a sampler, on other cores where possible, that records clocks, temperature and the affinity of every thread;
4. temperature and status after; then, after a line with a nonce, everything that was recorded, and the output files if they are small.

The benchmark's stdout and stderr come through untouched. A line with the nonce ends a trial's part of each, so that the host reads one
trial while the next one runs. The shell stops before the next trial if a gate closes (`DeviceGate`), if the last trial failed, if a file is
too big to come along, or if somebody put the stop file there; the host then decides.

The script is written for mksh and toybox as Android has them since 7. Starting a program costs a phone several milliseconds, so the shell
does by itself what it can. The tests list the commands that it needs and run it under toybox.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.conditions.device_gate import DeviceGate
from harness.devices.device_folder import BASE_DIR, PID_FILES
from harness.measuring.trailer import MARK

CANNOT = 111
"""Exit code of the script if it cannot write its folder."""

HELD = 114
"""Exit code of the script if it stopped before a trial."""

SAMPLE_INTERVAL_S = 0.5
INLINE_BYTES = 1 << 20
"""Largest output file that comes along with a trial's notes; a bigger one is pulled when nothing runs."""
BATTERY_EVERY_S = 30
"""How old the charge that a trial notes may be, in seconds: asking costs a program's start, and it moves by a per cent in minutes."""
_SCHEDSTAT = "^[0-9]* [0-9]* [0-9]*$"
"""Fields of /proc/PID/task/TID/schedstat: ns on a core, ns ready and waiting for one, time slices (kernel: scheduler/sched-stats.rst)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialScript:
    """One trial's part of the script.

    Args:
        folder: the trial's own folder on the device; emptied when the block begins.
        program: path of the benchmark binary.
        flags: its arguments.
        mask: cores asked for.
        other_mask: cores for the shell and the sampler; 0 if there are no others.
        timeout_s: seconds after which the device itself kills the benchmark.
        frequency_paths: core number -> file with its present clock in kHz; none of them has a blank.
        files: names of the output files that come along, in its folder; none of them has a blank.
    """

    folder: str
    program: str
    flags: Sequence[str]
    mask: int
    other_mask: int
    timeout_s: float
    frequency_paths: Mapping[int, str]
    files: Sequence[str] = ()
    before: Sequence[str] = ()
    """Words before the program's: a shell that starts it (`harness.measuring.feeding_script`)."""

    def call(self, zone_path: str | None) -> str:
        """Shell text that runs the trial with the functions of `BlockScript`."""
        q = shlex.quote
        watched = [*self.frequency_paths.values(), *([zone_path] if zone_path else [])]
        # `timeout 0` means at once in toybox and never in GNU.
        seconds = max(1, round(self.timeout_s))
        arguments = " ".join(q(word) for word in (*self.before, self.program, *self.flags))
        return f"""D={q(self.folder)}; W={q(" ".join(watched))}; F={q(" ".join(self.files))}
trial {seconds} {self.mask:x} {self.other_mask or self.mask:x} {arguments}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockScript:
    """The inputs of the script.

    Args:
        trials: in order; at least one.
        nonce: text that no output contains by chance.
        zone_path: file with the temperature that matters, if there is one.
        pick_temperature: command that picks the temperature out of `dumpsys thermalservice`, if there is no such file.
        sample_every_s: seconds between samples; None samples nothing, and the affinity stays unknown.
        apply_task_profile: shell text that the benchmark's shell runs before it becomes the benchmark (a task profile).
        read_back: shell text run after the benchmark to read settings that must still hold (`harness.conditions.journal.read_script`).
        renew_lease: shell text run before each trial (`harness.devices.lease.renew_script`).
        gate: the limits between two trials.
    """

    trials: Sequence[TrialScript]
    nonce: str
    zone_path: str | None = None
    pick_temperature: str | None = None
    sample_every_s: float | None = SAMPLE_INTERVAL_S
    apply_task_profile: str | None = None
    read_back: str = ""
    renew_lease: str = ""
    gate: DeviceGate = field(default_factory=DeviceGate)

    @property
    def mark(self) -> str:
        """Starts each line of the script's own."""
        return f"{MARK}{self.nonce}"

    @property
    def stop_file(self) -> str:
        """While it exists, no further trial begins."""
        return f"{posixpath.dirname(self.trials[0].folder)}/{self.nonce}.stop"

    def text(self) -> str:
        """The script, for the device's `sh -c`."""
        q = shlex.quote
        folders = " ".join(q(trial.folder) for trial in self.trials)
        calls = [trial.call(self.zone_path) for trial in self.trials]
        return f"""
trap '' HUP
M={q(self.mark)}; C=; pinned=; asked=-{BATTERY_EVERY_S}; rc=0
cannot() {{ echo "$M cannot"; exit {CANNOT}; }}
held() {{ echo "$M held $1" >&2; exit {HELD}; }}
{self._conditions()}
{self._sampler()}
{self._trial()}
{self._next()}
rm -rf {folders}; mkdir -p {folders} || cannot
conditions
{f"{chr(10)}next{chr(10)}".join(calls)}
exit $rc
"""

    def look(self) -> str:
        """Shell text for one sample of the process `$p`; `$W` lists the watched files."""
        # The shell's own `read`: starting `cat` would be the most expensive part of each sample.
        return f"""read up rest </proc/uptime
    echo "t $up"; for f in $W; do v=-; read -r v <"$f"; echo "$v"; done
    read -r stat </proc/$p/stat && echo "cpu $stat"
    echo a; grep -h -e Cpus_allowed_list -e '{_SCHEDSTAT}' /proc/$p/task/*/status /proc/$p/task/*/schedstat 2>/dev/null"""

    def _conditions(self) -> str:
        if self.zone_path:
            temperature = f"read -r T <{shlex.quote(self.zone_path)}"
        elif self.pick_temperature:
            temperature = f'T=$(echo "$A" | {self.pick_temperature})'
        else:
            temperature = ":"
        return f"""conditions() {{
  A=$(dumpsys thermalservice); S=
  case $A in *'Thermal Status: '*) S=${{A#*'Thermal Status: '}}; S=${{S%%[!0-9]*}};; esac
  T=; {temperature}
  read -r up rest </proc/uptime
  [ $((${{up%.*}}-asked)) -lt {BATTERY_EVERY_S} ] || {{ asked=${{up%.*}}; C=$(dumpsys battery | grep -e '^ *level:' -e '^ *scale:'); }}
}} 2>/dev/null"""

    def _sampler(self) -> str:
        every_s = self.sample_every_s
        if every_s is None:
            return "sampler() { :; }"
        return f"""sampler() {{ n=0
  while [ ! -s pid ] && [ $n -lt 40 ]; do sleep 0.05; n=$((n+1)); done
  read p <pid; w=0.03
  while [ -d /proc/$p ]; do
    sleep $w; case $w in 0.03) w={min(0.2, every_s)};; *) w={every_s};; esac
    {self.look()}
  done; }}"""

    def _trial(self) -> str:
        apply_task_profile = f"{self.apply_task_profile}; echo $? >profile; " if self.apply_task_profile else ""
        # Pinned before the pid is written: the sampler must not see the mask from before.
        start = shlex.quote(own_shell(apply_task_profile))
        settings = f"$( {{ {self.read_back}\n}} 2>/dev/null )" if self.read_back else ""
        sampler, stop_sampler, pin = ":", ":", ""
        if self.sample_every_s is not None:
            # The shell itself moves to the other cores, once for trials on the same cores; what it starts follows it.
            sampler = """sampler >samples 2>/dev/null </dev/null &
  Z=$!"""
            pin = """[ "$others" = "$pinned" ] || { taskset -p $others $$ >/dev/null 2>&1 && pinned=$others; }
  """
            stop_sampler = """{ read c </proc/$Z/task/$Z/children
  kill -9 $Z $c; wait $Z; } 2>/dev/null"""
        return f"""trial() {{
  {self.renew_lease or ":"}
  seconds=$1 mask=$2 others=$3; shift 3
  cd "$D" && echo $$ >shell || cannot
  read up rest </proc/uptime; begin=$up; echo "$up" >start || cannot
  before="temp $T
Thermal Status: $S"
  [ -e {shlex.quote(self.stop_file)} ] && held stop
  {pin}timeout -s KILL $seconds taskset $mask sh -c {start} sh "$@" </dev/null &
  P=$!
  {sampler}
  wait $P; rc=$?
  read up rest </proc/uptime; stop=$up
  {read_code()}
  # Before its 0.8.2 (Android 11) toybox reports death by signal N as 127+N.
  [ -z "$code" ] && [ $rc -gt 127 ] && {{ timeout 9 sh -c 'kill -9 $$'; [ $? = 136 ] && rc=$((rc+1)); }} 2>/dev/null
  [ "$code" ] && rc=$code
  {stop_sampler}
  settings={settings}
  profile=; {{ read -r profile <profile; }} 2>/dev/null
  boot=; {{ read -r boot </proc/sys/kernel/random/boot_id; }} 2>/dev/null
  conditions
  echo; echo "$M end"
  {{ echo; echo "$M rc $rc"
  echo "$M start"; echo "$begin"
  echo "$M stop"; echo "$stop"
  echo "$M before"; echo "$before"
  echo "$M after"; echo "temp $T
Thermal Status: $S
$C"
  echo "$M settings"; echo "$settings"
  echo "$M profile"; echo "$profile"
  echo "$M samples"; cat samples 2>/dev/null
  echo "$M boot"; echo "$boot"
  left=
  for f in $F; do
    [ -f "$f" ] || continue
    n=$(stat -c %s "$f")
    if [ "$n" -le {INLINE_BYTES} ]; then echo "$M file $f $n"; cat "$f"; echo; else left="$left $f"; fi
  done
  echo "$M left$left"
  read up rest </proc/uptime; echo "$M over"; echo "$up"
  echo "$M end"; }} >&2 || exit {HELD}
}}"""

    def _next(self) -> str:
        """Shell text of what happens between two trials. If nobody reads any more, the line above ended the script."""
        idle = f"sleep {self.gate.idle_s:g}; conditions" if self.gate.idle_s else ":"
        return f"""next() {{
  [ $rc = 0 ] || held 'exit code'
  [ -z "$left" ] || held files
  {idle}
  {self.gate.text()}
}}"""

    def longest_s(self, trial: TrialScript) -> float:
        """Seconds that a trial may take on the device, with the pause before it."""
        return trial.timeout_s + self.gate.idle_s


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


def read_code(program: str = '"$1"') -> str:
    """Return shell text that sets `code` to the exit code from `own_shell` after `timeout`, whose pid is `$P`, has ended.

    `code` is empty if that shell was killed, by the deadline or from outside. The `timeout` of an old toybox kills only that shell, so this
    text kills the program.

    Args:
        program: shell word of the program as started, because its pid may meanwhile belong to another one.
    """
    return f"""code=; read -r code 2>/dev/null <code
p=; [ -z "$code" ] && read -r p 2>/dev/null <pid
[ "$p" ] && grep -qF {program} /proc/$p/cmdline 2>/dev/null && kill -9 -$P $p 2>/dev/null"""


def kill_script(script: BlockScript) -> str:
    """Return shell text that ends what a block started, even if its shell is gone. It prints `gone` once nothing runs.

    The shell may not have started the benchmark yet, or not even made its folder: the stop file tells it to stop. A pid may have been
    reused, so only a process whose command line names our folder is killed.
    """
    q = shlex.quote
    # The shell first, so that it cannot begin another trial meanwhile.
    files = " ".join(f"{q(trial.folder)}/{name}" for name in PID_FILES for trial in script.trials)
    return f"""
mkdir -p {q(posixpath.dirname(script.stop_file))} && : >{q(script.stop_file)}
n=0
for f in {files}; do
  p=; read p <$f
  while [ -n "$p" ] && [ -d /proc/$p ] && [ $n -lt 20 ] && grep -q {q(BASE_DIR)} /proc/$p/cmdline; do
    kill -9 $p; kill -9 -$p
    sleep 0.1; n=$((n+1))
  done
done 2>/dev/null
[ $n -lt 20 ] && echo gone
"""
