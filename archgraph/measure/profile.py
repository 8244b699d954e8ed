"""The verb: where the time of a file goes, under the paths of its graph, rolled up by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.artifact.metadata_check import entries_of
from archgraph.artifact.metadata_keys import FOLDED
from archgraph.dims import symbols_of
from archgraph.graph.cost import Account, account
from archgraph.graph.input_sizes import concrete_sizes, input_symbols
from archgraph.graph.types import Call
from archgraph.measure.kernel_paths import LAYOUT, SIZES, file_nodes, kernels_by_path

if TYPE_CHECKING:
    from archgraph.diagram import Heat
    from archgraph.graph.types import Graph
    from archgraph.runtime.kernel_times import KernelTimes

BETWEEN = "between kernels"
OUTSIDE = {LAYOUT: "ONNX Runtime", SIZES: "shapes", BETWEEN: "ONNX Runtime"}
"""Rows of the table that are no node of the graph, each with its explanation."""
MOST_ROWS = 40
"""Without a depth, as many levels are opened as keep the table shorter than this."""
HEADINGS = ("path", "kind", "time", "share", "MACs", "GFLOP/s")
NUMERIC = (2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A node or block with the seconds of a run that go there, and its multiply-accumulates.

    `kernels` is how many kernels ran for it; none for what was fused into another or costs nothing.
    """

    path: str
    kind: str
    depth: int
    seconds: float
    share: float
    macs: int = 0
    kernels: int = 0
    composite: bool = False

    @property
    def rate(self) -> float | None:
        """Operations per second, two for each multiply-accumulate."""
        return 2 * self.macs / self.seconds if self.macs and self.seconds else None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "path": self.path,
            "kind": self.kind,
            "depth": self.depth,
            "composite": self.composite,
            "seconds": self.seconds,
            "share": self.share,
            "macs": self.macs,
            "flop_per_second": self.rate,
            "kernels": self.kernels,
        }


@dataclass(frozen=True, slots=True)
class TimeProfile:
    """Where a run's `seconds` go. The rows of depth 1 and those of `outside` sum up to it."""

    title: str
    sizes: Mapping[str, int]
    seconds: float
    runs: int
    threads: int | None
    rows: tuple[ProfileRow, ...]
    outside: tuple[ProfileRow, ...]

    def heat(self) -> Heat:
        """The shares of single nodes, for a diagram."""
        from archgraph.diagram import Heat

        shares: dict[str, float] = {}
        for row in self.rows:
            if not row.composite:
                shares[row.path] = shares.get(row.path, 0.0) + row.share
        return Heat(shares, f"{1e3 * self.seconds:.3g} ms a run")

    def slowest(self, number: int) -> tuple[ProfileRow, ...]:
        """The nodes that take longest."""
        nodes = [row for row in self.rows if not row.composite and row.seconds]
        return tuple(sorted(nodes, key=lambda row: -row.seconds)[:number])

    def down_to(self, depth: int | None) -> tuple[ProfileRow, ...]:
        """The rows with time of their own down to a depth; by default as deep as keeps the table short."""
        timed = [row for row in self.rows if row.seconds]
        if depth is None:
            deepest = max((row.depth for row in timed), default=1)
            fits = (level for level in range(deepest, 1, -1) if sum(row.depth <= level for row in timed) <= MOST_ROWS)
            depth = next(fits, 1)
        return tuple(row for row in timed if row.depth <= depth)

    def to_json(self, depth: int | None = None, top: int = 0) -> dict[str, Any]:
        """Plain data; all levels unless a depth is given."""
        rows = self.rows if depth is None else self.down_to(depth)
        return {
            "name": self.title,
            "sizes": dict(self.sizes),
            "threads": self.threads,
            "runs": self.runs,
            "seconds": self.seconds,
            "rows": [row.to_json() for row in rows],
            "outside": [row.to_json() for row in self.outside],
            "slowest": [row.to_json() for row in self.slowest(top)],
        }

    def head(self) -> str:
        """The file, how it was run, and the total time."""
        at = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        threads = f"threads: {self.threads or 'as ONNX Runtime chooses'}"
        run = f"{self.title}{' at ' + at if at else ''}: {_time(self.seconds)} a run"
        return f"{run} on cpu ({threads}; medians of {self.runs} runs)"

    def cells(self, depth: int | None = None) -> list[tuple[str, ...]]:
        """The texts of the rows down to a depth, one for each of the `HEADINGS`, with their sum at the end."""
        total = ProfileRow("all", "", 1, self.seconds, 1.0, sum(row.macs for row in self.rows if row.depth == 1))
        return [_cells(row) for row in (*self.down_to(depth), *self.outside, total)]

    def slowest_cells(self, number: int) -> list[tuple[str, ...]]:
        """The texts of the rows of the slowest nodes."""
        return [_cells(row, flat=True) for row in self.slowest(number)]

    def text(self, depth: int | None = None, top: int = 0) -> str:
        """The table as plain text, with the slowest nodes below it."""
        parts = [self.head(), "", *_table(self.cells(depth))]
        if top:
            parts += ["", f"slowest {len(self.slowest(top))} nodes", "", *_table(self.slowest_cells(top))]
        return "\n".join(parts) + "\n"


