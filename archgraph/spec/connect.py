"""A node's arguments and inputs: expressions evaluated, names read, values brought to the body, ports matched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archgraph.dims import Facts
from archgraph.errors import ArchgraphError, Problem, UnknownNameError, WiringError, combined, nearest
from archgraph.graph.types import Value
from archgraph.ops.contract import Operation, Port
from archgraph.spec.bindings import Binding, Reader
from archgraph.spec.frame import Frame
from archgraph.spec.resolve import Handed, Target
from archgraph.spec.schema import BlockSpec, NodeSpec, handed_node
from archgraph.spec.scope import evaluated


class Broken(Exception):  # noqa: N818 - no error of its own: its cause was noted already
    """What a node reads has failed before."""


def arguments(
    frame: Frame, spec: NodeSpec, scope: dict[str, Any], facts: Facts, target: Target
) -> dict[str, Any]:
    """The evaluated arguments. Raises all errors of all arguments at once, each at its place."""
    if target.arguments is not None:
        return dict(target.arguments)
    handed = _handed_parameters(target)
    found: dict[str, Any] = {}
    errors: list[ArchgraphError] = []
    for name, value in spec.arguments.items():
        try:
            if name in handed and not (isinstance(value, str) and value.startswith("=")):
                inner = handed_node(name, value, (*spec.where, name), frame.place.document)
                found[name] = Handed(inner, scope, frame.place)
            else:
                found[name] = evaluated(value, scope, facts)
        except ArchgraphError as error:
            mark = frame.place.document.marks.value(*spec.where, name)
            errors.append(error.placed(mark, f"{frame.place.address}.{spec.name}".strip(".")))
    if errors:
        raise combined(errors)
    return found


def _handed_parameters(target: Target) -> set[str]:
    """The parameters of a block that take a node."""
    if not isinstance(target.what, BlockSpec):
        return set()
    return {name for name, kind in target.what.params.items() if kind.text.startswith("node")}


def input_names(target: Target) -> tuple[str, ...]:
    """The names of the ports of an operation, or of the inputs of a block."""
    if isinstance(target.what, BlockSpec):
        return tuple(target.what.inputs)
    assert not isinstance(target.what, Handed)
    return tuple(port.name for port in target.what.ports)


def main_name(target: Target) -> str:
    """The name of the main input."""
    names = input_names(target) if not isinstance(target.what, Handed) else ()
    return names[0] if names else ""


def connected(
    frame: Frame, spec: NodeSpec, target: Target, reader: Reader, main: Binding | None
) -> dict[str, Binding]:
    """The bindings at each port that is read. `main`, in a repetition, is what the chain hands to this copy.

    Raises Broken when one of them failed before.
    """
    names = input_names(target)
    if not names:
        return {}

    def first(text: str | None) -> Binding:
        if main is not None:
            main.read(reader if spec.inputs is not None else Reader(reader.node, reader.address, reader.mark, False))
            return main
        return frame.default(reader) if text is None else frame.read(text, reader)

    given = spec.inputs
    variadic = not isinstance(target.what, (BlockSpec, Handed)) and target.what.ports[0].variadic
    found: dict[str, Binding] = {}
    if given is None or isinstance(given, str):
        found[f"{names[0]}.0" if variadic else names[0]] = first(given)
    elif isinstance(given, list):
        for position, text in enumerate(given):
            port = f"{names[0]}.{position}" if variadic else _positional(names, position, len(given), target)
            found[port] = first(text) if position == 0 and main is not None else frame.read(text, reader)
    else:
        if names[0] not in given and not variadic:
            found[names[0]] = first(None)
        for port, read in given.items():
            _check_port(port, names, target)
            for position, text in enumerate([read] if isinstance(read, str) else read):
                key = port if isinstance(read, str) else f"{port}.{position}"
                found[key] = first(text) if port == names[0] and main is not None else frame.read(text, reader)
    if any(binding.state == "broken" for binding in found.values()):
        raise Broken
    return found


def _positional(names: tuple[str, ...], position: int, count: int, target: Target) -> str:
    if position < len(names):
        return names[position]
    raise WiringError(
        f"{_title(target)} takes {len(names)} input{'s' if len(names) > 1 else ''}",
        expected=", ".join(names),
        received=f"{count} values",
    )


def _check_port(port: str, names: tuple[str, ...], target: Target) -> None:
    """A block's inputs are known here; an operation's weights may be ports too, and the builder knows those."""
    if isinstance(target.what, BlockSpec) and port not in names:
        raise UnknownNameError(
            Problem(
                f"{target.what.name} has no input '{port}'",
                expected=f"one of {', '.join(names)}",
                hint=nearest(port, names),
            )
        )


def _title(target: Target) -> str:
    assert not isinstance(target.what, Handed)
    return target.what.name


def node_values(frame: Frame, op: Operation, inputs: Mapping[str, Binding]) -> dict[str, Value]:
    """The values at an operation's ports, in port order. An absent one may stand at an optional port only."""
    values: dict[str, Value] = {}
    for key, binding in inputs.items():
        port = next((port for port in op.ports if port.name == key.partition(".")[0]), None)
        if binding.state == "absent":
            if port is None or not port.optional:
                raise WiringError(f"'{binding.name}' is absent here", expected=f"a value for '{key}' of {op.name}")
            continue
        if port is not None and port.variadic:
            for located in binding.outputs.values():
                values[f"{port.name}.{len(values)}"] = frame.bring(located)
        else:
            values[key] = _one(frame, op, port, key, binding)
    return values


def _one(frame: Frame, op: Operation, port: Port | None, key: str, binding: Binding) -> Value:
    if len(binding.outputs) > 1 and "" not in binding.outputs:
        ports = ", ".join(f"{binding.name}.{name}" for name in binding.outputs)
        raise WiringError(
            f"'{binding.name}' has several outputs, and '{key}' of {op.name} takes one", expected=f"one of {ports}"
        )
    return frame.bring(binding.outputs.get("", binding.main))
