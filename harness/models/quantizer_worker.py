"""The worker that makes one variant of a float .tflite with litert-quantizer: `python -m harness.models.quantizer_worker FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.models.check_samples import read_samples
from harness.models.worker_side import answer_request

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

    model = request["model"]
    chosen = getattr(recipe, _RECIPES[request["variant"]])()
    one = quantizer.Quantizer(model, chosen)
    ranges = None
    if request["calibration"] is not None:
        # `Quantizer.calibrate` follows a moving average and clips what is rare.
        manager = recipe_manager.RecipeManager()
        manager.load_quantization_recipe(chosen)
        seen = calibrator.Calibrator(model, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
        samples = read_samples(Path(request["calibration"]))
        seen.calibrate(
            {
                key or None: [
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


if __name__ == "__main__":
    answer_request(work)
