"""One network in two files: imported and exported by archgraph, and by torch.onnx with the same sizes free."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import references
import torch
from contenders import torch_export
from import_networks import Network
from surveys import Timed, first_problem

import archgraph as ag
from archgraph.dims import Constraint
from archgraph.errors import ArchgraphError
from archgraph.graph.input_sizes import input_symbols, sizes_from
from archgraph.importing.api import Imported, import_module
from archgraph.importing.sources.example_inputs import InputDescription, descriptions, examples
from archgraph.importing.sources.module_source import ModuleSource
from archgraph.importing.tracing.shape_runs import ShapeRuns
from archgraph.importing.writing.rewriting.handed_out import with_values
from archgraph.verify.cases import Case, admitted
from archgraph.verify.shape_check import save_weights
from archgraph.verify.trial_inputs import inputs_of

Arrays = dict[str, Any]
OURS, THEIRS, TRIES, LATENCY = "ours.onnx", "theirs.onnx", "tries.pt", "latency.npz"
USUAL_SIDE = 224
"""The height and the width at which pictures are timed, where they are free."""
_BATCHES = (1, 3)


class RandomisedSource(ModuleSource):
    """A source whose module has random weights and statistics, and the CPU seconds and wall time of making it."""

    def make(self) -> torch.nn.Module:
        start = _now()
        torch.manual_seed(0)
        made = references.randomised(super().make())
        object.__setattr__(self, "spent", _since(start))
        return made


def source_of(network: Network) -> RandomisedSource:
    """The source of a network's module with random weights."""
    known = network.source
    return RandomisedSource(known.library, known.name, known.arguments, known.config)


def _now() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def _since(start: tuple[float, float]) -> tuple[float, float]:
    now = _now()
    return now[0] - start[0], now[1] - start[1]


def ours(network: Network, folder: Path, profile: str) -> dict[str, Any]:
    """Imports and exports without proof: CPU seconds and wall time, and inputs for the comparison in `folder`.

    The seconds are those of the import, of writing the module's weights, and of the export, as the commands do it; not
    those of making the module.
    """
    source = source_of(network)
    tracing = Timed(torch.export.export)
    torch.export.export = tracing  # type: ignore[assignment]
    start = _now()
    try:
        made = import_module(source, network.inputs, verify=False)
        imported = _since(start)[0] - source.spent[0]
        made = _as_the_module_names(made, tracing.arguments[2])
        save_weights(made.module, folder / "weights.safetensors")
        ag.to_onnx(made.graph, folder / OURS, weights=folder / "weights.safetensors", profile=profile, verify=False)
        spent = _since(start)
    except ArchgraphError as error:
        return {"refused": first_problem(error)}
    except Exception as error:
        return {"refused": f"{type(error).__name__}: {error}"[:500]}
    cpu, wall = (whole - part for whole, part in zip(spent, source.spent, strict=True))
    result = {
        "cpu": cpu,
        "wall": wall,
        "import": imported - tracing.seconds,
        "torch.export": tracing.seconds,
        "calls of torch.export": tracing.calls,
        "nodes": len(made.graph.nodes),
        "shapes": {value.name: [str(size) for size in value.shape] for value in made.graph.inputs},
        "notes": list(made.notes),
    }
    try:
        _keep(made, dict(tracing.arguments[2]), folder, _timed_sides(network))
    except Exception as error:
        result["why"] = f"no inputs to compare at: {type(error).__name__}: {error}"[:500]
    return result


def _as_the_module_names(made: Imported, traced: Arrays) -> Imported:
    """The network with the name of the module's input where that says nothing and the import has a usual one, so that
    both files read the same arrays."""
    if len(made.graph.inputs) != 1 or made.graph.inputs[0].name in traced:
        return made
    (value,) = made.graph.inputs
    named = replace(value, name=next(iter(traced)))
    return replace(made, graph=with_values(made.graph, {id(value): named}))


def _timed_sides(network: Network) -> dict[str, int]:
    """The height and the width at which a network of pictures is timed; others at the sizes that they are traced on."""
    return (
        {} if network.inputs or network.library not in ("torchvision", "timm") else {"H": USUAL_SIDE, "W": USUAL_SIDE}
    )


