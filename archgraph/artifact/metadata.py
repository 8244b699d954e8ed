"""What an exported file says of itself, under the keys `archgraph.…` of the ONNX file's `metadata_props`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, TypeVar

import numpy as np

from archgraph.artifact.index_ranges import Range, read_range
from archgraph.artifact.onnx_metadata import producer
from archgraph.artifact.sizes import Shape, evaluate, parse, shape_text
from archgraph.errors import ModelFileError

PREFIX = "archgraph."
FORMAT = "1"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output: its name, its element type in numpy's words, and its symbolic shape."""

    name: str
    dtype: str
    shape: Shape
    chosen: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    """Sizes that the file was exported for; the network itself takes others."""
    range: Range | None = field(default=None, repr=False)
    """Which whole numbers it may hold; None where nothing is said."""

    def __str__(self) -> str:
        return f"{self.name} {shape_text(self.shape)} {self.dtype}"

    def how_to_free(self, axis: int) -> str:
        """A hint where the size of an axis was chosen at the export; nothing where it is the network's own."""
        if self.shape[axis] not in self.chosen.values():
            return ""
        sizes = ", ".join(f"{name}={size}" for name, size in self.chosen.items())
        return f"the file is for {sizes} alone: export it without --size"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a size is constrained: the reason, the place in the spec, and the path of the node."""

    reason: str
    where: str = ""
    path: str = ""

    def __str__(self) -> str:
        place = " at ".join(part for part in (self.path, self.where) if part)
        return f"{self.reason} ({place})" if place else self.reason


@dataclass(frozen=True, slots=True)
class Constraint:
    """What the network demands of a size: a range, and a remainder where divided by `modulus`."""

    symbol: str
    modulus: int = 1
    residues: tuple[int, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    text: str = ""
    causes: tuple[Cause, ...] = ()

    def allows(self, size: int) -> bool:
        """Whether a size may be had."""
        if self.minimum is not None and size < self.minimum:
            return False
        if self.maximum is not None and size > self.maximum:
            return False
        return not self.residues or size % self.modulus in self.residues

    def closest(self, size: int) -> list[int]:
        """The nearest allowed sizes below and above, as far as there are any."""
        low = size if self.maximum is None else min(size, self.maximum)
        high = size if self.minimum is None else max(size, self.minimum)
        below = (n for n in range(low, max(0, low - self.modulus - 1), -1) if self.allows(n))
        above = (n for n in range(high, high + self.modulus + 1) if self.allows(n))
        return sorted({n for n in (next(below, None), next(above, None)) if n is not None})

    def value(self, symbols: Mapping[str, int]) -> int | None:
        """The size that is constrained, where its symbols are known."""
        return evaluate(self.symbol, symbols)


@dataclass(frozen=True, slots=True)
class TimeBranchEntry:
    """The file that computes what depends on times and labels alone, its digest, and what it takes and gives."""

    file: str
    sha256: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True)
class Metadata:
    """All of it. `spec`, `params`, `preset` say where the network came from; `meta` is the spec's own."""

    name: str
    generator: str
    preset: str
    spec: Any
    params: Mapping[str, Any]
    constraints: tuple[Constraint, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    meta: Mapping[str, Any]
    time_branch: TimeBranchEntry | None = None
    time_branch_of: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Symbols of the spec that the file has numbers for."""
    batch: str = ""
    """The size of dimension 0, where the places along it know nothing of each other; '' where nothing is said."""

    @property
    def network_inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs of the network: times and labels in the place of the features that a time branch makes of them."""
        if self.time_branch is None:
            return self.inputs
        made = {spec.name for spec in self.time_branch.outputs}
        own = {spec.name: spec for spec in self.inputs if spec.name not in made}
        return tuple((own | {spec.name: spec for spec in self.time_branch.inputs}).values())


def read_metadata(entries: Mapping[str, str], file: str) -> Metadata:
    """The metadata of a file. Raises ModelFileError where archgraph did not write it, or where it is damaged."""
    _check_format(entries, file)
    read = _Reader(entries, file)
    sizes = read("sizes", _numbers, "{}")
    ranges = read("ranges", _ranges, "{}")
    return Metadata(
        name=entries.get(PREFIX + "name", ""),
        generator=entries.get(PREFIX + "generator", ""),
        preset=entries.get(PREFIX + "preset", ""),
        spec=read("spec", lambda spec: spec, "null"),
        params=read("params", _mapping, "{}"),
        constraints=read("constraints", _constraints, "[]"),
        inputs=read("inputs", lambda data: _tensors(data, sizes, ranges)),
        outputs=read("outputs", _tensors),
        meta=read("meta", _mapping, "{}"),
        time_branch=read("time_branch", lambda data: _time_branch(data, sizes, ranges), "null"),
        time_branch_of=entries.get(PREFIX + "time_branch_of", ""),
        sizes=sizes,
        batch=read("batch", _name, '""'),
    )


def _check_format(entries: Mapping[str, str], file: str) -> None:
    version = entries.get(PREFIX + "version")
    if version is None:
        raise ModelFileError(
            f"{file} was not written by archgraph",
            expected="an ONNX file that carries archgraph's metadata",
            received=_foreign(entries, file),
            hint="write it with `archgraph export SPEC -o FILE.onnx`; other ONNX files run in onnxruntime itself",
        )
    if version != FORMAT:
        raise ModelFileError(
            f"{file} is written in a format that this archgraph does not know",
            expected=f"format {FORMAT}",
            received=f"format {version}",
            hint="export it again, or use the version of archgraph that wrote it",
        )


def _foreign(entries: Mapping[str, str], file: str) -> str:
    """What a file is that others wrote."""
    by = producer(Path(file))
    notes = f"metadata: {', '.join(sorted(entries)) or 'none'}"
    return f"an ONNX file by {by}; {notes}" if by else notes


class _Reader:
    """Takes one entry after the other, and says which one is damaged."""

    def __init__(self, entries: Mapping[str, str], file: str):
        self.entries = entries
        self.file = file

    def __call__(self, key: str, read: Callable[[Any], T], default: str | None = None) -> T:
        text = self.entries.get(PREFIX + key, default)
        try:
            if text is None:
                raise ValueError("it is missing")
            return read(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ModelFileError(
                f"{self.file} is damaged: its metadata entry '{PREFIX + key}' cannot be read",
                received=str(error),
                hint="export the file again",
            ) from error


def _mapping(data: Any) -> dict[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ValueError("a mapping is wanted")
    return data


def _name(data: Any) -> str:
    if not isinstance(data, str):
        raise ValueError("a name is wanted")
    return data


def _numbers(data: Any) -> dict[str, int]:
    return {name: int(size) for name, size in _mapping(data).items()}


def _ranges(data: Any) -> dict[str, Range]:
    return {name: read_range(entry) for name, entry in _mapping(data).items()}


def _tensors(
    data: Any, chosen: Mapping[str, int] | None = None, ranges: Mapping[str, Range] | None = None
) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name, np.dtype(entry["dtype"]).name, _shape(entry["shape"]), chosen or {}, (ranges or {}).get(name))
        for name, entry in _mapping(data).items()
    )


def _time_branch(data: Any, chosen: Mapping[str, int], ranges: Mapping[str, Range]) -> TimeBranchEntry | None:
    if data is None:
        return None
    file, inputs, outputs = str(data["file"]), _tensors(data["inputs"], chosen, ranges), _tensors(data["outputs"])
    if file != PurePath(file).name or "\\" in file or file in ("", "..") or not (inputs and outputs):
        raise ValueError(f"{file[:80]!r} is no file beside this one")
    if any(len(spec.shape) != 1 for spec in inputs):
        raise ValueError("its inputs are no times and labels")
    if any(len(spec.shape) != 2 or not isinstance(spec.shape[1], int) for spec in outputs):
        raise ValueError("its outputs are no rows of features")
    return TimeBranchEntry(file, str(data["sha256"]), inputs, outputs)


def _shape(sizes: Any) -> Shape:
    for size in sizes:
        parse(size)
    return tuple(size if isinstance(size, int) else str(size) for size in sizes)


def _constraints(data: Any) -> tuple[Constraint, ...]:
    return tuple(_constraint(entry) for entry in data or ())


def _constraint(entry: Mapping[str, Any]) -> Constraint:
    parse(entry["symbol"])
    modulus = int(entry.get("modulus") or 1)
    residues = tuple(int(residue) for residue in entry.get("residues") or ())
    minimum, maximum = entry.get("minimum"), entry.get("maximum")
    if modulus < 1 or any(bound is not None and not isinstance(bound, int) for bound in (minimum, maximum)):
        raise ValueError(f"a constraint on {entry['symbol']} that makes no sense")
    return Constraint(
        symbol=str(entry["symbol"]),
        modulus=modulus,
        residues=residues,
        minimum=minimum,
        maximum=maximum,
        text=str(entry.get("text", "")),
        causes=tuple(_cause(cause) for cause in entry.get("causes") or ()),
    )


def _cause(entry: Mapping[str, Any]) -> Cause:
    return Cause(*(str(entry.get(key) or "") for key in ("reason", "where", "path")))
