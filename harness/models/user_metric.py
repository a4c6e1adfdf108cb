"""A metric that the user wrote: `module:function`, in a module of the working folder."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UserMetric:
    """The user's function, and the name that the user gave for it."""

    name: str
    function: Callable[..., Any]

    def scores(self, outputs: Mapping[str, NDArray[Any]], labels: NDArray[Any]) -> NDArray[np.float64]:
        """Call it for some samples, and check the returned scores.

        Raises:
            UsageError: it failed, or did not return a finite number for each sample.
        """
        with _users_code(self.name):
            answer = np.asarray(self.function(dict(outputs), labels))
        if answer.shape != (len(labels),):
            shape = "x".join(map(str, answer.shape)) or "a single number"
            raise UsageError(
                f"{self.name} returned {shape} for {len(labels)} samples", remedy="return one score for each"
            )
        if answer.dtype.kind not in "fiub":
            raise UsageError(f"{self.name} returned {answer.dtype.name}", remedy="return one number for each sample")
        scores: NDArray[np.float64] = answer.astype(np.float64)
        if not np.isfinite(scores).all():
            raise UsageError(f"{self.name} returned NaN or infinite scores")
        return scores


def user_metric(name: str) -> UserMetric:
    """Load `module:function`.

    Raises:
        UsageError: there is no such module or function, or loading it failed.
    """
    module_name, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), attribute]):
        raise UsageError(f"{name!r} is no metric", remedy="your own is module:function, such as my_metrics:iou")
    with _users_code(name):
        module = importlib.import_module(module_name)
    function = getattr(module, attribute, None)
    if not callable(function):
        has = [one for one, value in vars(module).items() if callable(value) and not one.startswith("_")]
        raise UsageError(
            f"{module_name} ({getattr(module, '__file__', 'built in')}) has no function {attribute}",
            remedy=f"it has {', '.join(has[:10])}" if has else None,
        )
    return UserMetric(name, function)


@contextlib.contextmanager
def _users_code(name: str) -> Iterator[None]:
    """Run the user's code: modules of the working folder are found, prints go to stderr, errors become one line."""
    folder = os.getcwd()  # noqa: PTH109  # sys.path holds strings
    sys.path.insert(0, folder)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (Exception, SystemExit) as error:
        _log.info("%s failed", name, exc_info=error)
        if isinstance(error, ModuleNotFoundError) and error.name == name.partition(":")[0].partition(".")[0]:
            raise UsageError(f"there is no module {error.name}", remedy=f"modules are looked for in {folder}") from None
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = " ".join(str(error).split())[:300]
        raise UsageError(
            f"{name} failed with {type(error).__name__}{': ' if said else ''}{said} ({where.filename}:{where.lineno})",
            remedy="-v shows the whole traceback",
        ) from None
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
