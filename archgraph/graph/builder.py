"""The one way to make a graph. Every application infers its result at once, so an error knows its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, get_args

from archgraph.dims import Constraint, Dim, Facts, Size
from archgraph.errors import Problem, ShapeError, UnknownNameError, WiringError, nearest
from archgraph.graph.plugin_contracts import inferred
from archgraph.graph.plugin_contracts import owned as plugin_weights
from archgraph.graph.pruning import needed_items
from archgraph.graph.scan import Scan
from archgraph.graph.stored_values import require_constant
from archgraph.graph.types import Call, CallKind, Graph, Info, Item, Node, Origin, Value, joined, made_types
from archgraph.ops.contract import FLOAT_TYPES, Inputs, Operation, TensorType, Weight
from archgraph.ops.parametrization import ParametrizedOperation
from archgraph.ops.requirements import require_finite_attributes
from archgraph.records import record


class Builder:
    """Collects the items of one body. `facts` is shared by all bodies of a network."""

    def __init__(self, name: str, facts: Facts | None = None):
        self.name = name
        self.facts = facts if facts is not None else Facts()
        self._inputs: list[Value] = []
        self._items: list[Item] = []
        self.training = False
        """Whether what is applied now is computed in training only."""

    def input(self, name: str, shape: Sequence[Dim], dtype: str = "float32", origin: Origin = Origin()) -> Value:
        """A new input of the body, after those that are there."""
        value = Value(name, TensorType(tuple(shape), dtype), origin)
        self._inputs.append(value)
        return value

    def apply(
        self,
        name: str,
        op: Operation,
        inputs: Mapping[str, Value] | Sequence[Value] | Value = (),
        *,
        origin: Origin = Origin(),
        ties: Mapping[str, str] | None = None,
        shares: Node | None = None,
        hidden: bool = False,
    ) -> Node:
        """Applies an operation. Inputs are named by port, or given in port order. The weights of a `hidden` one stand
        in the module around it.

        Raises UnknownNameError for a port that does not exist, WiringError for one that is missing and for a stored
        value that is no constant, ShapeError for shapes or element types that the operation does not take.
        """
        connected = self._connect(op, inputs)
        if op.name == "register_buffer":
            require_constant(self._items, connected["input"])
        types = Inputs({port: value.type for port, value in connected.items()})
        owned = self._weights(op, types, ties or {}, shares)
        self.facts.stand_at(origin.mark, origin.address)
        results = inferred(op, types, self.facts) if op.plugin else op.infer(types, self.facts)
        require_finite_attributes(op, {kind.dtype for kind in (*types.values(), *results)})
        outputs = tuple(
            Value(joined(name, port), kind, origin)
            for port, kind in zip(op.result_names(len(results)), results, strict=True)
        )
        node = Node(name, op, connected, outputs, owned, dict(ties or {}), shares, origin, self.training, hidden)
        self._items.append(node)
        return node

    def call(self, name: str, body: Graph, inputs: Sequence[Value], *, as_: CallSpec | None = None) -> Call:
        """Places a finished body. Its inputs are matched by position and must have the body's types."""
        how = as_ or CallSpec()
        types = tuple(value.type for value in inputs)
        for kind, inner in zip(how.scan.read(types) if how.scan else types, body.inputs, strict=True):
            if kind != inner.type:
                raise ShapeError(
                    f"{name}: input '{inner.name}' does not fit", expected=str(inner.type), received=str(kind)
                )
        made = zip(body.outputs, made_types(body, how.scan), strict=True)
        outputs = tuple(Value(joined(name, port), kind, how.origin) for port, kind in made)
        call = Call(
            name=name,
            kind=how.kind,
            body=body,
            inputs=tuple(inputs),
            outputs=outputs,
            hidden=how.hidden,
            block=how.block,
            arguments=how.arguments,
            symbols=how.symbols,
            shares=how.shares,
            scan=how.scan,
            origin=how.origin,
            training=self.training,
        )
        self._items.append(call)
        return call

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The inputs so far."""
        return tuple(self._inputs)

    @property
    def empty(self) -> bool:
        """Whether nothing was applied yet."""
        return not self._items

    @property
    def count(self) -> int:
        """The number of items so far."""
        return len(self._items)

    def keep(self, outputs: Iterable[Value]) -> None:
        """Drops the items that these values do not depend on."""
        self._items = needed_items(self._items, outputs)

    def finish(
        self,
        outputs: Mapping[str, Value] | Value,
        *,
        first: Value | None = None,
        order: Sequence[str] = (),
        constraints: Sequence[Constraint] = (),
        warnings: Sequence[Problem] = (),
        info: Info = Info(),
        training_outputs: Mapping[str, Value] | None = None,
    ) -> Graph:
        """The finished body. `first` is the input to list before the others."""
        named = {"": outputs} if isinstance(outputs, Value) else dict(outputs)
        items = tuple(self._items)
        inputs = sorted(self._inputs, key=lambda value: value is not first) if first else self._inputs
        notes = tuple(constraints), tuple(warnings), info
        return Graph(self.name, tuple(inputs), items, named, tuple(order), *notes, dict(training_outputs or {}))

    def _connect(self, op: Operation, inputs: Mapping[str, Value] | Sequence[Value] | Value) -> dict[str, Value]:
        given = by_port(op, [inputs] if isinstance(inputs, Value) else inputs)
        connected: dict[str, Value] = {}
        for port in op.ports:
            names = [key for key in given if key == port.name or (port.variadic and key.startswith(f"{port.name}."))]
            if not names and not port.optional:
                raise WiringError(f"{op.name} needs its input '{port.name}'", hint=f"name it: in: {{{port.name}: …}}")
            for key in names:
                value = given.pop(key)
                if value.dtype not in port.dtypes:
                    raise ShapeError(
                        f"the input '{key}' of {op.name} has the wrong element type",
                        expected=" or ".join(port.dtypes),
                        received=f"{value.dtype} ({value.name})",
                        subject=key,
                    )
                connected[key] = value
        connected.update(given)  # weights that come from outside; checked against the contract in _weights
        return connected

    def _weights(
        self, op: Operation, types: Inputs, ties: Mapping[str, str], shares: Node | None
    ) -> tuple[Weight, ...]:
        declared = plugin_weights(op, types) if op.plugin else op.weights(types)
        names = [weight.name for weight in declared]
        ports = [port.name for port in op.ports]
        foreign = [key for key in types if key.partition(".")[0] not in ports]
        for key in foreign:
            _require_owned(op, key)
            if key not in names:
                raise _unknown(op, "input", key, [*ports, *names])
        for key in ties:
            if key not in names:
                raise _unknown(op, "weight", key, [name or "weight" for name in names])
        for weight in declared:
            if weight.name in foreign and types[weight.name].shape != weight.shape:
                raise ShapeError(
                    f"the {weight.name} handed to {op.name} has the wrong shape",
                    expected=str(TensorType(weight.shape)),
                    received=str(types[weight.name]),
                    subject=weight.name,
                )
        owned = tuple(weight for weight in declared if weight.name not in foreign)
        _require_weight_types(op, types, declared)
        if shares is not None:
            _refuse_differences(shares, op, owned)
            return ()
        return owned


def _require_owned(op: Operation, name: str) -> None:
    """Raises WiringError for a weight from outside, where torch wraps the module that must own it."""
    made = op.parametrization if isinstance(op, ParametrizedOperation) else None
    if made is not None and all(port.name != name for port in op.ports):
        raise WiringError(
            Problem(
                f"{op.name} with {made.name} owns its weights",
                received=f"'{name}' from outside",
                hint=f"leave {made.name} out, and compute the weight by nodes",
                subject=name,
            )
        )


def _refuse_differences(first: Node, op: Operation, owned: Sequence[Weight]) -> None:
    """What is applied again may meet other sizes; all else about it is as it was."""
    if [(w.name, w.shape) for w in first.weights] != [(w.name, w.shape) for w in owned]:
        raise ShapeError(
            f"'{first.name}' cannot be applied again to this input: its weights have other shapes",
            expected=_shapes(first.weights),
            received=_shapes(owned),
        )
    if type(op) is not type(first.op):
        raise ShapeError(f"'{first.name}' cannot be applied again here", expected=first.op.name, received=op.name)
    for name, field_ in type(op).model_fields.items():
        before, here = getattr(first.op, name), getattr(op, name)
        if before != here and not (_takes_sizes(field_.annotation) and _is_one_form(before, here)):
            raise ShapeError(
                f"'{first.name}' cannot be applied again here: its '{name}' would be another",
                expected=f"{name}: {_plainly(before)}",
                received=f"{name}: {_plainly(here)}",
            )


def _takes_sizes(annotation: Any) -> bool:
    return annotation is Size or any(map(_takes_sizes, get_args(annotation)))


def _is_one_form(before: Any, here: Any) -> bool:
    """Whether two values are written in one form, so that sizes are all that differs: -1 and what is left out count as
    forms of their own."""
    if isinstance(before, tuple) and isinstance(here, tuple):
        return len(before) == len(here) and all(map(_is_one_form, before, here))
    marks = (-1, None, 0)
    return before == here or not any(value in marks for value in (before, here))


def _plainly(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def _require_weight_types(op: Operation, types: Inputs, weights: Sequence[Weight]) -> None:
    """Raises ShapeError for floating-point values of another type than the weights that they meet, as torch does."""
    main = types.main.dtype if types else ""
    for weight in weights:
        dtype = types[weight.name].dtype if weight.name in types else weight.dtype
        if main in FLOAT_TYPES and dtype in FLOAT_TYPES and main != dtype:
            raise ShapeError(
                f"the input of {op.name} has another element type than its {weight.name}",
                expected=dtype,
                received=str(types.main),
                hint="a network is written in float32; `export --dtype` and module.to(dtype) change the type of all",
            )


def _unknown(op: Operation, what: str, name: str, known: Sequence[str]) -> UnknownNameError:
    return UnknownNameError(
        f"{op.name} has no {what} '{name}'",
        expected=f"one of {', '.join(known)}" if known else f"{op.name} has none",
        hint=nearest(name, known),
        subject=name,
    )


def _shapes(weights: Sequence[Weight]) -> str:
    return ", ".join(f"{weight.name} {list(weight.shape)}" for weight in weights) or "no weights"


def by_port(op: Operation, inputs: Mapping[str, Value] | Sequence[Value]) -> dict[str, Value]:
    """Values under the names of the ports they go to. Raises WiringError when there are more values than ports."""
    if isinstance(inputs, Mapping):
        return dict(inputs)
    named: dict[str, Value] = {}
    values = list(inputs)
    for port in op.ports:
        if port.variadic:
            named.update({f"{port.name}.{i}": value for i, value in enumerate(values)})
            values = []
        elif values:
            named[port.name] = values.pop(0)
    if values:
        raise WiringError(
            f"{op.name} takes {len(op.ports)} inputs",
            expected=", ".join(port.name for port in op.ports),
            received=f"{len(inputs)} values",
        )
    return named


@record()
class CallSpec:
    """What a call says beyond its body: see `Call`."""

    kind: CallKind = "group"
    hidden: bool = False
    block: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    symbols: Mapping[str, Dim] = field(default_factory=dict)
    shares: Call | None = None
    scan: Scan | None = None
    origin: Origin = field(default_factory=Origin)
