"""Tensors written as a safetensors file, one after the other, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.atomic_files import NewFile, sync_folder
from archgraph.artifact.digests import file_digest
from archgraph.artifact.metadata_keys import WEIGHTS
from archgraph.errors import WeightsError, no_folder
from archgraph.weights.element_types import FLOATS, SAFETENSORS_NAMES, numpy_type
from archgraph.weights.safetensors_files import METADATA
from archgraph.weights.tensors import LazyTensor, Tensors, require_unchanged

_NAMES = {dtype: name for name, dtype in SAFETENSORS_NAMES.items()}
_ALIGNED = 8
_DIGITS = 64
"""Of a SHA-256 digest."""


def write_safetensors(path: Path, tensors: Tensors, sources: Iterable[Path] = ()) -> int:
    """Writes a file and gives its size; at most one tensor is in memory, and none whose bytes a file holds.

    Its metadata name the files that the tensors come from, with their digests. What was there before stays until the
    new file is whole and on the disk. Raises WeightsError where it cannot be written, and where a file that is read
    changes.
    """
    ordered = dict(sorted(tensors.items(), key=lambda item: -numpy_type(item[1].dtype).itemsize))  # so all are aligned
    paths = tuple(sources)
    try:
        origin = [_source(path, "0" * _DIGITS) for path in paths]
        with NewFile(path, digested=False) as file, ThreadPoolExecutor(1) as threads:
            digests = threads.submit(lambda: [file_digest(path) for path in paths])
            file.write(_header(ordered, origin))
            for tensor in ordered.values():
                _append(file, tensor)
            file.sync()  # the disk works while the rest of the digests is taken
            known = [{**entry, "sha256": digest} for entry, digest in zip(origin, digests.result(), strict=True)]
            file.replace_start(_header(ordered, known))
            require_unchanged(ordered.values())
            file.finish()
            file.publish()
        sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise WeightsError(f"{path} cannot be written", received=reason, hint=no_folder(path)) from None
    return file.size


def source_digests(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The names, sizes and SHA-256 digests of files. Raises OSError."""
    return [_source(path, file_digest(path)) for path in paths]


def _source(path: Path, digest: str) -> dict[str, Any]:
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": digest}


def cast(tensor: LazyTensor, dtype: str, key: str = "") -> LazyTensor:
    """A tensor of fractions in another type, rounded to the nearest; whole numbers stay. Reading it raises WeightsError
    for a number that is too large for the type."""
    if tensor.dtype == dtype or tensor.dtype not in FLOATS:
        return tensor

    def made(values: Array) -> Array:
        with np.errstate(over="ignore"):
            found = values.astype(numpy_type(dtype))
        if not _finite(found) and _finite(values):
            largest = float(np.abs(values.astype(np.float64)).max())
            raise WeightsError(f"the weight {key} does not fit into {dtype}", received=f"{largest:.6g}")
        return found

    return tensor.mapped(tensor.shape, made, dtype)


def _finite(values: Array) -> bool:
    return bool(np.isfinite(values.astype(np.float32) if values.dtype.kind == "V" else values).all())


def _append(file: NewFile, tensor: LazyTensor) -> None:
    if tensor.extent is not None:
        file.copy(tensor.extent)
    elif tensor.size:
        file.write(np.ascontiguousarray(tensor.read()).reshape(-1).view(np.uint8))


def _header(tensors: Tensors, origin: list[dict[str, Any]]) -> bytes:
    metadata = {"format": "pt", **(WEIGHTS.with_value(origin) if origin else {})}
    entries: dict[str, object] = {METADATA: metadata}
    place = 0
    for key, tensor in tensors.items():
        entries[key] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [place, place + tensor.size],
        }
        place += tensor.size
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNED)
    return len(text).to_bytes(8, "little") + text
