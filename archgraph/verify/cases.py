"""What a file is tried on: sizes that the graph takes, and weights that hide nothing; `trial_inputs` has the inputs.

There are two cases, since each costs a run of torch and several of the file: `SMALLEST` and `UNEQUAL` say what each of
them is there for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.dims import Constraint, Dim, evaluate, symbols_of
from archgraph.export.lowering.applications import LoweredFlow, LoweredStep, Slot, flatten
from archgraph.graph.cost import cost
from archgraph.graph.input_sizes import input_symbols
from archgraph.graph.keys import weights
from archgraph.graph.types import Graph, joined
from archgraph.ops.contract import Inputs, Weight
from archgraph.ops.parametrization import ParametrizedOperation, SpectralNorm
from archgraph.verify.parametrized_weights import singular_vectors

BATCHES = (1, 3)
USUAL = (36, 18, 6, 0)
"""What a second size is at least: the first of these that is not too much work."""
MOST_STEPS = 16
"""How often small sizes grow where the smallest ones starve a norm or a variance."""
MOST_MACS = 8_000_000_000
LARGEST_SIZE = 1 << 20
SMALLEST = "one sample of the smallest sizes: dimensions of size 1, windows that reach beyond the picture, one token"
UNEQUAL = "a batch at sizes that all differ, odd and even: a height taken for a width shows, an element for another"

QUIET = 0.1
"""Scale of what flows into norms: small variances make a wrong epsilon visible."""


@dataclass(frozen=True, slots=True)
class Case:
    """Numbers for the symbols, and a seed for the inputs; whether these reach their edges, and why it is there."""

    sizes: Mapping[str, int]
    seed: int
    edges: bool = False
    reason: str = ""

    def shape(self, shape: tuple[Dim, ...]) -> tuple[int, ...]:
        """A shape at these sizes."""
        return _shape(shape, self.sizes)


def cases(graph: Graph) -> tuple[Case, ...]:
    """One sample of the smallest sizes, and a batch of other sizes, all different."""
    rules = {rule.symbol: rule for rule in graph.constraints}
    batch = {str(value.shape[0]) for value in graph.inputs if value.shape and not isinstance(value.shape[0], int)}
    names = sorted(input_symbols(graph))
    small = _smallest(flatten(graph), names, batch, rules)
    chosen = [small]
    for least in USUAL:
        chosen = [small, _second(names, batch, rules, small, least)]
        macs = cost(graph, chosen[1]).macs
        if isinstance(macs, int) and macs <= MOST_MACS:
            break
    pairs = zip(chosen, (SMALLEST, UNEQUAL), strict=True)
    return tuple(Case(sizes, seed, True, reason) for seed, (sizes, reason) in enumerate(pairs))


def _smallest(flow: LoweredFlow, names: list[str], batch: set[str], rules: Mapping[str, Constraint]) -> dict[str, int]:
    """The smallest sizes that starve no norm and no variance: one sample, or two where nothing else can grow or lets it
    see more."""
    small = {name: admitted(rules.get(name), BATCHES[0]) for name in names}
    for _ in range(MOST_STEPS):
        starving = [step for step in _applications(flow.steps) if starved(step, small)]
        if not starving:
            break
        counted = [symbols_of(step.node.op.normalized_values(step.node.types) or 1) for step in starving]
        growing = {*names} - batch | {name for symbols in counted if symbols <= batch for name in symbols}
        grown = {name: admitted(rules.get(name), size + (name in growing)) for name, size in small.items()}
        if grown == small:
            grown = {name: admitted(rules.get(name), size + 1) for name, size in small.items()}
        small = grown
    return small


def _applications(steps: Iterable[LoweredStep]) -> Iterator[LoweredStep]:
    """All applications, those that are done step by step too."""
    for step in steps:
        yield step
        if step.body is not None:
            yield from _applications(step.body.steps)


def starved(step: LoweredStep, sizes: Mapping[str, int]) -> bool:
    """Whether a norm would see a single value at these sizes, which torch refuses, or a variance no more values than
    its correction, which makes it no number."""
    op = step.node.op
    if op.normalized_values(step.node.types) is None:
        return False
    kinds = {port: replace(slot.type, shape=_shape(slot.type.shape, sizes)) for port, slot in step.inputs.items()}
    count = op.normalized_values(Inputs(kinds))
    return isinstance(count, int) and count <= getattr(op, "correction", 1)


def _shape(shape: tuple[Dim, ...], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(evaluate(size, sizes) for size in shape)


def _second(
    names: list[str], batch: set[str], rules: Mapping[str, Constraint], small: Mapping[str, int], least: int
) -> dict[str, int]:
    """Other sizes; where nothing larger is admitted, the smallest again."""
    found: dict[str, int] = {}
    last = least
    for name in names:
        wanted = BATCHES[1] if name in batch else max(small[name] + 1, last)
        found[name] = admitted(rules.get(name), wanted)
        if name not in batch:
            last = max(last, found[name] + 1)
    return found


def admitted(rule: Constraint | None, wanted: int) -> int:
    """The first size from `wanted` on that the rule allows, else the largest one below."""
    if rule is None:
        return wanted
    last = LARGEST_SIZE if rule.maximum is None else rule.maximum
    start = max(wanted, rule.minimum)
    above = (size for size in range(start, min(last, start + rule.modulus) + 1) if rule.allows(size))
    below = (size for size in range(min(start, last), 0, -1) if rule.allows(size))
    return next(above, None) or next(below, wanted)


def random_weights(graph: Graph, state: Mapping[str, Array], seed: int = 0) -> dict[str, Array]:
    """Weights under every key that hide nothing: no ones, no zeros, statistics of their own, no two tensors alike.

    A network as it is initialised hides much: equal biases can be swapped, branches that end in zeros left out. What
    is stored but not trained (positions, tables, masks) means what it says and stays as it is in `state`.
    """
    rng = np.random.default_rng(seed)
    flow = flatten(graph)
    quiet = set(quiet_keys(flow))
    drawn: dict[str, Array] = {}
    for item in weights(graph):
        statistic = item.weight.name in ("running_mean", "running_var")
        kept = not item.weight.trainable and not statistic
        drawn[item.key] = state[item.key] if kept else drawn_weight(rng, item.weight, item.key in quiet)
    drawn |= _singular_vectors(graph, drawn, rng)
    return {key: drawn[flow.ties.get(key, key)] for key in drawn}


def _singular_vectors(graph: Graph, drawn: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """The vectors of each spectral norm, near those of the weights that were drawn."""
    found: dict[str, Array] = {}
    for item in weights(graph):
        op, owned = item.node.op, item.node.weights
        made = op.parametrization if isinstance(op, ParametrizedOperation) else None
        if isinstance(made, SpectralNorm) and item.weight is owned[-3]:
            keys = [joined(item.path, vector.name) for vector in owned[-2:]]
            found |= dict(zip(keys, singular_vectors(drawn[item.key], made.dim or 0, rng), strict=True))
    return found


class RandomNumbers(Protocol):
    """What weights are drawn from: numpy's generators, and others of their kind."""

    def standard_normal(self, size: Any, /) -> Any: ...

    def uniform(self, low: float, high: float, size: Any, /) -> Any: ...


