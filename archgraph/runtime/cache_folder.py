"""A folder of what can be made again: private, bounded, whole entries only, safe among processes.

An entry is a folder under its key. It is made under another name and renamed, so that it is there whole or not at all;
it is taken away by a rename too. What is used longest ago goes first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from archgraph.errors import RunError

PLACE, LIMIT = "ARCHGRAPH_CACHE", "ARCHGRAPH_CACHE_MB"
OFF = ("off", "0", "no", "false")
MEGABYTES = 2048
DRAFT, GONE = ".draft-", ".gone-"
ABANDONED = 3600.0  # seconds after which a draft is one that nobody finishes


@dataclass(frozen=True, slots=True)
class CacheFolder:
    """The entries, and how many bytes they may have together."""

    root: Path
    limit: int

    def entry(self, key: str) -> Path | None:
        """The folder of an entry that is there and ours, marked as used now."""
        path = self.root / key
        if not is_private_folder(path):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return path

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """A temporary folder to fill, which is removed unless it becomes an entry. Raises OSError."""
        path = Path(tempfile.mkdtemp(prefix=f"{DRAFT}{os.getpid()}-", dir=self.root))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def keep(self, draft: Path, key: str) -> None:
        """Makes a draft the entry of a key. Where another process was first, the two are equal, and its own stays."""
        with contextlib.suppress(OSError):
            draft.rename(self.root / key)
        self.shrink()

    def discard(self, key: str) -> None:
        """Removes an entry. A link is removed itself, and its target stays."""
        path = self.root / key
        gone = self.root / f"{GONE}{os.getpid()}-{time.monotonic_ns()}"
        with contextlib.suppress(OSError):
            path.rename(gone)
            if gone.is_dir() and not gone.is_symlink():
                shutil.rmtree(gone, ignore_errors=True)
            else:
                gone.unlink()

    def shrink(self) -> None:
        """Removes the entries that were used longest ago until the others keep to the limit, and abandoned drafts."""
        entries, total = [], 0
        for path in self.root.iterdir():
            with contextlib.suppress(OSError):
                used = path.lstat().st_mtime
                if path.name.startswith((DRAFT, GONE)):
                    if time.time() - used > ABANDONED or not _is_worked_on(path.name):
                        self.discard(path.name)
                elif is_private_folder(path):
                    size = _size(path)
                    entries.append((used, size, path.name))
                    total += size
        for _, size, name in sorted(entries):
            if total <= self.limit:
                return
            self.discard(name)
            total -= size


def cache_folder(kind: str, environment: Mapping[str, str] = os.environ) -> CacheFolder | None:
    """The cache of a kind of things; None where it is switched off, or where no private folder can be had.

    Raises RunError for a limit that is no number.
    """
    base = _base(environment)
    if base is None:
        return None
    limit = _limit(environment)
    root = base / kind
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return CacheFolder(root, limit) if is_private_folder(root) and os.access(root, os.W_OK) else None


def is_private_folder(path: Path) -> bool:
    """Whether it is a folder, no link, of this user, that nobody else may write to."""
    return _is_private(path, stat.S_ISDIR)


def is_private_file(path: Path) -> bool:
    """Whether it is a plain file, no link, of this user, that nobody else may write to."""
    return _is_private(path, stat.S_ISREG)


def _is_private(path: Path, is_kind: Callable[[int], bool]) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    mine = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o022)
    return is_kind(found.st_mode) and mine


def _base(environment: Mapping[str, str]) -> Path | None:
    if chosen := environment.get(PLACE, ""):
        return None if chosen.lower() in OFF else Path(chosen).expanduser().absolute()
    home = _platform_folder(environment)
    return None if home is None else home / "archgraph"


def _platform_folder(environment: Mapping[str, str]) -> Path | None:
    """Where this platform keeps what can be made again."""
    if sys.platform == "win32":
        local = environment.get("LOCALAPPDATA", "")
        return Path(local) if local else None
    xdg = Path(environment.get("XDG_CACHE_HOME", ""))
    if xdg.is_absolute():  # the standard has relative ones ignored
        return xdg
    try:
        return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    except RuntimeError:  # a user without a home
        return None


def _limit(environment: Mapping[str, str]) -> int:
    text = environment.get(LIMIT, "") or str(MEGABYTES)
    if not text.isascii() or not text.isdigit():
        raise RunError(f"{LIMIT} is a number of megabytes", expected="such as 2048", received=text)
    return int(text) << 20


def _is_worked_on(name: str) -> bool:
    """Whether the process that a draft is named after may still live."""
    number = name.split("-")[1]
    if os.name != "posix" or not number.isdigit():  # elsewhere asking would be a signal
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.iterdir())
