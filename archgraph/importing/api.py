"""A torch module → a graph whose spec is written, proved equal: `from_torch` and what the command line builds on it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from archgraph.errors import ArchgraphError, ImportingError
from archgraph.graph.types import Graph, walk
from archgraph.importing.capture import capture
from archgraph.importing.constructor_arguments import attributes_as_arguments, noted_constructors
from archgraph.importing.example_inputs import InputDescription, descriptions, examples
from archgraph.importing.forward_signature import require_named_inputs
from archgraph.importing.free_sizes import LEVELS, reason_of_sizes
from archgraph.importing.module_checks import require_importable
from archgraph.importing.parity import Parity, prove
from archgraph.importing.sources import ModuleSource, made_by
from archgraph.importing.tracing_errors import UntraceableError, with_tried_sizes
from archgraph.importing.translation import Translation
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
    """Which sizes could not stay free, and why."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """The spec as it was written: standard blocks are named in it, where that of the graph holds them."""


def import_module(
    source: torch.nn.Module | Factory | ModuleSource,
    inputs: Mapping[str, torch.Tensor | InputDescription] | None = None,
    *,
    name: str = "",
    verify: bool = True,
) -> Imported:
    """Brings a module in. `inputs` are example tensors, or descriptions of them, by the names of its forward.

    Raises ImportingError for what has no counterpart, or is not equal.
    """
    if name:
        names.block_name(name)
    module, arguments = constructed(source)
    require_importable(module)
    known = source if isinstance(source, ModuleSource) else None
    symbols, tries = _tries(module, known, inputs or {})
    title = name or _title(source, module)
    with _modes_kept(module):
        made, used, notes = _translated(module, tries, symbols, arguments)
        if all(placed.node.training for placed in walk(made)):
            raise ImportingError(f"{type(module).__name__} computes nothing: it hands on what it reads")
        spec = spec_data(made, title, _about(source, module))
        graph = _loaded(spec)
        return Imported(graph, module, prove(graph, module, used) if verify else None, notes, spec)


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
    module: torch.nn.Module, source: ModuleSource | None, inputs: Mapping[str, torch.Tensor | InputDescription]
) -> tuple[Mapping[str, tuple[str | int, ...]], Iterable[Mapping[str, torch.Tensor]]]:
    """Names of sizes, and the example inputs to trace on, the first that work."""
    tensors = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}
    if tensors or not all(isinstance(value, InputDescription) for value in inputs.values()):
        require_named_inputs(module, inputs)
        if len(tensors) < len(inputs):
            raise ImportingError("some inputs are tensors, others descriptions", expected="one of both for all inputs")
        return {}, [tensors]
    given = {name: value for name, value in inputs.items() if isinstance(value, InputDescription)}
    wanted = descriptions(module, source, given)
    return {name: one.sizes for name, one in wanted.items()}, examples(wanted, module)


@dataclass(frozen=True, slots=True)
class _Translated:
    """A graph with the inputs that it was traced on, or why there is none with these sizes free."""

    graph: Graph | None
    inputs: Mapping[str, torch.Tensor]
    reason: str = ""


def _translated(
    module: torch.nn.Module,
    tries: Iterable[Mapping[str, torch.Tensor]],
    symbols: Mapping[str, tuple[str | int, ...]],
    arguments: Mapping[int, Mapping[str, Any]],
) -> tuple[Graph, Mapping[str, torch.Tensor], tuple[str, ...]]:
    """The graph with as many free sizes as there can be, the inputs that it was traced on, and why others are fixed."""
    given = list(tries)
    first: ImportingError | None = None
    fixed: ImportingError | None = None
    reasons: list[str] = []
    for free in LEVELS:
        for inputs in given:
            try:
                captured = capture(module, inputs, free, symbols)
            except UntraceableError:
                raise
            except ImportingError as error:
                first = first or error
                fixed = fixed or (with_tried_sizes(error, inputs) if free is LEVELS[-1] else None)
                continue
            translation = Translation(captured, symbols, arguments)
            found = _with_free_sizes(translation, inputs)
            if found.graph is not None:
                return found.graph, found.inputs, (*reasons[:1], *translation.branches.notes)
            reasons.append(f"sizes are fixed, since the module's code asks for {found.reason}")
            break
        else:
            reasons.append(f"sizes are fixed: {first.problems[0].received if first else ''}")
    raise fixed or ImportingError("there are no inputs to trace the module on")


def _with_free_sizes(translation: Translation, inputs: Mapping[str, torch.Tensor]) -> _Translated:
    """The graph of a program; none where the program holds for a few sizes only. Raises ImportingError."""
    try:
        made = translation.graph("")
    except ImportingError as error:
        condition = translation.open_equation() or reason_of_sizes(error, translation.capture.inputs.values())
        if not condition:
            raise
        return _Translated(None, inputs, condition)
    condition = translation.open_equation()
    return _Translated(None if condition else made, inputs, condition)


def _loaded(spec: Mapping[str, Any]) -> Graph:
    try:
        return load(spec)
    except ArchgraphError as error:
        raise ImportingError(
            "the spec that was written does not load: this is a fault of archgraph", received=str(error.problems[0])
        ) from error


def _title(source: object, module: torch.nn.Module) -> str:
    if isinstance(source, ModuleSource):
        plain = "".join(letter if letter.isalnum() else "_" for letter in source.name.rpartition(".")[2])
        return block_name(plain)
    return block_name(type(module).__name__)


def _about(source: object, module: torch.nn.Module) -> str:
    """Origin and versions, and the first line of the class's docstring."""
    text = inspect.getdoc(type(module)) or ""
    first = text.split("\n\n")[0].replace("\n", " ").strip() if type(module).__doc__ else ""
    origin = str(source) if isinstance(source, ModuleSource) else f"{type(module).__module__}.{type(module).__name__}"
    package = type(module).__module__.partition(".")[0]
    version = _version(package)
    said = f"{first.rstrip('.')}. " if first and len(first) < 200 else ""
    return f"{said}Imported from {origin}{f' of {package} {version}' if version else ''}, torch {torch.__version__}."


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
