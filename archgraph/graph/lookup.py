"""Parts of a graph by path, and a graph in a few lines of text or as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

from archgraph.dims import Size
from archgraph.errors import UnknownNameError, nearest
from archgraph.graph.flat_network import flow
from archgraph.graph.keys import parameter_count
from archgraph.graph.types import Call, Graph, Item, Node, Value, is_module, joined
from archgraph.ops.contract import Operation, TensorType
from archgraph.ops.parametrization import Parametrization

SHOWN = 20
"""As many parts of a graph are listed as text."""


@dataclass(slots=True)
class Paths:
    """The parts of a graph by path, in the order of the flow. `others` are paths with the hidden levels."""

    nodes: dict[str, Node] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    others: dict[str, Item] = field(default_factory=dict)


_KNOWN: WeakKeyDictionary[Graph, Paths] = WeakKeyDictionary()


def paths_of(graph: Graph) -> Paths:
    """All paths; found once for each graph."""
    found = _KNOWN.get(graph)
    if found is None:
        found = _KNOWN[graph] = Paths()
        _collect(found, graph, "", "")
    return found


def _collect(found: Paths, graph: Graph, module: str, full: str) -> None:
    for item in graph.items:
        below, whole = joined(module, item.name), joined(full, item.name)
        if isinstance(item, Node):
            found.nodes.setdefault(below if is_module(item) else whole, item)
        else:
            if path := whole if item.hidden else below:
                found.calls.setdefault(path, item)
            _collect(found, item.body, module if item.hidden else below, whole)
        found.others.setdefault(whole, item)


def nodes(graph: Graph) -> Mapping[str, Node]:
    """The operations by path."""
    return MappingProxyType(paths_of(graph).nodes)


def calls(graph: Graph) -> Mapping[str, Call]:
    """The blocks, groups and repetitions by path."""
    return MappingProxyType(paths_of(graph).calls)


def part(graph: Graph, path: object) -> Item:
    """The node or call at a path. Raises UnknownNameError with the nearest path."""
    found = paths_of(graph)
    if not isinstance(path, str):
        expected = "a path, such as graph['layer1.0.conv1']"
        raise UnknownNameError(
            f"{graph.title} has its parts by path",
            expected=expected,
            received=repr(path)[:80],
            hint="graph.items has those at the top by number",
        )
    item = found.nodes.get(path) or found.calls.get(path) or found.others.get(path)
    if item is None:
        raise UnknownNameError(f"{graph.title} has nothing at '{path}'", hint=_near(graph, found, path))
    return item


def _near(graph: Graph, found: Paths, path: str) -> str:
    if path in {value.name for value in graph.inputs}:
        return f"it is an input: graph.inputs['{path}']"
    if path in graph.outputs:
        return f"it is an output: graph.outputs['{path}']"
    return nearest(path, [*found.nodes, *found.calls]) or "graph.nodes and graph.calls have all paths"


# -- text --------------------------------------------------------------------------------------------------------------


def graph_overview(graph: Graph) -> str:
    """Title, inputs, outputs, sizes and the parts at the top: what a person wants to see of a graph."""
    lines = [f"{graph.title}: {parameter_count(graph):,} parameters"]
    lines += [f"  input   {value.name} {value.type}" for value in graph.inputs]
    lines += [f"  output  {f'{name} {value.type}'.strip()}" for name, value in graph.outputs.items()]
    lines += [f"  output  {name} {value.type}, in training only" for name, value in graph.training_outputs.items()]
    lines += [f"  size    {constraint.text}" for constraint in graph.constraints]
    return "\n".join([*lines, *_parts(graph)])


def _parts(graph: Graph) -> Iterator[str]:
    parts = list(_at_the_top(graph))
    shown = parts[:SHOWN]
    names = [item.op.name if isinstance(item, Node) else item.block or item.kind for _, item in shown]
    paths, kinds = max((len(path) for path, _ in shown), default=0), max(map(len, names), default=0)
    for (path, item), kind in zip(shown, names, strict=True):
        results = f"{item.output.type}" + (f" +{len(item.outputs) - 1}" if len(item.outputs) > 1 else "")
        yield f"  {path:<{paths}}  {kind:<{kinds}}  {results}"
    if len(parts) > SHOWN:
        yield f"  … and {len(parts) - SHOWN} more parts"


def _at_the_top(graph: Graph, above: str = "") -> Iterator[tuple[str, Item]]:
    """The items of a graph; copies that are no level of their own stand in the place of their repetition."""
    for item in graph.items:
        path = joined(above, item.name)
        if isinstance(item, Call) and not path:
            yield from _at_the_top(item.body)
        else:
            yield path, item


# -- plain data --------------------------------------------------------------------------------------------------------


def graph_data(graph: Graph) -> dict[str, Any]:
    """The graph as plain data for JSON: operations in the order of the flow, each with what it reads from where.

    `input:NAME` is an input of the graph; `PATH[1]` is the second output of the operation at that path.
    """
    found = flow(graph)
    return {
        "name": graph.name,
        "preset": graph.info.preset,
        "about": graph.info.about,
        "params": plain(graph.info.params),
        "meta": plain(graph.info.meta),
        "inputs": {value.name: _type(value.type) for value in graph.inputs},
        "outputs": {
            name: {**_type(value.type), "from": str(found.outputs[name])} for name, value in graph.outputs.items()
        },
        "constraints": [constraint.to_json() for constraint in graph.constraints],
        "parameters": parameter_count(graph),
        "nodes": [
            {**_node(step.path, step.item), "reads": {port: str(source) for port, source in step.reads.items()}}
            for step in found.steps
            if isinstance(step.item, Node)
        ],
        "calls": [_call(path, call) for path, call in paths_of(graph).calls.items()],
    }


def _node(path: str, node: Node) -> dict[str, Any]:
    weights = {
        weight.name: {"shape": plain(weight.shape), "dtype": weight.dtype, "trainable": weight.trainable}
        for weight in node.weights
    }
    return {
        "path": path,
        "op": node.op.name,
        "attributes": {name: plain(getattr(node.op, name)) for name in type(node.op).model_fields},
        "outputs": [_type(value.type) for value in node.outputs],
        "weights": weights,
        **({"ties": dict(node.ties)} if node.ties else {}),
        **({"shares": node.shares.name} if node.shares else {}),
    }


def _call(path: str, call: Call) -> dict[str, Any]:
    return {
        "path": path,
        "kind": call.kind,
        "block": call.block,
        "arguments": plain(call.arguments),
        "outputs": [_type(value.type) for value in call.outputs],
    }


def _type(kind: TensorType) -> dict[str, Any]:
    return {"shape": plain(kind.shape), "dtype": kind.dtype}


def plain(value: Any) -> Any:
    """A value as JSON has it; sizes that are not numbers are texts."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Parametrization):
        return asdict(value)
    if isinstance(value, Operation):
        return {"op": value.name, **{name: plain(getattr(value, name)) for name in type(value).model_fields}}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return str(value) if isinstance(value, (Size, Value)) else repr(value)
