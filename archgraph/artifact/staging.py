"""The files of a model are staged, may be read, and take their names together, or not at all.

Export stages them, verify reads them, and `publish` is the one place where they take their names.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from archgraph.artifact.atomic_files import NewFile
from archgraph.artifact.file_kinds import is_folder, not_a_file, not_a_name
from archgraph.artifact.file_names import rejected_of, temporary_of
from archgraph.artifact.recovery import recover
from archgraph.artifact.replacement import exchange
from archgraph.errors import ExportError, no_folder


class Stage:
    """The unfinished files of one model: the model at `path`, and what will lie next to it. All raise OSError."""

    def __init__(self, path: Path):
        self.path = path
        self.folder = temporary_of(path)
        self._open = ExitStack()
        self._files: dict[str, NewFile] = {}

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *ended: object) -> None:
        self._open.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new(self, path: Path, digested: bool = True) -> NewFile:
        """An unfinished file that will be at `path`, the model's own or one next to it."""
        file = self._open.enter_context(NewFile(path, digested))
        self._files[path.name] = file
        return file

    def write(self, path: Path, data: bytes) -> NewFile:
        """A file that will be at `path`, with what it holds."""
        file = self.new(path)
        file.write(data)
        file.finish()
        return file

    def readable(self) -> Path:
        """The model in a hidden folder, with the other files next to it, until it is published or the stage ends."""
        if not self.folder.is_dir():
            self.folder.mkdir(mode=0o700)
        for name, file in self._files.items():
            file.move(self.folder / name)
        return self.folder / self.path.name

    def publish(self) -> None:
        """All files take their names, the model last: it speaks of the others."""
        others = [file for name, file in self._files.items() if name != self.path.name]
        with exchange(self.path, [file.path for file in others]):
            for file in (*others, self._files[self.path.name]):
                file.publish()

    def reject(self) -> Path:
        """The files are kept for a look in a folder next to where they would have been, in the place of those that were
        rejected before."""
        kept = rejected_of(self.path)
        self.readable()
        shutil.rmtree(kept, ignore_errors=True)
        self.folder.rename(kept)
        return kept


@contextmanager
def staged(path: Path) -> Iterator[Stage]:
    """A stage for a model at `path`, after what killed exports left there is put in order. Raises ExportError."""
    require_name(path)
    try:
        recover(path)
        with Stage(path) as stage:
            yield stage
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}", hint=no_folder(path)) from None
    except ExportError as error:  # it may speak of the stage
        shown = (
            replace(one, message=one.message.replace(str(stage.folder), str(path.parent))) for one in error.problems
        )
        raise type(error)(*shown) from None


def require_name(path: Path) -> None:
    """Raises ExportError for a folder in the place of a file, and for a name that cannot stand in a file."""
    if path.name in ("", "..") or is_folder(path):
        raise ExportError(f"{path} cannot be written: it is a folder", hint=f"name a file: {path / 'model.onnx'}")
    if odd := not_a_file(path):
        raise ExportError(f"{path} cannot be written: it is {odd}", hint="name a file: model.onnx")
    if reason := not_a_name(path):
        raise ExportError(f"{str(path)!r} cannot be written: {reason}", hint="name another file")
