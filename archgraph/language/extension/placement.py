"""Where changed definitions stand: in their own place where all uses are meant, else as blocks of the extension."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.errors import ArchgraphError, Problem, WiringError
from archgraph.language.definitions import Definitions
from archgraph.language.expressions.expression import is_expression
from archgraph.language.extension.body_edits import Insertion, insert, remove
from archgraph.language.extension.change import StatedChange
from archgraph.language.extension.node_edits import (
    as_mapping,
    replace_application,
    require_one_meaning,
    set_keys,
    wrap_node,
)
from archgraph.language.extension.piece import Piece, piece_of
from archgraph.language.extension.reach import Definition, Reach, ReachedNode, Visit
from archgraph.language.extension.readers import Readers, readers_of
from archgraph.language.reading.document import Document
from archgraph.language.schema.names import LONGEST_NAME
from archgraph.language.schema.parameter_types import ParameterType, parse_type
from archgraph.language.schema.spec import BlockSpec, Path
from archgraph.ops.contract import REGISTRY

FILE_KEYS = ("archgraph", "name", "use")
"""Keys of a file that a block does not have."""
ChangedNode = tuple[ReachedNode, Sequence[StatedChange]]
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)?")


@dataclass(slots=True)
class Host:
    """The file that the changed definitions become part of.

    `document` is what its own blocks stand in. Where the changes are those of one block (`whole` is false), others may
    use the same blocks, so that none is changed in its place.
    """

    root: Piece
    scope: Definitions
    document: Document
    whole: bool = True
    new: frozenset[str] = frozenset()
    """The blocks that the extension itself writes."""

    @property
    def blocks(self) -> dict[str, Piece]:
        """The blocks of the file."""
        parts = self.root.opened()
        if "blocks" not in parts:
            parts["blocks"] = Piece({}, self.root.place, self.root.source, None, {})
        return parts["blocks"].opened()

    def names_block(self, name: str) -> bool:
        """Whether the file has a block of this name."""
        parts = self.root.opened()
        return "blocks" in parts and name in parts["blocks"].opened()

    def found(self, name: str) -> BlockSpec | None:
        """The block that a name means at the top of the file."""
        try:
            found = self.scope.find(name)
        except ArchgraphError:
            return None
        return found[0] if found is not None else None

    def node_parameters(self, name: str) -> dict[str, bool] | None:
        """The parameters of a block that take a node, and whether they must be given; None where there is no block."""
        if self.names_block(name):
            written = self.blocks[name].whole()
            declared = written.get("params", {}) if isinstance(written, dict) else {}
            kinds = {key: _kind(value) for key, value in declared.items()}
        else:
            block = self.found(name)
            if block is None:
                return None
            kinds = dict(block.params)
        return {key: kind.required for key, kind in kinds.items() if kind is not None and kind.text.startswith("node")}

    def free_name(self, base: str, hint: str) -> str:
        """A name that no block has, made of the block's and of where it is used."""
        stem = re.sub(r"[^A-Za-z0-9_]+", "_", f"{base}_{hint}")[: LONGEST_NAME - 5].strip("_")
        name, count = stem, 2
        while self.names_block(name) or self.found(name) is not None or name in REGISTRY:
            name, count = f"{stem}_{count}", count + 1
        return name


