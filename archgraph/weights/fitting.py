"""Files of weights made to fit a network: opened, cut, renamed, resized, and matched strictly.

The order: each source under the network's keys (`source_reading`); what starts anew; position tables; the strict match;
adapters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archgraph.errors import WeightsError
from archgraph.weights.element_types import FLOATS
from archgraph.weights.matching import matched
from archgraph.weights.memory import mapped_tensors, module_tensors
from archgraph.weights.patterns import covers
from archgraph.weights.reports import WeightsReport
from archgraph.weights.requests import WeightsRequest, adapter
from archgraph.weights.source_reading import Candidate, SourceReading
from archgraph.weights.sources import opened, source_of
from archgraph.weights.targets import WeightsTarget
from archgraph.weights.tensors import LazyTensor, Tensors, require_unchanged
from archgraph.weights.wanted import Wanted, left_to_compute, tied_groups
from archgraph.weights.writing import source_digests


@dataclass(frozen=True, slots=True)
class FittedWeights:
    """A tensor for each weight of a network but the fresh ones, unread; and how it came by them."""

    tensors: Tensors
    report: WeightsReport
    files: tuple[Path, ...] = ()

    @property
    def fresh(self) -> tuple[str, ...]:
        """The keys that start anew, or that the network computes."""
        return (*self.report.fresh, *self.report.computed)

    def completed(self, module: Any) -> FittedWeights:
        """The same, with the tensors of a module for what starts anew."""
        drawn = module_tensors(module) if self.fresh else {}
        tensors = {**self.tensors, **{key: drawn[key] for key in self.fresh}}
        return replace(self, tensors=tensors, report=replace(self.report, fresh=(), computed=()))

    def require_unchanged(self) -> None:
        """Raises WeightsError where a file has changed since it was opened: for whoever has copied its bytes."""
        require_unchanged(self.tensors.values())

    def digests(self) -> list[dict[str, Any]]:
        """The names, sizes and SHA-256 digests of the files that the weights come from. Raises OSError."""
        return source_digests(self.files)


def fitted(network: WeightsTarget, weights: Any) -> FittedWeights:
    """Weights in any form that people have them, made to fit. Raises WeightsError with all that does not."""
    if isinstance(weights, FittedWeights):
        known = {key: weight for key, weight in network.wanted.items() if key not in weights.fresh}
        return FittedWeights(matched(weights.tensors, known), weights.report, weights.files)
    if isinstance(weights, WeightsRequest):
        return _Fitting(network, weights).result()
    if isinstance(weights, (str, Path)) or _names_files(weights):
        return _Fitting(network, WeightsRequest(weights)).result()
    found = matched(_in_memory(weights), network.wanted)
    return FittedWeights(found, WeightsReport(network.title, matched=tuple(found)))


def unfitted(weights: Any) -> FittedWeights:
    """Weights of no network: cut, renamed and put in their place as a request says, and not checked.

    Raises WeightsError for what only a network can answer.
    """
    request = weights if isinstance(weights, WeightsRequest) else WeightsRequest(weights)
    if request.fresh or request.resize or request.lora:
        raise WeightsError("what starts anew, is resized or adapted depends on the network", hint="--for SPEC names it")
    return _Fitting(WeightsTarget("no network", {}), request).unchecked()


def _names_files(weights: Any) -> bool:
    """Whether it is a mapping from paths of a network to files, or a list of files."""
    values = list(weights.values()) if isinstance(weights, Mapping) else weights
    return isinstance(values, (list, tuple)) and bool(values) and all(isinstance(each, (str, Path)) for each in values)


def _in_memory(weights: Any) -> dict[str, LazyTensor]:
    if hasattr(weights, "state_dict"):
        return module_tensors(weights)
    if isinstance(weights, Mapping):
        return mapped_tensors(weights)
    raise WeightsError(
        "these are no weights",
        expected="a safetensors file, a torch module, or a mapping of names to tensors",
        received=type(weights).__name__,
    )


class _Fitting:
    """The work on one request."""

    def __init__(self, network: WeightsTarget, request: WeightsRequest):
        self._network = network
        self._request = request
        self._files: list[Path] = []
        self._reading = SourceReading(network, request)
        self._parts: list[Candidate] = []
        self._resized: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self._methods: dict[str, str] = {}
        self._computed: tuple[str, ...] = ()
        self._other_networks: list[str] = []

    def result(self) -> FittedWeights:
        """The weights, matched. Raises WeightsError."""
        self._require_paths("--fresh", self._request.fresh)
        self._require_paths("--resize", self._request.resizes)
        self._require_methods()
        self._read_sources()
        tensors, fresh = self._united(), self._fresh()
        open_ = {key: weight for key, weight in self._network.wanted.items() if key not in fresh}
        self._computed = left_to_compute(tensors, open_)
        wanted = {key: weight for key, weight in open_.items() if key not in self._computed}
        sized = self._with_resized({key: one for key, one in tensors.items() if key not in fresh}, wanted)
        found: Mapping[str, LazyTensor] = matched(sized, wanted)
        found, changed = self._with_adapters(found)
        return FittedWeights(found, self._report(found, fresh, changed), tuple(dict.fromkeys(self._files)))

    def unchecked(self) -> FittedWeights:
        """The tensors of all sources under the keys that they have after the rules. Raises WeightsError."""
        self._read_sources()
        tensors = self._united()
        return FittedWeights(tensors, self._report(tensors, {}, {}), tuple(dict.fromkeys(self._files)))

    def _read_sources(self) -> None:
        for source in self._request.each:
            found = opened(source)
            self._files += found.files
            self._parts.append(self._reading.read(found))
        self._reading.require_rules_used()

    # -- the whole network ---------------------------------------------------------------------------------------------

    def _united(self) -> dict[str, LazyTensor]:
        """The tensors of all sources. Raises WeightsError for a key that two of them fill."""
        tensors: dict[str, LazyTensor] = {}
        for source, part in zip(self._request.each, self._parts, strict=True):
            if twice := tensors.keys() & part.tensors.keys():
                raise WeightsError(f"'{min(twice)}' comes from two files", received=f"one of them is {source.place}")
            tensors.update(part.tensors)
        return tensors

    def _fresh(self) -> dict[str, None]:
        return {key: None for key in self._network.wanted if covers(self._request.fresh, key)}

    def _with_resized(self, tensors: dict[str, LazyTensor], wanted: Wanted) -> dict[str, LazyTensor]:
        """The tensors with position tables of the network's size. Raises WeightsError."""
        if not self._request.resize:
            return tensors
        from archgraph.weights.position_tables import method_named, resized

        for path, name in self._request.resizes.items():
            for key in (key for key in wanted if covers((path,), key) and key in tensors):
                have, want = tensors[key], wanted[key].shape
                if have.shape != want:
                    method = method_named(name, key)
                    tensors[key] = resized(key, have, want, method)
                    self._resized[key], self._methods[key] = (have.shape, want), method.text
        return tensors

    def _with_adapters(self, tensors: Mapping[str, LazyTensor]) -> tuple[Tensors, dict[str, tuple[str, ...]]]:
        """The tensors with all adapters merged, and the keys that each changed. Raises WeightsError."""
        changed: dict[str, tuple[str, ...]] = {}
        for text in self._request.lora:
            from archgraph.weights.lora import Adapter, merged

            place, scale = adapter(text)
            source = opened(source_of(place))
            self._files += source.files
            given = Adapter(source.tensors, place, dict(source.metadata), source.files[0] if source.files else None)
            found = merged(tensors, given, scale, self._network.namings)
            tensors, changed[text] = self._tied(found.tensors, found.changed, text)
            self._other_networks += found.left_out
        return tensors, changed

    def _tied(self, tensors: Tensors, changed: tuple[str, ...], adapter: str) -> tuple[Tensors, tuple[str, ...]]:
        """With what an adapter changed under each key of a weight that the network shares. Raises WeightsError."""
        both = dict(tensors)
        groups = tied_groups(self._network.wanted)
        for key in changed:
            if twice := [other for other in groups[key] if other != key and other in changed]:
                raise WeightsError(
                    f"'{key}' and '{twice[0]}' are one weight in the network, and '{adapter}' changes both",
                    expected="factors for one of the two",
                    hint="untie them in the spec, or leave out the factors of one",
                )
            both |= dict.fromkeys(groups[key], tensors[key])
        shared = {other for key in changed for other in groups[key]}
        return both, tuple(key for key in tensors if key in shared)

    def _require_paths(self, option: str, paths: Iterable[str]) -> None:
        """Raises WeightsError for a path at which the network has no weights."""
        for path in paths:
            if not any(covers((path,), key) for key in self._network.wanted):
                raise self._network.no_path(f"{option} {path}: {self._network.title} has no weights there", path)

    def _require_methods(self) -> None:
        """Raises WeightsError for a way to resize that there is not, whether or not a table needs it."""
        for path, name in self._request.resizes.items():
            if name:
                from archgraph.weights.position_tables import method_named

                method_named(name, path)

    # -- the report ----------------------------------------------------------------------------------------------------

    def _report(
        self, tensors: Tensors, fresh: Mapping[str, None], changed: dict[str, tuple[str, ...]]
    ) -> WeightsReport:
        parts = self._parts
        new = {key for part in parts for key in (*part.renamed.values(), *part.joined)}
        new |= {key for part in parts for keys in part.split.values() for key in keys} | self._resized.keys()
        ignored = [key for part in parts for key in part.tensors if key in fresh or covers(self._request.fresh, key)]
        return WeightsReport(
            self._network.title,
            tuple(source.text for source in self._request.each),
            tuple(key for key in tensors if key not in new),
            self._reading.prefixes,
            next((part.naming for part in parts if part.naming), ""),
            {old: key for part in parts for old, key in part.renamed.items()},
            {old: keys for part in parts for old, keys in part.split.items()},
            {key: old for part in parts for key, old in part.joined.items()},
            self._resized,
            self._methods,
            tuple(fresh),
            self._computed,
            (*(key for part in parts for key in part.left_out), *ignored, *self._other_networks),
            _types(tensors, self._network.wanted),
            changed,
        )


def _types(tensors: Tensors, wanted: Wanted) -> dict[str, int]:
    """How many tensors have a type that is not the network's, by both types."""
    counts: dict[str, int] = {}
    for key, tensor in tensors.items():
        want = wanted[key].dtype if key in wanted else tensor.dtype
        if tensor.dtype != want and tensor.dtype in FLOATS:
            name = f"{tensor.dtype} to {want}"
            counts[name] = counts.get(name, 0) + 1
    return counts
