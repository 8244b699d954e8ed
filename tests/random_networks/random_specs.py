"""Random valid specs, as plain data, over the whole vocabulary and the whole language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from random_bodies import Body, floating
from random_elementwise import Elementwise
from random_files import Files
from random_levels import H, L, N, W
from random_operations import PRESERVING
from random_parts import Spec
from random_rules import with_training_output
from random_standard_blocks import StandardBlocks

from archgraph.dims import Cause, Dim
from archgraph.ops import TensorType

IMAGES: tuple[tuple[Dim, ...], ...] = (
    (N, 4, H, W),
    (N, 4, H, W),
    (N, 6, H, H),
    (N, 4, 8, 6),
    (2, 4, H, 7),
    (N, 3, H, W),
)
OTHERS: tuple[tuple[Dim, ...], ...] = ((N, L, 8), (N, 6), (N, 4, L), (L, 6), (), (5,), (N, 2, 3, H, W), (H, W), (N,))
TRIES = 8
EQUATIONS: tuple[Any, ...] = ("H % 2 == 0", "H >= 4", ["H % 4 == 0", "H <= 32"])
"""What an input may demand of a size."""
DEMANDED = {
    "H % 2 == 0": lambda facts: facts.require_multiple(H, 2, Cause("demanded")),
    "H % 4 == 0": lambda facts: facts.require_multiple(H, 4, Cause("demanded")),
    "H >= 4": lambda facts: facts.declare("H", 4),
    "H <= 32": lambda facts: facts.declare("H", maximum=32),
    "H <= 40": lambda facts: facts.declare("H", maximum=40),
}
"""The same, told to what is drawn after it."""
EVERY_FUNCTION = (
    *("=max(2, 3)", "=min([3, 1, 2])", "=sum([1, 2]) / 4", "=int(7 / 2)", "=ceil(2.5)", "=floor(2.5)"),
    *("=round(2.46, 1)", "=log2(8)", "=len(range(1, 7, 2))", "=sum(reversed([1, 2]))", "=round(1.5)"),
    *("=(2 if any([true, false]) else 3)", "=(2 if all([true, false]) else 3)"),
)
"""Numbers by the functions of the expression language."""
PAIRS = ("=zip([1, 2], [2, 3])", "=enumerate([2, 3])", "=enumerate([2, 3], 1)")
"""Lists of pairs, one for each copy."""


class SpecDrawing(Files, Elementwise, StandardBlocks):
    """Draws one spec from a seed. `parts` is about how many parts its outermost body has."""

    def __init__(self, seed: int, parts: int = 6):
        super().__init__(seed)
        self._parts = parts

    def spec(self) -> Spec:
        body = Body(self.rng, self.facts)
        numbers = {"width": 4, "depth": 2} if self.rng.random() < 0.5 else {}
        body.params |= numbers
        inputs = self._inputs(body)
        for value in [value for value in body.values if value.kind.dtype.startswith("int")]:
            self.integers(body, value)
        for _ in range(2):
            self.vocabulary(body)
        if self._first % 3 == 0:
            self.block_in_turn(body)
        if self._first % 3 == 1:
            self.computed(body)
        self.fill(body, 2, self.rng.randint(2, self._parts))
        if self.rng.random() < 0.08:
            self.hidden_operation()
        head = self._head(body) if self.rng.random() < 0.12 else None
        spec = self._whole(body, numbers, inputs)
        return self.in_files(spec if head is None else with_training_output(spec, self.name("head"), head))

    def _whole(self, body: Body, numbers: Spec, inputs: Spec) -> Spec:
        outputs = self.finish(body)
        params: Spec = {**numbers, **self.flags, **self.words}
        return {
            "archgraph": 1,
            "name": "drawn",
            **({"params": params} if params else {}),
            **({"presets": self._presets()} if self.flags or self.words else {}),
            "inputs": {**inputs, **self.inputs},
            **({"stacks": body.stacks} if body.stacks else {}),
            **({"assert": ["=width * depth == 8", {"that": "=depth > 1"}]} if numbers else {}),
            "nodes": body.nodes,
            **outputs,
            **self._order(body),
            **({"blocks": self.blocks} if self.blocks else {}),
        }

    def _head(self, body: Body) -> Spec | None:
        """A node for an output of training, which reads what others read too."""
        read = [value for value in body.values if floating(value.kind) and value.readers]
        if not read:
            return None
        pool = {"op": "mean", "in": body.read(self.rng.choice(read))}
        return {"nodes": {self.name("pool"): pool, self.name("act"): "relu"}, "training": "only"}

    def computed(self, body: Body) -> bool:
        """A sum with a number that the expression language computes, or copies with a pair of numbers each."""
        value = self.pick(body)
        if value is None:
            return False
        node: Spec = {"op": "add", "in": body.read(value)}
        turn = self._first // 3 % (len(EVERY_FUNCTION) + len(PAIRS))
        if turn < len(EVERY_FUNCTION):
            node["value"] = EVERY_FUNCTION[turn]
        else:
            pair = self.name("pair")
            node |= {"for": {pair: PAIRS[turn - len(EVERY_FUNCTION)]}, "value": f"={pair}[0] + {pair}[1]"}
        self.place(body, "computed", node, [value.kind])
        return True

    def other(self, seed: int) -> Spec:
        """Another drawn spec."""
        drawing = SpecDrawing(seed, 2)
        drawing.files = {"none": "none"}
        spec = drawing.spec()
        return {key: item for key, item in spec.items() if key != "use"}

    def _order(self, body: Body) -> Spec:
        """Which children come first among the keys."""
        names = [name for name, node in body.nodes.items() if not isinstance(node, dict) or "path" not in node]
        return {"order": self.rng.sample(names, min(2, len(names)))} if self.rng.random() < 0.1 else {}

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
            if i and self.rng.random() < 0.15 and shapes[0] == (N, L, 8):
                kind, shape = self.rng.choice(["bool", "float32"]), (L, L)
            name = ["x", "other", "third"][i]
            found[name] = self._input(shape, kind)
            body.add(name, TensorType(shape, kind))
        return found

    def _input(self, shape: tuple[Dim, ...], kind: str) -> Any:
        sizes = [size if isinstance(size, int) else str(size) for size in shape]
        if kind != "float32":
            return {"shape": sizes, "dtype": kind}
        if "H" in sizes and self.rng.random() < 0.1:
            return {"shape": sizes, "where": self._demanded("H <= 40")}
        if "H" in sizes and self._more.random() < 0.15:
            return {"shape": sizes, "where": self._demanded(self._more.choice(EQUATIONS))}
        return sizes

    def _demanded(self, where: Any) -> Any:
        for each in [where] if isinstance(where, str) else where:
            DEMANDED[each](self.facts)
        return where

    def fill(self, body: Body, depth: int, parts: int) -> None:
        for _ in range(parts):
            self.part(body, depth)

    def part(self, body: Body, depth: int) -> None:
        ways: list[tuple[float, Callable[[Body, int], bool]]] = [
            (8, lambda body, depth: self.operation(body)),
            (2, lambda body, depth: self.two(body)),
            (3, lambda body, depth: self.vocabulary(body)),
            (1, lambda body, depth: self.constant(body)),
            (1, lambda body, depth: self.attention(body)),
            (1, lambda body, depth: self.counted(body)),
            (1, lambda body, depth: self.ratio(body)),
            (0.5, lambda body, depth: self.rows(body)),
            (1, lambda body, depth: self.outside_weight(body)),
            (4, lambda body, depth: self.again(body)),
            (1, lambda body, depth: self.pushed(body)),
            (1, lambda body, depth: self.conditional(body)),
            (1, lambda body, depth: self.standard(body)),
            (2, lambda body, depth: self.function(body)),
            (1, lambda body, depth: self.pairs(body)),
            (1, lambda body, depth: self.masked(body)),
            (0.7, lambda body, depth: self.made(body)),
        ]
        if depth:
            ways += [(2, self.group), (2, self.block), (2, self.repeated), (1, self.mapped), (1, self.over_lists)]
            ways += [(1, self.node_parameter), (1, self.variants), (1, self.chained), (1, self.listed)]
            ways += [(1, self.numbered), (1, self.stepwise), (0.7, self.typed), (0.5, self.auxiliary)]
            ways += [
                (0.7, self.stored),
                (0.7, self.skips),
                (0.5, self.absent),
                (0.5, self.network),
                (0.5, self.shipped),
            ]
            ways += [(0.7, self.deeper), (1.5, self.there_and_back), (0.7, self.timed)]
        for _ in range(TRIES):
            if self.rng.choices([way for _, way in ways], [weight for weight, _ in ways])[0](body, depth):
                return
