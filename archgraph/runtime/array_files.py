"""Arrays in and out: `.npz` and `.npy`, without pickles."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.atomic_files import replacing
from archgraph.artifact.file_kinds import not_a_file
from archgraph.errors import InputError

MOST_BYTES = 8 << 30


def load_arrays(path: str | os.PathLike[str]) -> dict[str, Array]:
    """The arrays in a `.npz` file by name; that of a `.npy` file under the file's stem. Raises InputError."""
    source = Path(path)
    if odd := not_a_file(source):
        raise InputError(f"{source} cannot be read", expected="a file, .npz or .npy", received=odd)
    try:
        with source.open("rb") as file:
            _check_bytes(source)
            loaded: Any = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {source.stem: loaded}
            return {name: _array(loaded, name) for name in loaded.files}
    except InputError:
        raise
    except Exception as error:  # numpy's reader of damaged files fails in any way: tokenize.TokenError, EOFError …
        reason = getattr(error, "strerror", None) or str(error)
        hint = "pickled objects are refused: save plain arrays with numpy.savez" if "ickle" in reason else ""
        raise InputError(f"{source} cannot be read", expected=".npz or .npy", received=reason, hint=hint) from error


def _array(archive: Any, name: str) -> Array:
    """One entry, which numpy hands out as bytes where it does not begin as an array does."""
    entry = archive[name]
    if not isinstance(entry, np.ndarray):
        raise ValueError(f"'{name}' in it is not an array")
    return entry


def _check_bytes(source: Path) -> None:
    """Refuses an archive that unpacks to more than memory should hold, before anything of it is unpacked."""
    if not zipfile.is_zipfile(source):
        return
    with zipfile.ZipFile(source) as archive:
        total = sum(entry.file_size for entry in archive.infolist())
    if total > MOST_BYTES:
        raise InputError(
            f"{source} unpacks to too much", expected=f"at most {MOST_BYTES:,} bytes", received=f"{total:,} bytes"
        )


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Writes arrays as `.npz`; the same arrays give the same bytes. Raises RunError."""
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)
