"""Files appear whole or not at all: written beside the place they go to, then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from archgraph.artifact.file_kinds import not_a_file
from archgraph.errors import RunError, no_folder


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` when the block ends well. Raises RunError where it cannot.

    What is no file, such as a device, is left alone.
    """
    target = Path(path)
    if odd := not_a_file(target):
        raise RunError(f"{target} cannot be written", expected="the name of a file", received=odd)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        Path(name).unlink(missing_ok=True)


def _umask() -> int:
    """The permissions that this process withholds from new files; they can only be read by setting them."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _unwritable(target: Path, error: OSError) -> RunError:
    return RunError(f"{target} cannot be written", received=error.strerror or str(error), hint=no_folder(target))
