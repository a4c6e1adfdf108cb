"""Tries whether a pruned model is better stored without its zeros.

TensorFlow stores such weights compressed and puts a DENSIFY op behind each. XNNPACK unpacks them once, when it prepares the model. The
built-in kernels run these ops as a part of the measured model, so the file is useful only if XNNPACK takes every one of them. Whether
XNNPACK also multiplies by sparse weights depends on the layers (chains of 1x1 convolutions) and on its version; the names of its kernels
show it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.errors import HarnessError, ModelFailed
from harness.litert_host.delegation import find_delegated, kernels_of_xnnpack
from harness.litert_host.model_file import open_graph
from harness.litert_host.schema_names import operator_name
from harness.models.check_samples import Samples
from harness.models.file_facts import FileFacts
from harness.models.host_run import run_on_host
from harness.models.output_error import output_error
from harness.models.verification import FLOAT_LIMIT, VariantVerdict, verify

PRUNED_FROM = 0.6
"""Share of zeros from which a model counts as pruned. Below it, the positions of the weights take about as much space as the zeros."""
_SPARSE_KERNEL = "SPMM"
_UNPACKS = "DENSIFY"


def is_pruned(facts: FileFacts | None) -> bool:
    """Return whether enough weights are zero that leaving them out may help. A file with Select TF ops cannot be tried here: False."""
    return facts is not None and not facts.flex_ops and (facts.sparsity or 0.0) >= PRUNED_FROM


def tried_sparse(path: Path, dense: Path, samples: Samples, reference: Samples) -> VariantVerdict:
    """Compare a file without zeros with the dense one and with the source.

    Args:
        path: the file without zeros.
        dense: the same model with them.
        samples: inputs by signature.
        reference: the source's outputs by signature.

    Returns:
        The verdict of `verify`, with a note on the benefit of the file.

    Raises:
        ModelFailed: it has no benefit; the message says why.
    """
    verdict = verify(path, "fp32", samples, reference)
    if verdict.problem is not None:
        raise ModelFailed(f"without its zeros it is {verdict.problem}")
    facts = verdict.facts
    if facts is None or not facts.sparse_tensors:
        raise ModelFailed("the converter leaves out no zeros of its layers")
    size, whole = path.stat().st_size, dense.stat().st_size
    if size >= whole:
        raise ModelFailed(f"without its zeros it is no smaller ({size:,} bytes)")
    for key, fed in samples.items():
        built_in = run_on_host(path, fed, signature=key or None)
        try:
            delegated = run_on_host(path, fed, signature=key or None, kernels="xnnpack")
        except HarnessError as error:
            raise ModelFailed(f"XNNPACK does not run it without its zeros: {error.message}") from None
        for name, expected in built_in.values.items():
            actual = delegated.values[name]
            if expected.dtype.kind != "f":
                equal = np.array_equal(expected, actual)
            else:
                error_of = output_error(name, expected, actual)
                equal = error_of.equal or (error_of.max_rel or 0.0) <= FLOAT_LIMIT
            if not equal:
                raise ModelFailed(f"without its zeros XNNPACK answers {name!r} otherwise than the built-in kernels")
    kernels = _all_taken(path)
    fast = any(_SPARSE_KERNEL in one for one in kernels)
    how = "with kernels for sparse weights" if fast else "and unpacks them: smaller, not faster"
    note = (
        f"{facts.sparsity or 0:.0%} of its weights are zero and left out: {size:,} bytes instead of {whole:,}; "
        f"XNNPACK takes its pruned layers here {how}"
    )
    return replace(verdict, note="; ".join(filter(None, (verdict.note, note))))


def _all_taken(path: Path) -> tuple[str, ...]:
    """Return the kernels of XNNPACK that ran.

    Raises:
        ModelFailed: XNNPACK does not take an op that unpacks weights.
    """
    graph, _size = open_graph(str(path))
    # A model without signatures is its first subgraph.
    runs = [(number, one.subgraph) for number, one in enumerate(graph.signatures)] or [(0, 0)]
    reached = {number for _, number in runs}
    kernels: list[str] = []
    if any(
        operator_name(op) == _UNPACKS
        for number, part in enumerate(graph.subgraphs)
        if number not in reached
        for op in part.operators
    ):
        raise ModelFailed("some of its pruned layers are inside control flow, where XNNPACK takes none")
    for signature, number in runs:
        part = graph.subgraphs[number]
        unpack = [index for index, op in enumerate(part.operators) if operator_name(op) == _UNPACKS]
        if not unpack:
            continue
        taken = find_delegated(part, number, str(path), signature, {}, 1)
        if taken is None:
            raise ModelFailed("cannot tell what XNNPACK takes of it without its zeros")
        left = sum(index not in taken for index in unpack)
        if left:
            raise ModelFailed(f"XNNPACK leaves {left} of {len(unpack)} pruned layers to the built-in kernels")
        kernels += kernels_of_xnnpack(str(path), signature, {}, 1) or ()
    return tuple(kernels)
