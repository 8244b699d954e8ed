"""A block that is applied to each slice of a sequence in turn, as ONNX's Scan: its weights stay in the graph around."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.export.lowering.program import OnnxNode, Subgraph, UniqueNames
from archgraph.graph.scan import Scan
from archgraph.ops.contract import TensorType


def split_by_step(nodes: Sequence[OnnxNode], local: set[str]) -> tuple[list[OnnxNode], list[OnnxNode]]:
    """The operators that are the same in every step, and those that depend on what is `local` to one."""
    shared: list[OnnxNode] = []
    inside: list[OnnxNode] = []
    for node in nodes:
        if local.isdisjoint(node.reads):
            shared.append(node)
        else:
            inside.append(node)
            local.update(node.outputs)
    return shared, inside


Named = Sequence[tuple[str, TensorType]]


def body_of(how: Scan, ends: tuple[Named, Named], nodes: list[OnnxNode], names: UniqueNames) -> Subgraph:
    """The body of a Scan: states before slices, and states before what is stacked. An output that no operator of the
    body makes, or that is handed out twice, gets a name of its own."""
    inputs, outputs = ends
    made = {name for node in nodes for name in node.outputs}
    handed: dict[str, TensorType] = {}
    for place in in_order(how):
        name, kind = outputs[place]
        if name not in made or name in handed:
            copy = names.take(f"{name}/step")
            nodes.append(OnnxNode("Identity", (name,), (copy,), name=copy))
            name = copy
        handed[name] = kind
    return Subgraph(dict(inputs[place] for place in (*how.carried, *how.sequences)), handed, nodes)


def in_order(how: Scan) -> tuple[int, ...]:
    """The numbers of the outputs in ONNX's order: states, then what is stacked."""
    places = range(len(how.states))
    return tuple(sorted(places, key=lambda place: how.states[place] is None))


def operator(how: Scan, inputs: Sequence[str], body: Subgraph, outputs: Sequence[str]) -> OnnxNode:
    """The operator itself; `outputs` are the names of the results, in the order of the block."""
    stacked = sum(state is None for state in how.states)
    axes = tuple(dim for dim in how.dims if dim is not None)
    return OnnxNode(
        "Scan",
        tuple(inputs[place] for place in (*how.carried, *how.sequences)),
        tuple(outputs[place] for place in in_order(how)),
        {
            "num_scan_inputs": len(axes),
            "scan_input_axes": axes,
            **({"scan_output_axes": (how.dim,) * stacked} if stacked else {}),
        },
        body=body,
    )
