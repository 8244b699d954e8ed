"""What changes do to the nodes around one: others before and after it, and its removal."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from archgraph.errors import Problem, WiringError
from archgraph.language.extension.change import StatedChange
from archgraph.language.extension.node_edits import as_mapping
from archgraph.language.extension.piece import Piece
from archgraph.language.extension.readers import Readers, mentions
from archgraph.ops.contract import REGISTRY


@dataclass(frozen=True, slots=True)
class Insertion:
    """Nodes that come before or after the node of this name. `main` is its main port; nodes among `fixed` (by their
    identity) read what they say."""

    change: StatedChange
    name: str
    main: str | None
    fixed: Collection[int]


def insert(owner: Piece, readers: Readers, insertion: Insertion) -> list[Piece]:
    """Puts nodes before or after a node of a definition or group; the ones that came in. Raises WiringError.

    Before it: the first reads what the node read, and the node reads the last. After it: whoever read the node reads
    the last.
    """
    change, name, fixed = insertion.change, insertion.name, insertion.fixed
    body = owner.opened()["nodes"].opened()
    new = {key: _fresh(value) for key, value in change.value.opened().items()}
    for key, value in new.items():
        if key in body:
            note = (f"'{key}' stands here", body[key].mark)
            message = f"there is a node '{key}' already"
            raise WiringError(Problem(message, value.mark, hint="choose another name", notes=(note,)))
    last = next(reversed(new))
    if change.verb == "before":
        if id(body[name]) not in fixed:
            _lead_in(body[name], new, insertion.main, last)
    else:
        reading = [node for node in readers.of(name) if id(node) not in fixed]
        _reread(owner, reading, name, last)
        _push_later(body[name], new[last])
    _insert_parts(body, name, new, change.verb == "after")
    for node in (body[name], *new.values(), *readers.of(name)):
        readers.note(node)
    return list(new.values())


def _fresh(value: Piece) -> Piece:
    found = value.copied()
    found.key = value.key
    return found


def _insert_parts(body: dict[str, Piece], name: str, new: dict[str, Piece], after: bool) -> None:
    old = dict(body)
    body.clear()
    for key, part in old.items():
        if key == name and not after:
            body.update(new)
        body[key] = part
        if key == name and after:
            body.update(new)


def _lead_in(node: Piece, new: dict[str, Piece], main: str | None, last: str) -> None:
    """What a node says that it reads at its main port is read by the first of the nodes before it."""
    keys = as_mapping(node)
    if "in" not in keys:
        return
    given, first = keys["in"], next(iter(new.values()))
    data = given.whole()
    if isinstance(data, str):
        read: Any = data
        del keys["in"]
    elif isinstance(data, list):
        read = data[0]
        keys["in"] = given.with_data([last, *data[1:]])
    elif main in data:
        read = data[main]
        keys["in"] = given.with_data({**data, main: last})
    else:
        return
    inner = as_mapping(first)
    operation = REGISTRY.get(str(inner["op"].data)) if "op" in inner else None
    if "in" not in inner and (operation is None or operation.ports):
        inner["in"] = given.with_data(read)


def _push_later(node: Piece, last: Piece) -> None:
    """The value that a node puts on a stack is the one that is handed on."""
    data = node.whole()
    if isinstance(data, dict) and "push" in data:
        keys = as_mapping(last)
        if "push" not in keys:
            keys["push"] = as_mapping(node).pop("push")


def _reread(owner: Piece, nodes: Iterable[Piece], old: str, new: str) -> None:
    """These nodes of a definition or a group, and its outputs, read another value where they read one by its name."""
    parts = owner.opened()
    for node in nodes:
        if mentions(node.whole(), old):
            _reread_node(node, old, new)
    if "outputs" in parts:
        parts["outputs"] = parts["outputs"].with_data(_renamed(parts["outputs"].whole(), old, new))


def _reread_node(node: Piece, old: str, new: str) -> None:
    keys = as_mapping(node)
    for key in ("in", "else"):
        if key in keys:
            keys[key] = keys[key].with_data(_renamed(keys[key].whole(), old, new))
    if "nodes" in keys and old not in keys["nodes"].opened():
        _reread(node, keys["nodes"].opened().values(), old, new)


def _renamed(read: Any, old: str, new: str) -> Any:
    if isinstance(read, list):
        return [_renamed(entry, old, new) for entry in read]
    if isinstance(read, dict):
        return {key: _renamed(entry, old, new) for key, entry in read.items()}
    return new if read == old else read


def remove(owner: Piece, readers: Readers, name: str, change: StatedChange) -> None:
    """Takes a node out. Where others name it, or it names what it reads, it stays as one that is left out by `when`,
    so that they read what it would have read."""
    parts = owner.opened()
    body = parts["nodes"].opened()
    node = body[name].whole()
    present = set(map(id, body.values())) - {id(body[name])}
    others = [part for part in readers.of(name) if id(part) in present]
    rest = [part for key, part in parts.items() if key in ("outputs", "order")]
    reads = isinstance(node, dict) and "in" in node
    if present and not reads and not any(mentions(part.whole(), name) for part in (*others, *rest)):
        del body[name]
        return
    keys = as_mapping(body[name])
    keys.pop("else", None)
    keys["when"] = change.value.with_data(False)
    keys["when"].parts, keys["when"].key = None, None
