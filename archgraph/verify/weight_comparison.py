"""The weights in a file, one by one, against the module's; and the same file with other weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from archgraph.artifact.arrays import Array
from archgraph.artifact.metadata_keys import DTYPE
from archgraph.artifact.staging import Stage
from archgraph.errors import Problem
from archgraph.export.lowering.applications import ties_of
from archgraph.export.lowering.gate_order import GateOrder
from archgraph.export.lowering.program import SINGLE, Initializer
from archgraph.export.serialization.streaming import write_model
from archgraph.export.serialization.weights import LOW, MatchedWeights
from archgraph.graph.types import Graph
from archgraph.verify.external_data import values
from archgraph.verify.low_precision import ROUNDOFF, SMALLEST
from archgraph.verify.parametrized_weights import computed_weight, parts_of

_ROUNDING = 2.0**-23
"""A folded tensor is computed in float64 and rounded once; another order of the same steps moves it by a bit."""
_CANCELLED = 2.0**-40
"""What float64 loses in a folded bias, a difference of larger terms: far less than this part of the largest bias."""


def read_model(path: Path) -> Any:
    """The model without weights that lie outside of it."""
    return onnx.load(str(path), load_external_data=False)


def differences(
    model: Any, path: Path, items: Mapping[str, Initializer], state: Mapping[str, Array]
) -> Iterator[Problem]:
    """Each weight of the file that is missing, or that has other values than the module's."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for name, item in items.items():
        if name not in tensors:
            yield Problem(f"the file lacks the weight {name}", path=item.keys[0])
            continue
        found = values(tensors[name], path)
        wanted = expected(item, state)
        key = item.keys[0]
        if found.shape != wanted.shape:
            yield Problem(f"the weight {name} has another shape", None, key, str(wanted.shape), str(found.shape))
        elif str(found.dtype) != item.dtype:
            yield Problem(f"the weight {name} has another element type", None, key, item.dtype, str(found.dtype))
        elif not _equal(found, wanted, item):
            far = _farthest(wanted, found)
            yield Problem(f"the weight {name} has other values than the module's", None, key, *far, notes=_norm(item))


def _norm(item: Initializer) -> tuple[tuple[str, None], ...]:
    """That a batch norm is in it: its weights may be the wrong ones."""
    return ((f"the batch norm {item.fold.mean.rpartition('.')[0]} is multiplied into it", None),) if item.fold else ()


def expected(item: Initializer, state: Mapping[str, Array]) -> Array:
    """What a weight of the file must hold, computed from the module's state in float64."""
    if item.gates is not None:
        return _gates(item.gates, state)
    if item.parametrized is not None:
        return computed_weight(item.parametrized, state).reshape(item.shape)
    if item.fold is None:
        found = np.asarray(state[item.keys[0]])
        return (found.T if item.transform == "transpose" else found).reshape(item.shape)
    fold = item.fold
    parts = {key: np.asarray(state[key], dtype=np.float64) for key in fold.keys}
    factor = parts.get(fold.gamma, np.float64(1)) * (parts[fold.variance] + fold.eps) ** -0.5
    if len(item.shape) > 1:
        return np.moveaxis(np.moveaxis(parts[fold.weight], 0, -1) * factor, -1, 0)
    bias = parts.get(fold.bias, np.float64(0))
    return np.asarray(bias * factor - parts[fold.mean] * factor + parts.get(fold.beta, np.float64(0)))


def _gates(gates: GateOrder, state: Mapping[str, Array]) -> Array:
    """The weights of a recurrent layer as its ONNX operator reads them."""
    order = np.array(gates.order)
    directions = []
    for keys in gates.directions:
        parts = [np.asarray(state[key]) for key in keys]
        apart = [part.reshape(len(order), -1, *part.shape[1:])[order].reshape(part.shape) for part in parts]
        directions.append(np.concatenate(apart))
    return np.stack(directions)


def held(
    model: Any, path: Path, graph: Graph, items: Mapping[str, Initializer], state: Mapping[str, Array]
) -> dict[str, Array]:
    """A state dict with the weights of the file; what the file lacks, or has in another size, is left as in `state`.

    A folded layer is told apart again as itself before a norm that changes nothing.
    """
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    own = dict(state)
    for name, item in items.items():
        if name not in tensors:
            continue
        found = values(tensors[name], path)
        if found.shape == item.shape:
            own |= _parted(found.astype(np.float32) if item.dtype in LOW else found, item, state)
    ties = ties_of(graph)
    return {key: own[ties.get(key, key)] for key in state}


