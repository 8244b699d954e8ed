"""What a file is, by its first bytes: so that swapped arguments are recognised, and nobody waits for a pipe."""

from __future__ import annotations

import stat
from pathlib import Path

from archgraph.errors import nearest

ONNX = "an ONNX file"
SAFETENSORS = "a safetensors file"
SPEC = "a spec"
PICTURE = "a picture"
QUANTISED = "a file of quantised weights"
SPEC_SUFFIXES = (".yaml", ".yml", ".json")

_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n", f"{PICTURE} (PNG)"),
    (b"\xff\xd8\xff", f"{PICTURE} (JPEG)"),
    (b"GIF8", f"{PICTURE} (GIF)"),
    (b"II*\0", f"{PICTURE} (TIFF)"),
    (b"MM\0*", f"{PICTURE} (TIFF)"),
    (b"<svg", f"{PICTURE} (SVG)"),
    (b"<?xml", f"{PICTURE} (SVG), or other XML"),
    (b"\x93NUMPY", "a NumPy file (.npy)"),
    (b"\x80\x02", "a pickle"),
    (b"\x80\x04", "a pickle"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"%PDF", "a PDF"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"GGUF", f"{QUANTISED} (GGUF)"),
    (b"tjgg", f"{QUANTISED} (GGML)"),
    (b"fmgg", f"{QUANTISED} (GGML)"),
    (b"lmgg", f"{QUANTISED} (GGML)"),
)
_LARGEST_HEADER = 100_000_000
_NEWEST_IR = 32
_METADATA = 1 << 16
"""The metadata of an exported file lie within so many bytes of its start."""


FileState = tuple[int, int, int]


def file_state(path: Path | str) -> FileState | None:
    """What a change of the file changes; None where it is not there."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def is_file(path: Path) -> bool:
    """Whether there is such a file; a path that no file can have, such as one too long, is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; a path that no folder can have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def same_file(a: Path, b: Path) -> bool:
    """Whether both are there and are one file: under one name, another spelling of it, or a link."""
    try:
        return a.samefile(b)
    except (OSError, ValueError):
        return False


def is_time_branch(path: Path, main: str) -> bool:
    """Whether the metadata of a file, at its beginning, name it the time branch of the other one."""
    from archgraph.artifact.metadata_keys import TIME_BRANCH_OF  # who reads a spec has no need of it

    if not is_file(path):
        return False
    with path.open("rb") as file:
        start = file.read(_METADATA)
    place = start.find(TIME_BRANCH_OF.key.encode())
    return place >= 0 and main.encode() in start[place : place + len(TIME_BRANCH_OF.key) + len(main) + 16]


def not_a_name(path: Path) -> str:
    """Why no file can have this name; '' for all others."""
    if "\0" in str(path):
        return "it holds a null character"
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "it is no text in UTF-8"
    return ""


def not_a_file(path: Path) -> str:
    """What stands at a path in the place of a file, or '' for a file and for nothing: opening a pipe waits for ever."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return ""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return "" if stat.S_ISREG(mode) else kinds.get(stat.S_IFMT(mode), "a device")


def not_weights(path: Path) -> str:
    """What a file is that is known to hold no weights that could be read; '' for all others."""
    if path.suffix.lower() in (".yaml", ".yml") and is_file(path):
        return SPEC
    kind = kind_of(path)
    return kind if kind == ONNX or kind.startswith((PICTURE, QUANTISED, "a NumPy", "an HDF5")) else ""


def kind_of(path: Path) -> str:
    """`an ONNX file`, `a picture (PNG)` …; '' for text, for what is not known and for what cannot be read."""
    if not_a_file(path):
        return ""
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except (OSError, ValueError):
        return ""
    return _by_first_bytes(start, path.suffix.lower())


def _by_first_bytes(start: bytes, suffix: str) -> str:
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        return f"{PICTURE} (WebP)"
    if start[:2] == b"BM" and suffix == ".bmp":
        return f"{PICTURE} (BMP)"
    if start[:4] == b"PK\x03\x04":
        return "a NumPy file (.npz)" if suffix == ".npz" else "a zip file, such as a checkpoint of torch"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < _LARGEST_HEADER:
        return SAFETENSORS
    if len(start) > 2 and start[0] == 8 and start[1] <= _NEWEST_IR and start[2] == 0x12:  # ir_version, producer_name
        return ONNX
    return next((kind for sign, kind in _SIGNS if start.startswith(sign)), "")


def similar_file(path: Path) -> str:
    """A hint for a file that is not there: the name next to it that was likely meant, or that its folder is missing."""
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):  # ValueError: a name with a zero byte
        return f"there is no folder '{path.parent}' either"
    return nearest(path.name, names)
