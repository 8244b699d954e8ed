"""Random operations of tables: functions of each element, masks of whole numbers, choices, and values that are made."""

from __future__ import annotations

from typing import Any

from random_bodies import Body, Value
from random_parts import Parts

from archgraph.ops import TensorType
from archgraph.ops.nonlinearity import TABLE as ACTIVATIONS
from archgraph.ops.unary import TABLE as UNARY

Spec = dict[str, Any]
STEPS = {"sign", "floor", "ceil", "round", "trunc", "frac", "hardshrink", "threshold"}
"""Functions that jump: float32 and float64 differ where they do."""
DOMAINS: dict[str, tuple[float, float]] = {"acosh": (1.25, 3.0)}
WHOLE: tuple[Spec, ...] = (
    {"op": "remainder", "value": 3},
    {"op": "floor_divide", "value": 2},
    {"op": "mul", "value": -2},
    {"op": "add", "value": 1},
    {"op": "maximum", "value": 2},
    {"op": "bitwise_and", "value": 5},
    {"op": "bitwise_not"},
    {"op": "square"},
    {"op": "abs"},
    {"op": "neg"},
    {"op": "sign"},
    {"op": "clamp", "min": 1, "max": 3},
    {"op": "to", "dtype": "int32"},
)
TESTS = ("gt", "ge", "lt", "le", "eq", "ne")


def rows_of_floats() -> list[tuple[str, dict[str, Any]]]:
    """Functions without jumps, with the attributes of their examples."""
    found = []
    for row in (*UNARY.rows.values(), *ACTIVATIONS.rows.values()):
        if "float32" in row.types.reads and row.types.gives("float32") == "float32" and row.name not in STEPS:
            found += [(row.name, dict(each)) for each in row.examples]
    return found


FLOATS = rows_of_floats()


class Elementwise(Parts):
    """Adds parts of these operations to bodies."""

    def function(self, body: Body) -> bool:
        """A function of each element, of numbers for which all of them have a result."""
        value = self.pick(body)
        if value is None:
            return False
        name, attributes = self.rng.choice(FLOATS)
        low, high = DOMAINS.get(name, (0.25, 0.75))
        if not self._apply(body, {"op": "clamp", "min": low, "max": high}, value):
            return False
        return self._apply(body, {"op": name, **attributes}, body.values[-1])

    def pairs(self, body: Body) -> bool:
        """The larger or smaller of two values, or of a value and a number; a power."""
        value = self.pick(body)
        if value is None:
            return False
        name = self.rng.choice(["maximum", "minimum"])
        if self.rng.random() < 0.5:
            number: Spec = self.rng.choice([{"op": name, "value": 0.25}, {"op": "pow", "value": 2}])
            return self._apply(body, number, value)
        return self._apply(body, {"op": name}, value, self._alike(body, value))

    def masked(self, body: Body) -> bool:
        """Places of the last dimension, numbered; a test of the numbers; and what is chosen by it."""
        value = self.pick(body, lambda kind: bool(kind.rank))
        end = value and body.nameable(value.kind.shape[-1])
        if value is None or end is None:
            return False
        places = TensorType((value.kind.shape[-1],), "int64")
        self.place(body, "places", {"op": "arange", **body.write({"end": end})}, [places])
        for _ in range(self.rng.randint(0, 2)):
            self._apply(body, dict(self.rng.choice(WHOLE)), body.values[-1])
        numbers = body.values[-1]
        self._apply(body, {"op": self.rng.choice(TESTS), "value": self.rng.choice([0, 1, 2])}, numbers)
        if self.rng.random() < 0.4:
            first = body.values[-1]
            self._apply(body, {"op": self.rng.choice(TESTS), "value": 1}, numbers)
            joined: Spec = {"op": self.rng.choice(["logical_and", "logical_or", "logical_xor", "bitwise_or"])}
            self._apply(body, joined, first, body.values[-1])
        if self.rng.random() < 0.3:
            self._apply(body, {"op": "logical_not"}, body.values[-1])
        return self._chosen(body, body.values[-1], value)

    def _chosen(self, body: Body, mask: Value, value: Value) -> bool:
        way = self.rng.choice(["number", "other", "filled", "cast", "made"])
        if way == "number":
            return self._apply(body, {"op": "where", "value": self.rng.choice([0, 0.5])}, mask, value)
        if way == "other":
            return self._apply(body, {"op": "where"}, mask, value, self._alike(body, value))
        if way == "filled":
            return self._apply(body, {"op": "masked_fill", "value": self.rng.choice([0, -1.5])}, value, mask)
        if way == "cast":
            self._apply(body, {"op": "to", "dtype": "float32"}, mask)
        else:
            like = self.rng.choice([{"op": "full_like", "fill_value": 0.5}, {"op": "zeros_like"}, {"op": "ones_like"}])
            self._apply(body, {**like, "dtype": "float32"}, mask)
        return self._apply(body, {"op": self.rng.choice(["mul", "add"])}, value, body.values[-1])

    def made(self, body: Body) -> bool:
        """A value of the last dimension's size, made of nothing, with another."""
        value = self.pick(body, lambda kind: bool(kind.rank))
        size = value and body.nameable(value.kind.shape[-1])
        if value is None or size is None:
            return False
        ways: list[Spec] = [
            {"op": "zeros", "shape": [size]},
            {"op": "ones", "shape": [1, size]},
            {"op": "full", "shape": [size], "fill_value": 0.25},
            {"op": "linspace", "start": -1.0, "end": 1.0, "steps": size},
        ]
        node = self.rng.choice(ways)
        found = body.infer(node, [])
        if found is None:
            return False
        self.place(body, node["op"], body.write(node), found)
        return self._apply(body, {"op": self.rng.choice(["add", "mul", "maximum"])}, value, body.values[-1])

    def _apply(self, body: Body, arguments: Spec, *values: Value) -> bool:
        """Adds a node, where its types fit."""
        found = body.infer(arguments, [value.kind for value in values])
        if found is None:
            return False
        names = [body.read(value) for value in values]
        node = {**arguments, "in": names if len(names) > 1 else names[0]}
        self.place(body, arguments["op"], node, found)
        return True
