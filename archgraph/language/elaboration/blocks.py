"""Blocks: a closed body with parameters and inputs of its own, applied at a place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archgraph.dims import Dim
from archgraph.errors import (
    ArchgraphError,
    Mark,
    ShapeError,
    SpecError,
    UnknownNameError,
    WiringError,
    combined,
    nearest,
)
from archgraph.graph.builder import Builder, CallSpec
from archgraph.graph.types import Call, Graph, Origin, Value
from archgraph.language.definitions import Definitions
from archgraph.language.elaboration.bindings import BoundName, Broken, Located
from archgraph.language.elaboration.block_cache import ElaborationProgress
from archgraph.language.elaboration.body_checks import owns_weights
from archgraph.language.elaboration.connect import NodeApplication, Wires, parts, single
from archgraph.language.elaboration.evaluation import condition
from archgraph.language.elaboration.frame import BodyFrame, FramePlace
from archgraph.language.elaboration.groups import place_below
from archgraph.language.elaboration.input_shapes import element_type, input_list, match_shape, shape_text
from archgraph.language.elaboration.name_errors import listed
from archgraph.language.elaboration.parameters import Parameters, check_claims
from archgraph.language.elaboration.resolve import Target, plain
from archgraph.language.elaboration.scans import Steps, steps_of
from archgraph.language.elaboration.tied_weights import ties_inside
from archgraph.language.elaboration.value_origins import sources
from archgraph.language.schema.references import OutputNames, base_name
from archgraph.language.schema.spec import BlockSpec, BodySpec, InputSpec
from archgraph.ops.contract import REGISTRY, TensorType
from archgraph.records import record

MAX_DEPTH = 32


@record()
class Use:
    """A block being elaborated: where it is applied, and what with."""

    address: str
    mark: Mark | None
    block: BlockSpec
    given: dict[str, Any]
    inputs: tuple[str, ...]
    types: tuple[TensorType, ...]
    selected: tuple[tuple[str, OutputNames], ...]
    """The values inside it that are handed out in place of its outputs."""
    definitions: Definitions


def block(app: NodeApplication, target: Target, parameters: Parameters, wires: Wires) -> BoundName:
    """Applies a block. Raises Broken where its outputs have failed."""
    given = dict(parameters.scope)
    shares = target.shares if isinstance(target.shares, Call) else app.frame.twin_item(Call, app.site.name)
    inner = _opened(app, target, parameters, shares)
    steps = steps_of(app, parameters.block)
    values, symbols = _inputs(app, inner, parameters, wires, steps)
    inputs = tuple(name for name in parameters.block.inputs if inner.names[name].state == "present")
    types = tuple(value.type for value in inner.builder.inputs)
    selected = tuple(app.spec.outputs.items())
    definitions = inner.place.definitions
    use = Use(app.address, app.reader.mark, parameters.block, given, inputs, types, selected, definitions)
    body, arguments = _body(app, inner, parameters, use)
    origin = Origin(app.address, app.reader.mark)
    scan = steps.finished(body) if steps else None
    how = CallSpec("block", app.site.hidden, parameters.block.name, arguments, symbols, shares, scan, origin)
    call = app.frame.builder.call(app.site.name, body, values, as_=how)
    located = {port: Located(app.frame, value) for port, value in zip(body.outputs, call.outputs, strict=True)}
    applied = target._replace(arguments=given)
    return BoundName(app.name, located, owns_weights=owns_weights(call), item=call, applied=applied)


def _opened(app: NodeApplication, target: Target, parameters: Parameters, shares: Call | None) -> BodyFrame:
    """The frame of a block: no names of the place where it is applied are seen from it."""
    spec = parameters.block
    assert target.definitions is not None
    module = place_below(app.frame, app.name, app.site).module
    place = FramePlace(spec.document, target.definitions, app.address, module)
    inner = BodyFrame(Builder(spec.name, app.run.facts), place, parameters.scope)
    inner.where, inner.block_module, inner.passed = spec.where, module, app.frame.passed
    inner.ties = ties_inside(app, module)
    inner.twin = shares.body if shares is not None else None
    app.run.facts.stand_at(app.reader.mark, app.address)
    return inner


def _body(app: NodeApplication, inner: BodyFrame, parameters: Parameters, use: Use) -> tuple[Graph, dict[str, Any]]:
    """The body and the arguments of the block: those of an equal use before, or elaborated here."""
    run, begun = app.run, ElaborationProgress.of(app.run, inner.place.module)
    found = run.cache.find(use, begun, run) if inner.twin is None and not inner.ties else None
    if found is not None:
        run.warnings += found.warnings_at(use.address)
        return found.at(use.address), found.arguments
    outputs = _elaborated(inner, parameters, use, app)
    if use.selected:
        inner.builder.keep(inner.bring(at) for at in outputs.values())
    inner.check_twin()
    order = parameters.block.body.order
    body = inner.builder.finish({port: inner.bring(at) for port, at in outputs.items()}, order=order)
    arguments = {name: plain(value, run.facts) for name, value in parameters.settled().items()}
    if inner.twin is None and not inner.ties:
        run.cache.keep(use, (body, arguments), begun, run)
    return body, arguments


def _elaborated(inner: BodyFrame, parameters: Parameters, use: Use, app: NodeApplication) -> dict[str, Located]:
    """The outputs of the body. Raises Broken where they have failed."""
    uses = app.run.uses
    _refuse_endless(uses, use)
    _finish_parameters(app, parameters)
    uses.append(use)
    try:
        outputs = app.run.body(inner, _wanted_body(inner, parameters.block, app))
    finally:
        uses.pop()
    if outputs is None:
        raise Broken
    return outputs


def _wanted_body(inner: BodyFrame, block: BlockSpec, app: NodeApplication) -> BodySpec:
    """The block's body; where the node names values inside it, those are handed out, and what they do not need is not
    applied."""
    if not app.spec.outputs:
        return block.body
    inner.selects = True
    body = replace(block.body, outputs=app.spec.outputs)
    for name, given in app.spec.outputs.items():
        for text in (given,) if isinstance(given, str) else given:
            _require_node(app, block, name, base_name(text))
    return body


def _require_node(app: NodeApplication, block: BlockSpec, output: str, node: str) -> None:
    """Raises UnknownNameError for an output that names nothing inside a block."""
    known = [inner.name for inner in block.body.nodes]
    if node not in known and node not in block.inputs:
        where = (*app.spec.where, "outputs", output)
        message = f"{block.name} has no node '{node}' to hand out"
        error = UnknownNameError(message, expected=listed(known), hint=nearest(node, known))
        raise error.placed(app.frame.place.value(*where) or app.frame.place.key(*where), app.address)


def _finish_parameters(app: NodeApplication, parameters: Parameters) -> None:
    """Defaults and `let`, then what the block claims; a claim that fails is the fault of whoever applies the block."""
    parameters.finish()
    try:
        check_claims(parameters.block, parameters.scope, parameters.facts)
    except SpecError as error:
        problems = [
            replace(p, where=app.reader.mark, notes=(*p.notes, (f"{parameters.block.name} asserts it", p.where)))
            for p in error.problems
        ]
        raise SpecError(*problems) from None


def _refuse_endless(uses: list[Use], use: Use) -> None:
    if len(uses) >= MAX_DEPTH:
        raise SpecError(
            f"blocks are nested too deeply: '{use.block.name}' stands inside {len(uses)} others",
            expected=f"at most {MAX_DEPTH} levels",
        )
    for outer in uses:
        if outer.block is use.block and (outer.given, outer.types) == (use.given, use.types):
            within = "" if outer is uses[-1] else f" (by way of '{uses[-1].block.name}')"
            raise SpecError(
                f"'{use.block.name}' uses itself{within}, so it never ends",
                hint=f"'operations: [{name}]' in the block makes the name mean the operation there"
                if (name := use.block.name) in REGISTRY
                else "a block may use itself with other parameters, under a 'when' that fails at last",
            )


def _inputs(
    app: NodeApplication, inner: BodyFrame, parameters: Parameters, wires: Wires, steps: Steps | None
) -> tuple[list[Value], dict[str, Dim]]:
    """Hands values to the block's inputs: the values outside, and the sizes that its symbols stand for."""
    values: list[Value] = []
    symbols: dict[str, Dim] = {}
    errors: list[ArchgraphError] = []
    for name, spec in parameters.block.inputs.items():
        mark = inner.place.key(*spec.where)
        inner.names[name] = BoundName(name, state="absent", kind="input", mark=mark)
        try:
            handed = _handed(app, spec, parameters, wires)
            if handed is None:
                continue
            bound = set(symbols)
            seen = [steps.seen(name, outer) if steps else outer for _, outer, _ in handed]
            for (one, _, names), value in zip(handed, seen, strict=True):
                symbols.update(match_shape(one, value, parameters, names))
        except ArchgraphError as error:
            errors.append(_explained(app, spec, wires, error, mark))
            continue
        located: dict[str, Located] = {}
        for (one, outer, _), read in zip(handed, seen, strict=True):
            value = inner.builder.input(one.name, read.shape, read.dtype, Origin(f"{app.address}.{name}", mark))
            inner.passed[value] = outer
            values.append(outer)
            located[str(len(located)) if spec.each is not None else ""] = Located(inner, value)
        sizes = frozenset(symbols.keys() - bound)
        inner.names[name] = BoundName(name, located, kind="input", mark=mark, sizes=sizes, block=parameters.block)
        inner.prev = inner.prev or inner.names[name]
    if errors:
        raise combined(errors)
    return values, symbols


