"""Files of weights: what they hold, whose they are, and their conversion for a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.errors import ArchgraphError, WeightsError
from archgraph.verbs.networks import Network, as_graph, load

if TYPE_CHECKING:
    from archgraph.graph.types import Graph
    from archgraph.verbs.modules import Weights
    from archgraph.weights.fitting import FittedWeights
    from archgraph.weights.reports import WeightsReport
    from archgraph.weights.sketches import SketchedNetwork
    from archgraph.weights.tensors import LazyTensor, Tensors

CANDIDATES = 4
"""So many shipped networks are made to count what fits."""
LEAST_GROUP = 8
"""Parts of a file with fewer keys are not looked at."""


@dataclass(frozen=True, slots=True)
class WeightsFit:
    """How nearly weights fit a shipped network: how many do, and how many are missing, unexpected or of another shape.

    `part` is the prefix in the file, `naming` the published one that the keys follow.
    """

    network: str
    naming: str
    part: str
    fitting: int
    missing: int
    unexpected: int
    misshapen: int

    @property
    def exact(self) -> bool:
        """Whether all fit."""
        return not (self.missing or self.unexpected or self.misshapen)

    @property
    def share(self) -> float:
        """The part of all keys, of the file's and of the network's, that fits."""
        return self.fitting / (self.fitting + self.missing + self.unexpected + self.misshapen)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        names = ("network", "naming", "part", "fitting", "missing", "unexpected", "misshapen")
        return {name: getattr(self, name) for name in names} | {"share": round(self.share, 4)}


def fits(tensors: Tensors) -> list[WeightsFit]:
    """The shipped networks that weights, or parts of them, fit, the nearest first; those that fit by less than half are
    left out."""
    found: dict[tuple[str, str], WeightsFit] = {}
    for part, group in _groups(tensors):
        for fit in _fits(part, group):
            best = found.get((fit.network, part))
            if best is None or fit.share > best.share:
                found[fit.network, part] = fit
    exact = [fit for fit in found.values() if fit.exact]
    near = [fit for fit in found.values() if not fit.exact and fit.share >= 0.5]
    return exact + sorted(near, key=lambda fit: -fit.share)


def _groups(tensors: Tensors) -> Iterator[tuple[str, dict[str, LazyTensor]]]:
    """All tensors, and those under each prefix of up to three levels that is not of all."""
    yield "", dict(tensors)
    groups: dict[str, dict[str, LazyTensor]] = {}
    for key, tensor in tensors.items():
        parts = key.split(".")
        for depth in range(1, min(4, len(parts))):
            prefix = ".".join(parts[:depth])
            groups.setdefault(prefix, {})[".".join(parts[depth:])] = tensor
    for prefix, group in groups.items():
        if len(group) >= max(LEAST_GROUP, len(tensors) // 20):
            yield prefix, group


def _fits(part: str, tensors: dict[str, LazyTensor]) -> Iterator[WeightsFit]:
    from archgraph.weights.sketches import nearest_networks

    shapes = {key: tensor.shape for key, tensor in tensors.items()}
    for near in nearest_networks(shapes, CANDIDATES, 0.5 if part else 0.2):
        try:
            yield _counted(near, part, tensors)
        except ArchgraphError:  # a spec or a naming that somebody has changed since
            continue


def _counted(near: SketchedNetwork, part: str, tensors: dict[str, LazyTensor]) -> WeightsFit:
    """How many keys of a file, under a naming, are those of a network. Raises ArchgraphError."""
    from archgraph.weights.namings import naming_named
    from archgraph.weights.wanted import is_optional, left_to_compute, wanted_by

    graph = load(near.request)
    wanted = wanted_by(graph)
    given = naming_named(graph, near.naming).forward(tensors).tensors if near.naming else tensors
    tied = {key for key, weight in wanted.items() if weight.tied}
    both = given.keys() & wanted.keys()
    right = [key for key in both if given[key].shape == wanted[key].shape]
    without = tied | set(left_to_compute(given, wanted))
    missing = [key for key in wanted if key not in given and not is_optional(key) and key not in without]
    name = near.request.partition("@")[2] or near.request
    return WeightsFit(
        name, near.naming, part, len(right), len(missing), len(given.keys() - wanted.keys()), len(both) - len(right)
    )


def sketched(graph: Graph, request: str) -> Iterator[SketchedNetwork]:
    """The sketches of a shipped network: under its own names, and under those it was published with."""
    from archgraph.weights.namings import namings_of
    from archgraph.weights.sketches import SketchedNetwork, sketch_of
    from archgraph.weights.wanted import wanted_by

    wanted = wanted_by(graph)
    yield SketchedNetwork(request, "", sketch_of({key: weight.shape for key, weight in wanted.items()}))
    for naming in namings_of(graph):
        made = naming.backward(_without_values(graph)).tensors
        start = f"{naming.part}." if naming.part else ""
        shapes = {key.removeprefix(start): tensor.shape for key, tensor in made.items()}
        yield SketchedNetwork(request, naming.name, sketch_of(shapes))


def _without_values(graph: Graph) -> dict[str, LazyTensor]:
    """Tensors of the network's shapes that nobody may read."""
    from archgraph.weights.tensors import LazyTensor
    from archgraph.weights.wanted import wanted_by

    def nothing() -> Any:
        raise WeightsError("these weights have shapes alone")

    return {key: LazyTensor(weight.dtype, weight.shape, nothing) for key, weight in wanted_by(graph).items()}


