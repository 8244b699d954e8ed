"""Random groups, blocks and copies, and how what they hold is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from random_bodies import Body, Nodes, Value, floating
from random_operations import DRAWERS, PRESERVING
from random_parts import Parts, Spec

from archgraph.dims import Dim, Size, symbol
from archgraph.ops import TensorType

N, H, W, L = map(symbol, ("N", "H", "W", "L"))
TRIES = 8


class Levels(Parts):
    """Adds levels to a body; `fill` draws what they hold."""

    def fill(self, body: Body, depth: int, parts: int) -> None:
        """Fills a body with so many parts."""
        raise NotImplementedError

    def shorten(self, body: Body) -> None:
        """Leaves out what a node reads by default: the node before it, where nobody else reads that."""
        before: str | None = None
        readers = {value.name: value.readers for value in body.values}
        for name, node in body.nodes.items():
            if before is None:
                default = next(iter(readers), None) if body.outer is None else None
                alone = True
            else:
                default, alone = before, readers.get(before) == 1
            if isinstance(node, dict) and default is not None and node.get("in") == default and alone:
                if self.rng.random() < 0.5:
                    del node["in"]
                elif self.rng.random() < 0.2:
                    node["in"] = "prev"
                if list(node) == ["op"] and not str(node["op"]).startswith("="):
                    body.nodes[name] = node["op"]
            before = name

    def finish(self, body: Body, most: int = 3) -> Spec:
        """What nobody has read is handed out; where that is much, it is summed up."""
        while len(left := [value for value in body.values if not value.readers]) > most:
            first, second = left[:2]
            floats = floating(first.kind), floating(second.kind)
            if not all(floats):
                break
            self.place(body, "mean", {"op": "mean", "in": body.read(second)}, [TensorType(())])
            whole = body.values[-1]
            self.place(body, "sum", {"op": "add", "in": [body.read(first), body.read(whole)]}, [first.kind])
        left = left or body.values[-1:]
        body.handed = [(f"out{i}", value.kind) for i, value in enumerate(left)]
        for value in left:
            value.readers += 1
        self.shorten(body)
        if len(left) == 1:
            if left[0] is body.values[-1] and left[0].name in body.nodes and self.rng.random() < 0.7:
                return {}
            if self.rng.random() < 0.5:
                return {"outputs": left[0].name}
        return {"outputs": {f"out{i}": value.name for i, value in enumerate(left)}}

    def group(self, body: Body, depth: int) -> bool:
        """An inline group, which sees what is around it; its level may be hidden, or lie elsewhere."""
        start = self.pick(body)
        if start is None:
            return False
        name = self.name("group")
        way = self.rng.choice(["plain", "plain", "hidden", "elsewhere"])
        path = {"plain": {}, "hidden": {"path": "."}, "elsewhere": {"path": f"far{name}.there"}}[way]
        inner = Body(self.rng, self.facts, body, copied=body.copied, path=None)
        if way == "plain" and body.path is not None:
            inner.path = f"{body.path}.{name}" if body.path else name
        if self.rng.random() < 0.3:
            local = self.name("k")
            inner.params[local] = self.rng.randint(1, 4)
            path |= {"let": {local: inner.params[local]}}
        first = self.name("start")
        inner.nodes[first] = {"op": self.rng.choice(PRESERVING), "in": body.read(start)}
        inner.add(first, start.kind)
        self.fill(inner, depth - 1, self.rng.randint(1, 3))
        outputs = self.finish(inner, 2)
        stacks = {"stacks": inner.stacks} if inner.stacks else {}
        body.nodes[name] = {"nodes": inner.nodes, **outputs, **stacks, **path}
        self.handed(body, name, inner, outputs)
        return True

    def handed(self, body: Body, name: str, inner: Body, outputs: Spec) -> None:
        """The values of a group or block."""
        if isinstance(outputs.get("outputs"), dict):
            for port, kind in inner.handed:
                body.add(f"{name}.{port}", kind)
        else:
            body.add(name, inner.handed[0][1])

    def block(self, body: Body, depth: int) -> bool:
        """A block of its own: closed, with the sizes that its inputs bind and those that it is given."""
        given = [self.pick(body)]
        if given[0] is None:
            return False
        given += [value for _ in range(self.rng.choice([0, 0, 1])) if (value := self.pick(body))]
        chosen = [value for value in given if value is not None]
        name, kind = self.name("part"), self.name("block")
        inner, inputs = self._closed(chosen)
        arguments, params = self._arguments(body, inner)
        self.fill(inner, depth - 1, self.rng.randint(1, 3))
        for value in inner.values[: len(chosen)]:
            if not value.readers:
                self.operation(inner, value, repeat=False)
                if not value.readers:
                    self.place(inner, "act", {"op": "relu", "in": inner.read(value)}, [value.kind])
        outputs = self.finish(inner, 2)
        stacks = {"stacks": inner.stacks} if inner.stacks else {}
        self.blocks[kind] = {
            **({"params": params} if params else {}),
            "inputs": inputs,
            **stacks,
            "nodes": inner.nodes,
            **outputs,
        }
        hidden = {"path": "."} if self.rng.random() < 0.15 else {}
        names = [body.read(value) for value in chosen]
        node = {"op": kind, "in": names if len(names) > 1 else names[0], **arguments, **hidden}
        body.nodes[name] = node
        self.handed(body, name, inner, outputs)
        if len(chosen) == 1 and self.rng.random() < 0.4:
            self._block_again(body, name, node, chosen[0], inner, outputs)
        return True

    def _block_again(self, body: Body, name: str, node: Spec, value: Value, inner: Body, outputs: Spec) -> None:
        """The same block, or the same module, on a value of the same type."""
        fitting = [each for each in body.visible() if each.kind == value.kind]
        source = body.read(self.rng.choice(fitting))
        if self.rng.random() < 0.5:
            second = {"share": name, "in": source}
        else:
            second = {**{key: item for key, item in node.items() if key != "path"}, "in": source}
        again = self.name("part")
        body.nodes[again] = second
        self.handed(body, again, inner, outputs)

    def _closed(self, given: Sequence[Value]) -> tuple[Body, Spec]:
        """The body of a block with inputs of these types: numbers, symbols of its own, or any leading dimensions."""
        sizes: dict[Dim, str] = {}
        inputs: Spec = {}
        inner = Body(self.rng, self.facts, sizes=sizes, path=None)
        for i, value in enumerate(given):
            shape: list[Any] = []
            for size in value.kind.shape:
                if isinstance(size, int) and self.rng.random() < 0.7:
                    shape.append(size)
                    continue
                if size not in sizes or self.rng.random() < 0.2:
                    fresh = f"S{self._count}"
                    self._count += 1
                    sizes.setdefault(size, fresh)
                    shape.append(fresh)
                else:
                    shape.append(sizes[size])
            name = f"in{i}_{self._count}"
            self._count += 1
            inputs[name] = shape
            inner.add(name, value.kind)
        for size in [size for size in sizes if isinstance(size, int)]:
            inner.params[sizes.pop(size)] = size
        return inner, inputs

    def _arguments(self, body: Body, inner: Body) -> tuple[Spec, Spec]:
        """Parameters: numbers, and sizes that the block could not know."""
        arguments: Spec = {}
        params: Spec = {}
        if self.rng.random() < 0.5:
            name = self.name("k")
            number = self.rng.randint(1, 6)
            inner.params[name] = number
            way = self.rng.choice(["default", "typed", "other"])
            params[name] = {"default": number, "typed": "int", "other": number + 1}[way]
            if way != "default":
                arguments[name] = body.write(number)
        known = [size for size in (N, H, W, L) if size in self._symbols(body) and size not in (inner.sizes or {})]
        if known and self.rng.random() < 0.5:
            name, size = self.name("size"), self.rng.choice(known)
            if body.nameable(size) is not None:
                assert isinstance(inner.sizes, dict)
                inner.sizes[size] = name
                params[name] = "=0"
                arguments[name] = body.write(size)
        return arguments, params

    def _symbols(self, body: Body) -> set[Dim]:
        found: set[Dim] = set()
        for value in body.visible():
            found |= {size for size in value.kind.shape if isinstance(size, Size)}
        return found

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
        path: Spec = self.rng.choice([{}, {}, {"path": f"at{name}.x{{i}}"}, {"path": f"z{name}{{i + 1}}"}])
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

    def node_parameter(self, body: Body, depth: int) -> bool:
        """A block that applies an operation which it is given."""
        value = self.pick(body)
        arguments = self.rng.choice(DRAWERS)(self.rng, value.kind, body.nameable) if value is not None else None
        found = body.infer(arguments, [value.kind]) if arguments and value is not None else None
        if value is None or arguments is None or found is None or len(found) > 1:
            return False
        kind, name = self.name("holder"), self.name("held")
        inner = self.name("inner")
        nodes: Nodes = {inner: "=fn", self.name("act"): "relu"}
        self.blocks[kind] = {"params": {"fn": "node"}, "inputs": {"y": ["..."]}, "nodes": nodes}
        body.nodes[name] = {"op": kind, "in": body.read(value), "fn": body.write(arguments)}
        body.add(name, found[0])
        return True

    def variants(self, body: Body, depth: int) -> bool:
        """One block several times with other arguments, so that its class has to be written for all of them."""
        value = self.pick(body, lambda kind: kind.rank == 4 and isinstance(kind.shape[1], int))
        if value is None:
            return False
        kind = self.name("unit")
        channels = int(value.kind.shape[1])  # type: ignore[call-overload]
        self.blocks[kind] = {
            "params": {"norm": True, "act": "relu", "k": 3, "skip": False, "wide": "=C"},
            "inputs": {"x": ["N", "C", "H", "W"]},
            "nodes": {
                "conv": {"op": "conv2d", "out_channels": "=wide", "kernel_size": "=k", "padding": "=k // 2"},
                "norm": {"op": "batch_norm2d", "when": "=norm"},
                "act": "=act",
                "back": {"op": "conv2d", "out_channels": "=C", "kernel_size": 1, "when": "=wide != C"},
                "add": {"op": "add", "in": ["back", "x"], "when": "=skip"},
            },
        }
        flow = value
        for _ in range(self.rng.randint(2, 3)):
            options = {"norm": False, "k": self.rng.choice([1, 5]), "skip": True, "wide": channels + 2, "act": "silu"}
            chosen = {key: item for key, item in options.items() if self.rng.random() < 0.4}
            name = self.name("part")
            body.nodes[name] = {"op": kind, "in": body.read(flow), **chosen}
            flow = body.add(name, value.kind)
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

    def deeper(self, body: Body, depth: int) -> bool:
        """A block that uses itself until a condition fails."""
        value = self.pick(body, lambda kind: kind.rank == 4 and isinstance(kind.shape[1], int))
        if value is None:
            return False
        kind, name = self.name("level"), self.name("pyramid")
        self.blocks[kind] = {
            "params": {"depth": "int"},
            "inputs": {"x": ["N", "C", "H", "W"]},
            "nodes": {
                "down": {"op": "conv2d", "out_channels": "=C + 1", "kernel_size": 3, "stride": 2, "padding": 1},
                "deeper": {"op": kind, "depth": "=depth - 1", "when": "=depth > 1"},
                "up": {"op": "interpolate", "size": "=[H, W]", "in": "deeper"},
                "back": {"op": "conv2d", "out_channels": "=C", "kernel_size": 1},
                "add": {"op": "add", "in": ["back", "x"]},
            },
        }
        body.nodes[name] = {"op": kind, "in": body.read(value), "depth": self.rng.randint(1, 3)}
        body.add(name, value.kind)
        return True

    def timed(self, body: Body, depth: int) -> bool:
        """A block with an input under a condition: applied with it and without."""
        value = self.pick(body, lambda kind: kind.rank == 4 and isinstance(kind.shape[1], int))
        others = [each for each in body.visible() if each.kind.rank == 2 and floating(each.kind)]
        if value is None:
            return False
        second = next(
            (
                each
                for each in others
                if each.kind.shape[0] == value.kind.shape[0] and each.kind.shape[1:] in ((4,), (6,), (8,))
            ),
            None,
        )
        kind = self.name("unit")
        self.blocks[kind] = {
            "params": {"timed": True, "halves": False},
            "inputs": {"x": ["N", "C", "H", "W"], "temb": {"shape": ["N", "T"], "when": "=timed"}},
            "nodes": {
                "conv": {"op": "conv2d", "out_channels": "=C", "kernel_size": 3, "padding": 1, "in": "x"},
                "time": {
                    "when": "=timed",
                    "in": "temb",
                    "nodes": {
                        "proj": {"op": "linear", "out_features": "=C"},
                        "space": {"op": "unsqueeze", "dim": [-1, -1]},
                    },
                },
                "shift": {"op": "add", "in": ["conv", "time"], "when": "=timed"},
            },
            "outputs": {"y": "shift", "raw": "conv"},
        }
        for timed in self.rng.sample([True, False], self.rng.randint(1, 2)):
            if timed and second is None:
                continue
            name = self.name("part")
            given = {"in": {"x": body.read(value), **({"temb": body.read(second)} if timed and second else {})}}
            body.nodes[name] = {"op": kind, **given, "timed": timed}
            for port in ("y", "raw"):
                body.add(f"{name}.{port}", value.kind)
        return True
