"""The proof of a file repeated later, from the file itself: it carries its spec, and its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.artifact.digests import file_digest
from archgraph.artifact.file_kinds import is_file
from archgraph.artifact.file_names import certificate_of, data_of
from archgraph.artifact.recovery import recover
from archgraph.errors import ModelFileError, VerificationError
from archgraph.verify.certificate import (
    Certificate,
    branch_digests,
    data_digest,
    data_files,
    read_certificate,
)
from archgraph.verify.embedded_spec import graph_in, plugins_of
from archgraph.verify.plugins_of_file import other_versions
from archgraph.verify.verified_export import verify_file
from archgraph.weights.memory import arrays, module_tensors

if TYPE_CHECKING:
    from torch import nn

    from archgraph.graph.types import Graph


def verify_again(path: Path, graph: Graph | None = None, weights: Any = None) -> Certificate:
    """Shows once more that a file computes what its spec says, and stores the certificate anew.

    What a killed export left is put in order before. Without `graph` the spec in the file counts. Without `weights` the
    file's own count, which must be those that the certificate beside it speaks of. Raises ModelFileError,
    WeightsError, and VerificationError where something departs.
    """
    put_in_order(path)
    if not is_file(path):
        raise ModelFileError(f"there is no file '{path}'", hint="write it with `archgraph export SPEC -o FILE.onnx`")
    if weights is None:
        require_unchanged(path)
    found = graph_in(path, graph)
    try:
        return verify_file(found, _module(found, path, weights), path)
    except VerificationError as error:
        raise VerificationError(*error.problems, *other_versions(plugins_of(path))) from None


def put_in_order(path: Path) -> None:
    """Puts back, or takes away, what a killed export of this file left."""
    with suppress(OSError):  # a folder that may only be read
        recover(path)


def require_unchanged(path: Path) -> None:
    """The file, and the weights beside it, are those that were proved. Raises VerificationError.

    A file without a certificate passes: then nothing says what its weights should be.
    """
    stored = read_certificate(path)
    if stored is None:
        return
    for what, wanted, found in _proved_and_there(path, stored):
        if wanted != found:
            raise VerificationError(
                f"{what} has changed since it was proved",
                expected=f"SHA-256 {wanted}, as {certificate_of(path).name} says",
                received=found or "no such file",
                hint="--weights FILE compares with the weights it was made of; or export it again",
            )


def _proved_and_there(path: Path, stored: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Each file with its digest in a certificate, and the one that it has; the others are looked for in the first."""
    yield path.name, stored.get("sha256", ""), file_digest(path)
    data = ", ".join(file.name for file in data_files(path)) or data_of(path).name
    yield data, stored.get("data_sha256", ""), data_digest(path)
    kept, there = stored.get("time_branch", {}), branch_digests(path)
    yield from ((name, kept.get(name, ""), there.get(name, "")) for name in kept | there)


def _module(graph: Graph, path: Path, weights: Any) -> nn.Module:
    from archgraph.codegen import to_torch

    if weights is not None:
        return to_torch(graph, weights=weights)
    module = to_torch(graph)
    _load_own(module, graph, path)
    return module


def _load_own(module: nn.Module, graph: Graph, path: Path) -> None:
    """Gives a module the weights of the file."""
    import torch

    from archgraph.verify.examination import expected_program, read_whole
    from archgraph.verify.weight_comparison import held

    model, state = read_whole(path), arrays(module_tensors(module))
    own = held(model, path, graph, expected_program(graph, model).initializers, state)
    module.load_state_dict({key: torch.as_tensor(value.copy()) for key, value in own.items()})
