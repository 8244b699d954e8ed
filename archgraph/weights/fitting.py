"""Files of weights made to fit a network: opened, cut, renamed, resized, and matched strictly.

The order: the part that is asked for; the caller's rules; prefixes of wrappers; the shipped naming under which all
fits; the subtree; what starts anew; position tables; the strict match; adapters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archgraph.errors import Problem, WeightsError, nearest
from archgraph.graph.types import Graph
from archgraph.weights.element_types import FLOATS
from archgraph.weights.matching import matched, misfits
from archgraph.weights.memory import mapped_tensors, module_tensors
from archgraph.weights.namings import PublishedNaming, namings_of
from archgraph.weights.patterns import covers
from archgraph.weights.reports import WeightsReport
from archgraph.weights.requests import WeightsRequest, adapter
from archgraph.weights.rule_files import read_rules
from archgraph.weights.rules import KeyRule, Renamed, renamed
from archgraph.weights.sources import OpenedSource, opened, source_of
from archgraph.weights.tensors import LazyTensor, Tensors, require_unchanged
from archgraph.weights.wanted import Wanted, left_to_compute, tied_groups, wanted_by
from archgraph.weights.wrappers import Unwrapped, below, unwrapped
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


@dataclass(frozen=True, slots=True)
class WeightsTarget:
    """What weights are fitted to: its name for messages, its weights, and the namings it was published under."""

    title: str
    wanted: Wanted
    namings: Callable[[], tuple[PublishedNaming, ...]] = tuple
    """Read only where keys do not fit as they are."""


def network_of(graph: Graph) -> WeightsTarget:
    """A graph as weights see it."""
    return WeightsTarget(graph.title, wanted_by(graph), lambda: namings_of(graph))


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


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Tensors under keys that may be the network's: by a naming, or as they are."""

    tensors: Tensors
    naming: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


class _Fitting:
    """The work on one request."""

    def __init__(self, network: WeightsTarget, request: WeightsRequest):
        self._network = network
        self._request = request
        self._files: list[Path] = []
        self._prefixes: dict[str, tuple[str, ...]] = {}
        self._parts: list[_Candidate] = []
        self._resized: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self._methods: dict[str, str] = {}
        self._rules: tuple[KeyRule, ...] = tuple(rule for name in request.rename for rule in read_rules(Path(name)))
        self._used: set[int] = set()
        self._computed: tuple[str, ...] = ()
        self._other_networks: list[str] = []

    def result(self) -> FittedWeights:
        """The weights, matched. Raises WeightsError."""
        self._require_paths("--fresh", self._request.fresh)
        self._require_paths("--resize", self._request.resizes)
        self._require_methods()
        self._parts = [self._fitted_source(opened(source)) for source in self._request.each]
        self._require_rules_used()
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
        self._parts = [self._fitted_source(opened(source)) for source in self._request.each]
        self._require_rules_used()
        tensors = self._united()
        return FittedWeights(tensors, self._report(tensors, {}, {}), tuple(dict.fromkeys(self._files)))

    # -- one source ----------------------------------------------------------------------------------------------------

    def _fitted_source(self, source: OpenedSource) -> _Candidate:
        """The tensors of a source under the network's keys, its subtree in front."""
        self._files += source.files
        subtree = source.source.subtree
        wanted = self._wanted_below(subtree)
        tensors = self._part_of(source)
        ruled = self._ruled(tensors)
        bare = unwrapped(ruled.tensors, wanted) if wanted else Unwrapped(ruled.tensors)
        outside = tuple(
            key for key in source.tensors if self._request.part and not key.startswith(f"{self._request.part}.")
        )
        plain = _Candidate(
            bare.tensors, "", ruled.renamed, ruled.split, ruled.joined, (*outside, *ruled.dropped, *bare.counters)
        )
        chosen = self._by_naming(plain, ruled.tensors, wanted) if not subtree and wanted else plain
        if chosen is plain and bare.prefixes:
            self._prefixes[source.source.text] = bare.prefixes
        return _below(chosen, subtree) if subtree else chosen

    def _wanted_below(self, subtree: str) -> Wanted:
        """The weights at and below a path of the network, without it. Raises WeightsError where there are none."""
        if not subtree or not self._network.wanted:
            return self._network.wanted
        start = f"{subtree}."
        found = {key.removeprefix(start): one for key, one in self._network.wanted.items() if key.startswith(start)}
        if not found:
            raise self._no_path(f"{self._network.title} has no weights under '{subtree}'", subtree)
        return found

    def _part_of(self, source: OpenedSource) -> Tensors:
        """The tensors under the part that is asked for. Raises WeightsError where there are none."""
        part = self._request.part
        if not part:
            return source.tensors
        found = below(source.tensors, part)
        if not found:
            parts = _paths(source.tensors)
            received = ", ".join(dict.fromkeys(key.partition(".")[0] for key in source.tensors))[:400]
            raise WeightsError(
                f"'{source.source.place}' has no part '{part}'",
                expected="a prefix of its keys",
                received=received,
                hint=nearest(part, parts),
            )
        return found

    def _ruled(self, tensors: Tensors) -> Renamed:
        """The tensors after the caller's rules."""
        if not self._rules:
            return Renamed(dict(tensors))
        found = renamed(self._rules, tensors)
        unused = {id(rule) for rule in found.unused}
        self._used |= {id(rule) for rule in self._rules if id(rule) not in unused}
        return found

    def _require_rules_used(self) -> None:
        """Raises WeightsError for rules of the caller that matched no key of any source."""
        problems = [
            Problem(f"the rule {rule.text} matches no key", hint="`archgraph weights show FILE` lists the keys")
            for rule in self._rules
            if id(rule) not in self._used
        ]
        if problems:
            raise WeightsError(*problems)

    # -- namings -------------------------------------------------------------------------------------------------------

    def _by_naming(self, plain: _Candidate, whole: Tensors, wanted: Wanted) -> _Candidate:
        """The candidate itself where it fits; else the one naming under which all fits; else the nearest of them."""
        if not self._misfit(plain, wanted):
            return plain
        others = [one for naming in self._network.namings() for one in _readings(naming, plain, whole)]
        fitting = [one for one in others if not self._misfit(one, wanted)]
        names = list(dict.fromkeys(one.naming for one in fitting))
        if len(names) > 1 and any(_origins(one) != _origins(fitting[0]) for one in fitting[1:]):
            raise WeightsError(
                f"the weights fit {self._network.title} under several namings",
                received=", ".join(names),
                hint="--rename names a file of rules",
            )
        if fitting:
            return fitting[0]
        best = min(others, key=lambda one: self._misfit(one, wanted), default=plain)
        return best if self._misfit(best, wanted) * 2 < self._misfit(plain, wanted) else plain

    def _misfit(self, candidate: _Candidate, wanted: Wanted) -> int:
        """How many keys do not fit; what starts anew, and tables that may be resized, do."""
        fresh = self._request.fresh
        known = {key: one for key, one in wanted.items() if not covers(fresh, key)}
        given = {key: one for key, one in candidate.tensors.items() if not covers(fresh, key)}
        resizable = [key for key in given if covers(tuple(self._request.resizes), key)]
        count = len(known.keys() ^ given.keys()) - len(left_to_compute(given, known))
        if count:
            return count
        exact = {key: one for key, one in given.items() if key not in resizable}
        return len(misfits(exact, {key: one for key, one in known.items() if key in exact}))

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
                raise self._no_path(f"{option} {path}: {self._network.title} has no weights there", path)

    def _require_methods(self) -> None:
        """Raises WeightsError for a way to resize that there is not, whether or not a table needs it."""
        for path, name in self._request.resizes.items():
            if name:
                from archgraph.weights.position_tables import method_named

                method_named(name, path)

    def _no_path(self, message: str, path: str) -> WeightsError:
        known = _paths(self._network.wanted)
        tops = ", ".join(dict.fromkeys(key.partition(".")[0] for key in self._network.wanted))
        return WeightsError(message, expected=f"a path of the network, such as {tops}"[:400], hint=nearest(path, known))

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
            self._prefixes,
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


