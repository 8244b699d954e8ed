"""A file takes its name only when it was shown to be right: until then what was there before stays as it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from archgraph.artifact.file_kinds import not_a_file
from archgraph.artifact.recovery import recover, temporary_name
from archgraph.artifact.replacement import exchange
from archgraph.errors import ExportError, no_folder

REJECTED = ".rejected"


def require_name(path: Path) -> None:
    """Raises ExportError for a folder in the place of a file, and for a name that cannot stand in a file."""
    if path.name in ("", "..") or path.is_dir():
        raise ExportError(f"{path} cannot be written: it is a folder", hint=f"name a file: {path / 'model.onnx'}")
    if odd := not_a_file(path):
        raise ExportError(f"{path} cannot be written: it is {odd}", hint="name a file: model.onnx")
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise ExportError(f"{path.name!r} cannot be written: it is no text in UTF-8", hint="rename it") from None


@contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """A place for a file of that name, in a folder beside it that is gone afterwards. Raises ExportError."""
    require_name(path)
    try:
        recover(path)
        folder = path.with_name(temporary_name(path))
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise _unwritten(path, error) from None
    try:
        yield folder / path.name
    except ExportError as error:  # it speaks of the draft
        told = (replace(one, message=one.message.replace(str(folder), str(path.parent))) for one in error.problems)
        raise type(error)(*told) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(draft: Path, path: Path) -> None:
    """The file and all that lies beside it take their names, the file last: its certificate and, of some models, its
    weights or its time branch. Raises ExportError."""
    beside = sorted(item.name for item in draft.parent.iterdir() if item != draft)
    try:
        with exchange(path, [path.with_name(name) for name in beside]):
            for name in (*beside, path.name):
                os.replace(draft.with_name(name), path.with_name(name))  # noqa: PTH105
    except OSError as error:
        raise _unwritten(path, error) from None


def reject(draft: Path, path: Path) -> Path:
    """What was made is kept for a look in a folder beside, in the place of what was rejected before."""
    kept = path.with_name(path.name + REJECTED)
    try:
        shutil.rmtree(kept, ignore_errors=True)
        draft.parent.rename(kept)
    except OSError as error:
        raise _unwritten(kept, error) from None
    return kept


def _unwritten(path: Path, error: OSError) -> ExportError:
    return ExportError(f"{path} cannot be written: {error.strerror or error}", hint=no_folder(path))