class BlockPlacement:
    """Applies the changes of a reach to its definitions."""

    def __init__(self, host: Host, reach: Reach, root: Piece):
        self._host, self._reach = host, reach
        self._names: dict[int, str] = {}
        self._pieces: dict[int, Piece] = {id(reach.root): root}
        self.edited: list[tuple[ReachedNode, StatedChange, Piece]] = []
        """The nodes that were changed, each with the change and with the node as it stood before."""
        changed = [visit for visit in reach.visits if visit.changed]
        for visit in changed:
            if visit is not reach.root:
                self._place(visit)
        for visit in changed:
            self._apply(visit)

    # --- where definitions stand --------------------------------------------------------------------------------------

    def _place(self, visit: Visit) -> None:
        block = visit.definition.block
        own = block.document is self._host.document and len(block.where) == 2
        if self._host.whole and block.name in self._host.new:
            raise self._written_anew(visit)
        alike = [other for other in self._reach.visits if other.definition.block is block]
        sole = len(alike) == 1 and self._host.whole
        if own and sole:
            self._names[id(visit)] = str(block.where[1])
            self._pieces[id(visit)] = self._host.root.at(*block.where)
            return
        free = not self._host.names_block(block.name) and not self._host.scope.names_own(block.name)
        name = block.name if sole and free else self._host.free_name(block.name, visit.address)
        piece = copied_block(self._host, visit.definition)
        self._host.blocks[name] = piece
        self._names[id(visit)], self._pieces[id(visit)] = name, piece

    def _written_anew(self, visit: Visit) -> WiringError:
        name = visit.definition.block.name
        change = next((change for node in visit.nodes for change in node.changes), None)
        mark = change.mark if change is not None else None
        note = ("it is written here", self._host.blocks[name].mark)
        message = f"the block '{name}' is written anew under 'blocks', so nothing is left of what is changed"
        hint = f"change it there: blocks: {{{name}: {{extends: {name}, …}}}}"
        return WiringError(Problem(message, mark, received=str(change or name), hint=hint, notes=(note,)))

    # --- what changes in them -----------------------------------------------------------------------------------------

    def _apply(self, visit: Visit) -> None:
        piece = self._pieces[id(visit)]
        nodes = [(node, require_one_meaning(node.address, node.changes)) for node in visit.nodes]
        for node, changes in nodes:
            self.edited += [
                (node, change, Piece(None, at.place, at.source, at.key))
                for change in changes
                for at in (piece.at(*node.where),)
            ]
        pieces = {id(node): piece.at(*node.where) for node, _ in nodes if piece.holds(*node.where)}
        for node, _ in nodes:
            self._rename(node, pieces[id(node)])
        fixed = {id(pieces[id(node)]) for node, changes in nodes if any(change.sets("in") for change in changes)}
        self._insert_all(piece, nodes, fixed)
        for node, changes in nodes:
            self._change(node, pieces[id(node)], changes)
        self._remove_all(piece, nodes)

    def _change(self, node: ReachedNode, piece: Piece, changes: Sequence[StatedChange]) -> None:
        for verb in ("replace", "set", "wrap"):
            for change in changes:
                if change.verb != verb:
                    continue
                if verb == "set":
                    set_keys(piece, change.value)
                elif verb == "replace":
                    replace_application(piece, change.value)
                else:
                    wrap_node(piece, change, self._host.node_parameters, node.address)

    def _insert_all(self, piece: Piece, nodes: Sequence[ChangedNode], fixed: set[int]) -> None:
        readers: dict[Path, Readers] = {}
        for node, change in _with_verb(nodes, "before", "after"):
            self._require_stands(node, change)
            group = node.where[:-2]
            owner = piece.at(*group)
            if group not in readers:
                readers[group] = readers_of(owner)
            insertion = Insertion(change, str(node.where[-1]), self._main_port(node), fixed)
            fixed.update(map(id, insert(owner, readers[group], insertion)))

    def _remove_all(self, piece: Piece, nodes: Sequence[ChangedNode]) -> None:
        readers: dict[Path, Readers] = {}
        for node, change in _with_verb(nodes, "remove"):
            self._require_stands(node, change)
            group = node.where[:-2]
            owner = piece.at(*group)
            if group not in readers:
                readers[group] = readers_of(owner)
            remove(owner, readers[group], str(node.where[-1]), change)

    def _require_stands(self, node: ReachedNode, change: StatedChange) -> None:
        if node.handed:
            message = f"'{node.address}' is handed to a block, so there is nothing before or after it"
            hint = "'replace', 'set' and 'wrap' change what is handed over"
            raise WiringError(Problem(message, change.mark, received=str(change), hint=hint))

    def _main_port(self, node: ReachedNode) -> str | None:
        """The first port of what a node applies."""
        for name in sorted(node.names):
            if name in node.blocks:
                return next(iter(node.blocks[name].definition.block.inputs), None)
            if name in REGISTRY and REGISTRY[name].ports:
                return REGISTRY[name].ports[0].name
        return None

    def _rename(self, node: ReachedNode, piece: Piece) -> None:
        """A node applies the changed block where that has another name."""
        names = {name: self._names.get(id(visit), name) for name, visit in node.blocks.items() if visit.changed}
        others = {name: new for name, new in names.items() if new != name}
        if not others:
            return
        op = as_mapping(piece)["op"]
        as_mapping(piece)["op"] = op.with_data(_other_op(str(op.data), others))


