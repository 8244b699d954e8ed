"""A module that is about to be imported: made where it is a factory, with inputs to trace it on, and what is said of
its origin."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from archgraph.errors import ImportingError
from archgraph.importing.conversion.kept_modules import KeptClasses
from archgraph.importing.conversion.traced_graphs import GraphTracer
from archgraph.importing.sources.accepted_inputs import KeptInputs
from archgraph.importing.sources.constructor_arguments import attributes_as_arguments, noted_constructors
from archgraph.importing.sources.dynamic_sizes import Dynamic, declared_sizes
from archgraph.importing.sources.example_inputs import InputDescription, descriptions, examples
from archgraph.importing.sources.forward_signature import require_named_inputs
from archgraph.importing.sources.module_checks import require_importable
from archgraph.importing.sources.module_source import ModuleSource, made_by
from archgraph.importing.sources.nested_inputs import flat_forward, flat_inputs
from archgraph.importing.tracing.shape_runs import ShapeRuns
from archgraph.importing.writing.modules.naming import block_name

Factory = Callable[[], torch.nn.Module]
Source = torch.nn.Module | Factory | ModuleSource
Made = tuple[torch.nn.Module, Mapping[int, Mapping[str, Any]]]
"""A module, and the arguments of the constructors of all modules inside, by id."""


@dataclass(frozen=True, slots=True)
class OpenedModule:
    """A module, what traces it, and the arguments of its constructor."""

    source: Source
    module: torch.nn.Module
    tracer: GraphTracer
    leaves: Mapping[str, str]
    named: bool = False
    """Whether the user named the inputs."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments that it was constructed with, as far as they are known."""
        return self.tracer.arguments.get(id(self.module), {})

    @property
    def title(self) -> str:
        """What the network is called where nobody says: the source's last word, or the class."""
        if isinstance(self.source, ModuleSource):
            return source_title(self.source)
        return block_name(type(self.module).__name__)

    @property
    def about(self) -> str:
        """The first line of the class's docstring, the origin and its versions."""
        return f"{self.described}Imported from {_origin_text(self.source, self.module)}{self.versions}"

    @property
    def described(self) -> str:
        """The first line of the class's docstring as a sentence; '' where there is none."""
        kind = type(self.module)
        text = inspect.getdoc(kind) or ""
        first = text.split("\n\n")[0].replace("\n", " ").strip() if kind.__doc__ else ""
        return f"{first.rstrip('.')}. " if first and len(first) < 200 else ""

    @property
    def versions(self) -> str:
        """The versions of the library and of torch, as the end of a sentence."""
        package = type(self.module).__module__.partition(".")[0]
        version = _version(package)
        of = f" of {package} {version}" if version and package != "torch" else ""
        return f"{of}, torch {torch.__version__}."

    @property
    def origin(self) -> dict[str, Any]:
        """What it was made of: the source, its arguments, the class and the package that this belongs to."""
        kind = type(self.module)
        found: dict[str, Any] = {"source": _origin_text(self.source, self.module)}
        if isinstance(self.source, ModuleSource):
            found |= {"arguments": dict(self.source.arguments)} if self.source.arguments else {}
            found |= {"config": dict(self.source.config)} if self.source.config is not None else {}
        found |= {"leaves": dict(self.leaves)} if self.leaves else {}
        return {
            **found,
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "package": kind.__module__.partition(".")[0],
        }


@contextmanager
def opened(
    source: Source,
    made: Made,
    inputs: Mapping[str, Any] | None,
    dynamic: Dynamic | None,
    leaves: Mapping[str, str],
) -> Iterator[OpenedModule]:
    """The module that was `made` of a source, which is left as it was found. Raises ImportingError."""
    module, arguments = made
    require_importable(module)
    kept = KeptClasses.of(leaves, module)
    known = source if isinstance(source, ModuleSource) else None
    flat, forms = flat_inputs(inputs or {})
    with _modes_kept(module), flat_forward(module, flat, forms):
        runs = ShapeRuns(module)
        symbols, tries = _tries(runs, known, flat, dynamic)
        yield OpenedModule(
            source, module, GraphTracer(runs, symbols, arguments, KeptInputs(tries), kept), leaves, bool(flat)
        )


def constructed(source: Source) -> Made:
    """The module, made by the factory where it is one, with the arguments of all modules inside. Raises
    ImportingError."""
    if isinstance(source, torch.nn.Module):
        return source, attributes_as_arguments(source)
    with noted_constructors() as arguments:
        if isinstance(source, ModuleSource):
            return source.make(), arguments
        return made_by(source, getattr(source, "__qualname__", "the factory")), arguments


def source_title(source: ModuleSource) -> str:
    """The last word of a source as a name: `timm:resnet18` → resnet18; of a folder its name."""
    word = source.name.rpartition(".")[2] if source.folder is None else source.folder.resolve().name
    plain = "".join(letter if letter.isalnum() else "_" for letter in word)
    return block_name(plain)


@contextmanager
def _modes_kept(module: torch.nn.Module) -> Iterator[None]:
    """Afterwards each module is in training or in evaluation as before: it may belong to somebody's training loop."""
    modes = [(inner, inner.training) for inner in module.modules()]
    try:
        yield
    finally:
        for inner, training in modes:
            inner.training = training


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


def _origin_text(source: Source, module: torch.nn.Module) -> str:
    return str(source) if isinstance(source, ModuleSource) else f"{type(module).__module__}.{type(module).__name__}"


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
