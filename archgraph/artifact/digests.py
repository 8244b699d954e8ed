"""SHA-256 digests of files, bytes and texts, in hexadecimal digits."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap


def file_digest(*paths: Path) -> str:
    """The digest of a file; of several, that of their bytes one after the other. Raises OSError."""
    found = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: found)
    return found.hexdigest()


def bytes_digest(data: bytes | mmap.mmap) -> str:
    """The digest of bytes in memory."""
    return hashlib.sha256(data).hexdigest()


def text_digest(text: str) -> str:
    """The digest of a text in UTF-8."""
    return bytes_digest(text.encode())


def running_digest() -> hashlib._Hash:
    """A digest that is fed piece by piece."""
    return hashlib.sha256()
