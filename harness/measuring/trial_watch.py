"""Shell text of a block's script that starts the benchmarks and watches them.

Two shells live as long as the block. The launcher runs on the benchmark's cores: it starts one benchmark after the other, as its child, and
notes when each begins and ends. The block's own shell runs on the other cores where there are any: it waits for the launcher's words,
samples the benchmark meanwhile, and kills it at its deadline. Both ignore a hang-up, so they need nobody on the host.

Starting a program costs a phone several milliseconds, on the cores or beside them. So the cores are set once for all trials on the same
cores, since a child inherits them; and Android's shell (mksh) waits for a line with a limit and reads /proc by itself. Other
shells use programs for what they lack (`mkfifo`, `sleep`, `grep`, `setsid`). On phones a FIFO would not do: their shell may make none.
"""

from __future__ import annotations

LAUNCHER_DIED = 137
"""Exit code of a benchmark whose launcher was killed, by the deadline or from outside."""

_SCHEDSTAT = "^[0-9]* [0-9]* [0-9]*$"
"""Fields of /proc/PID/task/TID/schedstat: ns on a core, ns ready and waiting for one, time slices (kernel: scheduler/sched-stats.rst)."""

# `begin_launcher` starts `launch` in a process group of its own, where the shell can. `await` waits for a
# word from it. `lines` appends what is known of a process's threads to `$taken`. `pinned_still` says whether the launcher still has its
# cores: if all of them go offline, the kernel lets it run on the others, and leaves it there.
# A thread's name may hold anything, so that nothing is expanded while /proc/PID/status is cut into lines.
_SHELLS = f"""case $KSH_VERSION in
*MIRBSD*)
  say() {{ print -r -- "$1"; }}
  fits() {{ IFS= read -r -N MORE v <"$1" && {{ v=; return 1; }}; v=; }}
  begin_launcher() {{ {{ set -m; eval 'launch |&'; L=$!; set +m; }} 2>/dev/null; exec 3<&p 4>&p; }}
  await() {{ said=; read -r -t $1 v <&3 && read -r said <&3; }} 2>/dev/null
  cores_of() {{
    local IFS='
'
    cores=
    for line in $(<$1/status); do case $line in Cpus_allowed_list:*) cores=$line;; esac; done
  }}
  lines() {{
    for task in /proc/$p/task/*; do
      set -f; cores_of $task; set +f
      [ "$cores" ] || continue
      waited=; read -r waited <$task/schedstat
      taken="$taken$cores
$waited
"
    done
  }} 2>/dev/null
  note_cores() {{ set -f; cores_of /proc/$L; set +f; launchers=$cores; }} 2>/dev/null
  pinned_still() {{ set -f; cores_of /proc/$L; set +f; [ "$cores" ] && [ "$cores" = "$launchers" ]; }} 2>/dev/null;;
*)
  say() {{ printf '%s\\n' "$1"; }}
  fits() {{ [ "$(stat -c %s "$1")" -le MOST ]; }}
  begin_launcher() {{
    alone=setsid; mkfifo "$N.in" "$N.out" || cannot
    launch <"$N.in" >"$N.out" 2>/dev/null &
    L=$!; exec 4>"$N.in" 3<"$N.out"
  }}
  await() {{
    {{ sleep $1; echo "
time"; }} </dev/null >"$N.out" 2>/dev/null 3<&- 4>&- 5>&- 6>&- &
    said=; read -r v <&3 && read -r said <&3; kill $!; wait $!; }} 2>/dev/null
  lines() {{ taken="$taken$(grep -h -e Cpus_allowed_list -e '{_SCHEDSTAT}' /proc/$p/task/*/status /proc/$p/task/*/schedstat)
"; }} 2>/dev/null
  note_cores() {{ :; }}
  pinned_still() {{ false; }};;
esac"""

# What the shell says of a killed benchmark is not the benchmark's, which gets the stdout and stderr of the block. The launcher says all
# after an empty line: a `read` whose time is up in the middle of a line loses its beginning, and an empty one has no middle. The rest is
# there then.
_LAUNCHER = """launch() {
  while read -r number folder; do
    (cd "$folder" && read -r p rest </proc/self/stat && echo $p >pid || exit CANNOT
    echo "
pid $p"; run_$number)
    echo "
code $?"
  done
}"""

_PIN = """pin() {
  [ "$others" = "$aside" ] || { taskset -p $others $$ >/dev/null 2>&1 && aside=$others; }
  [ "$mask" = "$pinned" ] && pinned_still && return
  pinned=; taskset -p $mask $L >/dev/null; rc=$?
  [ $rc = 0 ] && pinned=$mask && note_cores
}"""


def watching(cannot: int, sample_every_s: float | None, most_bytes: int) -> str:
    """Return the functions `begin_launcher`, `pin`, `watch`, `say` and `fits`.

    They need the block's stdout and stderr as fd 5 and 6, and a path `$N` that files may begin with.

    - `pin` puts the launcher on `$mask` and this shell on `$others`. If that is refused, `taskset` says so, and `$rc`, 0 before, holds its
      exit code.
    - `watch NUMBER SECONDS` runs `run_NUMBER` in `$D`, from `$up` on, and sets `rc` to its exit code. Samples of it and of the files `$W`
      are then in the file `samples`, if there are many, and in `$taken`.
    - `say` prints a text as it is, `fits` says whether a file is small.

    Args:
        cannot: exit code of a benchmark whose PID cannot be written.
        sample_every_s: seconds between samples; None takes none.
        most_bytes: largest size of a small file.
    """
    shells = _SHELLS.replace("MOST", str(most_bytes)).replace("MORE", str(most_bytes + 1))
    launcher = _LAUNCHER.replace("CANNOT", str(cannot))
    return f"{shells}\n{launcher}\n{_PIN}\n{_watch(sample_every_s)}"


def look() -> str:
    """Return shell text for one sample of the process `$p`, taken at `$up`, to `$taken`; `$W` lists the watched files."""
    return """taken="${taken}t $up
"
      for f in $W; do v=-; read -r v <"$f"; taken="$taken$v
"; done
      read -r stat </proc/$p/stat && taken="${taken}cpu $stat
"
      taken="${taken}a
"
      lines"""


def _watch(sample_every_s: float | None) -> str:
    # A long trial's samples go to a file, since a shell is slow with long texts. `seen` tells a short program that it may end.
    sample = (
        ""
        if sample_every_s is None
        else f"""
      if [ "$p" ]; then
      {look()}
      [ -e seen ] || : >seen
      [ ${{#taken}} -lt 4000 ] || {{ say "$taken" >>samples; taken=; }}
      fi"""
    )
    every_s = 0.5 if sample_every_s is None else sample_every_s
    return f"""watch() {{
  w=0.5 p= taken= ends=$((${{up%.*}}+$2))
  echo "$1 $D" >&4
  while :; do
    await $w
    case $said in
    'pid '*) p=${{said#pid }} w=0.03;;
    'code '*) rc=${{said#code }}; return;;
    *)
      read -r up rest </proc/uptime
      state=Z; read -r v v state rest </proc/$L/stat
      if [ $state = Z ] || [ ${{up%.*}} -gt $ends ]; then
        kill -9 -$L $L $p -$p; wait $L
        rc={LAUNCHER_DIED}; return
      fi{sample}
      case $w in 0.03) w={min(0.2, every_s)};; *) w={every_s};; esac;;
    esac
  done
}} 2>/dev/null"""