def _keep(made: Imported, traced: Arrays, folder: Path, sides: Mapping[str, int]) -> None:
    """The inputs that it was traced on with their free sizes, and those to compare and to time at."""
    graph = made.graph
    shapes = [tuple(traced[value.name].shape) for value in graph.inputs]
    sizes = sizes_from(graph, shapes)
    rules = {rule.symbol: rule for rule in graph.constraints}
    batch = {str(value.shape[0]) for value in graph.inputs if value.shape and not isinstance(value.shape[0], int)}
    others = {name: value for name, value in traced.items() if name not in {value.name for value in graph.inputs}}

    def arrays(numbers: Mapping[str, int]) -> Arrays:
        given = inputs_of(graph, Case(numbers, seed=sum(numbers.values())))
        plain = {name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in others.items()}
        return {**plain, **{name: np.array(value) for name, value in given.items()}}

    tries = [arrays(numbers) for numbers in sizes_to_try(sizes, batch, rules)]
    free = {
        value.name: [axis for axis, size in enumerate(value.shape) if not isinstance(size, int)]
        for value in graph.inputs
    }
    torch.save({"traced": traced, "free": free, "tries": tries}, folder / TRIES)
    timed = {**sizes, **dict.fromkeys(batch, 1)}
    timed |= {name: admitted(rules.get(name), side) for name, side in sides.items() if name in input_symbols(graph)}
    given = {name: value for name, value in arrays(timed).items() if isinstance(value, np.ndarray)}
    np.savez(folder / LATENCY, **given)


def sizes_to_try(
    sizes: Mapping[str, int], batch: set[str], rules: Mapping[str, Constraint]
) -> Iterator[dict[str, int]]:
    """Those that a network was traced on, and others that its rules admit; the first three that it takes are used."""

    def scaled(number: int, factors: Sequence[float], offset: int) -> dict[str, int]:
        found = {}
        for place, (name, size) in enumerate(sizes.items()):
            wanted = int(size * factors[place % len(factors)]) + offset
            found[name] = admitted(rules.get(name), number if name in batch else max(1, wanted))
        return found

    first, second = _BATCHES
    yield dict(sizes)
    yield scaled(first, (1.4, 1.2), 1)
    yield scaled(second, (0.8, 0.6), 1)
    yield scaled(first, (2.0, 1.0), 0)
    yield scaled(second, (1.0, 2.0), 0)
    yield scaled(first, (1.0,), 0)
    yield scaled(second, (1.0,), 0)


def theirs(network: Network, folder: Path) -> dict[str, Any]:
    """torch's export of the same module on the same inputs: CPU seconds and wall time."""
    module = source_of(network).make()
    try:
        kept = _kept(network, module, folder)
    except (ArchgraphError, StopIteration):
        return {"skipped": "nobody says which inputs it takes"}
    shapes = {
        name: dict.fromkeys(kept["free"].get(name, ()), torch.export.Dim.AUTO)
        if isinstance(value, torch.Tensor)
        else None
        for name, value in kept["traced"].items()
    }
    tracing = Timed(torch.export.export)
    torch.export.export = tracing  # type: ignore[assignment]
    start = _now()
    try:
        torch_export(module, (), folder / THEIRS, kwargs=dict(kept["traced"]), dynamic_shapes=shapes)
    except Exception as error:
        cpu, wall = _since(start)
        return {"refused": _cause(error), "cpu": cpu, "wall": wall}
    cpu, wall = _since(start)
    return {"cpu": cpu, "wall": wall, "torch.export": tracing.seconds}


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}".strip().replace("\n", " ")[:500]


def _kept(network: Network, module: torch.nn.Module, folder: Path) -> dict[str, Any]:
    """What our import kept; where it refused, the first inputs that the module takes, with all sizes free."""
    if (folder / TRIES).is_file():
        found: dict[str, Any] = torch.load(folder / TRIES, weights_only=False)
        return found
    wanted = descriptions(module, network.source, network.inputs)
    free = {
        name: [axis for axis, size in enumerate(one.sizes) if isinstance(size, str)] for name, one in wanted.items()
    }
    first = next(given for given in examples(wanted, ShapeRuns(module)) if _takes(module, given))
    kept = {"traced": first, "free": free, "tries": list(_resized(wanted, first))}
    torch.save(kept, folder / TRIES)
    return kept


def _resized(wanted: Mapping[str, InputDescription], first: Arrays) -> Iterator[Arrays]:
    """Inputs of other sizes, from the descriptions alone."""
    sizes: dict[str, int] = {}
    for name, one in wanted.items():
        sizes |= {size: number for size, number in zip(one.sizes, first[name].shape, strict=True) if size in one.names}
    for numbers in sizes_to_try(sizes, {"N"}, {}):
        if all(name in numbers for one in wanted.values() for name in one.names):
            given = {name: _array(one, one.shape(numbers)) for name, one in wanted.items()}
            yield {name: given.get(name, value) for name, value in first.items()}


def _array(one: InputDescription, shape: Sequence[int]) -> np.ndarray:
    if one.dtype.startswith("float"):
        return np.random.default_rng(0).standard_normal(shape).astype(one.dtype)
    return np.ones(shape, one.dtype)


def _takes(module: torch.nn.Module, given: Arrays) -> bool:
    try:
        with torch.no_grad():
            module(**given)
    except Exception:
        return False
    return True


__all__ = ["LATENCY", "OURS", "THEIRS", "TRIES", "ours", "source_of", "theirs"]