def drawn_weight(rng: RandomNumbers, weight: Weight, quiet: bool) -> Array:
    """Numbers for one weight, `quiet` ones where its results reach a norm."""
    shape, scale = weight.shape, QUIET if quiet else 1.0
    if weight.name == "running_var":
        values = rng.uniform(0.5, 2.0, shape) * QUIET**2
    elif weight.init.kind in ("ones", "constant"):
        values = rng.uniform(0.5, 1.5, shape) * scale
    elif weight.name == "running_mean" or len(shape) < 2:
        values = rng.standard_normal(shape) * scale / 3
    else:
        values = rng.standard_normal(shape) * scale * float(np.prod(shape[1:])) ** -0.5
    return np.asarray(values, dtype=weight.dtype)


def quiet_keys(flow: LoweredFlow) -> Iterator[str]:
    """Keys of the weights whose results reach a norm with nothing but sums and rearrangements between."""
    readers: dict[Slot, list[LoweredStep]] = {}
    for step in flow.steps:
        for slot in step.inputs.values():
            readers.setdefault(slot, []).append(step)
    reaches: dict[Slot, bool] = {}
    for step in reversed(flow.steps):
        for slot in step.outputs:
            reaches[slot] = any(_reaches_norm(reader, reaches) for reader in readers.get(slot, ()))
    for step in flow.steps:
        if any(reaches[slot] for slot in step.outputs):
            yield from step.keys.values()


def _reaches_norm(reader: LoweredStep, reaches: Mapping[Slot, bool]) -> bool:
    """Whether what an application reads is normalised, by it or behind it."""
    op = reader.node.op
    kept = op.traits.moves_data or op.traits.keeps_scale
    return op.traits.normalizes or (kept and any(reaches.get(made, False) for made in reader.outputs))
