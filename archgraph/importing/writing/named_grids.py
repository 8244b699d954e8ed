"""Names for the sides of grids that a spec reads more than once: `let: {side: =img_size // patch_size}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from archgraph.structure.naming import free

_WORD = re.compile(r"[A-Za-z_]\w*")
_LEAST = 2


def with_named_grids(spec: dict[str, Any], size: str) -> dict[str, Any]:
    """The spec with a name for each part of the images' `size` that several of its expressions read, the longest ones
    first."""
    grid = rf"{size}(?: // \w+)+"
    named: dict[str, str] = {}
    for word, pattern in (("patches", rf"\({grid}\) \*\* 2"), ("side", grid)):
        texts = [*_texts(spec["nodes"])]
        found = [match for text in texts for match in re.findall(pattern, text) if match not in named]
        counts = {one: sum(other == one for other in found) for one in found}
        for one in sorted(counts, key=lambda one: -len(one)):
            if counts[one] < _LEAST:
                continue
            taken = {name for text in (*texts, *spec["params"], *named) for name in _WORD.findall(text)}
            name = free(word, taken)
            named[name] = f"={one}"
            spec["nodes"] = replaced_texts(spec["nodes"], _replacement(one, name))
    if not named:
        return spec
    before = {key: spec[key] for key in spec if key != "nodes" and key not in _BEHIND}
    return {**before, "let": named, **{key: spec[key] for key in spec if key not in before}}


_BEHIND = ("outputs", "order", "blocks")
"""What stands behind the nodes."""


def _replacement(text: str, name: str) -> Callable[[str], str]:
    """Puts a name in the place of an expression, where that is read as a whole."""
    pattern = re.compile(rf"\({re.escape(text)}\)|(?<![\w\])] )(?<![\w/*]){re.escape(text)}(?![\w(\[]| // | \*\* )")
    return lambda one: pattern.sub(name, one) if one.startswith("=") or "{" in one else one


def _texts(value: Any) -> Iterator[str]:
    """All expressions of nodes."""
    if isinstance(value, dict):
        for inside in value.values():
            yield from _texts(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _texts(inside)
    elif isinstance(value, str) and value.startswith("="):
        yield value


def replaced_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A part of a spec with another text for each of its texts."""
    if isinstance(value, dict):
        return {key: replaced_texts(inside, change) for key, inside in value.items()}
    if isinstance(value, list):
        return [replaced_texts(inside, change) for inside in value]
    return change(value) if isinstance(value, str) else value
