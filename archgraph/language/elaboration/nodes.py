"""One entry of `nodes`: left out, repeated, or applied; then bound to its name and pushed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archgraph.errors import (
    ArchgraphError,
    Mark,
    Problem,
    SchemaError,
    ShapeError,
    UnknownNameError,
    WiringError,
    combined,
)
from archgraph.graph.types import Node, Origin, Value, is_free_tensor, joined
from archgraph.language.elaboration.arguments import prepared
from archgraph.language.elaboration.bindings import BoundName, Broken, Located, Reader, broken
from archgraph.language.elaboration.blocks import block
from archgraph.language.elaboration.connect import ModulePosition, NodeApplication, Wires, connected, node_values
from archgraph.language.elaboration.evaluation import At, condition, inner_scope
from archgraph.language.elaboration.frame import BodyFrame, FramePlace
from archgraph.language.elaboration.groups import group, main_text
from archgraph.language.elaboration.name_errors import unsettled_stacks
from archgraph.language.elaboration.parameters import Parameters
from archgraph.language.elaboration.repeat import copy_site, repeated
from archgraph.language.elaboration.resolve import Target, main_port, resolve, takes_nothing
from archgraph.language.elaboration.tied_weights import note_ties, ties_of_operation
from archgraph.language.elaboration.value_origins import sources
from archgraph.language.expressions.expression import compile_template
from archgraph.language.schema.names import module_path
from archgraph.language.schema.references import settled
from archgraph.language.schema.spec import BlockSpec, NodeSpec
from archgraph.ops.contract import Operation

if TYPE_CHECKING:
    from archgraph.language.elaboration.elaborate import Elaboration


def enter(run: Elaboration, frame: BodyFrame, spec: NodeSpec) -> None:
    """Elaborates one entry of `nodes` and binds its name. An error is noted, and the node is broken."""
    address, mark = joined(frame.place.address, spec.name), run.mark(frame.place, spec)
    reader = Reader(id(spec), address, mark, True)
    run.count(mark, address)
    frame.builder.training = spec.training
    try:
        binding = _binding(run, frame, spec, reader)
    except Broken:
        binding = _failed(frame, spec, reader)
    except ArchgraphError as error:
        run.fail(error.placed(mark, address), frame)
        binding = _failed(frame, spec, reader, whole=True)
    frame.builder.training = False
    binding.name, binding.address, binding.mark, binding.training = spec.name, address, mark, spec.training
    frame.names[spec.name] = binding
    if not spec.training:  # the flow goes on past it
        frame.prev = binding


def _failed(frame: BodyFrame, spec: NodeSpec, reader: Reader, *, whole: bool = False, copy: bool = False) -> BoundName:
    """A failed node still pushes, so that its failure does not unbalance the stack; of a repeated one, each copy does.

    `whole`: nothing of it was elaborated, so what it would have popped, or pushed inside, is unknown.
    """
    binding = broken(spec.name)
    frame.fail()
    known = spec.push is None or frame.stack(spec.push) is not None
    if whole:
        frame.unsettle([*unsettled_stacks(spec), *(() if known else (str(spec.push),))])
    if spec.push is not None and known and (copy or not spec.repeated):
        frame.push(spec.push, binding, reader)
    return binding


def _binding(run: Elaboration, frame: BodyFrame, spec: NodeSpec, reader: Reader) -> BoundName:
    if spec.repeated:
        return repeated(run, frame, spec, reader, lambda inner, at, loop: _copy(run, inner, spec, reader, (at, loop)))
    scope = inner_scope(frame.place, spec, frame.scope, run.facts)
    if not _wanted(run, frame, spec, scope):
        return _left_out(run, frame, spec, scope, reader)
    binding = _apply(NodeApplication(run, frame, spec, scope, reader, reader.address, _site(run, frame, spec, scope)))
    _push(frame, frame.place, spec, binding, reader)
    return binding


def _copy(
    run: Elaboration, inner: BodyFrame, spec: NodeSpec, reader: Reader, copy: tuple[int, dict[str, Any]]
) -> BoundName | None:
    """One copy of a repeated node; None where its condition leaves it out. A failed one is broken."""
    address = f"{inner.place.address}.{copy[0]}"
    run.count(reader.mark, address)
    try:
        binding = _working_copy(run, inner, spec, reader, copy)
    except Broken:
        return _failed(inner, spec, reader, copy=True)
    except ArchgraphError as error:
        run.fail(error.placed(reader.mark, address), inner)
        return _failed(inner, spec, reader, whole=True, copy=True)
    return binding


def _working_copy(
    run: Elaboration, inner: BodyFrame, spec: NodeSpec, reader: Reader, copy: tuple[int, dict[str, Any]]
) -> BoundName | None:
    index, loop = copy
    assert inner.parent is not None
    scope = inner_scope(inner.parent.place, spec, inner.scope, run.facts, loop)
    if not _wanted(run, inner.parent, spec, scope):
        return None
    site = copy_site(inner.parent, spec, index, scope, run.facts)
    binding = _apply(
        NodeApplication(run, inner, spec, scope, reader, f"{inner.place.address}.{index}", site, inner.prev)
    )
    binding.name = f"{spec.name}.{index}"
    _push(inner, inner.parent.place, spec, binding, reader)
    return binding


def _push(frame: BodyFrame, place: FramePlace, spec: NodeSpec, binding: BoundName, reader: Reader) -> None:
    if spec.push:
        with At(place, reader.address, *spec.where, "push"):
            binding.address = binding.address or reader.address
            frame.push(spec.push, binding, reader)


def _wanted(run: Elaboration, frame: BodyFrame, spec: NodeSpec, scope: dict[str, Any]) -> bool:
    if spec.when is None:
        return True
    with At(frame.place, joined(frame.place.address, spec.name), *spec.where, "when"):
        return condition(spec.when, scope, run.facts)


def _left_out(run: Elaboration, frame: BodyFrame, spec: NodeSpec, scope: dict[str, Any], reader: Reader) -> BoundName:
    """A node whose condition is false hands on what `else` names, or its main input, and evaluates only that; it is
    absent where it has none, or is there in training only."""
    if spec.training or (spec.otherwise is None and takes_nothing(frame, spec)):
        return BoundName(spec.name, {}, "absent", "alias")
    text, where = spec.otherwise, (*spec.where, "else")
    if text is None:
        text, where = main_text(frame, spec, main_port(frame, spec, scope, run.facts))
    try:
        main = frame.default(reader) if text is None else frame.read(settled(text, scope, run.facts), reader)
    except ArchgraphError as error:
        raise error.placed(frame.place.value(*where), reader.address) from None
    return BoundName(spec.name, dict(main.outputs), main.state, "alias")


def _site(run: Elaboration, frame: BodyFrame, spec: NodeSpec, scope: dict[str, Any]) -> ModulePosition:
    if spec.path is None:
        return ModulePosition(spec.name)
    address = joined(frame.place.address, spec.name)
    with At(frame.place, address, *spec.where, "path"):
        if spec.path != ".":
            return ModulePosition(module_path(compile_template(spec.path).evaluate(scope, run.facts)))
    return ModulePosition(spec.name, hidden=True)


def _is_block(target: Target) -> bool:
    return isinstance(target.what, BlockSpec)


def _apply(app: NodeApplication) -> BoundName:
    """One application of a group, an operation or a block. Raises the errors of arguments and inputs together."""
    if app.spec.body is not None:
        return group(app)
    target = resolve(app.frame, app.spec, app.scope, app.run.facts, app.address)
    if app.spec.scan and not _is_block(target):
        mark = app.frame.place.key(*app.spec.where, "scan")
        message = f"{target.name} is an operation, and 'scan' applies a block"
        raise WiringError(message, hint="make it the node of a block").placed(mark, app.address)
    errors: list[ArchgraphError] = []
    what: Operation | Parameters | None = None
    try:
        what = prepared(target, app.address, app.run.facts)
    except ArchgraphError as error:
        errors.append(error)
    try:
        wires = connected(app, target)
    except ArchgraphError as error:
        errors.append(error)
    except Broken:
        if not errors:
            raise
    if errors:
        raise combined(errors)
    app.run.use(target)
    if isinstance(what, Operation):
        if app.spec.outputs:
            mark = app.frame.place.key(*app.spec.where, "outputs")
            refused = WiringError(f"{what.name} is an operation: no values inside it can be named")
            raise refused.placed(mark, app.address)
        return _operation(app, target, what, wires)
    assert what is not None
    return block(app, target, what, wires)


def _operation(app: NodeApplication, target: Target, op: Operation, wires: Wires) -> BoundName:
    values = node_values(app, op, wires)
    frame, spec = app.frame, app.spec
    ties = ties_of_operation(app, op, values)
    shares = target.shares if isinstance(target.shares, Node) else frame.twin_item(Node, app.site.name)
    origin = Origin(app.address, app.reader.mark)
    try:
        node = frame.builder.apply(
            app.site.name,
            op,
            values,
            origin=origin,
            ties={name: tie.key for name, tie in ties.items()},
            shares=shares,
            hidden=app.site.hidden,
        )
    except ArchgraphError as error:
        raise _explained(app, target, wires, values, error) from None
    if node.hidden and is_free_tensor(node):
        raise _no_key(app)
    note_ties(app, node, ties)
    outputs = {
        port: Located(frame, value)
        for port, value in zip(op.result_names(len(node.outputs)), node.outputs, strict=True)
    }
    owns = bool(node.weights or node.ties)
    return BoundName(spec.name, outputs, owns_weights=owns, item=node, applied=target)


def _no_key(app: NodeApplication) -> ArchgraphError:
    error = SchemaError(
        "the path of this tensor is its key, and '.' is none",
        expected="a path with a name, such as weight",
        hint="leave 'path: .' out: the key is then the node's name",
    )
    return error.placed(app.frame.place.value(*app.spec.where, "path"), app.address)


def _explained(
    app: NodeApplication, target: Target, wires: Wires, values: dict[str, Value], error: ArchgraphError
) -> ArchgraphError:
    """A complaint of an operation, under the argument or the name it is about, with where the shapes came from."""
    notes = tuple(sources(app.frame.passed, values)) if isinstance(error, ShapeError) else ()
    problems = [
        replace(
            problem,
            where=_place(app, target, wires, error, problem) or problem.where or app.reader.mark,
            path=app.address,
            hint=problem.hint if problem.hint != problem.message else "",
            notes=(*notes, *problem.notes),
        )
        for problem in error.problems
    ]
    return type(error)(*problems)


def _place(app: NodeApplication, target: Target, wires: Wires, error: ArchgraphError, problem: Problem) -> Mark | None:
    """Where the attribute, port or weight that a complaint is about stands in the file, if it does."""
    place, where, subject = app.frame.place, app.spec.where, problem.subject
    if subject in app.spec.tie:
        return place.key(*where, "tie", subject)
    if wires.places.get(subject, where) != where:
        find = place.key if isinstance(error, UnknownNameError) else place.value
        return find(*wires.places[subject])
    if subject in target.written.spec.arguments:
        return target.written.place.value(*target.written.spec.where, subject)
    return None
