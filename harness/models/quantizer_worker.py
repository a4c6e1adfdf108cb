"""The worker that makes one variant of a float .tflite with litert-quantizer: `python -m harness.models.quantizer_worker FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.models.check_samples import read_samples
from harness.models.worker_side import answer_request

_SIGNATURE = "serving_default"
_RECIPES = {
    "dynamic_wi8": "dynamic_wi8_afp32",
    "dynamic_wi4": "dynamic_wi4_afp32",
    "weight_only_wi4": "weight_only_wi4_afp32",
    "static_wi8_ai8": "static_wi8_ai8",
}


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Quantise one variant. Keys of the request: `model`, `variant`, `calibration` (of `write_samples`, or None), `out`."""
    from litert_quantizer import calibrator, quantizer, recipe, recipe_manager
    from litert_quantizer.utils import qsv_utils

    model: Any = request["model"]
    samples = {} if request["calibration"] is None else read_samples(Path(request["calibration"]))
    if "" in samples:
        model = _with_signature(Path(model).read_bytes())
        samples = {_SIGNATURE: samples[""]}
    chosen = getattr(recipe, _RECIPES[request["variant"]])()
    one = quantizer.Quantizer(model, chosen)
    ranges = None
    if request["calibration"] is not None:
        # `Quantizer.calibrate` uses a moving average and clips rare values.
        manager = recipe_manager.RecipeManager()
        manager.load_quantization_recipe(chosen)
        seen = calibrator.Calibrator(model, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
        seen.calibrate(
            {
                key: [
                    {name: values[number] for name, values in by_input.items()}
                    for number in range(len(next(iter(by_input.values()))))
                ]
                for key, by_input in samples.items()
            },
            manager,
        )
        ranges = seen.get_model_qsvs()
    made = one.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    Path(request["out"]).write_bytes(bytes(made.quantized_model))
    return {}


def _with_signature(model: bytes) -> bytes:
    """Add a signature, with the tensors' own names, to a model that has none: the quantizer calibrates by signature."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    whole = schema.ModelT.InitFromPackedBuf(model)
    graph, signature = whole.subgraphs[0], schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = _SIGNATURE, 0
    for places, maps in ((graph.inputs, "inputs"), (graph.outputs, "outputs")):
        entries = []
        for place in places:
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = graph.tensors[place].name, place
            entries.append(entry)
        setattr(signature, maps, entries)
    whole.signatureDefs = [signature]
    builder = flatbuffers.Builder(len(model) + (1 << 16))
    builder.Finish(whole.Pack(builder), b"TFL3")
    return bytes(builder.Output())


if __name__ == "__main__":
    answer_request(work)
