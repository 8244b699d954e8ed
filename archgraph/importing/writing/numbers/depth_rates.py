"""Rates of stochastic depth that grow with the depth (Huang et al. 2016, Deep Networks with Stochastic Depth): the k-th
of n layers is left out with a probability of `rate * k / n`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph.graph.types import Call, Graph, Item, Node, joined

RATE, BEFORE, LAYERS = "rate", "before", "layers"
"""The roles of the largest rate, of the number of layers before, and of the number by which the rates grow."""
_LEAST = 3
"""So many different rates grow by no accident."""
_ROUNDING = 1e-5
"""Of float32, in which some networks compute their rates."""
_STEP = ""
"""Stands for the name of the argument of a step."""
_WORDS = ("drop_path", "stochastic_depth")


class DepthRate(float):
    """The rate of one layer: `rate * before / layers`."""

    rate: float
    before: int
    layers: int

    def __new__(cls, value: float, rate: float, before: int, layers: int) -> DepthRate:
        """The number that the network has, and what it is made of."""
        made = super().__new__(cls, value)
        made.rate, made.before, made.layers = rate, before, layers
        return made

    def __reduce__(self) -> Any:
        return DepthRate, (float(self), self.rate, self.before, self.layers)


def with_depth_rates(graph: Graph, arguments: Mapping[str, Any]) -> Graph:
    """The network with what its rates are made of, where they grow with the depth; `arguments` are those of its
    constructor.

    Where branches of one layer have shares of its rate, the rates are those that the constructors of layers are given.
    """
    if _has_shared_calls(graph):
        return graph
    rates = _known(sorted({*_given_rates(graph)}), arguments) or _known(sorted({*_rates(graph)}), arguments)
    return _written(graph, rates) if rates else graph


def with_rates_of_others(graphs: Sequence[Graph]) -> list[Graph]:
    """Networks of one family, of which those that leave nothing out have the rates of the others, times 0: so layers at
    the same places are told alike."""
    found = [dict(_layers(graph)) for graph in graphs]
    made: list[Graph] = []
    for graph, own in zip(graphs, found, strict=True):
        like = next((one for one in found if one.keys() >= own.keys() and any(map(_grows, one.values()))), {})
        plain = any(own.values()) or any(_rates(graph)) or not like
        made.append(graph if plain else _as_layers(graph, like))
    return made


def _layers(graph: Graph, around: str = "") -> Iterator[tuple[tuple[str, str], Any]]:
    """The rates that constructors are given and those of steps, by the path of a module and the argument's name."""
    for item in graph.items:
        path = joined(around, item.name)
        if isinstance(item, Call):
            yield from (((path, name), value) for name, value in item.arguments.items() if _is_rate(name, value))
            yield from _layers(item.body, path)
        elif item.op.name == "stochastic_depth":
            yield (path, _STEP), item.op.p  # type: ignore[attr-defined]


def _grows(value: Any) -> bool:
    return isinstance(value, DepthRate)


def _as_layers(graph: Graph, like: Mapping[tuple[str, str], Any], around: str = "") -> Graph:
    items: list[Item] = []
    for item in graph.items:
        path = joined(around, item.name)
        if isinstance(item, Call):
            given = {name: _never(value, like.get((path, name))) for name, value in item.arguments.items()}
            items.append(replace(item, body=_as_layers(item.body, like, path), arguments=given))
        elif isinstance(item, Node) and item.op.name == "stochastic_depth":
            rate = _never(item.op.p, like.get((path, _STEP)))  # type: ignore[attr-defined]
            items.append(replace(item, op=item.op.model_copy(update={"p": rate})))
        else:
            items.append(item)
    return replace(graph, items=tuple(items))


def _never(value: Any, other: Any) -> Any:
    return DepthRate(0.0, 0.0, other.before, other.layers) if isinstance(other, DepthRate) else value


def grow(values: Sequence[Any]) -> bool:
    """Whether these are the rates of layers in a row."""
    first = values[0]
    return isinstance(first, DepthRate) and all(
        isinstance(value, DepthRate)
        and (value.rate, value.layers, value.before) == (first.rate, first.layers, first.before + place)
        for place, value in enumerate(values)
    )


def _rates(graph: Graph) -> Iterator[float]:
    for item in graph.items:
        if isinstance(item, Call):
            yield from _rates(item.body)
        elif item.op.name == "stochastic_depth":
            yield item.op.p  # type: ignore[attr-defined]


def _given_rates(graph: Graph) -> Iterator[float]:
    yield from (value for (_, name), value in _layers(graph) if name != _STEP)


def _has_shared_calls(graph: Graph) -> bool:
    calls = [item for item in graph.items if isinstance(item, Call)]
    return any(call.shares is not None or _has_shared_calls(call.body) for call in calls)


def _known(values: Sequence[float], arguments: Mapping[str, Any]) -> Mapping[float, DepthRate]:
    """What each rate is made of; nothing where they are no multiples of the smallest step between them."""
    steps = [b - a for a, b in zip((0.0, *values), values, strict=False) if b - a > _ROUNDING]
    if len(steps) < _LEAST:
        return {}
    step = values[-1] / round(values[-1] / min(steps))
    largest = [
        value
        for name, value in arguments.items()
        if isinstance(value, float) and any(word in name for word in _WORDS) and value >= values[-1] - _ROUNDING
    ]
    rate = largest[0] if largest else values[-1]
    layers = round(rate / step)
    made = {value: DepthRate(value, rate, round(value / step), layers) for value in {0.0, *values}}
    exact = all(abs(one.rate * one.before / one.layers - value) < _ROUNDING * rate for value, one in made.items())
    return made if exact else {}


def _written(graph: Graph, rates: Mapping[float, DepthRate]) -> Graph:
    items: list[Item] = []
    for item in graph.items:
        if isinstance(item, Call):
            given = {name: _of_argument(name, value, rates) for name, value in item.arguments.items()}
            items.append(replace(item, body=_written(item.body, rates), arguments=given))
        elif isinstance(item, Node) and item.op.name == "stochastic_depth":
            own = item.op.p  # type: ignore[attr-defined]
            rate = rates.get(own, own)
            items.append(replace(item, op=item.op.model_copy(update={"p": rate})))
        else:
            items.append(item)
    return replace(graph, items=tuple(items))


def _of_argument(name: str, value: Any, rates: Mapping[float, DepthRate]) -> Any:
    return rates.get(value, value) if _is_rate(name, value) else value


def _is_rate(name: str, value: Any) -> bool:
    return isinstance(value, float) and any(word in name for word in _WORDS)
