"""Values that reach blocks everywhere, such as a time embedding: one box and a note instead of twenty arrows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archgraph.diagram.flat_flow import MANY, Branch, Part, Source
from archgraph.diagram.outline import Box, Edge, Outline
from archgraph.diagram.units import noun


@dataclass(frozen=True, slots=True)
class Note:
    """Says beside a box who reads its value, or what stood there and is `removed`: all of it, line by line."""

    box: Box
    text: str
    sources: tuple[Source, ...]
    removed: str = ""


def noted(outline: Outline) -> tuple[list[Note], list[Edge]]:
    """The notes, and the edges that are left when the ones they stand for are taken out."""
    everywhere = outline.network.everywhere
    heads: dict[Source, list[Edge]] = {}
    for edge in outline.edges:
        for source in edge.sources:
            heads.setdefault(source, []).append(edge)
    spread = {source for source, edges in heads.items() if len(edges) >= MANY and source in everywhere}
    notes = [Note(heads[source][0].tail, _text(outline, source), (source,)) for source in spread]
    left = [Edge(e.tail, e.head, rest) for e in outline.edges if (rest := _without(e.sources, spread))]
    return sorted(notes, key=lambda note: note.sources[0].leaf), left


def _without(sources: Sequence[Source], spread: set[Source]) -> tuple[Source, ...]:
    return tuple(source for source in sources if source not in spread)


def _text(outline: Outline, source: Source) -> str:
    """`22 × resnet`: the innermost blocks that read the value."""
    readers = [leaf.index for leaf in outline.network.leaves if source in leaf.sources]
    blocks = dict.fromkeys(block for index in readers if (block := _block(outline.network.parts, index)))
    names = [noun(block) for block in blocks]
    kinds = [f"{names.count(name)} × {name}" for name in dict.fromkeys(names)]
    return ", ".join(kinds) if 0 < len(kinds) <= 2 else f"{len(blocks) or len(readers)} places"


def _block(parts: Sequence[Part], index: int) -> Branch | None:
    """The innermost block that holds a leaf."""
    for part in parts:
        if isinstance(part, Branch) and part.start <= index < part.stop:
            return _block(part.parts, index) or (part if part.call.kind == "block" else None)
    return None
