"""A network as an ONNX file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.errors import ExportError
from archgraph.verbs.modules import Weights, warn_of_random_weights
from archgraph.verbs.networks import Network, graph_behind, load, node_paths

if TYPE_CHECKING:
    import torch

    from archgraph.verify import Export


def to_onnx(
    graph: Network | torch.nn.Module,
    path: str | Path,
    weights: Weights | None = None,
    profile: str = "portable",
    verify: bool = True,
    split_time: bool | None = False,
    dtype: str | torch.dtype = "float32",
    keep: str | Iterable[str] = (),
    sizes: Mapping[str, int] | Sequence[Any] | None = None,
) -> Export:
    """Writes the network as ONNX and shows that the file computes the same.

    `graph` is a graph, a spec, or a module that `to_torch` made; without `weights`, a graph gets the weights that torch
    would start with.

    - `split_time`: what depends on times and labels alone goes to a second file, `NAME.time.onnx`, which a sampling run
      computes once (None: where there is such work).
    - `dtype` is the element type of most of the work: float32, float16 or bfloat16. Norms, softmax, what depends on
      times alone, and the paths in `keep` stay in float32.
    - `sizes` are numbers for symbols, `{"N": 1, "H": 224, "W": 224}`: the file then takes no other sizes, and is
      faster where its runtime plans ahead. Symbols that are not named stay free.

    Raises WeightsError, ExportError, UnknownNameError or ShapeError for sizes that the network does not take, and
    VerificationError when the file departs from the module.
    """
    from archgraph.export import ExportOptions
    from archgraph.graph.input_sizes import sizes_from
    from archgraph.graph.types import Graph
    from archgraph.verify import export_verified

    if not isinstance(path, (str, PathLike)):
        raise ExportError(
            "the second argument is the file to write",
            expected="to_onnx(model, 'net.onnx')",
            received=type(path).__name__,
            hint="no example input is needed: sizes stay free",
        )
    if isinstance(graph, (str, Path, Mapping)):
        graph = load(graph)
    if weights is None and isinstance(graph, Graph):
        warn_of_random_weights(graph)
    if sizes is not None and not isinstance(sizes, Mapping):
        sizes = sizes_from(graph_behind(graph), sizes)
    kind = str(dtype).removeprefix("torch.")
    options = ExportOptions(profile, kind, node_paths(keep), sizes or {}, split_time)
    return export_verified(graph, Path(path), weights, options, verify=verify)
