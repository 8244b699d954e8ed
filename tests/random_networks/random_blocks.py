"""Blocks of a fixed form with random arguments: variants, recursion, inputs under conditions, node parameters."""

from __future__ import annotations

from random_bodies import Body, Nodes, floating
from random_copies import Copies
from random_operations import DRAWERS


class Blocks(Copies):
    """Adds blocks that show one rule of the language each."""

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
        batch = value.kind.shape[0]
        fitting = [each for each in others if each.kind.shape[0] == batch and each.kind.shape[1] in (4, 6, 8)]
        second = fitting[0] if fitting else None
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
