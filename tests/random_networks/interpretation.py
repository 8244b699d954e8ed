"""What a graph means: each node by torch in float64, with the weights at its path, its shapes held against the proof.

Stricter than torch where a contract is: parts and areas are equal, slices lie within what they cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F
from torch_functions import FUNCTIONS
from torch_modules import MODULES, parametrized

from archgraph.dims import Size, evaluate
from archgraph.graph.types import Call, Graph, Item, Node, Value, joined

Weights = Mapping[str, Tensor]
Rule = Callable[[Any, Sequence[Tensor], Weights], "Tensor | Sequence[Tensor]"]


class RefusedError(Exception):
    """Sizes that the network cannot take."""


class Interpreter:
    """Runs a graph with the tensors of a state dict at concrete sizes."""

    def __init__(self, state: Weights, sizes: Mapping[str, int]):
        self._state, self._sizes = state, sizes
        self._paths: dict[Item, str] = {}

    def run(self, graph: Graph, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The outputs. Raises RefusedError where a node cannot be computed, or its shape is not the proved one."""
        return self._body(graph, inputs, "")

    def _body(self, graph: Graph, inputs: Sequence[Tensor], path: str) -> list[Tensor]:
        known = dict(zip(graph.inputs, inputs, strict=True))
        for item in graph.items:
            if item.training:
                continue
            below = path if item.hidden else joined(path, item.name)
            below = self._paths[item] = self._paths[item.shares] if item.shares else below
            if isinstance(item, Call):
                given = [known[value] for value in item.inputs]
                found = self._steps(item, given, below) if item.scan else self._body(item.body, given, below)
            else:
                found = self._node(item, {port: known[value] for port, value in item.inputs.items()}, below)
            known.update(zip(item.outputs, found, strict=True))
        return [known[value] for value in graph.outputs.values()]

    def _steps(self, call: Call, given: Sequence[Tensor], path: str) -> list[Tensor]:
        """The body for one slice after another; states are handed on, other results are stacked."""
        scan = call.scan
        assert scan is not None
        flow, rows = list(given), [[] for _ in scan.states]
        for step in range(evaluate(scan.length, self._sizes)):
            read = [each if dim is None else each.select(dim, step) for each, dim in zip(flow, scan.dims, strict=True)]
            found = self._body(call.body, read, path)
            for state, row, made in zip(scan.states, rows, found, strict=True):
                row.append(made)
                if state is not None:
                    flow[state] = made
        return [
            row[-1] if state is not None else torch.stack(row, scan.dim)
            for state, row in zip(scan.states, rows, strict=True)
        ]

    def _node(self, node: Node, given: Mapping[str, Tensor], path: str) -> list[Tensor]:
        owner = node.shares or node
        weights = {weight.name: self._state[joined(path, weight.name)] for weight in owner.weights}
        weights |= {name: self._state[joined(path, name)] for name in owner.ties}
        ports = {port.name for port in node.op.ports}
        flow = [tensor for port, tensor in given.items() if port.split(".")[0] in ports]
        weights |= {port: tensor for port, tensor in given.items() if port.split(".")[0] not in ports}
        op: Any = node.op.model_copy(
            update={name: self._numbers(getattr(node.op, name)) for name in type(node.op).model_fields}
        )
        _strict(node, flow)
        try:
            rule = _module if getattr(op, "parametrization", None) else rule_of(node.op.name)
            found = rule(op, flow, weights)
        except (RuntimeError, IndexError, ValueError) as error:
            raise RefusedError(f"{path}: {error}") from error
        results = [widened(each) for each in ([found] if isinstance(found, Tensor) else found)]
        for result, value in zip(results, node.outputs, strict=True):
            self._check(path, result, value)
        return results

    def _numbers(self, value: Any) -> Any:
        if isinstance(value, Size):
            return evaluate(value, self._sizes)
        return tuple(map(self._numbers, value)) if isinstance(value, tuple) else value

    def _check(self, path: str, result: Tensor, value: Value) -> None:
        shape = [evaluate(size, self._sizes) for size in value.shape]
        if list(result.shape) != shape:
            raise RefusedError(f"{path}: the proof says {shape}, torch {list(result.shape)}")
        dtype = str(result.dtype).removeprefix("torch.").replace("float64", "float32")
        assert dtype == value.dtype, f"{path}: the contract says {value.dtype}, torch {dtype}"


