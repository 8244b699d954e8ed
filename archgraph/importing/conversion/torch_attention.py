"""torch.nn.MultiheadAttention as the standard block that has its weights, where no probabilities are used, and its
mask is one for all sequences: what torch computes inside differs from call to call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from archgraph.dims import Dim, Size
from archgraph.graph.builder import CallSpec
from archgraph.graph.keys import weights
from archgraph.graph.simplify import rewritten
from archgraph.graph.types import Call, Graph, Value, walk
from archgraph.importing.conversion.hidden_calls import without_hidden_calls
from archgraph.importing.conversion.leaf_modules import makes_tensors
from archgraph.importing.conversion.module_calls import ModuleCall
from archgraph.importing.conversion.views import arguments_by_name
from archgraph.language.load import load
from archgraph.ops.attention import ScaledDotProductAttention

if TYPE_CHECKING:
    from archgraph.importing.conversion.body_translation import BodyTranslation

_BLOCK = "multihead_attention"
_READ = ("query", "key", "value")
_MASKS = ("attn_mask", "key_padding_mask")


def attention_call(outer: BodyTranslation, call: ModuleCall) -> bool:
    """Places an attention of torch as a call of its block; False where it does more than that has here."""
    module = call.module
    if type(module) is not torch.nn.MultiheadAttention or not call.name or _is_special(outer, call):
        return False
    nodes = outer.translation.capture.arguments.parameters(module, call.place, outer.translation.capture.program.graph)
    result = _result(call)
    ports = [*_READ, *(name for name in _MASKS if name in nodes)]
    if set(nodes) != set(ports) or result is None or not _reads_only(outer, call, nodes.values()):
        return False
    read = [outer.value(nodes[port]) for port in ports]
    told = _masks(dict(zip(ports[len(_READ) :], read[len(_READ) :], strict=True)))
    if told is None:
        return False
    if any(map(_is_causal, call.operations())):  # torch leaves out a mask that its caller says to be causal
        told["is_causal"] = True
    body = _body(module, dict(zip(ports, read, strict=True)), told)
    if body is None or body.outputs[""].shape != outer.translation.sizes.shape(result.meta["val"]):
        return False
    how = CallSpec(kind="block", block=_BLOCK, arguments={**outer.translation.arguments.get(id(module), {}), **told})
    made = outer.builder.call(call.name, body, read, as_=how)
    outer.values[result] = made.outputs[0]
    outer.translation.calls.setdefault(call.path, call)
    outer.translation.written.update(f"{call.path}.{name}" for name in module.state_dict())
    return True


def lost_dropout(module: torch.nn.Module, graph: Graph) -> Iterator[str]:
    """A note for each attention of torch whose dropout the graph does not have."""
    applied = ((placed.path, placed.node.op) for placed in walk(graph))
    dropping = {path for path, op in applied if isinstance(op, ScaledDotProductAttention) and op.dropout_p}
    for path, inner in module.named_modules():
        if not isinstance(inner, torch.nn.MultiheadAttention) or not inner.dropout:
            continue
        below = f"{path}." if path else ""
        if not any(place.startswith(below) for place in dropping):
            said = f"attention drops {inner.dropout:g} of its probabilities in training; the spec does not"
            yield f"{path}: {said}" if path else said


def _is_special(outer: BodyTranslation, call: ModuleCall) -> bool:
    """Whether a call is one of several of its module, is changed by hooks, or computed in training only."""
    module, translation = call.module, outer.translation
    hooked = any(inner._forward_pre_hooks or inner._forward_hooks for inner in module.modules())
    again = outer.twin is not None or call in translation.alike or call.path in translation.calls
    trained = translation.in_training.intersection(call.operations())
    return bool(hooked or again or trained or outer.in_training)


def _is_causal(node: fx.Node) -> bool:
    """Whether an operation is an attention to the tokens before."""
    attends = node.target is torch.ops.aten.scaled_dot_product_attention.default
    return attends and bool(arguments_by_name(node).get("is_causal"))


def _result(call: ModuleCall) -> fx.Node | None:
    """The one value that others read; None where there are several, as where the probabilities are read."""
    inside = set(call.operations())
    found = [node for node in inside if makes_tensors(node) and any(reader not in inside for reader in node.users)]
    return found[0] if len(found) == 1 else None


def _reads_only(outer: BodyTranslation, call: ModuleCall, values: Any) -> bool:
    """Whether a call reads these values and its own weights, which nobody else reads."""
    inside = set(call.operations())
    own = outer.translation.capture.weights
    known = set(values)
    for node in {value for operation in inside for value in operation.all_input_nodes} - inside - known:
        if not makes_tensors(node):
            continue
        mine = own.get(node, "").startswith(f"{call.path}.")
        if not mine or any(reader not in inside for reader in node.users):
            return False
    tied, state = outer.translation.firsts, outer.translation.state
    return not any(id(weight) in tied for key, weight in state.items() if key.startswith(f"{call.path}."))


def _masks(read: Mapping[str, Value]) -> dict[str, Any] | None:
    """What the block is told of these masks; None where they are of another kind than its own."""
    told: dict[str, Any] = {}
    for name, value in read.items():
        if value.type.rank != 2:  # `attn_mask`: another one for each sequence
            return None
        told[name] = "hide" if value.dtype == "bool" else "add"
    if told.get("key_padding_mask", "hide") != "hide":
        return None
    return {**told, "key_padding_mask": True} if "key_padding_mask" in told else told


def _body(module: torch.nn.MultiheadAttention, read: Mapping[str, Value], told: Mapping[str, Any]) -> Graph | None:
    """The body of the block, applied to these values; None where its weights are others."""
    names: dict[Dim, str] = {}
    for size in (size for value in read.values() for size in value.shape if isinstance(size, Size)):
        names.setdefault(size, f"S{len(names)}")
    numbers = {id(value): f"x{place}" for place, value in enumerate(read.values())}
    inputs = {
        numbers[id(value)]: {"shape": [names.get(size, size) for size in value.shape], "dtype": value.dtype}
        for value in read.values()
    }
    node = {
        "op": _BLOCK,
        "in": {port: numbers[id(value)] for port, value in read.items()},
        "num_heads": module.num_heads,
        "dropout": module.dropout,
        "bias": module.in_proj_bias is not None,
        "add_bias_kv": module.bias_k is not None,
        "add_zero_attn": module.add_zero_attn,
        "batch_first": module.batch_first,
        **told,
    }
    if any(read[port].type.rank != 3 for port in _READ):
        return None
    graph = load({"archgraph": 1, "name": "applied", "inputs": inputs, "nodes": {"applied": node}})
    made = rewritten(graph, lambda size: _renamed(size, {name: size for size, name in names.items()}))
    (applied,) = made.items
    assert isinstance(applied, Call)
    ours = {item.key.removeprefix("applied."): tuple(item.weight.shape) for item in weights(made)}
    theirs = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    return without_hidden_calls(applied.body) if list(ours.items()) == list(theirs.items()) else None


def _renamed(size: Dim, names: Mapping[str, Dim]) -> Dim:
    return size.substitute(names) if isinstance(size, Size) else size
