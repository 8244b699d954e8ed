"""The networks of a family as instances of one class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from archgraph.errors import ImportingError
from archgraph.graph.types import Call
from archgraph.importing.writing.classes.chosen_blocks import with_chosen_blocks
from archgraph.importing.writing.classes.joined_templates import with_joined_classes
from archgraph.importing.writing.classes.templates import BodyTemplate
from archgraph.importing.writing.copies.alike_copies import with_alike_copies
from archgraph.importing.writing.copies.alike_sections import with_alike_sections
from archgraph.importing.writing.copies.authors_lists import with_authors_lists
from archgraph.importing.writing.copies.classes_of_family import with_copies_in_stages
from archgraph.importing.writing.copies.constant_runs import cuts_in_runs
from archgraph.importing.writing.copies.copies_of_levels import with_copies_of_levels
from archgraph.importing.writing.copies.counted_starts import with_counted_starts
from archgraph.importing.writing.copies.family_stages import with_stages_of_family
from archgraph.structure.unification import UnifiedClass, unified

_WAYS = ((True, False), (False, False), (True, True), (False, True), (None, False), (None, True))
"""How networks may be written, the best way first: with modules in a row as copies always, since another network may
have more of them, where that is simpler, or never; and whether blocks may be chosen for single places."""


class SeveralClassesError(ImportingError):
    """Networks that no class has all of."""


def network_class(
    networks: Sequence[Call], read: Callable[[Call], BodyTemplate], standard: frozenset[str]
) -> UnifiedClass[BodyTemplate]:
    """The class of some networks, with their templates in this order; `standard` are the standard blocks that they
    apply. Raises SeveralClassesError where they are not of one class.

    The first way counts in which they are.
    """
    tried = []
    for always, places_too in _WAYS:
        templates = _chosen(networks, read, standard, places_too)
        if always is not None:
            cuts = cuts_in_runs([with_copies_in_stages(one, always) for one in templates])
            if any(cuts):
                templates = _chosen(networks, read, standard, places_too)
                for one, names in zip(templates, cuts, strict=True):
                    with_copies_in_stages(one, always, cuts=names)
            with_copies_of_levels(templates)
            with_stages_of_family(templates)
            with_counted_starts(templates)
            templates = list(with_alike_copies(templates, across=True))
            with_authors_lists(templates)
        tried.append(with_joined_classes(unified(templates), with_keys_of_its_own=True))
        if len(tried[-1]) == 1:
            break
    else:
        raise SeveralClassesError("the networks are not of one class")
    (found,) = tried[-1]
    places = {id(call): place for place, call in enumerate(networks)}
    found.templates.sort(key=lambda template: places[id(template.call)])
    return found


def _chosen(
    networks: Sequence[Call], read: Callable[[Call], BodyTemplate], standard: frozenset[str], places_too: bool
) -> list[BodyTemplate]:
    """The networks in sections that are alike, with blocks that are arguments."""
    templates = list(map(read, networks))
    with_alike_sections(templates)
    with_chosen_blocks(templates, standard, places_too)
    return templates


def network_symbols(templates: Sequence[BodyTemplate]) -> Mapping[tuple[int, int], str]:
    """How the sizes of the networks' inputs are called: as the networks themselves call them."""
    inputs = templates[0].body.inputs
    return {(place, axis): str(size) for place, value in enumerate(inputs) for axis, size in enumerate(value.shape)}


def varying_sizes(templates: Sequence[BodyTemplate]) -> Mapping[tuple[int, int], tuple[int, ...]]:
    """The sizes of inputs that are other numbers in some networks, by their places."""
    found: dict[tuple[int, int], tuple[int, ...]] = {}
    for place, values in enumerate(zip(*(template.body.inputs for template in templates), strict=True)):
        for axis, sizes in enumerate(zip(*(value.shape for value in values), strict=True)):
            numbers = tuple(size for size in sizes if isinstance(size, int))
            if len(numbers) == len(sizes) and len(set(numbers)) > 1:
                found[place, axis] = numbers
    return found
