"""Makes `flex_erf.tflite`: one of TensorFlow's own ops between two built-in ones. It needs TensorFlow; tests only read the file.

python tests/data/models/make_flex_model.py tests/data/models/flex_erf.tflite
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any


def main(target: Path) -> None:
    """Convert y = erf(x + 1) * 2 with Select TF ops."""
    tf: Any = importlib.import_module("tensorflow")  # not a dependency of the tests
    module = tf.Module()
    module.run = tf.function(
        lambda x: {"y": tf.raw_ops.Erf(x=x + 1.0) * 2.0},
        input_signature=[tf.TensorSpec((1, 4), tf.float32, name="x")],
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.run)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        target.write_bytes(converter.convert())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
