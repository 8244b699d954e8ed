"""The network that an exported file is of: its spec travels with it, and so do the sizes that were fixed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archgraph.artifact.metadata_check import entries_of
from archgraph.errors import ModelFileError, SpecError
from archgraph.graph.fixed_sizes import fixed

if TYPE_CHECKING:
    from archgraph.artifact.metadata import Metadata
    from archgraph.graph.types import Graph


def graph_in(path: Path, graph: Graph | None = None) -> Graph:
    """The network of the spec that a file carries, or the one that is given, for the sizes that the file takes.

    Raises ModelFileError where it carries none, or a damaged one, UnknownNameError or ShapeError where the network that
    is given does not take the file's sizes.
    """
    from archgraph.artifact.metadata import read_metadata
    from archgraph.verify.examination import read_whole

    kept = read_metadata(entries_of(read_whole(path)), str(path))
    return fixed(graph if graph is not None else _carried(path, kept), kept.sizes)


def carried_graph(path: Path) -> Graph:
    """The network of the spec that a file carries; neither onnx nor the weights are read for it.

    Raises ModelFileError for a file that archgraph did not write, or a damaged one.
    """
    from archgraph.artifact.metadata import read_metadata
    from archgraph.artifact.onnx_metadata import metadata_entries
    from archgraph.runtime.file_errors import check_file

    check_file(path)
    kept = read_metadata(metadata_entries(path), str(path))
    if kept.time_branch_of:
        raise ModelFileError(f"{path} is the time branch of {kept.time_branch_of}", hint=f"name {kept.time_branch_of}")
    return fixed(_carried(path, kept), kept.sizes)


def _carried(path: Path, kept: Metadata) -> Graph:
    """The network of the spec in a file. Raises ModelFileError."""
    from archgraph.language.load import load

    if not isinstance(kept.spec, dict) or not kept.spec:
        raise ModelFileError(f"{path} carries no spec", hint="name the spec it was made of: --spec SPEC")
    try:
        return load(kept.spec, kept.preset or None, standalone=True, **kept.params)
    except SpecError as error:
        hint = "another version of archgraph wrote it, or it is damaged; name a spec with --spec"
        raise ModelFileError(f"the spec in {path} cannot be built: {error.problems[0].message}", hint=hint) from error
