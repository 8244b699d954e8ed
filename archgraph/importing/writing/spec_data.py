"""The plain data of a spec from a graph: what `archgraph.load` takes as a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from archgraph.dims import Constraint
from archgraph.graph.types import Graph
from archgraph.importing.tracing.symbols import ASKED, AskedEquation
from archgraph.importing.writing.classes.any_rank import LAST
from archgraph.importing.writing.classes.listed_inputs import listed_outputs
from archgraph.importing.writing.classes.templates import BodyTemplate
from archgraph.importing.writing.copies.key_order import key_order
from archgraph.importing.writing.families.block_classes import BlockClass, block_classes
from archgraph.importing.writing.nodes.lines import lines
from archgraph.importing.writing.nodes.node_groups import grouped
from archgraph.importing.writing.nodes.node_tree import TreeWriter
from archgraph.importing.writing.numbers.usual_values import OtherParameter
from archgraph.importing.writing.numbers.values import as_data
from archgraph.importing.writing.plain_data.blocks_in_place import with_blocks_in_place
from archgraph.importing.writing.plain_data.ends_of_lists import with_ends_of_lists
from archgraph.importing.writing.plain_data.norms_of_images import with_norms_of_images
from archgraph.importing.writing.plain_data.shared_norms import with_shared_norms
from archgraph.importing.writing.rewriting.simplification import simplified
from archgraph.structure.class_parameters import MISSING, ClassParameter
from archgraph.structure.unification import ABSENT

ANY_DIMENSIONS = "..."


def spec_data(graph: Graph, name: str, about: str = "") -> dict[str, Any]:
    """A spec whose graph computes what the given one computes, under the same keys."""
    *blocks, whole = block_classes(simplified(graph))
    spec: dict[str, Any] = {"archgraph": 1, "name": name}
    if about:
        spec["about"] = about
    spec["inputs"] = {
        value.name: input_data([str(size) for size in value.shape], value.dtype) for value in graph.inputs
    }
    with_bounds(spec["inputs"], graph)
    spec |= body_data(whole, [value.name for value in graph.inputs], [*graph.outputs, *graph.training_outputs])
    if blocks:
        spec["blocks"] = {made.name: block_data(made) for made in reversed(blocks)}
    return with_ends_of_lists(with_shared_norms(with_blocks_in_place(with_norms_of_images(spec))))


def block_data(made: BlockClass) -> dict[str, Any]:
    found: dict[str, Any] = {}
    parameters = {parameter.name: declared(parameter) for parameter in made.parameters}
    if parameters or made.handed:
        size = {"type": "any", **({"default": None} if made.lacking else {})}
        found["params"] = {**dict.fromkeys(made.handed, size), **parameters}
    body, listed = made.template.body, made.template.listed
    inputs: dict[str, Any] = {}
    for place, value in enumerate(body.inputs):
        word, _, number = listed.get(place, value.name).partition(".")
        if not number or word not in inputs:
            known = [made.symbols[place, axis] for axis in range(value.type.rank) if (place, axis) in made.symbols]
            last = made.symbols.get((place, LAST))
            inputs[word] = input_data(known if last is None else [ANY_DIMENSIONS, last], value.dtype)
        if number:
            one = inputs[word] if isinstance(inputs[word], dict) else {"shape": inputs[word]}
            inputs[word] = {"each": len(listed), **one}
    found["inputs"] = inputs
    return found | body_data(made, made.template.input_names, list(body.outputs))


def body_data(made: BlockClass, inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, Any]:
    template = made.template
    root = grouped(lines(made), template.body.order, template.outputs)
    tree = TreeWriter(root, inputs, template.outputs)
    found: dict[str, Any] = {"nodes": tree.nodes()}
    if list(outputs) != [""]:
        found["outputs"] = _outputs(outputs, list(map(tree.output, template.outputs)), template)
    elif template.outputs[0] != tree.last:
        found["outputs"] = tree.output(template.outputs[0])
    order = key_order([line.statement for line in root.lines()], template.body.order)
    if order:
        found["order"] = order
    return found


def _outputs(names: Sequence[str], values: Sequence[str], template: BodyTemplate) -> dict[str, Any]:
    """What a body hands out, under its names; as a list where its inputs are one and the outputs have their names."""
    by_name = dict(zip(names, values, strict=True))
    ports = listed_outputs(names, template.input_names)
    if ports:
        return {next(iter(ports.values())).partition(".")[0]: [by_name[name] for name in ports]}
    return {name or "output": value for name, value in by_name.items()}


def input_data(shape: list[str], dtype: str) -> Any:
    """An input of these sizes: numbers, symbols, and expressions with or without their sign."""
    plain = [size.removeprefix("=") if size.startswith("=") else "" for size in shape]
    sizes = [
        f"={text}" if text else int(size) if size.isdecimal() else size if _is_plain(size) else f"={size}"
        for size, text in zip(shape, plain, strict=True)
    ]
    return sizes if dtype == "float32" else {"shape": sizes, "dtype": dtype}


def _is_plain(size: str) -> bool:
    return size.isidentifier() or size == ANY_DIMENSIONS


def with_bounds(inputs: dict[str, Any], graph: Graph) -> None:
    """Adds the bounds of sizes that follow from no operation, each to the first input that has the size."""
    for constraint in graph.constraints:
        if not any(cause.reason.startswith(ASKED) for cause in constraint.causes):
            continue
        name = next(value.name for value in graph.inputs if constraint.symbol in map(str, value.shape))
        written = inputs[name] if isinstance(inputs[name], dict) else {"shape": inputs[name]}
        claims = dict.fromkeys((*written.get("where", []), *_claims(constraint)))
        inputs[name] = {**written, "where": list(claims)}


def _claims(constraint: Constraint) -> Iterator[str]:
    """What has to be stated of a size, as a spec states it."""
    equations = [cause.equation for cause in constraint.causes if isinstance(cause, AskedEquation)]
    if equations and len(constraint.residues) == 1:
        yield f"{constraint.symbol} % {constraint.modulus} == {constraint.residues[0]}"
    else:
        yield from dict.fromkeys(equations)
    least = Constraint(constraint.symbol, constraint.modulus, constraint.residues).closest(1)[0]
    if constraint.minimum > least:
        yield f"{constraint.symbol} >= {constraint.minimum}"
    if constraint.maximum is not None:
        yield f"{constraint.symbol} <= {constraint.maximum}"


def declared(parameter: ClassParameter) -> Any:
    """A default, or a type where there is none."""
    values = [value for value in parameter.values if value is not ABSENT]
    if isinstance(parameter.default, OtherParameter):
        return f"={parameter.default.name}"
    if parameter.default is MISSING:
        return _type_word(values)
    if parameter.default is None:
        return f"{_type_word([value for value in values if value is not None])}?"
    word = _type_word(values)
    if word == "[str]":  # a list of texts alone would be those to choose among
        return {"type": word, "default": as_data(parameter.default)}
    if word != _kind(parameter.default) and not {word, _kind(parameter.default)} <= {"int", "float"}:
        return {"type": word, "default": as_data(parameter.default)}
    return as_data(parameter.default)


def _type_word(values: Sequence[Any]) -> str:
    kinds = {_kind(value) for value in values}
    if kinds == {"int", "float"}:
        return "float"
    return kinds.pop() if len(kinds) == 1 else " | ".join(sorted(kinds, key=lambda word: (word.startswith("["), word)))


def _kind(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        inner = {_kind(item) for item in value}
        return f"[{inner.pop()}]" if len(inner) == 1 else "list"
    if isinstance(value, float):
        return "float"
    return {bool: "bool", int: "int", str: "str"}.get(type(value), "any")
