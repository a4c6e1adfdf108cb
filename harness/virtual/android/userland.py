"""The content of a virtual device's `/system/bin`: Android's own shell and toybox if the host has them, and Android's commands.

Commands that a phone lacks are missing here too, so that a script that works here can work on a phone. If Debian's toybox lacks an applet
that Android's has, the host's program of that name replaces it.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.virtual.android.bus import READY_FIFOS

BUS_DIR = "/dev/harness"
"""The folder in which the device's commands reach the daemon; see `bus`."""

# toybox applets that Android 8 to 15 link in /system/bin (Android.bp of external/toybox; without a few that only one version has).
ANDROID_APPLETS = frozenset(
    """
    [ acpi base64 basename blkdiscard blkid blockdev brctl cal cat chattr chcon chgrp chmod chown chroot chrt cksum clear cmp comm
    cp cpio cut date dd devmem df diff dirname dmesg dos2unix du echo egrep env expand expr fallocate false fgrep file find flock fmt
    free freeramdisk fsfreeze fsync getconf getenforce getfattr getopt grep groups gunzip gzip head help hostname hwclock i2cdetect
    i2cdump i2cget i2cset iconv id ifconfig inotifyd insmod install ionice iorenice iotop kill killall ln load_policy log logname
    losetup ls lsattr lsmod lsof lspci lsusb makedevs md5sum microcom mkdir mkfifo mknod mkswap mktemp modinfo modprobe more mount
    mountpoint mv nbd-client nc netcat netstat nice nl nohup nproc nsenter od partprobe paste patch pgrep pidof ping ping6 pivot_root
    pkill pmap printenv printf prlimit ps pwd pwdx readelf readlink realpath renice restorecon rev rfkill rm rmdir rmmod rtcwake
    runcon sed sendevent seq setenforce setfattr setsid sha1sum sha224sum sha256sum sha384sum sha512sum sleep sort split stat strings
    stty swapoff swapon sync sysctl tac tail tar tee test time timeout top touch tr traceroute true truncate tty tunctl uclampset
    ulimit umount uname uniq unix2dos unlink unshare uptime usleep uudecode uuencode uuidgen vconfig vi vmstat watch wc which whoami
    xargs xxd yes zcat
    """.split()  # noqa: SIM905  # a list literal of 180 words is no easier to read
)

_STAND_INS = frozenset({"awk", "dd", "diff", "expr", "getopt", "gzip", "more", "stty", "tr"})
"""Commands of Android that Debian's toybox lacks (`awk` is a separate program in Android since 9)."""

ANDROID_COMMANDS = (
    "am",
    "cmd",
    "dumpsys",
    "getprop",
    "input",
    "logcat",
    "pm",
    "reboot",
    "service",
    "setprop",
    "settaskprofile",
    "settings",
    "start",
    "stop",
    "svc",
    "wm",
)
"""Commands that the daemon answers."""

# A request is a file with the NUL-separated words, then its name on a FIFO, with that of a second FIFO. The exit code comes back on that,
# because only a FIFO lets a shell wait without a loop. `exec 3<>` opens it without blocking, before the daemon is told.
_ASK = """#!{shell}
r={bus}/$$
{write}
{claim}
exec 3<>{bus}/$f.res
echo $$ $f >{bus}/requests
read -r code mask skip pid <&3
exec 3<&-
"""
_SHOW = """{show}
exit $code
"""

# The daemon tells `taskset` what to run: it knows the device's cores, and the shell has the PID that needs the mask.
_RUN_WITH_MASK = """case $code in
help) exec {taskset} --help ;;
run) shift $skip; exec {taskset} $mask "$@" ;;
set) {taskset} $skip $mask $pid >/dev/null || exit 1; code=0 ;;
esac
"""

# Each program that a script starts costs more than a millisecond, so mksh's built-in commands are used if there is mksh. It takes one of
# the FIFOs that the daemon has made, by a file that only one script can make.
_OWN_FIFO = """f=$$; mkfifo "$r".res || exit 1"""
_BUILTINS = {
    "claim": f"""set -C
for f in {" ".join(READY_FIFOS)} ''; do [[ $f = '' ]] || print -n >"${{r%/*}}/$f.taken" && break; done 2>/dev/null
set +C
[[ $f != '' ]] || {{ {_OWN_FIFO}; }}""",
    "write": """for w in "${0##*/}" "$@"; do print -rn -- "$w"; print -n '\\0'; done >"$r".req""",
    "show": """[[ -s "$r".out ]] && print -r -- "$(<"$r".out)"
[[ -s "$r".err ]] && print -ru2 -- "$(<"$r".err)\"""",
}
_PROGRAMS = {
    "claim": _OWN_FIFO,
    "write": """printf '%s\\0' "${0##*/}" "$@" >"$r".req""",
    "show": """[ -s "$r".out ] && cat "$r".out
[ -s "$r".err ] && cat "$r".err >&2""",
}

