"""A torch module → a graph whose spec is written, proved equal: `from_torch` and what the command line builds on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import torch

from archgraph.errors import ArchgraphError, ImportingError
from archgraph.garbage_collection import uncollected
from archgraph.graph.spec_text import spec_text
from archgraph.graph.types import Graph, walk
from archgraph.importing.conversion.traced_graphs import GraphTracer, TracedGraph
from archgraph.importing.opened_modules import OpenedModule, Source, constructed, opened
from archgraph.importing.proof.parity import Parity, prove
from archgraph.importing.proof.rounded_tables import RoundedTable
from archgraph.importing.sources.dynamic_sizes import Dynamic
from archgraph.importing.writing.families.usual_names import with_usual_names
from archgraph.importing.writing.spec_data import spec_data
from archgraph.language.load import load
from archgraph.language.reading.document import read_text
from archgraph.language.schema import names


@dataclass(frozen=True, slots=True)
class Imported:
    """An imported network: its graph, the module that it came from, and the proof, where it was asked for."""

    graph: Graph
    module: torch.nn.Module
    parity: Parity | None
    notes: tuple[str, ...] = ()
    """Which sizes could not stay free, and why; what training computes and the graph does not."""
    training: tuple[int, ...] | None = None
    """The places of the graph's outputs among those of the module in training; None where these are others."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """The spec as it was written: standard blocks are named in it, where that of the graph holds them."""
    tables: tuple[RoundedTable, ...] = ()
    """What the module holds in float32 and the graph has as the steps that make it."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """What it was made of: the source, its arguments, the class and the package that this belongs to."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """What the module's forward calls the inputs of the graph."""


def import_module(
    source: Source,
    inputs: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    verify: bool = True,
    dynamic: Dynamic | None = None,
    leaves: Mapping[str, str] = MappingProxyType({}),
) -> Imported:
    """Brings a module in. `inputs` are example tensors, or descriptions of them, by the names of its forward, or lists
    and dicts of them; `dynamic` are the free dimensions of example tensors, where not all are; `leaves` the operations
    that stand for classes, by the names of these.

    Raises ImportingError for what has no counterpart, or is not equal.
    """
    if name:
        names.block_name(name)
    with opened(source, constructed(source), inputs, dynamic, leaves) as module:
        with uncollected():  # a sixth of the time
            write = partial(spec_data, name=name or module.title, about=module.about)
            traced, graph, spec = _written(module, write)
        return imported(module, traced, graph, spec, verify)


def imported(
    module: OpenedModule, traced: TracedGraph, graph: Graph, spec: Mapping[str, Any], verify: bool
) -> Imported:
    """A module that was traced, with the graph of its spec and the proof. Raises ImportingError."""
    arguments = dict(zip((one.name for one in graph.inputs), (one.name for one in traced.graph.inputs), strict=True))
    proof = partial(prove, graph, module.module, traced.inputs, traced.training, traced.tables, arguments)
    parity = proof() if verify else None
    notes = (*traced.notes, *(parity.notes if parity is not None else ()))
    return Imported(graph, module.module, parity, notes, traced.training, spec, traced.tables, module.origin, arguments)


def traced_graph(tracer: GraphTracer) -> TracedGraph:
    """The module as it was traced. Raises ImportingError for what has no counterpart, and for what computes nothing."""
    traced = tracer.trace()
    if all(placed.node.training for placed in walk(traced.graph)):
        raise ImportingError(f"{type(tracer.runs.module).__name__} computes nothing: it hands on what it reads")
    return traced


def _written(
    module: OpenedModule, write: Callable[[Graph], dict[str, Any]]
) -> tuple[TracedGraph, Graph, dict[str, Any]]:
    """The module as it was traced, and the graph of the spec that it was written as."""
    traced = traced_graph(module.tracer)
    try:
        spec = write(_named(traced.graph, module))
        return traced, loaded(spec), spec
    except ImportingError as error:
        if not traced.modes.traced:
            raise
        traced = module.tracer.evaluation(str(error.problems[0].received))
        spec = write(_named(traced.graph, module))
        return traced, loaded(spec), spec


def _named(graph: Graph, module: OpenedModule) -> Graph:
    return with_usual_names(graph, module.arguments, module.named)


def loaded(spec: Mapping[str, Any], preset: str | None = None, **params: Any) -> Graph:
    """The graph of a spec, as its text says it, with these parameters. Raises ImportingError where it does not load."""
    try:
        graph = load(read_text(spec_text(spec)).data, preset, **params)
        return replace(graph, info=replace(graph.info, written=spec))
    except ArchgraphError as error:
        raise ImportingError(
            "the spec that was written does not load: this is a fault of archgraph", received=str(error.problems[0])
        ) from error