def _parted(found: Array, item: Initializer, state: Mapping[str, Array]) -> dict[str, Array]:
    """The weights that make this tensor of the file."""
    if item.gates is not None:
        return _apart(found, item.gates, state)
    if item.parametrized is not None:
        return parts_of(found, item.parametrized, state)
    if item.fold is None:
        key = item.keys[0]
        return {key: (found.T if item.transform == "transpose" else found).reshape(state[key].shape)}
    fold = item.fold
    if len(item.shape) > 1:
        return {fold.weight: found.reshape(state[fold.weight].shape)}
    zeros, ones = np.zeros_like(found), np.ones_like(found)
    neutral = {fold.mean: zeros, fold.variance: ones - np.asarray(fold.eps, found.dtype), fold.gamma: ones}
    kept = fold.beta or fold.bias or fold.mean
    given = {fold.bias: zeros, fold.beta: zeros} | neutral | {kept: -found if kept == fold.mean else found}
    return {key: value for key, value in given.items() if key}


def _apart(found: Array, gates: GateOrder, state: Mapping[str, Array]) -> dict[str, Array]:
    """The weights of a recurrent layer that make this tensor of the file, in torch's order of gates."""
    back = np.argsort(gates.order)
    own: dict[str, Array] = {}
    for rows, keys in zip(found, gates.directions, strict=True):
        for key, part in zip(keys, np.split(rows, len(keys)), strict=True):
            shape = state[key].shape
            own[key] = part.reshape(len(back), -1, *shape[1:])[back].reshape(shape)
    return own


def _equal(found: Array, wanted: Array, item: Initializer) -> bool:
    if item.fold is None and item.parametrized is None:
        return bool(np.array_equal(found, wanted.astype(found.dtype), equal_nan=True))
    kind, wide, finite = str(found.dtype), found.astype(np.float64), np.isfinite(wanted)
    size = np.abs(wanted[finite])
    allowed = max(_ROUNDING, 2 * ROUNDOFF[kind]) * size + _CANCELLED * size.max(initial=0) + SMALLEST[kind]
    near = bool((np.abs(wide[finite] - wanted[finite]) <= allowed).all())
    return near and np.array_equal(wide[~finite], wanted[~finite], equal_nan=True)


def _farthest(wanted: Array, found: Array) -> tuple[str, str]:
    """The place where the values differ most, as expected and received."""
    truth, there = wanted.astype(np.float64), found.astype(np.float64)
    differ = (truth != there) & ~(np.isnan(truth) & np.isnan(there))
    gaps = np.zeros(truth.shape)
    gaps[differ] = np.abs(truth[differ] - there[differ])
    place = np.unravel_index(int(np.nan_to_num(gaps, nan=np.inf).argmax()), gaps.shape)
    where = str([int(index) for index in place])
    return f"{float(wanted[place]):.6g} at {where}", f"{float(found[place]):.6g}"


def widened(item: Initializer) -> Initializer:
    """A weight in float32 that the file has in a low type; any other as it is."""
    return replace(item, dtype=SINGLE) if item.dtype in LOW else item


def with_weights(
    model: Any, graph: Graph, items: Mapping[str, Initializer], state: Mapping[str, Array], path: Path
) -> None:
    """Writes the model with other weights: the very operators of the file, under weights that hide nothing."""
    head = onnx.ModelProto(ir_version=model.ir_version)
    head.opset_import.extend(model.opset_import)
    head.metadata_props.extend(entry for entry in model.metadata_props if entry.key == DTYPE.key)
    body = onnx.GraphProto(name=model.graph.name)
    for part in ("node", "input", "output", "value_info"):
        getattr(body, part).extend(getattr(model.graph, part))
    body.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name not in items)
    weights = MatchedWeights(graph, state)
    with Stage(path) as stage:
        write_model(stage, path, (head.SerializeToString(), body.SerializeToString()), items.values(), weights)
        stage.publish()
