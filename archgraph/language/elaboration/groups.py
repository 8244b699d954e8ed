"""Inline groups: a body of its own among the names around it, and the call that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archgraph.dims import Dim
from archgraph.errors import ArchgraphError, UnknownNameError, WiringError
from archgraph.graph.builder import CallSpec
from archgraph.graph.types import Call, Origin, joined
from archgraph.language.elaboration.bindings import BoundName, Broken, Located, Reader
from archgraph.language.elaboration.body_checks import owns_weights
from archgraph.language.elaboration.connect import ModulePosition, NodeApplication, single
from archgraph.language.elaboration.frame import BodyFrame, FramePlace
from archgraph.language.elaboration.input_shapes import element_type, match_shape
from archgraph.language.elaboration.parameters import Parameters
from archgraph.language.elaboration.value_origins import sources
from archgraph.language.schema.references import settled
from archgraph.language.schema.spec import BlockSpec, NodeSpec


def group(app: NodeApplication) -> BoundName:
    """Elaborates an inline group. Raises Broken where its outputs have failed."""
    body = app.spec.body
    assert body is not None
    if app.main is None:
        main = stands_before(app.frame, app.spec, "", app.reader, app.scope)
    else:
        main = _handed_on(app, app.main) if app.spec.chain else app.main.forwarded()
    inner = app.frame.child(app.name, place_below(app.frame, app.name, app.site), app.scope, main)
    inner.where = app.spec.where
    symbols = _name_input(app, inner, main) if app.spec.input is not None else {}
    outputs = app.run.body(inner, body)
    if outputs is None:
        inner.abandon()
        raise Broken
    origin = Origin(app.address, app.reader.mark)
    how = CallSpec("group", app.site.hidden, symbols=symbols, origin=origin)
    return finish_group(inner, app.site.name, outputs, how)


def _handed_on(app: NodeApplication, before: BoundName) -> BoundName:
    """What a copy takes from the one before: of several outputs the one that is called as the group's input. Raises
    UnknownNameError where there is none of the name."""
    assert app.spec.input is not None
    for at, name in enumerate(app.spec.chain):
        if name != app.spec.input.name:
            error = UnknownNameError(f"{app.spec.name} has no input '{name}'", expected=app.spec.input.name)
            raise error.placed(app.frame.place.value(*app.spec.where, "chain", at), app.address)
    if not app.chained:
        return before.forwarded()
    before.read(app.reader.unnamed())
    return before.output(app.spec.input.name)


def _name_input(app: NodeApplication, inner: BodyFrame, main: BoundName | None) -> dict[str, Dim]:
    """Gives the input of a group its name, and the symbols of its shape to the expressions inside. Raises WiringError
    where nothing stands before, ShapeError for another shape, Broken where what it reads has failed."""
    spec, group = app.spec.input, _as_block(app)
    assert spec is not None
    mark = app.frame.place.value(*spec.where)
    if main is not None and main.state == "broken":
        raise Broken
    if main is None or main.state == "absent":
        what = f"'{main.name}' is absent here" if main is not None else "nothing stands before this group"
        error = WiringError(f"{what}, and it needs its input '{spec.name}'", hint=f"name it: in: {{{spec.name}: …}}")
        raise error.placed(mark, app.address)
    main.read(app.reader.unnamed())
    located = single(main, f"the input '{spec.name}' of {group.name}")
    parameters = Parameters(group, app.run.facts, dict(app.scope))
    app.run.facts.stand_at(app.reader.mark, app.address)
    try:
        symbols = match_shape(element_type(spec, parameters), located.value, parameters)
    except ArchgraphError as error:
        notes = tuple(sources(app.frame.passed, {spec.name: located.value}))
        problems = (replace(problem, notes=(*problem.notes, *notes)) for problem in error.problems)
        raise type(error)(*problems).placed(mark, app.address) from None
    inner.scope = parameters.scope
    sizes = frozenset(symbols)
    inner.main = BoundName(spec.name, {"": located}, kind="input", mark=mark, sizes=sizes, block=group)
    inner.names[spec.name] = inner.prev = inner.main
    return symbols


def _as_block(app: NodeApplication) -> BlockSpec:
    """A group with a named input as the block that it could be."""
    assert app.spec.body is not None
    nothing: dict[str, Any] = {}
    document = app.frame.place.document
    return BlockSpec(app.spec.name, "", {}, {}, {}, nothing, app.spec.body, (), {}, nothing, document, app.spec.where)


def place_below(frame: BodyFrame, name: str, site: ModulePosition) -> FramePlace:
    """The place of a body below this one."""
    module = frame.place.module if site.hidden else joined(frame.place.module, site.name)
    around = frame.place
    return FramePlace(around.document, around.definitions, joined(around.address, name), module)


def stands_before(
    frame: BodyFrame, spec: NodeSpec, main_port: str, reader: Reader, scope: Mapping[str, Any]
) -> BoundName | None:
    """What the first node inside a group or repetition reads by default: noted as read only when it does.

    `main_port` is the name of the main port, '' for a group. Raises what is wrong with the name after `in:`.
    """
    text, where = main_text(frame, spec, main_port)
    if text is None or text == "prev":
        return frame.prev.forwarded() if frame.prev is not None else None
    try:
        text = settled(text, scope, frame.builder.facts)
        outer = frame.lookup(text)
        if outer is None:
            outer = frame.read(text, reader)
        frame.require_mode(outer)
        return outer.forwarded(named=True)
    except ArchgraphError as error:
        raise error.placed(frame.place.value(*where), reader.address) from None


def main_text(frame: BodyFrame, spec: NodeSpec, main_port: str) -> tuple[str | None, tuple[str | int, ...]]:
    """The name after `in:` that the main port reads, if one is given, and where it stands."""
    given, where = spec.inputs, (*spec.where, "in")
    if spec.input is not None and isinstance(given, dict) and set(given) == {spec.input.name}:
        main_port = spec.input.name
    elif spec.body is not None and (isinstance(given, dict) or (isinstance(given, list) and len(given) > 1)):
        raise WiringError(
            "a group reads one value",
            expected="'in:' and one name",
            hint="nodes inside the group may name whatever stands around it",
        ).placed(frame.place.value(*where), joined(frame.place.address, spec.name))
    if isinstance(given, dict):
        given, where = given.get(main_port), (*where, main_port)
    if isinstance(given, list):
        return given[0], (*where, 0)
    return given, where


def finish_group(inner: BodyFrame, name: str, outputs: Mapping[str, Located], how: CallSpec) -> BoundName:
    """Closes a group or repetition and places it as a call. What it pushed moves to the frame around it."""
    frame = inner.parent
    assert frame is not None
    held = inner.held()
    if inner.builder.empty:  # everything in it is left out: it hands on what it was given
        return BoundName(name, dict(outputs), kind="alias")
    inner.check_twin()
    values = {port: inner.bring(located) for port, located in outputs.items()}
    known = set(values.values())
    for stack, at in held:
        if at.value not in known:
            values[f"{stack}.{len(values)}"] = at.value
            known.add(at.value)
    body = inner.builder.finish(values, order=inner.spec.order, first=inner.main_input())
    outside = inner.captured()
    call = frame.builder.call(
        name, body, [outside[value] for value in body.inputs], as_=replace(how, shares=frame.twin_item(Call, name))
    )
    after = dict(zip(body.outputs.values(), call.outputs, strict=True))
    for _, at in held:
        at.value, at.frame = after[at.value], frame
    located = {port: Located(frame, at) for port, at in zip(outputs, call.outputs, strict=False)}
    return BoundName(name, located, owns_weights=owns_weights(call), item=call, taken=bool(held))
