"""The plain data of a spec as YAML in the style of the shipped specs: one node a line, flow mappings up to a width."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

WIDTH = 120
_BARE = re.compile(r"[A-Za-z_=][A-Za-z0-9_ +\-*/().<>!%=]*\Z")
_ENTRY = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])+(?:, |$)')
"""A part of a list up to the next comma."""
_SPECIAL = frozenset({"true", "false", "null", "yes", "no", "on", "off", "~", ""})
_NUMBER = re.compile(r"[-+.]?[0-9]")
_INDENTED = ("params", "presets", "inputs", "nodes", "blocks", "let")


Path = tuple[str, ...]


def spec_text(spec: Mapping[str, Any]) -> str:
    """The text of a spec; reading it gives the same data."""
    return "".join(f"{line}\n" for line, _ in spec_lines(spec))


def spec_lines(spec: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """The lines of that text, each with the path of the key that it starts with; () where it goes on with another."""
    return _mapping(spec, 0, ())


def _mapping(data: Mapping[str, Any], indent: int, path: Path) -> Iterator[tuple[str, Path]]:
    pad = " " * indent
    width = _aligned(data, indent)
    for key, value in data.items():
        name = f"{_text(str(key))}:"
        flow = _flow(value)
        one_line = f"{pad}{name.ljust(width)} {flow}"
        wide = isinstance(value, Mapping) and value and (key in ("nodes", "blocks") or _holds_nodes(value))
        if key == "about" and len(one_line) > WIDTH:
            yield f"{pad}{name} >-", (*path, key)
            yield from ((f"{pad}  {line}", ()) for line in _wrapped(str(value), WIDTH - indent - 2))
        elif len(one_line) > WIDTH and isinstance(value, (list, tuple)):
            first, *others = _broken(f"{pad}{name.ljust(width)}", flow, indent + 2)
            yield first, (*path, key)
            yield from ((line, ()) for line in others)
        elif (not wide and (len(one_line) <= WIDTH or not isinstance(value, Mapping))) or (
            wide and len(one_line) <= WIDTH and key != "nodes" and _is_small(value)
        ):
            yield one_line, (*path, key)
        else:
            yield f"{pad}{name}", (*path, key)
            yield from _mapping(value, indent + 2, (*path, key))


def _broken(start: str, flow: str, indent: int) -> Iterator[str]:
    """A list on several lines, broken between its entries."""
    line = start
    for entry in _ENTRY.findall(flow):
        if len(line) + len(entry.rstrip()) + 1 > WIDTH and line.strip():
            yield line.rstrip()
            line = " " * indent
        line += f" {entry}" if line is start else entry
    yield line


def _aligned(data: Mapping[str, Any], indent: int) -> int:
    """The width of the keys where all entries are nodes of one line."""
    names = [f"{_text(str(key))}:" for key in data]
    if (
        indent == 0
        or "op" in data
        or any(name[:-1] in _INDENTED or name in ("about:", "outputs:", "order:") for name in names)
    ):
        return 0
    return max(map(len, names), default=0)


def _holds_nodes(value: Mapping[str, Any]) -> bool:
    return "nodes" in value


def _is_small(value: Mapping[str, Any]) -> bool:
    nodes = value.get("nodes", {})
    return isinstance(nodes, Mapping) and len(nodes) <= 3 and "blocks" not in value and "inputs" not in value


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(key))}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, float):
        return _number(value)
    return _text(value) if isinstance(value, str) else str(value)


def _number(value: float) -> str:
    """A number as YAML writes it: infinity begins with a dot."""
    if not math.isfinite(value):
        return repr(value).replace("inf", ".inf").replace("nan", ".nan")
    text = repr(value)
    return text.replace("e-0", "e-") if "e" in text else text


def _text(text: str) -> str:
    """A text, quoted where YAML would read another thing in it."""
    if text.isdecimal():
        return text
    plain = _BARE.match(text) and text.lower() not in _SPECIAL and not _NUMBER.match(text) and text == text.strip()
    return text if plain and ": " not in text and " #" not in text else json.dumps(text, ensure_ascii=False)


def _wrapped(text: str, width: int) -> Iterator[str]:
    import textwrap

    yield from textwrap.wrap(text, width, break_long_words=False)
