"""Random valid specs, as plain data, over the whole vocabulary and the whole language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from random_bodies import Body, Nodes, Value, floating, small
from random_operations import DRAWERS, PRESERVING

from archgraph.dims import Dim, Facts, Size, symbol
from archgraph.ops import TensorType

Spec = dict[str, Any]
N, H, W, L = map(symbol, ("N", "H", "W", "L"))
IMAGES: tuple[tuple[Dim, ...], ...] = ((N, 4, H, W), (N, 4, H, W), (N, 6, H, H), (N, 4, 8, 6), (2, 4, H, 7), (N, 3, H, W))
OTHERS: tuple[tuple[Dim, ...], ...] = ((N, L, 8), (N, 6), (N, 4, L), (L, 6), (), (5,), (N, 2, 3, H, W), (H, W), (N,))
TRIES = 8


class SpecDrawing:
    """Draws one spec from a seed. `nodes` is about how many parts its outermost body has."""

    def __init__(self, seed: int, parts: int = 6):
        self.rng = Random(seed)
        self.facts = Facts()
        self.blocks: Spec = {}
        self.flags: dict[str, bool] = {}
        self.words: dict[str, str] = {}
        self._parts = parts
        self._count = 0

    def name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    # -- the file ------------------------------------------------------------------------------------------------------

    def spec(self) -> Spec:
        body = Body(self.rng, self.facts)
        numbers = {"width": 4, "depth": 2} if self.rng.random() < 0.5 else {}
        body.params |= numbers
        inputs = self._inputs(body)
        self.fill(body, 2, self.rng.randint(2, self._parts))
        outputs = self.finish(body)
        params: Spec = {**numbers, **self.flags, **self.words}
        return {
            "archgraph": 1,
            "name": "drawn",
            **({"params": params} if params else {}),
            **({"presets": self._presets()} if self.flags or self.words else {}),
            "inputs": inputs,
            **({"stacks": body.stacks} if body.stacks else {}),
            "nodes": body.nodes,
            **outputs,
            **({"blocks": self.blocks} if self.blocks else {}),
        }

    def _presets(self) -> Spec:
        """What may change without changing a shape."""
        other = {name: self.rng.random() < 0.5 for name in self.flags if name.startswith("may")}
        words = {name: self.rng.choice(PRESERVING) for name in self.words}
        return {"first": {}, "second": {**other, **words}}

    def _inputs(self, body: Body) -> Spec:
        """A main input, and others: values, indices, times and masks."""
        shapes = [self.rng.choice(IMAGES if self.rng.random() < 0.7 else OTHERS[:4])]
        shapes += [self.rng.choice((*OTHERS, *IMAGES)) for _ in range(self.rng.choice([0, 0, 1, 1, 2]))]
        found: Spec = {}
        for i, shape in enumerate(shapes):
            kind = "float32"
            if i and self.rng.random() < 0.5 and all(size in (N, L, H) for size in shape[:2]):
                kind = self.rng.choice(["int64", "int64", "int32"])
                shape = shape[:2]
            name = ["x", "other", "third"][i]
            found[name] = self._input(shape, kind)
            body.add(name, TensorType(shape, kind))
        return found

    def _input(self, shape: tuple[Dim, ...], kind: str) -> Any:
        sizes = [size if isinstance(size, int) else str(size) for size in shape]
        if kind != "float32":
            return {"shape": sizes, "dtype": kind}
        if "H" in sizes and self.rng.random() < 0.1:
            return {"shape": sizes, "where": "H <= 40"}
        return sizes

    # -- bodies --------------------------------------------------------------------------------------------------------

    def fill(self, body: Body, depth: int, parts: int) -> None:
        for value in [value for value in body.values if not floating(value.kind)]:
            self.integers(body, value)
        for _ in range(parts):
            self.part(body, depth)

    def part(self, body: Body, depth: int) -> None:
        ways: list[tuple[float, Callable[[Body, int], bool]]] = [
            (8, lambda body, depth: self.operation(body)),
            (2, lambda body, depth: self.two(body)),
            (1, lambda body, depth: self.constant(body)),
            (1, lambda body, depth: self.attention(body)),
            (1, lambda body, depth: self.counted(body)),
            (1, lambda body, depth: self.outside_weight(body)),
            (1, lambda body, depth: self.again(body)),
            (1, lambda body, depth: self.pushed(body)),
            (1, lambda body, depth: self.conditional(body)),
            (1, lambda body, depth: self.standard(body)),
        ]
        if depth:
            ways += [(2, self.group), (2, self.block), (2, self.repeated), (1, self.mapped), (1, self.over_lists)]
            ways += [(1, self.node_parameter), (1, self.variants)]
        for _ in range(TRIES):
            if self.rng.choices([way for _, way in ways], [weight for weight, _ in ways])[0](body, depth):
                return

    def pick(self, body: Body, fits: Callable[[TensorType], bool] = lambda kind: True) -> Value | None:
        """Mostly the last value, sometimes any."""
        found = [value for value in body.visible() if floating(value.kind) and fits(value.kind)]
        if not found:
            return None
        own = [value for value in body.values if value in found]
        return own[-1] if own and self.rng.random() < 0.6 else self.rng.choice(found)

    def operation(self, body: Body, value: Value | None = None, repeat: bool = True) -> bool:
        """One operation on one value; now and then several times in a row."""
        value = value or self.pick(body)
        if value is None:
            return False
        arguments = self.rng.choice(DRAWERS)(self.rng, value.kind, body.nameable)
        found = body.infer(arguments, [value.kind]) if arguments else None
        if arguments is None or found is None:
            return False
        node: Spec = {"in": body.read(value), **body.write(arguments)}
        if repeat and len(found) == 1 and self.rng.random() < 0.1:
            twice = body.infer(arguments, found)
            if twice is not None:
                node, found = {**node, "repeat": 2}, twice
        name = self.place(body, arguments["op"], node, found)
        if len(found) == 1 and arguments["op"] not in ("split", "chunk") and "repeat" not in node:
            body.shareable.append((name, value.kind, found[0]))
        return True

    def place(self, body: Body, stem: str, node: Spec, kinds: Sequence[TensorType]) -> str:
        """Adds a node; its values are `name`, or `name.0`, `name.1` … where it is one of several results."""
        name = self.name(stem)
        if "repeat" not in node and "for" not in node and self.rng.random() < 0.08:
            node = {**node, "path": f"under{name}.{self.rng.choice(['0', 'deep', name])}"}
        body.nodes[name] = node if len(node) > 1 or "op" not in node else self.rng.choice([node, node["op"]])
        several = len(kinds) > 1 or node.get("op") in ("split", "chunk")
        for i, kind in enumerate(kinds):
            body.add(f"{name}.{i}" if several else name, kind)
        return name

    def two(self, body: Body) -> bool:
        """An operation on two values, whose shapes fit or are made to fit by a mean."""
        first = self.pick(body)
        second = self.pick(body) if self.rng.random() < 0.6 else first and self._alike(body, first)
        if first is None or second is None:
            return False
        dim = self.rng.randrange(first.kind.rank) if first.kind.rank else 0
        ways: list[Spec] = [{"op": "add"}, {"op": "sub"}, {"op": "mul"}, {"op": "concat", "dim": dim}, {"op": "matmul"}]
        self.rng.shuffle(ways)
        for arguments in ways:
            found = body.infer(arguments, [first.kind, second.kind])
            if found is not None:
                names = [body.read(first), body.read(second)]
                self.place(body, arguments["op"], {**arguments, "in": names}, found)
                return True
        return False

    def _alike(self, body: Body, value: Value) -> Value:
        found = [each for each in body.visible() if each.kind == value.kind]
        return self.rng.choice(found)

    def constant(self, body: Body) -> bool:
        """A parameter, a buffer or a constant that is added or multiplied."""
        value = self.pick(body)
        if value is None:
            return False
        shape = [size if isinstance(size, int) and self.rng.random() < 0.6 else 1 for size in value.kind.shape]
        shape = shape[self.rng.randint(0, len(shape)) :]
        kind = self.rng.choice(["parameter", "buffer", "constant", "number"])
        if kind == "constant" and len(shape) <= 1:
            numbers: Any = [0.5 * i - 1 for i in range(shape[0])] if shape else 1.5
            node: Spec = {"op": "constant", "value": numbers}
        elif kind in ("constant", "number"):
            node, shape = {"op": "constant", "value": self.rng.choice([1.5, -0.25])}, []
        else:
            node = {"op": kind, "shape": shape, "init": self.rng.choice(["ones", 0.5])}
        name = self.place(body, "held", node, [TensorType(tuple(shape))])
        held = body.values[-1]
        found = body.infer({"op": "mul"}, [value.kind, held.kind])
        if found is None:
            del body.nodes[name]
            body.values.pop()
            return False
        names = [body.read(value), body.read(held)]
        if self.rng.random() < 0.3:
            names.reverse()
        self.place(body, "scaled", {"op": self.rng.choice(["mul", "add", "sub"]), "in": names}, found)
        return True

    def integers(self, body: Body, value: Value) -> None:
        """What reads indices or times: tables of several lengths, an offset before one of them, sinusoids."""
        for _ in range(self.rng.choice([1, 1, 2])):
            source = value
            if self.rng.random() < 0.3:
                offset = {"op": self.rng.choice(["add", "sub", "mul"]), "value": self.rng.randint(1, 3)}
                self.place(body, "moved", {"in": body.read(value), **offset}, [value.kind])
                source = body.values[-1]
            if source.kind.rank == 1 and self.rng.random() < 0.3:
                node: Spec = {"op": "sinusoidal_embedding", "dim": 8, "flip_sin_to_cos": self.rng.random() < 0.5}
                wide = 8
            else:
                wide = self.rng.choice([4, 6])
                node = {"op": "embedding", "num_embeddings": self.rng.choice([7, 12]), "embedding_dim": wide}
            kind = TensorType((*source.kind.shape, wide))
            self.place(body, "table", {"in": body.read(source), **node}, [kind])

    def counted(self, body: Body) -> bool:
        """A row of a table for each place along a dimension, added: positions."""
        value = self.pick(body, lambda kind: kind.rank > 1)
        if value is None or (length := body.nameable(value.kind.shape[-2])) is None:
            return False
        count = TensorType((length,), "int64")
        if body.infer({"op": "arange", "end": length}, []) is None or not isinstance(value.kind.shape[-1], int):
            return False
        width = value.kind.shape[-1]
        self.place(body, "places", {"op": "arange", "end": body.write(length)}, [count])
        ids = body.values[-1]
        table = {"op": "embedding", "num_embeddings": 64, "embedding_dim": width}
        self.place(body, "rows", {"in": body.read(ids), **table}, [TensorType((length, width))])
        rows = body.values[-1]
        found = body.infer({"op": "add"}, [value.kind, rows.kind])
        if found is not None:
            self.place(body, "placed", {"op": "add", "in": [body.read(value), body.read(rows)]}, found)
        return True

    def attention(self, body: Body) -> bool:
        """Attention of tokens over themselves or others, with a causal or a constant mask."""
        value = self.pick(body, lambda kind: kind.rank == 3 and kind.shape[2] in (4, 6, 8, 12))
        if value is None:
            return False
        other = self.pick(body, lambda kind: kind.rank == 3 and kind.shape[::2] == value.kind.shape[::2]) or value
        causal = {"is_causal": True} if other.kind == value.kind and self.rng.random() < 0.3 else {}
        arguments: Spec = {"op": "scaled_dot_product_attention", "num_heads": self.rng.choice([1, 2]), **causal}
        if self.rng.random() < 0.3:
            arguments["scale"] = 0.25
        found = body.infer(arguments, [value.kind, other.kind, other.kind])
        if found is None:
            return False
        names = [body.read(value), body.read(other), body.read(other)]
        self.place(body, "attend", {**arguments, "in": names}, found)
        return True

    def outside_weight(self, body: Body) -> bool:
        """A weight that is a parameter of its own, or is tied to that of another layer."""
        value = self.pick(body, lambda kind: kind.rank > 0 and isinstance(kind.shape[-1], int))
        if value is None:
            return False
        width = int(value.kind.shape[-1])  # type: ignore[call-overload]
        found = TensorType((*value.kind.shape[:-1], width))
        layer: Spec = {"op": "linear", "out_features": width, "bias": self.rng.random() < 0.5}
        if self.rng.random() < 0.5 or body.path is None:
            held = self.place(body, "matrix", {"op": "parameter", "shape": [width, width], "init": "normal"}, [])
            self.place(body, "outside", {**layer, "in": {"input": body.read(value), "weight": held}}, [found])
            return True
        first = self.name("owner")
        body.nodes[first] = {**layer, "in": body.read(value)}
        middle = body.add(first, found)
        path = f"{body.path}.{first}" if body.path else first
        self.place(body, "tied", {**layer, "in": body.read(middle), "tie": {"weight": f"{path}.weight"}}, [found])
        return True

    def again(self, body: Body) -> bool:
        """The module of another node applied again: to its own result, or to a value of the same type."""
        if not body.shareable:
            return False
        name, given, made = self.rng.choice(body.shareable)
        fitting = [value for value in body.visible() if value.kind == given]
        if not fitting:
            return False
        self.place(body, "again", {"share": name, "in": body.read(self.rng.choice(fitting))}, [made])
        return True

    def pushed(self, body: Body) -> bool:
        """A value on a stack, taken from it after other work."""
        value = self.pick(body)
        if value is None or not body.nodes or not isinstance(body.nodes.get(value.name), dict) or body.copied:
            return False
        node = body.nodes[value.name]
        if "push" in node or "repeat" in node or "for" in node or value not in body.values:
            return False
        if not body.stacks:
            body.stacks.append(self.name("skips"))
        (stack,) = body.stacks
        body.nodes[value.name] = {**node, "push": stack}
        if not self.operation(body, value):
            self.place(body, "act", {"op": "silu", "in": body.read(value)}, [value.kind])
        last = body.values[-1]
        if last.kind == value.kind:
            ways: Spec = {"op": self.rng.choice(["add", "mul"]), "in": [body.read(last), f"{stack}.pop"]}
        else:
            ways = {"op": "relu", "in": f"{stack}.pop"}
        self.place(body, "popped", ways, [value.kind])
        return True

    def conditional(self, body: Body) -> bool:
        """An operation under a flag; one that keeps its type may be left out."""
        value = self.pick(body)
        if value is None:
            return False
        arguments = self.rng.choice(DRAWERS)(self.rng, value.kind, body.nameable)
        found = body.infer(arguments, [value.kind]) if arguments else None
        if arguments is None or found is None or len(found) > 1:
            return False
        keeps = found[0] == value.kind
        flag = self.name("may" if keeps else "must")
        left_out = keeps and self.rng.random() < 0.5
        node = {**body.write(arguments), "in": body.read(value), "when": self.flag(body, flag, not left_out)}
        self.place(body, arguments["op"], node, found)
        return True

    def flag(self, body: Body, name: str, value: bool) -> Any:
        """A condition: a parameter of the file, or in a block a literal."""
        if body.root.sizes is not None:
            return value
        self.flags[name] = value
        return f"={name}"

    def standard(self, body: Body) -> bool:
        """A standard block."""
        value = self.pick(body, lambda kind: kind.rank in (3, 4))
        if value is None:
            return False
        shape = value.kind.shape
        channels = shape[-1] if value.kind.rank == 3 else shape[1]
        if not isinstance(channels, int) or channels not in (4, 6, 8):
            return False
        if value.kind.rank == 3:
            ways: list[tuple[Spec, tuple[Dim, ...]]] = [({"op": "geglu", "expansion": 2}, shape)]
        else:
            ways = [
                ({"op": "upsample"}, (*shape[:2], 2 * shape[2], 2 * shape[3])),
                ({"op": "basic", "planes": channels, "norm": self.rng.choice([None, {"op": "instance_norm2d"}])}, shape),
                ({"op": "attention2d", "heads": 2, "head_dim": 3}, shape),
                ({"op": "prenorm", "fn": {"op": "conv2d", "out_channels": channels, "kernel_size": 1}}, shape),
                ({"op": "residual_connection", "fn": self.rng.choice(["silu", {"op": "prenorm", "fn": "gelu"}])}, shape),
                ({"op": "latent_resblock", "temb_channels": 0, "groups": 2}, shape),
                ({"op": "resnet", "timed": False, "groups": 2}, shape),
                ({"op": "spatial_attention", "groups": 2, "heads": 2}, shape),
            ]
        node, made = self.rng.choice(ways)
        node = {key: item for key, item in node.items() if item is not None}
        if not small(TensorType(made)):
            return False
        self.place(body, node["op"], {**node, "in": body.read(value)}, [TensorType(made)])
        return True

    # -- levels --------------------------------------------------------------------------------------------------------

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

    def _block_again(
        self, body: Body, name: str, node: Spec, value: Value, inner: Body, outputs: Spec
    ) -> None:
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
                nodes[self.name("norm")] = {"op": "batch_norm2d", "when": self.rng.choice(["=not first", f"={k} > 1", True])}
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
