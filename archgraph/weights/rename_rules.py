"""Rules for keys that moved: as few as say it, each right for every key of the checkpoint."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping

from archgraph.weights.patterns import KeyPattern

Rule = tuple[str, str]


def rename_rules(renames: Mapping[str, str], keys: Collection[str]) -> list[Rule]:
    """Rules that rename these keys of a checkpoint, and no other of its keys: the old pattern and the new one."""
    rules: list[Rule] = []
    left = dict(renames)
    for old, new in renames.items():
        if old not in left:
            continue
        rule = next(rule for rule in _candidates(old, new) if _is_right(rule, renames, keys))
        rules.append(rule)
        left = {key: made for key, made in left.items() if _renamed(rule, key) is None}
    return rules if _worked(rules, keys) == {key: renames.get(key, key) for key in keys} else list(renames.items())


def rules_text(rules: Collection[Rule]) -> str:
    """The text of a file of rules."""
    return "".join(f"- {{rename: {json.dumps(old)}, to: {json.dumps(new)}}}\n" for old, new in rules)


def _candidates(old: str, new: str) -> Iterator[Rule]:
    """From the widest to the key itself: levels that both end with are any text, numbers that both have any number."""
    before, after = old.split("."), new.split(".")
    same = 0
    while same < min(len(before), len(after)) - 1 and before[-1 - same] == after[-1 - same]:
        same += 1
    for kept in range(same, 0, -1):
        rule = ".".join([*before[:-kept], "*"]), ".".join([*after[:-kept], "*"])
        yield from (_numbered(rule), rule)
    yield from (_numbered((old, new)), (old, new))


def _numbered(rule: Rule) -> Rule:
    """With `#` for the numbers, where both sides have the same."""
    numbers = [[level for level in side.split(".") if level.isdecimal()] for side in rule]
    if numbers[0] != numbers[1]:
        return rule
    old, new = (".".join("#" if level.isdecimal() else level for level in side.split(".")) for side in rule)
    return old, new


def _renamed(rule: Rule, key: str) -> str | None:
    values = KeyPattern(rule[0]).matched(key)
    return None if values is None else KeyPattern(rule[1]).filled(values)


def _is_right(rule: Rule, renames: Mapping[str, str], keys: Collection[str]) -> bool:
    return all((made := _renamed(rule, key)) is None or renames.get(key) == made for key in keys)


def _worked(rules: Collection[Rule], keys: Collection[str]) -> dict[str, str]:
    """What the rules make of each key, worked through in order."""
    found = {key: key for key in keys}
    for rule in rules:
        found = {key: _renamed(rule, name) or name for key, name in found.items()}
    return found
