"""The table of a benchmark: what was measured, and what it is held against."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

HEADINGS = ("contender", "batch", "median", "9 of 10 in", "per second", "memory", "of FLOP/s", "of bytes/s", "ratio")
NUMERIC = tuple(range(1, len(HEADINGS)))
NONE = "–"


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One contender at one batch. `rounds` holds the seconds of each call, round by round; none where it failed.

    `memory` are the bytes at the peak above those that its process held before the network; `arithmetic` and `traffic`
    are shares of the machine's measured peaks. `reason` says why nothing was measured.
    """

    contender: str
    batch: int
    rounds: tuple[tuple[float, ...], ...] = ()
    memory: int | None = None
    arithmetic: float | None = None
    traffic: float | None = None
    precision: str = "float32"
    reason: str = ""

    @property
    def seconds(self) -> tuple[float, ...]:
        """Each call, in the order in which they were made."""
        return tuple(each for turn in self.rounds for each in turn)

    @property
    def median(self) -> float | None:
        return statistics.median(self.seconds) if self.seconds else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """The 5th and the 95th percentile in seconds."""
        ordered = sorted(self.seconds)
        if not ordered:
            return None
        last = len(ordered) - 1
        return ordered[round(0.05 * last)], ordered[round(0.95 * last)]

    @property
    def throughput(self) -> float | None:
        """Samples per second."""
        return self.batch / self.median if self.median else None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "contender": self.contender,
            "batch": self.batch,
            "median_seconds": self.median,
            "spread_seconds": list(self.spread) if self.spread else None,
            "samples_per_second": self.throughput,
            "peak_memory_bytes": self.memory,
            "share_of_peak_arithmetic": self.arithmetic,
            "share_of_peak_copy": self.traffic,
            "precision_of_peak": self.precision,
            "calls": len(self.seconds),
            "round_medians_seconds": [statistics.median(turn) for turn in self.rounds if turn],
            "reason": self.reason or None,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All rows, the machine's peaks (operations and bytes per second), and the request.

    `macs` are the multiply-accumulates of a call by batch; `interrupted` says that not all rounds are there.
    """

    title: str
    device: str
    rows: tuple[BenchRow, ...]
    peaks: Mapping[str, float]
    macs: Mapping[int, int]
    sizes: Mapping[str, int]
    rounds: int
    threads: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def measured(self) -> bool:
        """Whether anybody was."""
        return any(row.median for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        found = asdict(self) | {"rows": [row.to_json() for row in self.rows]}
        found["macs"] = {str(batch): macs for batch, macs in self.macs.items()}
        return found

    def cells(self) -> list[tuple[str, ...]]:
        """The texts of the rows that were measured, one for each of the `HEADINGS`."""
        first: dict[int, float] = {}
        found = []
        for row in self.rows:
            if row.median:
                first.setdefault(row.batch, row.median)
                found.append(_cells(row, row.median / first[row.batch]))
        return found

    def text(self) -> str:
        """The table as plain text, with what it rests on below it."""
        lines = [HEADINGS, *self.cells()]
        widths = [max(len(line[at]) for line in lines) for at in range(len(HEADINGS))]
        table = [_aligned(line, widths) for line in lines]
        body = [table[0], "-" * len(table[0]), *table[1:], ""] if len(table) > 1 else []
        return "\n".join([self.head(), "", *body, *self.footer()]) + "\n"

    def head(self) -> str:
        """The subject of the measurement, its sizes, and the machine."""
        at = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        threads = f"threads: {self.threads or 'as each library chooses'}"
        return f"{self.title}{' at ' + at if at else ''} on {self.device} ({threads}; {self.rounds} rounds)"

    def footer(self) -> Iterator[str]:
        """Peaks, work, versions, who was left out and why: a line each."""
        for name, rate in self.peaks.items():
            yield f"peak         {_rate(name, rate)}"
        for batch, macs in self.macs.items():
            yield f"work         {2 * macs / 1e9:.3g} GFLOP at batch {batch}"
        yield "ratio        of the median to that of the first contender, at the same batch"
        yield "shares       of the peaks: arithmetic of the graph; weights, inputs and outputs moved once"
        yield "memory       at the peak, above what the process held before it had the network"
        yield f"with         {', '.join(f'{name} {version}' for name, version in self.versions.items())}"
        left = {row.contender: row.reason for row in self.rows if row.reason}
        for name, reason in left.items():
            yield f"left out     {name}: {reason}"
        if self.interrupted:
            yield "interrupted  not all rounds are here"


def _rate(name: str, rate: float) -> str:
    if name == "copy":
        return f"{rate / 1e9:.4g} GB/s, a copy, read and written"
    return f"{rate / 1e9:.4g} GFLOP/s, a matrix product in {name}"


def _cells(row: BenchRow, ratio: float) -> tuple[str, ...]:
    low, high = row.spread or (0.0, 0.0)
    return (
        row.contender,
        str(row.batch),
        f"{_milliseconds(row.median or 0)} ms",
        f"{_milliseconds(low)} – {_milliseconds(high)} ms",
        f"{row.throughput:.4g}",
        f"{row.memory / 1e6:.0f} MB" if row.memory is not None else NONE,
        _percent(row.arithmetic),
        _percent(row.traffic),
        f"{ratio:.2f}",
    )


def _milliseconds(seconds: float) -> str:
    """Three digits, and all of a number that has more before the point."""
    return f"{1e3 * seconds:.3g}" if seconds < 0.9995 else f"{1e3 * seconds:.0f}"


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        text.rjust(width) if at in NUMERIC else text.ljust(width)
        for at, (text, width) in enumerate(zip(line, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