def _readings(naming: PublishedNaming, plain: _Candidate, whole: Tensors) -> list[_Candidate]:
    """The tensors under a naming, with the prefixes of wrappers and without; none where its rules cannot take them."""
    found = []
    for tensors in (plain.tensors, whole):
        try:
            made = naming.forward(tensors)
        except WeightsError:
            continue
        found.append(
            _Candidate(
                made.tensors,
                naming.name,
                _chained(plain.renamed, made.renamed),
                {**plain.split, **made.split},
                {**plain.joined, **made.joined},
                (*plain.left_out, *made.dropped, *naming.outside(tensors)),
            )
        )
    return found


def _chained(first: Mapping[str, str], then: Mapping[str, str]) -> dict[str, str]:
    """What the old keys became in the end."""
    between = set(first.values())
    chained = {old: then.get(new, new) for old, new in first.items()}
    return chained | {old: new for old, new in then.items() if old not in between}


def _origins(candidate: _Candidate) -> dict[str, str]:
    return {key: tensor.origin for key, tensor in candidate.tensors.items()}


def _below(candidate: _Candidate, subtree: str) -> _Candidate:
    """A candidate with a path of the network in front of its keys."""

    def at(key: str) -> str:
        return f"{subtree}.{key}"

    return _Candidate(
        {at(key): tensor for key, tensor in candidate.tensors.items()},
        candidate.naming,
        {old: at(key) for old, key in candidate.renamed.items()},
        {old: tuple(map(at, keys)) for old, keys in candidate.split.items()},
        {at(key): old for key, old in candidate.joined.items()},
        candidate.left_out,
    )


def _paths(keys: Iterable[str]) -> list[str]:
    """Every path that keys lie under, and the keys themselves."""
    found: dict[str, None] = {}
    for key in keys:
        parts = key.split(".")
        found.update(dict.fromkeys(".".join(parts[:depth]) for depth in range(1, len(parts) + 1)))
    return list(found)


def _types(tensors: Tensors, wanted: Wanted) -> dict[str, int]:
    """How many tensors have a type that is not the network's, by both types."""
    counts: dict[str, int] = {}
    for key, tensor in tensors.items():
        want = wanted[key].dtype if key in wanted else tensor.dtype
        if tensor.dtype != want and tensor.dtype in FLOATS:
            name = f"{tensor.dtype} to {want}"
            counts[name] = counts.get(name, 0) + 1
    return counts
