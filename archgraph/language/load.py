"""The face of the room: a spec in, a proved graph out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from archgraph.dims import Cause
from archgraph.errors import ArchgraphError, Mark, Problem, SchemaError, SpecError, UnknownNameError, nearest
from archgraph.garbage_collection import uncollected
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph, Origin
from archgraph.language.definitions import Definitions, definitions
from archgraph.language.elaboration.arguments import handed
from archgraph.language.elaboration.bindings import BoundName, Located
from archgraph.language.elaboration.elaborate import Elaboration, Halted
from archgraph.language.elaboration.evaluation import condition
from archgraph.language.elaboration.finish import finished, fit_for_task
from archgraph.language.elaboration.frame import BodyFrame, FramePlace
from archgraph.language.elaboration.input_shapes import declare_shape, element_type, input_list
from archgraph.language.elaboration.parameters import Parameters, check_claims
from archgraph.language.elaboration.reporting import gathered
from archgraph.language.elaboration.resolve import WrittenNode
from archgraph.language.expressions.budget import LoadBudget, bounded_effort
from archgraph.language.library import SpecRequest, find
from archgraph.language.schema.meta import evaluated_meta
from archgraph.language.schema.spec import BlockSpec, InputSpec, NodeSpec, Spec

Request = str | Path | Mapping[str, Any]


def load(request: Request, preset: str | None = None, *, standalone: bool = False, **params: Any) -> Graph:
    """The proved graph of a spec: a path, `file@preset`, the name of a shipped model or preset, or a mapping.

    `params` override the preset's parameters. `standalone` says that the spec holds every block it uses (as the one in
    an exported file does), so the standard blocks are not looked at. Raises SpecError with all independent problems.
    """
    with bounded_effort(), uncollected():
        return elaborate(find(request, preset), params, standalone)


def check(request: Request, preset: str | None = None, **params: Any) -> list[Graph]:
    """One graph for each preset of the spec (or the one asked for), so that every block is elaborated at least once.

    None for a file that only holds blocks for others to use: their sizes are not known before somebody uses them.
    Raises SpecError with the problems of all presets.
    """
    with bounded_effort() as effort, uncollected():
        source = find(request, preset)
        if not source.spec.block.body.nodes:
            definitions(source.spec)
            return []
        return _each_preset(source, params, effort)


def _each_preset(source: SpecRequest, params: Mapping[str, Any], effort: LoadBudget) -> list[Graph]:
    """The graphs of all presets, which share one budget. Raises SpecError with the problems of all."""
    presets: list[str | None] = [source.preset] if source.preset else [*source.spec.block.presets] or [None]
    graphs: list[Graph] = []
    errors: list[ArchgraphError] = []
    for name in presets:
        try:
            graphs.append(elaborate(SpecRequest(source.spec, name), params))
        except SpecError as error:
            errors.append(error)
            if effort.exhausted:
                break
    if errors:
        raise gathered(errors)
    return graphs


def elaborate(source: SpecRequest, params: Mapping[str, Any], standalone: bool = False) -> Graph:
    """Builds and checks the graph of one preset. Raises SpecError.

    A spec whose `meta` says `self_contained: true` holds every block it uses, whatever `standalone` says.
    """
    spec, run = source.spec, Elaboration()
    if not spec.block.body.nodes:
        raise SchemaError(
            Problem(
                f"{spec.block.name} holds blocks only, so it is no network",
                spec.document.marks.key("name"),
                hint="a spec that has nodes may use it: 'use: [./this_file.yaml]'",
            )
        )
    alone = standalone or spec.block.meta.get("self_contained") is True
    try:
        with bounded_effort():
            return _elaborated(source, params, alone, run)
    except SpecError as error:
        placed = error.placed(spec.document.marks.key("name"))  # what is about the network as a whole
        if not spec.document.extensions:
            raise placed from None
        from archgraph.language.extension.extension import explained  # few networks extend others

        raise explained(placed, spec.document.extensions) from None


def _elaborated(source: SpecRequest, params: Mapping[str, Any], alone: bool, run: Elaboration) -> Graph:
    spec = source.spec
    place = FramePlace(spec.document, definitions(spec, standard=not alone))
    parameters = _parameters(source, params, place, run)
    frame = BodyFrame(Builder(spec.block.name, run.facts), place, parameters.scope)
    try:
        _inputs(run, frame, spec.block, parameters)
        _meta(run, spec.block, parameters)
        outputs = run.body(frame, spec.block.body)
    except Halted:
        outputs = None
    if run.problems or outputs is None:
        raise gathered(run.problems)
    if not alone:
        run.warnings += _hidden(spec, place.definitions)
    graph = finished(run, frame, outputs, source, parameters, checked=not params)
    return graph if alone else fit_for_task(graph, spec)  # a spec in an exported file stays valid whatever its task is


def _hidden(spec: Spec, definitions: Definitions) -> Iterator[Problem]:
    """Notes of the file's own blocks that hide an operation or a standard block."""
    extended = {step.base for step in spec.document.extensions if step.base == step.name}
    for name, what, block in definitions.hidden():
        mark = block.document.marks.key(*(block.where or ("name",)))
        if name in extended or (spec.document.extensions and mark is not None and mark.file != spec.document.file):
            continue  # it is this block, with changes
        yield Problem(f"this block hides the {what} '{name}'", mark, severity="note")