def widened(tensor: Tensor) -> Tensor:
    """In float64, also what an operation makes in float32 by its own attributes."""
    return tensor.double() if tensor.dtype == torch.float32 else tensor


def _strict(node: Node, flow: Sequence[Tensor]) -> None:
    """What the contract refuses and torch does not. Raises RefusedError."""
    op: Any = node.op
    if op.name == "chunk" and flow[0].shape[op.dim] % op.chunks:
        raise RefusedError("unequal parts")


def _slice(op: Any, flow: Sequence[Tensor], weights: Weights) -> Tensor:
    (x,) = flow
    size = x.shape[op.dim]
    end = size if op.end is None else op.end
    if not -size <= op.start < size or not -size <= end <= size or not range(size)[op.start : end]:
        raise IndexError("the slice is empty or sticks out")
    return x.index_select(op.dim % x.ndim, torch.tensor(list(range(size)[op.start : end : op.step])))


def _attend(op: Any, flow: Sequence[Tensor], weights: Weights) -> Tensor:
    apart = flow[0].ndim == 4
    parted = (part if apart else part.unflatten(-1, (op.num_heads, -1)).transpose(1, 2) for part in flow[:3])
    query, key, value = parted
    scores = query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if op.scale is None else op.scale)
    if op.is_causal:
        scores = scores + torch.full(scores.shape[-2:], -torch.inf).triu(1)
    if len(flow) > 3:
        scores = scores.masked_fill(~flow[3], -torch.inf) if flow[3].dtype == torch.bool else scores + flow[3]
    hidden = (scores == -torch.inf).all(-1, keepdim=True)  # else what is not a number stays so, as in torch
    mixed = scores.softmax(-1).masked_fill(hidden, 0.0) @ value
    return mixed if apart else mixed.transpose(1, 2).flatten(2)


def _sinusoid(op: Any, flow: Sequence[Tensor], weights: Weights) -> Tensor:
    half = op.dim // 2
    steps = torch.arange(half, dtype=torch.float64) / (half - op.freq_shift)
    angles = flow[0].double()[:, None] * op.max_period**-steps
    waves = [angles.cos(), angles.sin()] if op.flip_sin_to_cos else [angles.sin(), angles.cos()]
    return torch.cat(waves, -1)


def _batch_norm(op: Any, flow: Sequence[Tensor], weights: Weights) -> Tensor:
    mean, variance = weights.get("running_mean"), weights.get("running_var")
    affine = weights.get("weight"), weights.get("bias")
    return F.batch_norm(flow[0], mean, variance, *affine, training=not op.track_running_stats, eps=op.eps)


def _over_last(op: Any, flow: Sequence[Tensor], weights: Weights) -> Tensor:
    shape = list(op.normalized_shape or flow[0].shape[-1:])
    if op.name == "rms_norm":
        eps = torch.finfo(torch.float32).eps if op.eps is None else op.eps  # of the type the network is written in
        return F.rms_norm(flow[0], shape, weights.get("weight"), eps)
    return F.layer_norm(flow[0], shape, weights.get("weight"), weights.get("bias"), op.eps)


def _chained(method: str) -> Rule:
    """One call of torch for each dimension."""

    def apply(op: Any, flow: Sequence[Tensor], weights: Weights) -> Tensor:
        x = flow[0]
        for dim in op.dim:
            x = getattr(x, method)(dim)
        return x

    return apply


def _squeeze(op: Any, flow: Sequence[Tensor], weights: Weights) -> Tensor:
    if any(flow[0].shape[dim] != 1 for dim in op.dim):
        raise IndexError("not of size 1")
    return flow[0].squeeze(op.dim)


def _reduced(method: str) -> Rule:
    def apply(op: Any, flow: Sequence[Tensor], weights: Weights) -> Tensor:
        axes = op.dim or tuple(range(flow[0].ndim))
        made: Tensor = getattr(torch, method)(flow[0], axes, keepdim=op.keepdim) if axes else flow[0]
        return made

    return apply


def _binary(method: str) -> Rule:
    return lambda op, flow, weights: getattr(torch, method)(flow[0], flow[1] if len(flow) > 1 else op.value)


