"""What differs between two graphs, path by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from archgraph.graph.checkpoint_diff import CheckpointDifference
from archgraph.graph.flat_network import FlatFlow, FlatStep, flow
from archgraph.graph.keys import weights
from archgraph.graph.text import attribute_text
from archgraph.graph.types import Call, Graph, Node, joined

Aspect = Literal["operation", "attribute", "output", "weight", "tie", "shared", "reads", "mode", "graph"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of something that both graphs have. `before` or `after` is '' where there is nothing."""

    path: str
    aspect: Aspect
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        what = f"{self.aspect} {self.name}".strip() if self.aspect != "graph" else self.name
        place = f"{self.path}: " if self.path else ""
        return f"{place}{what}: {self.before or 'nothing'} → {self.after or 'nothing'}"


@dataclass(frozen=True, slots=True)
class Only:
    """What only one graph has: an operation, or a whole call with that many operations."""

    path: str
    kind: str
    operations: int = 1

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}" + (f" ({self.operations} operations)" if self.operations != 1 else "")


@dataclass(frozen=True, slots=True)
class Difference:
    """All differences; false where there is none."""

    before: str
    after: str
    removed: tuple[Only, ...]
    added: tuple[Only, ...]
    changed: tuple[Change, ...]
    checkpoint: CheckpointDifference = field(default_factory=CheckpointDifference)
    """What becomes of a checkpoint of the first network in the second."""

    def __bool__(self) -> bool:
        return bool(self.removed or self.added or self.changed)

    def text(self) -> str:
        """One line per difference: `-` removed, `+` added, `~` changed. Empty where the graphs are equal."""
        if not self:
            return ""
        lines = [f"--- {self.before}", f"+++ {self.after}"]
        lines += [f"- {item}" for item in self.removed]
        lines += [f"+ {item}" for item in self.added]
        lines += [f"~ {item}" for item in self.changed]
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""

        def plain(items: Iterable[Only]) -> list[dict[str, Any]]:
            return [{"path": item.path, "kind": item.kind, "operations": item.operations} for item in items]

        changed = [
            {"path": c.path, "aspect": c.aspect, "name": c.name, "before": c.before, "after": c.after}
            for c in self.changed
        ]
        return {
            "before": self.before,
            "after": self.after,
            "removed": plain(self.removed),
            "added": plain(self.added),
            "changed": changed,
            "checkpoint": self.checkpoint.to_json(),
        }


def diff(a: Graph, b: Graph) -> Difference:
    """What was removed from `a`, added in `b`, and changed: operations, attributes, shapes, weights, who reads what.

    Names, descriptions and places in the source are no differences; the order of the keys is one.
    """
    flows = flow(a), flow(b)
    before, after = ({step.path: step for step in found.steps} for found in flows)
    return Difference(
        before=a.title,
        after=b.title,
        removed=tuple(_only(before, after)),
        added=tuple(_only(after, before)),
        changed=(
            *(change for path in before if path in after for change in _step(before[path], after[path])),
            *_whole(a, b, flows),
        ),
    )


def _only(own: Mapping[str, FlatStep], other: Mapping[str, FlatStep]) -> Iterator[Only]:
    """Operations that the other lacks. A call of which the other has nothing at all is one entry."""
    known = {path for step in other.values() for path, _ in _levels(step)}
    counted: dict[str, tuple[str, int]] = {}
    for path, step in own.items():
        if path in other:
            continue
        whole = next(((level, call) for level, call in _levels(step) if level not in known), None)
        kind = _kind(step.item) if whole is None else whole[1].block or whole[1].kind
        name = path if whole is None else whole[0]
        counted[name] = (kind, counted[name][1] + 1 if name in counted else 1)
    yield from (Only(path, kind, count) for path, (kind, count) in counted.items())


def _levels(step: FlatStep) -> Iterator[tuple[str, Call]]:
    """The enclosing visible calls with their paths, outermost first."""
    path = ""
    for call in step.calls:
        if not call.hidden:
            path = joined(path, call.name)
            yield path, call


def _kind(item: Node | Call) -> str:
    return item.op.name if isinstance(item, Node) else item.block or item.kind


def _step(before: FlatStep, after: FlatStep) -> Iterator[Change]:
    path, a, b = before.path, before.item, after.item
    assert isinstance(a, Node)
    assert isinstance(b, Node)
    if a.op.name != b.op.name:
        yield Change(path, "operation", "", a.op.name, b.op.name)
    else:
        yield from _pairs(path, "attribute", _attributes(a), _attributes(b))
    yield from _pairs(path, "output", _outputs(a), _outputs(b))
    yield from _pairs(path, "weight", _weights(a), _weights(b))
    yield from _pairs(path, "tie", a.ties, b.ties)
    yield from _pairs(path, "reads", _reads(before), _reads(after))
    yield from _pairs(path, "shared", _shared(a), _shared(b))
    yield from _pairs(path, "mode", _mode(before), _mode(after))


def _mode(step: FlatStep) -> dict[str, str]:
    return {"": "training only"} if step.item.training or any(call.training for call in step.calls) else {}


def _attributes(node: Node) -> dict[str, str]:
    return {name: attribute_text(getattr(node.op, name)) for name in type(node.op).model_fields}


def _outputs(node: Node) -> dict[str, str]:
    return {
        port: str(value.type) for port, value in zip(node.op.result_names(len(node.outputs)), node.outputs, strict=True)
    }


def _weights(node: Node) -> dict[str, str]:
    return {
        weight.name: f"{list(weight.shape)} {weight.dtype}{'' if weight.trainable else ' buffer'}"
        for weight in node.weights
    }


def _reads(step: FlatStep) -> dict[str, str]:
    return {port: str(source) for port, source in step.reads.items()}


def _shared(node: Node) -> dict[str, str]:
    return {"": node.shares.name} if node.shares else {}


def _whole(a: Graph, b: Graph, flows: tuple[FlatFlow, FlatFlow]) -> Iterator[Change]:
    """Differences of the graphs themselves: inputs, outputs, constraints, the order of keys."""
    inputs = [{value.name: str(value.type) for value in graph.inputs} for graph in (a, b)]
    yield from (_named("input", change) for change in _pairs("", "graph", *inputs))
    outputs = [{name: str(source) for name, source in found.outputs.items()} for found in flows]
    yield from (_named("output", change) for change in _pairs("", "graph", *outputs))
    modes = [dict.fromkeys(graph.training_outputs, "training only") for graph in (a, b)]
    yield from (_named("mode of output", change) for change in _pairs("", "graph", *modes))
    rules = ["; ".join(constraint.text for constraint in graph.constraints) for graph in (a, b)]
    yield from _pairs("", "graph", {"constraints": rules[0]}, {"constraints": rules[1]})
    keys = [[item.key for item in weights(graph)] for graph in (a, b)]
    if keys[0] != keys[1] and sorted(keys[0]) == sorted(keys[1]):
        place = next(i for i, (one, other) in enumerate(zip(*keys, strict=True)) if one != other)
        yield Change("", "graph", f"order of keys, from place {place}", keys[0][place], keys[1][place])


def _named(prefix: str, change: Change) -> Change:
    return Change("", "graph", f"{prefix} {change.name}".strip(), change.before, change.after)


def _pairs(path: str, aspect: Aspect, a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys([*a, *b]):
        if a.get(name, "") != b.get(name, ""):
            yield Change(path, aspect, name, a.get(name, ""), b.get(name, ""))
