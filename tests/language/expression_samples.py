"""Values and messages of expressions, for the tests of the expression language."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph.dims import Facts, symbol
from archgraph.errors import ArchgraphError, ExpressionError
from archgraph.language.expressions.expression import compile_expression

H, W = symbol("H"), symbol("W")


SCOPE: dict[str, Any] = {
    "ch": 64,
    "i": 1,
    "last": False,
    "depths": [2, 3, 4],
    "drop": 0.1,
    "kind": "basic",
    "nothing": None,
    "H": H,
    "W": W,
    "C": 3,
}


def value(text: str, facts: Facts | None = None) -> Any:
    return compile_expression(text).evaluate(SCOPE, facts or Facts())


def message(text: str, kind: type[ArchgraphError] = ExpressionError) -> str:
    with pytest.raises(kind) as caught:
        value(text)
    return str(caught.value)
