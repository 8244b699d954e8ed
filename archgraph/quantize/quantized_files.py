"""The quantised file, its certificate and its time branch: all appear whole, or what was there stays."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.artifact.atomic_files import NewFile
from archgraph.artifact.recovery import certificate_of, recover
from archgraph.artifact.replacement import time_branch_of
from archgraph.errors import ExportError, no_folder
from archgraph.export.serialization.streaming import Ready, publish
from archgraph.quantize.source_file import FloatFile
from archgraph.quantize.time_branch import branch_as_part_of, refer

if TYPE_CHECKING:
    from archgraph.quantize.report import QuantizeReport


@dataclass(frozen=True, slots=True)
class Quantised:
    """What was written: the digest of the model, the bytes of all but the certificate, and the time branch."""

    sha256: str
    size: int
    time_branch: Path | None = None


def write_quantised(model: Any, source: FloatFile, path: Path, report: QuantizeReport) -> Quantised:
    """Writes all of it, the model last. Raises ExportError where that cannot be, and then what was there stays."""
    try:
        recover(path)
        with ExitStack() as files:
            beside = _branch(files, source, path)
            if beside is not None:
                refer(model, beside.path.name, beside.sha256)
            main = _written(files, path, model.SerializeToString(deterministic=True))
            text = json.dumps(_certificate(source.path, main, beside, report), indent=2, ensure_ascii=False) + "\n"
            certificate = _written(files, certificate_of(path), text.encode())
            publish([Ready(file) for file in (certificate, beside, main) if file is not None])
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}", hint=no_folder(path)) from None
    size = main.size + (beside.size if beside else 0)
    return Quantised(main.sha256, size, beside.path if beside else None)


def _written(files: ExitStack, path: Path, data: bytes) -> NewFile:
    """A file that is on the disk, and has no name yet."""
    file = files.enter_context(NewFile(path))
    file.write(data)
    file.finish()
    return file


def _branch(files: ExitStack, source: FloatFile, path: Path) -> NewFile | None:
    """The time branch of the float32 file, where it has one, as that of the int8 file."""
    if source.branch is None:
        return None
    data = branch_as_part_of(source.branch.path, source.branch.entry.sha256, path.name)
    return _written(files, time_branch_of(path), data)


def _certificate(source: Path, main: NewFile, beside: NewFile | None, report: QuantizeReport) -> dict[str, Any]:
    """What was measured. Rounding changes what a network computes, so it says nowhere that the two are equal."""
    return {
        "certificate": 1,
        "file": main.path.name,
        "sha256": main.sha256,
        **({"time_branch": {beside.path.name: beside.sha256}} if beside else {}),
        "equal": False,
        "quantized": report.facts(),
        "float32": _certificate_of(source),
    }


def _certificate_of(source: Path) -> dict[str, Any] | None:
    """What was shown about the float32 file, where it is still that file."""
    try:
        stored = json.loads(certificate_of(source).read_text(encoding="utf-8"))
        same = stored["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stored if same else None
