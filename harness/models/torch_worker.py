"""The worker that makes the float .tflite of a .pt2 with litert-torch, and records PyTorch's outputs for a few samples.

`python -m harness.models.torch_worker FOLDER`; `source_stage` starts it.
"""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, ModelFailed, UsageError
from harness.models.arrays_file import read_arrays
from harness.models.check_samples import kept_samples, stacked, write_samples
from harness.models.open_dimensions import OpenShape, fixed_shape, unknown_names
from harness.models.tensor_facts import TensorFacts
from harness.models.worker_side import answer_request

_SIGNATURE = "serving_default"
_NARROWED = {"int64": "int32", "float64": "float32"}
"""The types to which litert-torch converts types that phones do not compute with."""


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Convert a .pt2. Keys of the answer: see `source_stage.SourceFacts`; `saved_model` is the float .tflite."""
    folder, name = Path(request["folder"]), request["name"]
    if request["signature"] not in (None, _SIGNATURE):
        raise UsageError(f"{name} has no signature {request['signature']!r}: a .pt2 has one program")
    arrays = read_arrays(Path(request["calibration"])) if request["calibration"] else {}
    program = _loaded(request["source"], name)
    inputs = _inputs(program, request, {key: values.shape[1:] for key, values in arrays.items()})
    signatures = {_SIGNATURE: inputs}
    samples = kept_samples(arrays, signatures, request["calibration_name"], folder)[_SIGNATURE]
    model = _named(program, [one.name for one in inputs])
    types = _types(program)
    fed = [
        _tensors({one.name: samples[one.name][number] for one in inputs}, types)
        for number in range(len(next(iter(samples.values()))))
    ]
    try:
        answers = [{key: _array(value) for key, value in model(**one).items()} for one in fed]
    except Exception as error:  # PyTorch raises anything
        raise _failed("PyTorch cannot run it", error) from None
    write_samples(folder / "reference.npz", {_SIGNATURE: stacked(answers)})
    place = folder / "float.tflite"
    try:
        import litert_torch

        litert_torch.convert(model, None, fed[0]).export(str(place))
    except Exception as error:  # so does litert-torch
        raise _failed("litert-torch cannot convert it", error) from None
    return {
        "saved_model": str(place),
        "signatures": {_SIGNATURE: [one.as_json() for one in inputs]},
        "fake_quantised": False,
        "loops": False,
        "recurrent": [],
    }


def _loaded(source: str, name: str) -> Any:
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"  # a pickle may run any Python; `torch.export.load` would let it
    import torch

    def refuse(*_arguments: object, **_more: object) -> NoReturn:
        raise ModelFailed(f"{name} holds pickled Python objects, which are not loaded from a file")

    loads, pickle.loads = pickle.loads, refuse
    try:
        return torch.export.load(source)
    except HarnessError:
        raise
    except Exception as error:
        raise _failed(f"this PyTorch ({torch.__version__}) cannot load it", error) from None
    finally:
        pickle.loads = loads


def _inputs(program: Any, request: dict[str, Any], seen: dict[str, tuple[int, ...]]) -> list[TensorFacts]:
    asked = {key: tuple(shape) for key, shape in request["inputs"].items()}
    values: dict[str, Any] = {
        node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"
    }
    found = []
    for name in program.graph_signature.user_inputs:
        value: Any = values.get(name)
        if not hasattr(value, "shape"):
            raise ModelFailed(f"the input {name!r} is no tensor", remedy="export a module that takes tensors alone")
        open_shape: OpenShape = [size if isinstance(size, int) else None for size in value.shape]
        dtype = str(value.dtype).removeprefix("torch.")
        shape = fixed_shape(name, open_shape, batch=request["batch"], asked=asked, calibrated=seen)
        found.append(TensorFacts(name=name, tensor=name, dtype=_NARROWED.get(dtype, dtype), shape=shape))
    unknown_names(asked, [one.name for one in found])
    if not found:
        raise ModelFailed("it takes no input")
    return found


def _types(program: Any) -> dict[str, Any]:
    return {
        node.name: node.meta["val"].dtype
        for node in program.graph.nodes
        if node.op == "placeholder" and hasattr(node.meta.get("val"), "dtype")
    }


def _named(program: Any, inputs: Sequence[str]) -> Any:
    """Return the program as a module that takes and returns tensors by name. Otherwise litert-torch would call them `args_0`."""
    import torch
    from torch.utils import _pytree

    inner, takes = program.module(), program.call_spec.in_spec

    class Named(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not there when types are checked
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, **tensors: Any) -> dict[str, Any]:
            arguments, more = _pytree.tree_unflatten([tensors[one] for one in inputs], takes)
            return _outputs(self.inner(*arguments, **more))

    return Named()


def _outputs(made: Any) -> dict[str, Any]:
    """Name outputs: a dictionary's keys, else `output_0`, `output_1`, ..."""
    from torch.utils import _pytree

    if isinstance(made, dict) and all(hasattr(one, "shape") for one in made.values()):
        return {str(key): value for key, value in made.items()}
    tensors = [one for one in _pytree.tree_leaves(made) if hasattr(one, "shape")]
    return {f"output_{number}": one for number, one in enumerate(tensors)}


def _tensors(sample: dict[str, NDArray[Any]], types: dict[str, Any]) -> dict[str, Any]:
    import torch

    return {name: torch.from_numpy(np.array(values)).to(types[name]) for name, values in sample.items()}


def _array(value: Any) -> NDArray[Any]:
    found: NDArray[Any] = value.detach().numpy()
    return found.astype(_NARROWED.get(found.dtype.name, found.dtype.name))


def _failed(what: str, error: Exception) -> ModelFailed:
    traceback.print_exc()
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    why = next((line for line in lines if line), type(error).__name__)
    return ModelFailed(f"{what}: {why[:240]}")


if __name__ == "__main__":
    answer_request(work)
