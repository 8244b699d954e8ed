"""Random parts that show single rules of the language: typed parameters, training, stored values, stacks in copies."""

from __future__ import annotations

from typing import Any

from random_bodies import Body
from random_elementwise import WHOLE
from random_operations import PRESERVING
from random_parts import Spec
from random_wiring import Wiring

from archgraph.ops import TensorType

MODES = ["zeros", "reflect", "circular"]


class Rules(Wiring):
    """Adds parts of one rule each."""

    def typed(self, body: Body, depth: int) -> bool:
        """A block whose parameters have types and defaults of all kinds."""
        value = self.pick(body, lambda kind: kind.rank == 4 and isinstance(kind.shape[1], int))
        kernel, mode = self.rng.choice([1, 3, [1, 3]]), self.rng.choice(MODES)
        layer = {"op": "conv2d", "out_channels": 4, "kernel_size": kernel, "padding": "same", "padding_mode": mode}
        found = body.infer(layer, [value.kind]) if value is not None else None
        if value is None or found is None:
            return False
        kind, name = self.name("typed"), self.name("part")
        self.blocks[kind] = {
            "params": {
                "kernel": {"type": "int | [int]", "default": 3},
                "mode": MODES,
                "act": {"type": "node", "default": {"op": "leaky_relu", "negative_slope": 0.25}},
                "gain": {"type": "float?", "default": 0.5},
                "width": {"type": "any", "default": 4},
                "bias": "bool",
            },
            "inputs": {"x": ["N", "C", "_", "_"]},
            "nodes": {
                "conv": {
                    "op": "conv2d",
                    "out_channels": "=width",
                    "kernel_size": "=kernel",
                    "padding": "same",
                    "padding_mode": "=mode",
                    "bias": "=bias",
                },
                "act": {"op": "=act"},
                "scale": {"op": "mul", "value": "=gain", "when": "=gain != null"},
            },
        }
        given: Spec = {"kernel": kernel, "mode": mode, "bias": self.rng.random() < 0.5}
        given |= self.rng.choice([{}, {"act": "gelu"}, {"gain": None}, {"width": "=2 * 2"}, {"gain": 2}])
        body.nodes[name] = {"op": kind, "in": body.read(value), **given}
        body.add(name, found[0])
        return True

    def auxiliary(self, body: Body, depth: int) -> bool:
        """Weights of training, which nobody reads."""
        value = self.pick(body, lambda kind: bool(kind.rank) and isinstance(kind.shape[-1], int))
        if value is None or body.copied:
            return False
        layer: Spec = {"op": "linear", "out_features": 3}
        act = self.name("act")
        ways: list[Spec] = [layer, {"nodes": {self.name("fc"): layer, act: "relu"}}]
        body.nodes[self.name("aux")] = {**self.rng.choice(ways), "in": body.read(value), "training": "only"}
        return True

    def stored(self, body: Body, depth: int) -> bool:
        """Numbers that are computed once, when the module is made."""
        value = self.pick(body, lambda kind: bool(kind.rank) and isinstance(kind.shape[-1], int))
        if value is None:
            return False
        count = TensorType((value.kind.shape[-1],), "int64")
        self.place(body, "places", {"op": "arange", "end": body.write(value.kind.shape[-1])}, [count])
        for _ in range(self.rng.randint(0, 2)):
            arguments = dict(self.rng.choice(WHOLE))
            found = body.infer(arguments, [body.values[-1].kind])
            if found is not None:
                self.place(body, "numbers", {**arguments, "in": body.read(body.values[-1])}, found)
        number = body.values[-1]
        path: Spec = self.rng.choice([{}, {"path": f"{number.name}-stored"}])
        name = self.name("stored")
        body.nodes[name] = {"op": "register_buffer", "in": body.read(number), **path}
        kept = body.add(name, number.kind)
        self.place(body, "floats", {"op": "to", "dtype": "float32", "in": body.read(kept)}, [TensorType(count.shape)])
        names = [body.read(value), body.read(body.values[-1])]
        self.place(body, "shifted", {"op": self.rng.choice(["add", "mul"]), "in": names}, [value.kind])
        return True

    def skips(self, body: Body, depth: int) -> bool:
        """Copies that push, and copies that pop, on levels of other widths and sizes."""
        value = self.pick(body, lambda kind: kind.rank == 4 and isinstance(kind.shape[1], int))
        if value is None:
            return False
        n, _, h, w = value.kind.shape
        deep = body.infer({"op": "avg_pool2d", "kernel_size": 2}, [value.kind])
        grown = deep and body.infer({"op": "interpolate", "scale_factor": 2}, deep)
        halves = bool(grown) and body.infer({"op": "add"}, [value.kind, *(grown or ())]) is not None
        widths = [self.rng.choice([4, 6]) for _ in range(2)]
        stack, name = self.name("skips"), self.name("levels")
        c, conv = self.name("c"), {"op": "conv2d", "kernel_size": 1}
        shrink: Spec = {"shrink": {"op": "avg_pool2d", "kernel_size": 2, "when": "=not last"}} if halves else {}
        grow: Spec = {"grow": {"op": "interpolate", "scale_factor": 2, "when": "=not last"}} if halves else {}
        down: Spec = {"conv": {**conv, "out_channels": f"={c}", "push": stack}, "act": "silu", **shrink}
        skip = {"op": "concat", "in": ["prev", f"{stack}.pop"], "dim": 1}
        up: Spec = {"skip": skip, "conv": {**conv, "out_channels": f"={c}"}, **grow}
        body.nodes[name] = {
            "in": body.read(value),
            "stacks": [stack],
            "let": {f"{c}s": widths},
            "nodes": {
                "down": {"for": {c: f"={c}s"}, "nodes": down},
                "middle": self.rng.choice(PRESERVING),
                "up": {"for": {c: f"=reversed({c}s)"}, "nodes": up},
            },
        }
        body.add(name, TensorType((n, widths[0], h, w)))
        return True

    def absent(self, body: Body, depth: int) -> bool:
        """An input of the network that is there under a flag, and no copy at all."""
        value = self.pick(body)
        if value is None:
            return False
        if body.root.sizes is not None or not all(
            isinstance(size, int) or str(size).isidentifier() for size in value.kind.shape
        ):
            node: Spec = {"op": self.rng.choice(PRESERVING), "repeat": 0, "in": body.read(value)}
            self.place(body, "none", node, [value.kind])
            return True
        name = self.name("further")
        flag = self.flag(body, self.name("may"), self.rng.random() < 0.5)
        shape = [size if isinstance(size, int) else str(size) for size in value.kind.shape]
        self.inputs[name] = {"shape": shape, "when": flag}
        node = {"op": "add", "in": [body.read(value), name], "when": flag}
        self.place(body, "added", node, [value.kind])
        return True


def with_training_output(spec: Spec, name: str, node: Any) -> Spec:
    """A spec with an output of training."""
    outputs = spec.get("outputs", next(reversed(spec["nodes"])))
    several = outputs if isinstance(outputs, dict) else {"out0": outputs}
    return {**spec, "nodes": {**spec["nodes"], name: node}, "outputs": {**several, "early": name}}
