"""A torch module → a graph whose spec is written, proved equal: `from_torch` and what the command line builds on it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import torch

from archgraph.errors import ArchgraphError, ImportingError
from archgraph.garbage_collection import uncollected
from archgraph.graph.types import Graph, walk
from archgraph.importing.conversion.kept_modules import KeptClasses
from archgraph.importing.conversion.traced_graphs import GraphTracer, TracedGraph
from archgraph.importing.proof.parity import Parity, prove
from archgraph.importing.proof.rounded_tables import RoundedTable
from archgraph.importing.sources.accepted_inputs import KeptInputs
from archgraph.importing.sources.constructor_arguments import attributes_as_arguments, noted_constructors
from archgraph.importing.sources.dynamic_sizes import Dynamic, declared_sizes
from archgraph.importing.sources.example_inputs import InputDescription, descriptions, examples
from archgraph.importing.sources.forward_signature import require_named_inputs
from archgraph.importing.sources.module_checks import require_importable
from archgraph.importing.sources.module_source import ModuleSource, made_by
from archgraph.importing.sources.nested_inputs import flat_forward, flat_inputs
from archgraph.importing.tracing.shape_runs import ShapeRuns
from archgraph.importing.writing.naming import block_name
from archgraph.importing.writing.spec_data import spec_data
from archgraph.language.load import load
from archgraph.language.schema import names

Factory = Callable[[], torch.nn.Module]


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


def import_module(
    source: torch.nn.Module | Factory | ModuleSource,
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
    module, arguments = constructed(source)
    require_importable(module)
    kept = KeptClasses.of(leaves, module)
    known = source if isinstance(source, ModuleSource) else None
    flat, forms = flat_inputs(inputs or {})
    title = name or _title(source, module)
    with _modes_kept(module), flat_forward(module, flat, forms):
        runs = ShapeRuns(module)
        symbols, tries = _tries(runs, known, flat, dynamic)
        tracer = GraphTracer(runs, symbols, arguments, KeptInputs(tries), kept)
        with uncollected():  # a sixth of the time
            traced, graph, spec = _written(tracer, partial(spec_data, name=title, about=_about(source, module)))
        parity = prove(graph, module, traced.inputs, traced.training, traced.tables) if verify else None
        origin = _origin(source, module, leaves)
        return Imported(graph, module, parity, traced.notes, traced.training, spec, traced.tables, origin)


def _written(
    tracer: GraphTracer, write: Callable[[Graph], dict[str, Any]]
) -> tuple[TracedGraph, Graph, dict[str, Any]]:
    """The module as it was traced, and the graph of the spec that it was written as."""
    traced = tracer.trace()
    if all(placed.node.training for placed in walk(traced.graph)):
        raise ImportingError(f"{type(tracer.runs.module).__name__} computes nothing: it hands on what it reads")
    try:
        spec = write(traced.graph)
        return traced, _loaded(spec), spec
    except ImportingError as error:
        if not traced.modes.traced:
            raise
        traced = tracer.evaluation(str(error.problems[0].received))
        spec = write(traced.graph)
        return traced, _loaded(spec), spec


@contextmanager
def _modes_kept(module: torch.nn.Module) -> Iterator[None]:
    """Afterwards each module is in training or in evaluation as before: it may belong to somebody's training loop."""
    modes = [(inner, inner.training) for inner in module.modules()]
    try:
        yield
    finally:
        for inner, training in modes:
            inner.training = training


def constructed(
    source: torch.nn.Module | Factory | ModuleSource,
) -> tuple[torch.nn.Module, Mapping[int, Mapping[str, Any]]]:
    """The module, made by the factory where it is one, with the arguments of all modules inside."""
    if isinstance(source, torch.nn.Module):
        return source, attributes_as_arguments(source)
    with noted_constructors() as arguments:
        if isinstance(source, ModuleSource):
            return source.make(), arguments
        return made_by(source, getattr(source, "__qualname__", "the factory")), arguments


def _tries(
    runs: ShapeRuns,
    source: ModuleSource | None,
    inputs: Mapping[str, torch.Tensor | InputDescription],
    dynamic: Dynamic | None,
) -> tuple[Mapping[str, tuple[str | int, ...]], Iterable[Mapping[str, torch.Tensor]]]:
    """Names of sizes, and the example inputs to trace on, the first that work."""
    tensors = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}
    declared = {} if dynamic is None else declared_sizes(tensors, dynamic)
    if tensors or not all(isinstance(value, InputDescription) for value in inputs.values()):
        require_named_inputs(runs.module, inputs)
        if len(tensors) < len(inputs):
            raise ImportingError("some inputs are tensors, others descriptions", expected="one of both for all inputs")
        return declared, [tensors]
    given = {name: value for name, value in inputs.items() if isinstance(value, InputDescription)}
    wanted = descriptions(runs.module, source, given)
    return {name: one.sizes for name, one in wanted.items()}, examples(wanted, runs)


def _loaded(spec: Mapping[str, Any]) -> Graph:
    try:
        graph = load(spec)
        return replace(graph, info=replace(graph.info, written=spec))
    except ArchgraphError as error:
        raise ImportingError(
            "the spec that was written does not load: this is a fault of archgraph", received=str(error.problems[0])
        ) from error


def _title(source: object, module: torch.nn.Module) -> str:
    if isinstance(source, ModuleSource):
        plain = "".join(letter if letter.isalnum() else "_" for letter in source.name.rpartition(".")[2])
        return block_name(plain)
    return block_name(type(module).__name__)


def _origin(source: object, module: torch.nn.Module, leaves: Mapping[str, str]) -> dict[str, Any]:
    kind = type(module)
    found: dict[str, Any] = {"source": f"{kind.__module__}.{kind.__name__}"}
    if isinstance(source, ModuleSource):
        found["source"] = str(source)
        found |= {"arguments": dict(source.arguments)} if source.arguments else {}
        found |= {"config": dict(source.config)} if source.config is not None else {}
    found |= {"leaves": dict(leaves)} if leaves else {}
    return {**found, "class": f"{kind.__module__}.{kind.__qualname__}", "package": kind.__module__.partition(".")[0]}


def _about(source: object, module: torch.nn.Module) -> str:
    """Origin and versions, and the first line of the class's docstring."""
    text = inspect.getdoc(type(module)) or ""
    first = text.split("\n\n")[0].replace("\n", " ").strip() if type(module).__doc__ else ""
    origin = str(source) if isinstance(source, ModuleSource) else f"{type(module).__module__}.{type(module).__name__}"
    package = type(module).__module__.partition(".")[0]
    version = _version(package)
    said = f"{first.rstrip('.')}. " if first and len(first) < 200 else ""
    of = f" of {package} {version}" if version and package != "torch" else ""
    return f"{said}Imported from {origin}{of}, torch {torch.__version__}."


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
