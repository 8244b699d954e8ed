"""Random groups and blocks, and how what they hold is read and handed out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from random_blocks import Blocks
from random_bodies import Body, Value, floating
from random_operations import PRESERVING
from random_parts import Spec

from archgraph.dims import Dim, Size, symbol
from archgraph.ops import TensorType

N, H, W, L = map(symbol, ("N", "H", "W", "L"))


def _flows(node: Any) -> bool:
    """Whether the next node reads it by default: what is computed in training only is passed by."""
    return not isinstance(node, dict) or node.get("training") != "only"


class Levels(Blocks):
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
            before = name if _flows(node) else before

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
            if left[0] is body.values[-1] and left[0].name == next(reversed(body.nodes)) and self.rng.random() < 0.7:
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
        known = set(self.blocks)
        self.fill(inner, depth - 1, self.rng.randint(1, 3))
        for value in inner.values[: len(chosen)]:
            if not value.readers:
                self.operation(inner, value, repeat=False)
                if not value.readers:
                    self.place(inner, "act", {"op": "relu", "in": inner.read(value)}, [value.kind])
        outputs = self.finish(inner, 2)
        stacks = {"stacks": inner.stacks} if inner.stacks else {}
        self.blocks[kind] = {
            **params,
            "inputs": inputs,
            **stacks,
            "nodes": inner.nodes,
            **outputs,
            **self._own_blocks(known),
        }
        hidden = {"path": "."} if self.rng.random() < 0.15 else {}
        names = [body.read(value) for value in chosen]
        node = {"op": kind, "in": names if len(names) > 1 else names[0], **arguments, **hidden}
        body.nodes[name] = node
        self.handed(body, name, inner, outputs)
        if len(chosen) == 1 and self.rng.random() < 0.6:
            self._block_again(body, name, node, chosen[0], inner, outputs)
        return True

    def _own_blocks(self, known: Collection[str]) -> Spec:
        """Blocks that only this block needs stand in it now and then."""
        found = [name for name in self.blocks if name not in known] if self.rng.random() < 0.3 else []
        return {"blocks": {name: self.blocks.pop(name) for name in found}} if found else {}

    def _block_again(self, body: Body, name: str, node: Spec, value: Value, inner: Body, outputs: Spec) -> None:
        """The same block, or the same module, on a value of the same type."""
        fitting = [each for each in body.visible() if each.kind == value.kind]
        source = body.read(self.rng.choice(fitting))
        again = self.name("part")
        plain = {**{key: item for key, item in node.items() if key != "path"}, "in": source}
        insides = [each for each in inner.values if isinstance(inner.nodes.get(each.name), dict)]
        if insides and self.rng.random() < 0.3:
            body.nodes[again] = {**plain, "outputs": {"inside": insides[-1].name, "early": insides[0].name}}
            body.add(f"{again}.inside", insides[-1].kind)
            body.add(f"{again}.early", insides[0].kind)
            return
        body.nodes[again] = {"share": name, "in": source} if self.rng.random() < 0.5 else plain
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
        """Numbers, and sizes that the block could not know: what it is given, and what it declares."""
        arguments: Spec = {}
        params: Spec = {}
        presets: Spec = {}
        if self.rng.random() < 0.5:
            name = self.name("k")
            number = self.rng.randint(1, 6)
            inner.params[name] = number
            way = self.rng.choice(["default", "typed", "other", "preset"])
            params[name] = {"default": number, "typed": "int"}.get(way, number + 1)
            if way == "preset":
                presets = {"presets": {"own": {name: number}, "none": {}}, "preset": "own"}
            elif way != "default":
                arguments[name] = body.write(number)
        known = [size for size in (N, H, W, L) if size in self._symbols(body) and size not in (inner.sizes or {})]
        if known and self.rng.random() < 0.5:
            name, size = self.name("size"), self.rng.choice(known)
            if body.nameable(size) is not None:
                assert isinstance(inner.sizes, dict)
                inner.sizes[size] = name
                params[name] = "=0"
                arguments[name] = body.write(size)
        return arguments, {**({"params": params} if params else {}), **presets}

    def _symbols(self, body: Body) -> set[Dim]:
        found: set[Dim] = set()
        for value in body.visible():
            found |= {size for size in value.kind.shape if isinstance(size, Size)}
        return found
