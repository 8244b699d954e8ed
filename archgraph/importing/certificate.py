"""The certificate of an imported spec: where it came from, what was proved, and whether the file still is that spec.

Reading one imports no torch.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph import __version__
from archgraph.artifact.digests import file_digest, text_digest
from archgraph.artifact.file_kinds import is_file
from archgraph.artifact.file_names import certificate_of
from archgraph.errors import ArchgraphError, VerificationError
from archgraph.graph.keys import weights as keys_of
from archgraph.graph.plugin_use import plugins_in
from archgraph.language.load import load
from archgraph.language.reading.document import read_text

if TYPE_CHECKING:
    from archgraph.graph.types import Graph
    from archgraph.importing.api import Imported
    from archgraph.importing.family import ImportedFamily

KIND = "import"
_AGAIN = "archgraph import SOURCE -o FILE.yaml"


def certificate(found: Imported, file: str, text: str, weights: Path | None = None, name: str = "") -> dict[str, Any]:
    """The facts of an import that was proved, as plain data: they hold no date and no folder.

    `weights` is where the module's weights lie now, `name` is the name of their file.
    """
    return {
        **_of_file(file, text),
        "equal": found.parity is not None,
        "network": found.graph.name,
        "origin": dict(found.origin),
        "versions": _versions(found),
        **_of_network(found, {"file": name, "sha256": file_digest(weights)} if weights is not None else None),
    }


def family_certificate(found: ImportedFamily, file: str, text: str) -> dict[str, Any]:
    """The facts of a family that was proved, those of each network under the name of its preset."""
    first = found.first
    sources = [str(one.origin.get("source")) for one in found.networks.values()]
    return {
        **_of_file(file, text),
        "equal": found.proved,
        "network": found.name,
        "origin": {"source": ", ".join(sources), "package": first.origin.get("package", "")},
        "versions": _versions(first),
        "presets": {word: {"origin": dict(one.origin), **_of_network(one)} for word, one in found.networks.items()},
    }


def _of_file(file: str, text: str) -> dict[str, Any]:
    return {
        "certificate": 1,
        "kind": KIND,
        "file": file,
        "sha256": text_digest(text),
        "spec_sha256": _data_digest(text),
    }


def _of_network(found: Imported, weights: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What was proved of one network."""
    from archgraph.importing.reports import report

    facts = report(found)
    return {
        "keys": facts["keys"],
        "keys_sha256": _keys_digest(found.graph),
        **({"weights": dict(weights)} if weights is not None else {}),
        **{key: facts[key] for key in ("inputs", "outputs", "training_outputs", "free", "constraints")},
        "proof": facts["proof"],
        "notes": facts["notes"],
    }


def certificate_text(facts: Mapping[str, Any]) -> str:
    """What its file holds."""
    return json.dumps(facts, indent=2, ensure_ascii=False, default=str) + "\n"


@dataclass(frozen=True, slots=True)
class Recheck:
    """A spec that still is the one that was proved; `rewritten` where its layout or its comments are others."""

    facts: Mapping[str, Any]
    rewritten: bool
    weights: bool
    """Whether the file of weights was compared too."""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**self.facts, "rewritten": self.rewritten, "weights_compared": self.weights}

    def lines(self) -> Iterator[str]:
        """What was proved, for people."""
        facts = self.facts
        versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items() if name != "python")
        yield f"imported from {facts['origin'].get('source')} ({versions})"
        if self.rewritten:
            yield "its layout or its comments have changed; it describes the same network"
        if "presets" not in facts:
            yield from _proved(facts, self.weights)
        for word, network in facts.get("presets", {}).items():
            yield f"{word}:"
            yield from (f"  {line}" for line in _proved(network))


def _proved(facts: Mapping[str, Any], weights: bool = False) -> Iterator[str]:
    """What was proved of one network; `weights` says that they were compared too."""
    proof = facts["proof"]
    yield f"keys: {facts['keys']}, those of the module, in its order{', in this file of weights' * weights}"
    for sizes, difference in zip(proof["sizes"], proof["differences"], strict=True):
        shown = ", ".join(f"{name} = {size}" for name, size in sizes.items()) or "the only sizes"
        yield f"equal at {shown}: {difference:.0e}"
    if proof["training"] is not None:
        yield f"equal in training: {proof['training']:.0e}"
    yield from (f"note: {note}" for note in facts["notes"])


