"""Longer compositions that are one operation of the language: embeddings of times."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from archgraph.graph.types import Node, Value


class Makers(Protocol):
    """What makes the values of a body."""

    def maker(self, value: Value, *operations: str) -> Node | None:
        """The step that makes a value, if it is one of these operations."""


def time_embedding(node: Node, body: Makers) -> tuple[Value, Mapping[str, Any]] | None:
    """The times and the attributes of a sinusoidal_embedding that ends in a concatenation of sines and cosines.

    The frequencies are exp(-ln(max_period) · k / (dim / 2 - freq_shift)).
    """
    parts = [body.maker(value, "sin", "cos") for value in node.inputs.values()] if node.op.name == "concat" else []
    if len(parts) != 2 or node.output.type.rank != 2 or node.op.dim not in (1, -1):  # type: ignore[attr-defined]
        return None
    first, second = parts
    if first is None or second is None or first.op.name == second.op.name:
        return None
    angle = first.inputs["input"]
    product = body.maker(angle, "mul") if angle is second.inputs["input"] else None
    if product is None or len(product.inputs) != 2:
        return None
    time, frequency = product.inputs.values()
    times, rates = _column(time, body), _frequencies(frequency, body)
    if times is None or rates is None:
        return None
    half, shift, period = rates
    flipped = {"flip_sin_to_cos": True} if first.op.name == "cos" else {}
    return times, {"dim": 2 * half, "freq_shift": float(shift), "max_period": period, **flipped}


def turned_time_embedding(node: Node, body: Makers) -> tuple[Value, Mapping[str, Any]] | None:
    """The times and the attributes of a sinusoidal_embedding whose halves are exchanged afterwards."""
    halves = [body.maker(value, "slice") for value in node.inputs.values()] if node.op.name == "concat" else []
    if len(halves) != 2 or halves[0] is None or halves[1] is None:
        return None
    whole = halves[0].inputs["input"]
    made = body.maker(whole, "sinusoidal_embedding")
    if made is None or halves[1].inputs["input"] is not whole:
        return None
    op: Any = made.op
    last, first = ((half.op.dim % 2, half.op.start or 0, half.op.end, half.op.step) for half in halves)  # type: ignore
    if last != (1, op.dim // 2, None, 1) or first != (1, 0, op.dim // 2, 1) or node.op.dim not in (1, -1):  # type: ignore
        return None
    kept = {name: getattr(op, name) for name in ("dim", "freq_shift", "max_period")}
    return made.inputs["input"], {**kept, "flip_sin_to_cos": not op.flip_sin_to_cos}


def _column(value: Value, body: Makers) -> Value | None:
    """[N] behind [N, 1] in float32."""
    step: Node | None = None
    for name in ("to", "unsqueeze", "to"):
        found = body.maker(value, name)
        if found is not None:
            step, value = found, found.inputs["input"]
    return value if step is not None and value.type.rank == 1 else None


def _frequencies(value: Value, body: Makers) -> tuple[int, float, float] | None:
    """How many frequencies there are, the shift and the longest period."""
    row = body.maker(value, "unsqueeze")
    exponential = body.maker(row.inputs["input"] if row else value, "exp")
    quotient = body.maker(exponential.inputs["input"], "div") if exponential else None
    scaled = body.maker(quotient.inputs["input"], "mul") if quotient and len(quotient.inputs) == 1 else None
    if quotient is None or scaled is None or len(scaled.inputs) != 1:
        return None
    counted = scaled.inputs["input"]
    cast = body.maker(counted, "to")
    numbers = body.maker(cast.inputs["input"] if cast else counted, "arange")
    if numbers is None or not isinstance(numbers.op.end, (int, float)):  # type: ignore[attr-defined]
        return None
    if numbers.op.start or numbers.op.step != 1:  # type: ignore[attr-defined]
        return None
    half, steps = int(numbers.op.end), quotient.op.value  # type: ignore[attr-defined]
    period = math.exp(-scaled.op.value)  # type: ignore[attr-defined]
    rounded = float(round(period))
    return half, half - steps, rounded if math.isclose(rounded, period, rel_tol=1e-9) else period
