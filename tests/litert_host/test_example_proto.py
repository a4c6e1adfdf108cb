"""The bytes are read back by protobuf itself, from the field numbers of tensorflow/core/example."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from harness.litert_host.example_proto import example
from tests.litert_host.conftest import SHORT, Tool


def read(data: bytes) -> dict[str, list[float] | list[int]]:
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="t", syntax="proto3")
    for name, kind in (("FloatList", kinds.TYPE_FLOAT), ("Int64List", kinds.TYPE_INT64)):
        file.message_type.add(name=name).field.add(name="value", number=1, type=kind, label=kinds.LABEL_REPEATED)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for field, number, name in (("float_list", 2, ".t.FloatList"), ("int64_list", 3, ".t.Int64List")):
        feature.field.add(
            name=field,
            number=number,
            type=kinds.TYPE_MESSAGE,
            type_name=name,
            label=kinds.LABEL_OPTIONAL,
            oneof_index=0,
        )
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=kinds.TYPE_MESSAGE, type_name=".t.Feature", label=kinds.LABEL_OPTIONAL)
    features.field.add(
        name="feature",
        number=1,
        type=kinds.TYPE_MESSAGE,
        type_name=".t.Features.FeatureEntry",
        label=kinds.LABEL_REPEATED,
    )
    message = file.message_type.add(name="Example")
    message.field.add(
        name="features", number=1, type=kinds.TYPE_MESSAGE, type_name=".t.Features", label=kinds.LABEL_OPTIONAL
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    parsed: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example"))()
    parsed.ParseFromString(data)
    return {
        name: list(one.float_list.value) or list(one.int64_list.value) for name, one in parsed.features.feature.items()
    }


def test_every_kind_of_number_is_read_back() -> None:
    outputs = [
        ("f", 0, struct.pack("<3f", 0.5, -1.25, 1e30)),
        ("d", 10, struct.pack("<1d", 0.25)),
        ("b", 9, struct.pack("<3b", -128, -1, 127)),
        ("B", 3, bytes([0, 255])),
        ("q", 4, struct.pack("<2q", -(2**63), 2**63 - 1)),
        ("none", 6, b"\1"),
    ]
    found = read(example(outputs))
    assert found == {
        "f": [0.5, -1.25, struct.unpack("<f", struct.pack("<f", 1e30))[0]],
        "d": [0.25],
        "b": [-128, -1, 127],
        "B": [0, 255],
        "q": [-(2**63), 2**63 - 1],
        "none": [],
    }


def test_the_tool_writes_the_same_outputs_in_both_forms(tool: Tool, model_dir: Path, tmp_path: Path) -> None:
    done = tool(
        f"--graph={model_dir / 'add.tflite'}", "--output_filepath=o.bin", "--output_proto_filepath=o.pb", *SHORT
    )
    assert done.exit_code == 0, done.stderr
    (values,) = read((tmp_path / "o.pb").read_bytes()).values()
    assert values == np.frombuffer((tmp_path / "o.bin").read_bytes(), np.float32).tolist()
    assert len(values) > 1
