"""`scan:`: a block that is applied to each slice of a sequence in turn, with states that `chain` names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archgraph.dims import Cause, Dim
from archgraph.errors import SchemaError, ShapeError, UnknownNameError, WiringError, nearest
from archgraph.graph.scan import Scan, without
from archgraph.graph.types import Graph, Value
from archgraph.language.elaboration.connect import NodeApplication
from archgraph.language.elaboration.evaluation import At, evaluated
from archgraph.language.elaboration.name_errors import listed
from archgraph.language.expressions.values import described
from archgraph.language.schema.spec import BlockSpec
from archgraph.ops.contract import TensorType
from archgraph.ops.requirements import axis_of


@dataclass(slots=True)
class Steps:
    """The steps of a node with `scan`, while the inputs of its block are matched: of each value the input that takes
    it and the dimension, and the number of steps."""

    app: NodeApplication
    wanted: Mapping[str, int]
    names: list[str] = field(default_factory=list)
    dims: list[int | None] = field(default_factory=list)
    length: Dim | None = None

    def seen(self, name: str, outer: Value) -> Value:
        """What the block sees of a value. Raises ShapeError where it has no such dimension, or another number of
        slices than those before it."""
        self.names.append(name)
        if name not in self.wanted:
            self.dims.append(None)
            return outer
        with At(self.app.frame.place, self.app.address, *self.app.spec.where, "scan", name):
            dim = axis_of(outer.type, self.wanted[name], "the dimension of scan")
        self.dims.append(dim)
        size = outer.shape[dim]
        if self.length is None:
            self.length = size
        reason = f"scan reads all sequences at once, and '{name}' has {size} slices where another has {self.length}"
        self.app.run.facts.require_equal(self.length, size, Cause(reason))
        return Value(outer.name, without(outer.type, dim), outer.origin)

    def finished(self, body: Graph) -> Scan:
        """How the body is applied. Raises WiringError for a state that the block does not give, ShapeError for one
        that changes its shape."""
        outputs = list(body.outputs)
        for state in self.app.spec.chain:
            self._check_state(state, body)
        states = tuple(self.names.index(name) if name in self.app.spec.chain else None for name in outputs)
        first = next(dim for dim in self.dims if dim is not None)
        assert self.length is not None
        for name, kind in ((name, value.type) for name, value in body.outputs.items()):
            if name not in self.app.spec.chain and kind.rank < first:
                raise _cannot_stack(name, kind, first)
        return Scan(self.length, tuple(self.dims), states, first)

    def _check_state(self, state: str, body: Graph) -> None:
        outputs = [name for name in body.outputs if name]
        if state not in body.outputs:
            raise WiringError(
                f"the state '{state}' has no value after a step: the block has no output of that name",
                expected=f"an output '{state}'",
                received=listed(outputs) or "one output without a name",
                hint=f"outputs: {{{state}: …}}",
            )
        before, after = body.inputs[self.names.index(state)].type, body.outputs[state].type
        if not self._is_same(before, after):
            raise ShapeError(
                f"the state '{state}' does not keep its shape", expected=str(before), received=f"{after} after a step"
            )

    def _is_same(self, before: TensorType, after: TensorType) -> bool:
        """Whether two types are equal, also where a size is written in two ways: 2*(W // 2) and W, which is even."""
        if before.dtype != after.dtype or before.rank != after.rank:
            return False
        return all(
            self.app.run.facts.is_equal(one, other) for one, other in zip(before.shape, after.shape, strict=True)
        )


def steps_of(app: NodeApplication, block: BlockSpec) -> Steps | None:
    """The steps of a node, None of one without `scan`. Raises SchemaError or UnknownNameError for what does not fit its
    block."""
    if not app.spec.scan:
        return None
    place, where = app.frame.place, app.spec.where
    wanted: dict[str, int] = {}
    for name, value in app.spec.scan.items():
        with At(place, app.address, *where, "scan", name):
            wanted[name] = _dimension(evaluated(value, app.scope, app.run.facts))
    for key, names in (("scan", tuple(wanted)), ("chain", app.spec.chain)):
        for name in names:
            _require_input(app, block, key, name)
    both = next((name for name in app.spec.chain if name in wanted), None)
    if both is not None:
        raise SchemaError(
            f"'{both}' is a state, and is not read slice by slice", hint="name it in 'scan' or in 'chain'"
        )
    if app.site.hidden:
        raise SchemaError("what is applied step by step has a level of its own", hint="leave 'path: .' out")
    return Steps(app, wanted)


def _require_input(app: NodeApplication, block: BlockSpec, key: str, name: str) -> None:
    if name not in block.inputs:
        mark = app.frame.place.key(*app.spec.where, key, name) if key == "scan" else None
        known = list(block.inputs)
        error = UnknownNameError(
            f"{block.name} has no input '{name}'", expected=listed(known), hint=nearest(name, known)
        )
        raise error.placed(mark or app.frame.place.key(*app.spec.where, key), app.address)


def _dimension(value: object) -> int:
    if type(value) is int:
        return value
    raise SchemaError("a sequence is read along a dimension", expected="a whole number", received=described(value))


def _cannot_stack(name: str, kind: TensorType, dim: int) -> ShapeError:
    what = f"the output '{name}'" if name else "the output"
    return ShapeError(
        f"{what} of each step is stacked along dimension {dim}, and has too few dimensions",
        expected=f"at least {dim} dimensions",
        received=str(kind),
    )
