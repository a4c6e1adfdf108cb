"""Conversions by TensorFlow. One module makes all sources once; each test converts one of them once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UsageError
from harness.litert_host.graph import Subgraph
from harness.models import sparse_file
from harness.models.check_samples import write_samples
from harness.models.conversion import ConversionRequest, convert_source
from harness.models.file_facts import file_facts
from harness.models.host_run import run_on_host
from harness.models.output_error import output_error
from harness.models.source_stage import ENVIRONMENT
from harness.models.worker_process import WorkerCall, Workers
from harness.records.variants import ConvertedModel

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def sources(tensorflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    script = Path(__file__).with_name("make_sources.py")
    made = subprocess.run([tensorflow_python, script, folder], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    return folder


def converted(
    sources: Path, name: str, *variants: str, calibrated: str | None = None, **more: object
) -> dict[str, ConvertedModel]:
    request = ConversionRequest(
        source=sources / name,
        name=name,
        variants=variants,
        calibration=sources / calibrated if calibrated else None,
        **more,  # type: ignore[arg-type]
    )
    return dict(zip(variants, convert_source(request), strict=True))


def ok(rows: dict[str, ConvertedModel]) -> dict[str, Path]:
    assert {name: row.message for name, row in rows.items() if row.status != "ok"} == {}
    return {name: Path(str(row.path)) for name, row in rows.items()}


def test_a_classifier_becomes_every_variant(sources: Path) -> None:
    variants = ("fp32", "fp16", "dynamic", "int8", "int8_io", "dynamic_wi8")
    rows = converted(sources, "cnn.keras", *variants, calibrated="cnn.npz")
    files = ok(rows)
    size = {name: path.stat().st_size for name, path in files.items()}
    assert size["fp16"] < 0.6 * size["fp32"]
    assert max(size["int8"], size["dynamic"], size["dynamic_wi8"]) < 0.4 * size["fp32"]
    snr = {name: row.snr_db or 0.0 for name, row in rows.items()}
    assert snr["fp32"] > 100 > snr["fp16"] > 50 > snr["int8"] > 15
    for name, dtype in (("fp32", "float32"), ("int8", "float32"), ("int8_io", "int8")):
        run = run_on_host(files[name], None)
        assert [(one.name, one.shape, one.dtype) for one in (*run.inputs, *run.outputs)] == [
            ("image", (1, 8, 8, 1), dtype),
            ("label", (1, 10), dtype),
        ]
    assert rows["int8"].calibration_sha256 is not None
    assert rows["fp32"].calibration_sha256 is None
    assert rows["fp32"].converter.startswith("tensorflow 2.")
    assert rows["dynamic_wi8"].converter.startswith("litert-quantizer ")
    assert "making" not in Path(str(rows["fp32"].log)).read_text()


def test_two_inputs_of_one_shape_are_not_swapped(sources: Path) -> None:
    files = ok(converted(sources, "two.keras", "fp32", "int8", calibrated="two.npz"))
    given, answers = dict(np.load(sources / "two.npz")), dict(np.load(sources / "two_answers.npz"))
    for name, least_db in (("fp32", 100), ("int8", 25)):
        values = run_on_host(files[name], given).values
        for output, expected in answers.items():
            found = output_error(output, expected, values[output][:, 0])
            assert (found.snr_db or 999) > least_db, (name, output)


def test_a_recurrent_model_keeps_its_good_variants(sources: Path) -> None:
    rows = converted(sources, "lstm.keras", "fp32", "int8", "static_wi8_ai8", calibrated="lstm.npz")
    assert rows["fp32"].status == "ok"
    assert (rows["int8"].status, rows["static_wi8_ai8"].status) == ("failed", "failed")
    assert "SIGSEGV" in str(rows["int8"].message)
    assert "'memory'" in str(rows["int8"].message)
    assert "recurrent" in str(rows["static_wi8_ai8"].message)


@pytest.fixture(scope="session")
def pruned(sources: Path) -> dict[str, ConvertedModel]:
    # The last is asked for by another call: it starts from fp32 out of the cache.
    rows = converted(sources, "pruned.keras", "fp32", "int8", calibrated="cnn.npz")
    return rows | converted(sources, "pruned.keras", "dynamic_wi8", calibrated="cnn.npz")


def test_a_pruned_source_is_stored_without_its_zeros(pruned: dict[str, ConvertedModel]) -> None:
    files = ok(pruned)
    dense = files["fp32"].with_name("dense.tflite")
    assert files["fp32"].stat().st_size < 0.5 * dense.stat().st_size
    assert [file_facts(one).sparse_tensors for one in (files["fp32"], dense)] == [3, 0]
    assert pruned["fp32"].sparsity == pytest.approx(0.8, abs=0.01)
    assert f"80% of its weights are zero and left out: {files['fp32'].stat().st_size:,} bytes" in str(
        pruned["fp32"].message
    )
    samples = {"image": np.random.default_rng(1).random((4, 1, 8, 8, 1), dtype=np.float32)}
    (small,), (whole,) = (run_on_host(one, samples).values.values() for one in (files["fp32"], dense))
    assert np.array_equal(small, whole)


def test_quantised_variants_of_a_pruned_source_keep_their_zeros(pruned: dict[str, ConvertedModel]) -> None:
    for name in ("int8", "dynamic_wi8"):  # the second one is made of the dense fp32
        assert (pruned[name].sparsity or 0) >= 0.79
        assert pruned[name].message is None
        assert file_facts(Path(str(pruned[name].path))).sparse_tensors == 0


def test_a_pruned_file_stays_dense_where_xnnpack_takes_less(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_the_first(part: Subgraph, *_rest: object) -> frozenset[int]:
        return frozenset(range(1, len(part.operators)))

    monkeypatch.setattr(sparse_file, "find_delegated", without_the_first)
    row = converted(sources, "pruned.keras", "fp32")["fp32"]  # no calibration: a request of its own
    assert row.status == "ok"
    assert row.message == (
        "80% of its weights are zero; kept dense: XNNPACK leaves 1 of 3 pruned layers to the built-in kernels"
    )
    assert file_facts(Path(str(row.path))).sparse_tensors == 0
    assert row.sparsity == pytest.approx(0.8, abs=0.01)
    assert not Path(str(row.path)).with_name("dense.tflite").exists()


def test_all_signatures_are_quantised(sources: Path) -> None:
    files = ok(converted(sources, "three", "fp32", "int8", calibrated="three.npz", batch=2))
    assert files["int8"].stat().st_size < 0.6 * files["fp32"].stat().st_size
    for key, inputs in (("encode", {"x": (2, 64)}), ("decode", {"code": (2, 128)}), ("length", {"x": (2, 64)})):
        run = run_on_host(files["int8"], None, signature=key)
        assert {one.name: one.shape for one in run.inputs} == inputs
    with pytest.raises(UsageError, match="'code' of the signature 'decode'"):
        converted(sources, "three", "int8", calibrated="half.npz")


def test_the_way_that_saves_memory_makes_the_same_model(sources: Path, tensorflow_python: Path, tmp_path: Path) -> None:
    samples = np.random.default_rng(0).random((4, 1, 64), dtype=np.float32)
    write_samples(tmp_path / "samples.npz", {"serving_default": {"x": samples}})
    made = []
    with Workers(str(tensorflow_python), ENVIRONMENT) as workers:
        for frugal in (False, True):
            request = {
                "saved_model": str(sources / "fixed"),
                "signatures": ["serving_default"],
                "variant": "int8",
                "select_tf_ops": False,
                "calibration": str(tmp_path / "samples.npz"),
                "frugal": frugal,
                "sparse": False,
                "out": str(tmp_path / "made.tflite"),
            }
            call = WorkerCall(
                module="harness.models.variant_worker",
                request=request,
                log=tmp_path / "log",
                doing="int8",
                timeout_s=600,
                shares_tensorflow=True,
            )
            assert workers.run(call, lambda _line: None) == {}
            run = run_on_host(tmp_path / "made.tflite", {"x": samples})
            made.append((file_facts(tmp_path / "made.tflite"), run.inputs, run.outputs, run.stored["y"].tolist()))
    assert made[0] == made[1]  # the files differ in the converter's note of its own settings
    assert "Traceback" not in (tmp_path / "log").read_text(), "the other way was taken instead"
    assert "in two processes" not in (tmp_path / "log").read_text()


def test_text_needs_tensorflows_own_ops(sources: Path) -> None:
    row = converted(sources, "text.keras", "fp32")["fp32"]
    assert row.status == "failed"
    assert "StringSplitV2" in str(row.message)
    assert "--select-tf-ops" in str(row.message)
    row = converted(sources, "text.keras", "fp32", select_tf_ops=True)["fp32"]
    assert (row.status, row.message, row.select_tf_ops) == ("ok", "not run here: Flex", True)


@pytest.mark.parametrize(("name", "said"), [("own_layer", "'twice' (Doubler)"), ("lambda", "'twice' (Lambda)")])
def test_code_of_its_own_is_named(sources: Path, name: str, said: str) -> None:
    row = converted(sources, f"{name}.keras", "fp32")["fp32"]
    assert row.status == "failed"
    assert said in str(row.message)
    assert "\n" not in str(row.message)
    assert "writes a SavedModel" in str(row.message)
    assert row.log is not None
    assert Path(row.log).exists()
