"""The numbers of a block that follow from others, all kinds together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from archgraph.importing.writing.classes.block_symbols import numbers_of_widths, own_arguments, sizes_of_inputs
from archgraph.importing.writing.classes.templates import BodyTemplate
from archgraph.importing.writing.numbers.followed_parameters import with_read_parameters, without_followed
from archgraph.importing.writing.numbers.neighbouring_sizes import with_both_sides, with_head_sizes
from archgraph.structure.inference import InferredClass
from archgraph.structure.unification import UnifiedClass


def with_relations(
    group: UnifiedClass[BodyTemplate], found: InferredClass, symbols: Mapping[tuple[int, int], str]
) -> InferredClass:
    """A class with expressions in place of the numbers that follow from others."""
    widths = numbers_of_widths(group.templates, symbols)
    inputs = sizes_of_inputs(group.templates, symbols)
    known = without_followed(found, widths, inputs, own_arguments(group.templates, symbols))
    expressions = with_head_sizes(group, known.expressions, widths, known.parameters)
    return with_read_parameters(replace(known, expressions=with_both_sides(group, expressions, inputs)))
