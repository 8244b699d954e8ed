"""The stable text form of a graph: one line per item, bodies indented, values numbered within each body.

    resnet@resnet18(%0 image: [N, 3, H, W])
      %1 = conv1: conv2d(%0, out_channels=64, kernel_size=(7, 7), …) → [N, 64, (H + 1) // 2, (W + 1) // 2]
           weight [64, 3, 7, 7]

Equal graphs have equal texts, on every machine; golden tests and people read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archgraph.dims import Dim
from archgraph.graph.types import Call, Graph, Item, Node, Value
from archgraph.ops.contract import Operation

_LONGEST_SIZE = 60
_UNITS = ((10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def graph_text(graph: Graph) -> str:
    """The text form of a whole graph, ending in a line break."""
    lines = [f"{graph.title}({_inputs(graph)})", *_body(graph, "  ")]
    lines += [f"  size {constraint.text}" for constraint in graph.constraints]
    return "\n".join(lines) + "\n"


def attributes(op: Operation) -> dict[str, Any]:
    """The attributes that differ from their defaults, in the order of the contract."""
    fields = type(op).model_fields
    found = ((name, getattr(op, name)) for name in fields)
    return {name: value for name, value in found if fields[name].is_required() or value != fields[name].default}


def attribute_text(value: Any) -> str:
    """An attribute as Python would write it; symbolic sizes without decoration."""
    if isinstance(value, tuple):
        return f"({', '.join(map(attribute_text, value))}{',' if len(value) == 1 else ''})"
    return repr(value) if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def quantity(dim: Dim, unit: str = "", *, whole: bool = False) -> str:
    """A count for people: `4.09 G`; a polynomial is shown as it is, shortened where it is long and not to be whole."""
    if not isinstance(dim, int):
        text = str(dim)
        return text if whole or len(text) <= _LONGEST_SIZE else text[: _LONGEST_SIZE - 1] + "…"
    for size, letter in _UNITS:
        if abs(dim) >= size:
            return f"{dim / size:.3g} {letter}{unit}" if dim < 999.5 * size else f"{dim / size:.0f} {letter}{unit}"
    return f"{dim} {unit}".rstrip()


def _inputs(graph: Graph) -> str:
    return ", ".join(f"%{i} {value.name}: {value.type}" for i, value in enumerate(graph.inputs))


def _body(graph: Graph, indent: str) -> Iterator[str]:
    numbers = {id(value): i for i, value in enumerate(graph.inputs)}
    for item in graph.items:
        read = item.inputs if isinstance(item, Call) else tuple(item.inputs.values())
        given = [_number(value, numbers) for value in read]
        for value in item.outputs:
            numbers[id(value)] = len(numbers)
        made = ", ".join(_number(value, numbers) for value in item.outputs)
        yield from (indent + line for line in _item(item, made, given))
        if isinstance(item, Call) and item.shares is None:
            yield from _body(item.body, indent + "  ")
    if graph.order:
        yield f"{indent}order {', '.join(graph.order)}"
    results = (
        f"{name}: {_number(value, numbers)}" if name else _number(value, numbers)
        for name, value in graph.outputs.items()
    )
    yield f"{indent}return {', '.join(results)}"
    if graph.training_outputs:
        extra = (f"{name}: {_number(value, numbers)}" for name, value in graph.training_outputs.items())
        yield f"{indent}in training {', '.join(extra)}"


def _scan(call: Call) -> str:
    """` scan over L {x: 1} chain {h: h}`: what is read slice by slice, and the outputs that are states."""
    if call.scan is None:
        return ""
    names = [value.name for value in call.body.inputs]
    dims = ", ".join(f"{names[place]}: {call.scan.dims[place]}" for place in call.scan.sequences)
    given = zip(call.body.outputs, call.scan.states, strict=True)
    states = ", ".join(f"{output}: {names[place]}" for output, place in given if place is not None)
    return f" scan over {call.scan.length} {{{dims}}} chain {{{states}}}"


def _number(value: Value, numbers: dict[int, int]) -> str:
    return f"%{numbers[id(value)]}" if id(value) in numbers else f"?{value.name}"


def _item(item: Item, made: str, given: list[str]) -> Iterator[str]:
    types = ", ".join(str(value.type) for value in item.outputs)
    again = (f" again {item.shares.name}" if item.shares else "") + (" in training" if item.training else "")
    if isinstance(item, Call):
        names = [f"%{i} {value.name}" for i, value in enumerate(item.body.inputs)]
        passed = ", ".join(f"{name} = {value}" for name, value in zip(names, given, strict=True))
        kind = f"{item.kind} {item.block}".rstrip() + (" hidden" if item.hidden else "") + _scan(item)
        yield f"{made} = {item.name}: {kind}{again}({passed}) → {types}"
        return
    ports = (f"{port}={value}" if i else value for i, (port, value) in enumerate(zip(item.inputs, given, strict=True)))
    set_ = (f"{name}={attribute_text(value)}" for name, value in attributes(item.op).items())
    hidden = " hidden" if item.hidden else ""
    yield f"{made} = {item.name}: {item.op.name}{hidden}{again}({', '.join([*ports, *set_])}) → {types}"
    yield from (f"     {line}" for line in _weights(item))


def _weights(node: Node) -> Iterator[str]:
    for weight in node.weights:
        kind = "" if weight.dtype == "float32" else f" {weight.dtype}"
        role = "" if weight.trainable else " buffer"
        tied = f" = {node.ties[weight.name]}" if weight.name in node.ties else ""
        yield f"{weight.name or 'itself'} {list(weight.shape)}{kind}{role}{tied}"
