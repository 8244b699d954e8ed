"""Random single operations in a body, and small groups of operations that belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from random_bodies import Body, Value, floating
from random_operations import DRAWERS

from archgraph.dims import Facts
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
        self.inputs: Spec = {}
        """Further inputs of the network, drawn where something reads them."""
        self._count = 0

    def name(self, stem: str) -> str:
        """A name of its own: `exp2` and 3 are not `exp` and 23."""
        self._count += 1
        return f"{stem}{'_' * stem[-1].isdigit()}{self._count}"

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
            node = {**node, "path": f"under{name}.{self.rng.choice(['0', 'deep', name, 'deep-0'])}"}
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
        if node["op"] == "constant" and self.rng.random() < 0.3:
            self.place(body, "stored", {"op": "register_buffer", "in": body.read(held)}, [held.kind])
            held = body.values[-1]
        names = [body.read(value), body.read(held)]
        if self.rng.random() < 0.3:
            names.reverse()
        self.place(body, "scaled", {"op": self.rng.choice(["mul", "add", "sub"]), "in": names}, found)
        return True

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
        names = list(body.nodes)
        if any(name.startswith("popped") for name in names[names.index(value.name) :]):
            return False  # that one would take this value
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
