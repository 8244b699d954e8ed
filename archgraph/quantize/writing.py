"""The quantised file and its certificate: both appear whole, or what was there stays."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.errors import ExportError, RunError
from archgraph.runtime.writing import replacing

if TYPE_CHECKING:
    from archgraph.quantize.report import QuantizeReport

SUFFIX = ".certificate.json"


def write_quantised(model: Any, source: Path, path: Path, report: QuantizeReport) -> str:
    """Writes both and returns the digest of the model. Raises ExportError where they cannot be written."""
    data = model.SerializeToString(deterministic=True)
    found = hashlib.sha256(data).hexdigest()
    text = json.dumps(_certificate(source, path, found, report), indent=2, ensure_ascii=False) + "\n"
    try:
        with replacing(path) as file, replacing(path.with_name(path.name + SUFFIX)) as beside:
            file.write(data)
            beside.write(text.encode())
    except RunError as error:
        raise ExportError(*error.problems) from None
    return found


def _certificate(source: Path, path: Path, found: str, report: QuantizeReport) -> dict[str, Any]:
    """What was measured. Rounding changes what a network computes, so it says nowhere that the two are equal."""
    return {
        "certificate": 1,
        "file": path.name,
        "sha256": found,
        "equal": False,
        "quantized": report.facts(),
        "float32": _certificate_of(source),
    }


def _certificate_of(source: Path) -> dict[str, Any] | None:
    """What was shown about the float32 file, where it is still that file."""
    try:
        stored = json.loads(source.with_name(source.name + SUFFIX).read_text(encoding="utf-8"))
        same = stored["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stored if same else None
