"""What an export that was killed leaves, and how it leaves as little as the system allows.

A file without a name (Linux, most file systems) vanishes with the process that writes it. Everything else that is not
finished bears the number of its process and of its machine, so that the next export of the same file can tell what
nobody works on any more.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from archgraph.artifact.digests import file_digest
from archgraph.artifact.file_kinds import is_time_branch
from archgraph.artifact.file_names import (
    TEMPORARY,
    absent_of,
    aside_of,
    certificate_of,
    companions_of,
    data_of,
    this_machine,
    time_branch_of,
)


@contextlib.contextmanager
def exchanging(folder: Path) -> Iterator[None]:
    """While files of a folder are exchanged, no other process that asks does so; where the system has no such locks,
    as on Windows and some networks, all go on.

    The lock is on the folder itself: no file of it remains, and it ends with the process.
    """
    with contextlib.ExitStack() as opened:
        with contextlib.suppress(ImportError, OSError):
            import fcntl  # Windows has none

            handle = os.open(folder, os.O_RDONLY)
            opened.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def recover(path: Path) -> None:
    """Puts in order what killed exports of this file left: the old version comes back whole, or goes.

    A model takes its name last. So where it is there, its exchange was finished, and what was set aside is old; where
    it is not, all that was set aside belongs together, unless an exchange is under way, which is waited for. Of a model
    that was replaced at once, its certificate tells which of the two it is. Raises OSError.
    """
    with exchanging(path.parent):
        _put_in_order(path)


def _put_in_order(path: Path) -> None:
    for stray in _strays(path):
        shutil.rmtree(stray) if stray.is_dir() else stray.unlink(missing_ok=True)
    companions = _own(path)
    if path.exists():
        _end_certificate(path)
        for file in (*companions, path):
            aside_of(file).unlink(missing_ok=True)
            absent_of(file).unlink(missing_ok=True)
    else:
        for file in (*companions, path):  # the model last, as ever
            _bring_back(file)


def _own(path: Path) -> tuple[Path, ...]:
    """The files that an exchange of this model may have set aside: another model may have the name of its time branch,
    and what is aside of that one is not ours."""
    branch = time_branch_of(path)
    ours = any(is_time_branch(file, path.name) for file in (branch, aside_of(branch)))
    theirs = (branch.exists() or aside_of(branch).exists()) and not ours
    return tuple(file for file in companions_of(path) if not (theirs and file in (branch, data_of(branch))))


def _bring_back(file: Path) -> None:
    """Restores what had this name before an exchange: a file, or nothing."""
    if absent_of(file).exists():
        file.unlink(missing_ok=True)
        absent_of(file).unlink()
    elif aside_of(file).exists():
        aside_of(file).replace(file)


def _end_certificate(path: Path) -> None:
    """The certificate that goes with a model whose exchange has one aside: the new one where it holds the digest of the
    model, else the old one. Where there is no new one, an old one of another model goes."""
    new, old = certificate_of(path), aside_of(certificate_of(path))
    if not (old.exists() or absent_of(new).exists()) or _matches(new, path):
        return
    if new.exists() or _matches(old, path):
        _bring_back(new)


def _matches(certificate: Path, path: Path) -> bool:
    """Whether a certificate holds the digest of a model."""
    try:
        stated = json.loads(certificate.read_text(encoding="utf-8"))["sha256"]
        return bool(stated == file_digest(path))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _strays(path: Path) -> Iterator[Path]:
    """Unfinished files and stages of this model, and of the files next to it, whose process is dead."""
    for name in (path.name, *(file.name for file in companions_of(path))):
        for found in path.parent.glob(f".{_literal(name)}.*.tmp"):
            match = TEMPORARY.fullmatch(found.name.removeprefix(f".{name}"))
            if match and match["machine"] == this_machine() and not _lives(int(match["process"])):
                yield found


def _literal(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _lives(process: int) -> bool:
    if os.name == "nt":  # there, asking would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is someone else's
        return True
    return True
