"""The inputs and outputs of an exported file, and of its time branch, as its metadata state them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np

from archgraph.artifact.index_ranges import Range
from archgraph.artifact.sizes import Shape, parse, shape_text


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output: its name, its element type in numpy's words, and its symbolic shape."""

    name: str
    dtype: str
    shape: Shape
    chosen: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    """Sizes that the file was exported for; the network itself takes others."""
    range: Range | None = field(default=None, repr=False)
    """Which whole numbers it may hold; None where the file states none."""

    def __str__(self) -> str:
        return f"{self.name} {shape_text(self.shape)} {self.dtype}"

    def how_to_free(self, axis: int) -> str:
        """A hint where the size of an axis was chosen at the export; nothing where it is the network's own."""
        if self.shape[axis] not in self.chosen.values():
            return ""
        sizes = ", ".join(f"{name}={size}" for name, size in self.chosen.items())
        return f"the file is for {sizes} alone: export it without --size"


@dataclass(frozen=True, slots=True)
class TimeBranchEntry:
    """The file that computes what depends on times and labels only, its digest, and what it takes and gives."""

    file: str
    sha256: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def read_tensors(data: Any) -> tuple[TensorSpec, ...]:
    """`{name: {"shape": […], "dtype": …}}`. Raises ValueError, TypeError or KeyError where that makes no sense."""
    if not isinstance(data, dict):
        raise ValueError("a mapping is wanted")
    return tuple(
        TensorSpec(name, np.dtype(entry["dtype"]).name, _shape(entry["shape"])) for name, entry in data.items()
    )


def read_time_branch(data: Any) -> TimeBranchEntry | None:
    """`{"file": …, "sha256": …, "inputs": {…}, "outputs": {…}}`, or null. Raises as `read_tensors` does."""
    if data is None:
        return None
    file, inputs, outputs = str(data["file"]), read_tensors(data["inputs"]), read_tensors(data["outputs"])
    if file != PurePath(file).name or "\\" in file or file in ("", "..") or not (inputs and outputs):
        raise ValueError(f"{file[:80]!r} is no file beside this one")
    if any(len(spec.shape) != 1 for spec in inputs):
        raise ValueError("its inputs are no times and labels")
    if any(len(spec.shape) != 2 or not isinstance(spec.shape[1], int) for spec in outputs):
        raise ValueError("its outputs are no rows of features")
    return TimeBranchEntry(file, str(data["sha256"]), inputs, outputs)


def _shape(sizes: Any) -> Shape:
    for size in sizes:
        value = parse(size)
        if isinstance(value, int) and value < 0:
            raise ValueError(f"{size} is not a size")
    return tuple(size if isinstance(size, int) else str(size) for size in sizes)
