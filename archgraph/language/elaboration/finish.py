"""The finished network: what can only be checked as a whole, and the spec that it carries along."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from archgraph.errors import Problem, SchemaError, SpecError, WiringError, nearest
from archgraph.graph.direct_indices import direct_indices
from archgraph.graph.embedding_tables import reads_tables
from archgraph.graph.invariants import check as check_invariants
from archgraph.graph.keys import parameter_count, weights
from archgraph.graph.simplify import simplified
from archgraph.graph.task import task_misfits
from archgraph.graph.types import Graph, Info
from archgraph.language.definitions import Definitions
from archgraph.language.elaboration.bindings import Located
from archgraph.language.elaboration.elaborate import Elaboration
from archgraph.language.elaboration.frame import BodyFrame
from archgraph.language.elaboration.parameters import Parameters
from archgraph.language.elaboration.reporting import told_once
from archgraph.language.elaboration.resolve import plain
from archgraph.language.library import SpecRequest
from archgraph.language.schema.meta import complaints_about_meta
from archgraph.language.schema.spec import BlockSpec, Spec

MAX_PARAMETERS = 10**12


def finished(
    run: Elaboration,
    frame: BodyFrame,
    outputs: Mapping[str, Located],
    source: SpecRequest,
    parameters: Parameters,
    checked: bool,
) -> Graph:
    """The graph, proved as a whole. `checked`: its published number of parameters is. Raises SpecError."""
    block = source.spec.block
    info = Info(
        about=block.about,
        preset=source.preset or "",
        params={name: plain(value, run.facts) for name, value in parameters.settled().items()},
        meta=run.meta,
        spec=self_contained(source.spec, frame.place.definitions, run),
        file=source.spec.document.file,
    )
    names = _output_names(source.spec, [*outputs, *frame.training_outputs])
    graph = frame.builder.finish(
        {names[name]: frame.bring(located) for name, located in outputs.items()},
        order=block.body.order,
        constraints=run.facts.constraints(),
        warnings=told_once([*run.warnings, *complaints_about_meta(source.spec.document, run.meta)]),
        info=info,
        training_outputs={names[name]: frame.bring(located) for name, located in frame.training_outputs.items()},
    )
    graph = _with_indices(graph, run)
    _check_ties(graph, run)
    if graph.constraints:
        graph = simplified(graph, run.facts)
    _check_paths(graph, run)
    _check_count(graph, source.spec, checked)
    return graph


def _output_names(spec: Spec, outputs: Iterable[str]) -> dict[str, str]:
    """The names of a network's own outputs: `down_0` for `down.0`. Raises SchemaError where two are the same."""
    names: dict[str, str] = {}
    for output in outputs:
        name = output.replace(".", "_") or "output"
        if name in names.values():
            declared = output.partition(".")[0]
            mark = spec.document.marks.key("outputs", declared)
            raise SchemaError(Problem(f"two outputs are called '{name}'", mark, hint="rename one of them"))
        names[output] = name
    return names


def _with_indices(graph: Graph, run: Elaboration) -> Graph:
    """The graph for the sizes at which every index that it counts has its row in a table. Raises ShapeError."""
    if not reads_tables(graph):
        return graph
    direct = direct_indices(graph)
    if direct is not None:
        direct.require(run.facts)
        return replace(graph, constraints=run.facts.constraints()) if direct.demands else graph
    from archgraph.graph.index_ranges import require_indices  # on arrays of numpy, which few networks need

    require_indices(graph, run.facts)
    return replace(graph, constraints=run.facts.constraints())


def fit_for_task(graph: Graph, spec: Spec) -> Graph:
    """The graph with warnings of what does not fit the task in its `meta`. Raises SpecError for shapes that cannot."""
    marks = spec.document.marks
    found = [
        misfit.problem.placed(marks.value(*misfit.at) if misfit.at else marks.value("meta", "task"))
        for misfit in task_misfits(graph)
    ]
    errors = [problem for problem in found if problem.severity == "error"]
    if errors:
        raise SpecError(*errors)
    return replace(graph, warnings=tuple(told_once([*graph.warnings, *found]))) if found else graph


def _check_paths(graph: Graph, run: Elaboration) -> None:
    """No two items claim one path or key. Raises WiringError, under the `path:` where the node has one."""
    try:
        check_invariants(graph)
    except WiringError as error:
        problems = (replace(problem, where=run.paths.get(problem.where, problem.where)) for problem in error.problems)
        raise WiringError(*problems) from None