# toybox runs its own applets without looking at PATH: `timeout 9 taskset f0 PROGRAM` would never reach the script. So applets that start
# programs get the script's path instead of its name.
_STARTERS = (
    "chrt",
    "env",
    "flock",
    "ionice",
    "nice",
    "nohup",
    "prlimit",
    "setsid",
    "time",
    "timeout",
    "uclampset",
    "xargs",
)
_STARTER = """#!{shell}
n=$#
while [ $n -gt 0 ]; do
  case $1 in
  taskset|su) set -- "$@" {bin}/"$1" ;;
  *) set -- "$@" "$1" ;;
  esac
  shift
  n=$((n-1))
done
exec {toybox} {name} "$@"
"""

# A new user namespace maps user 0 to `shell`: the only way to be root on the device that works for any user of the host.
_SU = """#!{shell}
while :; do
  case $1 in
  0|root|shell|2000) shift ;;
  -c) shift; set -- {shell} -c "$*"; break ;;
  -) shift ;;
  *) break ;;
  esac
done
[ $# -eq 0 ] && set -- {shell}
exec {enter} "$@"
"""


@dataclass(frozen=True, slots=True)
class Userland:
    """The host's programs for a device. `toybox` and `mksh` are None if the host lacks them (packages of these names)."""

    mksh: str | None
    toybox: str | None
    applets: frozenset[str]
    taskset: str | None
    unshare: str | None
    setsid: str

    @property
    def authentic(self) -> bool:
        """Whether the device runs Android's own shell and tools instead of the host's dash and coreutils."""
        return self.mksh is not None and self.toybox is not None


@cache
def host_userland() -> Userland:
    """Find this host's programs. Looked up once.

    Raises:
        FileNotFoundError: even `setsid` is missing (Debian package util-linux).
    """
    toybox = shutil.which("toybox")
    applets: frozenset[str] = frozenset()
    if toybox:
        listing = subprocess.run([toybox], capture_output=True, text=True, check=True, timeout=10).stdout
        applets = frozenset(listing.split())
    setsid = shutil.which("setsid")
    if setsid is None:
        raise FileNotFoundError("setsid (Debian package util-linux)")
    return Userland(
        shutil.which("mksh"),
        toybox,
        applets,
        shutil.which("taskset"),
        shutil.which("unshare"),
        str(Path(setsid).resolve()),
    )


def system_layout(
    *, bin_dir: str, bus: str, shell: str, absent: Collection[str], root: bool, tools: Userland
) -> tuple[dict[str, str], dict[str, str]]:
    """Make links and scripts of `/system/bin`, by path relative to the device's root.

    Args:
        bin_dir: `/system/bin`, as the device's processes name it.
        bus: the bus's folder, as the device's processes name it.
        shell: the interpreter that scripts name.
        absent: commands that this Android lacks.
        root: whether there is `su`.
        tools: the host's programs.
    """
    links, scripts = {"sh": tools.mksh or "/bin/sh"}, {}
    present: Collection[str] = frozenset()
    if tools.toybox:
        present = ANDROID_APPLETS & tools.applets - set(absent)
        links |= {"toybox": tools.toybox} | dict.fromkeys(sorted(present), "toybox")
    wanted = (_STAND_INS if tools.toybox else ANDROID_APPLETS | _STAND_INS) - set(present) - set(absent)
    links |= {name: found for name in sorted(wanted) if (found := shutil.which(name))}
    words = {"shell": shell, "bus": shlex.quote(bus)} | (_BUILTINS if tools.mksh else _PROGRAMS)
    for name in ANDROID_COMMANDS:
        if name not in absent:
            scripts[name] = (_ASK + _SHOW).format(**words)
    for name in _STARTERS:
        if name in present:
            del links[name]
            scripts[name] = _STARTER.format(shell=shell, bin=shlex.quote(bin_dir), toybox=tools.toybox, name=name)
    if tools.toybox or tools.taskset:
        taskset = f"{tools.toybox} taskset" if "taskset" in tools.applets else tools.taskset
        scripts["taskset"] = (_ASK + _RUN_WITH_MASK + _SHOW).format(**words, taskset=taskset)
    if root and tools.unshare:
        scripts["su"] = _SU.format(**words, enter=f"{tools.unshare} --user --map-root-user")
    return _in_bin(links), _in_bin(scripts)


def _in_bin(names: Mapping[str, str]) -> dict[str, str]:
    return {f"system/bin/{name}": value for name, value in names.items()}
