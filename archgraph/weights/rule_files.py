"""Rules from YAML: a list of mappings, each with the word that says what it does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from archgraph.errors import Mark, Problem, WeightsError, nearest
from archgraph.weights.axis_changes import AxisChange, LevelExchange
from archgraph.weights.copy_rules import CopyRule
from archgraph.weights.patterns import KeyPattern, require_pair, require_wildcards
from archgraph.weights.rules import DropRule, JoinRule, KeyRule, RenameRule, SplitRule

WORDS = ("rename", "split", "join", "copy", "transpose", "squeeze", "unsqueeze", "shuffle", "drop", "computed")
LARGEST_FILE = 2 << 20
EXAMPLE = "- {rename: 'module.*', to: '*'}"
_KEYS = {
    "rename": ("to",),
    "split": ("to", "axis", "shares"),
    "join": ("to", "axis", "shares"),
    "copy": ("to", "each"),
    "transpose": ("to", "axes"),
    "squeeze": ("to", "axes"),
    "unsqueeze": ("to", "axes"),
    "shuffle": ("to", "axis", "groups"),
    "drop": ("because",),
    "computed": ("because",),
}


def read_rules(path: Path) -> tuple[KeyRule, ...]:
    """The rules of a file. Raises WeightsError at the line of each rule that is none."""
    data, lines = read_yaml(path)
    if isinstance(data, Mapping) and "rules" in data:
        raise WeightsError(f"{path} is a naming, and not a list of rules", expected=EXAMPLE, hint="name its `rules`")
    return rules_of(data, lines, path)


def rules_of(data: Any, lines: list[Mark], path: Path) -> tuple[KeyRule, ...]:
    """The rules of a list that YAML holds; `lines` are where they stand. Raises WeightsError."""
    if not isinstance(data, list) or not data:
        raise WeightsError(f"{path} holds no rules", expected=f"a list: {EXAMPLE}", received=type(data).__name__)
    found: list[KeyRule] = []
    problems: list[Problem] = []
    for entry, mark in zip(data, lines, strict=True):
        try:
            found.append(_rule(entry))
        except WeightsError as error:
            problems += error.placed(mark).problems
    if problems:
        raise WeightsError(*problems)
    return tuple(found)


def read_yaml(path: Path, key: str = "") -> tuple[Any, list[Mark]]:
    """What a YAML file holds, and where the entries of its list (of the one under a key) stand. Raises WeightsError."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise WeightsError(f"{path} is too large for a file of rules", expected=f"at most {LARGEST_FILE} bytes")
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise WeightsError(f"the rules {path} cannot be read", received=reason) from None
    except (yaml.YAMLError, RecursionError) as error:
        hint = "a pattern with *, # or {a,b} stands in quotes"
        raise WeightsError(f"{path} is not YAML", expected=EXAMPLE, received=_first_words(error), hint=hint) from None
    return data, _places(tree, key, str(path), text.splitlines())


def _places(tree: Any, key: str, file: str, lines: list[str]) -> list[Mark]:
    if key and isinstance(tree, yaml.MappingNode):
        tree = next((value for name, value in tree.value if name.value == key), None)
    if not isinstance(tree, yaml.SequenceNode):
        return []
    starts = [node.start_mark for node in tree.value]
    return [Mark(file, start.line + 1, start.column + 1, lines[start.line]) for start in starts]


def _first_words(error: BaseException) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f" in line {mark.line + 1}" if mark is not None else ""
    return f"{getattr(error, 'problem', None) or error}{where}"[:200]


