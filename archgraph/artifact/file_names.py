"""The names of the files that lie next to a model, and of those that are not finished."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

CERTIFICATE = ".certificate.json"
TEMPORARY = re.compile(r"\.(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}\.tmp")
"""What ends the name of an unfinished file, behind a dot and the name that it will have."""


def data_of(path: Path) -> Path:
    """Where the weights of a large model lie."""
    return path.with_name(f"{path.name}.data")


def time_branch_of(path: Path) -> Path:
    """Where the time branch of a model lies: `NAME.time.onnx` next to `NAME.onnx`."""
    return path.with_suffix(".time.onnx")


def certificate_of(path: Path) -> Path:
    """Where the certificate of a model lies."""
    return path.with_name(path.name + CERTIFICATE)


def companions_of(path: Path) -> tuple[Path, ...]:
    """All files that may lie next to a model and belong to it."""
    branch = time_branch_of(path)
    return data_of(path), branch, data_of(branch), certificate_of(path)


def rejected_of(path: Path) -> Path:
    """The folder of a model that was shown to be wrong."""
    return path.with_name(f"{path.name}.rejected")


def aside_of(path: Path) -> Path:
    """Where the old file is while a new one takes its name."""
    return path.with_name(f".{path.name}.aside")


def absent_of(path: Path) -> Path:
    """The empty file that says, while a file takes a name, that no file had that name before."""
    return path.with_name(f".{path.name}.absent")


def temporary_of(path: Path) -> Path:
    """A hidden place next to a file, for what becomes that file: with the numbers of this machine and process, so that
    another process can tell what nobody works on any more."""
    return path.with_name(f".{path.name}.{this_machine()}-{os.getpid()}-{os.urandom(4).hex()}.tmp")


def this_machine() -> str:
    """Numbers of processes mean something on their own machine, or in their own container, only."""
    import platform  # it takes longer than this whole room, and only writers need it

    return f"{zlib.crc32(platform.node().encode()):08x}"
