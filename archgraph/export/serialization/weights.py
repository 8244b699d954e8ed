"""Where weights come from: safetensors files (memory-mapped) or a torch module, matched strictly with the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.atomic_files import ByteRange
from archgraph.artifact.given_tensors import require_tensors
from archgraph.artifact.weight_files import in_two_files, safetensors_files, two_values
from archgraph.errors import ExportError, Problem, WeightsError, nearest
from archgraph.export.serialization.safetensors import SafetensorsFile, TensorEntry
from archgraph.graph.keys import KeyedWeight, weights
from archgraph.graph.types import Graph

MOST_NAMES = 20
"""More keys than that are counted: they are another network's."""
LOW = ("float16", "bfloat16")
FLOAT8 = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")
FLOATS = ("float16", "bfloat16", "float32", "float64", *FLOAT8)
NOT_IN_NUMPY = ("bfloat16", *FLOAT8)
OPTIONAL = ("num_batches_tracked",)
"""Counters that inference never reads; torch too loads state dicts that lack them."""


@runtime_checkable
class WeightSource(Protocol):
    """Tensors by key. An array may be backed by a file; it must not be written to."""

    def keys(self) -> Iterable[str]:
        """All keys."""
        ...

    def shape(self, key: str) -> tuple[int, ...]:
        """The dimensions of a tensor."""
        ...

    def dtype(self, key: str) -> str:
        """The element type of a tensor, under torch's name."""
        ...

    def array(self, key: str) -> Array:
        """The tensor; bfloat16 and float8, which numpy lacks, are widened to float32."""
        ...


class TensorWeights:
    """Weights that are in memory: numpy arrays, or torch's tensors. Raises WeightsError for anything else."""

    def __init__(self, tensors: Mapping[str, Any]):
        require_tensors(tensors)
        self._tensors = dict(tensors)

    def keys(self) -> Iterable[str]:
        return self._tensors.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return tuple(self._tensors[key].shape)

    def dtype(self, key: str) -> str:
        return str(self._tensors[key].dtype).removeprefix("torch.")

    def array(self, key: str) -> Array:
        tensor = self._tensors[key]
        if isinstance(tensor, (np.ndarray, np.generic)):
            return np.asarray(tensor)
        plain = tensor.detach().cpu()
        return np.asarray((plain.float() if self.dtype(key) in NOT_IN_NUMPY else plain).numpy())


class ModuleWeights(TensorWeights):
    """The weights of a torch module, or of anything else with a `state_dict()` of tensors."""

    def __init__(self, module: Any):
        super().__init__(module.state_dict())


class SafetensorsWeights:
    """One safetensors file, or several with an index."""

    def __init__(self, files: Iterable[SafetensorsFile]):
        self._where: dict[str, SafetensorsFile] = {}
        self._last: SafetensorsFile | None = None
        for file in files:
            for key in file:
                if key in self._where:
                    raise in_two_files(key, self._where[key].path, file.path)
                self._where[key] = file

    def keys(self) -> Iterable[str]:
        return self._where.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return self._entry(key).shape

    def dtype(self, key: str) -> str:
        return self._entry(key).dtype

    def array(self, key: str) -> Array:
        file = self._where[key]
        if self._last is not None and self._last is not file:
            self._last.give_back()
        self._last = file
        raw = file.raw(key)
        return widened(raw, self.dtype(key)) if self.dtype(key) in NOT_IN_NUMPY else raw

    def extent(self, key: str) -> ByteRange:
        """Where the bytes of a tensor lie."""
        return self._where[key].extent(key)

    def _entry(self, key: str) -> TensorEntry:
        return self._where[key].entry(key)


def widened(bits: Array, dtype: str) -> Array:
    """Numbers of a type that numpy lacks, given as their bits, as float32.

    bfloat16 is the upper half of a float32, float8_e5m2 that of a float16. float8_e4m3fn has four bits of exponent and
    three of fraction, and no infinities (Micikevicius et al. 2022).
    """
    if dtype == "bfloat16":
        return (bits.astype(np.uint32) << 16).view(np.float32)
    if dtype == "float8_e5m2":
        return (bits.astype(np.uint16) << 8).view(np.float16).astype(np.float32)
    return _e4m3fn()[bits]


@cache
def _e4m3fn() -> Array:
    """The numbers of the 256 bytes."""
    code = np.arange(256)
    exponent, fraction = (code >> 3) & 15, code & 7
    size = np.where(exponent > 0, np.ldexp(1 + fraction / 8, exponent - 7), np.ldexp(fraction / 8, -6))
    size[[0x7F, 0xFF]] = np.nan
    return np.where(code < 128, size, -size).astype(np.float32)


def open_weights(path: str | Path) -> SafetensorsWeights:
    """The weights of a `.safetensors` file, of an index of several, or of a folder that holds either.

    Raises WeightsError: not found, not safetensors, inconsistent.
    """
    return SafetensorsWeights(map(SafetensorsFile, safetensors_files(path)))


def not_finite(arrays: Mapping[str, Array]) -> tuple[str, ...]:
    """The keys of weights that hold what is no number, or an infinity."""
    return tuple(key for key, array in arrays.items() if array.dtype.kind == "f" and not np.isfinite(array).all())


def not_finite_warning(keys: Sequence[str]) -> str:
    """That weights hold such values, in a line; nothing where none does."""
    if not keys:
        return ""
    rest = f" and {len(keys) - MOST_NAMES} more" if len(keys) > MOST_NAMES else ""
    return f"warning: these weights hold nan or infinity: {', '.join(keys[:MOST_NAMES])}{rest}"