def profile(
    path: str | Path,
    sizes: Mapping[str, int] | None = None,
    runs: int = 20,
    *,
    graph: Graph | None = None,
    threads: int | None = None,
    seed: int = 0,
) -> TimeProfile:
    """Runs a file that archgraph wrote under ONNX Runtime's profiler, on the CPU, at sizes or the spec's usual ones.

    A kernel into which several nodes were fused counts for the one that does the work. Without `graph`, it is that of
    the spec in the file. Raises ModelFileError, VerificationError, InputError, and what `concrete_sizes` raises.
    """
    from archgraph.runtime.kernel_times import kernel_times
    from archgraph.verify.cases import Case
    from archgraph.verify.embedded_spec import graph_in
    from archgraph.verify.examination import read_whole
    from archgraph.verify.trial_inputs import inputs_of

    file = Path(path)
    network = graph_in(file, graph)
    at = _sizes(network, sizes or {})
    model = read_whole(file)
    kept = entries_of(model)
    times = kernel_times(file, inputs_of(network, Case(at, seed)), runs, threads)
    found = kernels_by_path(times.kernels, file_nodes(model), network, FOLDED.of(kept, file))
    spent: dict[str, float] = {}
    for kernel, place in found:
        spent[place] = spent.get(place, 0.0) + kernel.seconds
    return rolled_up(network, at, times, spent, Counter(place for _, place in found), threads)


def _sizes(graph: Graph, given: Mapping[str, int]) -> dict[str, int]:
    """A size for each symbol, in the order of the inputs; by default one sample."""
    single = {"N": 1} if "N" in input_symbols(graph) else {}
    found = concrete_sizes(graph, {**single, **given})
    order = [symbol for value in graph.inputs for size in value.shape for symbol in sorted(symbols_of(size))]
    return {name: found[name] for name in dict.fromkeys(order)}


def rolled_up(
    graph: Graph,
    sizes: Mapping[str, int],
    times: KernelTimes,
    spent: Mapping[str, float],
    ran: Mapping[str, int],
    threads: int | None,
) -> TimeProfile:
    """Seconds by path as the rows of a graph, blocks holding what is in them."""
    left = dict(spent)
    rows = [row for item in account(graph, sizes).items for row in _rows(item, left, ran, times.total)]
    left[BETWEEN] = times.between
    outside = [
        ProfileRow(name, OUTSIDE.get(name, ""), 1, took, took / times.total, 0, ran.get(name, 0))
        for name, took in left.items()
    ]
    return TimeProfile(graph.title, sizes, times.total, times.runs, threads, tuple(rows), tuple(outside))


def _rows(item: Account, left: dict[str, float], ran: Mapping[str, int], total: float) -> Iterator[ProfileRow]:
    """The rows of an item, itself first. Pops its seconds from the table, so that none counts twice."""
    inner = [row for part in item.items for row in _rows(part, left, ran, total)]
    direct = [row for row in inner if row.depth == item.depth + 1]
    assert item.item is not None
    assert isinstance(item.cost.macs, int)
    if isinstance(item.item, Call):
        seconds, count = sum(row.seconds for row in direct), sum(row.kernels for row in direct)
        kind = item.item.block or item.item.kind
    else:
        count = ran.get(item.path, 0) if item.path in left else 0
        seconds, kind = left.pop(item.path, 0.0), item.item.op.name
    composite = isinstance(item.item, Call)
    yield ProfileRow(item.path, kind, item.depth, seconds, seconds / total, item.cost.macs, count, composite)
    yield from inner


def _cells(row: ProfileRow, *, flat: bool = False) -> tuple[str, ...]:
    from archgraph.graph.text import quantity

    return (
        row.path if flat else "  " * (row.depth - 1) + row.path,
        row.kind,
        _time(row.seconds),
        f"{100 * row.share:.1f} %",
        quantity(row.macs) if row.macs else "",
        f"{row.rate / 1e9:.3g}" if row.rate else "",
    )


def _time(seconds: float) -> str:
    return f"{1e3 * seconds:.3f} ms"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    lines = [HEADINGS, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEADINGS))]

    def aligned(line: tuple[str, ...]) -> str:
        cells = zip(line, widths, strict=True)
        return "  ".join(t.rjust(w) if at in NUMERIC else t.ljust(w) for at, (t, w) in enumerate(cells)).rstrip()

    head = aligned(HEADINGS)
    return [head, "-" * len(head), *map(aligned, rows)]
