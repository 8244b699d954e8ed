"""The time branch of a float32 file: it stays as it is, and goes along with the int8 file under that one's name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archgraph.artifact.digests import bytes_digest
from archgraph.artifact.metadata_check import entries_of
from archgraph.artifact.metadata_keys import TIME_BRANCH, TIME_BRANCH_OF
from archgraph.errors import ModelFileError, Problem


def branch_as_part_of(branch: Path, sha256: str, main: str) -> bytes:
    """The bytes of a branch as those of another main file's: only its note of whose it is becomes another one.

    Raises ModelFileError where the branch has changed since its digest was taken, or has no such note; OSError.
    """
    data = branch.read_bytes()
    if bytes_digest(data) != sha256:
        raise ModelFileError(f"{branch} has changed while its main file was quantised")
    owner = _main_file_of(data)
    note = None if owner is None else _note(owner)
    if note is None or note not in data:
        raise ModelFileError(f"{branch} does not say whose time branch it is", hint="export the two files again")
    return data.replace(note, _note(main), 1)


def _main_file_of(data: bytes) -> str | None:
    """The main file that a branch names."""
    import onnx

    return entries_of(onnx.load_from_string(data)).get(TIME_BRANCH_OF.key)


def _note(main: str) -> bytes:
    """The note as it stands in a file."""
    import onnx

    entry = onnx.StringStringEntryProto(key=TIME_BRANCH_OF.key, value=main)
    return bytes(onnx.ModelProto(metadata_props=[entry]).SerializeToString())


def refer(model: Any, file: str, sha256: str) -> None:
    """Makes a main model name another file as its time branch."""
    for entry in model.metadata_props:
        if entry.key == TIME_BRANCH.key:
            entry.value = TIME_BRANCH.write({**json.loads(entry.value), "file": file, "sha256": sha256})


def branch_differences(exact: Any, found: Any) -> Iterator[Problem]:
    """All in a time branch that is not the network's. Nothing of it is rounded, so that it must be equal."""
    wanted, stored = ({item.name: item for item in model.graph.initializer} for model in (exact, found))
    for name in {**wanted, **stored}:
        if name not in stored or name not in wanted or _bytes(wanted[name]) != _bytes(stored[name]):
            yield Problem(f"the weight '{name}' of the time branch is not the network's")
    for part in ("node", "input", "output"):
        if list(map(_bytes, getattr(exact.graph, part))) != list(map(_bytes, getattr(found.graph, part))):
            yield Problem(f"the {part}s of the time branch are not the network's")


def _bytes(message: Any) -> bytes:
    return bytes(message.SerializeToString(deterministic=True))
