"""What a node's `op:` (or `share:`) stands for: an operation, a block, or a node that was handed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from archgraph.dims import Facts
from archgraph.errors import ArchgraphError, Problem, SchemaError, UnknownNameError, WiringError, nearest
from archgraph.graph.types import Call, Node, joined
from archgraph.language.definitions import Definitions
from archgraph.language.elaboration.bindings import Broken
from archgraph.language.elaboration.evaluation import At, evaluated
from archgraph.language.elaboration.frame import BodyFrame, FramePlace
from archgraph.language.expressions.expression import compile_expression, is_expression
from archgraph.language.expressions.values import described
from archgraph.language.schema.names import LISTED_BY_COMMANDS
from archgraph.language.schema.spec import BlockSpec, NodeSpec
from archgraph.ops.contract import REGISTRY, Operation, operation_hint
from archgraph.records import record


@record()
class WrittenNode:
    """A node as it was written, with the names and the definitions of that place.

    As the value of a parameter it is a node handed in: it is applied where the block asks for it.
    """

    spec: NodeSpec
    scope: Mapping[str, Any]
    place: FramePlace

    def plain(self, facts: Facts) -> Any:
        """The node as plain data: `relu`, `{"op": "attention2d", "heads": 4}`."""
        found = {"op": self.spec.op, **self.spec.arguments}
        data = {name: plain(evaluated(value, self.scope, facts), facts) for name, value in found.items()}
        return data if len(data) > 1 else data["op"]


def plain(value: Any, facts: Facts) -> Any:
    """A parameter's value with every node that was handed in turned into plain data."""
    if isinstance(value, WrittenNode):
        return value.plain(facts)
    if isinstance(value, list):
        return [plain(item, facts) for item in value]
    return {key: plain(item, facts) for key, item in value.items()} if isinstance(value, dict) else value


class Target(NamedTuple):
    """What a node applies. `definitions` belong to a block; `shares` is the item whose modules are applied again.

    `name` is what it was found by. `written` is where its arguments stand, `arguments` are those of a node that is
    applied again.
    """

    what: type[Operation] | BlockSpec
    written: WrittenNode
    name: str
    definitions: Definitions | None = None
    shares: Node | Call | None = None
    arguments: Mapping[str, Any] | None = None

    @property
    def ports(self) -> tuple[str, ...]:
        """The names of the ports of an operation, or of the inputs of a block."""
        return tuple(self.what.inputs) if isinstance(self.what, BlockSpec) else _port_names(self.what)

    @property
    def variadic(self) -> bool:
        """Whether the main port takes any number of values."""
        if isinstance(self.what, BlockSpec):
            return next((spec.each is not None for spec in self.what.inputs.values()), False)
        return bool(self.what.ports) and self.what.ports[0].variadic


@cache
def _port_names(operation: type[Operation]) -> tuple[str, ...]:
    return tuple(port.name for port in operation.ports)


def resolve(frame: BodyFrame, spec: NodeSpec, scope: Mapping[str, Any], facts: Facts, address: str) -> Target:
    """Raises UnknownNameError for an `op` or a `share` that does not exist."""
    written = WrittenNode(spec, scope, frame.place)
    if spec.share is not None:
        with At(frame.place, address, *spec.where, "share"):
            return _shared(frame, written)
    with At(frame.place, address, *spec.where, "op"):
        name = _name(written, facts)
        while isinstance(name, WrittenNode):
            if spec.arguments:
                raise _surplus(spec, frame.place, name, address)
            written = name
            name = _name(written, facts)
    with At(written.place, address, *written.spec.where, "op"):
        return _found(name, written)


def main_port(frame: BodyFrame, spec: NodeSpec, scope: Mapping[str, Any], facts: Facts) -> str:
    """The name of the main port, where `in:` speaks of ports; '' otherwise, and where a node that is left out names
    nothing."""
    if not isinstance(spec.inputs, dict) or spec.body is not None:
        return ""
    try:
        ports = resolve(frame, spec, scope, facts, joined(frame.place.address, spec.name)).ports
    except ArchgraphError:
        return ""
    return ports[0] if ports else ""


def takes_nothing(frame: BodyFrame, spec: NodeSpec) -> bool:
    """Whether a node has no input at all, as far as its `op` says so in letters."""
    if spec.op is None or is_expression(spec.op):
        return False
    found = frame.place.definitions.own(spec.op)
    if found is None and spec.op in REGISTRY:
        return not REGISTRY[spec.op].ports
    found = found or frame.place.definitions.find(spec.op)
    return found is not None and not found[0].inputs


def _name(written: WrittenNode, facts: Facts) -> Any:
    name: Any = written.spec.op
    return compile_expression(name).evaluate(written.scope, facts) if is_expression(name) else name


def _found(name: Any, written: WrittenNode) -> Target:
    """A block that the file has, or an operation, or a standard block: the file's own go first."""
    if not isinstance(name, str):
        expected = "the name of an operation or a block, or a node handed in"
        raise SchemaError(f"'op: {written.spec.op}' names nothing", expected=expected, received=described(name))
    found = written.place.definitions.own(name)
    if found is None and name in REGISTRY:
        return Target(REGISTRY[name], written, name)
    found = found or written.place.definitions.find(name)
    if found is None:
        raise UnknownNameError(
            f"there is no operation or block '{name}'", hint=_meant(name, written.place.definitions.names())
        )
    return Target(found[0], written, name, found[1])


def _meant(name: str, known: Iterable[str]) -> str:
    """A hint that names what an unknown operation or block may be called here, or how it is written."""
    names = list(known)
    prefix, dot, _ = name.partition(".")
    brought = not dot or any(other.startswith(f"{prefix}.") for other in names)
    missing = "" if brought else f"'{prefix}' is no file that `use` names, and no plugin that is installed"
    return operation_hint(name, names) or missing or LISTED_BY_COMMANDS


def _surplus(spec: NodeSpec, place: FramePlace, handed: WrittenNode, address: str) -> SchemaError:
    key = next(iter(spec.arguments))
    return SchemaError(
        Problem(
            f"'{handed.spec.op}' was handed in with its arguments, so '{key}' has no place here",
            place.key(*spec.where, key),
            address,
            hint=f"give '{key}' where the node is handed in",
        )
    )


def _shared(frame: BodyFrame, written: WrittenNode) -> Target:
    name = written.spec.share
    assert name is not None
    binding = frame.lookup(name)
    if binding is None:
        known = [known for known in frame.visible() if (found := frame.lookup(known)) and found.applied]
        raise UnknownNameError(f"there is no node '{name}' to apply again", hint=nearest(name, known))
    if binding.state == "broken":
        raise Broken
    if binding.kind == "alias":
        raise WiringError(f"'{name}' is left out here, so it cannot be applied again")
    if binding.item is None or binding.applied is None:
        expected = "a node that is an operation or a block"
        hint = "make the group a block" if binding.item is not None else ""
        raise WiringError(f"'{name}' cannot be applied again", expected=expected, hint=hint)
    return binding.applied._replace(shares=binding.item.shares or binding.item)
