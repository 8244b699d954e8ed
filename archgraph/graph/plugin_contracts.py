"""What the contract of a plugin's operation says of one application: asked for, and held to what a contract may say."""

from __future__ import annotations

from typing import Any

from archgraph.dims import Facts, Size
from archgraph.errors import PluginError
from archgraph.ops.contract import DTYPES, Inputs, Operation, TensorType, Weight
from archgraph.plugins.faults import guarded


def inferred(op: Operation, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
    """The types of its results. Raises PluginError where its shape rule fails or gives anything else."""
    found: Any = guarded(op.plugin, f"the shape rule of {op.name}", lambda: op.infer(inputs, facts))
    if not isinstance(found, tuple) or not found or not all(map(_is_type, found)):
        raise _wrong(op, "its shape rule", "a tuple with a TensorType for each result", found)
    names: Any = guarded(op.plugin, f"the names of the results of {op.name}", lambda: op.result_names(len(found)))
    if len(names) != len(found):
        raise _wrong(op, "its shape rule", f"{len(names)} results, as `results` names them", found)
    return found


def owned(op: Operation, inputs: Inputs) -> tuple[Weight, ...]:
    """The weights that it declares. Raises PluginError where that fails or gives anything else."""
    found: Any = guarded(op.plugin, f"the weights of {op.name}", lambda: op.weights(inputs))
    if not isinstance(found, tuple) or not all(map(_is_weight, found)):
        raise _wrong(op, "`weights`", "a tuple of Weight with whole numbers as shapes", found)
    return found


def _is_type(kind: object) -> bool:
    return (
        isinstance(kind, TensorType)
        and kind.dtype in DTYPES
        and isinstance(kind.shape, tuple)
        and all(isinstance(size, Size) or (type(size) is int and size > 0) for size in kind.shape)
    )


def _is_weight(weight: object) -> bool:
    if not isinstance(weight, Weight) or weight.dtype not in DTYPES or not isinstance(weight.shape, tuple):
        return False
    return all(type(size) is int and size > 0 for size in weight.shape)


def _wrong(op: Operation, what: str, expected: str, received: object) -> PluginError:
    return PluginError(
        f"the plugin {op.plugin}: {what} of {op.name} gives no answer that a contract may give",
        expected=expected,
        received=repr(received)[:200],
    )
