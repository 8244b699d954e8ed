"""Where specs and blocks come from: a path, a name of the shipped collection, `use:`, the standard blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import archgraph
from archgraph.artifact.file_kinds import is_file, is_folder
from archgraph.errors import Problem, ReadError, UnknownNameError, WiringError, nearest
from archgraph.language.expressions.budget import bounded_effort, spend_file
from archgraph.language.reading.document import from_mapping, read_file
from archgraph.language.schema.spec import BlockSpec, Spec
from archgraph.language.schema.validation import validate
from archgraph.ops.contract import REGISTRY

PACKAGE = Path(archgraph.__file__).parent
BLOCKS = PACKAGE / "blocks"
LONGEST_FILE_NAME = 200
DEEPEST_USE = 32
"""A file that uses one, which uses one … so many times."""


def shipped_specs() -> Path:
    """The folder of the model collection: inside an installed package, beside it in a checkout."""
    inside = PACKAGE / "specs"
    return inside if inside.is_dir() else PACKAGE.parent / "specs"


@dataclass(frozen=True, slots=True)
class SpecRequest:
    """A spec that was asked for: its validated text, and the preset in the request, if any."""

    spec: Spec
    preset: str | None = None


@cache
def _read_shipped(path: Path) -> Spec:
    return validate(read_file(path))


def read_spec(path: Path) -> Spec:
    """A validated file; the shipped ones are read once per process."""
    if path.parent in (BLOCKS, shipped_specs()):
        return _read_shipped(path)
    document = read_file(path)
    spend_file(str(path), document.values)
    return validate(document)


def find(request: str | Path | Mapping[str, Any], preset: str | None = None) -> SpecRequest:
    """Resolves `file.yaml`, `file.yaml@preset`, a shipped model (`ddpm@cifar10`), a shipped preset (`resnet50`), or a
    mapping. Raises UnknownNameError with the nearest name."""
    if isinstance(request, Mapping):
        return SpecRequest(validate(from_mapping(request)), preset)
    if isinstance(request, Path) or is_file(Path(request)):
        return SpecRequest(read_spec(Path(request)), preset)
    name, _, asked = request.partition("@")
    preset = preset or asked or None
    if name.endswith((".yaml", ".yml", ".json")) or "/" in name:
        return SpecRequest(read_spec(Path(name)), preset)
    return _find_shipped(name, preset)


def _find_shipped(name: str, preset: str | None) -> SpecRequest:
    path = shipped_specs() / f"{name}.yaml"
    if is_file(path):
        return SpecRequest(read_spec(path), preset)
    if preset is None:
        for candidate in sorted(shipped_specs().glob("*.yaml")):
            # A cheap look at the text keeps the files that cannot hold the preset unparsed.
            if f"{name}:" in candidate.read_text(encoding="utf-8") and name in read_spec(candidate).block.presets:
                return SpecRequest(read_spec(candidate), name)
    raise UnknownNameError(
        Problem(
            f"there is no model '{name}'",
            expected="a file (model.yaml), a shipped model (ddpm@cifar10) or one of its presets (resnet50)",
            hint=_meant(name),
        )
    )


def _meant(name: str) -> str:
    if is_folder(Path(name)):
        return f"'{name}' is a folder, but no training run: it holds no spec.yaml"
    return nearest(name, shipped_names()) or "`archgraph models` lists the shipped ones"


def shipped_names() -> list[str]:
    """All names that a bare request may use: models and presets."""
    names: list[str] = []
    for path in sorted(shipped_specs().glob("*.yaml")):
        names += [path.stem, *read_spec(path).block.presets]
    return names


def standard_blocks() -> list[str]:
    """The names of the standard blocks, one file each."""
    return sorted(path.stem for path in BLOCKS.glob("*.yaml"))


@cache
def _standard_names() -> frozenset[str]:
    return frozenset(standard_blocks())


@dataclass(slots=True)
class Definitions:
    """The blocks that a file's nodes may name: its own, those it uses, and the standard ones.

    Lexical: a block's own nodes are looked up in the definitions of the file that it stands in.
    """

    blocks: dict[str, tuple[BlockSpec, Definitions]] = field(default_factory=dict)
    standard: bool = True
    outer: Definitions | None = None

    def find(self, name: str) -> tuple[BlockSpec, Definitions] | None:
        """The block of that name with its own definitions, or None."""
        found = self.blocks.get(name)
        if found is None and self.outer is not None:
            return self.outer.find(name)
        if found is None and self.standard and name in _standard_names():
            found = _standard(name)
            self.blocks[name] = found
        return found

    def names(self) -> Iterator[str]:
        """All names that an `op` may have here."""
        yield from self.blocks
        if self.outer is not None:
            yield from self.outer.names()
            return
        yield from REGISTRY
        if self.standard:
            yield from standard_blocks()


@cache
def _standard(name: str) -> tuple[BlockSpec, Definitions]:
    spec = read_spec(BLOCKS / f"{name}.yaml")
    return spec.block, definitions(spec)


def definitions(spec: Spec, standard: bool = True) -> Definitions:
    """The definitions of a file: its blocks and those of the files it uses, each of which is read once.

    Raises WiringError for a name that is defined twice, or that a standard block or an operation has already, and for a
    file that uses itself; ReadError for a file that cannot be used.
    """
    with bounded_effort() as effort:
        return _definitions(spec, standard, (), effort.kept)


def _definitions(spec: Spec, standard: bool, users: tuple[Path, ...], kept: dict[Any, Any]) -> Definitions:
    """`users` are the files that led here, `kept` what this load has read already."""
    key = (id(spec), standard)
    if key in kept:
        return kept[key][1]  # type: ignore[no-any-return]
    found = Definitions(standard=standard)
    users = (*users, _resolved(Path(spec.document.file)))
    for name, block in spec.blocks.items():
        _define(found, name, (block, _within(block, found, spec)), spec, ("blocks", name))
    for position, used in enumerate(spec.use):
        other = _used(spec, used, position, users, kept)
        theirs = _definitions(other, standard, users, kept)
        for name in other.blocks:
            _define(found, name, theirs.blocks[name], spec, ("use", position))
        if other.block.body.nodes:
            _define(found, other.block.name, (other.block, theirs), spec, ("use", position))
    kept[key] = spec, found  # with the spec, whose identity is the key
    return found


def _used(spec: Spec, used: str, position: int, users: tuple[Path, ...], kept: dict[Any, Any]) -> Spec:
    """The spec that an entry of `use:` names."""
    path = _inside(spec, used, position)
    mark = spec.document.marks.value("use", position)
    if path in users:
        raise WiringError(Problem(f"'{users[-1].name}' uses itself by way of '{used}'", mark, hint="remove it here"))
    if len(users) >= DEEPEST_USE:
        message = f"'{used}' is used by way of too many other files"
        raise ReadError(Problem(message, mark, expected=f"at most {DEEPEST_USE} files between", hint="use it directly"))
    if path not in kept:
        try:
            kept[path] = read_spec(path)
        except ReadError as error:
            raise error.placed(mark) from None
    return kept[path]  # type: ignore[no-any-return]


def _within(block: BlockSpec, around: Definitions, spec: Spec) -> Definitions:
    """The definitions that a block's nodes see: those around it, and its own blocks before them."""
    if not block.blocks:
        return around
    inner = Definitions(standard=False, outer=around)
    for name, own in block.blocks.items():
        _define(inner, name, (own, _within(own, inner, spec)), spec, (*own.where,))
    return inner


