"""The table of a network: what stands where, its output shape, its parameters and multiply-accumulates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from archgraph.dims import Dim
from archgraph.graph.cost import Account, Cost, account
from archgraph.graph.sizes import Sizes
from archgraph.graph.tables import index_ranges
from archgraph.graph.text import quantity
from archgraph.graph.types import Call, Graph, Value
from archgraph.ops.contract import TensorType


@dataclass(frozen=True, slots=True)
class Row:
    """One item. `kind` is the operation's or block's name; a folded row stands for `count` equal ones up to `last`."""

    path: str
    kind: str
    depth: int
    outputs: tuple[TensorType, ...]
    cost: Cost
    composite: bool = False
    count: int = 1
    last: str = ""

    @property
    def label(self) -> str:
        """The path, or the first and last path of what is folded."""
        return f"{self.path} … {self.last}  × {self.count}" if self.count > 1 else self.path

    def to_json(self) -> dict[str, Any]:
        """Plain data; sizes that are not numbers are texts."""
        found = {
            "path": self.path,
            "kind": self.kind,
            "depth": self.depth,
            "composite": self.composite,
            "outputs": [_plain_type(kind) for kind in self.outputs],
            **_plain_cost(self.cost),
        }
        return found | ({"count": self.count, "last": self.last} if self.count > 1 else {})


@dataclass(frozen=True, slots=True)
class Summary:
    """The rows of a graph with its totals. `sizes` are the numbers that stand for symbols, where some were given."""

    title: str
    about: str
    inputs: tuple[tuple[str, TensorType], ...]
    outputs: tuple[tuple[str, TensorType], ...]
    rows: tuple[Row, ...]
    cost: Cost
    constraints: tuple[str, ...] = ()
    sizes: Mapping[str, int] | None = None
    ranges: tuple[tuple[str, str], ...] = ()
    """Of each input that is an index: its name, and its range in words."""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.title,
            "about": self.about,
            "sizes": dict(self.sizes or {}),
            "inputs": {name: _plain_type(kind) for name, kind in self.inputs},
            "outputs": {name: _plain_type(kind) for name, kind in self.outputs},
            "constraints": list(self.constraints),
            "ranges": dict(self.ranges),
            "totals": _plain_cost(self.cost),
            "rows": [row.to_json() for row in self.rows],
        }

    def text(self) -> str:
        """The table as plain text, with inputs and totals below it; nothing is shortened."""
        lines = [HEADINGS, *(cells(row, whole=True) for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
        table = [_aligned(line, widths) for line in lines]
        return (
            "\n".join([self.title, "", table[0], "-" * len(table[0]), *table[1:], "", *self.footer(whole=True)]) + "\n"
        )

    def footer(self, *, whole: bool = False) -> list[str]:
        """Inputs, outputs, totals and constraints: a line each; long polynomials are shortened unless `whole`."""
        named = [
            *(("input", f"{name} {kind}".strip()) for name, kind in self.inputs),
            *(("output", f"{name} {kind}".strip()) for name, kind in self.outputs),
            ("parameters", f"{self.cost.parameters:,}"),
            *([("buffers", f"{self.cost.buffers:,}")] if self.cost.buffers else []),
            ("MACs", _long(self.cost.macs, whole=whole)),
            ("activations", _long(self.cost.activations, "B", whole=whole)),
            *(("size", text) for text in self.constraints),
            *(("range", f"{name} {text}") for name, text in self.ranges),
        ]
        return [f"{name:<12} {text}" for name, text in named]


HEADINGS = ("path", "kind", "output", "parameters", "MACs")


def summarize(
    graph: Graph, sizes: Mapping[str, int] | None = None, depth: int | None = None, *, fold: bool = False
) -> Summary:
    """The summary of a graph, at symbolic or given sizes, down to a depth; `fold` joins rows that are equal.

    Raises UnknownNameError for a size that the inputs do not have, ShapeError for one that the graph does not take.
    """
    at, root = Sizes(sizes or {}), account(graph, sizes)
    return Summary(
        title=graph.title,
        about=graph.info.about,
        inputs=tuple((value.name, _at(value, at)) for value in graph.inputs),
        outputs=tuple((name, _at(value, at)) for name, value in graph.outputs.items()),
        rows=tuple(_rows(root, at, depth, fold)),
        cost=root.cost,
        constraints=tuple(constraint.text for constraint in graph.constraints),
        sizes=dict(sizes or {}),
        ranges=tuple((name, item.text) for name, item in index_ranges(graph).items()),
    )


def cells(row: Row, *, whole: bool = False) -> tuple[str, ...]:
    """A row's texts, one for each of the `HEADINGS`; long polynomials are shortened unless `whole`."""
    return (
        "  " * (row.depth - 1) + row.label,
        row.kind,
        f"{row.outputs[0]}" + (f" and {len(row.outputs) - 1} more" if len(row.outputs) > 1 else ""),
        f"{row.cost.parameters:,}" if row.cost.parameters else "",
        quantity(row.cost.macs, whole=whole) if row.cost.macs != 0 else "",
    )


def _rows(parent: Account, at: Sizes, depth: int | None, fold: bool) -> Iterator[Row]:
    if depth is not None and parent.depth >= depth:
        return
    runs = _runs(parent.items, at, depth) if fold else ([item] for item in parent.items)
    for run in runs:
        row = _row(run[0], at)
        yield replace(row, count=len(run), last=run[-1].path) if len(run) > 1 else row
        yield from _rows(run[0], at, depth, fold)


def _runs(items: tuple[Account, ...], at: Sizes, depth: int | None) -> Iterator[list[Account]]:
    """Neighbours whose rows, here and below, differ in nothing but their paths. Single operations are left alone."""
    run: list[Account] = []
    for item in items:
        if run and item.items and _likeness(item, at, depth) == _likeness(run[0], at, depth):
            run.append(item)
            continue
        if run:
            yield run
        run = [item]
    if run:
        yield run


def _likeness(item: Account, at: Sizes, depth: int | None) -> list[tuple[object, ...]]:
    rows = [_row(item, at), *_rows(item, at, depth, fold=False)]
    return [(row.path[len(item.path) :], row.kind, row.outputs, row.cost, row.composite) for row in rows]


def _row(found: Account, at: Sizes) -> Row:
    item = found.item
    assert item is not None
    kind = (item.block or item.kind) if isinstance(item, Call) else item.op.name
    shown = tuple(_at(value, at) for value in item.outputs)
    return Row(found.path, kind, found.depth, shown, found.cost, isinstance(item, Call))


def _at(value: Value, at: Sizes) -> TensorType:
    return TensorType(at.shape(value.shape), value.dtype)


def _plain_type(kind: TensorType) -> dict[str, Any]:
    return {"shape": [_plain(size) for size in kind.shape], "dtype": kind.dtype}


def _plain_cost(found: Cost) -> dict[str, Any]:
    return {
        "parameters": found.parameters,
        "buffers": found.buffers,
        "macs": _plain(found.macs),
        "activation_bytes": _plain(found.activations),
    }


def _plain(dim: Dim) -> int | str:
    return dim if isinstance(dim, int) else str(dim)


def _long(dim: Dim, unit: str = "", *, whole: bool = False) -> str:
    text = quantity(dim, unit, whole=whole)
    return f"{text} ({dim:,})" if isinstance(dim, int) else text


def _aligned(line: tuple[str, ...], widths: list[int]) -> str:
    left = [text.ljust(width) for text, width in zip(line[:3], widths[:3], strict=True)]
    right = [text.rjust(width) for text, width in zip(line[3:], widths[3:], strict=True)]
    return "  ".join([*left, *right]).rstrip()