def _elementwise(function: Callable[[Tensor], Tensor]) -> Rule:
    return lambda op, flow, weights: function(flow[0])


def _constant(op: Any, flow: Sequence[Tensor], weights: Weights) -> Tensor:
    made = torch.tensor(op.value, dtype=getattr(torch, op.dtype) if op.dtype else None)
    return made.double() if made.is_floating_point() else made


def rule_of(name: str) -> Rule:
    """The rule of an operation; for one of a table what the tests of operations hold it against."""
    if name in RULES:
        return RULES[name]
    if name in FUNCTIONS:
        return lambda op, flow, weights: FUNCTIONS[name](op, *flow)
    return _module


def _module(op: Any, flow: Sequence[Tensor], weights: Weights) -> Any:
    """By torch's own module, with these weights in the place of its own."""
    made = parametrized(op, MODULES[op.name](op, *(each.shape for each in flow)))
    return functional_call(made.double().eval(), dict(weights), tuple(flow))


DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
RULES: dict[str, Rule] = {
    **{name: _elementwise(getattr(F, name)) for name in ("relu", "relu6", "silu", "hardswish", "hardsigmoid")},
    **{name: _elementwise(getattr(torch, name)) for name in ("sigmoid", "tanh", "exp", "sqrt")},
    **dict.fromkeys((*DROPOUTS, "identity", "stochastic_depth"), _elementwise(lambda x: x)),
    **{name: _binary(name) for name in ("add", "sub", "mul")},
    **{name: _reduced(name) for name in ("mean", "sum", "amax")},
    **dict.fromkeys(("layer_norm", "rms_norm"), _over_last),
    **dict.fromkeys(("parameter", "buffer", "register_buffer"), lambda op, flow, weights: weights[""]),
    "leaky_relu": lambda op, flow, weights: F.leaky_relu(flow[0], op.negative_slope),
    "elu": lambda op, flow, weights: F.elu(flow[0], op.alpha),
    "gelu": lambda op, flow, weights: F.gelu(flow[0], approximate=op.approximate),
    "softplus": lambda op, flow, weights: F.softplus(flow[0], op.beta, op.threshold),
    "softmax": lambda op, flow, weights: flow[0].softmax(op.dim),
    "clamp": lambda op, flow, weights: flow[0].clamp(op.min, op.max),
    "matmul": lambda op, flow, weights: flow[0] @ flow[1],
    "scaled_dot_product_attention": _attend,
    "sinusoidal_embedding": _sinusoid,
    "embedding": lambda op, flow, weights: F.embedding(flow[0], weights["weight"]),
    "constant": _constant,
    "linear": lambda op, flow, weights: F.linear(flow[0], weights["weight"], weights.get("bias")),
    "batch_norm2d": _batch_norm,
    "group_norm": lambda op, flow, weights: F.group_norm(
        flow[0], op.num_groups, weights.get("weight"), weights.get("bias"), op.eps
    ),
    "instance_norm2d": lambda op, flow, weights: F.instance_norm(
        flow[0], weight=weights.get("weight"), bias=weights.get("bias"), eps=op.eps
    ),
    "pixel_shuffle": lambda op, flow, weights: F.pixel_shuffle(flow[0], op.upscale_factor),
    "pixel_unshuffle": lambda op, flow, weights: F.pixel_unshuffle(flow[0], op.downscale_factor),
    "concat": lambda op, flow, weights: torch.cat(list(flow), op.dim),
    "split": lambda op, flow, weights: flow[0].split(list(op.split_size), op.dim),
    "chunk": lambda op, flow, weights: flow[0].chunk(op.chunks, op.dim),
    "reshape": lambda op, flow, weights: flow[0].reshape(op.shape),
    "permute": lambda op, flow, weights: flow[0].permute(op.dims),
    "transpose": lambda op, flow, weights: flow[0].transpose(op.dim0, op.dim1),
    "roll": lambda op, flow, weights: flow[0].roll(op.shifts, op.dims),
    "flatten": lambda op, flow, weights: flow[0].flatten(op.start_dim, op.end_dim),
    "unsqueeze": _chained("unsqueeze"),
    "squeeze": _squeeze,
    "expand": lambda op, flow, weights: flow[0].expand(op.shape),
    "select": lambda op, flow, weights: flow[0].select(op.dim, op.index),
    "slice": _slice,
}
