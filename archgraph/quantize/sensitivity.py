"""Which layers cost the most exactness for the least work, measured one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from archgraph.artifact.arrays import Array
from archgraph.quantize.layer_ablation import LayerAblation
from archgraph.quantize.output_error import departures, total
from archgraph.quantize.ranges import Progress
from archgraph.quantize.uses import ModelWiring

Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The relative error of the output when only this layer is quantised, and its share of the layers' work."""

    layer: str
    error: float
    work: float


def sensitivities(
    model: Any,
    wiring: ModelWiring,
    layers: Sequence[str],
    ranges: Ranges,
    work: Mapping[str, float],
    batches: Sequence[Mapping[str, Array]],
    progress: Progress,
) -> tuple[Sensitivity, ...]:
    """One per layer, the worst error for its work first."""
    alone = LayerAblation(model, wiring, layers, ranges, batches)
    found = []
    for layer, outputs in alone:
        error = total(departures(alone.exact, outputs))
        found.append(Sensitivity(layer, error, work.get(layer, 0.0)))
        progress(len(found), len(layers))
    return tuple(sorted(found, key=lambda each: each.error**2 / max(each.work, 1e-9), reverse=True))


def fewest(found: Sequence[Sensitivity], error: float, budget: float) -> tuple[str, ...]:
    """The first layers of the list without which the error should be in its budget.

    Errors of layers that are rounded independently add up as squares; where their sum is not the error of all, each
    counts for its part of it.
    """
    whole = sum(each.error**2 for each in found)
    if not whole:
        return ()
    left, chosen = error**2, []
    for each in found:
        if left <= budget**2:
            break
        left -= error**2 * each.error**2 / whole
        chosen.append(each.layer)
    return tuple(chosen)


def shares_of_work(wiring: ModelWiring, layers: Sequence[str], made: Mapping[str, int]) -> dict[str, float]:
    """The part of the multiply-accumulates of these layers that each has, by how many values it makes per example."""
    counts = {}
    for name in layers:
        node = wiring.nodes[name]
        weight = wiring.weights[node.input[1]]
        counts[name] = made.get(node.output[0], 0) * _terms(node, weight)
    whole = sum(counts.values()) or 1
    return {name: count / whole for name, count in counts.items()}


def _terms(node: Any, weight: Sequence[int]) -> int:
    """How many products are added up to one value."""
    if node.op_type == "Conv":
        return prod(weight[1:])
    turned = any(item.name == "transB" and item.i for item in node.attribute)
    return weight[1] if turned else weight[0]
