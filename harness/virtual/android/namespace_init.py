"""Process 1 of a virtual device: runs inside fresh user, mount, PID and UTS namespaces and builds the device's file system.

Started as a script by `namespace.Namespaces` through `unshare`, so it imports nothing but the standard library. It reads one JSON line
from standard input (see `main`), answers with one on standard output (`{"pid": ..}`, its PID as the host sees it, or
`{"error": ..}`) and then becomes `cat`. When the other end of its standard input closes, because the daemon ended or was killed, it exits,
and the kernel kills everything else in its PID namespace.

A process on the device then sees:

- `/data` and `/sdcard` from the device's own folder; `/system`, `/vendor`, `/product`, `/apex` (read-only) and `/sys` on tmpfs;
- a `/proc` of its own PID namespace, with the profile's files mounted over the host's; everything in it that could change the host is
read-only;
- `/dev` with harmless nodes only, and its own terminals;
- every other top-level folder of the host, read-only, at its own place, so that a Python of any environment and any Linux binary
  start. That is not Android, and not secret from the device either: a virtual device is a test double, not a sandbox for strangers.
"""

# pathlib would slow the start of a script that runs for every device:
# ruff: noqa: PTH102, PTH103, PTH110, PTH115, PTH211

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import stat
import sys
from typing import Any

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
_SYS_MOUNT_SETATTR = 442  # the same number on every architecture (Linux 5.12)
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "armv7l": 218, "riscv64": 41}
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_ATTR_RDONLY = 1
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4

STAGE = "/sys"
"""Where the new root is assembled: a folder that every Linux has and that the device does not share with the host."""

OWN = frozenset({"proc", "sys", "dev", "system", "vendor", "product", "apex", "data", "sdcard", "storage", "cache"})
"""Top-level folders of the device itself. They hide the host's of the same name."""

_HIDDEN = OWN | {"run", "lost+found"}
_PERSISTENT = frozenset({"data", "sdcard"})
LIVE_PROC = "dev/harness/"
"""The device's folder with the files mounted over `/proc`, where the daemon overwrites them."""

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)


def _mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    result = _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _check(result, f"mount {source} on {target}")


