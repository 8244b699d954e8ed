"""The files of a model take their names as one: the older version is there, or the new one, whatever happens."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from archgraph.artifact.atomic_files import sync_folder
from archgraph.artifact.file_kinds import is_time_branch
from archgraph.artifact.file_names import absent_of, aside_of, certificate_of, data_of, time_branch_of
from archgraph.artifact.recovery import exchanging
from archgraph.errors import ExportError


@contextmanager
def exchange(main: Path, companions: Iterable[Path]) -> Iterator[None]:
    """While it is entered, the new files take their names, the `companions` first and the model last.

    Until then the older version is aside, its time branch and its certificate too: all of it comes back where the block
    fails or the process dies, and else it goes. Of a model whose only companion is a certificate, only that one is
    aside, so that there is a model at any moment. Raises OSError, and ExportError where another file has the name of
    the time branch.
    """
    certificate, names = certificate_of(main), list(companions)
    if time_branch_of(main) in names:
        require_own_branch(main)
    with exchanging(main.parent), ExitStack() as files:
        others = [name for name in dict.fromkeys((*names, *_old_branch(main))) if name != certificate]
        certified = certificate in names or certificate.exists()
        for name in (*([main, *others] if others else []), *([certificate] if certified else [])):
            files.enter_context(set_aside(name))
        yield
        sync_folder(main.parent)


@contextmanager
def set_aside(path: Path) -> Iterator[None]:
    """While two files are exchanged, the old ones are away, so that a model never meets the data of another version.

    They come back where the block fails; where there was none, which an empty file says until the end, there is none
    then too; what a process that dies in between leaves, `recovery.recover` puts in order.
    """
    aside, absent = aside_of(path), absent_of(path)
    if path.is_dir():  # somebody's folder is no older version
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    moved = path.exists()
    if moved:
        os.replace(path, aside)  # noqa: PTH105
    else:
        absent.touch()
    try:
        yield
    except BaseException:
        if moved:
            os.replace(aside, path)  # noqa: PTH105
        else:
            path.unlink(missing_ok=True)
            absent.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # the new ones are there: that an old one stays is no reason to bring it back
        (aside if moved else absent).unlink()


def require_own_branch(main: Path) -> None:
    """Raises ExportError where the time branch of a file would take the place of another file, such as that of
    `NAME.bin` next to `NAME.onnx`."""
    branch = time_branch_of(main)
    if branch.exists() and not is_time_branch(branch, main.name):
        raise ExportError(
            f"{main} cannot be written: {branch.name}, which is there, is not its time branch",
            expected=f"no {branch.name}, or that of an older {main.name}",
            hint="name another file",
        )


def _old_branch(main: Path) -> list[Path]:
    """The files of the time branch of an older version of this file, where there is one."""
    branch = time_branch_of(main)
    if not is_time_branch(branch, main.name):
        return []
    return [file for file in (branch, data_of(branch)) if file.is_file()]
