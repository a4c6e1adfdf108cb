"""Chooses the backend of a virtual device: Linux namespaces if this host allows them, else path mapping."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from harness.errors import SetupError
from harness.virtual.android.backend import MODE_VARIABLE, Backend, BackendUnavailable
from harness.virtual.android.layout import Layout
from harness.virtual.android.namespace import Namespaces
from harness.virtual.android.path_mapping import PathMapping
from harness.virtual.android.userland import Userland

_OVERLAYS = {"/etc/passwd": "/system/etc/passwd", "/etc/group": "/system/etc/group"}

_refusal: str | None = None
"""Why this host refused namespaces, once it has, so that not every device has to try."""


def namespaces_refusal() -> str | None:
    """Return why this host refused namespaces; None if it has not."""
    return _refusal


async def start_backend(tree: Path, tools: Userland, layout: Callable[[Backend], Layout]) -> Backend:
    """Start a backend for one device.

    Args:
        tree: the device's own tree on the host.
        tools: the host's programs.
        layout: makes the files of a boot on a given backend.

    Raises:
        SetupError: namespaces are demanded and this host refuses them, or neither way works.
    """
    global _refusal  # a fact about the host, found out once per process
    mode = os.environ.get(MODE_VARIABLE, "")
    if mode != "0" and (_refusal is None or mode == "1"):
        backend: Backend = Namespaces(tree, tools=tools, overlays=_OVERLAYS, hostname="localhost")
        try:
            await backend.start(layout(backend))
        except BackendUnavailable as error:
            if mode == "1":
                raise SetupError(
                    f"this host refuses Linux namespaces: {error}",
                    remedy=f"allow unprivileged user namespaces, or set {MODE_VARIABLE}=0",
                ) from error
            _refusal = str(error)
        else:
            return backend
    backend = PathMapping(tree, tools=tools)
    try:
        await backend.start(layout(backend))
    except BackendUnavailable as error:
        raise SetupError(str(error), remedy="choose another folder for the virtual devices") from error
    return backend