def _check_ties(graph: Graph, run: Elaboration) -> None:
    """Tied weights exist and have one shape. Raises WiringError."""
    if not run.ties and not run.stated_ties:
        return
    known = {item.key: item for item in weights(graph)}
    problems = [
        Problem(f"there is no weight '{key}' to tie", mark, hint=nearest(key, known))
        for key, mark in run.stated_ties.items()
        if key not in known
    ]
    for item in known.values():
        mark = run.ties.get((id(item.node), item.weight.name))
        other, address = known.get(item.tied), item.node.origin.address
        if not item.tied:
            continue
        if other is None:
            message, hint = f"there is no weight '{item.tied}' to tie to", nearest(item.tied, known)
            problems.append(Problem(message, mark, address, hint=hint))
        elif other.weight.shape != item.weight.shape:
            message = f"'{item.key}' cannot be tied to '{item.tied}': their shapes differ"
            shapes = str(list(item.weight.shape)), str(list(other.weight.shape))
            problems.append(Problem(message, mark, address, *shapes))
        elif other.tied:
            message = "itself" if other.key == item.key else f"'{item.tied}', which is tied to '{other.tied}'"
            hint = "" if other.key == item.key else f"tie it to '{other.tied}'"
            problems.append(Problem(f"'{item.key}' is tied to {message}", mark, address, hint=hint))
    if problems:
        raise WiringError(*problems)


def _check_count(graph: Graph, spec: Spec, checked: bool) -> None:
    count = parameter_count(graph)
    if count > MAX_PARAMETERS:
        raise SpecError(_too_many_parameters(graph, count))
    preset = graph.info.preset or None
    expected = spec.block.parameter_counts.get(preset)
    if expected is not None and checked and count != expected:
        steps = ("assert", "parameters") if preset is None else ("assert", "parameters", preset)
        raise SchemaError(
            Problem(
                f"{graph.title} has another number of parameters than 'assert' states",
                spec.document.marks.value(*steps),
                expected=f"{expected:,}",
                received=f"{count:,} ({count - expected:+,})",
            )
        )


def _too_many_parameters(graph: Graph, count: int) -> Problem:
    largest = max(weights(graph), key=lambda item: item.weight.elements)
    origin = largest.node.origin
    return Problem(
        f"the network has {count:,} parameters; the largest is '{largest.key}' {list(largest.weight.shape)}",
        origin.mark,
        origin.address,
        expected=f"at most {MAX_PARAMETERS:,}",
    )


# --- the spec that a graph carries ------------------------------------------------------------------------------------

Found = dict[str, tuple[BlockSpec, Definitions]]


def self_contained(spec: Spec, definitions: Definitions, run: Elaboration) -> dict[str, Any]:
    """The spec as plain data with every block that it uses among its own `blocks`.

    Blocks of other files that have the name of another block, or of an operation that the spec's own nodes apply, stand
    inside the block that uses them.
    """
    data = {key: value for key, value in spec.document.data.items() if key != "use"}
    top = dict(run.used.get(id(definitions), {}))
    taken = run.operations.get(id(definitions), set())
    for found in run.used.values():
        for name, block in found.items():
            if name not in taken:
                top.setdefault(name, block)
    own = {name: (block, definitions) for name, block in spec.blocks.items()}
    blocks = dict(_embedded({**own, **top}, run))
    if blocks:
        data["blocks"] = blocks
    return json.loads(json.dumps(data))  # type: ignore[no-any-return]


def _embedded(
    found: Found, run: Elaboration, around: Mapping[str, BlockSpec] | None = None
) -> Iterator[tuple[str, Any]]:
    """The data of blocks, each with those that it uses and that are others than what is seen from around it."""
    visible = {**(around or {}), **{name: block for name, (block, _) in found.items()}}
    for name, (block, theirs) in found.items():
        data: Any = block.document.data
        for step in block.where:
            data = data[step]
        data = {key: value for key, value in data.items() if key not in ("archgraph", "name", "use", "blocks")}
        used = run.used.get(id(theirs), {})
        inner = {name: other for name, other in used.items() if visible.get(name) is not other[0]}
        if inner:
            data["blocks"] = dict(_embedded(inner, run, visible))
        hidden = [name for name in sorted(run.operations.get(id(theirs), ())) if name in visible]
        if hidden:
            data["operations"] = hidden
        if block.preset:
            data["preset"] = block.preset
        yield name, data
