"""Operations of the whole vocabulary in a body, and where what they read comes from."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from random import Random
from typing import Any

from random_bodies import Body, Value
from random_parts import Parts
from random_vocabulary import ORDER, Application, application

from archgraph.ops import TensorType
from archgraph.ops.constant_tables import table_text

MOST_INPUTS = 7
STRIDE = 97
"""How far the operations of one spec are from each other in their order."""
ONCE = ("scatter", "index_copy", "max_unpool1d", "max_unpool2d", "max_unpool3d")
"""What writes at places, each of which has to be named once."""
Source = Callable[[], str]


class Sources(Parts):
    """Adds applications of operations in turn: each spec another one first."""

    def __init__(self, seed: int):
        super().__init__(seed)
        self._turn = self._first = seed
        self._more = Random(f"more {seed}")
        """Draws what came to the generator later, so that the networks of a seed change less."""

    def vocabulary(self, body: Body) -> bool:
        """An operation with all that it reads."""
        name = ORDER[self._turn % len(ORDER)]
        self._turn += STRIDE
        near = self.pick(body)
        return any(self._applied(body, name, kind) for kind in (near.kind if near is not None else None, None))

    def _applied(self, body: Body, name: str, near: TensorType | None) -> bool:
        found = application(self.rng, name, self.facts, near)
        if found is None:
            return False
        sources = {port: self._source(body, found, port, kind) for port, kind in found.types.items()}
        if any(each is None for each in sources.values()) or not all(map(body.writable, found.attributes.values())):
            return False
        names = {port: source() for port, source in sources.items() if source is not None}
        self._placed(body, found, names)
        return True

    def _placed(self, body: Body, found: Application, names: dict[str, str]) -> None:
        ports = [port.name for port in found.op.ports]
        variadic = bool(found.op.ports) and found.op.ports[0].variadic
        given: Any = list(names.values())
        if not variadic and list(names) != ports[: len(names)]:
            given = names
        elif len(given) == 1 and not variadic and self.rng.random() < 0.8:
            given = given[0]
        name = self.name(found.op.name)
        read = {"in": given} if names else {}
        body.nodes[name] = {"op": found.op.name, **read, **body.write(dict(found.attributes))}
        ends = found.op.result_names(len(found.results))
        for end, kind in zip(ends, found.results, strict=True):
            value = body.add(f"{name}.{end}" if end else name, kind)
            if kind.dtype != "float32" and self.rng.random() < 0.5:
                self.place(
                    body, "number", {"op": "to", "dtype": "float32", "in": body.read(value)}, [TensorType(kind.shape)]
                )

    # -- where values come from ----------------------------------------------------------------------------------------

    def _source(self, body: Body, found: Application, port: str, kind: TensorType) -> Source | None:
        """How a value for a port is made; None where it cannot be."""
        declared = next(each for each in found.op.ports if each.name == port.partition(".")[0])
        if declared.role == "sorted":
            return self._ascending(body, kind)
        if kind.dtype == "float32":
            return self._float(body, found, kind)
        if kind.dtype == "bool":
            return self._truth(body, kind)
        return self._integer(body, found, port, kind)

    def _float(self, body: Body, found: Application, kind: TensorType) -> Source | None:
        alike = [value for value in body.visible() if value.kind == kind]
        ways: list[Source] = []
        if not found.jumps:
            ways += 2 * [lambda: self._prepared(body, found, self.rng.choice(alike))] if alike else []
        if self._outside(body):
            ways.append(lambda: self._within(body, found, self._given(body, kind)))
        if all(isinstance(size, int) for size in kind.shape):
            ways.append(lambda: self._within(body, found, self._parameter(body, kind)))
        elif not found.jumps and None not in [body.nameable(size) for size in kind.shape]:
            ways.append(lambda: self._prepared(body, found, self._full(body, kind)))
        return self.rng.choice(ways) if ways else None

    def _outside(self, body: Body) -> bool:
        """Whether a further input of the network can be read here."""
        return body.root.sizes is None and len(self.inputs) < MOST_INPUTS

    def _given(self, body: Body, kind: TensorType) -> Value:
        name = self.name("given")
        shape = [size if isinstance(size, int) else str(size) for size in kind.shape]
        symbols = all(isinstance(size, int) or str(size).isidentifier() for size in kind.shape)
        shape = (
            shape
            if symbols
            else [size if str(size).isidentifier() or isinstance(size, int) else f"={size}" for size in shape]
        )
        self.inputs[name] = shape if kind.dtype == "float32" else {"shape": shape, "dtype": kind.dtype}
        value = Value(name, kind)
        body.root.values.insert(1, value)  # the first one is what the first node reads by default
        return value

    def _parameter(self, body: Body, kind: TensorType) -> Value:
        self.place(body, "held", {"op": "parameter", "shape": list(kind.shape), "init": "normal"}, [kind])
        return body.values[-1]

    def _full(self, body: Body, kind: TensorType) -> Value:
        """A number everywhere, and the mean of another value added to it."""
        number = {"op": "full", "shape": body.write(list(kind.shape)), "fill_value": 0.25}
        self.place(body, "full", number, [kind])
        value, other = body.values[-1], self.pick(body)
        if other is None or other is value:
            return value
        self.place(body, "mean", {"op": "mean", "in": body.read(other)}, [TensorType(())])
        names = [body.read(value), body.read(body.values[-1])]
        self.place(body, "filled", {"op": "add", "in": names}, [kind])
        return body.values[-1]

    def _prepared(self, body: Body, found: Application, value: Value) -> str:
        """As it is, or bounded."""
        if found.domain is None and self.rng.random() < 0.5:
            self.place(
                body, "bounded", {"op": self.rng.choice(["tanh", "sigmoid"]), "in": body.read(value)}, [value.kind]
            )
            return body.read(body.values[-1])
        return self._within(body, found, value)

    def _within(self, body: Body, found: Application, value: Value) -> str:
        """Within what the operation is defined for."""
        if found.domain is None:
            return body.read(value)
        low, high = found.domain
        self.place(body, "within", {"op": "clamp", "min": low, "max": high, "in": body.read(value)}, [value.kind])
        return body.read(body.values[-1])

    def _truth(self, body: Body, kind: TensorType) -> Source | None:
        ways: list[Source] = []
        if self._outside(body):
            ways.append(lambda: body.read(self._given(body, kind)))
        if all(isinstance(size, int) for size in kind.shape):
            ways.append(lambda: self._constant(body, kind, lambda i: i % 3 > 0))
        return self.rng.choice(ways) if ways else None

    def _integer(self, body: Body, found: Application, port: str, kind: TensorType) -> Source | None:
        indices = port in found.op.indices
        ways: list[Source] = []
        if self._outside(body) and indices and found.op.name not in ONCE:
            ways.append(lambda: body.read(self._given(body, kind)))
        low, high = found.integers(port)
        if all(isinstance(size, int) for size in kind.shape):
            if found.op.name in ONCE:
                return self._each_once(body, found, kind, high - low + 1)
            ways.append(lambda: self._constant(body, kind, lambda i: low + 2 * i % (high - low + 1)))
        return self.rng.choice(ways) if ways else None

    def _each_once(self, body: Body, found: Application, kind: TensorType, count: int) -> Source | None:
        """Places of which no two are the same: counted along the dimension that they belong to."""
        along: Any = found.attributes.get("dim")
        sizes = [int(size) for size in kind.shape]  # type: ignore[call-overload]
        if along is None:  # of each channel
            inner, length = 1, prod(sizes[2:])
        else:
            axis = along % len(sizes)
            inner, length = prod(sizes[axis + 1 :]), sizes[axis]
        if length > count:
            return None
        start = self.rng.randrange(count)
        return lambda: self._constant(body, kind, lambda i: (start + i // inner % length) % count)

    def _ascending(self, body: Body, kind: TensorType) -> Source | None:
        if not all(isinstance(size, int) for size in kind.shape) or not kind.rank:
            return None
        last = int(kind.shape[-1])  # type: ignore[call-overload]
        return lambda: self._constant(body, kind, lambda i: i % last if kind.dtype != "float32" else 0.37 * (i % last))

    def _constant(self, body: Body, kind: TensorType, element: Callable[[int], Any]) -> str:
        shape = [int(size) for size in kind.shape]  # type: ignore[call-overload]
        flat: Any = [element(i) for i in range(prod(shape))]
        for size in reversed(shape[1:]):
            flat = [flat[i : i + size] for i in range(0, len(flat), size)]
        value = flat if shape else flat[0]
        wide = kind if kind.dtype in ("float32", "bool") else TensorType(kind.shape, "int64")
        written = table_text(value) if shape and self._more.random() < 0.3 else value
        self.place(body, "numbers", {"op": "constant", "value": written}, [wide])
        if wide != kind:
            to = {"op": "to", "dtype": kind.dtype, "in": body.read(body.values[-1])}
            self.place(body, "numbers", to, [kind])
        return body.read(body.values[-1])
