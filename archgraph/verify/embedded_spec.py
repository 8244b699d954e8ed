"""The network of an exported file, built from the spec and the sizes that its metadata embed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph import __version__
from archgraph.artifact.metadata_check import entries_of
from archgraph.errors import ModelFileError, Problem, SpecError
from archgraph.graph.fixed_sizes import fixed
from archgraph.verify.plugins_of_file import other_versions, require_plugins

if TYPE_CHECKING:
    from archgraph.artifact.metadata import Metadata
    from archgraph.graph.types import Graph


def graph_in(path: Path, graph: Graph | None = None) -> Graph:
    """The network of the spec that a file embeds, or the one that is given, for the sizes that the file takes.

    Raises ModelFileError where it embeds none, or a damaged one, UnknownNameError or ShapeError where the network that
    is given does not take the file's sizes.
    """
    from archgraph.artifact.metadata import read_metadata
    from archgraph.verify.examination import read_whole

    metadata = read_metadata(entries_of(read_whole(path)), str(path))
    return fixed(graph if graph is not None else _embedded(path, metadata), metadata.sizes)


def embedded_graph(path: Path) -> Graph:
    """The network of the spec that a file embeds; neither onnx nor the weights are read for it.

    Raises ModelFileError for a file that archgraph did not write, or a damaged one.
    """
    from archgraph.artifact.metadata import read_metadata
    from archgraph.artifact.onnx_metadata import metadata_entries
    from archgraph.runtime.file_errors import check_file

    check_file(path)
    metadata = read_metadata(metadata_entries(path), str(path))
    if metadata.time_branch_of:
        raise ModelFileError(
            f"{path} is the time branch of {metadata.time_branch_of}", hint=f"name {metadata.time_branch_of}"
        )
    graph = fixed(_embedded(path, metadata), metadata.sizes)
    return replace(graph, info=replace(graph.info, exported=str(path)))


def plugins_of(path: Path) -> tuple[Mapping[str, Any], ...]:
    """The plugins that a file says it was exported with."""
    from archgraph.artifact.metadata import read_metadata
    from archgraph.artifact.onnx_metadata import metadata_entries

    return read_metadata(metadata_entries(path), str(path)).plugins


def _embedded(path: Path, metadata: Metadata) -> Graph:
    """The network of the spec in a file. Raises ModelFileError."""
    from archgraph.language.load import load

    if not isinstance(metadata.spec, dict) or not metadata.spec:
        raise ModelFileError(f"{path} carries no spec", hint="name the spec it was made of: --spec SPEC")
    require_plugins(path, metadata.plugins)
    try:
        return load(metadata.spec, metadata.preset or None, standalone=True, **metadata.params)
    except SpecError as error:
        writer = metadata.generator or "an unknown program"
        raise ModelFileError(
            Problem(
                f"the spec in {path} cannot be built: {error.problems[0].message}",
                received=f"a file written by {writer}; this is archgraph {__version__}",
                hint="use the version that wrote it; where it is the same, the file is damaged; or name a spec with"
                " --spec",
                notes=tuple((str(note), None) for note in other_versions(metadata.plugins)),
            )
        ) from error