Handed = list[tuple[InputSpec, Value, dict[str, Any]]]
"""What an input takes: one value, or one for each entry of its list; with the names that the shape sees beside."""


def _handed(app: NodeApplication, spec: InputSpec, parameters: Parameters, wires: Wires) -> Handed | None:
    """The values handed to an input, as the frame outside sees them; None where the input is absent."""
    if spec.when is not None:
        parameters.settle()
    wanted = spec.when is None or condition(spec.when, parameters.scope, parameters.facts)
    spec = element_type(spec, parameters)
    if spec.each is not None and wanted:
        return _handed_list(app, spec, parameters, wires)
    binding = wires.bindings.get(spec.name)
    if binding is None or binding.state == "absent":
        if wanted:
            raise _needed(spec, parameters.block, binding)
        return None
    if not wanted and app.spec.repeated:
        return None  # other copies take it
    if not wanted:
        raise WiringError(
            f"{parameters.block.name} takes no input '{spec.name}' here",
            expected=f"no '{spec.name}', because {spec.when} is false",
            hint=f"leave '{spec.name}' out of 'in'",
        )
    return [(spec, app.frame.bring(single(binding, f"the input '{spec.name}' of {parameters.block.name}")), {})]


def _handed_list(app: NodeApplication, spec: InputSpec, parameters: Parameters, wires: Wires) -> Handed:
    """The values of an input that takes several. Raises WiringError for another number of them."""
    keys = [key for key in wires.bindings if key == spec.name or key.startswith(f"{spec.name}.")]
    values = [app.frame.bring(at) for key in keys for at in parts(wires.bindings[key])]
    inputs = input_list(spec, parameters)
    if len(values) != len(inputs):
        raise WiringError(
            f"{parameters.block.name} takes {len(inputs)} values as '{spec.name}'",
            expected=f"{len(inputs)} values",
            received=f"{len(values)}",
        )
    return [(one, value, names) for (one, names), value in zip(inputs, values, strict=True)]


