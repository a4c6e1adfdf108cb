"""The environment of a command that is measured: it keeps its bytecode, as an installed one does.

Where `PYTHONDONTWRITEBYTECODE` is set, each start compiles the harness anew, which takes a fifth of a second of computing.
"""

from __future__ import annotations

import os


def kept_bytecode() -> dict[str, str]:
    """This process's environment without that. The first start of several still compiles."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
