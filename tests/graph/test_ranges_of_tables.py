"""The intervals of functions of whole numbers hold everything that torch computes, and nothing is asked in vain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from operation_tests import single

from archgraph.dims import Facts
from archgraph.graph.index_rules import RULES, RangeSite
from archgraph.graph.intervals import BoundOrder, Interval, View, uniform
from archgraph.graph.types import Node
from archgraph.ops import REGISTRY, TensorType, make
from archgraph.ops.binary import TABLE as BINARY
from archgraph.ops.unary import TABLE as UNARY

SPANS = [(0, 0), (0, 7), (-3, 4), (2, 9), (-9, -2), (-1, 0)]
CASES: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name, row in UNARY.rows.items() if row.span),
    *((name, {"value": value}) for name, row in BINARY.rows.items() if row.span for value in (3, 4, -3)),
    *(("div", {"value": 3, "rounding_mode": mode}) for mode in ("floor", "trunc")),
    *(("clamp", bounds) for bounds in ({"min": -1}, {"max": 3}, {"min": 0, "max": 5})),
]


def site(name: str, attributes: dict[str, Any], known: Interval, view: View) -> RangeSite:
    node = single(make(REGISTRY[name], attributes), {"input": TensorType((1,), "int64")}).items[0]
    assert isinstance(node, Node)
    return RangeSite(node, {"input": (1,)}, ((1,),), BoundOrder(Facts()), view, {"input": known})


def computed(name: str, attributes: dict[str, Any], numbers: list[int]) -> list[int]:
    function = getattr(torch, name)
    options = dict(attributes)
    value = [options.pop("value")] if "value" in options else []
    found: list[int] = function(torch.tensor(numbers), *value, **options).tolist()
    return found


@pytest.mark.parametrize(("name", "attributes"), CASES, ids=str)
def test_results_lie_in_the_interval(name: str, attributes: dict[str, Any]) -> None:
    for low, high in SPANS:
        at = site(name, attributes, uniform(low, high, 1), "necessary")
        (found,) = RULES[type(at.op)].forward(at)
        results = computed(name, attributes, list(range(low, high + 1)))
        assert found.low.item() <= min(results)
        assert max(results) <= found.high.item()


@pytest.mark.parametrize("name", ["abs", "neg", "square", "bitwise_not"])
def test_a_table_of_known_numbers_stays_known(name: str) -> None:
    numbers = np.array([-3, 0, 2], dtype=object)
    at = site(name, {}, Interval(numbers, numbers, attained=True), "necessary")
    (found,) = RULES[type(at.op)].forward(at)
    assert found.exact
    assert found.attained
    assert found.low.tolist() == computed(name, {}, [-3, 0, 2])


@pytest.mark.parametrize(("name", "attributes"), CASES, ids=str)
def test_what_is_asked_is_needed_and_enough(name: str, attributes: dict[str, Any]) -> None:
    """Numbers outside of what is necessary have results outside of what is wanted; those within what is sufficient,
    within."""
    numbers = list(range(-30, 31))
    results = np.array(computed(name, attributes, numbers))
    for low, high in SPANS:
        right = (low <= results) & (results <= high)
        for view in ("necessary", "sufficient"):
            at = site(name, attributes, uniform(-30, 30, 1), view)  # type: ignore[arg-type]
            asked = RULES[type(at.op)].backward(at, [uniform(low, high, 1)]).get("input")
            if asked is None:
                continue
            within = np.array([asked.low.item() <= number <= asked.high.item() for number in numbers])
            assert (right <= within).all() if view == "necessary" else (within <= right).all(), (view, low, high)
