"""LoRA merged into a network's weights (Hu et al. 2022): W + scale · alpha / rank · B·A."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import Problem, WeightsError, nearest
from archgraph.weights.lora_factors import PEFT, LowRank, ModuleName, low_rank_factors
from archgraph.weights.lora_settings import CONFIG, AdapterSettings, embedded_settings, settings_next_to
from archgraph.weights.namings import PublishedNaming
from archgraph.weights.rules import KeyRule, renamed
from archgraph.weights.tensors import LazyTensor, Tensors

_MOST_NAMES = 8
_WEIGHT = ".weight"
_OLDER_ATTENTION = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}
"""What diffusers called a text encoder's projections."""


class Merged(NamedTuple):
    """The network's tensors with an adapter in them, the keys that changed, and modules of other networks."""

    tensors: dict[str, LazyTensor]
    changed: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Adapter:
    """A file of LoRA factors: its tensors, its place, and its metadata."""

    tensors: Tensors
    place: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None
    """Its file, next to which PEFT writes the configuration."""


def merged(
    tensors: Tensors, adapter: Adapter, scale: float, namings: Callable[[], Iterable[PublishedNaming]] = tuple
) -> Merged:
    """The network's tensors, in which those that the adapter changes are computed when they are read.

    Of a file for several networks of a pipeline, the one is taken that fits. Names are the network's, or those of a
    naming. Raises WeightsError: no LoRA, one for another model (which keys), an adapter of PEFT without its
    configuration.
    """
    factors = low_rank_factors(adapter.tensors, adapter.place)
    settings = _Settings(adapter)
    parts = _parts(factors, [_Reading(tensors)])
    if not any(part.fits for part in parts):
        parts = _parts(factors, [_Reading(tensors), *_published(tensors, namings())])
    chosen = _chosen(parts, tensors, adapter.place)
    added = {key: tensor for part in chosen for key, tensor in part.added(settings, scale).items()}
    left_out = tuple(pair.name.full for part in parts if part not in chosen for pair in part.pairs)
    both = {key: _sum(key, tensor, added[key]) if key in added else tensor for key, tensor in tensors.items()}
    return Merged(both, tuple(key for key in tensors if key in added), left_out)


