"""Sizes that a block cannot read from its inputs, such as the height and width of an image whose places stand in a row:
they are handed to it as arguments."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from archgraph.codegen.analysis.size_expressions import ReadableSize
from archgraph.dims import Size, symbols_of
from archgraph.graph.types import Call, Graph
from archgraph.records import record
from archgraph.structure.naming import free
from archgraph.structure.terms import Term

HANDED = "handed"
_WORDS: Mapping[frozenset[str], str] = {
    frozenset({"H"}): "height",
    frozenset({"W"}): "width",
    frozenset({"L"}): "length",
    frozenset({"T"}): "length",
}
_OTHERS = "extent"


@record()
class HandedSize(ReadableSize):
    """A size that is an argument: `value` is its number among these."""

    @property
    def term(self) -> Term:
        """The argument."""
        return Term(HANDED, value=self.value)


def handed_names(rows: Sequence[Sequence[Size]], taken: Collection[str]) -> list[str]:
    """Names for the arguments of a class, of whose instances each row has the sizes that it is handed."""
    known = set(taken)
    names: list[str] = []
    for size in max(rows, key=len):
        names.append(free(_WORDS.get(symbols_of(size), _OTHERS), known))
        known.add(names[-1])
    return names


def blocks_without_arguments(graph: Graph) -> frozenset[str]:
    """The classes of modules that are applied again, or step by step: those applications have no arguments, or read the
    weights as values."""
    return frozenset(_without_arguments(graph, set()))


def _without_arguments(graph: Graph, weights: set[int]) -> Iterator[str]:
    """`weights` are the ids of values that are parameters."""
    for item in graph.items:
        if not isinstance(item, Call):
            weights |= {id(value) for value in item.outputs} if item.op.name == "parameter" else set()
            continue
        read = [id(value) in weights for value in item.inputs]
        weights |= {id(inside) for inside, known in zip(item.body.inputs, read, strict=True) if known}
        if item.shares is not None or item.scan is not None or any(read):
            yield item.block
        yield from _without_arguments(item.body, weights)
        made = zip(item.outputs, item.body.outputs.values(), strict=True)
        weights |= {id(outside) for outside, inside in made if id(inside) in weights}
