"""The part of the launcher for a device that waits: each process takes a set time, computes nothing, and prints a recorded output.

So such devices show what the harness costs and not what this machine's cores can do: hundreds can measure at a time. Their numbers are
marked synthetic. The process starts no Python: a shell, and `sleep` and `cat` of a millisecond each.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from harness.benchmark_model.synthetic import SYNTHETIC_LINE
from harness.devices.device_config import DeviceConfig
from harness.errors import UsageError
from harness.virtual.replay.recordings import read_recording

WAITS_VARIABLE = "HARNESS_WAITS"
"""Environment variable of a virtual device's shell: the seconds that each process takes."""

WAITED_LOG = "data/local/tmp/waited.log"
"""Path on the device, without the leading slash. A line per process: when it began and ended, in seconds since the epoch."""

RECORDING = "waiting"
"""The shipped recording that every process prints, whatever its flags ask for."""

# The shell's own commands where it has them: each program that a script starts costs a millisecond of the host.
_TEXT = """if [ "${variable}" ]; then
  graph=; info=
  for f; do case $f in
  --help*) graph=; break ;;
  --graph=*) graph=${{f#*=}} ;;
  --model_runtime_info_output_file=*) info=${{f#*=}} ;;
  esac; done
  if [ -f "$graph" ]; then
    case $KSH_VERSION in
    *MIRBSD*) put() {{ print -rn -- "$1"; }}; now() {{ t=$EPOCHREALTIME; }} ;;
    *) put() {{ printf %s "$1"; }}; now() {{ t=$(date +%s.%N); }} ;;
    esac
    now; began=$t
    sleep "${variable}"
    put {stdout}
    put {stderr} >&2
    [ -z "$info" ] || cat {info} >"$info"
    now; echo "$began $t" >>"$TMPDIR"/{log}
    exit 0
  fi
fi
"""


def waiting_text() -> str:
    """Return shell text that plays the program on a device that waits, and does nothing on any other.

    Help, and a model that is not there, are left to the real program.
    """
    recording = read_recording(RECORDING, profiled=False, cached=False)
    mark = f"{SYNTHETIC_LINE}, recording {recording.name}, a process that only waits\n"
    return _TEXT.format(
        variable=WAITS_VARIABLE,
        stdout=shlex.quote(recording.stdout),
        stderr=shlex.quote(mark + recording.stderr),
        info=shlex.quote(str(Path(__file__).resolve().parent / "data" / f"{RECORDING}.pb")),
        log=WAITED_LOG.rpartition("/")[2],
    )


def waiting_environment(waits_s: float | None) -> dict[str, str]:
    """Return the environment for a profile's `waits_s`; empty if it has none."""
    return {} if waits_s is None else {WAITS_VARIABLE: f"{waits_s:g}"}


def that_waits(profile: DeviceConfig, seconds: float) -> DeviceConfig:
    """Return the profile with processes of so many seconds that compute nothing.

    Raises:
        UsageError: it has no `virtual` part.
    """
    if profile.virtual is None:
        raise UsageError(f"device config {profile.name!r} has no `virtual` part: it cannot wait on this host")
    return profile.model_copy(update={"virtual": profile.virtual.model_copy(update={"waits_s": seconds})})
