"""Activations that authors write out, as MobileNetV3's code does where torch had no name for them yet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any, Protocol

from archgraph.graph.types import Node, Value
from archgraph.ops.contract import lookup

_THREE, _SIX = 3, 6
_GATES: Mapping[str, str] = {"sigmoid": "silu", "hardsigmoid": "hardswish"}
"""What x times a function of x is (Ramachandran et al. 2017; Howard et al. 2019)."""


class ActivationReaders(Protocol):
    """What makes the values of a body."""

    def only(self, value: Value, *operations: str) -> Node | None:
        """The step that makes a value which one step reads, if it is one of these operations."""


def written_activation(node: Node, body: ActivationReaders) -> Sequence[Node] | None:
    """x · sigmoid(x) as silu, x · tanh(softplus(x)) as mish, relu6(x + 3) / 6 as hardsigmoid and x times it as
    hardswish."""
    for name, source in _found(node, body):
        if source.type == node.output.type:
            return [replace(node, name=name, op=lookup(name).model_validate({}), inputs={"input": source})]
    return None


def _found(node: Node, body: ActivationReaders) -> Iterator[tuple[str, Value]]:
    """The activation that a step may end, and what that reads."""
    scaled = _sixth(node)
    if scaled is not None:
        source = _shifted(scaled, body)
        if source is not None:
            yield "hardsigmoid", source
        product = body.only(scaled, "mul")
        for read, gate in _factors(product) if product is not None else ():
            if _shifted(gate, body) is read:
                yield "hardswish", read
    for source, gate in _factors(node) if node.op.name == "mul" else ():
        made = body.only(gate, *_GATES, "tanh")
        if made is None:
            continue
        if made.op.name in _GATES and made.inputs["input"] is source:
            yield _GATES[made.op.name], source
        inner = body.only(made.inputs["input"], "softplus") if made.op.name == "tanh" else None
        if inner is not None and inner.inputs["input"] is source and _is_plain(inner):
            yield "mish", source


def _factors(product: Node) -> Iterator[tuple[Value, Value]]:
    """Both values of a product, in either order."""
    return permutations(product.inputs.values()) if len(product.inputs) == 2 else iter(())  # type: ignore[return-value]


def _sixth(node: Node) -> Value | None:
    """What is divided by six."""
    number = getattr(node.op, "value", None)
    by = {"div": float(_SIX), "mul": 1 / _SIX}.get(node.op.name)
    known = by is not None and len(node.inputs) == 1 and number is not None and math.isclose(number, by, rel_tol=1e-12)
    return node.inputs["input"] if known else None


def _shifted(value: Value, body: ActivationReaders) -> Value | None:
    """What three is added to, where the sum is kept between 0 and 6."""
    bounded = body.only(value, "relu6", "clamp")
    if bounded is None or (bounded.op.name == "clamp" and not _is_to_six(bounded)):
        return None
    total = body.only(bounded.inputs["input"], "add")
    known = total is not None and len(total.inputs) == 1 and total.op.value == _THREE  # type: ignore[attr-defined]
    return total.inputs["input"] if known and total is not None else None


def _is_to_six(node: Node) -> bool:
    op: Any = node.op
    return bool(op.min == 0 and op.max == _SIX)


def _is_plain(node: Node) -> bool:
    """Whether a softplus is the logarithm of 1 + exp(x)."""
    op: Any = node.op
    return bool(op.beta == 1)
