"""The plain data of a spec of several networks, of which each is a preset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.errors import ImportingError
from archgraph.graph.types import Graph
from archgraph.importing.writing.block_classes import BlockClass, block_classes
from archgraph.importing.writing.blocks_in_place import with_blocks_in_place
from archgraph.importing.writing.chosen_blocks import with_arguments_of_others
from archgraph.importing.writing.joint_network import joint_graph
from archgraph.importing.writing.named_grids import with_named_grids
from archgraph.importing.writing.norms_of_images import with_norms_of_images
from archgraph.importing.writing.shared_norms import with_shared_norms
from archgraph.importing.writing.simplification import simplified
from archgraph.importing.writing.spec_data import block_data, body_data, declared, input_data, with_bounds
from archgraph.importing.writing.spoken_defaults import without_unused_defaults
from archgraph.importing.writing.usual_names import usual_parameter, with_usual_parameters
from archgraph.importing.writing.values import as_data
from archgraph.structure.parameters import ClassParameter
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
    names = {word for given in arguments for word in given}
    first = next(iter(networks.values()))
    arguments = with_usual_parameters(arguments, first)
    if resized is not None:
        size = usual_parameter(resized.argument, names, first)
        (theirs,) = with_usual_parameters([resized.arguments], first)
        graphs = {**networks, f"{next(iter(networks))} {size}": resized.graph}
        sides = ((*arguments, theirs), (*([resized.side] * len(arguments)), resized.other))
        given = [{**one, size: side} for one, side in zip(*sides, strict=True)]
        try:
            whole, blocks = _classes(graphs, given)
        except ImportingError:  # with the other one they are of several classes
            whole = None
        if whole is not None and _differing(whole) == {size}:
            return with_named_grids(_spec(networks, whole, blocks, name, about), size)
    return _spec(networks, *_classes(networks, arguments), name, about)


def _classes(
    networks: Mapping[str, Graph], arguments: Sequence[Mapping[str, Any]]
) -> tuple[BlockClass, list[BlockClass]]:
    """The class of the networks, and those of their blocks."""
    *blocks, whole = block_classes(simplified(joint_graph(networks, arguments)))
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
    return without_unused_defaults(with_shared_norms(with_blocks_in_place(with_norms_of_images(spec))))


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
