"""Finds from a profile row whether an op ran in a delegate or in a built-in kernel of the interpreter.

The profiler labels rows in three ways (LiteRT's `tflite/profiling`; recorded in every version since 2019):

*   an op inside a delegate is named `Delegate/<op>:<n>`;
*   a delegate that hides its inside is one row of the delegate's own type: `TfLiteXNNPackDelegate`, `TfLiteGpuDelegateV2`,
    `TfLiteNnapiDelegate`, `Vx Delegate`;
*   an op that the interpreter ran has the name of the built-in operator as its type: `CONV_2D`, `SOFTMAX`.

Other rows (custom ops, bookkeeping such as `AllocateTensors`) prove nothing.
"""

from __future__ import annotations

import re
from functools import cache

_DELEGATE_KERNEL = re.compile(r"(?:^TfLite\w*|[ _]|^)Delegate(?:V\d+)?$")
_NOT_KERNELS = {"DELEGATE", "CUSTOM"}


def on_delegate(node_type: str, name: str) -> bool | None:
    """Say whether a profile row ran in a delegate (True) or in a built-in kernel (False); None if the row does not tell."""
    if name.startswith("Delegate/") or _DELEGATE_KERNEL.search(node_type):
        return True
    if node_type in _builtin_operators():
        return False
    return None


@cache
def _builtin_operators() -> frozenset[str]:
    """Names of the TFLite schema's built-in operators. The late import saves a sixth of a second."""
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    return frozenset(name for name in vars(BuiltinOperator) if name.isupper()) - _NOT_KERNELS