def _sum(key: str, weight: LazyTensor, change: LazyTensor) -> LazyTensor:
    """Their sum, rounded once, in the weight's own type. Axes of size 1 may be missing: a 1x1 convolution is linear.

    Reading it raises WeightsError for a sum that is too large for the type.
    """

    def added(values: Array) -> Array:
        wide = values.astype(np.float64 if weight.dtype == "float64" else np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            total: Array = (wide + change.read().reshape(values.shape)).astype(values.dtype)
        if not np.isfinite(total.astype(np.float32)).all() and np.isfinite(wide).all():
            hint = "the scale of --lora FILE:SCALE, alpha, or a factor is too large"
            raise WeightsError(f"'{key}' with the adapter does not fit into {weight.dtype}", hint=hint)
        return total

    return weight.mapped(weight.shape, added)


# -- names -------------------------------------------------------------------------------------------------------------


class _Reading:
    """The network's weights under names that an adapter may use, by path and by kohya's flat names."""

    def __init__(self, tensors: Tensors, rules: tuple[KeyRule, ...] = (), parts: tuple[str, ...] = ()):
        self.shapes = {key: tensor.shape for key, tensor in tensors.items()}
        self.rules = rules
        modules = [key.removesuffix(_WEIGHT) for key in tensors if key.endswith(_WEIGHT)]
        bare = [key for key in tensors if not key.endswith((_WEIGHT, ".bias"))]
        self._keys = {module: f"{module}{_WEIGHT}" for module in modules} | {key: key for key in bare}
        self._keys |= {f"{part}.{module}": key for part in parts for module, key in self._keys.items()}
        self._flat: dict[str, dict[str, None]] = {}
        for module, key in self._keys.items():
            self._flat.setdefault(module.replace(".", "_"), {})[key] = None

    def key(self, name: ModuleName) -> str | None:
        """The key of a module's weight; None where the network has none of that name."""
        if name.flat:
            return next(iter(self._flat.get(name.path, ())), None)
        return next((self._keys[path] for path in _spellings(name) if path in self._keys), None)

    def require_one(self, name: ModuleName) -> None:
        """Raises WeightsError for a flat name that several weights have: `a_b_c` is `a.b_c` or `a_b.c`."""
        found = self._flat.get(name.path, {}) if name.flat else {}
        if len(found) > 1:
            raise WeightsError(
                f"'{name.full}' may mean several modules of the network, since kohya's names have _ for a dot",
                expected="one module",
                received=_listed(found),
                hint="write the adapter with dotted names, such as diffusers' X.lora_A.weight",
            )

    def of_network(self, changes: Mapping[str, LazyTensor]) -> dict[str, LazyTensor]:
        """Changes under the network's own keys: what is renamed, split, joined and turned is so for changes too."""
        if not self.rules:
            return dict(changes)
        wide = next(iter(changes.values())).dtype
        found = renamed(
            self.rules, {key: changes.get(key) or _zeros(shape, wide) for key, shape in self.shapes.items()}
        )
        touched = {key for old in changes for key in found.split.get(old, (found.renamed.get(old, old),))}
        touched |= {key for key, sources in found.joined.items() if not changes.keys().isdisjoint(sources)}
        return {key: tensor for key, tensor in found.tensors.items() if key in touched}


def _zeros(shape: tuple[int, ...], dtype: str) -> LazyTensor:
    return LazyTensor(dtype, shape, lambda: np.zeros(shape, dtype))


def _spellings(name: ModuleName) -> Iterator[str]:
    """The paths that a dotted name may mean, the likeliest first."""
    yield name.full
    yield name.path
    plain = name.path.replace(".processor", "")
    last = plain.rpartition(".")[2]
    if last == "to_out":
        yield f"{plain}.0"
    if last in _OLDER_ATTENTION:
        yield re.sub(r"[^.]+$", _OLDER_ATTENTION[last], plain)
    yield plain
    yield name.path.partition(".")[2]  # a task's model holds the network under a name


def _published(tensors: Tensors, namings: Iterable[PublishedNaming]) -> Iterator[_Reading]:
    for naming in namings:
        try:
            yield _Reading(naming.backward(tensors).tensors, naming.rules, naming.parts)
        except WeightsError:  # not this network's
            continue


# -- which part of a file is for this network --------------------------------------------------------------------------


class _Part:
    """The factors for one network of a pipeline, under one reading of names."""

    def __init__(self, pairs: list[LowRank], reading: _Reading):
        self.pairs = pairs
        self.reading = reading
        self.keys = {id(pair): reading.key(pair.name) for pair in pairs}
        self.missing = [pair.name for pair in pairs if self.keys[id(pair)] is None]

    @property
    def misshapen(self) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
        """Keys, the shape of their weight, and that of the change."""
        found = []
        for pair in self.pairs:
            key = self.keys[id(pair)]
            shape = self.reading.shapes[key] if key else ()
            if key and _sides(shape) not in (_sides(pair.shape), _sides(pair.shape[::-1])):
                found.append((key, shape, pair.shape))
        return found

    @property
    def fits(self) -> bool:
        """Whether every module is there, with weights of these shapes."""
        return not self.missing and not self.misshapen

    def added(self, settings: _Settings, scale: float) -> dict[str, LazyTensor]:
        """What is added to each of the network's tensors. Raises WeightsError."""
        changes: dict[str, LazyTensor] = {}
        for pair in self.pairs:
            key = self.keys[id(pair)] or ""
            self.reading.require_one(pair.name)
            own = settings.of(pair.name)
            factor = scale * own.scale(pair.name.path, pair.rank, pair.alpha)
            turned = own.fan_in_fan_out and not pair.embedding and len(pair.shape) == 2
            shape = pair.shape[::-1] if turned else pair.shape
            if _sides(shape) != _sides(self.reading.shapes[key]):
                raise _turned(key, self.reading.shapes[key], shape, settings.place)
            if key in changes:
                raise WeightsError(f"'{settings.place}' changes '{key}' twice", received=pair.name.full)
            changes[key] = _change(pair, factor, turned, self.reading.shapes[key])
        return self.reading.of_network(changes)


def _sides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:2], *(size for size in shape[2:] if size != 1))


