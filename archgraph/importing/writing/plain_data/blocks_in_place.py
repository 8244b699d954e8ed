"""Blocks that only one node applies, to make stages of them: they are written where they are applied.

A stage that is a block has to be handed each list that its copies walk, and its steps stand elsewhere. What is a block
of its own in a paper, such as the residual block that stages repeat, stays one: only what itself holds copies of other
blocks is opened.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from archgraph.errors import ArchgraphError
from archgraph.graph.keys import weights
from archgraph.graph.types import Call, Graph
from archgraph.importing.writing.plain_data.written_nodes import (
    Path,
    all_nodes,
    names_in_expressions,
    names_of,
    read_names,
    texts,
    with_names,
)
from archgraph.language.load import check
from archgraph.structure.naming import free

_COPIES = ("repeat", "for")
OF_COPIES = frozenset({"i", "first", "last"})
_PLACED = frozenset({"op", "for", "let", "path"})
"""What a node may say besides the arguments of its block."""
_OWN = frozenset({"params", "inputs", "nodes"})
"""What a block may hold that can be a group."""


def with_blocks_in_place(spec: dict[str, Any]) -> dict[str, Any]:
    """The plain data of a spec without the blocks that are stages of one place. Its weights keep their keys in all
    presets: a block whose steps cannot stand there stays."""
    for name in [*spec.get("blocks", {})]:
        place = _only_place(spec, name)
        if place is None or not _is_stage(spec["blocks"][name], spec["blocks"]):
            continue
        graphs = _graphs(spec)
        opened = _opened(spec, name, place, graphs)
        if opened is not None and [*map(_keys_of, _graphs(opened))] == [*map(_keys_of, graphs)]:
            spec = opened
    return spec


def _graphs(spec: Mapping[str, Any]) -> list[Graph]:
    """The graphs of all presets; none of a spec in which names or sizes mean something else than they should."""
    try:
        return check(spec)
    except ArchgraphError:
        return []


def _keys_of(graph: Graph) -> list[str]:
    return [f"{one.key} {one.weight.shape}" for one in weights(graph)]


# -- which blocks --------------------------------------------------------------------------------------------------


def _only_place(spec: Mapping[str, Any], name: str) -> Path | None:
    """The path of the only node that applies a block, in the network itself, with copies; None where others do, or may
    as a parameter says."""
    others = {key: value for key, value in spec.items() if key not in ("name", "about", "meta")}
    named = sum(len(re.findall(rf"(?<!\w){name}(?!\w)", text)) for text in texts(others))
    found = [path for path, node in all_nodes(spec["nodes"]) if node.get("op") == name and "for" in node]
    return found[0] if named == len(found) == 1 else None


def _is_stage(block: Mapping[str, Any], blocks: Collection[str]) -> bool:
    """Whether a block of one input holds copies of another block of the file, and says nothing that a group cannot."""
    own = [node for node in block["nodes"].values() if isinstance(node, Mapping)]
    repeated = any(node.get("op") in blocks and any(key in node for key in _COPIES) for node in own)
    (first, *more) = block["inputs"].items()
    return repeated and not more and isinstance(first[1], list) and block.keys() <= _OWN


# -- the group -----------------------------------------------------------------------------------------------------


def _opened(spec: dict[str, Any], name: str, place: Path, graphs: Sequence[Graph]) -> dict[str, Any] | None:
    """The spec with the nodes of a block in the place of the one that applies it; None where they cannot stand there:
    they read the block's input by its name, or a size of it."""
    block = spec["blocks"][name]
    (word, shape), *_ = block["inputs"].items()
    node = next(node for path, node in all_nodes(spec["nodes"]) if path == place)
    params = block.get("params", {})
    nodes = _told_by_place(block["nodes"], name, graphs)
    read = names_in_expressions(nodes)
    sizes = {size for size in shape if isinstance(size, str)} - params.keys()
    if not graphs or node.keys() - params.keys() - _PLACED or word in read_names(nodes) or read & sizes:
        return None
    given = {key: node.get(key, default) for key, default in params.items() if key in read}
    known = {*spec.get("params", {}), *spec.get("let", {}), *node["for"], *node.get("let", {}), *OF_COPIES}
    let, names = _named(given, known, nodes)
    let = {**node.get("let", {}), **let}
    group = {"for": node["for"], "let": let, "path": node.get("path"), "nodes": with_names(nodes, names)}
    whole = _replaced(spec["nodes"], place, {key: value for key, value in group.items() if value})
    blocks = {key: value for key, value in spec["blocks"].items() if key != name}
    return {**spec, "nodes": whole, "blocks": blocks}


def _named(
    given: Mapping[str, Any], known: Collection[str], nodes: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The names that a group needs for what was handed to its block, and by what each parameter is replaced: the name
    that was handed to it, an expression that is read once, else a new name. What counts copies means others inside."""
    let: dict[str, Any] = {}
    names: dict[str, str] = {}
    for key, value in given.items():
        text = value[1:] if isinstance(value, str) and value.startswith("=") else ""
        once = sum(names_of(one).count(key) for one in texts(nodes)) == 1
        if text.isidentifier():
            names[key] = text
        elif text and once and OF_COPIES.isdisjoint(names_in_expressions(value)):
            names[key] = f"({text})"
        else:
            names[key] = free(key, {*known, *let})
            let[names[key]] = value
    return let, names


def _replaced(nodes: Mapping[str, Any], place: Path, made: Mapping[str, Any]) -> dict[str, Any]:
    name, inside = place[0], place[1:]
    one = {**nodes[name], "nodes": _replaced(nodes[name]["nodes"], inside, made)} if inside else made
    return {key: one if key == name else value for key, value in nodes.items()}


def _told_by_place(nodes: Mapping[str, Any], block: str, graphs: Sequence[Graph]) -> dict[str, Any]:
    """The nodes of a block, of which those that all copies but the first have say so."""
    calls = [[one for one in _calls(graph) if one.block == block] for graph in graphs]
    found: dict[str, Any] = {}
    for name, node in nodes.items():
        if isinstance(node, Mapping) and "when" in node and not any(key in node for key in _COPIES):
            there = [[any(item.name == name for item in call.body.items) for call in row] for row in calls]
            for text, place in (("=not first", 0), ("=not last", -1)):
                if all(row and row.count(False) == 1 and not row[place] for row in there):
                    node = {**node, "when": text}
                    break
        found[name] = node
    return found


def _calls(graph: Graph) -> Iterator[Call]:
    for item in graph.items:
        if isinstance(item, Call):
            yield item
            yield from _calls(item.body)