def _with_verb(nodes: Sequence[ChangedNode], *verbs: str) -> Iterator[tuple[ReachedNode, StatedChange]]:
    for node, changes in nodes:
        yield from ((node, change) for change in changes if change.verb in verbs)


def _other_op(op: str, names: dict[str, str]) -> str:
    if not is_expression(op):
        return names.get(op, op)
    written = op[1:].strip()
    written = written if written.isidentifier() else f"({written})"
    chosen = "".join(f"'{new}' if {written} == '{name}' else " for name, new in names.items())
    return f"={chosen}{written}"


def _kind(declaration: Any) -> ParameterType | None:
    try:
        return parse_type(declaration)
    except ArchgraphError:  # validation says so
        return None


def block_piece(block: BlockSpec) -> Piece:
    """A block, or a network, as a block of another file."""
    found = piece_of(block.document, *block.where)
    parts = found.opened()
    for key in FILE_KEYS:
        parts.pop(key, None)
    if block.preset:
        parts["preset"] = Piece(block.preset, found.place, found.source)
    return found


def copied_block(host: Host, definition: Definition) -> Piece:
    """A definition as a block of the file: names mean in it what they meant where it stood."""
    piece = block_piece(definition.block)
    if definition.scope is not host.scope:
        _embed(host, piece, definition.scope, set())
    return piece


def _embed(host: Host, piece: Piece, scope: Definitions, seen: set[str]) -> None:
    """Gives a copied block the blocks that its names mean, where they would mean others at the top of the file."""
    for name in sorted(set(_words(piece.whole())) - seen):
        if not scope.names_own(name) and not host.scope.names_own(name) and name not in host.new:
            continue  # both mean the operation, or the standard block
        theirs, mine = _block_or_none(scope, name), None if name in host.new else host.found(name)
        inner = piece.opened().get("blocks")
        if theirs is None and name in REGISTRY and (mine is not None or host.names_block(name)):
            words = piece.opened().get("operations", Piece([])).whole()
            piece.opened()["operations"] = Piece(sorted({*words, name}), piece.place, piece.source)
        if theirs is None or theirs[0] is mine or (inner is not None and name in inner.opened()):
            continue
        copy = block_piece(theirs[0])
        _embed(host, copy, theirs[1], {*seen, name})
        if inner is None:
            inner = piece.opened()["blocks"] = Piece({}, piece.place, piece.source, None, {})
        inner.opened()[name] = copy


def _block_or_none(scope: Definitions, name: str) -> tuple[BlockSpec, Definitions] | None:
    try:
        return scope.find(name)
    except ArchgraphError:
        return None


def _words(data: Any) -> Iterator[str]:
    """All words that may be the name of a block: `op`, defaults, arguments, texts in expressions."""
    if isinstance(data, dict):
        for value in data.values():
            yield from _words(value)
    elif isinstance(data, list):
        for value in data:
            yield from _words(value)
    elif isinstance(data, str) and len(data) <= 2_000:
        yield from _WORD.findall(data)
