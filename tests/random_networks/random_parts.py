"""Random single operations in a body, and small groups of operations that belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from random_bodies import Body, Value, floating, small
from random_operations import DRAWERS, part, permute, rank, reshape, roll

from archgraph.dims import Dim, Facts
from archgraph.ops import TensorType

Spec = dict[str, Any]


class Parts:
    """What is drawn of a spec so far. Each method adds a part to a body, or says that none fits."""

    def __init__(self, seed: int):
        self.rng = Random(seed)
        self.facts = Facts()
        self.blocks: Spec = {}
        self.flags: dict[str, bool] = {}
        self.words: dict[str, str] = {}
        self._count = 0

    def name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

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
        if not causal and (mask := self._mask(body, value.kind, other.kind)) is not None:
            names.append(mask)
        self.place(body, "attend", {**arguments, "in": names}, found)
        return True

    def _mask(self, body: Body, query: TensorType, key: TensorType) -> str | None:
        """A mask that is an input of the network, or constants for a few keys."""
        wanted = (query.shape[1], key.shape[1])
        masks = [value for value in body.visible() if value.kind.shape == wanted and value.kind.dtype != "int64"]
        if masks and self.rng.random() < 0.8:
            return body.read(self.rng.choice(masks))
        count = key.shape[1]
        if not isinstance(count, int) or self.rng.random() < 0.5:
            return None
        kept = [bool(i % 3) for i in range(count)]
        values: Any = self.rng.choice([kept, [0.5 * i for i in range(count)]])
        self.place(body, "mask", {"op": "constant", "value": [values]}, [TensorType((1, count), "bool")])
        return body.read(body.values[-1])

    def ratio(self, body: Body) -> bool:
        """A quotient, a root or an exponential of what is bounded and positive."""
        value = self.pick(body)
        if value is None:
            return False
        self.place(body, "gate", {"op": "sigmoid", "in": body.read(value)}, [value.kind])
        gate = body.values[-1]
        way = self.rng.choice(["sqrt", "exp", "div"])
        if way == "div":
            self.place(body, "moved", {"op": "add", "value": 0.5, "in": body.read(gate)}, [value.kind])
            names = [body.read(value), body.read(body.values[-1])]
            self.place(body, "quotient", {"op": "div", "in": names}, [value.kind])
        else:
            self.place(body, way, {"op": way, "in": body.read(gate)}, [value.kind])
        return True

    def rows(self, body: Body) -> bool:
        """Indices that are rearranged before a table reads them, from a buffer or from a count."""
        shape = self.rng.choice([(6,), (2, 3)])
        source = {"op": "buffer", "shape": list(shape), "init": "arange", "dtype": "int64"}
        self.place(body, "ids", source, [TensorType(shape, "int64")])
        kind = body.values[-1].kind
        for _ in range(self.rng.randint(0, 2)):
            drawer = self.rng.choice([reshape, permute, roll, part, rank])
            arguments = drawer(self.rng, kind, body.nameable)
            found = body.infer(arguments, [kind]) if arguments else None
            if arguments is not None and found is not None and len(found) == 1:
                self.place(body, arguments["op"], {**body.write(arguments), "in": body.read(body.values[-1])}, found)
                kind = found[0]
        table = {"op": "embedding", "num_embeddings": 7, "embedding_dim": 4}
        found_rows = TensorType((*kind.shape, 4))
        self.place(body, "rows", {**table, "in": body.read(body.values[-1])}, [found_rows])
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
        if {"push", "repeat", "for", "when"} & set(node) or value not in body.values:
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
                (
                    {"op": "basic", "planes": channels, "norm": self.rng.choice([None, {"op": "instance_norm2d"}])},
                    shape,
                ),
                ({"op": "attention2d", "heads": 2, "head_dim": 3}, shape),
                ({"op": "prenorm", "fn": {"op": "conv2d", "out_channels": channels, "kernel_size": 1}}, shape),
                (
                    {"op": "residual_connection", "fn": self.rng.choice(["silu", {"op": "prenorm", "fn": "gelu"}])},
                    shape,
                ),
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