def _meta(run: Elaboration, block: BlockSpec, parameters: Parameters) -> None:
    """Evaluates the network's `meta`; what is wrong there is told with what is wrong in the nodes."""
    try:
        run.meta = evaluated_meta(block, parameters.scope, run.facts)
    except ArchgraphError as error:
        run.problems.append(error)


def _parameters(source: SpecRequest, params: Mapping[str, Any], place: FramePlace, run: Elaboration) -> Parameters:
    """The parameters of the preset and of the caller. Raises UnknownNameError, SchemaError."""
    block, preset = source.spec.block, preset_values(source.spec, source.preset)
    at: dict[str, tuple[str, ...]] = {name: ("presets", str(source.preset), name) for name in preset}
    at |= {name: ("params", name) for name in params}
    defaults = {name: kind.default for name, kind in block.params.items() if _takes_node(block, name, kind.default)}
    at |= {name: ("params", name, "default") for name in defaults if name not in at}
    scope: dict[str, Any] = {}
    written = WrittenNode(NodeSpec(block.name), scope, place)
    try:
        given = {
            name: handed(name, value, at[name], written) if _takes_node(block, name, value) else value
            for name, value in {**defaults, **preset, **params}.items()
        }
        return Parameters(block, run.facts, scope, places=at).bind(given)
    except SchemaError as error:
        raise SchemaError(*(_about_parameter(problem, block, at, place) for problem in error.problems)) from None


def _about_parameter(
    problem: Problem, block: BlockSpec, at: Mapping[str, tuple[str, ...]], place: FramePlace
) -> Problem:
    """A complaint about a parameter of the network: under the preset's value, or under the declaration."""
    known = problem.path in block.params
    mark = place.value(*at.get(problem.path, ("params", problem.path))) if known else place.key("params")
    hint = "" if problem.hint.startswith("write =") else problem.hint
    return replace(problem, where=problem.where or mark, path="", hint=hint)


def _takes_node(block: BlockSpec, name: str, value: Any) -> bool:
    return value is not None and name in block.node_parameters


def preset_values(spec: Spec, name: str | None) -> Mapping[str, Any]:
    """What a preset of a spec sets; nothing where none is named. Raises UnknownNameError."""
    if name is None:
        return {}
    presets = spec.block.presets
    if name not in presets:
        raise UnknownNameError(
            Problem(
                f"{spec.block.name} has no preset '{name}'",
                spec.document.marks.key("presets") if presets else spec.document.marks.key("name"),
                expected=f"one of {', '.join(presets)}" if presets else "no preset: it has none",
                hint=nearest(name, presets),
            )
        )
    return presets[name]


def _inputs(run: Elaboration, frame: BodyFrame, block: BlockSpec, parameters: Parameters) -> None:
    """The model's own inputs, `let` and claims. What is wrong with them is raised before any node is looked at."""
    errors: list[ArchgraphError] = []
    for name, spec in block.inputs.items():
        mark = frame.place.key(*spec.where)
        try:
            frame.names[name] = _input(frame, spec, parameters, mark)
        except ArchgraphError as error:
            errors.append(error.placed(mark, name))
            continue
        if frame.prev is None and frame.names[name].state == "present":
            frame.prev = frame.names[name]
    if not errors:
        try:
            parameters.finish()
            check_claims(block, parameters.scope, run.facts)
        except ArchgraphError as error:
            errors.append(error)
    if errors:
        raise gathered(errors)


def _input(frame: BodyFrame, spec: InputSpec, parameters: Parameters, mark: Mark | None) -> BoundName:
    """One input: its names become symbols, and stay so."""
    binding = BoundName(spec.name, kind="input", mark=mark, address=spec.name, state="absent")
    if spec.when is not None:
        parameters.settle()
        if not condition(spec.when, parameters.scope, parameters.facts):
            return binding
    spec = element_type(spec, parameters)
    several = spec.each is not None
    for one, names in input_list(spec, parameters) if several else [(spec, {})]:
        shape = declare_shape(one, parameters, names)
        for size in shape:
            parameters.facts.require_at_least(size, 1, Cause(f"input '{one.name}' must not be empty", mark, one.name))
        value = frame.builder.input(one.name, shape, spec.dtype, Origin(one.name, mark))
        binding.outputs[str(len(binding.outputs)) if several else ""] = Located(frame, value)
    binding.state = "present"
    return binding
