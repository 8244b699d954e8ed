"""`archgraph init`: a new spec, ready for an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archgraph.artifact.file_kinds import is_folder
from archgraph.cli import completion
from archgraph.cli.output import echo, made, write_text
from archgraph.cli.output_paths import require_writable
from archgraph.errors import InputError

SUFFIXES = (".yaml", ".yml")
NewNameArgument = Annotated[
    Path, typer.Argument(metavar="NAME", help="The network's name, or its file: NAME.yaml is written.")
]
LikeOption = Annotated[
    str,
    typer.Option(
        "--like",
        metavar="MODEL",
        help="A shipped model, a preset of one, or a file: the new spec extends it.",
        autocompletion=completion.specs,
    ),
]


def run(name: NewNameArgument, like: LikeOption = "") -> None:
    """Starts a spec that checks at once, with the schema that editors read next to it.

    By default it is a small classifier of images. With --like it extends the named network: a few lines, in which
    parameters and nodes are changed; published weights keep their names. `archgraph show MODEL` prints a whole text.

    Example: archgraph init mine --like resnet50
    """
    from archgraph.language.editor.new_spec import new_spec
    from archgraph.language.editor.schema_file import FILE, is_schema, schema_text

    path = _file(name)
    schema = path.with_name(FILE)
    _require_new(path)
    if schema.exists() and not is_schema(schema):
        raise InputError(f"{schema} is there already, and no schema of archgraph", hint="move it elsewhere")
    text = new_spec(path, like)
    require_writable(path, SUFFIXES)
    write_text(schema, schema_text())
    write_text(path, text)
    echo(f"wrote {made(path)} and {made(schema)}\nnext: archgraph check {path} --watch")


def _file(name: Path) -> Path:
    """The file of a new spec. Raises InputError for what names none."""
    if name.suffix in SUFFIXES:
        return name
    if not name.name or name.name == ".." or name.suffix == ".json":
        hint = f"archgraph init {name.stem}" if name.suffix else "archgraph init mynet"
        raise InputError(f"'{name}' is no name of a new spec", expected="a name, or a file in .yaml", hint=hint)
    return name.with_name(f"{name.name}.yaml")


def _require_new(path: Path) -> None:
    """Raises InputError where a file or a folder has the name."""
    if path.exists() or path.is_symlink():
        what = "a folder" if is_folder(path) else "a file"
        raise InputError(f"{path} is there already", expected="a new name", received=what, hint="it is left as it is")
