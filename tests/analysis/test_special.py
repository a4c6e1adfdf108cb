import subprocess
import sys

import pytest
import scipy.special

from harness.analysis import special


def printed(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_the_functions_are_those_of_scipy() -> None:
    assert (special.ndtr, special.stdtr, special.stdtrit) == (
        scipy.special.ndtr,
        scipy.special.stdtr,
        scipy.special.stdtrit,
    )
    with pytest.raises(AttributeError, match="gamma"):
        _ = special.gamma  # type: ignore[attr-defined]


def test_scipy_is_loaded_with_the_first_of_them_and_numpy_stays_whole() -> None:
    assert (
        printed(
            "import sys, numpy; from harness.analysis import ratio_interval, verdict, special\n"
            "before = 'scipy' in sys.modules\n"
            "special.ndtr(0.0)\n"
            "loaded = [name in sys.modules for name in ('scipy.special', 'numpy.f2py', 'numpy.testing')]\n"
            "print(before, *loaded, numpy.f2py.__name__, numpy.testing.__name__)"
        )
        == "False True False False numpy.f2py numpy.testing"
    )


def test_what_is_loaded_already_stays() -> None:
    assert (
        printed(
            "import numpy.testing; from harness.analysis import special; special.ndtr(0.0); print(numpy.testing.__name__)"
        )
        == "numpy.testing"
    )
