"""What an export that was killed leaves, and how it leaves as little as the system allows.

A file without a name (Linux, most file systems) vanishes with the process that writes it. Everything else that is not
finished bears the number of its process and of its machine, so that the next export of the same file can tell what
nobody works on any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = re.compile(r"\.(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}\.tmp")
CERTIFICATE = ".certificate.json"
BESIDE = ("{name}.data", "{stem}.time.onnx", "{stem}.time.onnx.data", "{name}" + CERTIFICATE)
"""What lies beside a model."""


def temporary_name(path: Path) -> str:
    """A hidden name beside a file, for what becomes that file."""
    return f".{path.name}.{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.tmp"


def _machine() -> str:
    """Numbers of processes mean something on their own machine, or in their own container, only."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def nameless(folder: Path) -> int | None:
    """A handle on a new file without a name in that folder; None where the system has none."""
    kind = getattr(os, "O_TMPFILE", None)
    if kind is None or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, kind | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except OSError:  # no such folder, or a file system without: opening a named file tells which
        return None


def give_name(handle: int, path: Path) -> None:
    """Names a file that has none. Raises OSError."""
    os.link(f"/proc/self/fd/{handle}", path, src_dir_fd=handle)  # with a handle, Python follows the link in /proc


def aside_of(path: Path) -> Path:
    """Where a file is while another one takes its name."""
    return path.with_name(f".{path.name}.aside")


def absent_of(path: Path) -> Path:
    """What says, while a file takes a name, that no file had it before."""
    return path.with_name(f".{path.name}.absent")


def certificate_of(path: Path) -> Path:
    """Where the certificate of a model lies."""
    return path.with_name(path.name + CERTIFICATE)


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
    beside = [path.with_name(name.format(name=path.name, stem=path.stem)) for name in BESIDE]
    if path.exists():
        _end_certificate(path)
        for file in (*beside, path):
            aside_of(file).unlink(missing_ok=True)
            absent_of(file).unlink(missing_ok=True)
    else:
        for file in (*beside, path):  # the model last, as ever
            _bring_back(file)


def _bring_back(file: Path) -> None:
    """What had this name before an exchange has it again: a file, or nothing."""
    if absent_of(file).exists():
        file.unlink(missing_ok=True)
        absent_of(file).unlink()
    elif aside_of(file).exists():
        aside_of(file).replace(file)


def _end_certificate(path: Path) -> None:
    """The certificate that goes with a model whose exchange has one aside: the new one where it speaks of the model,
    else the old one. Where there is no new one, an old one that speaks of another model goes."""
    new, old = certificate_of(path), aside_of(certificate_of(path))
    if not (old.exists() or absent_of(new).exists()) or _speaks_of(new, path):
        return
    if new.exists() or _speaks_of(old, path):
        _bring_back(new)


def _speaks_of(certificate: Path, path: Path) -> bool:
    """Whether a certificate holds the digest of a model."""
    try:
        said = json.loads(certificate.read_text(encoding="utf-8"))["sha256"]
        with path.open("rb") as file:
            return bool(said == hashlib.file_digest(file, "sha256").hexdigest())
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _strays(path: Path) -> Iterator[Path]:
    """Unfinished files and drafts of this file, and of what lies beside it, whose process is dead."""
    names = [path.name, *(name.format(name=path.name, stem=path.stem) for name in BESIDE)]
    for name in names:
        for found in path.parent.glob(f".{_literal(name)}.*.tmp"):
            match = TEMPORARY.fullmatch(found.name.removeprefix(f".{name}"))
            if match and match["machine"] == _machine() and not _lives(int(match["process"])):
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
