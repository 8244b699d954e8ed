"""A network as staged files: one model, or the two of a network whose time branch is split off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archgraph.artifact.file_names import time_branch_of
from archgraph.artifact.replacement import require_own_branch
from archgraph.artifact.staging import Stage
from archgraph.export.lowering.program import Program
from archgraph.export.passes.time_branch import TimeSplit
from archgraph.export.profiles import Profile
from archgraph.export.serialization.streaming import WrittenFiles, write_model
from archgraph.export.serialization.weights import MatchedWeights
from archgraph.graph.types import Graph


def write_network(
    stage: Stage,
    graph: Graph,
    program: Program | TimeSplit,
    profile: Profile,
    weights: MatchedWeights,
    sources: Sequence[Mapping[str, Any]] = (),
) -> list[WrittenFiles]:
    """Stages what a network became, the main file last; its metadata name the files that the weights come from.

    Raises OSError, and ExportError for a name that is taken."""
    from archgraph.export.serialization.protobuf import (  # onnx takes 0.1 s to load
        body,
        branch_entry,
        head,
        part_entry,
        weights_entry,
    )

    path, origin = stage.path, weights_entry(sources)
    if isinstance(program, Program):
        parts = (head(graph, program, profile, origin), body(program, graph.name))
        return [write_model(stage, path, parts, program.initializers.values(), weights)]
    require_own_branch(path)
    main, branch, branch_path = program.main, program.branch, time_branch_of(path)
    parts = (head(graph, branch, profile, part_entry(path.name)), body(branch, graph.name))
    first = write_model(stage, branch_path, parts, branch.initializers.values(), weights)
    entry = branch_entry(branch_path.name, first.sha256, branch)
    parts = (head(graph, main, profile, {**entry, **origin}), body(main, graph.name))
    return [first, write_model(stage, path, parts, main.initializers.values(), weights)]
