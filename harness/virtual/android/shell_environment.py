"""The environment variables that adbd's shell starts with."""

from __future__ import annotations


def shell_environment(hostname: str) -> dict[str, str]:
    """Return Android's variables; `TERM` is that of a shell without a terminal."""
    return {
        "ANDROID_DATA": "/data",
        "ANDROID_ROOT": "/system",
        "ENV": "/system/etc/mkshrc",
        "EXTERNAL_STORAGE": "/sdcard",
        "HOME": "/",
        "HOSTNAME": hostname,
        "LOGNAME": "shell",
        "PATH": "/product/bin:/apex/com.android.runtime/bin:/system/bin:/vendor/bin",
        "SHELL": "/bin/sh",
        "TERM": "dumb",
        "TMPDIR": "/data/local/tmp",
        "USER": "shell",
    }
