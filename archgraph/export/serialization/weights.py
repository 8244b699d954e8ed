"""Where weights come from: safetensors files (memory-mapped) or a torch module, matched strictly with the graph."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.atomic_files import ByteRange
from archgraph.artifact.file_kinds import is_file, is_folder, not_a_file
from archgraph.artifact.given_tensors import require_tensors
from archgraph.errors import ExportError, Problem, WeightsError, nearest
from archgraph.export.serialization.safetensors import SafetensorsFile, TensorEntry
from archgraph.graph.keys import KeyedWeight, weights
from archgraph.graph.types import Graph

INDEX_SUFFIX = ".safetensors.index.json"
LARGEST_INDEX = 50_000_000
MOST_NAMES = 20
"""More keys than that are counted: they are another network's."""
LOW = ("float16", "bfloat16")
FLOATS = ("float16", "bfloat16", "float32", "float64")
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
        """The tensor; bfloat16, which numpy lacks, is widened to float32."""
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
        if isinstance(tensor, np.ndarray):
            return tensor
        plain = tensor.detach().cpu()
        return np.asarray((plain.float() if self.dtype(key) == "bfloat16" else plain).numpy())


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
                    raise WeightsError(f"'{key}' is in {self._where[key].path} and in {file.path}")
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
        return widened(raw) if self.dtype(key) == "bfloat16" else raw

    def extent(self, key: str) -> ByteRange:
        """Where the bytes of a tensor lie."""
        return self._where[key].extent(key)

    def _entry(self, key: str) -> TensorEntry:
        return self._where[key].entry(key)


def widened(bits: Array) -> Array:
    """bfloat16, given as its bits, as float32: the upper half of the same number."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def open_weights(path: str | Path) -> SafetensorsWeights:
    """The weights of a `.safetensors` file, of an index of several, or of a folder that holds either.

    Raises WeightsError: not found, not safetensors, inconsistent.
    """
    found = _located(Path(path))
    if found.name.endswith(INDEX_SUFFIX):
        return SafetensorsWeights(SafetensorsFile(found.parent / name) for name in _indexed(found))
    if found.suffix != ".safetensors":
        raise WeightsError(
            f"{found} is no safetensors file",
            expected="a file that ends in .safetensors",
            hint="a pickle (.pt, .bin, .ckpt) can run code when it is read; save it as safetensors first",
        )
    return SafetensorsWeights([SafetensorsFile(found)])


def not_finite(arrays: Mapping[str, Array]) -> tuple[str, ...]:
    """The keys of weights that hold what is no number, or an infinity."""
    return tuple(key for key, array in arrays.items() if array.dtype.kind == "f" and not np.isfinite(array).all())


def not_finite_warning(keys: Sequence[str]) -> str:
    """That weights hold such values, in a line; nothing where none does."""
    if not keys:
        return ""
    rest = f" and {len(keys) - MOST_NAMES} more" if len(keys) > MOST_NAMES else ""
    return f"warning: these weights hold nan or infinity: {', '.join(keys[:MOST_NAMES])}{rest}"


def _located(path: Path) -> Path:
    if not is_file(path) and not not_a_file(path):
        raise WeightsError(f"there is no file {path}")
    if not is_folder(path):
        return path
    found = sorted(path.glob(f"*{INDEX_SUFFIX}")) or sorted(path.glob("*.safetensors"))
    if len(found) != 1:
        names = ", ".join(item.name for item in found) or "none"
        raise WeightsError(f"{path} must hold one safetensors file or one index", received=names)
    return found[0]


def _indexed(path: Path) -> list[str]:
    """The files of an index. Only names in its own folder are followed."""
    try:
        if path.stat().st_size > LARGEST_INDEX:
            raise WeightsError(f"{path} is too large for an index")
        places = json.loads(path.read_text("utf-8"))["weight_map"]
        names = sorted(set(places.values()))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise WeightsError(f"{path} is no safetensors index", expected="a JSON object with a weight_map") from None
    for name in names:
        if not isinstance(name, str) or not name.endswith(".safetensors") or Path(name).name != name or "\\" in name:
            raise WeightsError(f"{path} points to a file outside of its folder", received=repr(name)[:80])
    return names


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