def recheck(path: Path, weights: Path | None = None) -> Recheck:
    """Whether a spec, and a file of its weights, still are those that were proved equal to a module.

    Raises VerificationError where they are not, or where nothing was proved.
    """
    facts = _stored(path)
    text = _text(path)
    rewritten = text_digest(text) != facts["sha256"]
    if rewritten and _data_digest(text) != facts["spec_sha256"]:
        raise VerificationError(
            f"{path.name} has changed since it was proved equal to {facts['origin'].get('source')}",
            expected=f"SHA-256 {facts['sha256']}, as {certificate_of(path).name} says",
            received=text_digest(text),
            hint=f"{_AGAIN} writes it anew; a spec of your own needs no certificate: remove it",
        )
    for word, network in facts.get("presets", {None: facts}).items():
        if _keys_digest(load(path, word)) != network["keys_sha256"]:
            raise VerificationError(
                f"{f'{path.name}@{word}' if word else path.name} has other keys than when it was proved equal to "
                f"{network.get('origin', facts['origin']).get('source')}",
                received=f"archgraph {__version__}; it was proved by {facts['versions'].get('archgraph')}",
                hint=f"{_AGAIN} writes it anew",
            )
    if weights is not None:
        _require_weights(weights, facts, certificate_of(path).name)
    return Recheck(facts, rewritten, weights is not None)


def _require_weights(weights: Path, facts: Mapping[str, Any], certificate_name: str) -> None:
    wanted = facts.get("weights", {}).get("sha256", "")
    if not wanted:
        raise VerificationError(
            f"{certificate_name} speaks of no weights", hint="import with --weights FILE, so that it holds their digest"
        )
    found = file_digest(weights) if is_file(weights) else ""
    if found != wanted:
        raise VerificationError(
            f"{weights} is not the file of weights that came with the import",
            expected=f"SHA-256 {wanted}, as {certificate_name} says",
            received=found or "no such file",
        )


def _stored(path: Path) -> dict[str, Any]:
    stored = certificate_of(path)
    try:
        found = json.loads(stored.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VerificationError(
            f"nothing was proved of {path}: there is no {stored.name}",
            hint=f"`archgraph export {path}` writes an ONNX file with a proof, and {_AGAIN} a spec with one",
        ) from None
    except (OSError, ValueError, RecursionError):
        found = None
    if not _is_certificate(found):
        raise VerificationError(f"{stored} is no certificate of an import", hint=f"{_AGAIN} writes it anew")
    return dict(found)


def _is_certificate(found: Any) -> bool:
    if not isinstance(found, dict) or found.get("kind") != KIND:
        return False
    stated = isinstance(found.get("origin"), dict) and isinstance(found.get("versions"), dict)
    digests = all(isinstance(found.get(name), str) for name in ("sha256", "spec_sha256"))
    networks = found.get("presets", {"": found})
    return stated and digests and isinstance(networks, dict) and all(map(_is_proved, networks.values()))


def _is_proved(network: Any) -> bool:
    """Whether something states what was proved of a network."""
    if not isinstance(network, dict) or not isinstance(network.get("proof"), dict):
        return False
    return (
        isinstance(network.get("keys_sha256"), str)
        and isinstance(network.get("weights", {}), dict)
        and isinstance(network.get("notes"), list)
        and {"sizes", "differences", "training"} <= set(network["proof"])
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VerificationError(f"{path} cannot be read", received=reason) from None


def _keys_digest(graph: Graph) -> str:
    return text_digest("\n".join(item.key for item in keys_of(graph)))


def _data_digest(text: str) -> str:
    """The digest of what a spec says, whatever its layout; '' where it cannot be read."""
    try:
        return text_digest(json.dumps(read_text(text).data, default=str))
    except ArchgraphError:
        return ""


def _versions(imported: Imported) -> dict[str, str]:
    """The versions of what took part."""
    found = {"archgraph": __version__, "python": platform.python_version()}
    for name in dict.fromkeys(("torch", str(imported.origin.get("package", "")))):
        try:
            found[name] = version(name) if name else ""
        except PackageNotFoundError:
            continue
    plugins = {used.package: used.version for used in plugins_in(imported.graph)}
    return {name: number for name, number in found.items() if number} | plugins
