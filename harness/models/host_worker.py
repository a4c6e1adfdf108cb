"""The program that runs a model on this host: `python -m harness.models.host_worker FOLDER`. `host_run` starts it.

FOLDER holds `request.json` and `inputs.npz`; it gets `answer.json` and `outputs.npz`. A model can crash this process, so it is separate.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, UsageError
from harness.models.tensor_facts import TensorFacts, as_stored


def main(arguments: Sequence[str]) -> None:
    """Answer one request."""
    folder = Path(arguments[0])
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    answer: dict[str, Any]
    try:
        answer, outputs = _run(request, folder)
    except HarnessError as error:
        answer, outputs = {"error": error.message, "remedy": error.remedy, "usage": isinstance(error, UsageError)}, {}
    except (ValueError, RuntimeError, TypeError, KeyError) as error:  # the runtime's complaints about an unknown model
        answer, outputs = {"error": " ".join(str(error).split()), "remedy": None, "usage": False}, {}
    np.savez(folder / "outputs.npz", allow_pickle=False, **outputs)
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


def _run(request: dict[str, Any], folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    interpreter = _opened(request)
    signatures = interpreter.get_signature_list()
    key = request["signature"] or (next(iter(signatures)) if len(signatures) == 1 else None)
    if request["signature"] is not None and key not in signatures:
        there = ", ".join(map(repr, signatures)) or "none"
        raise UsageError(f"the model has no signature {key!r}", remedy=f"it has {there}")
    if key is None and len(signatures) > 1:
        raise UsageError("the model has several signatures", remedy=f"name one of {', '.join(map(repr, signatures))}")
    if request["names"] is None:
        interpreter.allocate_tensors()  # with samples, allocate only at their sizes: the sizes in the file may not work
    runner = interpreter.get_signature_runner(key) if key is not None else None
    if runner is not None:
        inputs = [_facts(name, one) for name, one in runner.get_input_details().items()]
        outputs = [_facts(name, one) for name, one in runner.get_output_details().items()]
    else:
        inputs = [_facts(one["name"], one) for one in interpreter.get_input_details()]
        outputs = [_facts(one["name"], one) for one in interpreter.get_output_details()]
    answer = {
        "signature": key,
        "inputs": [one.as_json() for one in inputs],
        "outputs": [one.as_json() for one in outputs],
    }
    if request["names"] is None:
        return answer, {}
    with np.load(folder / "inputs.npz", allow_pickle=False) as archive:
        given = {name: archive[str(number)] for number, name in enumerate(request["names"])}
    fed = _fed(given, inputs)
    made: dict[str, list[NDArray[Any]]] = {one.name: [] for one in outputs}
    resources = _keeps_resources(interpreter)
    kept: dict[int, list[NDArray[Any]]] = {index: [] for index in request["keep"]}
    for number in range(request["count"]):
        # An LSTM or a streaming model would continue from the previous sample.
        first = number == 0 or resources or not _is_reset(interpreter)
        if number and first:
            interpreter = _opened(request)
            runner = interpreter.get_signature_runner(key) if key is not None else None
        if runner is not None:
            answers = runner(**{name: values[number] for name, values in fed.items()})
        else:
            answers = _invoked(interpreter, {name: values[number] for name, values in fed.items()}, first=first)
        for name, values in answers.items():
            made[name].append(np.array(values))
        for index, values in kept.items():
            with contextlib.suppress(ValueError):  # a tensor that the runtime removed
                values.append(np.array(interpreter.get_tensor(index, request["subgraph"])))
    arrays = {f"in{number}": fed[one.name] for number, one in enumerate(inputs)}
    for number, one in enumerate(outputs):
        if len({values.shape for values in made[one.name]}) > 1:
            raise UsageError(
                f"the output {one.name!r} has another shape for each sample: they cannot be compared as one"
            )
        arrays[f"out{number}"] = np.stack(made[one.name])
    for index, values in kept.items():
        if len(values) == request["count"] and len({one.shape for one in values}) == 1:
            arrays[f"kept{index}"] = np.stack(values)
    return answer, arrays


def _opened(request: dict[str, Any]) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    builtin = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return Interpreter(
        model_path=request["model"],
        num_threads=request["threads"],
        experimental_op_resolver_type=builtin if request["kernels"] == "builtin" else OpResolverType.BUILTIN,
        experimental_preserve_all_tensors=bool(request["keep"]),
    )


def _keeps_resources(interpreter: Any) -> bool:
    """Return whether the model has resource variables (VAR_HANDLE), which no call resets."""
    graphs = range(interpreter.num_subgraphs())
    return any(one["dtype"] is np.object_ for graph in graphs for one in interpreter.get_tensor_details(graph))


def _is_reset(interpreter: Any) -> bool:
    """Set variable tensors to zero. Return False if that fails: those of a signature that never ran have no memory yet."""
    try:
        interpreter.reset_all_variables()
    except RuntimeError:
        return False
    return True


def _facts(name: str, details: dict[str, Any]) -> TensorFacts:
    scales = details["quantization_parameters"]["scales"]
    whole = len(scales) == 1
    dtype = np.dtype(details["dtype"]).name
    signature = details.get("shape_signature")
    shape = details["shape"] if signature is None or not len(signature) else signature
    return TensorFacts(
        name=name,
        tensor=details["name"],
        dtype=dtype,
        shape=tuple(int(size) for size in shape),
        scale=float(scales[0]) if whole and dtype.startswith(("int", "uint")) else 0.0,
        zero_point=int(details["quantization_parameters"]["zero_points"][0]) if whole else 0,
    )


def _fed(given: dict[str, NDArray[Any]], inputs: Sequence[TensorFacts]) -> dict[str, NDArray[Any]]:
    names = [one.name for one in inputs]
    by_tensor = {one.tensor: one.name for one in inputs}
    known = {(name if name in names else by_tensor.get(name, name)): values for name, values in given.items()}
    missing = [name for name in names if name not in known]
    if missing:
        raise UsageError(
            f"no samples of the input {missing[0]!r}", remedy=f"the file holds {', '.join(map(repr, sorted(given)))}"
        )
    return {one.name: as_stored(known[one.name], one) for one in inputs}


def _invoked(interpreter: Any, sample: dict[str, NDArray[Any]], *, first: bool) -> dict[str, NDArray[Any]]:
    details = interpreter.get_input_details()
    if first or any(tuple(one["shape"]) != sample[one["name"]].shape for one in details):
        for one in details:
            interpreter.resize_tensor_input(one["index"], sample[one["name"]].shape)
        interpreter.allocate_tensors()
        details = interpreter.get_input_details()
    for one in details:
        interpreter.set_tensor(one["index"], sample[one["name"]])
    interpreter.invoke()
    return {one["name"]: interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()}


if __name__ == "__main__":
    main(sys.argv[1:])
