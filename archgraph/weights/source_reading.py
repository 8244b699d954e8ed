"""One source of weights under a network's keys.

The order: the part that is asked for; the caller's rules; prefixes of wrappers; the shipped naming under which all
fits; the subtree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from archgraph.errors import Problem, WeightsError, nearest
from archgraph.weights.matching import misfits
from archgraph.weights.namings import PublishedNaming
from archgraph.weights.patterns import covers
from archgraph.weights.requests import WeightsRequest
from archgraph.weights.rule_files import read_rules
from archgraph.weights.rules import KeyRule, Renamed, renamed
from archgraph.weights.sources import OpenedSource
from archgraph.weights.targets import WeightsTarget, paths
from archgraph.weights.tensors import Tensors
from archgraph.weights.wanted import Wanted, left_to_compute
from archgraph.weights.wrappers import Unwrapped, below, unwrapped


@dataclass(frozen=True, slots=True)
class Candidate:
    """Tensors under keys that may be the network's: by a naming, or as they are."""

    tensors: Tensors
    naming: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


class SourceReading:
    """Reads the sources of one request, one after another. `prefixes` are those of wrappers, by source."""

    def __init__(self, network: WeightsTarget, request: WeightsRequest):
        self._network = network
        self._request = request
        self._rules: tuple[KeyRule, ...] = tuple(rule for name in request.rename for rule in read_rules(Path(name)))
        self._used: set[int] = set()
        self.prefixes: dict[str, tuple[str, ...]] = {}

    def read(self, source: OpenedSource) -> Candidate:
        """The tensors of a source under the network's keys, its subtree in front. Raises WeightsError."""
        subtree = source.source.subtree
        wanted = self._network.below(subtree)
        tensors = self._part_of(source)
        ruled = self._ruled(tensors)
        bare = unwrapped(ruled.tensors, wanted) if wanted else Unwrapped(ruled.tensors)
        outside = tuple(
            key for key in source.tensors if self._request.part and not key.startswith(f"{self._request.part}.")
        )
        plain = Candidate(
            bare.tensors, "", ruled.renamed, ruled.split, ruled.joined, (*outside, *ruled.dropped, *bare.counters)
        )
        chosen = self._by_naming(plain, ruled.tensors, wanted) if not subtree and wanted else plain
        if chosen is plain and bare.prefixes:
            self.prefixes[source.source.text] = bare.prefixes
        return _below(chosen, subtree) if subtree else chosen

    def _part_of(self, source: OpenedSource) -> Tensors:
        """The tensors under the part that is asked for. Raises WeightsError where there are none."""
        part = self._request.part
        if not part:
            return source.tensors
        found = below(source.tensors, part)
        if not found:
            parts = paths(source.tensors)
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

    def require_rules_used(self) -> None:
        """Raises WeightsError for rules of the caller that matched no key of any source."""
        problems = [
            Problem(f"the rule {rule.text} matches no key", hint="`archgraph weights show FILE` lists the keys")
            for rule in self._rules
            if id(rule) not in self._used
        ]
        if problems:
            raise WeightsError(*problems)

    def _by_naming(self, plain: Candidate, whole: Tensors, wanted: Wanted) -> Candidate:
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

    def _misfit(self, candidate: Candidate, wanted: Wanted) -> int:
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


def _readings(naming: PublishedNaming, plain: Candidate, whole: Tensors) -> list[Candidate]:
    """The tensors under a naming, with the prefixes of wrappers and without; none where its rules cannot take them."""
    found = []
    for tensors in (plain.tensors, whole):
        try:
            made = naming.forward(tensors)
        except WeightsError:
            continue
        found.append(
            Candidate(
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


def _origins(candidate: Candidate) -> dict[str, str]:
    return {key: tensor.origin for key, tensor in candidate.tensors.items()}


def _below(candidate: Candidate, subtree: str) -> Candidate:
    """A candidate with a path of the network in front of its keys."""

    def at(key: str) -> str:
        return f"{subtree}.{key}"

    return Candidate(
        {at(key): tensor for key, tensor in candidate.tensors.items()},
        candidate.naming,
        {old: at(key) for old, key in candidate.renamed.items()},
        {old: tuple(map(at, keys)) for old, keys in candidate.split.items()},
        {at(key): old for key, old in candidate.joined.items()},
        candidate.left_out,
    )
