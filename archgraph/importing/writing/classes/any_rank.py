"""Blocks that read the last dimension alone, as the feed-forward network of tokens and of maps with channels last: one
block for inputs of any rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archgraph.graph.types import Call, Graph, Node
from archgraph.importing.writing.classes.templates import BodyTemplate

LAST = -1
_OF_THE_LAST = frozenset({"linear", "layer_norm", "rms_norm"})
_OF_EACH_ELEMENT = frozenset({"add", "sub", "mul", "div", "dropout"})
Read = Callable[[Call], BodyTemplate]


def reader_of_any_rank(family: Sequence[Call], read: Read) -> Read:
    """Reads the calls of a family as instances of one block, where they differ in the rank of what they read and none
    of them knows more of it than its last dimension; else as before."""
    ranks = {tuple(value.type.rank for value in call.body.inputs) for call in family}
    if len(ranks) < 2 or not all(len(call.inputs) == 1 and _reads_the_last(call.body) for call in family):
        return read

    def of_any_rank(call: Call) -> BodyTemplate:
        template = read(call)
        template.arguments = tuple(f"any {value.dtype}" for value in call.body.inputs)
        return template

    return of_any_rank


def is_of_any_rank(templates: Sequence[BodyTemplate]) -> bool:
    """Whether some instances read values of other ranks than others."""
    return len({value.type.rank for template in templates for value in template.body.inputs[:1]}) > 1


def _reads_the_last(body: Graph) -> bool:
    """Whether each step of a body computes the same on the last dimension, whatever dimensions are before it."""
    rank = body.inputs[0].type.rank
    return all(isinstance(item, Node) and _is_of_the_last(item, rank) for item in body.items) and rank > 0


def _is_of_the_last(node: Node, rank: int) -> bool:
    values = (*node.inputs.values(), *node.outputs)
    if node.shares is not None or node.ties or node.training or any(value.type.rank != rank for value in values):
        return False
    if node.op.name in _OF_THE_LAST:
        return all(len(weight.shape) == 1 or node.op.name == "linear" for weight in node.weights)
    plain = node.op.family in ("activation", "nonlinearity") and "dim" not in type(node.op).model_fields
    return node.op.name in _OF_EACH_ELEMENT or (plain and not node.weights)
