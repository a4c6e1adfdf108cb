from __future__ import annotations

import pytest

from harness.analysis.op_placement import on_delegate


@pytest.mark.parametrize(
    ("node_type", "name", "placed"),
    [
        ("Convolution (NHWC, F32) IGEMM", "Delegate/Convolution (NHWC, F32) IGEMM:0", True),
        ("cast 0", "Delegate/cast 0:0", True),
        ("TfLiteXNNPackDelegate", "[Identity]:77", True),
        ("TfLiteGpuDelegateV2", "[Identity]:77", True),
        ("TfLiteNnapiDelegate", "[Identity, Identity_1]:233", True),
        ("Vx Delegate", "[Identity]:12", True),
        ("CONV_2D", "[model/conv]:0", False),
        ("SOFTMAX", "", False),
        ("AllocateTensors", "AllocateTensors/1", None),
        ("ModifyGraphWithDelegate", "ModifyGraphWithDelegate/0", None),
        ("FlexErf", "[Erf]:3", None),
        ("CUSTOM", "[x]:1", None),
        ("", "", None),
    ],
)
def test_only_what_the_row_proves_is_said(node_type: str, name: str, placed: bool | None) -> None:
    assert on_delegate(node_type, name) is placed
