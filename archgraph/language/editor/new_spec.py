"""The text of a new spec: a small classifier of images, or an extension of another network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from archgraph.errors import SpecError
from archgraph.graph.spec_text import spec_text
from archgraph.language.editor.schema_file import editor_line
from archgraph.language.library import SpecRequest, find
from archgraph.language.load import preset_values
from archgraph.language.schema.names import block_name

CLASSIFIER = """\
archgraph: 1
name: {name}
params: {{classes: 10, widths: [32, 64]}} # archgraph check {file} --set classes=3
inputs: {{image: [N, 3, H, W]}}
nodes: # each reads the one before it
  stage:
    for: {{width: =widths}}
    nodes:
      conv: {{op: conv2d, out_channels: =width, kernel_size: 3, padding: 1}}
      norm: batch_norm2d
      relu: relu
      pool: {{op: max_pool2d, kernel_size: 2}}
  pool: {{op: adaptive_avg_pool2d, output_size: 1}}
  flatten: flatten
  fc: {{op: linear, out_features: =classes}}
outputs: {{logits: fc}}
meta:
  task: classification
  size: {{H: 32, W: 32}}
"""


def new_spec(path: Path, like: str = "") -> str:
    """The text of a spec in that file, which checks as it is. With `like` it extends that network.

    Raises SpecError for a file name that can be no network's name, and for an unknown network.
    """
    name = _name(path)
    body = _extension(name, path, like) if like else CLASSIFIER.format(name=name, file=path.name)
    return editor_line() + body


def _name(path: Path) -> str:
    try:
        return block_name(path.stem)
    except SpecError as error:
        hint = error.problems[0].hint or f"archgraph init {_identifier(path.stem)}"
        message = f"'{path.stem}' cannot be a network's name"
        raise SpecError(message, expected=error.problems[0].expected, hint=hint) from None


def _identifier(text: str) -> str:
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in text).strip("_")
    return letters if letters[:1].isalpha() else f"net_{letters}"


def _extension(name: str, path: Path, like: str) -> str:
    """A spec that extends the network, with what may be changed in comments."""
    found = find(like)
    declared = {key: kind.default for key, kind in found.spec.block.params.items() if not kind.required}
    params = {**declared, **preset_values(found.spec, found.preset)}
    nodes = ", ".join(node.name for node in found.spec.block.body.nodes)
    lines = [f"archgraph: 1\nname: {name}\nextends: {_base(path, found)}\n"]
    lines.append(f"# What may be changed (archgraph show {like} prints the whole):\n")
    if params:
        lines.append(_commented({"params": params}))
    lines.append(f"# set, replace, before, after, wrap, remove: by the names of nodes, such as {nodes}\n")
    return "".join(lines)


def _commented(data: dict[str, Any]) -> str:
    return "".join(f"# {line}\n" for line in spec_text(data).splitlines())


def _base(path: Path, found: SpecRequest) -> str:
    """The base as `extends` names it. Raises SpecError for a file outside of the new file's folder."""
    from archgraph.artifact.shipped_files import shipped_specs

    file = Path(found.spec.document.file).resolve()
    preset = f"@{found.preset}" if found.preset else ""
    if file.is_relative_to(shipped_specs().resolve()):
        return f"{file.stem}{preset}"
    folder = path.parent.resolve()
    if not file.is_relative_to(folder):
        hint = f"archgraph init {Path(os.path.relpath(file.parent)) / path.name} --like {found.spec.document.file}"
        raise SpecError(f"{file} lies outside of the folder of {path}", expected="a file in it or below", hint=hint)
    return f"./{file.relative_to(folder).as_posix()}{preset}"
