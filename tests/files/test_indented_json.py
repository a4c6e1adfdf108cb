import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.files.indented_json import indented

# Surrogates too: a path that is no UTF-8 holds them.
TEXTS = st.text(st.characters(codec=None))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS)
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXTS, inner)))


@given(DOCUMENTS)
def test_the_text_is_what_json_writes(document: Any) -> None:
    assert indented(document) == json.dumps(document, indent=1, allow_nan=False)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        [[], {}],
        {"": [{}]},
        [1e16, 1e-7, -0.0, 5e-324, sys.float_info.max, 2**80],
        '\u2028\\"[{ , : }]é',
        "\ud83d",
    ],
)
def test_odd_documents(document: Any) -> None:
    assert indented(document) == json.dumps(document, indent=1, allow_nan=False)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_does_not_know_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        indented({"a": [number]})
