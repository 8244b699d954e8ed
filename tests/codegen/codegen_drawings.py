"""Random specs whose sizes come from anywhere in the network, and an interpreter that calls torch node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from archgraph.dims import Dim, evaluate
from archgraph.graph.types import Call, Graph, Item, Node, joined

Spec = dict[str, Any]
SHAPE = "=[N, 4, H, W]"
RESHAPE = {"op": "reshape", "shape": SHAPE}
COLUMN = {"op": "unsqueeze", "dim": -1}
WAYS: tuple[tuple[Spec, ...], ...] = (
    ({"op": "flatten", "start_dim": 2}, RESHAPE),
    ({"op": "pad", "pad": [1, 2]}, {"op": "slice", "dim": 3, "start": 1, "end": "=W + 1"}),
    ({"op": "avg_pool2d", "kernel_size": 2}, {"op": "interpolate", "size": "=[H, W]"}),
    ({"op": "reshape", "shape": "=[N * 4, H * W]"}, RESHAPE),
    ({"op": "reshape", "shape": "=[N * H, 4 * W]"}, RESHAPE),
    ({"op": "mean", "dim": [2, 3]}, COLUMN, COLUMN, {"op": "expand", "shape": SHAPE}),
    ({"op": "unsqueeze", "dim": 0}, {"op": "reshape", "shape": "=[N, 4, H, -1]"}),
    ({"op": "slice", "dim": 2, "end": "=H"}, {"op": "conv2d", "out_channels": 4, "kernel_size": 1}),
)
"""Operations that lead away from the shape of the input, and back to it by sizes that only the input knows."""
PLACES = ("plain", "group", "groups", "block", "chain", "numbered", "map", "hidden", "dotted", "repeat", "copies")
MAY_REPEAT = ("interpolate", "expand", "conv2d")


class SpecDrawing:
    """Draws a spec. Every operation stands in some level of its own: group, block, chain, copies, dotted path."""

    def __init__(self, seed: int):
        self.rng = Random(seed)
        self.blocks: Spec = {}
        self._count = 0

    def spec(self) -> Spec:
        nodes: Spec = {"begin": "relu"}
        self._body(nodes, 2, self.rng.randint(1, 3))
        blocks = {"blocks": self.blocks} if self.blocks else {}
        return {"archgraph": 1, "name": "drawn", "inputs": {"x": ["N", 4, "H", "W"]}, "nodes": nodes, **blocks}

    def _name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def _body(self, nodes: Spec, depth: int, parts: int) -> None:
        for _ in range(parts):
            kind = self.rng.random()
            if depth and kind < 0.3:
                self._level(nodes, depth)
            elif kind < 0.4:
                self._table(nodes)
            elif kind < 0.5:
                self._scale(nodes)
            else:
                for op in self.rng.choice(WAYS):
                    self._place(nodes, op)

    def _level(self, nodes: Spec, depth: int) -> None:
        """A group or a block with a body of its own; a block may be applied again, at half the size."""
        inner: Spec = {self._name("start"): "relu"}
        self._body(inner, depth - 1, self.rng.randint(1, 2))
        name, kind = self._name("part"), self.rng.random()
        if kind < 0.3:
            nodes[name] = {"nodes": inner, **self.rng.choice(({}, {"repeat": 2}, {"path": "."}))}
            return
        self.blocks[f"b{name}"] = {"inputs": {"x": ["N", "C", "H", "W"]}, "nodes": inner}
        nodes[name] = {"op": f"b{name}", **({"path": "."} if self.rng.random() < 0.3 else {})}
        if kind < 0.5:
            nodes[f"{name}again"] = {"share": name}
        elif kind < 0.7:
            nodes[f"{name}half"] = {"op": "avg_pool2d", "kernel_size": 2}
            nodes[f"{name}again"] = {"share": name}
            nodes[f"{name}whole"] = {"op": "interpolate", "size": "=[H, W]"}

    def _table(self, nodes: Spec) -> None:
        """One number for each place of a row, from a block, a group or an operation without inputs."""
        before, name = list(nodes)[-1], self._name("ids")
        self.blocks[f"b{name}"] = {"params": {"count": "=0"}, "nodes": {"ids": {"op": "arange", "end": "=count"}}}
        counted: Spec = {"op": "arange", "end": "=W"}
        nodes[name] = self.rng.choice(({"op": f"b{name}", "count": "=W"}, counted, {"nodes": {"ids": counted}}))
        nodes[f"{name}rows"] = {"op": "embedding", "num_embeddings": 64, "embedding_dim": 1}
        nodes[f"{name}row"] = {"op": "reshape", "shape": ["=W"]}
        nodes[f"{name}sum"] = {"op": "add", "in": [before, f"{name}row"]}

    def _scale(self, nodes: Spec) -> None:
        before, name = list(nodes)[-1], self._name("scale")
        nodes[name] = {"op": "parameter", "shape": [], "init": 0.5}
        nodes[f"{name}d"] = {"op": "mul", "in": [before, name]}

    def _place(self, nodes: Spec, op: Spec) -> None:
        name, how = self._name(op["op"]), self.rng.choice(PLACES)
        if how in ("repeat", "copies") and not (op["op"] in MAY_REPEAT or op == RESHAPE):
            how = "plain"
        nodes |= {
            "plain": lambda: {name: op},
            "group": lambda: {name: {"nodes": {"a": "relu", "b": op}}},
            "groups": lambda: {name: {"nodes": {"g": {"nodes": {"b": op}}, "c": "relu"}}},
            "block": lambda: {name: self._block(name, {"b": op})},
            "chain": lambda: {name: {"nodes": {"0": "relu", "1": op}}},
            "numbered": lambda: {name: self._block(name, {"0": "relu", "1": op, "2": "relu"})},
            "map": lambda: {
                name: {"repeat": 2, "map": True, "nodes": {"b": op}},
                f"{name}sum": {"op": "add", "in": [f"{name}.0", f"{name}.1"]},
            },
            "hidden": lambda: {name: {"path": ".", "nodes": {f"b{name}": op}}},
            "dotted": lambda: {f"{name}a": {"op": "relu", "path": f"{name}.0"}, name: {**op, "path": f"{name}.1"}},
            "repeat": lambda: {name: {**op, "repeat": 2}},
            "copies": lambda: {
                name: {"repeat": 2, "path": f"z{name}{{i}}", "nodes": {"a": op, "b": WAYS[-1][-1]}},
            },
        }[how]()

    def _block(self, name: str, nodes: Mapping[str, Any]) -> Spec:
        """A block that is handed the sizes it needs, under other names."""
        renamed = {key: op if isinstance(op, str) else _renamed(op) for key, op in nodes.items()}
        params = {"n": "=0", "h": "=0", "w": "=0"}
        self.blocks[f"b{name}"] = {"params": params, "inputs": {"x": ["...", "C"]}, "nodes": renamed}
        return {"op": f"b{name}", "n": "=N", "h": "=H", "w": "=W"}


def _renamed(op: Spec) -> Spec:
    lower = str.maketrans("NHW", "nhw")
    return {
        key: value.translate(lower) if isinstance(value, str) and value.startswith("=") else value
        for key, value in op.items()
    }


class Interpreter:
    """What a graph means: each node by torch, with the weights at its path, or at the path of what it applies again."""

    def __init__(self, state: Mapping[str, Tensor], sizes: Mapping[str, int]):
        self._state, self._sizes = state, sizes
        self._paths: dict[Item, str] = {}

    def body(self, graph: Graph, inputs: Sequence[Tensor], path: str = "") -> list[Tensor]:
        known = dict(zip(graph.inputs, inputs, strict=True))
        for item in graph.items:
            below = path if isinstance(item, Call) and item.hidden else joined(path, item.name)
            below = self._paths[item] = self._paths[item.shares] if item.shares else below
            if isinstance(item, Call):
                found = self.body(item.body, [known[value] for value in item.inputs], below)
            else:
                found = [self._node(item, [known[value] for value in item.inputs.values()], below)]
            known.update(zip(item.outputs, found, strict=True))
        return [known[value] for value in graph.outputs.values()]

    def _size(self, dim: Dim | None) -> int | None:
        return dim if dim is None or isinstance(dim, int) else evaluate(dim, self._sizes)

    def _node(self, node: Node, given: list[Tensor], path: str) -> Tensor:
        op: Any = node.op
        x = given[0] if given else torch.empty(0)
        weights = {weight.name: self._state[joined(path, weight.name)] for weight in (node.shares or node).weights}
        shape = [self._size(dim) for dim in getattr(op, "shape", ())]
        match op.name:
            case "relu":
                return F.relu(x)
            case "flatten":
                return x.flatten(op.start_dim)
            case "reshape":
                return x.reshape(shape)
            case "expand":
                return x.expand(shape)
            case "unsqueeze":
                return x.unsqueeze(op.dim[0])
            case "pad":
                return F.pad(x, op.pad)
            case "slice":
                return x.narrow(op.dim, op.start, (self._size(op.end) or 0) - op.start)
            case "avg_pool2d":
                return F.avg_pool2d(x, op.kernel_size)
            case "interpolate":
                return F.interpolate(x, size=[self._size(dim) for dim in op.size])
            case "mean":
                return x.mean(dim=op.dim)
            case "conv2d":
                return F.conv2d(x, weights["weight"], weights["bias"])
            case "embedding":
                return F.embedding(x, weights["weight"])
            case "arange":
                return torch.arange(self._size(op.end) or 0)
            case "parameter":
                return weights[""]
            case "mul":
                return given[0] * given[1]
            case "add":
                return given[0] + given[1]
        raise AssertionError(op.name)
