"""What archgraph does, one function per verb. Each loads the rooms that it needs when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from archgraph.graph.diff import Difference
    from archgraph.graph.summary import Summary
    from archgraph.graph.types import Graph
    from archgraph.verify import Export


def load(spec: str | Path | Mapping[str, Any], preset: str | None = None, **params: Any) -> Graph:
    """The proved graph of a spec.

    `spec` is a path (`net.yaml`, `net.yaml@preset`), the name of a shipped model or preset (`resnet50`,
    `ddpm@cifar10`), or a mapping; `params` override the preset's parameters. Raises SpecError with every independent
    problem of the file.
    """
    from archgraph.spec.load import load as load_spec

    return load_spec(spec, preset, **params)


def check(spec: str | Path | Mapping[str, Any], preset: str | None = None, **params: Any) -> list[Graph]:
    """One proved graph per preset, so that every block is looked at. Raises SpecError with the problems of all."""
    from archgraph.spec.load import check as check_spec

    return check_spec(spec, preset, **params)


def summarize(graph: Graph, sizes: Mapping[str, int] | None = None, depth: int | None = None) -> Summary:
    """Path, operation or block, output shape, parameters and multiply-accumulates of each part, and the totals.

    At symbolic sizes, or at the given ones (`{"N": 1, "H": 224, "W": 224}`).
    """
    from archgraph.graph.summary import summarize as summarize_graph

    return summarize_graph(graph, sizes, depth)


def render(graph: Graph, path: str | Path, depth: int | None = None) -> Path:
    """Draws the network; the suffix decides: .svg, .png, .pdf or .dot. `depth` folds blocks. Raises RenderError."""
    from archgraph.diagram import render as render_graph

    return render_graph(graph, path, depth=depth)


def to_torch(graph: Graph, weights: str | Path | None = None, seed: int = 0) -> torch.nn.Module:
    """An ordinary torch module with the published parameter names, compiled from generated source.

    Weights start as torch starts them, from `seed`, or come from a safetensors file (strictly: WeightsError lists
    what is missing, unexpected or misshapen).
    """
    from archgraph.codegen import to_torch as compile_torch

    return compile_torch(graph, weights=weights, seed=seed)


def trained_weights(graph: Graph) -> Path | None:
    """The file of trained weights that the spec names in `meta.weights`, in its own folder or below; None without.

    Raises WeightsError where it lies elsewhere or is missing.
    """
    from archgraph.spec.trained import trained_weights as find_weights

    return find_weights(graph)


def code(graph: Graph) -> str:
    """The network as plain PyTorch source that needs no archgraph."""
    from archgraph.codegen import source

    return source(graph)


def to_onnx(
    graph: Graph | torch.nn.Module,
    path: str | Path,
    weights: str | Path | None = None,
    profile: str = "portable",
    verify: bool = True,
) -> Export:
    """Writes the network as ONNX and shows that the file computes the same.

    `graph` is a graph or a module that `to_torch` made; without `weights`, a graph gets the weights that torch would
    start with. Raises WeightsError, ExportError, and VerificationError when the file departs from the module.
    """
    from archgraph.verify import export_verified

    return export_verified(graph, Path(path), weights=weights, profile=profile, verify=verify)


def diff(a: Graph, b: Graph) -> Difference:
    """What differs between two networks, by path: operations, attributes, shapes, weights."""
    from archgraph.graph.diff import diff as compare

    return compare(a, b)
