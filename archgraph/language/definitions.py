"""What `op` may name besides operations: a file's own blocks, those of the files it uses, the standard ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from archgraph.errors import Problem, WiringError
from archgraph.language.expressions.budget import bounded_effort
from archgraph.language.library import block_file, known_blocks, read_spec, standard_blocks
from archgraph.language.schema.spec import BlockSpec, Spec, UsedFile
from archgraph.language.used_files import used_file
from archgraph.ops.contract import REGISTRY
from archgraph.plugins import PLUGIN_BLOCKS


@cache
def _standard_names() -> frozenset[str]:
    return frozenset(standard_blocks())


@cache
def _standard(name: str, plugin_file: Path | None) -> tuple[BlockSpec, Definitions]:
    """A standard block by its name, or one of an enabled plugin by its name and file, with its definitions."""
    spec = read_spec(plugin_file or block_file(name))
    found = definitions(spec)
    found.kept = True
    return spec.block, found


def _is_known(name: str) -> bool:
    """Whether a standard block has this name, or one of an enabled plugin."""
    return name in _standard_names() or name in PLUGIN_BLOCKS


@dataclass(slots=True)
class Definitions:
    """The blocks that a file's nodes may name: its own, those of the files it uses, and the standard ones.

    Lexical: a block's own nodes are looked up in the definitions of the file that it stands in. `ambiguous` are the
    names that several used files give to blocks of theirs, with those files. `operations` are names that mean the
    operation, whatever is around. `kept`: the process keeps them.
    """

    blocks: dict[str, tuple[BlockSpec, Definitions]] = field(default_factory=dict)
    standard: bool = True
    outer: Definitions | None = None
    ambiguous: dict[str, tuple[str, ...]] = field(default_factory=dict)
    operations: tuple[str, ...] = ()
    kept: bool = False

    @property
    def lasting(self) -> bool:
        """Whether these are the definitions of a standard block, which is read once in a process."""
        return self.kept or (self.outer is not None and self.outer.lasting)

    def own(self, name: str) -> tuple[BlockSpec, Definitions] | None:
        """The block that this file, or one that it uses, has under a name: it hides what else has that name.

        Raises WiringError where several used files have one.
        """
        if name in self.ambiguous:
            files = self.ambiguous[name]
            raise WiringError(
                f"'{name}' is a block of {' and of '.join(repr(file) for file in files)}",
                hint=f"name the files: use: {{one: {files[0]}, other: {files[1]}}}, then op: one.{name}",
            )
        found = self.blocks.get(name)
        if found is None and name in self.operations:
            return None
        return self.outer.own(name) if found is None and self.outer is not None else found

    def names_own(self, name: str) -> bool:
        """Whether a file or a block around has a block of this name, or several."""
        if name in self.blocks or name in self.ambiguous:
            return True
        return self.outer is not None and self.outer.names_own(name)

    def find(self, name: str) -> tuple[BlockSpec, Definitions] | None:
        """The block of that name with its own definitions, or None."""
        found = self.own(name)
        if found is not None or not self._sees_standard or not _is_known(name):
            return found
        return _standard(name, PLUGIN_BLOCKS.get(name))

    @property
    def _sees_standard(self) -> bool:
        return self.outer._sees_standard if self.outer is not None else self.standard

    def names(self) -> Iterator[str]:
        """All names that an `op` may have here."""
        yield from self.blocks
        if self.outer is not None:
            yield from self.outer.names()
            return
        yield from REGISTRY
        if self.standard:
            yield from known_blocks()

    def hidden(self) -> Iterator[tuple[str, str, BlockSpec]]:
        """The names that hide an operation or a standard block: the name, what it hides, and the block."""
        for name, (block, _) in self.blocks.items():
            if name in REGISTRY:
                yield name, "operation", block
            elif self._sees_standard and _is_known(name):
                yield name, "block of a plugin" if name in PLUGIN_BLOCKS else "standard block", block


def definitions(spec: Spec, standard: bool = True) -> Definitions:
    """The definitions of a file: its blocks and those of the files it uses, each of which is read once.

    Raises WiringError for a name that the file gives twice, and for a file that uses itself; ReadError for a file that
    cannot be used.
    """
    with bounded_effort() as effort:
        return _definitions(spec, standard, (), effort.kept)


def _definitions(spec: Spec, standard: bool, users: tuple[Path, ...], kept: dict[Any, Any]) -> Definitions:
    """`users` are the files that led here, `kept` what this load has read already."""
    key = (id(spec), standard)
    if key in kept:
        return kept[key][1]  # type: ignore[no-any-return]
    found = Definitions(standard=standard)
    for name, block in spec.blocks.items():
        found.blocks[name] = block, _within(block, found)
    sources: dict[str, str] = dict.fromkeys(spec.blocks, "")
    for used in spec.use:
        file = used_file(spec.document, used, users, kept)
        theirs = _definitions(file.spec, standard, file.users, kept)
        for name, block_and_definitions in _blocks_of(used, file.spec, file.preset, theirs):
            _define(found, sources, (name, used), block_and_definitions, spec)
    kept[key] = spec, found  # with the spec, whose identity is the key
    return found


def _blocks_of(
    used: UsedFile, spec: Spec, preset: str | None, theirs: Definitions
) -> Iterator[tuple[str, tuple[BlockSpec, Definitions]]]:
    """What a used file brings: its network and its blocks, below the name it was given, if any."""
    for name in spec.blocks:
        yield (f"{used.name}.{name}" if used.name else name), theirs.blocks[name]
    if spec.block.body.nodes:
        name = used.name or used.network or spec.block.name
        same = name == spec.block.name and not preset
        yield name, (spec.block if same else replace(spec.block, name=name, preset=preset or ""), theirs)


def _within(block: BlockSpec, around: Definitions) -> Definitions:
    """The definitions that a block's nodes see: those around it, and its own blocks before them."""
    if not block.blocks and not block.operations:
        return around
    inner = Definitions(standard=False, outer=around, operations=block.operations)
    for name, own in block.blocks.items():
        inner.blocks[name] = own, _within(own, inner)
    return inner


def _define(
    found: Definitions,
    sources: dict[str, str],
    brought: tuple[str, UsedFile],
    block: tuple[BlockSpec, Definitions],
    spec: Spec,
) -> None:
    """A name that a used file brings. Blocks of two files may share it as long as nobody names it, networks may not."""
    name, used = brought
    if name not in sources:
        found.blocks[name], sources[name] = block, used.file
        return
    if found.blocks.get(name, block)[0] is block[0]:
        return
    network = block[0].where == ()
    if not sources[name] or network:
        by = f"'{sources[name]}'" if sources[name] else "this file"
        message = f"'{used.file}' and {by} both have a block '{name}'"
        hint = f"name the file: use: {{other: {used.file}}}, then op: other{'' if network else f'.{name}'}"
        raise WiringError(Problem(message, spec.document.marks.value(*used.where), hint=hint))
    found.ambiguous[name] = (*found.ambiguous.get(name, (sources[name],)), used.file)
