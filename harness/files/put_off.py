"""Keeps a library from loading what it imports and rarely uses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType


@contextmanager
def put_off(name: str) -> Iterator[None]:
    """Within it, `import NAME` gives a stand-in that loads the module when somebody uses it; afterwards, the module as ever.

    For top-level modules that are used as `NAME.something`. Nothing happens if it is loaded already.
    """
    if name in sys.modules:
        yield
        return
    stand_in = ModuleType(name)
    vars(stand_in)["__getattr__"] = lambda attribute: getattr(import_module(name), attribute)
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
