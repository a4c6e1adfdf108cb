"""Makes the variants of one source, one after the other, and checks each."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.errors import ModelFailed
from harness.models.check_samples import SEED, read_samples
from harness.models.conversion_cache import ConversionCache, new_file
from harness.models.conversion_request import ConversionRequest
from harness.models.converter_errors import explained, explained_death
from harness.models.converter_python import ConverterPython
from harness.models.file_facts import FileFacts, file_facts
from harness.models.frugal_int8 import FROM_BYTES, size_of
from harness.models.source_kind import SourceKind
from harness.models.source_stage import ENVIRONMENT, SourceFacts, load_source, load_tflite
from harness.models.sparse_file import is_pruned, tried_sparse
from harness.models.verification import VariantVerdict, verify
from harness.models.worker_process import WorkerCall, WorkerDied, Workers
from harness.records.variants import BY_QUANTIZER, BY_TENSORFLOW, NEED_CALIBRATION, ConvertedModel

_INSTEAD = {
    "fp16": "weight_only_wi4",
    "dynamic": "dynamic_wi8",
    "int8": "static_wi8_ai8",
    "int8_io": "static_wi8_ai8",
    "int16x8": "static_wi8_ai8",
}
"""The variant of litert-quantizer that replaces one of TensorFlow's, which cannot be made of a .tflite or .pt2."""


_LOADERS = {SourceKind.PT2: "torch_worker", SourceKind.ONNX: "onnx_worker"}
"""The workers for kinds of source that TensorFlow does not load itself."""


