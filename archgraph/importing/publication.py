"""The files of an import take their names together: the spec, its certificate, and the module's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from archgraph.artifact.file_names import certificate_of, temporary_of
from archgraph.artifact.replacement import set_aside
from archgraph.artifact.staging import staged
from archgraph.importing.api import Imported
from archgraph.importing.certificate import certificate, certificate_text, family_certificate
from archgraph.importing.family import ImportedFamily
from archgraph.verify.shape_check import save_weights


def publish(found: Imported, path: Path, text: str, weights: Path | None = None) -> None:
    """Writes the spec, the certificate where it was proved, and the weights where a file for them is named.

    All are written before the first takes its name; where something fails, what was there comes back. The certificate
    of an older spec goes where this one was not proved. Raises ExportError, WeightsError.
    """
    with staged(path) as stage, _finished(found, weights) as data:
        stage.write(path, text.encode())
        if found.parity is not None:
            name = weights.name if weights is not None else ""
            facts = certificate(found, path.name, text, data, name)
            stage.write(certificate_of(path), certificate_text(facts).encode())
        with set_aside(weights) if weights is not None else nullcontext():
            if data is not None and weights is not None:
                data.replace(weights)
            stage.publish()


def publish_family(found: ImportedFamily, path: Path, text: str) -> None:
    """Writes the spec of a family, and the certificate where every preset was proved. Raises ExportError."""
    with staged(path) as stage:
        stage.write(path, text.encode())
        if found.proved:
            facts = family_certificate(found, path.name, text)
            stage.write(certificate_of(path), certificate_text(facts).encode())
        stage.publish()


@contextmanager
def _finished(found: Imported, weights: Path | None) -> Iterator[Path | None]:
    """The file of weights under a hidden name, next to its place."""
    if weights is None:
        yield None
        return
    data = temporary_of(weights)
    try:
        save_weights(found.module, data)
        yield data
    finally:
        data.unlink(missing_ok=True)
