"""The time branch of a network in two files: the part that depends only on times and labels, for many at once.

The main file takes a row of features for each picture in the place of its time and label. A sampling run meets few
times and labels, so the rows of all are computed before its first step, and each step takes the ones that it needs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.digests import file_digest
from archgraph.artifact.metadata import Metadata
from archgraph.artifact.tensor_specs import TensorSpec, TimeBranchEntry
from archgraph.errors import ModelFileError, RunError
from archgraph.runtime.file_errors import check_file
from archgraph.runtime.providers import open_model

Row = tuple[float | int, ...]
"""A time, or a time and a label."""

LARGEST_TABLE = 64 << 20
"""Bytes of rows that are held at a time. A longer run goes through its times in several tables."""
CHUNK = 512
"""Rows that are computed in one go."""


class TimeBranch:
    """The second file of a network. Raises ModelFileError where it is missing, or is that of another export."""

    def __init__(self, main: Path, entry: TimeBranchEntry):
        self.main = main
        self.path = main.with_name(entry.file)
        self.entry = entry
        require_right(main, self.path, entry)
        self._session: Any = None
        self._plan: dict[Row, int] = {}
        self._places: dict[Row, int] = {}
        self._tables: dict[str, Array] = {}

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Times and perhaps labels, each [N]."""
        return self.entry.inputs

    def plan(self, values: Mapping[str, Sequence[float | int]]) -> None:
        """Computes the rows of all combinations of these values, or the first of them where they are very many.

        The input that stands first changes last: a run goes from time to time.
        """
        combined = (dict(zip(values, each, strict=True)) for each in itertools.product(*values.values()))
        rows = dict.fromkeys(tuple(each[spec.name] for spec in self.inputs) for each in combined)
        self._plan = {row: place for place, row in enumerate(rows)}
        self._need(list(rows)[:1])
        if len(self._plan) <= len(self._places):
            self._session = None  # all is there; its memory is given back

    def features(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The features that the main file takes in place of times and labels [N]: [N, D] each. Raises RunError."""
        rows = list(zip(*(arrays[spec.name].tolist() for spec in self.inputs), strict=True))
        self._need(rows)
        chosen = [self._places[row] for row in rows]
        return {name: table[chosen] for name, table in self._tables.items()}

    def close(self) -> None:
        """Frees the memory."""
        self._session = None
        self._places, self._tables = {}, {}

    def _need(self, rows: Sequence[Row]) -> None:
        """Computes a table in which these rows are, and as many of the plan after them as there is room for."""
        if all(row in self._places for row in rows):
            return
        start = min((self._plan[row] for row in rows if row in self._plan), default=len(self._plan))
        room = max(1, LARGEST_TABLE // sum(_row_bytes(spec) for spec in self.entry.outputs))
        ahead = list(self._plan)[start : start + room]
        wanted = list(dict.fromkeys([*rows, *ahead]))
        self._tables = self._computed(wanted)
        self._places = {row: place for place, row in enumerate(wanted)}

    def _computed(self, rows: Sequence[Row]) -> dict[str, Array]:
        size, run = self._chunk(), self._opened()
        parts: list[Sequence[Array]] = []
        for first in range(0, len(rows), size):
            some = list(rows[first : first + size])
            columns = zip(*(some + some[-1:] * (self._missing(len(some)))), strict=True)
            feeds = {
                spec.name: np.array(column, dtype=spec.dtype) for spec, column in zip(self.inputs, columns, strict=True)
            }
            parts.append([found[: len(some)] for found in run(feeds)])
        tables = (np.concatenate(column) for column in zip(*parts, strict=True))
        return {spec.name: table for spec, table in zip(self.entry.outputs, tables, strict=True)}

    def _chunk(self) -> int:
        fixed = self.inputs[0].shape[0]
        return fixed if isinstance(fixed, int) else CHUNK

    def _missing(self, count: int) -> int:
        """How many rows a file with a fixed batch lacks."""
        fixed = self.inputs[0].shape[0]
        return fixed - count if isinstance(fixed, int) else 0

    def _opened(self) -> Callable[[dict[str, Array]], Sequence[Array]]:
        """Runs the file on the CPU, in one thread: a second pool of threads would slow the main session down.

        Raises ModelFileError where it is not the right one any more.
        """
        if self._session is None:
            require_right(self.main, self.path, self.entry)  # an export since then may have put another one there
            self._session = open_model(self.path, "cpu", 1, False).session
        names = [spec.name for spec in self.entry.outputs]

        def run(feeds: dict[str, Array]) -> Sequence[Array]:
            try:
                found: Sequence[Array] = self._session.run(names, feeds)
            except Exception as error:  # ONNX Runtime's classes share no base below Exception
                raise RunError(f"running {self.path} failed", received=str(error)) from error
            return found

        return run


def main_inputs(about: Metadata, branch: TimeBranch, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The inputs of a main file: features in place of the times and labels they are made of. Raises RunError."""
    whole = {**arrays, **branch.features(arrays)}
    return {spec.name: whole[spec.name] for spec in about.inputs}


def _row_bytes(spec: TensorSpec) -> int:
    return int(spec.shape[1]) * np.dtype(spec.dtype).itemsize


def require_right(main: Path, path: Path, entry: TimeBranchEntry) -> None:
    """Raises ModelFileError where the time branch is missing, or is not that of the main file."""
    hint = "the two files that export wrote belong together: copy both, or export again"
    if not path.is_file():
        raise ModelFileError(f"{path}, the time branch of {main.name}, is not there", hint=hint)
    check_file(path)
    digest = file_digest(path)
    if digest != entry.sha256:
        raise ModelFileError(
            f"{path} is not the time branch of {main.name}: it belongs to another export, or has changed",
            expected=f"SHA-256 {entry.sha256[:16]}…",
            received=f"SHA-256 {digest[:16]}…",
            hint=hint,
        )
