"""The table of a network: what stands where, its output shape, its parameters and multiply-accumulates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from archgraph.dims import Dim
from archgraph.errors import SpecError
from archgraph.graph.cost import Account, Cost, account
from archgraph.graph.index_tables import index_ranges
from archgraph.graph.input_sizes import InputSizes, concrete_sizes, input_symbols
from archgraph.graph.summary_table import COLUMNS, fitted_table, shortened, whole_table
from archgraph.graph.text import quantity
from archgraph.graph.types import Call, Graph, Value
from archgraph.ops.contract import TensorType


@dataclass(frozen=True, slots=True)
class SummaryRow:
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

    @property
    def short_label(self) -> str:
        """The same, without what the last path shares with the first: `layer3.1 … 5  × 5`."""
        above = self.path.rpartition(".")[0]
        return self.label.replace(f"… {above}.", "… ") if above else self.label

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


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """The rows of a graph with its totals. `sizes` are the numbers that stand for symbols, where some were given."""

    title: str
    about: str
    inputs: tuple[tuple[str, TensorType], ...]
    outputs: tuple[tuple[str, TensorType], ...]
    rows: tuple[SummaryRow, ...]
    cost: Cost
    constraints: tuple[str, ...] = ()
    sizes: Mapping[str, int] | None = None
    ranges: tuple[tuple[str, str], ...] = ()
    """Of each input that is an index: its name, and its range in words."""
    usual: Mapping[str, int] = field(default_factory=dict)
    """Numbers for all symbols, at which symbolic counts of the rows are shown; none where there are none."""
    training_outputs: tuple[tuple[str, TensorType], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.title,
            "about": self.about,
            "sizes": dict(self.sizes or {}),
            "inputs": {name: _plain_type(kind) for name, kind in self.inputs},
            "outputs": {name: _plain_type(kind) for name, kind in self.outputs},
            **self._in_training(),
            "constraints": list(self.constraints),
            "ranges": dict(self.ranges),
            "totals": _plain_cost(self.cost),
            "rows": [row.to_json() for row in self.rows],
        }

    def _in_training(self) -> dict[str, Any]:
        found = {name: _plain_type(kind) for name, kind in self.training_outputs}
        return {"training_outputs": found} if found else {}

    def text(self, columns: int | None = None) -> str:
        """The table as plain text, with inputs and totals below it: whole, or shortened to so many columns."""
        return whole_table(self) if columns is None else fitted_table(self, columns)

    def __str__(self) -> str:
        return self.text(COLUMNS).rstrip("\n")

    def __repr__(self) -> str:
        return f"Summary({self.title}: {len(self.rows)} rows, {self.cost.parameters:,} parameters)"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows."""
        printer.text(str(self))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from archgraph.graph.notebook import summary_html

        return summary_html(self)

    def footer(self, columns: int | None = None, *, whole: bool = False) -> list[tuple[str, str]]:
        """Inputs, outputs, totals and constraints, with what they are; sums longer than so many columns are shortened
        unless they are to be whole."""
        room = None if whole else columns or COLUMNS
        return [
            *(("input", f"{name} {kind}".strip()) for name, kind in self.inputs),
            *(("output", f"{name} {kind}".strip()) for name, kind in self.outputs),
            *(("training", f"{name} {kind}") for name, kind in self.training_outputs),
            ("parameters", f"{self.cost.parameters:,}"),
            *([("buffers", f"{self.cost.buffers:,}")] if self.cost.buffers else []),
            ("MACs", _long(self.cost.macs, "", room)),
            ("activations", _long(self.cost.activations, "B", room)),
            *(("size", text) for text in self.constraints),
            *(("range", f"{name} {text}") for name, text in self.ranges),
        ]


def summarize(
    graph: Graph, sizes: Mapping[str, int] | None = None, depth: int | None = None, *, fold: bool = False
) -> Summary:
    """The summary of a graph, at symbolic or given sizes, down to a depth; `fold` joins rows that are equal.

    Raises UnknownNameError for a size that the inputs do not have, ShapeError for one that the graph does not take.
    """
    at, root = InputSizes(sizes or {}), account(graph, sizes)
    rows = tuple(_rows(root, at, depth, fold))
    return Summary(
        title=graph.title,
        about=graph.info.about,
        inputs=tuple((value.name, _at(value, at)) for value in graph.inputs),
        outputs=tuple((name, _at(value, at)) for name, value in graph.outputs.items()),
        training_outputs=tuple((name, _at(value, at)) for name, value in graph.training_outputs.items()),
        rows=rows,
        cost=root.cost,
        constraints=tuple(constraint.text for constraint in graph.constraints),
        sizes=dict(sizes or {}),
        ranges=tuple((name, item.text) for name, item in index_ranges(graph).items()),
        usual={} if all(isinstance(row.cost.macs, int) for row in rows) else _usual_sizes(graph, sizes or {}),
    )


def _usual_sizes(graph: Graph, given: Mapping[str, int]) -> dict[str, int]:
    """Numbers for the symbols, one picture of the usual size; none where there is no usual size."""
    one = {"N": 1} if "N" in input_symbols(graph) else {}
    try:
        return concrete_sizes(graph, {**one, **given})
    except SpecError:
        return {}


def _rows(parent: Account, at: InputSizes, depth: int | None, fold: bool) -> Iterator[SummaryRow]:
    if depth is not None and parent.depth >= depth:
        return
    runs = _runs(parent.items, at, depth) if fold else ([item] for item in parent.items)
    for run in runs:
        row = _row(run[0], at)
        yield replace(row, count=len(run), last=run[-1].path) if len(run) > 1 else row
        yield from _rows(run[0], at, depth, fold)


def _runs(items: tuple[Account, ...], at: InputSizes, depth: int | None) -> Iterator[list[Account]]:
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


def _likeness(item: Account, at: InputSizes, depth: int | None) -> list[tuple[object, ...]]:
    rows = [_row(item, at), *_rows(item, at, depth, fold=False)]
    return [(row.path[len(item.path) :], row.kind, row.outputs, row.cost, row.composite) for row in rows]


def _row(found: Account, at: InputSizes) -> SummaryRow:
    item = found.item
    assert item is not None
    kind = (item.block or item.kind) if isinstance(item, Call) else item.op.name
    shown = tuple(_at(value, at) for value in item.outputs)
    return SummaryRow(found.path, kind, found.depth, shown, found.cost, isinstance(item, Call))


def _at(value: Value, at: InputSizes) -> TensorType:
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


def _long(dim: Dim, unit: str, columns: int | None) -> str:
    if isinstance(dim, int):
        return f"{quantity(dim, unit)} ({dim:,})"
    return str(dim) if columns is None else shortened(dim, columns)
