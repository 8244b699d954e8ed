"""The named values of a scope that the numbers of its class may come from."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.codegen.analysis.scopes import Scope
from archgraph.ops.contract import TensorType
from archgraph.structure.class_parameters import Candidates


def candidates(scope: Scope, names: Sequence[str]) -> Candidates:
    """The arguments of its call and the channels of its values, the inputs under the names that the class has."""
    arguments = dict(scope.call.arguments) if scope.call is not None else {}
    first = (("in_channels", scope.inputs[:1]), ("out_channels", scope.outputs[:1]))
    others = ((f"{name}_channels", [var]) for name, var in zip(names[1:], scope.inputs[1:], strict=False))
    channels: dict[str, int] = {}
    for name, values in (*first, *others):
        for var in values:
            found = channels_of(var.type)
            if found is not None:
                channels[name] = found
    return Candidates(arguments, channels)


def channels_of(kind: TensorType) -> int | None:
    """The number of channels or features of a value: the last dimension of tokens and vectors, else the second."""
    shape = kind.shape
    if len(shape) < 2:
        return None
    size = shape[2] if len(shape) == 3 else shape[1]
    return size if isinstance(size, int) else None
