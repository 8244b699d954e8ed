"""The plain data of a spec of several networks, of which each is a preset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archgraph.graph.types import Graph
from archgraph.importing.writing.block_classes import block_classes
from archgraph.importing.writing.chosen_blocks import with_arguments_of_others
from archgraph.importing.writing.joint_network import joint_graph
from archgraph.importing.writing.shared_norms import with_shared_norms
from archgraph.importing.writing.simplification import simplified
from archgraph.importing.writing.spec_data import block_data, body_data, declared, input_data, with_bounds
from archgraph.importing.writing.values import as_data
from archgraph.structure.parameters import ClassParameter
from archgraph.structure.unification import ABSENT


def family_data(
    networks: Mapping[str, Graph], arguments: Sequence[Mapping[str, Any]], name: str, about: str = ""
) -> dict[str, Any]:
    """A spec whose presets, under the names of the networks, compute what these compute, under the same keys.

    `arguments` are those of the networks' constructors. The defaults of parameters are the first network's. Raises
    ImportingError where the networks are not of one class.
    """
    *blocks, whole = block_classes(simplified(joint_graph(networks, arguments)))
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
    return with_shared_norms(spec)


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
