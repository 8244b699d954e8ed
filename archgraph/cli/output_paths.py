"""Where commands write: what may be written to, and what must not be overwritten."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from archgraph.artifact.file_kinds import is_file, is_folder, not_a_file, same_file
from archgraph.errors import InputError

EXPORTS = Path("exports")

Read = str | Path | None
"""Files that a command reads, and must not overwrite: a spec, weights in any of their forms, a picture."""


def target(asked: Path | None, name: str, *reads: Read, any_suffix: bool = False) -> Path:
    """The file to write: the one of -o, else that name in exports/; its folder is made. Raises InputError."""
    path = EXPORTS / name if asked is None else asked
    require_writable(path, () if any_suffix else (Path(name).suffix,), *reads)
    return path


def require_writable(path: Path | None, suffixes: Collection[str], *reads: Read) -> None:
    """Makes the folder of a file to write before the work starts, so that a long run does not fail at its end.

    Raises InputError for a folder in the file's place, for a name that promises another format than these suffixes
    (none: any), for a file that the command reads, and where nothing can be written.
    """
    if path is None:
        return
    require_other(path, *reads)
    if odd := not_a_file(path):  # a device would be replaced by a file of its name
        raise InputError(f"{path} is {odd}", expected="the name of a file to write")
    if suffixes and path.suffix.lower() not in suffixes:
        raise InputError(
            f"{path} cannot be written: its name promises another format",
            expected=f"a name in {' or '.join(suffixes)}",
            received=path.suffix or "no suffix",
        )
    require_folder(path.parent)


def require_folder(path: Path | None) -> None:
    """Makes a folder to write into, and those above it. Raises InputError where that cannot be."""
    if path is None:
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "name a file with -o" if path == EXPORTS else ""
        reason = error.strerror or str(error)
        raise InputError(f"the folder {path} cannot be made", received=reason, hint=hint) from None
    if not os.access(path, os.W_OK):
        raise InputError(f"nothing can be written into {path}", received="no permission")


def require_other(path: Path, *reads: Read) -> None:
    """Raises InputError where a command would overwrite what it reads."""
    for read in reads:
        if read and _holds(Path(str(read)).expanduser(), path):
            raise InputError(f"{path} is read by this command, which would overwrite it", hint="name another file")


def _holds(read: Path, path: Path) -> bool:
    """Whether a file is what is read, or one of the shards in its folder."""
    if same_file(read, path):
        return True
    folder = read.parent if read.name.endswith(".index.json") else read
    shard = path.suffix == ".safetensors" and is_file(path) and is_folder(folder)
    return shard and path.resolve().parent == folder.resolve()
