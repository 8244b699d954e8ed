"""What changes do to one node: keys that are set, another operation in its place, a block around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archgraph.errors import Problem, WiringError
from archgraph.language.extension.change import StatedChange
from archgraph.language.extension.piece import Piece
from archgraph.language.schema.names import NODE_KEYS

APPLICATION_KEYS = ("op", "nodes", "share", "inputs", "outputs", "order", "stacks", "chain", "scan", "tie")
"""Keys of a node that go with what it applies; the others say where it stands, what it reads, and when."""
NodeParameters = Callable[[str], dict[str, bool] | None]
"""The parameters of a block that take a node, with whether they must be given."""


def as_mapping(node: Piece) -> dict[str, Piece]:
    """The keys of a node, of which a text is the operation."""
    if isinstance(node.data, str) and node.parts is None:
        node.parts = {"op": Piece(node.data, node.place, node.source)}
        node.data = {}
    return node.opened()


def require_one_meaning(address: str, changes: Sequence[StatedChange]) -> list[StatedChange]:
    """The changes of a node, of which a removal leaves no other. Raises WiringError where they contradict."""
    removed = next((change for change in changes if change.verb == "remove"), None)
    if removed is not None:
        others = [change for change in changes if change.verb != "remove" and change.pattern.literal]
        if others:
            raise _contradiction(address, removed, others[0], "is removed, so nothing else can be changed in it")
        return [removed]
    for verb in ("replace", "wrap"):
        same = [change for change in changes if change.verb == verb]
        for other in same[1:]:
            if other.value.whole() != same[0].value.whole() or verb == "wrap":
                raise _contradiction(address, same[0], other, f"has two changes '{verb}'")
    _require_keys_once(address, changes)
    return list(changes)


def _require_keys_once(address: str, changes: Sequence[StatedChange]) -> None:
    replaced = next((change for change in changes if change.verb == "replace"), None)
    written: dict[str, StatedChange] = {}
    for change in changes:
        if change.verb != "set":
            continue
        for key, value in change.value.opened().items():
            if replaced is not None and (key not in NODE_KEYS or key in APPLICATION_KEYS or replaced.sets(key)):
                what = f"is replaced, so '{key}' is written there"
                raise _contradiction(address, replaced, change, what)
            first = written.setdefault(key, change)
            if first is not change and first.value.opened()[key].whole() != value.whole():
                raise _contradiction(address, first, change, f"has two values for '{key}'")


def _contradiction(address: str, one: StatedChange, other: StatedChange, what: str) -> WiringError:
    note = (f"the other change is '{one}'", one.mark)
    hint = "keep one of the two changes"
    return WiringError(Problem(f"'{address}' {what}", other.mark, received=str(other), hint=hint, notes=(note,)))


def set_keys(node: Piece, given: Piece) -> None:
    """Writes keys of a node; null takes one away."""
    keys = as_mapping(node)
    for key, value in given.opened().items():
        if value.parts is None and value.data is None:
            keys.pop(key, None)
        else:
            keys[key] = value.copied()
            keys[key].key = value.key


def replace_application(node: Piece, given: Piece) -> None:
    """Another operation, group or block in the place of a node: what it reads, its condition and its copies stay."""
    kept = {key: part for key, part in as_mapping(node).items() if key in NODE_KEYS and key not in APPLICATION_KEYS}
    new = given.copied()
    written = dict(as_mapping(new))
    found: dict[str, Piece] = {key: part for key, part in written.items() if key in ("op", "share")}
    for key, part in {**kept, **written}.items():
        if not (key in written and part.parts is None and part.data is None):
            found.setdefault(key, part)
    text = found["op"].with_data(found["op"].data) if found.keys() == {"op"} else None
    node.reset(text or Piece({}, new.place, new.source, node.key, found))
    node.key = given.key


def wrap_node(node: Piece, change: StatedChange, known: NodeParameters, address: str) -> None:
    """A block around a node, which is handed to it. Raises WiringError where the block takes no node."""
    around = change.value.copied()
    outer = as_mapping(around)
    parts = as_mapping(node)
    port = _node_parameter(change, outer, known)
    if "op" not in parts:
        kind = "a group" if "nodes" in parts else "another's module applied again"
        hint = "make the group a block, or wrap the nodes inside"
        raise WiringError(Problem(f"'{address}' is {kind}, which no block can be handed", change.mark, hint=hint))
    inner = {key: part for key, part in parts.items() if key == "op" or key not in NODE_KEYS}
    kept = {key: part for key, part in parts.items() if key in NODE_KEYS and key not in (*APPLICATION_KEYS, "op")}
    if "tie" in parts:
        ties = parts["tie"].opened()
        renamed = {f"{port}.{name}": part for name, part in ties.items()}
        kept["tie"] = Piece({}, parts["tie"].place, parts["tie"].source, parts["tie"].key, renamed)
    handed = Piece({}, node.place, node.source, node.key, inner)
    found = {"op": outer.pop("op"), **outer, port: handed, **kept}
    node.reset(Piece({}, around.place, around.source, node.key, found))


def _node_parameter(change: StatedChange, given: dict[str, Piece], known: NodeParameters) -> str:
    """The parameter of a wrapping block that takes the node."""
    name = str(given["op"].data)
    parameters = known(name)
    if parameters is None:
        message = f"'{name}' is no block that a node can be handed to"
        raise WiringError(Problem(message, given["op"].value_mark, hint="'archgraph blocks' lists the standard blocks"))
    free = [one for one in parameters if one not in given]
    required = [one for one in free if parameters[one]]
    if len(required or free) != 1:
        given_already = "no other node than the one that it is given"
        takes = "several nodes" if free else given_already if parameters else "no node"
        message = f"'{name}' takes {takes}, so it is unclear what it wraps"
        expected = "a block with one parameter of type node, such as residual_connection"
        raise WiringError(Problem(message, change.mark, expected=expected))
    return (required or free)[0]
