"""Where specs and blocks come from: a path, a name of the shipped collection, `use:`, the standard blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import archgraph
from archgraph.errors import Problem, ReadError, UnknownNameError, WiringError, nearest
from archgraph.ops.contract import REGISTRY
from archgraph.spec.read import from_mapping, read_file
from archgraph.spec.schema import BlockSpec, Spec, validate

PACKAGE = Path(archgraph.__file__).parent
BLOCKS = PACKAGE / "blocks"


def shipped_specs() -> Path:
    """The folder of the model collection: inside an installed package, beside it in a checkout."""
    inside = PACKAGE / "specs"
    return inside if inside.is_dir() else PACKAGE.parent / "specs"


@dataclass(frozen=True, slots=True)
class Source:
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
    return validate(read_file(path))


def find(request: str | Path | Mapping[str, Any], preset: str | None = None) -> Source:
    """Resolves `file.yaml`, `file.yaml@preset`, a shipped model (`ddpm@cifar10`), a shipped preset (`resnet50`), or a
    mapping. Raises UnknownNameError with the nearest name."""
    if isinstance(request, Mapping):
        return Source(validate(from_mapping(request)), preset)
    if isinstance(request, Path) or Path(request).is_file():
        return Source(read_spec(Path(request)), preset)
    name, _, asked = request.partition("@")
    preset = preset or asked or None
    if name.endswith((".yaml", ".yml", ".json")) or "/" in name:
        return Source(read_spec(Path(name)), preset)
    return _find_shipped(name, preset)


def _find_shipped(name: str, preset: str | None) -> Source:
    path = shipped_specs() / f"{name}.yaml"
    if path.is_file():
        return Source(read_spec(path), preset)
    if preset is None:
        for candidate in sorted(shipped_specs().glob("*.yaml")):
            # A cheap look at the text keeps the files that cannot hold the preset unparsed.
            if f"{name}:" in candidate.read_text(encoding="utf-8") and name in read_spec(candidate).block.presets:
                return Source(read_spec(candidate), name)
    raise UnknownNameError(
        Problem(
            f"there is no model '{name}'",
            expected="a file (model.yaml), a shipped model (ddpm@cifar10) or one of its presets (resnet50)",
            hint=_meant(name),
        )
    )


def _meant(name: str) -> str:
    if Path(name).is_dir():
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
        if found is None and self.standard and name.isidentifier() and (BLOCKS / f"{name}.yaml").is_file():
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


def definitions(spec: Spec, standard: bool = True, users: tuple[Path, ...] = ()) -> Definitions:
    """The definitions of a file: its blocks and those of the files it uses. `users` are the files that led here.

    Raises WiringError for a name that is defined twice, or that a standard block or an operation has already, and for a
    file that uses itself.
    """
    found = Definitions(standard=standard)
    users = (*users, Path(spec.document.file).resolve())
    for name, block in spec.blocks.items():
        _define(found, name, (block, _within(block, found, spec)), spec, ("blocks", name))
    for position, used in enumerate(spec.use):
        path = _inside(spec, used, position)
        if path in users:
            mark = spec.document.marks.value("use", position)
            raise WiringError(
                Problem(f"'{users[-1].name}' uses itself by way of '{used}'", mark, hint="remove it here")
            )
        other = read_spec(path)
        theirs = definitions(other, standard, users)
        for name in other.blocks:
            _define(found, name, theirs.blocks[name], spec, ("use", position))
        if other.block.body.nodes:
            _define(found, other.block.name, (other.block, theirs), spec, ("use", position))
    return found


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
    elif (
        found.standard
        and (BLOCKS / f"{name}.yaml").is_file()
        and block[0].document.file != str(BLOCKS / f"{name}.yaml")
    ):
        taken = "a standard block"
    if taken:
        mark = spec.document.marks.key(*where)
        raise WiringError(Problem(f"the name '{name}' is taken by {taken}", mark, hint="give the block another name"))
    found.blocks[name] = block


def _inside(spec: Spec, used: str, position: int) -> Path:
    """The file that `use:` names. Raises ReadError where it lies outside the spec's own folder tree."""
    mark = spec.document.marks.value("use", position)
    base = Path(spec.document.file).resolve().parent
    path = Path(used)
    target = (base / path).resolve()
    if path.is_absolute() or not (target.is_relative_to(base) or target.is_relative_to(shipped_specs().resolve())):
        raise ReadError(
            Problem(
                f"'{used}' lies outside the folder of this spec",
                mark,
                expected="a relative path in this folder or below it",
                received=used,
            )
        )
    if not target.is_file():
        known = [f"./{other.name}" for other in sorted(base.glob("*.yaml"))]
        raise ReadError(Problem(f"there is no file '{used}'", mark, received=str(target), hint=nearest(used, known)))
    return target
