"""The verb: a graph and its weights become an ONNX file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph.errors import ExportError, WeightsError
from archgraph.export.emit import emit
from archgraph.export.profiles import profile_named
from archgraph.export.program import Initializer
from archgraph.export.weights import MatchedWeights, ModuleWeights, TensorWeights, WeightSource, open_weights
from archgraph.export.write import write_model
from archgraph.graph.types import Graph


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export made.

    `weight_map` says for each weight of the file which keys it comes from and how; `values` maps the values of the
    graph, by path, to their names in the file; `folded` the batch norms that became part of the layer before them.
    """

    path: Path
    size: int
    sha256: str
    nodes: int
    initializers: int
    opset: int
    ir: int
    profile: str
    seconds: float
    data: Path | None = None
    weight_map: Mapping[str, Initializer] = field(default_factory=dict, repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    folded: Mapping[str, str] = field(default_factory=dict, repr=False)


def export(
    graph: Graph,
    weights: WeightSource | str | Path | Any,
    path: str | Path,
    profile: str = "portable",
    fold: bool = True,
) -> ExportReport:
    """Writes a graph as ONNX. `weights` is a source, a safetensors file, a torch module or a mapping of tensors.

    Raises ExportError for a graph that has no ONNX form and for a path that cannot be written, WeightsError for
    weights that are not the graph's. Then a file that was there before is still there.
    """
    from archgraph.export.model import body, head  # onnx takes 0.1 s to load

    start = time.perf_counter()
    chosen = profile_named(profile)
    matched = MatchedWeights(graph, source_of(weights))
    program = emit(graph, chosen, fold)
    try:
        written = write_model(
            Path(path), head(graph, program, chosen), body(program, graph.name), program.initializers.values(), matched
        )
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}") from None
    return ExportReport(
        path=written.path,
        size=written.size,
        sha256=written.sha256,
        nodes=len(program.nodes),
        initializers=len(program.initializers),
        opset=chosen.opset,
        ir=chosen.ir,
        profile=chosen.name,
        seconds=time.perf_counter() - start,
        data=written.data,
        weight_map=program.initializers,
        values=program.results,
        folded=program.folded,
    )


def source_of(weights: WeightSource | str | Path | Any) -> WeightSource:
    """Weights in any form that people have them. Raises WeightsError."""
    if isinstance(weights, (str, Path)):
        return open_weights(weights)
    if hasattr(weights, "state_dict"):
        return ModuleWeights(weights)
    if isinstance(weights, Mapping):
        return TensorWeights(weights)
    if isinstance(weights, WeightSource):
        return weights
    raise WeightsError(
        "these are no weights",
        expected="a safetensors file, a torch module, or a mapping of names to tensors",
        received=type(weights).__name__,
    )