def _rule(entry: Any) -> KeyRule:
    """The rule of a mapping. Raises WeightsError."""
    if not isinstance(entry, Mapping):
        raise WeightsError("a rule is a mapping", expected=EXAMPLE, received=repr(entry)[:80])
    words = [word for word in WORDS if word in entry]
    if len(words) != 1:
        hint = next((close for key in entry if (close := nearest(str(key), WORDS))), "")
        received = " and ".join(words) or ", ".join(map(str, entry))
        raise WeightsError("a rule does one thing", expected=f"one of {', '.join(WORDS)}", received=received, hint=hint)
    word = words[0]
    for key in entry:
        if key != word and key not in _KEYS[word]:
            expected = ", ".join((word, *_KEYS[word]))
            hint = nearest(str(key), _KEYS[word])
            raise WeightsError(f"the rule '{word}' has no '{key}'", expected=expected, hint=hint)
    return _of_word(word, entry)


def _of_word(word: str, entry: Mapping[str, Any]) -> KeyRule:
    if word in ("drop", "computed"):
        return DropRule(_pattern(entry, word), undone=word == "computed")
    if word in ("split", "join"):
        return _several(word, entry)
    old = _pattern(entry, word)
    if word == "copy":
        return _copy(entry, old)
    new = _pattern(entry, "to") if word == "rename" or "to" in entry else old
    require_pair(old, new)
    if word == "shuffle":
        return RenameRule(old, new, _exchange(entry))
    axes = () if word == "rename" else _numbers(entry, "axes")
    if word != "rename" and (not axes or len(set(axes)) != len(axes)):
        raise WeightsError(f"'{word}' needs its axes", expected="axes: [1, 0]", received=str(list(axes)))
    return RenameRule(old, new, AxisChange(word, axes))


def _several(word: str, entry: Mapping[str, Any]) -> KeyRule:
    many_key, one_key = ("to", "split") if word == "split" else ("join", "to")
    many, one = entry.get(many_key), _pattern(entry, one_key)
    if not isinstance(many, list) or len(many) < 2 or not all(isinstance(each, str) and each for each in many):
        raise WeightsError(f"'{word}' names several keys", expected=f"{many_key}: ['*.q', '*.k']", received=str(many))
    parts = tuple(KeyPattern(each) for each in many)
    for part in parts:
        require_pair(one, part)
    axis, shares = _axis(entry, word), _numbers(entry, "shares") if "shares" in entry else ()
    if shares and (len(shares) != len(parts) or min(shares) < 1):
        raise WeightsError(f"'{word}' needs a share for each key", expected=f"{len(parts)} numbers from 1")
    return SplitRule(one, parts, axis, shares) if word == "split" else JoinRule(parts, one, axis, shares)


def _copy(entry: Mapping[str, Any], old: KeyPattern) -> CopyRule:
    new, each = _pattern(entry, "to"), _pattern(entry, "each")
    require_wildcards((each, old), new)
    if not each.wildcards:
        raise WeightsError("'each' of a copy has no wildcard", expected="each: 'blocks.#.norm1.weight'")
    return CopyRule(old, new, each)


def _exchange(entry: Mapping[str, Any]) -> LevelExchange:
    groups = _numbers(entry, "groups")
    if len(groups) != 2 or min(groups) < 1:
        raise WeightsError("'shuffle' exchanges two levels", expected="groups: [64, 2]", received=str(list(groups)))
    return LevelExchange(_axis(entry, "shuffle"), *groups)


def _axis(entry: Mapping[str, Any], word: str) -> int:
    axis = entry.get("axis", 0)
    if type(axis) is not int or axis < 0:
        raise WeightsError(f"the axis of '{word}' is a number from 0", received=repr(axis))
    return axis


def _pattern(entry: Mapping[str, Any], key: str) -> KeyPattern:
    text = entry.get(key)
    if not isinstance(text, str) or not text:
        raise WeightsError(f"'{key}' is a key or a pattern of keys", expected=EXAMPLE, received=repr(text)[:80])
    return KeyPattern(text)


def _numbers(entry: Mapping[str, Any], key: str) -> tuple[int, ...]:
    found = entry.get(key)
    if not isinstance(found, list) or not all(type(each) is int and each >= 0 for each in found):
        raise WeightsError(f"'{key}' is a list of numbers from 0", received=repr(found)[:80])
    return tuple(found)
