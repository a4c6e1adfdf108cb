"""The distributions that tests and intervals need, from SciPy. SciPy is loaded with the first call: planning and measuring need none.

Use it as `from harness.analysis import special`, then `special.stdtr(...)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scipy.special import bdtr, betaincinv, ndtr, stdtr, stdtrit

    __all__ = ["bdtr", "betaincinv", "ndtr", "stdtr", "stdtrit"]
else:
    _NOT_NEEDED = ("f2py", "testing")
    """Parts of NumPy that take a third of SciPy's time to load. It uses none: it copies all names of NumPy, for other array libraries."""

    def __getattr__(name):
        if name not in ("bdtr", "betaincinv", "ndtr", "stdtr", "stdtrit"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import numpy as np

        spaces = vars(np)
        held = [one for one in _NOT_NEEDED if spaces.setdefault(one, None) is None]
        try:
            from scipy.special import bdtr, betaincinv, ndtr, stdtr, stdtrit
        finally:
            for one in held:
                if spaces.get(one) is None:
                    spaces.pop(one, None)  # NumPy loads it as ever when somebody asks for it
        globals().update(bdtr=bdtr, betaincinv=betaincinv, ndtr=ndtr, stdtr=stdtr, stdtrit=stdtrit)
        return globals()[name]
