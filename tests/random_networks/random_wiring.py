"""Random ways in which values reach copies and blocks: chains of several, lists of inputs, computed names, steps."""

from __future__ import annotations

from typing import Any

from random_bodies import Body, Nodes, Value
from random_levels import Levels
from random_operations import PRESERVING
from random_parts import Spec

from archgraph.ops import TensorType


class Wiring(Levels):
    """Adds copies and blocks that read more than one value."""

    def chained(self, body: Body, depth: int) -> bool:
        """Copies of a block that take two values each from the copy before; the last may leave one as it is."""
        first, second = self.pick(body), self.pick(body)
        if first is None or second is None:
            return False
        inner, inputs = self._closed([first, second])
        x, context = inner.values[:2]
        flow, mean = self._row(inner, x), self.name("mean")
        updates = self.rng.random() < 0.5
        reply = self._row(inner, context)
        if updates:
            before, reply = reply, self.name("act")
            inner.nodes[reply] = {"op": self.rng.choice(PRESERVING), "in": before, "when": "=update"}
        summed = self.name("sum")
        inner.nodes[mean] = {"op": "mean", "in": reply}
        inner.nodes[summed] = {"op": "add", "in": [flow, mean]}
        kind, name, ports = self.name("joint"), self.name("chained"), [x.name, context.name]
        self.blocks[kind] = {
            **({"params": {"update": "bool"}} if updates else {}),
            "inputs": inputs,
            "nodes": inner.nodes,
            "outputs": {x.name: summed, context.name: reply},
        }
        given = {"in": dict(zip(ports, [body.read(first), body.read(second)], strict=True))}
        copies = {"repeat": self.rng.randint(1, 3), "chain": ports}
        body.nodes[name] = {"op": kind, **copies, **given, **({"update": "=not last"} if updates else {})}
        for port, value in zip(ports, (first, second), strict=True):
            body.add(f"{name}.{port}", value.kind)
        return True

    def _row(self, inner: Body, value: Value) -> str:
        """Operations in a row that keep the type of a value; the name of the last one."""
        found = self._chain(inner, value.kind, 1)
        nodes = found[0] if found is not None and found[1] == value.kind else {}
        nodes = nodes or {self.name("act"): self.rng.choice(PRESERVING)}
        first = next(iter(nodes))
        node = nodes[first]
        nodes[first] = {**(node if isinstance(node, dict) else {"op": node}), "in": value.name}
        inner.nodes.update(nodes)
        *_, last = nodes
        node = inner.nodes[last]
        inner.nodes[last] = node if isinstance(node, dict) else {"op": node}
        return last

    def listed(self, body: Body, depth: int) -> bool:
        """A block that takes as many values as a list has entries, each of another width."""
        value = self.pick(body, lambda kind: kind.rank > 1 and isinstance(kind.shape[-1], int))
        if value is None:
            return False
        widths = [self.rng.choice([2, 4, 5]) for _ in range(self.rng.randint(1, 3))]
        kind, name = self.name("fuse"), self.name("fused")
        made = TensorType((*value.kind.shape[:-1], 3 * len(widths)))
        if body.infer({"op": "concat", "dim": -1}, [made, made]) is None:
            return False
        entry = self.rng.choice(["c", "w"])
        rest = [self.rng.choice(["_", f"R{axis}"]) for axis in range(value.kind.rank - 1)]
        self.blocks[kind] = {
            "params": {"widths": self.rng.choice(["[int]", {"type": "[int]", "default": [1]}])},
            "inputs": {"branches": {"each": "=widths", "as": entry, "shape": [*rest, f"={entry}"]}},
            "nodes": self._fused(len(widths)),
        }
        branches = self._branches(body, value, widths)
        body.nodes[name] = {"op": kind, "in": branches, "widths": widths}
        body.add(name, made)
        return True

    def _branches(self, body: Body, value: Value, widths: list[int]) -> Any:
        """Values of these widths: copies side by side, or inputs of the network."""
        lead = value.kind.shape[:-1]
        named = all(isinstance(size, int) or str(size).isidentifier() for size in lead)
        name = self.name("branch")
        if body.root.sizes is None and named and self.rng.random() < 0.3:
            shape = [size if isinstance(size, int) else str(size) for size in lead]
            self.inputs[name] = {"each": self.rng.choice([widths, f"={widths}"]), "as": "e", "shape": [*shape, "=e"]}
            return {"branches": name}
        layer = {"op": "linear", "out_features": f"={name}c"}
        body.nodes[name] = {**layer, "for": {f"{name}c": widths}, "map": True, "in": body.read(value)}
        ways: list[Any] = [{"branches": name}, [f"{name}.{i}" for i in range(len(widths))], name]
        ways += [[f"{name}[0:1]", f"{name}[1:]"] if len(widths) > 1 else {"branches": f"{name}[0:]"}]
        return self.rng.choice(ways)

    def _fused(self, count: int) -> Nodes:
        """Each brought to one width, and joined in one of several ways."""
        same, some = self.name("same"), self.name("some")
        nodes: Nodes = {
            same: {"op": "linear", "in": "branches.{i}", "repeat": "=len(widths)", "map": True, "out_features": 3}
        }
        last = f"{same}.{{len(widths) - 1}}"
        if count == 1 or self.rng.random() < 0.4:
            return {**nodes, self.name("all"): {"op": "concat", "in": same, "dim": -1}}
        nodes[some] = {"op": "concat", "in": f"{same}[0:{{len(widths) - 1}}]", "dim": -1}
        return {**nodes, self.name("all"): {"op": "concat", "in": [some, last], "dim": -1}}

    def numbered(self, body: Body, depth: int) -> bool:
        """Copies that read a part each, by a computed name; some of them joined."""
        value = self.pick(body, lambda kind: any(size in (4, 6, 8) for size in kind.shape))
        if value is None:
            return False
        shape = value.kind.shape
        axis = next(axis for axis, size in enumerate(shape) if size in (4, 6, 8))
        part = TensorType((*shape[:axis], shape[axis] // 2, *shape[axis + 1 :]))
        parts, copies = self.name("parts"), self.name("copies")
        body.nodes[parts] = {"op": "chunk", "chunks": 2, "dim": axis, "in": body.read(value)}
        read = self.rng.choice([f"{parts}.{{i}}", f"{parts}.{{1 - i}}"])
        act = self.rng.choice(PRESERVING)
        level: list[Spec] = [{"op": act}, {"nodes": {self.name("act"): act}}, {"nodes": {self.name("a"): {"op": act}}}]
        body.nodes[copies] = {**self.rng.choice(level), "in": read, "repeat": 2, "map": True}
        ways = [copies, f"{copies}[0:2]", [f"{copies}.1", parts + ".0"], [f"{parts}[1:]", f"{copies}.0"]]
        self.place(body, "joined", {"op": "concat", "in": self.rng.choice(ways), "dim": axis}, [value.kind])
        if self.rng.random() < 0.4:
            chosen: Spec = {"op": "relu", "let": {f"{copies}k": 1}, "in": f"{copies}.{{{copies}k}}"}
            body.nodes[self.name("chosen")] = chosen
            body.add(list(body.nodes)[-1], part)
        return True

    def stepwise(self, body: Body, depth: int) -> bool:
        """A block over the slices of a value, with a state."""
        value = self.pick(body, lambda kind: kind.rank > 1)
        if value is None:
            return False
        dim = self.rng.randrange(value.kind.rank)
        step = TensorType((*value.kind.shape[:dim], *value.kind.shape[dim + 1 :]))
        start = self.name("start")
        body.nodes[start] = {"op": "mean", "dim": dim, "in": body.read(value)}
        inner, inputs = self._closed([Value("", step), Value("", step)])
        x, h = inner.values[:2]
        flow, summed, new = self._row(inner, x), self.name("sum"), self.name("new")
        inner.nodes[summed] = {"op": "add", "in": [flow, h.name]}
        inner.nodes[new] = self.rng.choice([{"op": "tanh"}, {"op": "sigmoid", "in": summed}])
        kind, name = self.name("step"), self.name("scanned")
        self.blocks[kind] = {"inputs": inputs, "nodes": inner.nodes, "outputs": {"all": new, h.name: new}}
        scan: Spec = {"scan": {x.name: dim}, "chain": [h.name]}
        body.nodes[name] = {"op": kind, **scan, "in": {x.name: body.read(value), h.name: start}}
        body.add(f"{name}.all", value.kind)
        body.add(f"{name}.{h.name}", step)
        return True
