"""Opens the model file and reads its graph, with the real tool's error messages."""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path

from harness.litert_host.graph import Graph, InvalidModel, Signature, read_graph


class ModelError(Exception):
    """The model cannot be used. `lines` go to stderr as errors."""

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[-1])
        self.lines = lines


def open_graph(path: str) -> tuple[Graph, int]:
    """Read a model's graph and the size of its file in bytes.

    Raises:
        ModelError: the file cannot be opened or mapped, or is not a model.
    """
    failed = ("The model allocation is null/empty", f"Failed to load model {path}")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ModelError(f"Could not open '{path}'.", *failed) from error
    try:
        size = os.fstat(descriptor).st_size
        if size == 0:
            raise ModelError("mmap of size 0 requested.", *failed)
        try:
            data = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
        except (OSError, ValueError) as error:
            # mmap(2) of a folder fails with ENODEV; Python's wrapper makes it EINVAL.
            number = errno.ENODEV if Path(path).is_dir() else getattr(error, "errno", None) or 0
            raise ModelError(f"Mmap of '{descriptor}' at offset '0' failed with error '{number}'.", *failed) from error
    finally:
        os.close(descriptor)
    with data:
        try:
            return read_graph(data), Path(path).stat().st_size
        except InvalidModel as error:
            raise ModelError("The model is not a valid Flatbuffer buffer", f"Failed to load model {path}") from error


def choose_signature(graph: Graph, wanted: str) -> tuple[int, Signature | None]:
    """Choose the signature to run. Return its index in LiteRT (0 for a model without signatures) and the signature.

    Raises:
        ModelError: none is named although there are several, or none has the name.
    """
    if not graph.signatures:
        if wanted:
            raise ModelError("Signature key is specified, but the model does not have any signatures.")
        return 0, None
    if not wanted and len(graph.signatures) == 1:
        return 0, graph.signatures[0]
    for index, signature in enumerate(graph.signatures):
        if signature.key == wanted:
            return index, signature
    keys = [f" #> Signature key: {signature.key}" for signature in graph.signatures]
    raise ModelError(
        'Signature not specified or incorrect. Pass one of the following to the flag "--signature_to_run_for"', *keys
    )
