"""The shortest `--fresh` that lets the modules start anew whose weights do not fit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from archgraph.weights.patterns import covers
from archgraph.weights.wanted import Wanted

MOST_PATTERNS = 3
"""More would be no hint but a list."""


def fresh_hint(keys: Collection[str], wanted: Wanted) -> str:
    """The option for the modules that hold these weights; '' where it would be long, or start most of the network."""
    owners = {_owner(key) for key in keys}
    modules = [key for key in wanted if _owner(key) in owners]
    for chosen in (modules, list(keys)):
        if 2 * len(chosen) > len(wanted) and len(owners) > 2:
            continue
        for patterns in _ways(chosen, wanted):
            text = ",".join(patterns)
            quoted = f"'{text}'" if set("*#") & set(text) else text
            return f"--fresh {quoted} lets {'it' if len(patterns) == 1 else 'them'} start anew"
    return ""


def _ways(keys: list[str], wanted: Wanted) -> Iterator[tuple[str, ...]]:
    """Patterns that cover these keys and no others: whole modules, any number for a number, any path before a name."""
    chosen = set(keys)
    for made in (
        [_widest(key, chosen, wanted) for key in keys],
        [_numbered(_owner(key)) for key in keys],
        [f"*.{_owner(key).rpartition('.')[2]}" for key in keys],
        [f"*.{key.rpartition('.')[2]}" for key in keys],
    ):
        patterns = tuple(dict.fromkeys(made))
        if len(patterns) <= MOST_PATTERNS and {key for key in wanted if covers(patterns, key)} == chosen:
            yield patterns


def _widest(key: str, chosen: Collection[str], wanted: Iterable[str]) -> str:
    """The highest module at or above a weight that holds nothing else; the weight where it has no module."""
    levels = key.split(".")
    for depth in range(1, len(levels)):
        path = ".".join(levels[:depth])
        if all(other in chosen for other in wanted if other.startswith(f"{path}.")):
            return path
    return key


def _numbered(path: str) -> str:
    return ".".join("#" if level.isdecimal() else level for level in path.split("."))


def _owner(key: str) -> str:
    """The module of a weight; the weight itself at the top of the network."""
    return key.rpartition(".")[0] or key
