"""The quantised file, its certificate and its time branch: all appear whole, or what was there stays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.artifact.atomic_files import NewFile
from archgraph.artifact.digests import file_digest
from archgraph.artifact.file_names import certificate_of, time_branch_of
from archgraph.artifact.staging import Stage, staged
from archgraph.quantize.source_file import FloatFile
from archgraph.quantize.time_branch import branch_as_part_of, refer
from archgraph.verify.certificate import certificate_data

if TYPE_CHECKING:
    from archgraph.quantize.report import QuantizeReport


@dataclass(frozen=True, slots=True)
class Quantised:
    """The written files: the digest of the model, the bytes of all but the certificate, and the time branch."""

    sha256: str
    size: int
    time_branch: Path | None = None


def write_quantised(model: Any, source: FloatFile, path: Path, report: QuantizeReport) -> Quantised:
    """Writes all of it, the model last. Raises ExportError where that cannot be, and then what was there stays."""
    with staged(path) as stage:
        branch = _branch(stage, source)
        if branch is not None:
            refer(model, branch.path.name, branch.sha256)
        main = stage.write(path, model.SerializeToString(deterministic=True))
        stage.write(certificate_of(path), certificate_data(_certificate(source.path, main, branch, report)))
        stage.publish()
    size = main.size + (branch.size if branch else 0)
    return Quantised(main.sha256, size, branch.path if branch else None)


def _branch(stage: Stage, source: FloatFile) -> NewFile | None:
    """The time branch of the float32 file, where it has one, as that of the int8 file."""
    if source.branch is None:
        return None
    data = branch_as_part_of(source.branch.path, source.branch.entry.sha256, stage.path.name)
    return stage.write(time_branch_of(stage.path), data)


def _certificate(source: Path, main: NewFile, branch: NewFile | None, report: QuantizeReport) -> dict[str, Any]:
    """The measurements as a certificate. Rounding changes what a network computes, so none of it claims equality."""
    return {
        "certificate": 1,
        "file": main.path.name,
        "sha256": main.sha256,
        **({"time_branch": {branch.path.name: branch.sha256}} if branch else {}),
        "equal": False,
        "quantized": report.facts(),
        "float32": _certificate_of(source),
    }


def _certificate_of(source: Path) -> dict[str, Any] | None:
    """The certificate of the float32 file, where its digest is still that of the file."""
    try:
        stored = json.loads(certificate_of(source).read_text(encoding="utf-8"))
        same = stored["sha256"] == file_digest(source)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stored if same else None
