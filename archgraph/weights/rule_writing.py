"""Rules written from pairs of keys: as few as say the same, with `*` for what a module holds and `#` for numbers."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

import numpy as np

from archgraph.errors import WeightsError
from archgraph.weights.patterns import KeyPattern
from archgraph.weights.rules import RenameRule, renamed
from archgraph.weights.tensors import Tensors, of_array

_NUMBER = re.compile(r"\d+")


def written_rules(renames: Mapping[str, str], kept: Iterable[str] = (), dropped: Iterable[str] = ()) -> str:
    """A file of rules that renames these keys, drops those, and leaves the kept ones as they are.

    A general rule is written where it does to every key what its pair says; else the keys stand one by one. Keys that
    take each other's names go by way of names that nobody has. Raises ValueError where two keys become one.
    """
    kept = (*kept, *(old for old, new in renames.items() if old == new))
    changed = {old: new for old, new in renames.items() if old != new}
    after = [*changed.values(), *kept]
    if len(set(after)) < len(after):
        raise ValueError("two keys become one")
    wanted = {**{key: key for key in kept}, **changed}
    rules = _general_rules(changed, wanted)
    if not _does(rules, wanted):
        rules = _by_way_of_others(changed)
    lines = [f"- {{drop: {_quoted(key)}}}" for key in dropped]
    lines += [f"- {{rename: {_quoted(rule.old.text)}, to: {_quoted(rule.new.text)}}}" for rule in rules]
    return "\n".join(lines) + "\n" if lines else "[]\n"


def _quoted(text: str) -> str:
    """As YAML takes it inside braces; JSON's escapes are YAML's."""
    return f"'{text}'" if text.isascii() and text.isprintable() and "'" not in text else json.dumps(text)


def _general_rules(changed: Mapping[str, str], wanted: Mapping[str, str]) -> list[RenameRule]:
    """For each pair the most general rule that is right for all keys; none where an earlier one covers it."""
    covered: set[str] = set()
    rules: list[RenameRule] = []
    ordered = sorted(wanted)
    for old, new in changed.items():
        if old not in covered:
            rule = next(rule for rule in _candidates(old, new) if _is_right(rule, ordered, wanted))
            covered |= {key for key in _starting_as(rule, ordered) if rule.old.matched(key) is not None}
            rules.append(rule)
    return rules


def _candidates(old: str, new: str) -> Iterator[RenameRule]:
    """Rules that rename one key to another, the most general first, itself last."""
    a, b = old.split("."), new.split(".")
    pairs = zip(reversed(a), reversed(b), strict=False)
    common = next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(a), len(b)))
    for left_out in range(common, -1, -1):
        one, other = ".".join(a[: len(a) - left_out]), ".".join(b[: len(b) - left_out])
        for count in range(_equal_numbers(one, other), -1, -1):
            yield RenameRule(
                _with_end(_NUMBER.sub("#", one, count) if count else one, left_out),
                _with_end(_NUMBER.sub("#", other, count) if count else other, left_out),
            )


def _with_end(start: str, left_out: int) -> KeyPattern:
    return KeyPattern(".".join([start] * bool(start) + ["*"] * bool(left_out)))


def _equal_numbers(one: str, other: str) -> int:
    """How many numbers, from the first on, are the same in both."""
    pairs = list(zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=False))
    return next((n for n, (a, b) in enumerate(pairs) if a != b), len(pairs))


def _is_right(rule: RenameRule, ordered: Sequence[str], wanted: Mapping[str, str]) -> bool:
    """Whether it does to every key that it matches what is wanted of it."""
    found = ((key, rule.old.matched(key)) for key in _starting_as(rule, ordered))
    return all(values is None or rule.new.filled(values) == wanted[key] for key, values in found)


def _starting_as(rule: RenameRule, ordered: Sequence[str]) -> Iterator[str]:
    """The keys, which are in order, that start as all that the rule matches: so not each is tried on each key."""
    start = rule.old.texts[0]
    following = (ordered[at] for at in range(bisect_left(ordered, start), len(ordered)))
    return takewhile(lambda key: key.startswith(start), following)


def _does(rules: list[RenameRule], wanted: Mapping[str, str]) -> bool:
    """Whether the rules, one after the other, make of all keys what is wanted."""
    try:
        found = renamed(rules, _nothing(wanted))
    except WeightsError:
        return False
    return not found.unused and {key: found.renamed.get(key, key) for key in wanted} == wanted


def _nothing(keys: Iterable[str]) -> Tensors:
    """A tensor for each key."""

    return {key: of_array(np.zeros(()), key) for key in keys}


def _by_way_of_others(changed: Mapping[str, str]) -> list[RenameRule]:
    """Each key by itself, first to a name that nobody has."""
    there = [RenameRule(KeyPattern(old), KeyPattern(f"{new}.renamed")) for old, new in changed.items()]
    return there + [RenameRule(KeyPattern(f"{new}.renamed"), KeyPattern(new)) for new in changed.values()]
