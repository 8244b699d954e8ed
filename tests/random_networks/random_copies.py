"""Random copies: in a row, side by side, over lists, and levels for single operations."""

from __future__ import annotations

from typing import Any

from random_bodies import Body, Nodes, Value
from random_layers import Layers
from random_operations import DRAWERS
from random_parts import Spec

from archgraph.ops import TensorType

TRIES = 8


class Copies(Layers):
    """Adds copies to a body."""

    def _chain(self, body: Body, kind: TensorType, count: int) -> tuple[Nodes, TensorType] | None:
        """Operations in a row whose result has the type that they read: what can be repeated."""
        nodes: Nodes = {}
        start = kind
        for _ in range(count):
            for _ in range(TRIES):
                arguments = self.rng.choice(DRAWERS)(self.rng, kind, body.nameable)
                found = body.infer(arguments, [kind]) if arguments else None
                if arguments is not None and found is not None and len(found) == 1:
                    kind = found[0]
                    nodes[self.name(arguments["op"])] = body.write(arguments)
                    break
        if kind != start:
            shape = [body.nameable(size) for size in start.shape]
            same = body.infer({"op": "reshape", "shape": shape}, [kind]) if None not in shape else None
            if same is not None:
                nodes[self.name("reshape")] = {"op": "reshape", "shape": body.write(shape)}
                kind = start
        return (nodes, kind) if nodes else None

    def repeated(self, body: Body, depth: int) -> bool:
        """Copies of a group, of a block or of an operation, in a row."""
        value = self.pick(body)
        found = self._chain(body, value.kind, self.rng.randint(1, 3)) if value is not None else None
        if value is None or found is None:
            return False
        nodes, made = found
        count = self.rng.choice([1, 2, 2, 3]) if made == value.kind else 1
        times = "=depth" if count == 2 and "depth" in body.all_params() else count
        name = self.name("copies")
        path: Spec = self.rng.choice([{}, {}, {"path": f"at{name}.x{{i}}"}, {"path": f"z{name}-{{i + 1}}"}])
        if count > 1 and self.rng.random() < 0.3:
            last = list(nodes)[-1]
            extra = self.name("last")
            nodes[extra] = {"op": "relu", "when": self.rng.choice(["=last", "=not first", "=i == 0", "=i % 2 == 1"])}
            assert last in nodes
        if self.rng.random() < 0.3:
            nodes = {self.name("within"): {"nodes": nodes, **({"path": "."} if self.rng.random() < 0.3 else {})}}
        body.nodes[name] = {"repeat": times, "in": body.read(value), "nodes": nodes, **path}
        body.add(name, made)
        return True

    def mapped(self, body: Body, depth: int) -> bool:
        """Copies side by side, joined."""
        value = self.pick(body)
        found = self._chain(body, value.kind, self.rng.randint(1, 2)) if value is not None else None
        if value is None or found is None or not found[1].rank:
            return False
        nodes, made = found
        name = self.name("side")
        joined = body.infer({"op": "concat", "dim": 0}, [made, made])
        if joined is None:
            return False
        body.nodes[name] = {"repeat": 2, "map": True, "in": body.read(value), "nodes": nodes}
        names: Any = name if self.rng.random() < 0.5 else [f"{name}.1", f"{name}.0"]
        self.place(body, "joined", {"op": "concat", "in": names, "dim": 0}, joined)
        return True

    def over_lists(self, body: Body, depth: int) -> bool:
        """A loop over channels and kernels, with layers that differ from copy to copy."""
        value = self.pick(body, lambda kind: kind.rank == 4 and isinstance(kind.shape[1], int))
        if value is None:
            return False
        widths = [self.rng.choice([4, 6, 8]) for _ in range(self.rng.randint(1, 3))]
        kernels = [self.rng.choice([1, 3]) for _ in widths]
        c, k, name = self.name("c"), self.name("k"), self.name("loop")
        layer = {"op": "conv2d", "out_channels": f"={c}", "kernel_size": f"={k}", "padding": f"={k} // 2"}
        loop = {"for": {c: widths, k: kernels}, "in": body.read(value)}
        made = TensorType((value.kind.shape[0], widths[-1], *value.kind.shape[2:]))
        if self.rng.random() < 0.3:
            body.nodes[name] = {**layer, **loop}
        else:
            nodes: Nodes = {self.name("conv"): layer}
            if self.rng.random() < 0.6:
                nodes[self.name("norm")] = {
                    "op": "batch_norm2d",
                    "when": self.rng.choice(["=not first", f"={k} > 1", True]),
                }
            if self.rng.random() < 0.6:
                nodes[self.name("act")] = f"='relu' if {c} == 4 else 'silu'"
            body.nodes[name] = {**loop, "nodes": nodes}
        body.add(name, made)
        return True

    def there_and_back(self, body: Body, depth: int) -> bool:
        """Operations that lead away from a shape, and back to it by sizes that only what was before them has."""
        value = self.pick(body, lambda kind: kind.rank == 4)
        if value is None or any(body.nameable(size) is None for size in value.kind.shape):
            return False
        n, c, h, w = value.kind.shape
        whole = [n, c, h, w]
        column: Spec = {"op": "unsqueeze", "dim": -1}
        ways: list[tuple[Spec, ...]] = [
            ({"op": "flatten", "start_dim": 2}, {"op": "reshape", "shape": whole}),
            ({"op": "pad", "pad": [1, 2]}, {"op": "slice", "dim": 3, "start": 1, "end": w + 1}),
            ({"op": "avg_pool2d", "kernel_size": 2}, {"op": "interpolate", "size": [h, w]}),
            ({"op": "reshape", "shape": [-1, w]}, {"op": "reshape", "shape": whole}),
            ({"op": "mean", "dim": [2, 3]}, column, column, {"op": "expand", "shape": whole}),
            ({"op": "unsqueeze", "dim": 0}, {"op": "reshape", "shape": [n, c, h, -1]}),
        ]
        way = self.rng.choice(ways)
        flow = value
        for arguments in way:
            end = arguments.get("end")
            if end is not None and body.root.sizes is not None:
                return True
            found = body.infer(arguments, [flow.kind])
            if found is None:
                return flow is not value
            flow = self._somewhere(body, flow, arguments, found[0])
        return True

    def _somewhere(self, body: Body, value: Value, arguments: Spec, made: TensorType) -> Value:
        """One operation in a level of its own."""
        name, act, inner = self.name("at"), self.name("act"), self.name("inner")
        node, read = body.write(arguments), body.read(value)
        levels: list[Spec] = [
            {**node},
            {"nodes": {act: "relu", inner: node}},
            {"nodes": {"0": "relu", "1": node}},
            {"nodes": {self.name("deep"): {"nodes": {inner: node}}, act: "relu"}},
            {"path": ".", "nodes": {inner: node}},
            {"repeat": 1, "nodes": {inner: node}},
            {"repeat": 2, "path": f"z{name}{{i}}", "nodes": {inner: node}} if made == value.kind else {**node},
        ]
        body.nodes[name] = {**self.rng.choice(levels), "in": read}
        return body.add(name, made)
