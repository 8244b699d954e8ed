"""Regions of a program that run without gradients, or without autocast: evaluation computes them like all others, and
no gradient flows back through what they hand out."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

from archgraph.importing.tracing.places import place_of
from archgraph.importing.tracing.tracing_errors import UntraceableError

_GRADIENTS, _AUTOCAST = "wrap_with_set_grad_enabled", "wrap_with_autocast"


def without_regions(module: fx.GraphModule) -> None:
    """Puts the operations of each region where the region stands, those of regions inside included.

    Raises UntraceableError for a region under autocast, which rounds.
    """
    while regions := [node for node in module.graph.nodes if _kind(node)]:
        for region in regions:
            _inline(module, region)
    module.graph.lint()


def _kind(node: fx.Node) -> str:
    name = getattr(node.target, "__name__", "") if node.op == "call_function" else ""
    return name if name in (_GRADIENTS, _AUTOCAST) else ""


def _inline(module: fx.GraphModule, region: fx.Node) -> None:
    at = next(place for place, value in enumerate(region.args) if _is_body(value))
    held = region.args[at]
    assert isinstance(held, fx.Node)
    body: Any = module.get_submodule(str(held.target))
    if _kind(region) == _AUTOCAST and region.args[2]:
        raise _rounding(region.args[1], body.graph)
    values: dict[fx.Node, Any] = {}
    read = iter(region.args[at + 1 :])
    with module.graph.inserting_before(region):
        for node in body.graph.nodes:
            if node.op == "placeholder":
                values[node] = next(read)
            elif node.op == "get_attr":
                values[node] = _moved(module, body, node)
            elif node.op == "call_function":
                values[node] = module.graph.node_copy(node, values.__getitem__)
            else:
                detached = _kind(region) == _GRADIENTS and not region.args[0]
                _hand_out(region, fx.node.map_arg(node.args[0], values.__getitem__), detached)
    module.graph.erase_node(region)
    module.graph.erase_node(held)


def _is_body(value: Any) -> bool:
    return isinstance(value, fx.Node) and value.op == "get_attr"


def _moved(module: fx.GraphModule, body: torch.nn.Module, node: fx.Node) -> fx.Node:
    """The body of a region inside, under a free name of the whole."""
    name = f"{node.target}_inside"
    while hasattr(module, name):
        name += "_"
    module.add_module(name, body.get_submodule(str(node.target)))
    return module.graph.get_attr(name)


def _hand_out(region: fx.Node, results: Any, detached: bool) -> None:
    for reader in list(region.users):
        assert reader.target is operator.getitem
        result = results[reader.args[1]]
        if detached and isinstance(result.meta.get("val"), torch.Tensor):
            made = reader.graph.call_function(torch.ops.aten.detach.default, (result,))
            made.meta = {**region.meta, "val": result.meta["val"]}
            result = made
        reader.replace_all_uses_with(result)
        reader.graph.erase_node(reader)


def _rounding(dtype: Any, body: fx.Graph) -> UntraceableError:
    first = next((node for node in body.nodes if node.op == "call_function"), None)
    return UntraceableError(
        f"a part of it computes in {str(dtype).removeprefix('torch.')}, under autocast",
        expected="a forward that computes in the precision of its weights",
        received=place_of(first) if first is not None else "",
        hint="take the autocast out of the forward; the precision of a file is chosen when it is exported",
    )