@dataclass(frozen=True, slots=True)
class Conversion:
    """A file that was written, how large it is, and what was done."""

    path: Path
    size: int
    weights: int
    report: WeightsReport

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        written = {"file": str(self.path), "bytes": self.size, "weights": self.weights}
        return {**written, "report": self.report.to_json()}


def convert_weights(
    weights: Weights,
    path: str | Path,
    network: Network | None = None,
    *,
    to: str = "",
    dtype: str = "",
    seed: int = 0,
) -> Conversion:
    """Writes weights as a safetensors file, with the keys and shapes of a network; `to` a published naming of it.

    Tensors are copied one by one; those in another `dtype` are rounded to the nearest, and those that start anew drawn
    from `seed`. Without a network nothing is checked. Raises WeightsError; then what was at `path` stays.
    """
    from archgraph.weights.fitting import fitted, unfitted
    from archgraph.weights.targets import network_of
    from archgraph.weights.writing import cast, write_safetensors

    _require_type(dtype)
    graph = None if network is None else as_graph(network)
    if graph is None and to:
        raise WeightsError(f"the naming '{to}' is one of a network", hint="--for SPEC names it")
    found = unfitted(weights) if graph is None else fitted(network_of(graph), weights)
    report = found.report
    tensors = found.tensors if graph is None else _completed(graph, found, seed).tensors
    if graph is not None and to:
        tensors, report = _named(graph, tensors, report, to)
    if dtype:
        tensors = {key: cast(tensor, dtype, key) for key, tensor in tensors.items()}
    size = write_safetensors(Path(path), tensors, found.files)
    return Conversion(Path(path), size, len(tensors), report)


def _require_type(dtype: str) -> None:
    from archgraph.weights.element_types import FLOATS

    if dtype and dtype not in FLOATS:
        raise WeightsError(f"there is no type '{dtype}' of weights", expected=", ".join(FLOATS))


def _completed(graph: Graph, found: FittedWeights, seed: int) -> FittedWeights:
    if not found.fresh:
        return found
    from archgraph.codegen import to_torch

    return found.completed(to_torch(graph, seed=seed))


def _named(
    graph: Graph, tensors: Tensors, report: WeightsReport, to: str
) -> tuple[Mapping[str, LazyTensor], WeightsReport]:
    """The tensors under a published naming, and the report of both ways."""
    from archgraph.weights.namings import naming_named

    naming = naming_named(graph, to)
    made = naming.backward(tensors)
    start = f"{naming.part}." if naming.part else ""
    named = {f"{start}{key}": tensor for key, tensor in made.tensors.items()}
    changed = {
        **report.renamed,
        **{old: f"{start}{new}" for old, new in made.renamed.items()},
    }
    return named, replace(
        report,
        renamed=changed,
        matched=tuple(key for key in report.matched if key in named),
        split={**report.split, **made.split},
        joined={**report.joined, **made.joined},
        left_out=(*report.left_out, *made.dropped),
    )
