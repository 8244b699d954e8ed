"""Whether a value can be computed once and stored: it follows from constants, by operations without weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archgraph.errors import WiringError
from archgraph.graph.types import Call, Item, Node, Value, owns_weights

_RANDOM = ("dropout", "stochastic_depth", "rrelu")


def require_constant(items: Iterable[Item], stored: Value) -> None:
    """Raises WiringError for a value that follows from more than constants among the items of its body. A hidden call
    is no body of its own."""
    made: dict[int, Item | Value] = dict(_made(items))
    left = [stored]
    while left:
        value = left.pop()
        item = made.get(id(value))
        if isinstance(item, Value):
            left.append(item)
        elif isinstance(item, Node) and not owns_weights(item) and item.op.name not in _RANDOM:
            left += item.inputs.values()
        else:
            raise _not_constant(value, item)


def _made(items: Iterable[Item]) -> Iterator[tuple[int, Item | Value]]:
    """What makes each value; at the borders of hidden calls, the value on the other side."""
    for item in items:
        if isinstance(item, Call) and item.hidden:
            yield from _made(item.body.items)
            yield from ((id(ours), theirs) for ours, theirs in zip(item.body.inputs, item.inputs, strict=True))
            results = zip(item.outputs, item.body.outputs.values(), strict=True)
            yield from ((id(theirs), ours) for theirs, ours in results)
        else:
            yield from ((id(value), item) for value in item.outputs)


def _not_constant(value: Value, item: Item | None) -> WiringError:
    if item is None:
        why, hint = (
            f"'{value.name}', which is an input",
            "leave register_buffer out: what follows from an input is computed with it",
        )
    elif isinstance(item, Call):
        why, hint = f"'{item.name}', which is a body of its own", "'path: .' puts what is computed there next to it"
    elif owns_weights(item):
        why, hint = (
            f"'{item.name}', which has weights",
            "leave register_buffer out: what follows from weights changes with them",
        )
    else:
        why, hint = f"'{item.name}', which draws random numbers", ""
    return WiringError(
        f"what is stored is computed from {why}",
        expected="constants, and operations without weights that stand next to it",
        hint=hint,
    )
