"""Where an op ran: in a delegate or in the interpreter's built-in kernels, as far as its profile row proves it.

The profiler labels rows in three ways (LiteRT's `tflite/profiling`; recorded in every version since 2019):

*   an op inside a delegate is named `Delegate/<op>:<n>`;
*   a delegate that does not report its inside is one row whose type is the delegate's own: `TfLiteXNNPackDelegate`,
    `TfLiteGpuDelegateV2`, `TfLiteNnapiDelegate`, `Vx Delegate`;
*   an op that the interpreter ran by itself has the name of the built-in operator as its type: `CONV_2D`, `SOFTMAX`.

Anything else (custom ops, bookkeeping such as `AllocateTensors`) proves nothing, and the answer is None.
"""

from __future__ import annotations

import re
from functools import cache

_DELEGATE_KERNEL = re.compile(r"(?:^TfLite\w*|[ _]|^)Delegate(?:V\d+)?$")
_NOT_KERNELS = {"DELEGATE", "CUSTOM"}


def on_delegate(node_type: str, name: str) -> bool | None:
    """Tell whether a profile row ran in a delegate (True), in a built-in kernel (False), or that it cannot be told (None)."""
    if name.startswith("Delegate/") or _DELEGATE_KERNEL.search(node_type):
        return True
    if node_type in _builtin_operators():
        return False
    return None


@cache
def _builtin_operators() -> frozenset[str]:
    """Names of the TFLite schema's built-in operators. Imported late: it takes a sixth of a second."""
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    return frozenset(name for name in vars(BuiltinOperator) if name.isupper()) - _NOT_KERNELS
