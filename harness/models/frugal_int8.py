"""Quantises large models to int8 in less memory, in a worker.

The converter keeps the loaded SavedModel until it has calibrated and quantised, which needs most of the memory: 3.7 GB for a model of
290 MB. Here a fork loads the model, converts it to float, and ends; then this process calibrates and quantises the float model. That uses
two internal functions of TensorFlow 2.19 to 2.21. If they are not as expected, the caller uses the converter as usual.
"""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

FROM_BYTES = 100_000_000
"""Size of a SavedModel from which on this is used. It takes as much time as the converter, but relies on internal functions."""


def size_of(folder: Path) -> int:
    """Return the bytes of a SavedModel."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


def convert_in_two(load: Callable[[], Any], light: Callable[[], Any], scratch: Path) -> bytes | None:
    """Return the quantised model; None if this is not possible, with the reason in the log.

    Args:
        load: makes the configured converter with its SavedModel.
        light: makes the converter without the SavedModel.
        scratch: path prefix for the temporary files of this function.
    """
    model, state = Path(f"{scratch}.float"), Path(f"{scratch}.state")
    try:
        child = os.fork()
        if child == 0:
            _convert_to_float(load, model, state)
        _pid, status = os.waitpid(child, 0)
        if status != 0:
            print(f"the conversion in two processes ended with {os.waitstatus_to_exitcode(status)}", flush=True)
            return None
        mode, options, of_outputs = pickle.loads(state.read_bytes())  # noqa: S301  # written above
        made = light()._optimize_tflite_model(model.read_bytes(), mode, options, quant_io=of_outputs)
        return bytes(made)
    except (AttributeError, TypeError, OSError, pickle.PickleError):
        traceback.print_exc()
        return None
    finally:
        model.unlink(missing_ok=True)
        state.unlink(missing_ok=True)


def _convert_to_float(load: Callable[[], Any], model: Path, state: Path) -> None:
    """Write the float model and the state for the second step, and end this process."""
    try:
        converter = load()

        def keep(made: bytes, mode: Any, options: Any, quant_io: bool = True) -> None:
            mode._representative_dataset = True  # instead of a function: it matters only that there are samples
            state.write_bytes(pickle.dumps((mode, options, quant_io)))
            model.write_bytes(made)
            os._exit(0)

        converter._optimize_tflite_model = keep
        converter.convert()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)
