"""The contracts' defaults are torch's: what generated code leaves out is what torch assumes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, get_overloads

import torch
from codegen_cases import op
from operation_tests import single
from pydantic_core import PydanticUndefined

from archgraph.codegen.analysis.terms import folded
from archgraph.codegen.rules import DEFINITIONS, FUNCTIONS, MODULES, TorchRuleContext
from archgraph.graph.types import Node
from archgraph.ops import REGISTRY, Operation
from archgraph.ops.binary import TABLE as BINARY
from archgraph.structure.terms import Term

OTHERWISE = {
    ("concat", "torch.cat", "dim"): "torch joins batches; what networks join is channels, so 1 is ours, and written",
    ("flatten", "method flatten", "start_dim"): "1 as in nn.Flatten; the method is written with its start_dim",
    ("interpolate", "F.interpolate", "align_corners"): "torch takes null for no choice, which is no number of ours",
    ("interpolate", "nn.Upsample", "align_corners"): "torch takes null for no choice, which is no number of ours",
    ("interpolate", "F.interpolate", "recompute_scale_factor"): "torch takes null for no choice too",
    ("interpolate", "nn.Upsample", "recompute_scale_factor"): "torch takes null for no choice too",
    **{
        (name, f"torch.{name}", "correction"): "torch takes null for 1"
        for name in ("var", "std", "var_mean", "std_mean")
    },
    **{
        (name, f"F.{name}", "align_corners"): "torch takes null for false, with a warning"
        for name in ("affine_grid", "grid_sample")
    },
    ("pad", "F.pad", "value"): "torch takes null for 0",
    ("nan_to_num", "torch.nan_to_num", "nan"): "torch takes null for 0",
    **{
        (name, f"torch.{name}", "dtype"): "torch takes null for the type of most numbers, which is float32 here"
        for name in ("zeros", "ones", "full")
    },
}
"""Defaults that are not torch's, by operation, callable and argument, each with its reason."""
WITHOUT_SIGNATURE = {
    # operators, indices and attributes of a module
    *("add", "sub", "mul", "div", "matmul", "slice", "buffer", "constant", "parameter", "identity"),
    # a number in the place of the second value, which torch knows as another overload
    *("where", *BINARY.rows),
    # places of a value, and a number in the place of a source
    *("index", "scatter"),
    # of what is written for torch only
    "meshgrid",
    # sizes and types that torch's overloads do not name
    *("zeros", "ones", "full", "eye"),
}
NAMESPACES: dict[str, Any] = {"nn": torch.nn, "F": torch.nn.functional, "torch": torch}


def terms(kind: type[Operation]) -> Iterator[Term]:
    """The torch code of all examples, as a module and within a forward."""
    for example in kind.examples:
        graph = single(op(kind.name, **example.attributes), example.inputs)
        node = graph.items[0]
        assert isinstance(node, Node)
        for table in (MODULES, FUNCTIONS):
            written = table[kind](TorchRuleContext(node), node.op) if kind in table else None
            if written is not None:  # torch has no module for some attributes
                yield written


def heads(kind: type[Operation]) -> set[str]:
    """What is called in it: `nn.Conv2d`, `F.conv2d`, `method chunk`."""
    found = {part for term in terms(kind) for part in term.all() if part.kind in ("call", "method")}
    return {part.text if part.kind == "call" else f"method {part.text}" for part in found}


def defaults(head: str) -> dict[str, set[Any]]:
    """The arguments of a callable that have a default, with that of each overload."""
    target = resolved(head)
    classes = [base for base in getattr(target, "__mro__", ()) if inspect.isfunction(base.__init__)]
    declared = [each for base in classes for each in get_overloads(base.__init__)]
    try:  # the first overload has torch's defaults, and the class itself only (*args, **kwargs)
        parameters = inspect.signature(*declared[:1] or [target]).parameters.values()
    except ValueError:
        return overloads(head)
    if not inspect.isclass(target) and any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return overloads(head)  # torch chooses between two functions
    named = {each.name: {each.default} for each in parameters if each.default is not each.empty}
    return named if inspect.isclass(target) else {name: found for name, found in named.items() if name != "bias"}


def resolved(head: str) -> Callable[..., Any]:
    if head in DEFINITIONS:
        scope = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "Tensor": torch.Tensor}
        exec(DEFINITIONS[head], scope)
        return scope[head]  # type: ignore[return-value]
    if head.startswith("method "):
        return getattr(torch.Tensor, head.removeprefix("method "))  # type: ignore[no-any-return]
    space, _, name = head.partition(".")
    return attrgetter(name)(NAMESPACES[space])  # type: ignore[no-any-return]


def overloads(head: str) -> dict[str, set[Any]]:
    """Of a function that is written in C++. What it calls `bias` is a tensor, and none of our attributes."""
    found: dict[str, set[Any]] = {}
    name = head.removeprefix("method ").removeprefix("torch.").removeprefix("F.").replace(".", "_")
    packet = getattr(torch.ops.aten, name, None)
    for overload in packet.overloads() if packet else ():  # F.logsigmoid has another name there, and no arguments
        for argument in getattr(packet, overload)._schema.arguments:
            if argument.has_default_value() and argument.name != "bias":
                value = argument.default_value
                plain = None if value == [] else folded(tuple(value) if isinstance(value, list) else value)
                found.setdefault(argument.name, set()).add(plain)
    return found


KINDS = [kind for _, kind in sorted(REGISTRY.items())]


def test_defaults_are_torchs() -> None:
    for kind in KINDS:
        require_torchs_defaults(kind)


def require_torchs_defaults(kind: type[Operation]) -> None:
    compared = False
    for head in heads(kind):
        for name, theirs in defaults(head).items():
            ours = kind.model_fields[name].default if name in kind.model_fields else PydanticUndefined
            if ours is PydanticUndefined:
                continue
            if (kind.name, head, name) in OTHERWISE:
                compared = True
                continue
            assert folded(ours) in theirs, f"archgraph/ops/{kind.family}.py: {kind.__name__}.{name}, which is in {head}"
            compared = True
    own = {name: field for name, field in kind.model_fields.items() if name not in ("weight_norm", "spectral_norm")}
    optional = [name for name, field in own.items() if field.default is not PydanticUndefined]
    assert compared or not optional or kind.name in WITHOUT_SIGNATURE | {"concat"}, kind.name


def test_what_is_left_out_is_torchs_default() -> None:
    """An argument whose term names a default is left out at it."""
    for kind, term in ((each, term) for each in KINDS for term in terms(each)):
        for part in (part for part in term.all() if part.kind in ("call", "method")):
            theirs = defaults(part.text if part.kind == "call" else f"method {part.text}")
            for argument in (piece for piece in part.parts if piece.kind == "keyword" and piece.value is not None):
                known = theirs.get(argument.text, {0.0 if argument.text == "value" else PydanticUndefined})
                left_out = argument.value[0]
                assert left_out in known or (kind.name, part.text, argument.text) in OTHERWISE, (
                    kind.name,
                    argument.text,
                )


def test_the_exceptions_are_still_exceptions() -> None:
    for name, head, argument in OTHERWISE:
        assert head in heads(REGISTRY[name])
        assert folded(REGISTRY[name].model_fields[argument].default) not in defaults(head)[argument]
