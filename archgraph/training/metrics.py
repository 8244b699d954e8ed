"""The numbers of a run as CSV. A resumed run goes on in the same file, after the rows that it will write again."""

from __future__ import annotations

import csv
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from archgraph.artifact.atomic_files import replacing
from archgraph.training.lightning_import import loggers, rank_zero_only

MEASURED = ("accuracy", "iou", "dice")

Rows = list[dict[str, str]]


def columns_for(metrics: Collection[str]) -> tuple[str, ...]:
    """The columns of a task that measures these besides the loss; the accuracy has one whatever the task."""
    more = (name for name in MEASURED if name in metrics or name == "accuracy")
    return ("step", "loss", "rate", "held_out_loss", *more, "seconds")


class MetricsFile(loggers.Logger):
    """One row for each time that numbers are logged; `seconds` counts from the start of the process."""

    def __init__(self, path: Path, resumed_at: int, columns: tuple[str, ...]):
        super().__init__()
        self._path, self._start, self._columns = path, time.perf_counter(), columns
        self._begin(resumed_at)

    @property
    def name(self) -> str:
        return "metrics"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def _begin(self, resumed_at: int) -> None:
        kept = [row for row in read_metrics(self._path) if int(row["step"]) <= resumed_at]
        with replacing(self._path) as file:
            rows = ([row.get(name) or "" for name in self._columns] for row in kept)
            file.write(_text([self._columns, *rows]).encode())

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """The recipe stands in run.json."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        found = {**metrics, "step": step or 0, "seconds": time.perf_counter() - self._start}
        row = ["" if found.get(name) is None else f"{found[name]:.6g}" for name in self._columns]
        row[0] = str(int(found["step"]))
        with self._path.open("a", encoding="utf-8", newline="") as file:
            file.write(_text([row]))


def _text(rows: Any) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def read_metrics(path: Path) -> Rows:
    """The rows of a metrics file; a last row that was cut off by a kill is left out."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("seconds") and row["step"].isdecimal()]


def series(rows: Rows, name: str) -> list[tuple[int, float]]:
    """(step, value) of one column, where it has values."""
    return [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
