"""Where specs and blocks come from: a path, a name of the shipped collection, `use:`, the standard blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import archgraph
from archgraph.artifact.file_kinds import FileState, file_state, is_file, is_folder
from archgraph.artifact.shipped_files import shipped_specs as shipped_specs
from archgraph.errors import ArchgraphError, Problem, UnknownNameError, nearest
from archgraph.language.expressions.budget import look_for, looked_for, spend_file
from archgraph.language.reading.document import Document, from_mapping, read_file
from archgraph.language.schema.spec import Spec
from archgraph.language.schema.validation import validate
from archgraph.plugins import PLUGIN_BLOCKS
from archgraph.records import record

PACKAGE = Path(archgraph.__file__).parent
BLOCKS = PACKAGE / "blocks"


@record()
class SpecRequest:
    """A spec that was asked for: its validated text, and the preset in the request, if any."""

    spec: Spec
    preset: str | None = None


@cache
def _read_once(path: Path) -> Spec:
    return spec_of(read_file(path))


_SHIPPED: dict[Path, tuple[dict[str, FileState | None], Spec]] = {}
"""The shipped specs that were read, with the files that each needed, as they were then."""


def _read_unchanged(path: Path) -> Spec:
    """A shipped spec: the one that was read before, unless its author has changed a file since."""
    files, spec = _SHIPPED.get(path, ({}, None))
    if spec is None or any(file_state(file) != state for file, state in files.items()):
        state = file_state(path)
        with looked_for() as needed:
            spec = spec_of(read_file(path))
        files = {**{file: file_state(file) for file in needed}, str(path): state}
        _SHIPPED[path] = files, spec
    for file in files:
        look_for(file)
    return spec


def read_spec(path: Path) -> Spec:
    """A validated file; the shipped ones are read once per process, specs once more where they have changed."""
    if path.parent == BLOCKS or path in PLUGIN_BLOCKS.values():
        return _read_once(path)
    if path.parent == shipped_specs():
        return _read_unchanged(path)
    look_for(str(path))
    document = read_file(path)
    spend_file(str(path), document.values)
    return spec_of(document)


def spec_of(document: Document) -> Spec:
    """The spec of a document, of which what it extends is read first. Raises SpecError."""
    if not _extends(document.data):
        return validate(document)
    from archgraph.language.extension.extension import explained  # few files extend others

    # By name: it stands above this module, because it reads the files that are extended by means of it.
    whole = import_module("archgraph.language.extension.expand").expanded(document)
    try:
        return validate(whole)
    except ArchgraphError as error:
        raise explained(error, whole.extensions) from None


def _extends(data: Any) -> bool:
    """Whether a document, or one of its blocks, extends another one."""
    if not isinstance(data, dict):
        return False
    blocks = data.get("blocks")
    found = blocks.values() if isinstance(blocks, dict) else ()
    return "extends" in data or any(isinstance(block, dict) and "extends" in block for block in found)


def find(request: str | Path | Mapping[str, Any], preset: str | None = None) -> SpecRequest:
    """Resolves `file.yaml`, `file.yaml@preset`, a shipped model (`ddpm@cifar10`), a shipped preset (`resnet50`), or a
    mapping. Raises UnknownNameError with the nearest name."""
    if isinstance(request, Mapping):
        return SpecRequest(spec_of(from_mapping(request)), preset)
    if isinstance(request, Path) or is_file(Path(request)):
        return SpecRequest(read_spec(Path(request)), preset)
    name, _, asked = request.partition("@")
    preset = preset or asked or None
    if name.endswith((".yaml", ".yml", ".json")) or "/" in name:
        return SpecRequest(read_spec(Path(name)), preset)
    return find_shipped(name, preset)


def find_shipped(name: str, preset: str | None = None) -> SpecRequest:
    """A shipped model, or a shipped preset, by its name. Raises UnknownNameError with the nearest name."""
    path = shipped_specs() / f"{name}.yaml"
    if is_file(path):
        return SpecRequest(read_spec(path), preset)
    holder = _holder_of_preset(name) if preset is None else None
    if holder is not None:
        return SpecRequest(read_spec(holder), name)
    raise UnknownNameError(
        Problem(
            f"there is no model '{name}'",
            expected="a file (model.yaml), a shipped model (ddpm@cifar10) or one of its presets (resnet50)",
            hint=_meant(name),
        )
    )


@cache
def _holder_of_preset(name: str) -> Path | None:
    """The shipped file that has a preset of this name."""
    key = f"{name}:".encode()
    for candidate in sorted(shipped_specs().glob("*.yaml")):
        # A cheap look at the text keeps the files that cannot hold the preset unparsed.
        text = candidate.read_bytes()
        held = key in text and re.search(rf"(?<![\w.-]){re.escape(name)}:", text.decode("utf-8"))
        if held and name in read_spec(candidate).block.presets:
            return candidate
    return None


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


def known_blocks() -> list[str]:
    """The names of the standard blocks, and of those of the plugins that are enabled."""
    return [*standard_blocks(), *sorted(PLUGIN_BLOCKS)]


def block_file(name: str) -> Path:
    """The file of a known block."""
    return PLUGIN_BLOCKS[name] if name in PLUGIN_BLOCKS else BLOCKS / f"{name}.yaml"