class MatchedWeights:
    """The weights of a graph, all there and of the right shapes, from a source that may hold tied ones once."""

    def __init__(self, graph: Graph, source: WeightSource):
        self._source = source
        wanted = weights(graph)
        self._nodes = {item.key: item.node for item in wanted}
        given = set(source.keys())
        self._places = _places(wanted, given)
        problems = [
            *_listed("missing", [_described(item) for item in wanted if _is_missing(item, self._places)], ""),
            *_listed("unexpected", sorted(given - {item.key for item in wanted}), _unexpected_hint(wanted, given)),
            *_listed("misshapen", list(_misfits(wanted, source, self._places)), ""),
        ]
        if problems:
            raise WeightsError(*problems)
        self._require_equal(wanted)

    def _require_equal(self, wanted: Iterable[KeyedWeight]) -> None:
        """Raises WeightsError for two weights that the network shares and that have two values."""
        for item in wanted:
            here = self._places.get(item.key)
            there = self._places.get(item.tied) if item.tied else None
            if here and there and here != there and not _equal(self._source.array(here), self._source.array(there)):
                raise two_values(item.key, item.tied)

    def place(self, key: str) -> str:
        """The key under which the source holds this weight."""
        return self._places[key]

    def array(self, key: str, dtype: str = "") -> Array:
        """A weight, as the element type that is asked for."""
        found = self._source.array(self._places[key])
        return self.stored(key, found, dtype) if dtype and str(found.dtype) != dtype else found

    def stored(self, key: str, values: Array, dtype: str) -> Array:
        """Values in a type, rounded to the nearest. Raises ExportError where one is too large for it."""
        with np.errstate(over="ignore"):
            made = values.astype(dtype)
        if dtype in LOW and not np.isfinite(made).all() and np.isfinite(values).all():
            raise ExportError(self._overflow(key, values, dtype))
        return made

    def _overflow(self, key: str, values: Array, dtype: str) -> Problem:
        node = self._nodes[key]
        return Problem(
            f"the weight {key} does not fit into {dtype}",
            node.origin.mark,
            node.origin.address or key,
            expected="numbers up to 65504" if dtype == "float16" else "numbers that it can hold",
            received=f"{float(np.abs(values.astype(np.float64)).max()):.6g}",
            hint=f"keep it in float32: --keep {key.rpartition('.')[0] or key}",
        )

    def extent(self, key: str, dtype: str) -> ByteRange | None:
        """Where a file holds exactly the bytes of this weight; None where they must be made."""
        place = self._places[key]
        if isinstance(self._source, SafetensorsWeights) and self._source.dtype(place) == dtype:
            return self._source.extent(place)
        return None

    def keys(self) -> Iterator[str]:
        """The keys of all weights that are there."""
        return iter(self._places)


def _places(wanted: Iterable[KeyedWeight], given: set[str]) -> dict[str, str]:
    """Where each weight is found: under its own key, or under one that is tied with it."""
    groups: dict[str, list[str]] = {}
    roots: dict[str, str] = {}
    for item in wanted:
        roots[item.key] = roots.get(item.tied, item.tied) if item.tied else item.key
    for key, root in roots.items():
        while roots.get(root, root) != root:
            root = roots[root]
        groups.setdefault(root, []).append(key)
    places: dict[str, str] = {}
    for keys in groups.values():
        there = [key for key in keys if key in given]
        places.update({key: key if key in given else there[0] for key in keys} if there else {})
    return places


def _equal(one: Array, other: Array) -> bool:
    return bool(((one == other) | ((one != one) & (other != other))).all())


def _is_missing(item: KeyedWeight, places: Mapping[str, str]) -> bool:
    return item.key not in places and item.weight.name not in OPTIONAL


def _described(item: KeyedWeight) -> str:
    return f"{item.key} {list(item.weight.shape)}"


def _misfits(wanted: Iterable[KeyedWeight], source: WeightSource, places: Mapping[str, str]) -> Iterator[str]:
    for item in wanted:
        if item.key not in places:
            continue
        shape, dtype = source.shape(places[item.key]), source.dtype(places[item.key])
        same_kind = dtype == item.weight.dtype or (dtype in FLOATS and item.weight.dtype in FLOATS)
        if shape != item.weight.shape or not same_kind:
            kind = "" if same_kind else f" {dtype} for {item.weight.dtype}"
            yield f"{item.key}: expected {list(item.weight.shape)}, received {list(shape)}{kind}"


def _listed(kind: str, items: list[str], hint: str) -> list[Problem]:
    if not items:
        return []
    tensors = "tensor" if len(items) == 1 else "tensors"
    rest = [f"and {len(items) - MOST_NAMES} more"] if len(items) > MOST_NAMES else []
    return [Problem("\n    ".join([f"{len(items)} {kind} {tensors}:", *items[:MOST_NAMES], *rest]), hint=hint)]


def _unexpected_hint(wanted: Iterable[KeyedWeight], given: set[str]) -> str:
    """The key that an unexpected one was perhaps meant to be; where no key fits, a similar one is an accident."""
    known = {item.key for item in wanted}
    if not known & given:
        return "the file holds the weights of another network" if given else ""
    stray = sorted(given - known)
    close = nearest(stray[0], known - given) if stray else ""
    return f"{stray[0]}: {close}" if close else ""
