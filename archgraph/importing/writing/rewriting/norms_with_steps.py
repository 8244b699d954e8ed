"""A module that is itself a norm, and activates or drops what it has normalized, is a norm and the steps after it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from archgraph.graph.types import Call, Item, Node
from archgraph.structure.naming import free

_NORM = "normalization"
_STEPS = frozenset({"activation", "nonlinearity", "regularization"})
_NUMBER = re.compile(r"(?<=[A-Za-z_])\d+\Z")


def norm_and_steps(call: Call, taken: Collection[str]) -> Sequence[Item]:
    """The norm, under the name of the call, and the steps after it; the call itself where it is no such module.

    `taken` are the names around it: `bn1` and its activation are bn1 and act1.
    """
    norm, *steps = call.body.items
    if call.shares is not None or call.training or call.hidden or not isinstance(norm, Node):
        return [call]
    if norm.op.family != _NORM or not norm.hidden or not _is_plain(norm):
        return [call]
    number = _NUMBER.search(call.name)
    names = set(taken)
    made: list[Node] = [replace(norm, name=call.name, hidden=False, inputs={"input": call.inputs[0]})]
    for step in steps:
        if not isinstance(step, Node) or step.op.family not in _STEPS or step.weights or not _is_plain(step):
            return [call]
        if list(step.inputs.values()) != [made[-1].output] or len(step.outputs) != 1:
            return [call]
        word = step.name.rpartition(".")[2]
        name = free(f"{word}{number[0]}" if number and not word[-1:].isdecimal() else word, names)
        names.add(name)
        made.append(replace(step, name=name))
    is_chain = list(norm.inputs.values()) == list(call.body.inputs) and len(norm.inputs) == 1
    if not steps or not is_chain or list(call.body.outputs.values()) != [made[-1].output]:
        return [call]
    made[-1] = replace(made[-1], outputs=call.outputs)
    return made


def _is_plain(node: Node) -> bool:
    return node.shares is None and not node.ties and not node.training
