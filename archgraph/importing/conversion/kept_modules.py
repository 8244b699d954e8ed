"""Modules that are kept as one node, because an operation stands for their class: what is inside is not looked at.

That both compute the same is shown by the proof, like everything else about an import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from archgraph.errors import ArchgraphError, ImportingError, nearest
from archgraph.graph.types import Node, Value
from archgraph.importing.conversion.leaf_modules import makes_tensors
from archgraph.importing.conversion.module_calls import ModuleCall
from archgraph.importing.rules.site import Site, without_defaults
from archgraph.importing.sources.normed_weights import norm_attributes, normed_operation
from archgraph.ops.contract import Inputs, Operation, lookup, make

if TYPE_CHECKING:
    from archgraph.importing.conversion.body_translation import BodyTranslation


@dataclass(frozen=True, slots=True)
class KeptClasses:
    """The operations that stand for classes, by the name of the class, with or without its module."""

    operations: Mapping[str, type[Operation]]

    @classmethod
    def of(cls, leaves: Mapping[str, str], module: torch.nn.Module) -> KeptClasses:
        """Raises ImportingError for a class of which the module has none inside, and UnknownNameError for an operation
        that there is not."""
        there = {name for inner in module.modules() if inner is not module for name in _names(inner)}
        for name in leaves:
            if name not in there:
                whole = name in _names(module)
                raise ImportingError(
                    f"{name} is the network itself" if whole else f"no module inside is a {name}",
                    expected="the class of a module inside of the network",
                    hint="" if whole else nearest(name, sorted(there)),
                )
        return cls({name: lookup(operation) for name, operation in leaves.items()})

    def operation(self, module: torch.nn.Module) -> type[Operation] | None:
        """The operation that stands for a module; None where its inside counts."""
        named = (self.operations[name] for name in _names(module) if name in self.operations)
        return (next(named, None) if self.operations else None) or normed_operation(module)


def _names(module: torch.nn.Module) -> tuple[str, str]:
    kind = type(module)
    return f"{kind.__module__}.{kind.__qualname__}", kind.__name__


def kept_call(outer: BodyTranslation, call: ModuleCall, kind: type[Operation]) -> None:
    """Places a module's call as one node: the forward's arguments at the ports, the state dict as the weights.

    Raises ImportingError where the module has not what the operation needs.
    """
    results = _results(call)
    if not results:
        return
    try:
        node = _applied(outer, call, kind, Site(outer, results[0], call.class_name, call))
        if len(node.outputs) != len(results):
            raise ImportingError(
                f"{kind.name} has {len(node.outputs)} results", received=f"{len(results)} of the module are read"
            )
        for result, value in zip(results, node.outputs, strict=True):
            outer.compare(result, value)
            outer.values[result] = value
    except ArchgraphError as error:
        raise _unfit(call, kind, error) from error


def _applied(outer: BodyTranslation, call: ModuleCall, kind: type[Operation], site: Site) -> Node:
    op = make(kind, _attributes(outer, call, kind))
    inputs = _inputs(outer, call, kind)
    owned = op.weights(Inputs({port: value.type for port, value in inputs.items()}))
    theirs = {key: tuple(tensor.shape) for key, tensor in call.module.state_dict().items()}
    ours = {weight.name: weight.shape for weight in owned}
    if ours != theirs:
        raise ImportingError(
            "the state dict is not that of the operation", expected=_listed(ours), received=_listed(theirs)
        )
    if owned:
        return site.owned(op, inputs, call.path)
    return outer.note(outer.builder.apply(site.title(kind.name.rpartition(".")[2]), op, inputs, origin=outer.origin))


def _listed(weights: Mapping[str, Sequence[int]]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in weights.items()) or "no weights"


def _results(call: ModuleCall) -> list[fx.Node]:
    """What is read outside of the call, in the order in which it is computed."""
    inside = list(call.operations())
    own = set(inside)
    return [node for node in inside if makes_tensors(node) and any(reader not in own for reader in node.users)]


def _inputs(outer: BodyTranslation, call: ModuleCall, kind: type[Operation]) -> dict[str, Value]:
    """The values at the ports: a parameter of the forward goes to the port of its name, else to the next free one."""
    capture = outer.translation.capture
    given = capture.arguments.parameters(call.module, call.place, capture.program.graph)
    _require_known(outer, call, given.values())
    ports = [port.name for port in kind.ports]
    named = {name: node for name, node in given.items() if name in ports}
    free = [port for port in ports if port not in named]
    others = [node for name, node in given.items() if name not in ports]
    if len(others) > len(free):
        raise ImportingError(
            f"the forward reads {len(given)} values",
            expected=f"the inputs {', '.join(ports)}",
            received=", ".join(given),
        )
    found = named | dict(zip(free, others, strict=False))
    return {port: outer.value(found[port]) for port in ports if port in found}


def _require_known(outer: BodyTranslation, call: ModuleCall, arguments: Iterable[fx.Node]) -> None:
    """Raises ImportingError for a value from elsewhere that is no argument of the forward, as the weight of another
    module."""
    inside = list(call.operations())
    known = {*inside, *arguments}
    translation = outer.translation
    own = {id(tensor) for tensor in call.module.state_dict(keep_vars=True).values()}  # it may have other keys too
    for node in (read for operation in inside for read in operation.all_input_nodes if read not in known):
        key = translation.capture.weights.get(node, "")
        constant = node in translation.constants or not isinstance(node.meta.get("val"), torch.Tensor)
        if not constant and id(translation.state.get(key)) not in own:
            raise ImportingError("its forward reads what it is not handed", received=key or node.name)


def _attributes(outer: BodyTranslation, call: ModuleCall, kind: type[Operation]) -> dict[str, Any]:
    """The operation's attributes: the arguments of the constructor, or attributes of the module, of the same names."""
    arguments = outer.translation.arguments.get(id(call.module), {})
    found: dict[str, Any] = {}
    for name, declared in kind.model_fields.items():
        value = arguments.get(name, getattr(call.module, name, None))
        if isinstance(value, (int, float, bool, str, tuple, list)):
            found[name] = value
        elif declared.annotation is bool and hasattr(call.module, name):
            found[name] = value is not None
        elif declared.is_required():
            raise ImportingError(
                f"nothing says what the attribute '{name}' is",
                expected=f"an argument of the constructor, or an attribute of the module, that is called '{name}'",
                received=f"arguments: {', '.join(arguments) or 'none'}",
            )
    if normed_operation(call.module) is kind:
        found |= norm_attributes(call.module, kind)
    return without_defaults(kind, found)


def _unfit(call: ModuleCall, kind: type[Operation], error: ArchgraphError) -> ImportingError:
    problem = error.problems[0]
    return ImportingError(
        f"{call.path}: {kind.name} cannot stand for {call.qualified_class}: {problem.message}",
        expected=problem.expected,
        received=problem.received,
        hint=problem.hint,
    )
