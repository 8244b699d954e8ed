"""Rules that rename, split, join and turn tensors: each works in both directions, and reads no tensor.

A list of rules is worked through in order, each on all keys as those before it left them. So the way back is the list
from its end, each rule reversed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from archgraph.errors import Problem, WeightsError
from archgraph.weights.axis_changes import AxisChange, TensorChange
from archgraph.weights.patterns import KeyPattern
from archgraph.weights.tensors import LazyTensor, Tensors, joined


@dataclass(frozen=True, slots=True)
class Step:
    """What a rule makes of some tensors: those of the old keys leave, the new ones take their place."""

    old: tuple[str, ...]
    new: dict[str, LazyTensor]


class KeyRule(Protocol):
    """A rule of a list; `text` is how a message names it."""

    @property
    def text(self) -> str:
        """The rule as it is written."""
        ...

    def steps(self, tensors: Tensors) -> Iterator[Step]:
        """What it makes of these tensors. Raises WeightsError."""
        ...

    def reversed(self) -> KeyRule:
        """The rule that undoes this one."""
        ...


@dataclass(frozen=True)
class RenameRule:
    """One key becomes another; `change` says what becomes of its numbers."""

    old: KeyPattern
    new: KeyPattern
    change: TensorChange = field(default_factory=AxisChange)

    @property
    def text(self) -> str:
        """As it is written."""
        to = f", to: {self.new.text}" if self.new != self.old or not self.change.text else ""
        return f"{{{self.change.word}: {self.old.text}{to}{self.change.text}}}"

    def steps(self, tensors: Tensors) -> Iterator[Step]:
        """One for each key that the old pattern matches."""
        for key, tensor in tensors.items():
            values = self.old.matched(key)
            if values is not None:
                made = self.new.filled(values)
                _require_way_back(self, key, made, self.new, values)
                yield Step((key,), {made: self.change.of(key, tensor)})

    def reversed(self) -> RenameRule:
        """From the new key to the old one."""
        return RenameRule(self.new, self.old, self.change.reversed())


@dataclass(frozen=True)
class SplitRule:
    """One tensor becomes several along an axis: equal parts, or parts in the ratio of `shares`."""

    old: KeyPattern
    new: tuple[KeyPattern, ...]
    axis: int = 0
    shares: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{{split: {self.old.text}, to: {[each.text for each in self.new]}, axis: {self.axis}}}"

    def steps(self, tensors: Tensors) -> Iterator[Step]:
        """One for each key that the old pattern matches."""
        for key, tensor in tensors.items():
            values = self.old.matched(key)
            if values is None:
                continue
            sizes = self._sizes(key, tensor)
            made, begin = {}, 0
            for pattern, size in zip(self.new, sizes, strict=True):
                made[pattern.filled(values)] = tensor.part(self.axis, begin, size)
                begin += size
            yield Step((key,), made)

    def _sizes(self, key: str, tensor: LazyTensor) -> list[int]:
        shares = self.shares or (1,) * len(self.new)
        length = tensor.shape[self.axis] if self.axis < len(tensor.shape) else 0
        if not length or length % sum(shares):
            raise WeightsError(
                f"'{key}' cannot be split into {len(self.new)} parts along axis {self.axis}",
                expected=f"a multiple of {sum(shares)} there",
                received=str(list(tensor.shape)),
            )
        return [length // sum(shares) * share for share in shares]

    def reversed(self) -> JoinRule:
        """The parts are joined."""
        return JoinRule(self.new, self.old, self.axis, self.shares)


@dataclass(frozen=True)
class JoinRule:
    """Several tensors become one along an axis; `shares` is the ratio of their sizes, where these are not equal."""

    old: tuple[KeyPattern, ...]
    new: KeyPattern
    axis: int = 0
    shares: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{{join: {[each.text for each in self.old]}, to: {self.new.text}, axis: {self.axis}}}"

    def steps(self, tensors: Tensors) -> Iterator[Step]:
        """One for each set of keys that the old patterns match together."""
        for key in tensors:
            values = self.old[0].matched(key)
            if values is not None:
                yield self._joined(values, tensors)
        for other in self.old[1:]:
            self._require_first(other, tensors)

    def _require_first(self, other: KeyPattern, tensors: Tensors) -> None:
        """Raises WeightsError for a part whose first part is not there."""
        for key in tensors:
            values = other.matched(key)
            if values is not None and self.old[0].filled(values) not in tensors:
                raise _part_missing(self, self.old[0].filled(values), key)

    def _joined(self, values: Sequence[str], tensors: Tensors) -> Step:
        keys = tuple(pattern.filled(values) for pattern in self.old)
        for key in keys:
            if key not in tensors:
                raise _part_missing(self, key, keys[0])
        parts = tuple(tensors[key] for key in keys)
        self._require_shapes(keys, parts)
        return Step(keys, {self.new.filled(values): joined(parts, self.axis)})

    def _require_shapes(self, keys: Sequence[str], parts: Sequence[LazyTensor]) -> None:
        """Raises WeightsError for parts that cannot stand one behind the other, or that would not come apart so."""
        around = {(*part.shape[: self.axis], *part.shape[self.axis + 1 :], part.dtype) for part in parts}
        ranks = {len(part.shape) for part in parts}
        shares = self.shares or (1,) * len(parts)
        fits = len(around) == len(ranks) == 1 and min(ranks) > self.axis
        lengths = [part.shape[self.axis] for part in parts] if fits else []
        if not fits or any(one * shares[0] != lengths[0] * share for one, share in zip(lengths, shares, strict=True)):
            raise WeightsError(
                f"{', '.join(keys)} cannot be joined along axis {self.axis}",
                expected=f"sizes as {' : '.join(map(str, shares))} there, and equal ones elsewhere",
                received=", ".join(f"{part.dtype} {list(part.shape)}" for part in parts),
            )

    def reversed(self) -> SplitRule:
        """The tensor is split into its parts."""
        return SplitRule(self.new, self.old, self.axis, self.shares)


@dataclass(frozen=True)
class DropRule:
    """Tensors that the network does not have, such as masks that are constants; the way back does not make them.

    `undone`: those that the network computes and its published files lack; the way back leaves them out.
    """

    old: KeyPattern
    undone: bool = False

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{{{'computed' if self.undone else 'drop'}: {self.old.text}}}"

    def steps(self, tensors: Tensors) -> Iterator[Step]:
        """One for each key that the pattern matches."""
        return (Step((key,), {}) for key in tensors if not self.undone and self.old.matched(key) is not None)

    def reversed(self) -> DropRule:
        """Does nothing."""
        return DropRule(self.old, not self.undone)


def _part_missing(rule: JoinRule, key: str, there: str) -> WeightsError:
    return WeightsError(f"'{key}' is missing, which the rule {rule.text} joins with '{there}'")


def _require_way_back(rule: KeyRule, key: str, made: str, pattern: KeyPattern, values: tuple[str, ...]) -> None:
    if pattern.matched(made) != values:
        raise WeightsError(
            f"the rule {rule.text} makes '{made}' of '{key}', and would not find the way back",
            hint="write more of the key around each wildcard",
        )


@dataclass(frozen=True)
class Renamed:
    """The tensors under their new keys, and what each rule did."""

    tensors: dict[str, LazyTensor]
    renamed: dict[str, str] = field(default_factory=dict)
    """The new key of each old one that one tensor became."""
    split: dict[str, tuple[str, ...]] = field(default_factory=dict)
    joined: dict[str, tuple[str, ...]] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    unused: tuple[KeyRule, ...] = ()
    """Rules that matched nothing."""


def reversed_rules(rules: Sequence[KeyRule]) -> tuple[KeyRule, ...]:
    """The list that undoes a list."""
    return tuple(rule.reversed() for rule in reversed(rules))


def renamed(rules: Sequence[KeyRule], tensors: Tensors) -> Renamed:
    """The tensors after all rules. Raises WeightsError where two become one, and for what a rule cannot take."""
    current = dict(tensors)
    sources: dict[str, tuple[str, ...]] = {key: (key,) for key in current}
    dropped: list[str] = []
    unused: list[KeyRule] = []
    for rule in rules:
        steps = list(rule.steps(current))
        if not steps:
            unused += [] if isinstance(rule, DropRule) and rule.undone else [rule]
            continue
        dropped += [source for step in steps if not step.new for key in step.old for source in sources[key]]
        _move_sources(steps, sources)
        current = _worked(rule, steps, current)
    return _summed(current, sources, tuple(dropped), tuple(unused))


def _worked(rule: KeyRule, steps: Sequence[Step], tensors: dict[str, LazyTensor]) -> dict[str, LazyTensor]:
    """The tensors after a rule: new ones stand in the place of the first old one."""
    places = {step.old[0]: step for step in steps}
    gone = {key for step in steps for key in step.old}
    owners: dict[str, str] = {}
    for key, new in ((step.old[0], step.new) for step in steps):
        for name in new:
            other = owners.setdefault(name, key) if name not in tensors or name in gone else name
            if other != key:
                raise _two_in_one(rule, name, other, key)
    made: dict[str, LazyTensor] = {}
    for key, tensor in tensors.items():
        if key in places:
            made.update(places[key].new)
        elif key not in gone:
            made[key] = tensor
    return made


def _two_in_one(rule: KeyRule, name: str, one: str, other: str) -> WeightsError:
    return WeightsError(
        Problem(
            f"the rule {rule.text} leaves two tensors under the key '{name}'",
            expected="one tensor for each key",
            received=f"'{one}' and '{other}'",
        )
    )


def _move_sources(steps: Sequence[Step], sources: dict[str, tuple[str, ...]]) -> None:
    """Notes which of the first keys each new key comes from."""
    taken = [(step, [source for key in step.old for source in sources[key]]) for step in steps]
    for step in steps:
        for key in step.old:
            sources.pop(key, None)
    for step, origin in taken:
        sources.update(dict.fromkeys(step.new, tuple(origin)))


def _summed(
    tensors: dict[str, LazyTensor],
    sources: dict[str, tuple[str, ...]],
    dropped: tuple[str, ...],
    unused: tuple[KeyRule, ...],
) -> Renamed:
    parts: dict[str, list[str]] = {}
    for key in tensors:
        for source in sources[key] if len(sources[key]) == 1 else ():
            parts.setdefault(source, []).append(key)
    joins = {key: sources[key] for key in tensors if len(sources[key]) > 1}
    splits = {source: tuple(keys) for source, keys in parts.items() if len(keys) > 1}
    names = {source: keys[0] for source, keys in parts.items() if len(keys) == 1 and keys[0] != source}
    return Renamed(tensors, names, splits, joins, dropped, unused)