def _change(pair: LowRank, factor: float, turned: bool, shape: tuple[int, ...]) -> LazyTensor:
    """factor · up · down in the shape of the weight."""

    def product() -> Array:
        found = pair.product()
        return np.ascontiguousarray((found.T if turned else found).reshape(shape) * found.dtype.type(factor))

    wide = "float64" if "float64" in (pair.up.dtype, pair.down.dtype) else "float32"
    return LazyTensor(wide, shape, product, pair.up.origin)


def _parts(factors: Iterable[LowRank], readings: list[_Reading]) -> list[_Part]:
    """The factors by network of a pipeline, each under the reading in which most of it is there."""
    by_network: dict[str, list[LowRank]] = {}
    for pair in factors:
        by_network.setdefault(pair.name.network, []).append(pair)
    return [_best([_Part(pairs, reading) for reading in readings]) for pairs in by_network.values()]


def _best(parts: list[_Part]) -> _Part:
    """The one of which most is there."""
    return min(parts, key=lambda part: (len(part.missing), len(part.misshapen)))


def _chosen(parts: list[_Part], tensors: Tensors, place: str) -> list[_Part]:
    """The parts that are for this network. Raises WeightsError where none is, or where two change the same."""
    fitting = [part for part in parts if part.fits]
    if not fitting:
        raise _another_model(_best(parts), tensors, place)
    keys = [key for part in fitting for key in part.keys.values()]
    if len(set(keys)) < len(keys):
        names = ", ".join(part.pairs[0].name.network or "(no network named)" for part in fitting)
        raise WeightsError(
            f"'{place}' holds LoRAs for several networks, and more than one fits",
            expected="one that fits",
            received=names,
            hint="keep only the keys of one in the file",
        )
    return fitting


def _another_model(part: _Part, tensors: Tensors, place: str) -> WeightsError:
    problems = []
    if part.missing:
        count = f"{len(part.missing)} of its {len(part.pairs)} modules are"
        names = _listed(name.full for name in part.missing)
        modules = [key.removesuffix(_WEIGHT) for key in tensors if key.endswith(_WEIGHT)]
        close = nearest(part.missing[0].path, modules) if not part.missing[0].flat else ""
        problems.append(
            Problem(
                f"'{place}' is a LoRA for another model: {count} not in the network: {names}",
                expected=f"modules such as {_listed(modules[:3])}",
                hint=close,
            )
        )
    if part.misshapen:
        keys = _listed(key for key, _, _ in part.misshapen)
        count = f"{len(part.misshapen)} weights have another shape"
        problems.append(
            Problem(
                f"'{place}' is a LoRA for another model: {count} than its factors: {keys}",
                expected=_listed(f"{key} {list(want)}" for key, want, _ in part.misshapen),
                received=_listed(f"{key} {list(have)}" for key, _, have in part.misshapen),
            )
        )
    return WeightsError(*problems)


def _turned(key: str, want: tuple[int, ...], have: tuple[int, ...], place: str) -> WeightsError:
    return WeightsError(
        f"the factors of '{key}' in '{place}' make a weight of another shape",
        expected=str(list(want)),
        received=str(list(have)),
        hint=f"fan_in_fan_out in {CONFIG} says whether the network keeps this weight as [in, out]",
    )


def _listed(items: Iterable[str]) -> str:
    found = list(items)
    rest = f", and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    return ", ".join(found[:_MOST_NAMES]) + rest


# -- settings ----------------------------------------------------------------------------------------------------------


class _Settings:
    """The settings of an adapter for each network of a pipeline."""

    def __init__(self, adapter: Adapter):
        self.place = adapter.place
        self._metadata = adapter.metadata
        self._next_to = settings_next_to(adapter.path) if adapter.path else None
        peft = any(key.startswith(PEFT) for key in adapter.tensors)
        if peft and self._next_to is None and not any(key.endswith(".alpha") for key in adapter.tensors):
            raise WeightsError(
                f"'{adapter.place}' has PEFT's names, and its configuration is missing",
                expected=f"{CONFIG} next to it, which holds alpha",
            )
        self._by_network: dict[str, AdapterSettings] = {}

    def of(self, name: ModuleName) -> AdapterSettings:
        """Those of the network that a module belongs to. Raises WeightsError."""
        if name.network not in self._by_network:
            found = self._next_to or embedded_settings(self._metadata, name.network)
            self._by_network[name.network] = found or AdapterSettings()
        return self._by_network[name.network]
