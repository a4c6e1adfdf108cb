from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from harness.errors import ModelFailed
from harness.models.file_facts import file_facts
from tests.model_files import shipped, truncated


def test_ops_of_a_float_and_of_a_quantised_model_are_counted() -> None:
    plain, small = file_facts(shipped("cnn_fp32.tflite")), file_facts(shipped("cnn_int8.tflite"))
    assert plain.quantized_ops == 0
    assert plain.total_ops > 0
    assert small.quantized_ops == small.total_ops
    assert plain.flex_ops == plain.custom_ops == ()


def test_sparsity_is_the_share_of_zeros_among_weights(tmp_path: Path) -> None:
    model = schema.ModelT.InitFromPackedBuf(shipped("cnn_fp32.tflite").read_bytes())
    weights = {
        tensor.buffer: model.buffers[tensor.buffer].data
        for tensor in model.subgraphs[0].tensors
        if len(tensor.shape) >= 2 and model.buffers[tensor.buffer].data is not None and tensor.type == 0
    }
    largest = max(weights, key=lambda number: len(weights[number]))
    model.buffers[largest].data = np.zeros(len(weights[largest]), np.uint8)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    (tmp_path / "pruned.tflite").write_bytes(builder.Output())
    share = len(weights[largest]) / sum(map(len, weights.values()))
    assert file_facts(tmp_path / "pruned.tflite").sparsity == pytest.approx(share, abs=1e-4)
    assert file_facts(shipped("cnn_fp32.tflite")).sparsity == pytest.approx(0, abs=1e-4)


def test_a_damaged_file_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match=r"half\.tflite is no whole \.tflite"):
        file_facts(truncated(tmp_path / "half.tflite"))