def _needed(spec: InputSpec, block: BlockSpec, binding: BoundName | None) -> WiringError:
    because = f" because {spec.when} is true" if spec.when is not None else ""
    if binding is not None:
        return WiringError(
            f"'{binding.name}' is absent here, and {block.name} needs its input '{spec.name}'{because}",
            hint="leave this node out as well, by the same 'when'",
        )
    return WiringError(
        f"{block.name} needs its input '{spec.name}'",
        expected=f"{spec.name}: {shape_text(spec)}{because}",
        hint=f"name it: in: {{{spec.name}: …}}",
    )


def _explained(
    app: NodeApplication, spec: InputSpec, wires: Wires, error: ArchgraphError, mark: Mark | None
) -> ArchgraphError:
    """A misfit at an input, under what was handed to it, with the places of both shapes."""
    first = spec.name if spec.each is None else f"{spec.name}.0"
    where = wires.places.get(first)
    at = app.frame.place.value(*where) if where and where != app.spec.where else app.reader.mark
    binding = wires.bindings.get(spec.name)
    notes: list[tuple[str, Mark | None]] = []
    if isinstance(error, ShapeError) and binding is not None:
        value = app.frame.bring(binding.main)
        notes += sources(app.frame.passed, {spec.name: value})
    notes.append((f"the input '{spec.name}' is declared as {shape_text(spec)}", mark))
    problems = [replace(p, where=p.where or at, notes=(*p.notes, *notes)) for p in error.problems]
    return type(error)(*problems).placed(at, app.address)
