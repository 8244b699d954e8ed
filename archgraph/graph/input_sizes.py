"""Numbers for the symbols in a graph's input shapes: checked, put in place, or chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import index
from typing import Any

from archgraph.dims import Constraint, Dim, symbols_of
from archgraph.errors import Problem, ShapeError, UnknownNameError, nearest
from archgraph.graph.types import Graph, Value

PREFERRED = {"N": 2}
USUAL = 32
"""What a symbol stands for in a trial, where neither the caller nor the spec's `meta.size` says."""


def check_sizes(graph: Graph, sizes: Mapping[str, int]) -> None:
    """Raises UnknownNameError or ShapeError where these are no sizes that the graph takes."""
    known = sorted(input_symbols(graph))
    for name, size in sizes.items():
        if name not in known:
            raise UnknownNameError(
                f"{graph.title} has no size '{name}'",
                expected=f"one of {', '.join(known)}" if known else "no sizes: all of them are fixed",
                hint=nearest(name, known),
            )
        if size < 1:
            raise ShapeError(f"the size {name} must be positive", expected="at least 1", received=str(size))
    wrong = [rule for rule in graph.constraints if rule.symbol in sizes and not rule.allows(sizes[rule.symbol])]
    if wrong:
        raise ShapeError(*(_refusal(graph, rule.text, f"{rule.symbol} = {sizes[rule.symbol]}") for rule in wrong))


def sizes_from(graph: Graph, given: Mapping[str, int] | Sequence[Any] | None) -> dict[str, int]:
    """Sizes by symbol; a shape of the input, or a shape for each of several, says them as well.

    Raises ShapeError for a shape that is not the input's.
    """
    if given is None or isinstance(given, Mapping):
        return {name: whole(name, size) for name, size in (given or {}).items()}
    if isinstance(given, str) or not isinstance(given, Sequence):
        expected = '{"H": 224} or (1, 3, 224, 224)'
        raise ShapeError("sizes are a mapping, or a shape", expected=expected, received=repr(given))
    alone = all(isinstance(size, int) for size in given)
    shapes = [given] if alone else list(given)
    if len(shapes) != len(graph.inputs):
        expected = ", ".join(f"{value.name} {value.type}" for value in graph.inputs)
        raise ShapeError("sizes are a mapping, or a shape for each input", expected=expected, received=repr(given))
    found: dict[str, int] = {}
    for value, shape in zip(graph.inputs, shapes, strict=True):
        _bind(found, value, tuple(shape))
    return found


def whole(name: str, size: object) -> int:
    """A size as Python's own number, since numpy's would be taken for a symbol. Raises ShapeError."""
    try:
        return index(size)  # type: ignore[arg-type]
    except TypeError:
        raise ShapeError(f"the size {name} must be a whole number", received=repr(size)) from None


def _bind(found: dict[str, int], value: Value, shape: tuple[int, ...]) -> None:
    """Gives the symbols of an input the sizes of a shape. Raises ShapeError where they do not fit."""
    wanted = value.shape
    fits = len(shape) == len(wanted)
    for size, number in zip(wanted, shape, strict=False):
        name = str(size)
        if not isinstance(size, int) and name.isidentifier():
            fits = fits and found.setdefault(name, number) == number
    concrete = [size if isinstance(size, int) else size.substitute(dict(found)) for size in wanted]
    if not fits or any(isinstance(size, int) and size != number for size, number in zip(concrete, shape, strict=True)):
        raise ShapeError(f"this is no shape of '{value.name}'", expected=str(value.type), received=str(list(shape)))


def _refusal(graph: Graph, expected: str, received: str) -> Problem:
    return Problem(f"{graph.title} does not take this size", expected=expected, received=received)


def input_symbols(graph: Graph) -> frozenset[str]:
    """The symbols in the shapes of the inputs."""
    return frozenset[str]().union(*(symbols_of(size) for value in graph.inputs for size in value.shape))


class InputSizes:
    """Dimensions with some symbols replaced by numbers; remembers what it has seen."""

    def __init__(self, values: Mapping[str, int]):
        self._values: dict[str, Dim] = dict(values)
        self._known: dict[Dim, Dim] = {}

    def __call__(self, dim: Dim) -> Dim:
        if isinstance(dim, int) or not self._values:
            return dim
        if dim not in self._known:
            self._known[dim] = dim.substitute(self._values)
        return self._known[dim]

    def shape(self, shape: Iterable[Dim]) -> tuple[Dim, ...]:
        """A whole shape with its symbols replaced."""
        return tuple(map(self, shape))


def concrete_sizes(graph: Graph, given: Mapping[str, int] | None = None) -> dict[str, int]:
    """A number for each symbol: the given one, that of the spec's `meta.size`, or a usual one that is allowed.

    Raises as `check_sizes` does.
    """
    told = graph.info.meta.get("size")
    wanted = {name: size for name, size in told.items() if isinstance(size, int)} if isinstance(told, Mapping) else {}
    rules = {rule.symbol: rule for rule in graph.constraints}
    asked = given or {}
    found = {name: asked.get(name) or _usual(name, wanted, rules.get(name)) for name in sorted(input_symbols(graph))}
    check_sizes(graph, {**found, **asked})
    return found


def _usual(name: str, wanted: Mapping[str, int], rule: Constraint | None) -> int:
    size = wanted.get(name, PREFERRED.get(name, USUAL))
    if rule is None or rule.allows(size):
        return size
    above = range(max(size, rule.minimum), max(size, rule.minimum) + rule.modulus)
    return next((number for number in above if rule.allows(number)), rule.minimum)
