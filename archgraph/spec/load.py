"""The face of the room: a spec in, a proved graph out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archgraph.dims import Cause
from archgraph.errors import (
    ArchgraphError,
    Problem,
    SchemaError,
    SpecError,
    UnknownNameError,
    combined,
    nearest,
)
from archgraph.graph import check as check_invariants
from archgraph.graph import parameter_count
from archgraph.graph.builder import Builder
from archgraph.graph.simplify import simplified
from archgraph.graph.types import Graph, Info, Origin
from archgraph.spec.bindings import Binding, Located
from archgraph.spec.elaborate import Elaboration, check_asserts
from archgraph.spec.frame import Frame, Place
from archgraph.spec.library import Source, definitions, find
from archgraph.spec.schema import BlockSpec, Spec
from archgraph.spec.scope import Parameters, condition, declare_shape

MAX_PARAMETERS = 10**12

Request = str | Path | Mapping[str, Any]


def load(request: Request, preset: str | None = None, *, standalone: bool = False, **params: Any) -> Graph:
    """The proved graph of a spec: a path, `file@preset`, the name of a shipped model or preset, or a mapping.

    `params` override the preset's parameters. `standalone` says that the spec holds every block it uses (as the one in
    an exported file does), so the standard blocks are not looked at. Raises SpecError with all independent problems.
    """
    return elaborate(find(request, preset), params, standalone)


def check(request: Request, preset: str | None = None, **params: Any) -> list[Graph]:
    """One graph for each preset of the spec (or the one asked for), so that every block is elaborated at least once.

    None for a file that only holds blocks for others to use: their sizes are not known before somebody uses them.

    Raises SpecError with the problems of all presets.
    """
    source = find(request, preset)
    if not source.spec.block.body.nodes:
        definitions(source.spec)
        return []
    presets = [source.preset] if source.preset else list(source.spec.block.presets) or [None]
    graphs: list[Graph] = []
    errors: list[ArchgraphError] = []
    for name in presets:
        try:
            graphs.append(elaborate(Source(source.spec, name), params))
        except SpecError as error:
            errors.append(error)
    if errors:
        raise combined(errors)
    return graphs


def elaborate(source: Source, params: Mapping[str, Any], standalone: bool = False) -> Graph:
    """Builds and checks the graph of one preset."""
    spec = source.spec
    if not spec.block.body.nodes:
        raise SchemaError(
            Problem(
                f"{spec.block.name} holds blocks only, so it is no network",
                spec.document.marks.key("name"),
                hint="a spec that has nodes may use it: `use: [./this_file.yaml]`",
            )
        )
    known = definitions(spec, standard=not standalone)
    run = Elaboration()
    block = spec.block
    given = {**_preset(spec, source.preset), **params}
    parameters = _bind(block, given, run)
    place = Place(spec.document, known)
    frame = Frame(block.name, Builder(block.name, run.facts), place, parameters.scope)
    try:
        _inputs(frame, block, parameters)
        parameters.finish()
        check_asserts(block, parameters.scope, run.facts)
    except ArchgraphError as error:
        raise error.placed(spec.document.marks.key("inputs")) from None
    outputs = run.body(frame, block.body)
    if run.problems or outputs is None:
        raise combined(run.problems)
    settled = {name: parameters.scope[name] for name in block.params if name in parameters.scope}
    graph = frame.builder.finish(
        {name or "output": frame.bring(located) for name, located in outputs.items()},
        order=block.body.order,
        constraints=run.facts.constraints(),
        warnings=list(dict.fromkeys(run.warnings)),
        info=_info(source, settled, run),
    )
    if graph.constraints:
        graph = simplified(graph, run.facts)
    _check_finished(graph, spec, bool(params))
    return graph


def _preset(spec: Spec, name: str | None) -> Mapping[str, Any]:
    if name is None:
        return {}
    presets = spec.block.presets
    if name not in presets:
        raise UnknownNameError(
            Problem(
                f"{spec.block.name} has no preset '{name}'",
                spec.document.marks.key("presets"),
                expected=f"one of {', '.join(presets)}" if presets else "no preset: it has none",
                hint=nearest(name, presets),
            )
        )
    return presets[name]


def _bind(block: BlockSpec, given: Mapping[str, Any], run: Elaboration) -> Parameters:
    try:
        return Parameters.bind(block, given, run.facts)
    except ArchgraphError as error:
        raise error.placed(block.document.marks.key("params")) from None


def _inputs(frame: Frame, block: BlockSpec, parameters: Parameters) -> None:
    """The model's own inputs: their symbols stay symbols."""
    for name, spec in block.inputs.items():
        mark = block.document.marks.key(*spec.where)
        if spec.when is not None and not condition(spec.when, parameters.scope, parameters.facts):
            frame.names[name] = Binding(name, state="absent", kind="input", mark=mark, address=name)
            continue
        try:
            shape = declare_shape(spec, parameters)
        except ArchgraphError as error:
            raise error.placed(mark, name) from None
        for size in shape:
            parameters.facts.require_at_least(size, 1, Cause(f"input '{name}' must not be empty", mark, name))
        value = frame.builder.input(name, shape, spec.dtype, Origin(name, mark))
        frame.names[name] = Binding(name, {"": Located(frame, value)}, kind="input", mark=mark, address=name)
        if frame.prev is None:
            frame.prev = frame.names[name]


def _info(source: Source, settled: Mapping[str, Any], run: Elaboration) -> Info:
    block = source.spec.block
    return Info(
        about=block.about,
        preset=source.preset or "",
        params=settled,
        meta=block.meta,
        spec=_self_contained(source.spec, run),
        file=source.spec.document.file,
    )


def _self_contained(spec: Spec, run: Elaboration) -> dict[str, Any]:
    """The spec as plain data with every block that it uses among its own `blocks`."""
    data = {key: value for key, value in spec.document.data.items() if key != "use"}
    blocks = dict(data.get("blocks", {}))
    for name, block in run.used.items():
        body: Any = block.document.data
        for step in block.where:
            body = body[step]
        blocks.setdefault(name, {key: value for key, value in body.items() if key not in ("archgraph", "name", "blocks")})
    if blocks:
        data["blocks"] = blocks
    return json.loads(json.dumps(data))  # type: ignore[no-any-return]


def _check_finished(graph: Graph, spec: Spec, overridden: bool) -> None:
    """Paths and keys are unique, and the published parameter count is met. Raises SpecError."""
    check_invariants(graph)
    count = parameter_count(graph)
    if count > MAX_PARAMETERS:
        raise SpecError(f"the network has {count:,} parameters", expected=f"at most {MAX_PARAMETERS:,}")
    published = spec.block.parameter_counts
    expected = published.get(graph.info.preset or None)
    if expected is not None and not overridden and count != expected:
        raise SchemaError(
            Problem(
                f"{graph.title} has {count:,} parameters, and `assert` states {expected:,}",
                spec.document.marks.key("assert"),
                expected=f"{expected:,}",
                received=f"{count:,}",
            )
        )
