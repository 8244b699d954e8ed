"""The verb: a graph and its weights become an ONNX file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph.artifact.staging import Stage, staged
from archgraph.errors import ExportError
from archgraph.export.lowering.emit import emit
from archgraph.export.lowering.precision import raised, widened
from archgraph.export.lowering.program import Initializer, Program
from archgraph.export.options import ExportOptions
from archgraph.export.passes.time_branch import TimeSplit, split
from archgraph.export.profiles import profile_named
from archgraph.export.serialization.network_files import write_network
from archgraph.export.serialization.weights import MatchedWeights
from archgraph.graph.fixed_sizes import fixed
from archgraph.graph.types import Graph


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export made.

    `weight_map` says for each weight of the file which keys it comes from and how; `values` maps the values of the
    graph, by path, to their names in the file; `folded` the batch norms that became part of the layer before them;
    `time_branch` is the second file of an export that splits the branch of the time off; `sizes` the only
    ones that the file takes.
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
    time_branch: Path | None = None
    dtype: str = "float32"
    sizes: Mapping[str, int] = field(default_factory=dict)


def export(graph: Graph, weights: Any, path: str | Path, options: ExportOptions | None = None) -> ExportReport:
    """Writes a graph as ONNX. `weights` is anything that fits: files, a request, a torch module, a mapping of tensors.

    Raises ExportError for a graph that has no ONNX form and for a path that cannot be written, WeightsError for
    weights that are not the graph's, UnknownNameError or ShapeError for sizes that the graph does not take. Then a file
    that was there before is still there.
    """
    with staged(Path(path)) as stage:
        report = stage_network(stage, graph, weights, options or ExportOptions())
        stage.publish()
    return report


def stage_network(stage: Stage, graph: Graph, weights: Any, options: ExportOptions) -> ExportReport:
    """Writes a graph into a stage: its files have no names yet. Raises OSError, and what `export` raises."""
    start = time.perf_counter()
    graph = fixed(graph, options.sizes)
    chosen = widened(profile_named(options.profile), options.dtype)
    matched = MatchedWeights(graph, weights)
    program = emit(graph, chosen, options.fold, options.dtype, options.keep)
    chosen = raised(chosen, program.opset)
    parts = _parts(program, graph.title, options.split_time)
    written = write_network(stage, graph, program if parts is None else parts, chosen, matched, options.origin)
    matched.require_unchanged()
    main, branch = written[-1], written[0] if parts else None
    return ExportReport(
        path=main.path,
        size=sum(file.size for file in written),
        sha256=main.sha256,
        nodes=len(program.nodes) if parts is None else len(parts.main.nodes) + len(parts.branch.nodes),
        initializers=len(program.initializers),
        opset=chosen.opset,
        ir=chosen.ir,
        profile=chosen.name,
        seconds=time.perf_counter() - start,
        data=main.data,
        weight_map=program.initializers,
        values=program.results,
        folded=program.folded,
        time_branch=branch.path if branch else None,
        dtype=program.dtype,
        sizes=graph.info.sizes,
    )


def _parts(program: Program, title: str, wanted: bool | None) -> TimeSplit | None:
    """Both parts of a program, where that is wanted (None: where there are two). Raises ExportError."""
    if wanted is False:
        return None
    found = split(program)
    if found is None and wanted:
        raise ExportError(
            f"{title} has no branch that depends on the time alone",
            expected="an image [N, C, H, W], a time [N] and perhaps a label [N] in, and work on the latter two",
            received=", ".join(f"{name} {kind}" for name, kind in program.inputs.items()),
            hint="export it in one file",
        )
    return found
