"""Several torch modules of one class → one spec with a preset for each, every one proved equal to its module."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from types import MappingProxyType
from typing import Any

import torch

from archgraph.errors import ImportingError
from archgraph.garbage_collection import uncollected
from archgraph.graph.keys import weights
from archgraph.graph.types import Graph
from archgraph.importing.api import Imported, imported, loaded, traced_graph
from archgraph.importing.conversion.traced_graphs import TracedGraph
from archgraph.importing.opened_modules import Made, OpenedModule, Source, constructed, opened, source_title
from archgraph.importing.resized_networks import ResizedNetwork, resized_network
from archgraph.importing.sources.dynamic_sizes import Dynamic
from archgraph.importing.sources.module_source import ModuleSource
from archgraph.importing.writing.families.usual_names import with_usual_names
from archgraph.importing.writing.family_data import family_data
from archgraph.importing.writing.modules.naming import block_name
from archgraph.importing.writing.plain_data.renamed_parameters import with_renamed_parameters
from archgraph.language.schema import names

_LEAST_OF_A_NAME = 3
"""Letters of a name that all presets begin with."""


@dataclass(frozen=True, slots=True)
class ImportedFamily:
    """The networks of a family by the names of their presets, and the spec of all."""

    name: str
    networks: Mapping[str, Imported]
    spec: Mapping[str, Any]

    @property
    def first(self) -> Imported:
        """The network whose parameters are the defaults."""
        return next(iter(self.networks.values()))

    @property
    def proved(self) -> bool:
        """Whether every preset was proved equal to its module."""
        return all(one.parity is not None for one in self.networks.values())


def import_family(
    sources: Mapping[str, Source],
    inputs: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    verify: bool = True,
    dynamic: Dynamic | None = None,
    leaves: Mapping[str, str] = MappingProxyType({}),
    renamed: Mapping[str, str] = MappingProxyType({}),
) -> ImportedFamily:
    """Brings the networks of a family in, by the names of their presets; the other arguments are those of
    `import_module`, for each of them. The parameters' defaults are the first network's; they have the names of the
    constructors' arguments but for those `renamed`: {"num_classes": "classes"}.

    Raises ImportingError for networks of several classes or with inputs that differ, for what has no counterpart, for a
    new name of no parameter, and for a preset that is not equal to its module, with the preset's name.
    """
    if not sources:
        raise ImportingError("a family without networks", expected="a module for each preset")
    if name:
        names.block_name(name)
    for word in sources:
        names.preset_name(word)
    with ExitStack() as stack:
        made: dict[str, Made] = {}
        for word, source in sources.items():
            with _named(word):
                made[word] = constructed(source)
        _require_one_class({word: module for word, (module, _) in made.items()})
        modules: dict[str, OpenedModule] = {}
        for word, source in sources.items():
            with _named(word):
                modules[word] = stack.enter_context(opened(source, made[word], inputs, dynamic, leaves))
        traced, resized, spec, title = _written(modules, name, stack)
        spec = with_renamed_parameters(spec, renamed)
        found: dict[str, Imported] = {}
        for word, module in modules.items():
            with _named(word):
                graph = loaded(spec, word)
                _require_weights(graph, traced[word].graph)
                found[word] = imported(module, traced[word], graph, spec, verify)
        if resized is not None:
            word = next(iter(modules))
            size = renamed.get(resized.argument, resized.argument)
            with _named(f"{word} with {size} {resized.side}"):
                graph = loaded(spec, word, **{size: resized.side})
                imported(resized.module, resized.traced, graph, spec, verify)
        return ImportedFamily(title, found, spec)


def _require_weights(preset: Graph, network: Graph) -> None:
    """Raises ImportingError where a preset has other weights than its network, whether or not it is proved."""
    ours, theirs = ([(one.key, str(one.weight.shape)) for one in weights(graph)] for graph in (preset, network))
    if ours != theirs:
        pairs = zip_longest(ours, theirs, fillvalue=("no more", ""))
        found, wanted = next(pair for pair in pairs if pair[0] != pair[1])
        raise ImportingError(
            "the preset that was written has other weights: this is a fault of archgraph",
            expected=" ".join(wanted),
            received=" ".join(found),
        )


def preset_names(sources: Sequence[tuple[str, ModuleSource]]) -> dict[str, ModuleSource]:
    """Sources by the names of their presets: the name that was chosen, else the source's last word. Raises
    ImportingError where two have one name."""
    found: dict[str, ModuleSource] = {}
    for chosen, source in sources:
        word = chosen or source_title(source)
        if word in found:
            raise ImportingError(
                f"two networks are called {word}: {found[word]} and {source}",
                expected="a name for each preset",
                hint=f"NAME={source} chooses one",
            )
        found[word] = source
    return found


_Written = tuple[dict[str, TracedGraph], ResizedNetwork | None, dict[str, Any]]
_Trace = Callable[[OpenedModule], TracedGraph]


def _written(modules: Mapping[str, OpenedModule], name: str, stack: ExitStack) -> tuple[Any, ...]:
    """The networks as they were traced, the first one for other images if their size is a parameter, the spec of all,
    and its name."""
    first = next(iter(modules.values()))
    title = name or _common_name([*modules]) or block_name(type(first.module).__name__)
    with uncollected():
        traced = _traced(modules, _both_modes)
        try:
            return *_with_spec(modules, traced, _both_modes, title, stack), title
        except ImportingError as error:
            if not any(one.modes.traced for one in traced.values()):
                raise
            reason = str(error.problems[0].received)
        evaluated = partial(_evaluation, reason=reason)
        return *_with_spec(modules, _traced(modules, evaluated), evaluated, title, stack), title


def _both_modes(module: OpenedModule) -> TracedGraph:
    return traced_graph(module.tracer)


def _evaluation(module: OpenedModule, reason: str) -> TracedGraph:
    return module.tracer.evaluation(reason)


def _traced(
    modules: Mapping[str, OpenedModule], trace: Callable[[OpenedModule], TracedGraph]
) -> dict[str, TracedGraph]:
    found: dict[str, TracedGraph] = {}
    for word, module in modules.items():
        with _named(word):
            found[word] = trace(module)
    return found


def _with_spec(
    modules: Mapping[str, OpenedModule], traced: dict[str, TracedGraph], trace: _Trace, title: str, stack: ExitStack
) -> _Written:
    """The spec of networks with the same inputs and outputs. Raises ImportingError."""
    graphs = {word: _usually_named(one.graph, modules[word]) for word, one in traced.items()}
    _require_alike_inputs(graphs)
    arguments = [module.arguments for module in modules.values()]
    about = _about([*modules.values()])
    resized = resized_network(stack, [*modules.values()], [one.graph for one in traced.values()], trace)
    if resized is not None:
        first = next(iter(modules.values()))
        other = resized.beside(first, _usually_named(resized.traced.graph, first))
        spec = family_data(graphs, arguments, title, about, other)
        if _is_resized(spec, next(iter(graphs)), resized):
            return traced, resized, spec
    return traced, None, family_data(graphs, arguments, title, about)


def _usually_named(graph: Graph, module: OpenedModule) -> Graph:
    return with_usual_names(graph, module.arguments, module.named)


def _is_resized(spec: Mapping[str, Any], word: str, resized: ResizedNetwork) -> bool:
    """Whether a preset has the weights of its network for other images where their size is set."""
    if resized.argument not in spec.get("params", {}):
        return False
    try:
        graph = loaded(spec, word, **{resized.argument: resized.side})
        _require_weights(graph, resized.traced.graph)
    except ImportingError:
        return False
    return True


def _about(modules: Sequence[OpenedModule]) -> str:
    sources = [str(module.origin["source"]) for module in modules]
    several = f"{', '.join(sources[:-1])} and {sources[-1]}" if len(set(sources)) > 1 else sources[0]
    return f"{modules[0].described}Imported from {several}{modules[0].versions}"


def _common_name(presets: Sequence[str]) -> str:
    """What all names begin with, without a number at its end: resnet18, resnet34 → resnet."""
    if len(presets) < 2:
        return ""
    first, last = min(presets), max(presets)
    count = next((place for place, pair in enumerate(zip(first, last, strict=False)) if len({*pair}) > 1), len(first))
    start = first[:count]
    whole = start if all(re.match(r"[\d_]|\Z", one[count:]) for one in presets) else start.rpartition("_")[0]
    plain = re.sub(r"[\d_]+\Z", "", whole)
    return plain if len(plain) >= _LEAST_OF_A_NAME else ""


def _require_one_class(modules: Mapping[str, torch.nn.Module]) -> None:
    (first, one), *others = modules.items()
    for word, other in others:
        if type(other) is not type(one):
            raise ImportingError(
                "the networks are of different classes, so they are no family",
                expected=f"{type(one).__qualname__}, as {first} is",
                received=f"{word} is {type(other).__qualname__}",
                hint="import each by itself",
            )


def _require_alike_inputs(graphs: Mapping[str, Graph]) -> None:
    """Raises ImportingError where networks read or hand out something else than the first."""
    (first, one), *others = graphs.items()
    for word, other in others:
        if _read(one) != _read(other):
            raise ImportingError(
                f"{word} does not read what {first} reads",
                expected=", ".join(f"{value.name} {value.type}" for value in one.inputs),
                received=", ".join(f"{value.name} {value.type}" for value in other.inputs),
            )
        if _made(one) != _made(other):
            raise ImportingError(
                f"{word} does not hand out what {first} hands out",
                expected=", ".join(_made(one)) or "one output",
                received=", ".join(_made(other)) or "one output",
            )


def _read(graph: Graph) -> list[tuple[str, str, list[str]]]:
    """The inputs with their types, in which all numbers are alike."""
    sizes = [["number" if isinstance(size, int) else str(size) for size in value.shape] for value in graph.inputs]
    return [(value.name, value.dtype, row) for value, row in zip(graph.inputs, sizes, strict=True)]


def _made(graph: Graph) -> list[str]:
    return [*filter(None, graph.outputs), *(f"{name} in training" for name in graph.training_outputs)]


@contextmanager
def _named(preset: str) -> Iterator[None]:
    """Errors inside say which network they are about."""
    try:
        yield
    except ImportingError as error:
        problem = error.problems[0]
        raise ImportingError(replace(problem, message=f"{preset}: {problem.message}")) from error
