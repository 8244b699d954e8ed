"""The digest of a file, computed once, and anew where the file may have changed since."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from archgraph.artifact.atomic_files import write_whole
from archgraph.artifact.digests import bytes_digest, file_digest
from archgraph.runtime.cache_folder import CacheFolder, is_private_file

# `location` in a tensor's external_data, as protobuf writes it: the key, and then the length of a name below 128 bytes.
PLACE = re.compile(rb"\x0a\x08location(?:\x12([\x01-\x7f]))?", re.DOTALL)
SETTLED = 2_000_000_000  # nanoseconds within which a second change may bear the same time
MOST = 1000  # files that are remembered

Identity = list[int]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The SHA-256 of a file, and the names of its external data files; None where they are not clear."""

    digest: str
    places: tuple[str, ...] | None = ()


def identity(path: Path) -> Identity:
    """The identity of a file: its inode, its size and its times. Raises OSError."""
    found = path.stat()
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def fingerprint(path: Path, memory: CacheFolder | None) -> Fingerprint:
    """The fingerprint of a file, remembered for as long as its identity stays the same. Raises OSError."""
    place = None if memory is None else memory.root / f"{_name(path)}.json"
    before = identity(path)
    if place is not None and (known := _remembered(place, before)):
        return known
    begun = time.time_ns()
    found = _read_fingerprint(path)
    if place is not None and identity(path) == before and begun - max(before[3:]) > SETTLED:
        with contextlib.suppress(OSError):
            _remember(place, before, found)
    return found


def _read_fingerprint(path: Path) -> Fingerprint:
    if not path.stat().st_size:  # nothing that could be mapped
        return Fingerprint(file_digest(path))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = [(match.end(), match[1]) for match in PLACE.finditer(content)]
        named = {content[end : end + length[0]] for end, length in found if length}
        clear = all(length for _, length in found)
        places = tuple(sorted(map(os.fsdecode, named))) if clear else None
        return Fingerprint(bytes_digest(content), places)


def _name(path: Path) -> str:
    return bytes_digest(os.fsencode(path.absolute()))


def _remembered(place: Path, now: Identity) -> Fingerprint | None:
    if not is_private_file(place):
        return None
    try:
        record = json.loads(place.read_text(encoding="utf-8"))
        places = None if record["places"] is None else tuple(map(str, record["places"]))
        return Fingerprint(str(record["digest"]), places) if record["identity"] == now else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(place: Path, identity: Identity, found: Fingerprint) -> None:
    text = json.dumps({"identity": identity, "digest": found.digest, "places": found.places})
    write_whole(place, text.encode(), 0o600)
    _forget_oldest(place.parent)


def _forget_oldest(folder: Path) -> None:
    """Keeps what was remembered last."""
    files = sorted(folder.glob("*.json"), key=lambda path: path.lstat().st_mtime)
    for path in files[:-MOST]:
        path.unlink(missing_ok=True)
