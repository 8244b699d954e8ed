"""Masks of attention that are learned and finite, such as a bias of relative positions.

No row of such a mask leaves no token. torch's attention looks for such rows in training, where it has no fused kernel
for a mask that learns: for a twentieth of the attention's time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archgraph.codegen.analysis.overwriting import text_place
from archgraph.codegen.analysis.scopes import Scope, ScopeStep, Var
from archgraph.graph.types import Node
from archgraph.ops.attention import ScaledDotProductAttention
from archgraph.ops.contract import FLOAT_TYPES, Operation
from archgraph.records import record

_MOST = 1e4
"""A number that is larger may be infinite in float16, or become it by sums."""


def mark_learned_biases(root: Scope) -> None:
    """Marks the attentions with such a mask in every instance of a class and every turn of a loop."""
    found = LearnedBiases(root).steps
    refused = {text_place(scope, step) for scope, step, is_learned in found if not is_learned}
    for scope, step, _ in found:
        if text_place(scope, step) not in refused:
            step.learn_bias()


@record(eq=False)
class _Place:
    """A scope as one step applies it, within another place."""

    scope: Scope
    step: ScopeStep | None = None
    around: _Place | None = None


class LearnedBiases:
    """Finds in a scope, and in the scopes below, which masks are learned and finite."""

    def __init__(self, root: Scope):
        self._makers: dict[int, dict[int, ScopeStep]] = {}
        self.steps: list[tuple[Scope, ScopeStep, bool]] = []
        """The attentions with a mask, in their scopes, and whether it is such a bias."""
        self._visit(root, set())

    def _visit(self, scope: Scope, seen: set[int]) -> None:
        seen.add(id(scope))
        for step in scope.steps:
            for below in (step.scope, step.twin):
                if below is not None and id(below) not in seen:
                    self._visit(below, seen)
            if step.node is not None and isinstance(step.node.op, ScaledDotProductAttention) and "mask" in step.inputs:
                learned = not step.node.op.is_causal and self._is_learned(scope, step.inputs["mask"])
                self.steps.append((scope, step, learned))

    def _is_learned(self, scope: Scope, mask: Var) -> bool:
        """What the scope reads counts as infinite: it may differ from call to call."""
        found = list(self._behind(_Place(scope), mask))
        nodes = [node for node in found if node is not None]
        return len(nodes) == len(found) and any(weight.trainable for node in nodes for weight in node.weights)

    def _behind(self, place: _Place, var: Var) -> Iterator[Node | None]:
        """The operations of whose values a value is infinite; None for one that may be so by itself."""
        if var.type.dtype not in FLOAT_TYPES:
            return
        maker = self._maker(place.scope, var)
        if maker is None:
            yield from self._behind_input(place, var)
        elif maker.scope is not None:
            if maker.scan is not None:
                yield None
                return
            made = [id(each) for each in maker.outputs].index(id(var))
            yield from self._behind(_Place(maker.scope, maker, place), maker.scope.outputs[made])
        else:
            assert maker.node is not None
            op = maker.node.op
            of_inputs = op.traits.moves_data or op.traits.infinities == "read"
            yield maker.node if (of_inputs or op.traits.infinities == "none") and _is_moderate(op) else None
            for read in maker.inputs.values() if of_inputs else ():
                yield from self._behind(place, read)

    def _behind_input(self, place: _Place, var: Var) -> Iterator[Node | None]:
        places = [id(each) for each in place.scope.inputs]
        if place.step is None or place.around is None or id(var) not in places:
            yield None
            return
        handed = list(place.step.inputs.values())[places.index(id(var))]
        yield from self._behind(place.around, handed)

    def _maker(self, scope: Scope, var: Var) -> ScopeStep | None:
        if id(scope) not in self._makers:
            self._makers[id(scope)] = {id(made): step for step in scope.steps for made in step.outputs}
        return self._makers[id(scope)].get(id(var))


def _is_moderate(op: Operation) -> bool:
    """Whether all numbers among the attributes of an operation are."""
    return all(abs(each) <= _MOST for value in vars(op).values() for each in _numbers(value))


def _numbers(value: object) -> Iterable[float]:
    if isinstance(value, tuple):
        return [each for part in value for each in _numbers(part)]
    return [value] if isinstance(value, float) else []
