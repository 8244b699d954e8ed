"""The plain data of a spec of several networks, of which each is a preset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.errors import ImportingError
from archgraph.graph.types import Graph
from archgraph.importing.writing.classes.chosen_blocks import with_arguments_of_others
from archgraph.importing.writing.families.block_classes import BlockClass, block_classes
from archgraph.importing.writing.families.network_class import SeveralClassesError
from archgraph.importing.writing.modules.joint_network import joint_graph
from archgraph.importing.writing.numbers.values import as_data
from archgraph.importing.writing.plain_data.blocks_in_place import with_blocks_in_place
from archgraph.importing.writing.plain_data.ends_of_lists import with_ends_of_lists
from archgraph.importing.writing.plain_data.named_grids import with_named_grids
from archgraph.importing.writing.plain_data.norms_of_images import with_norms_of_images
from archgraph.importing.writing.plain_data.parameter_order import with_parameters_in_order
from archgraph.importing.writing.plain_data.read_entries import with_read_entries
from archgraph.importing.writing.plain_data.shared_norms import with_shared_norms
from archgraph.importing.writing.plain_data.unused_defaults import without_unused_defaults
from archgraph.importing.writing.rewriting.network_difference import different_networks
from archgraph.importing.writing.rewriting.simplification import simplified
from archgraph.importing.writing.spec_data import block_data, body_data, declared, input_data, with_bounds
from archgraph.structure.class_parameters import ClassParameter
from archgraph.structure.unification import ABSENT


@dataclass(frozen=True, slots=True)
class OtherSize:
    """The first network of a family, made for square images of `other` than its own `side`, which is this `argument` of
    its constructor."""

    argument: str
    side: int
    other: int
    graph: Graph
    arguments: Mapping[str, Any]


def family_data(
    networks: Mapping[str, Graph],
    arguments: Sequence[Mapping[str, Any]],
    name: str,
    about: str = "",
    resized: OtherSize | None = None,
) -> dict[str, Any]:
    """A spec whose presets, under the names of the networks, compute what these compute, under the same keys.

    `arguments` are those of the networks' constructors. The defaults of parameters are the first network's. With the
    first network `resized`, the size of images is a parameter if all that differs follows from it. Raises
    ImportingError where the networks are not of one class.
    """
    if resized is not None:
        graphs = {**networks, f"{next(iter(networks))} {resized.argument}": resized.graph}
        sides = ((*arguments, resized.arguments), (*([resized.side] * len(arguments)), resized.other))
        given = [{**one, resized.argument: side} for one, side in zip(*sides, strict=True)]
        try:
            whole, blocks = _classes(graphs, given, name)
        except ImportingError:  # with the other one they are of several classes
            whole = None
        if whole is not None and _differing(whole) == {resized.argument}:
            return _tidied(with_named_grids(_spec(networks, whole, blocks, name, about), resized.argument))
    return _tidied(_spec(networks, *_classes(networks, arguments, name), name, about))


def _tidied(spec: dict[str, Any]) -> dict[str, Any]:
    return with_parameters_in_order(with_read_entries(spec))


def _classes(
    networks: Mapping[str, Graph], arguments: Sequence[Mapping[str, Any]], name: str
) -> tuple[BlockClass, list[BlockClass]]:
    """The class of the networks, and those of their blocks. Raises ImportingError, with the first difference, where
    they are not of one class."""
    try:
        *blocks, whole = block_classes(simplified(joint_graph(networks, arguments)), name)
    except SeveralClassesError:
        raise different_networks(networks) from None
    return whole, blocks


def _differing(whole: BlockClass) -> set[str]:
    """The parameters in which the last network is not the first."""
    return {one.name for one in whole.parameters if one.values[-1] != one.values[0]}


def _spec(
    networks: Mapping[str, Graph], whole: BlockClass, blocks: Sequence[BlockClass], name: str, about: str
) -> dict[str, Any]:
    spec: dict[str, Any] = {"archgraph": 1, "name": name}
    if about:
        spec["about"] = about
    if whole.parameters:
        spec["params"] = {one.name: _declared(one) for one in whole.parameters}
    spec["presets"] = {word: _preset(whole.parameters, place) for place, word in enumerate(networks)}
    first = next(iter(networks.values()))
    spec["inputs"] = {
        value.name: input_data([whole.symbols[place, axis] for axis in range(value.type.rank)], value.dtype)
        for place, value in enumerate(first.inputs)
    }
    with_bounds(spec["inputs"], first)
    spec |= body_data(whole, [value.name for value in first.inputs], [*first.outputs, *first.training_outputs])
    if blocks:
        spec["blocks"] = {made.name: block_data(made) for made in reversed(blocks)}
    with_arguments_of_others(spec)
    return without_unused_defaults(
        with_ends_of_lists(with_shared_norms(with_blocks_in_place(with_norms_of_images(spec))))
    )


def _default(parameter: ClassParameter) -> Any:
    """The value of the first network, or of the first that has one."""
    return next(value for value in parameter.values if value is not ABSENT)


def _declared(parameter: ClassParameter) -> Any:
    parameter.default = _default(parameter)
    return declared(parameter)


def _preset(parameters: Sequence[ClassParameter], place: int) -> dict[str, Any]:
    """What differs from the defaults."""
    values = {one.name: (one.values[place], _default(one)) for one in parameters}
    return {
        name: as_data(value) for name, (value, default) in values.items() if value is not ABSENT and value != default
    }