def _read_only(target: str, *, recursive: bool = True) -> None:
    class MountAttr(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]

    attr = MountAttr(_MOUNT_ATTR_RDONLY, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    result = _libc.syscall(
        _SYS_MOUNT_SETATTR, _AT_FDCWD, target.encode(), flags, ctypes.byref(attr), ctypes.c_size_t(ctypes.sizeof(attr))
    )
    _check(result, f"make {target} read-only")


def _bind(source: str, target: str, *, read_only: bool) -> None:
    _mount(source, target, flags=MS_BIND | MS_REC)
    if read_only:
        _read_only(target)


def _bind_host_folders(essential: frozenset[str]) -> None:
    for entry in os.scandir("/"):
        target = f"{STAGE}/{entry.name}"
        if entry.name in _HIDDEN:
            continue
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
        elif entry.is_dir():
            os.mkdir(target)
            try:
                _bind(entry.path, target, read_only=True)
            except OSError:
                if entry.name in essential:
                    raise


def _bind_device_folders(own: str) -> None:
    """Mount `/data` and `/sdcard`, which survive a boot."""
    for entry in os.scandir(own):
        if entry.name in _PERSISTENT:
            target = f"{STAGE}/{entry.name}"
            os.mkdir(target)
            _bind(entry.path, target, read_only=False)


def _write_layout(layout: dict[str, Any]) -> None:
    """Write the rest of the device's own files to tmpfs. The daemon changes files through `/proc/PID/root`."""
    for name in ("sys", "dev/harness"):
        os.makedirs(f"{STAGE}/{name}")
        _mount("tmpfs", f"{STAGE}/{name}", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=16m")
    made: set[str] = set()
    for name, text, mode in layout["files"]:
        path = f"{STAGE}/{LIVE_PROC if name.startswith('proc/') else ''}{name}"
        _make_folder(path.rpartition("/")[0], made)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(fd, text.encode())
        os.fchmod(fd, mode)
        os.close(fd)
    for name in layout["folders"]:
        _make_folder(f"{STAGE}/{name}", made)
    for name, target in layout["links"].items():
        _make_folder(f"{STAGE}/{name}".rpartition("/")[0], made)
        os.symlink(target, f"{STAGE}/{name}")


def _make_folder(path: str, made: set[str]) -> None:
    if path not in made:
        os.makedirs(path, exist_ok=True)
        made.add(path)


def _make_visible(paths: list[str]) -> None:
    """Mount folders that the harness needs inside (its Python) and that the device's own folders would hide."""
    for path in paths:
        target = STAGE + path
        if not os.path.exists(target):
            os.makedirs(target)
            _bind(path, target, read_only=True)


def _serve(served: list[str], channel: int) -> None:
    """Mount a file system over each of these files that the daemon serves (FUSE), and send it the open devices.

    None is sent if this host refuses: `/dev/fuse` is missing or not for this user.
    """
    fds: list[int] = []
    mounted: list[str] = []
    try:
        for name in served:
            fds.append(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC))
            options = f"fd={fds[-1]},rootmode=100444,user_id={os.getuid()},group_id={os.getgid()},default_permissions"
            _mount("harness", f"{STAGE}/{name}", "fuse", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)
            mounted.append(f"{STAGE}/{name}")
    except OSError:
        for target in mounted:
            _check(_libc.umount2(target.encode(), MNT_DETACH), f"unmount {target}")
        mounted.clear()
    with socket.socket(fileno=channel) as daemon:
        if mounted:
            socket.send_fds(daemon, [b"."], fds)
    for fd in fds:
        os.close(fd)


def _make_dev() -> None:
    dev = f"{STAGE}/dev"
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        os.close(os.open(f"{dev}/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
        _bind(f"/dev/{name}", f"{dev}/{name}", read_only=False)
    os.mkdir(f"{dev}/pts")
    _mount("devpts", f"{dev}/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
    os.symlink("pts/ptmx", f"{dev}/ptmx")
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"{dev}/{name}")


def _make_proc() -> None:
    proc = f"{STAGE}/proc"
    os.mkdir(proc)
    _mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    # If root started them, the device's processes own root's files, and `/proc/sys` needs no more than that.
    for entry in os.scandir(proc):
        if entry.name.isdigit() or entry.is_symlink():
            continue
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode) or mode & 0o222:
            _bind(entry.path, entry.path, read_only=True)
    live = f"{STAGE}/{LIVE_PROC}proc"
    for folder, _, names in os.walk(live):
        for name in names:
            target = proc + folder.removeprefix(live) + "/" + name
            if os.path.exists(target):
                _bind(f"{folder}/{name}", target, read_only=True)


def _enter() -> None:
    os.chdir(STAGE)
    _check(_libc.syscall(_SYS_PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", MNT_DETACH), "leave the host's root")
    os.chdir("/")
    _read_only("/", recursive=False)


def main() -> None:
    """Build the file system, report, and become `cat`.

    The input line is a JSON object: `own`, the folder with `/data` and `/sdcard`; `layout`, the device's other files; `overlays`, files of
    the device that replace the host's; `visible`, folders of the host that stay visible although the device's own would hide them;
    `hostname`; `served`, the files that the daemon serves, and `channel`, the socket on which it waits for them; `holder`, the program to
    become and its arguments.
    """
    spec = json.loads(sys.stdin.buffer.readline())
    try:
        pid = int(os.readlink("/proc/self"))  # still the host's /proc, so this is the host's PID
        _mount("none", "/", flags=MS_REC | MS_PRIVATE)
        _mount("tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=16m")
        _bind_host_folders(frozenset({"usr", "lib", "lib64", "bin", "etc"}))
        _bind_device_folders(spec["own"])
        _write_layout(spec["layout"])
        _make_visible(spec["visible"])
        _make_dev()
        _make_proc()
        _serve(spec["served"], spec["channel"])
        for name, source in spec["overlays"].items():
            if os.path.exists(STAGE + name):
                _bind(STAGE + source, STAGE + name, read_only=True)
        socket.sethostname(spec["hostname"])
        _enter()
        _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "drop capabilities")
    except (OSError, KeyError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        raise SystemExit(1) from error
    # The kernel reaps the children of a process that ignores SIGCHLD, including orphans that process 1 inherits.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print(json.dumps({"pid": pid}), flush=True)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.execv(spec["holder"][0], spec["holder"])  # noqa: S606  # no shell wanted


if __name__ == "__main__":
    main()