class VariantStage:
    """Makes the variants of one source. Loads the source for the first variant that is not in the cache.

    Args:
        request: the request.
        kind: the kind of the source.
        digest: SHA-256 of the source.
        calibration: SHA-256 of the calibration file.
        python: the Python with the converters.
        cache: the earlier results; the caller holds its lock.
        told: called with a line of progress.
    """

    def __init__(
        self,
        request: ConversionRequest,
        kind: SourceKind,
        digest: str,
        calibration: str | None,
        python: ConverterPython,
        cache: ConversionCache,
        told: Callable[[str], None],
    ) -> None:
        self._request, self._kind, self._digest, self._calibration = request, kind, digest, calibration
        self._python, self._cache, self._told = python, cache, told
        self._stack = contextlib.ExitStack()
        self._workers = self._stack.enter_context(Workers(python.program, ENVIRONMENT))
        self._work: Path | None = None
        self._saved_model: Path | None = None
        """The SavedModel that variants are made of; for a .pt2, the float .tflite."""
        self._loaded: SourceFacts | None = None
        self._refused: ModelFailed | None = None

    def __enter__(self) -> VariantStage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def row(self, variant: str) -> ConvertedModel:
        """Return a variant: from the cache, or made and checked now.

        Raises:
            UsageError: the request does not fit the source.
            SetupError: the cache cannot be written.
        """
        if self._kind is SourceKind.TFLITE and variant in BY_TENSORFLOW:
            return self._of_tflite(variant)
        kept = self._cache.kept(variant)
        if kept is not None and kept.converter == self._converter(variant):
            return replace(kept, source=self._request.name)
        log = self._cache.log(variant)
        try:
            if self._kind is SourceKind.PT2 and variant in BY_TENSORFLOW and variant != "fp32":
                raise _not_by_tensorflow(variant, ".pt2")
            if variant in NEED_CALIBRATION and self._calibration is None and not self._makes_do(variant):
                raise ModelFailed(
                    f"{variant} needs samples of what the model will see",
                    remedy="--calibration FILE (in a suite `calibration`): an .npz with an array for each input",
                )
            made = new_file(self._work_folder())
            self._make(variant, made, log)
            return self._checked(variant, made, log)
        except ModelFailed as error:
            return self._failed(variant, error, log)

    def _of_tflite(self, variant: str) -> ConvertedModel:
        """Return the row of a .tflite itself, or say why TensorFlow makes no variant of it."""
        source = self._request.source
        try:
            facts = file_facts(source)
            if variant != "fp32":
                raise _not_by_tensorflow(variant, ".tflite")
            if facts.quantized_ops:
                raise ModelFailed(_already_quantised(facts), remedy="give the float model")
            return self._record(variant, source, facts, None)
        except ModelFailed as error:
            return self._failed(variant, error, None)

    def _make(self, variant: str, made: Path, log: Path, *, sparse: bool = False) -> None:
        if self._kind is SourceKind.PT2 and variant == "fp32":
            self._export()
            assert self._saved_model is not None  # noqa: S101  # `_export` sets it or raises
            shutil.copyfile(self._saved_model, made)
            return
        by_quantizer = variant in BY_QUANTIZER
        request: dict[str, Any] = {"variant": variant, "out": str(made)}
        if by_quantizer:
            request["model"] = str(self._float_model())
        facts = self._source()  # before the log of this variant: the source has its own
        needs = variant in NEED_CALIBRATION and not self._makes_do(variant)
        if needs or not by_quantizer:
            self._export()
        if not by_quantizer:
            request["saved_model"] = str(self._saved_model)
            request["frugal"] = self._saved_model is not None and size_of(self._saved_model) >= FROM_BYTES
            request["signatures"] = list(facts.signatures)
            request["select_tf_ops"] = self._request.select_tf_ops
            request["sparse"] = sparse
        request["calibration"] = str(self._work_folder() / "calibration.npz") if needs else None
        call = self._call("quantizer_worker" if by_quantizer else "variant_worker", request, log, f"making {variant}")
        try:
            answer = self._workers.run(call, self._told)
        except WorkerDied as died:
            raise explained_death(died, variant=variant, loops=facts.loops, recurrent=facts.recurrent) from None
        if "error" in answer:
            if answer["kind"] == "failed":
                raise ModelFailed(answer["error"], remedy=answer["remedy"])
            raise explained(answer["type"], answer["error"], variant=variant, select_tf_ops=self._request.select_tf_ops)

    def _checked(self, variant: str, made: Path, log: Path) -> ConvertedModel:
        self._told(f"{self._request.name}: checking {variant}")
        samples, reference = (read_samples(self._cache.folder / name) for name in ("samples.npz", "reference.npz"))
        verdict = verify(made, variant, samples, reference)
        if verdict.problem is not None:
            kept = log.with_name("refused.tflite")  # so that the user can look at it
            made.replace(kept)
            raise ModelFailed(verdict.problem)
        dense = None
        if variant == "fp32" and self._kind is not SourceKind.PT2 and is_pruned(verdict.facts):
            smaller, verdict = self._without_zeros(made, verdict, log)
            if smaller is not None:
                made, dense = smaller, made
        record = replace(self._record(variant, made, verdict.facts, verdict), log=str(log))
        random = None if self._calibration is not None else {"seed": SEED}
        errors = {name: asdict(error) for name, error in verdict.errors.items()}
        return self._cache.keep(record, made, {"checked": {"random_samples": random, "errors": errors}}, dense)

    def _without_zeros(self, dense: Path, verdict: VariantVerdict, log: Path) -> tuple[Path | None, VariantVerdict]:
        """Convert a pruned source again, without its zeros. Return that file if it has a benefit, and the verdict with a note on it."""
        made = new_file(self._work_folder())
        samples, reference = (read_samples(self._cache.folder / name) for name in ("samples.npz", "reference.npz"))
        try:
            self._make("fp32", made, log.with_name("sparse.log"), sparse=True)
            self._told(f"{self._request.name}: checking fp32 without its zeros")
            return made, tried_sparse(made, dense, samples, reference)
        except ModelFailed as error:
            share = verdict.facts.sparsity if verdict.facts is not None else None
            note = f"{share or 0:.0%} of its weights are zero; kept dense: {error}"
            return None, replace(verdict, note="; ".join(filter(None, (verdict.note, note))))

    def _record(
        self, variant: str, path: Path, facts: FileFacts | None, verdict: VariantVerdict | None
    ) -> ConvertedModel:
        digest, size, zipped = _sizes(path)
        return ConvertedModel(
            **self._row(variant),
            path=str(path),
            sha256=digest,
            size_bytes=size,
            zipped_bytes=zipped,
            status="ok",
            message=verdict.note if verdict is not None else None,
            quantized_ops=facts.quantized_ops if facts is not None else None,
            total_ops=facts.total_ops if facts is not None else None,
            sparsity=facts.sparsity if facts is not None else None,
            snr_db=verdict.snr_db if verdict is not None else None,
        )

    def _failed(self, variant: str, error: ModelFailed, log: Path | None) -> ConvertedModel:
        if self._refused is error:
            log = self._cache.folder / "source" / "converter.log"
        return ConvertedModel(
            **self._row(variant),
            status="failed",
            message=str(error),
            log=str(log) if log is not None and log.exists() else None,
        )

    def _row(self, variant: str) -> dict[str, Any]:
        made_with = variant in NEED_CALIBRATION and not (self._loaded is not None and self._makes_do(variant))
        return {
            "source": self._request.name,
            "source_sha256": self._digest,
            "variant": variant,
            "converter": self._converter(variant),
            "calibration_sha256": self._calibration if made_with else None,
            "batch": self._request.batch if self._kind is not SourceKind.TFLITE else None,
            "select_tf_ops": self._request.select_tf_ops and self._kind not in (SourceKind.TFLITE, SourceKind.PT2),
        }

    def _converter(self, variant: str) -> str:
        if variant in BY_QUANTIZER:
            return f"litert-quantizer {self._python.quantizer}"
        if self._kind is SourceKind.PT2:
            return f"litert-torch {self._python.litert_torch}"
        before = f"onnx2tf {self._python.onnx2tf}, " if self._kind is SourceKind.ONNX else ""
        return "none" if self._kind is SourceKind.TFLITE else f"{before}tensorflow {self._python.tensorflow}"

    def _makes_do(self, variant: str) -> bool:
        """Return whether the source brings its own ranges, so that int8 needs no calibration."""
        return variant in ("int8", "int8_io") and self._kind is not SourceKind.TFLITE and self._source().fake_quantised

    def _float_model(self) -> Path:
        """Return the file that litert-quantizer starts from.

        Raises:
            ModelFailed: there is none.
        """
        if self._kind is SourceKind.TFLITE:
            facts = file_facts(self._request.source)
            if facts.quantized_ops:
                raise ModelFailed(_already_quantised(facts), remedy="give the float model")
            return self._request.source
        row = self.row("fp32")
        if row.status != "ok" or row.path is None:
            raise ModelFailed(f"it is made from fp32, which failed: {row.message}")
        return self._cache.dense("fp32") or Path(row.path)

    def _source(self) -> SourceFacts:
        """Return the facts about the source; load it if there are none yet."""
        if self._loaded is None:
            kept = self._cache.facts()
            if kept is not None:
                with contextlib.suppress(KeyError, TypeError):
                    self._loaded = SourceFacts.from_json(kept)
        if self._loaded is None:
            self._export()
        assert self._loaded is not None  # noqa: S101  # `_export` sets it or raises
        return self._loaded

    def _export(self) -> None:
        """Load the source, unless this process did.

        Raises:
            ModelFailed: it cannot be loaded; the same error for every variant.
        """
        if self._refused is not None:
            raise self._refused
        if self._saved_model is not None:
            return
        request, work = self._request, self._work_folder()
        log = self._cache.log("source")
        try:
            if self._kind is SourceKind.TFLITE:
                calibration = None if request.calibration is None else (request.calibration, str(request.calibration))
                self._told(f"{request.name}: running it")
                self._loaded, self._saved_model = load_tflite(request.source, request.name, calibration, work), work
            else:
                asked = {
                    "kind": self._kind.value,
                    "source": str(request.source.resolve()),
                    "name": request.name,
                    "folder": str(work),
                    "calibration": None if request.calibration is None else str(request.calibration.resolve()),
                    "calibration_name": str(request.calibration),
                    "batch": request.batch,
                    "inputs": {name: list(shape) for name, shape in request.inputs.items()},
                    "signature": request.signature,
                    "legacy": None,
                }
                call = self._call(_LOADERS.get(self._kind, "source_worker"), asked, log, "loading")
                self._loaded, self._saved_model = load_source(
                    call, self._workers, has_legacy=self._python.tf_keras is not None, told=self._told
                )
        except ModelFailed as error:
            self._refused = error
            raise
        self._cache.keep_facts(self._loaded.as_json(), work)

    def _call(self, module: str, request: dict[str, Any], log: Path, doing: str) -> WorkerCall:
        return WorkerCall(
            module=f"harness.models.{module}",
            request=request,
            log=log,
            doing=f"{self._request.name}: {doing}",
            timeout_s=self._request.timeout_s,
            shares_tensorflow=module in ("source_worker", "variant_worker"),
        )

    def _work_folder(self) -> Path:
        if self._work is None:
            self._work = self._stack.enter_context(self._cache.work_folder())
        return self._work


def _sizes(path: Path) -> tuple[str, int, int]:
    """Return a file's SHA-256, its size, and its size after `gzip -9`, without holding it in memory."""
    digest, packer = hashlib.sha256(), zlib.compressobj(9, wbits=31)
    size = zipped = 0
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
            size, zipped = size + len(block), zipped + len(packer.compress(block))
    return digest.hexdigest(), size, zipped + len(packer.flush())


def _not_by_tensorflow(variant: str, source: str) -> ModelFailed:
    return ModelFailed(
        f"TensorFlow makes {variant} of a Keras model or a SavedModel, not of a {source}",
        remedy=f"litert-quantizer makes {_INSTEAD[variant]} of it",
    )


def _already_quantised(facts: FileFacts) -> str:
    return f"the .tflite is already quantised ({facts.quantized_ops} of {facts.total_ops} ops)"
