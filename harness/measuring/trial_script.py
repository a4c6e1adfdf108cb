"""The shell script that runs the trials of a block on a device, one after the other. `trailer` reads what each prints at its end.

It runs in one round trip, so that the harness does not talk to the device while it measures, and the device does not wait for the harness
between two trials. For each trial:

1. temperature and thermal status before (those after the previous trial, if nothing happened in between);
2. the benchmark on its cores, with a deadline (`trial_watch`); its pid is written before it starts, so that it can be found and killed
   from outside;
3. meanwhile, on other cores where possible, samples of clocks, temperature and the affinity of every thread;
4. temperature and status after; then, after a line with a nonce, everything that was recorded, and the output files if they are small.

The benchmark's stdout and stderr come through untouched. A line with the nonce ends a trial's part of each, so that the host reads one
trial while the next one runs. The shell stops before the next trial if a gate closes (`DeviceGate`), if the last trial failed, if a file is
too big to come along, or if somebody put the stop file there; the host then decides.

The script is written for mksh and toybox as Android has them since 7, and runs in any POSIX shell. Starting a program costs a phone several
milliseconds, so the shell does by itself what it can: a further trial on the same cores starts the benchmark and one `dumpsys`. The tests
count that, list the commands that the script needs and run it under toybox.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.conditions.device_gate import DeviceGate
from harness.devices.device_folder import BASE_DIR, PID_FILES
from harness.devices.thermal_zones import heat_function
from harness.measuring.trailer import MARK
from harness.measuring.trial_watch import watching

CANNOT = 111
"""Exit code of the script if it cannot write its folder."""

HELD = 114
"""Exit code of the script if it stopped before a trial."""

SAMPLE_INTERVAL_S = 0.5
INLINE_BYTES = 1 << 20
"""Largest output file, in bytes, that comes along with a trial's notes; a bigger one is pulled when nothing runs."""
BATTERY_EVERY_S = 30
"""Largest age in seconds of the charge that a trial notes: reading it costs a program's start, and it moves by a per cent in minutes."""


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

    def text(self, number: int, zone_path: str | None) -> str:
        """Shell text of `trial_NUMBER`, which runs the trial, and of `run_NUMBER`, which becomes the benchmark."""
        q = shlex.quote
        watched = [*self.frequency_paths.values(), *([zone_path] if zone_path else [])]
        arguments = " ".join(q(word) for word in (*self.before, self.program, *self.flags))
        return f"""trial_{number}() {{
D={q(self.folder)}; W={q(" ".join(watched))}; F={q(" ".join(self.files))}
trial {number} {max(1, round(self.timeout_s))} {self.mask:x} {self.other_mask or self.mask:x}
}}
run_{number}() {{
exec $alone {arguments} </dev/null >&5 2>&6 5>&- 6>&-
}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockScript:
    """The inputs of the script.

    Args:
        trials: in order; at least one.
        nonce: text that no output contains by chance.
        zone_path: file with the temperature that matters, if there is one.
        hal_line: the sensor's line in `dumpsys thermalservice`, if there is no such file (`ThermalZone.line`).
        sample_every_s: seconds between samples; None samples nothing, and the affinity stays unknown.
        apply_task_profile: shell text that the benchmark's shell runs before it becomes the benchmark (a task profile).
        read_back: shell text run after the benchmark to read settings that must still hold (`harness.conditions.journal.read_script`).
        renew_lease: shell text run before each trial (`harness.devices.lease.renew_script`).
        gate: the limits between two trials.
    """

    trials: Sequence[TrialScript]
    nonce: str
    zone_path: str | None = None
    hal_line: str | None = None
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
        trials = "\n".join(trial.text(number, self.zone_path) for number, trial in enumerate(self.trials))
        calls = "\nnext\n".join(f"trial_{number}" for number in range(len(self.trials)))
        profile = f"{self.apply_task_profile}; profile=$?" if self.apply_task_profile else ":"
        return f"""
trap '' HUP
M={q(self.mark)}; N={q(self.stop_file.removesuffix(".stop"))}; C=; asked=-{BATTERY_EVERY_S}; rc=0 pinned= aside= profile= alone=
cannot() {{ echo "$M cannot"; exit {CANNOT}; }}
held() {{ echo "$M held $1" >&2; exit {HELD}; }}
{self._conditions()}
{watching(CANNOT, self.sample_every_s, INLINE_BYTES)}
{self._trial()}
{self._next()}
{trials}
rm -rf {folders}; mkdir -p {folders} || cannot
exec 5>&1 6>&2
begin_launcher
{profile}
boot=; {{ read -r boot </proc/sys/kernel/random/boot_id; }} 2>/dev/null
conditions
{calls}
exit $rc
"""

    def _conditions(self) -> str:
        temperature = f"read -r T <{shlex.quote(self.zone_path)}" if self.zone_path else ":"
        return f"""{heat_function(self.hal_line)}
conditions() {{
  A=$(dumpsys thermalservice); T=; heat
  {temperature}
  read -r up rest </proc/uptime
  [ $((${{up%.*}}-asked)) -lt {BATTERY_EVERY_S} ] || {{ asked=${{up%.*}}; C=$(dumpsys battery | grep -e '^ *level:' -e '^ *scale:'); }}
}} 2>/dev/null"""

    def _trial(self) -> str:
        settings = f"$( {{ {self.read_back}\n}} 2>/dev/null )" if self.read_back else ""
        return f"""trial() {{
  {self.renew_lease or ":"}
  mask=$3 others=$4
  cd "$D" && echo $$ >shell && echo $L >group || cannot
  before="temp $T
Thermal Status: $S"
  [ -e {shlex.quote(self.stop_file)} ] && held stop
  pin
  read -r up rest </proc/uptime; begin=$up
  [ $rc = 0 ] && watch $1 $2
  read -r up rest </proc/uptime; stop=$up
  settings={settings}
  conditions
  say "
$M end"
  text="
$M rc $rc
$M start
$begin
$M stop
$stop
$M before
$before
$M after
temp $T
Thermal Status: $S
$C
$M settings
$settings
$M profile
$profile
$M boot
$boot
$M samples"
  {{ [ -s samples ] && {{ say "$text"; cat samples; text=; }}
  text="$text
$taken"; left=
  for f in $F; do
    [ -f "$f" ] || continue
    if fits "$f"; then say "$text
$M file $f"; cat "$f"; text=; else left="$left $f"; fi
  done
  read -r up rest </proc/uptime
  say "$text
$M left$left
$M over
$up
$M end"; }} >&2 || exit {HELD}
}}"""

    def _next(self) -> str:
        """Shell text of what happens between two trials. If nobody reads the output any more, the line above has ended the script."""
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
