"""A document that extends others → the document that it stands for, before anything of it is validated.

Everything behind this sees one document: validation, elaboration, all targets, and the text that `show` prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from archgraph.errors import (
    ArchgraphError,
    Mark,
    Problem,
    ReadError,
    SchemaError,
    SpecError,
    UnknownNameError,
    WiringError,
    nearest,
)
from archgraph.language.definitions import Definitions, definitions
from archgraph.language.expressions.budget import bounded_effort
from archgraph.language.extension.change import MOST_CHANGES, StatedChange, changes_of, require_changes
from archgraph.language.extension.extension import Edit, Extension
from archgraph.language.extension.merging import merged, rebase_used, settled_parameters
from archgraph.language.extension.piece import Piece, document_of, piece_of
from archgraph.language.extension.placement import BlockPlacement, Host, copied_block
from archgraph.language.extension.reach import Definition, Reach
from archgraph.language.extension.unmatched import no_match, with_removals
from archgraph.language.reading.composer import MAX_VALUES
from archgraph.language.reading.document import Document
from archgraph.language.schema.spec import UsedFile
from archgraph.language.schema.validation import validate
from archgraph.language.used_files import DEEPEST_USE, OpenedFile, used_file
from archgraph.ops.contract import REGISTRY

_OPENED = "files that are expanded"
"""Where the files that are being expanded are kept, next to what else one reading keeps."""


def _extending_blocks(data: Mapping[str, Any]) -> list[str]:
    blocks = data.get("blocks")
    if not isinstance(blocks, dict):
        return []
    return [name for name, block in blocks.items() if isinstance(block, dict) and "extends" in block]


def expanded(document: Document) -> Document:
    """The document as if it were written out. Raises SpecError where the base cannot be used, or a change is wrong."""
    with bounded_effort() as effort, _extending(document, effort.kept):
        late = _extending_blocks(document.data)
        if "extends" in document.data:
            found = _extended_file(document, late, effort.kept)
        else:
            root = _without_blocks(piece_of(document), late)
            found = document_of(root, document.file, document.text, document.values)
        return _extended_blocks(found, document, late) if late else found


@contextmanager
def _extending(document: Document, kept: dict[Any, Any]) -> Iterator[None]:
    """Notes a file while it is expanded. Raises WiringError for one that leads to itself, ReadError for long chains."""
    opened: list[Document] = kept.setdefault(_OPENED, [])
    _require_no_circle(document, opened)
    if len(opened) >= DEEPEST_USE:
        message = f"'{Path(document.file).name}' is extended by way of too many other files"
        expected = f"at most {DEEPEST_USE} files that extend one another"
        raise ReadError(Problem(message, _mark(document), expected=expected))
    opened.append(document)
    try:
        yield
    finally:
        opened.pop()


def _require_no_circle(document: Document, opened: Sequence[Document]) -> None:
    path = _resolved(document)
    files = [_resolved(one) for one in opened]
    if document.marks.value() is None or path not in files:
        return
    circle = [*opened[files.index(path) :], document]
    names = " extends ".join(f"'{Path(one.file).name}'" for one in circle)
    notes = tuple((f"'{Path(one.file).name}' extends it here", _mark(one)) for one in circle[1:-1])
    message = f"{names}, which leads back to it"
    raise WiringError(Problem(message, _mark(circle[0]), hint="one of them must stand by itself", notes=notes))


def _mark(document: Document) -> Any:
    return document.marks.value("extends") if "extends" in document.data else document.marks.key("blocks")


def _resolved(document: Document) -> Path:
    try:
        return Path(document.file).resolve()
    except (OSError, RuntimeError, ValueError):
        return Path(document.file)


# --- files ------------------------------------------------------------------------------------------------------------


def _extended_file(document: Document, late: Sequence[str], kept: dict[Any, Any]) -> Document:
    """A file over its base; its blocks that extend others come later."""
    require_changes(document)
    mark = document.marks.value("extends")
    opened = used_file(document, UsedFile(document.data["extends"], "", ("extends",)), (), kept)
    base = opened.spec
    title = document.data["extends"]
    given = piece_of(document)
    root = _merged_root(document, given, opened, late)
    host = Host(root, definitions(base), base.document, new=_written_blocks(given))
    definition = Definition(base.block, host.scope)
    changes = _changes(given)
    settled = _settled(root, opened, document)
    try:
        edits = _apply(host, definition, root, (changes, settled))
    except ArchgraphError as error:
        raise with_removals(error, base.document.extensions, changes).placed(mark) from None
    removed = {edit.address: edit.mark for edit in edits if edit.change.startswith("remove:")}
    name = str(document.data.get("name", document.file))
    step = Extension(name, title, document.file, mark, tuple(edits), removed)
    values = document.values + base.document.values
    return replace(_bounded(root, document, values), extensions=(*base.document.extensions, step))


def _bounded(root: Piece, document: Document, values: int) -> Document:
    """The document that was made. Raises ReadError where it holds more than a file may."""
    found = document_of(root, document.file, document.text, values)
    left, waiting = MAX_VALUES, [found.data]
    while waiting:
        data = waiting.pop()
        inside = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
        left -= len(inside)
        waiting += inside
        if left < 0:
            message = "what this extension stands for holds too much"
            raise ReadError(Problem(message, _mark(document), expected=f"at most {MAX_VALUES:,} values"))
    return found


def _merged_root(document: Document, given: Piece, opened: OpenedFile, late: Sequence[str]) -> Piece:
    base = piece_of(opened.spec.document)
    rebase_used(base, opened.spec.document.file, document.file)
    _without_blocks(given, late)
    for key in ("archgraph", "name"):
        if key not in document.data:  # validation says so
            base.opened().pop(key)
    return merged(base, given, opened.spec.block, opened.preset, document.data["extends"])


def _without_blocks(file: Piece, late: Sequence[str]) -> Piece:
    """A file without those of its blocks that extend others."""
    if late:
        blocks = file.at("blocks").opened()
        for name in late:
            del blocks[name]
        if not blocks:
            del file.opened()["blocks"]
    return file


def _settled(root: Piece, opened: OpenedFile, document: Document) -> dict[str, tuple[Any, ...]]:
    """The parameters whose values are known, whichever preset is asked for later."""
    own = document.data.get("params") or {}
    names = opened.spec.block.params if opened.preset is not None else dict.fromkeys(own)
    return settled_parameters(root.opened(), names)


def _written_blocks(given: Piece) -> frozenset[str]:
    return frozenset(given.at("blocks").opened()) if given.holds("blocks") else frozenset()


def _changes(given: Piece) -> tuple[StatedChange, ...]:
    changes = changes_of(given)
    if len(changes) > MOST_CHANGES:
        message = "the extension has too many changes"
        raise SchemaError(Problem(message, changes[-1].mark, expected=f"at most {MOST_CHANGES:,}"))
    return changes


def _apply(
    host: Host, definition: Definition, root: Piece, stated: tuple[Sequence[StatedChange], Mapping[str, Sequence[Any]]]
) -> list[Edit]:
    """Applies changes to a definition that stands at `root`. Raises SpecError."""
    changes, settled = stated
    if not changes:
        return []
    reach = Reach(definition, changes, settled)
    if len(reach.matched) < len(changes):
        reach.look_everywhere()  # for the hints
    missed = [no_match(change, reach) for change in changes if change.number not in reach.matched]
    if missed:
        raise UnknownNameError(*missed)
    edited = BlockPlacement(host, reach, root).edited
    return [
        Edit(node.address, str(change), change.mark, change.value.lines(), before.mark)
        for node, change, before in edited
    ]


# --- blocks -----------------------------------------------------------------------------------------------------------


def _extended_blocks(document: Document, source: Document, late: Sequence[str]) -> Document:
    """A file whose blocks extend others: of the file, of what it uses, or of the standard library."""
    waiting = list(late)
    started: list[str] = []
    while waiting:
        name = waiting[-1]
        base = _base_name(source, name)
        if base != name and base in waiting[:-1] and name not in started:
            started.append(name)
            waiting.remove(base)
            waiting.append(base)
            continue
        if base != name and base in waiting:
            mark = source.marks.value("blocks", name, "extends")
            message = f"'{name}' and '{base}' extend each other"
            raise WiringError(Problem(message, mark, hint="one of them must stand by itself"))
        document = _extended_block(document, source, waiting.pop())
    return document


def _base_name(source: Document, name: str) -> str:
    require_changes(source, "blocks", name)
    return str(source.data["blocks"][name]["extends"])


def _extended_block(document: Document, source: Document, name: str) -> Document:
    """A block over the one that it extends, which has its name or another one."""
    spec = validate(document)
    scope, base = definitions(spec), _base_name(source, name)
    mark = source.marks.value("blocks", name, "extends")
    try:
        found = scope.find(base)
    except ArchgraphError as error:
        raise error.placed(mark) from None
    if found is None:
        raise _no_block(base, scope, mark)
    definition = Definition(*found)
    given = piece_of(source, "blocks", name)
    host = Host(piece_of(document), scope, document, whole=False)
    piece = merged(copied_block(host, definition), given, definition.block, None, base)
    edits = _apply(host, definition, piece, (_changes(given), {}))
    host.blocks[name] = piece
    step = Extension(name, base, source.file, mark, tuple(edits), {})
    result = _bounded(host.root, document, document.values)
    return replace(result, extensions=(*document.extensions, step))


def _no_block(name: str, scope: Definitions, mark: Mark | None) -> SpecError:
    known = [one for one in scope.names() if one not in REGISTRY]
    operation = "an operation, which has no nodes" if name in REGISTRY else ""
    hint = nearest(name, known) or "'archgraph blocks' lists the standard blocks"
    return UnknownNameError(Problem(f"there is no block '{name}'", mark, received=operation, hint=hint))