def _define(
    found: Definitions, name: str, block: tuple[BlockSpec, Definitions], spec: Spec, where: tuple[str | int, ...]
) -> None:
    taken = ""
    if name in REGISTRY:
        taken = "an operation"
    elif name in found.blocks:
        taken = "another block of this file or of one that it uses"
    elif found.standard and name in _standard_names() and block[0].document.file != str(BLOCKS / f"{name}.yaml"):
        taken = "a standard block"
    if taken:
        mark = spec.document.marks.key(*where)
        raise WiringError(Problem(f"the name '{name}' is taken by {taken}", mark, hint="give the block another name"))
    found.blocks[name] = block


def _resolved(path: Path) -> Path:
    """The path without links. Raises ReadError where they lead nowhere, or where the name is none."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its links lead back to it"
        raise ReadError(f"'{_short(str(path))}' cannot be opened", received=str(reason)) from None


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_FILE_NAME else f"{name[:LONGEST_FILE_NAME]} …"


def _inside(spec: Spec, used: str, position: int) -> Path:
    """The file that `use:` names. Raises ReadError where it lies outside the spec's own folder tree."""
    mark = spec.document.marks.value("use", position)
    base = _resolved(Path(spec.document.file)).parent
    path, name = Path(used), _short(used)
    try:
        target = _resolved(base / path)
    except ReadError as error:
        raise ReadError(*(replace(problem, message=f"'{name}' cannot be opened") for problem in error.problems)).placed(
            mark
        ) from None
    if path.is_absolute() or not (target.is_relative_to(base) or target.is_relative_to(shipped_specs().resolve())):
        raise ReadError(
            Problem(
                f"'{name}' lies outside the folder of this spec",
                mark,
                expected="a relative path in this folder or below it",
                received=name,
            )
        )
    if not is_file(target):
        known = [f"./{other.name}" for other in sorted(base.glob("*.yaml"))]
        received = _short(str(target))
        raise ReadError(Problem(f"there is no file '{name}'", mark, received=received, hint=nearest(used, known)))
    return target
