"""The networks of a family as instances of one class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archgraph.errors import ImportingError
from archgraph.graph.types import Graph
from archgraph.importing.writing.alike_copies import with_alike_copies
from archgraph.importing.writing.chosen_blocks import with_chosen_blocks
from archgraph.importing.writing.classes_of_family import with_all_copies
from archgraph.importing.writing.joined_templates import with_joined_classes
from archgraph.importing.writing.templates import BodyTemplate
from archgraph.structure.unification import UnifiedClass, unified


def network_class(templates: Sequence[BodyTemplate], standard: frozenset[str]) -> UnifiedClass[BodyTemplate]:
    """The class of some networks, with their templates in this order."""
    with_chosen_blocks(templates, standard)
    for one in templates:
        with_all_copies(one, always=True)
    found = with_joined_classes(unified(with_alike_copies(templates, across=True)))
    if len(found) > 1:
        raise ImportingError("no one class")
    places = {id(one.call): place for place, one in enumerate(templates)}
    found[0].templates.sort(key=lambda template: places[id(template.call)])
    return found[0]


def network_symbols(body: Graph) -> Mapping[tuple[int, int], str]:
    """How the sizes of a network's inputs are called: as the network itself calls them."""
    return {
        (place, axis): str(size) for place, value in enumerate(body.inputs) for axis, size in enumerate(value.shape)
    }
