"""Random layers that belong together: tables and what they read, attention, weights from outside, standard blocks."""

from __future__ import annotations

from typing import Any

from random_bodies import Body, Value, small
from random_operations import part, permute, rank, reshape, roll
from random_parts import Parts, Spec

from archgraph.dims import Dim, symbols_of
from archgraph.ops import TensorType

ROWS = 64
"""Of a table of positions."""


class Layers(Parts):
    """Adds several operations at once."""

    def integers(self, body: Body, value: Value) -> None:
        """What reads indices or times: tables of several lengths, an offset before one of them, sinusoids."""
        for _ in range(self.rng.choice([1, 1, 2])):
            source = value
            if self.rng.random() < 0.3 and value is body.values[-1]:  # two could leave no number that both allow
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
        if len(symbols_of(length)) > 1 or (isinstance(length, int) and length > ROWS):
            return False  # no range of each says that their product stays within a table
        count = TensorType((length,), "int64")
        if body.infer({"op": "arange", "end": length}, []) is None or not isinstance(value.kind.shape[-1], int):
            return False
        width = value.kind.shape[-1]
        counting: Spec = {"op": "arange", "end": body.write(length)}
        way = self.rng.choice(["plain", "group", "block"])
        if way == "group":
            counting = {"nodes": {self.name("ids"): counting}}
        elif way == "block":  # without inputs: the length and the device are handed in
            kind = self.name("count")
            self.blocks[kind] = {"params": {"count": "=0"}, "nodes": {"ids": {"op": "arange", "end": "=count"}}}
            counting = {"op": kind, "count": counting["end"]}
        self.place(body, "places", counting, [count])
        ids = body.values[-1]
        table = {"op": "embedding", "num_embeddings": ROWS, "embedding_dim": width}
        self.place(body, "rows", {"in": body.read(ids), **table}, [TensorType((length, width))])
        rows = body.values[-1]
        found = body.infer({"op": "add"}, [value.kind, rows.kind])
        if found is not None:
            self.place(body, "placed", {"op": "add", "in": [body.read(value), body.read(rows)]}, found)
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
            norms = [None] if shape[2:] == (1, 1) else [None, {"op": "instance_norm2d"}]
            ways = [
                ({"op": "upsample"}, (*shape[:2], 2 * shape[2], 2 * shape[3])),
                ({"op": "basic", "planes": channels, "norm": self.rng.choice(norms)}, shape),
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
