"""`repeat:`, `for:` and `map:`: how many copies a node has, what each of them sees, and the call that they become."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from archgraph.dims import Facts
from archgraph.errors import ArchgraphError, Problem, SchemaError, WiringError
from archgraph.graph.builder import CallSpec
from archgraph.graph.types import Origin, joined
from archgraph.language.elaboration.bindings import BoundName, Broken, Located, Reader
from archgraph.language.elaboration.connect import ModulePosition
from archgraph.language.elaboration.evaluation import At, condition, evaluated, inner_scope
from archgraph.language.elaboration.frame import BodyFrame, FramePlace
from archgraph.language.elaboration.groups import finish_group, main_text, place_below, stands_before
from archgraph.language.elaboration.name_errors import references
from archgraph.language.elaboration.resolve import main_port, takes_nothing
from archgraph.language.expressions.expression import compile_template
from archgraph.language.expressions.values import described
from archgraph.language.schema.names import module_path
from archgraph.language.schema.references import is_computed
from archgraph.language.schema.spec import NodeSpec
from archgraph.records import record

if TYPE_CHECKING:
    from archgraph.language.elaboration.elaborate import Elaboration

MAX_COPIES = 10_000


@record()
class Copies:
    """The loop variables of each copy, and whether the copies share one input instead of chaining."""

    loops: tuple[dict[str, Any], ...]
    side_by_side: bool


def copies_of(place: FramePlace, spec: NodeSpec, scope: Mapping[str, Any], facts: Facts) -> Copies:
    """The copies of a node. Raises SchemaError for a count that is none, and for lists of different lengths."""
    address = joined(place.address, spec.name)
    lists: dict[str, list[Any]] = {}
    for name, value in spec.loop.items():
        with At(place, address, *spec.where, "for", name):
            lists[name] = _as_list(name, evaluated(value, scope, facts))
    with At(place, address, *spec.where, "map"):
        side_by_side = condition(spec.map or False, scope, facts, "'map'")
    if spec.repeat is not None:
        with At(place, address, *spec.where, "repeat"):
            return Copies(tuple(_loops(lists, _as_count(evaluated(spec.repeat, scope, facts)))), side_by_side)
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        with At(place, address, *spec.where, "for"):
            raise SchemaError("the lists of 'for' differ in length", expected="equal lengths", received=said)
    return Copies(tuple(_loops(lists, next(iter(lengths.values())))), side_by_side)


def _loops(lists: Mapping[str, list[Any]], count: int) -> Iterator[dict[str, Any]]:
    for k in range(count):
        yield {name: values[k] for name, values in lists.items()} | {"i": k, "first": k == 0, "last": k == count - 1}


One = Callable[[BodyFrame, int, dict[str, Any]], BoundName | None]
"""Applies one copy in the repetition's frame; None where it is left out."""


def repeated(run: Elaboration, frame: BodyFrame, spec: NodeSpec, reader: Reader, one: One) -> BoundName:
    """All copies of a node as one call. Raises Broken where one of them has failed."""
    plan = copies_of(frame.place, spec, frame.scope, run.facts)
    site = _site(spec)
    scope = {**frame.scope, **(plan.loops[0] if plan.loops else {})}  # the first copy says what the main port is
    port = main_port(frame, spec, scope, run.facts)
    computed = is_computed(main_text(frame, spec, port)[0])
    if computed and plan.loops:
        scope = inner_scope(frame.place, spec, frame.scope, run.facts, plan.loops[0])
    apart = plan.side_by_side and computed
    main = None if apart else stands_before(frame, spec, port, reader, scope)
    inner = frame.child(spec.name, place_below(frame, spec.name, site), frame.scope, main)
    copies: dict[str, BoundName] = {}
    for index, loop in enumerate(plan.loops):
        if apart:  # each copy reads a value of its own
            names = inner_scope(frame.place, spec, frame.scope, run.facts, loop)
            inner.prev = stands_before(frame, spec, port, reader, names)
        copy = one(inner, index, loop)
        if copy is None:
            continue
        copies[str(index)] = copy
        if not plan.side_by_side:
            inner.prev = copy
    if not copies:
        return _none_left(frame, spec, main, reader)
    try:
        if any(copy.state == "broken" for copy in copies.values()):
            raise Broken
        return _finished(inner, spec, reader, plan, copies)
    except (Broken, ArchgraphError):
        inner.abandon()
        raise


def _none_left(frame: BodyFrame, spec: NodeSpec, main: BoundName | None, reader: Reader) -> BoundName:
    """No copy at all: the node is left out, and hands on its main input."""
    if takes_nothing(frame, spec):
        return BoundName(spec.name, {}, "absent", "alias")
    if main is None:
        raise WiringError("nothing stands before this node that it could hand on", expected="'in:' and a name")
    main.read(reader if main.named else reader.unnamed())
    return BoundName(spec.name, dict(main.outputs), main.state, "alias")


def _site(spec: NodeSpec) -> ModulePosition:
    """The level of a repetition in the module tree; literal paths of its copies leave it none."""
    if spec.path is None:
        return ModulePosition(spec.name)
    if spec.path == ".":
        return ModulePosition(spec.name, hidden=True)
    return ModulePosition(spec.path) if compile_template(spec.path).literal else ModulePosition("", hidden=True)


def copy_site(frame: BodyFrame, spec: NodeSpec, index: int, scope: Mapping[str, Any], facts: Facts) -> ModulePosition:
    """The level of one copy."""
    if spec.path is not None and spec.path != "." and not compile_template(spec.path).literal:
        with At(frame.place, joined(frame.place.address, spec.name), *spec.where, "path"):
            return ModulePosition(module_path(compile_template(spec.path).evaluate(scope, facts)), copy=str(index))
    return ModulePosition(str(index), hidden=spec.path == ".", copy=str(index))


def _finished(
    inner: BodyFrame, spec: NodeSpec, reader: Reader, plan: Copies, copies: Mapping[str, BoundName]
) -> BoundName:
    frame = inner.parent
    assert frame is not None
    last = list(copies.values())[-1]
    if last.state == "absent":
        return BoundName(spec.name, {}, "absent", "alias")
    wanted = list(copies) if plan.side_by_side else _copies_read(frame, spec, copies)
    outputs: dict[str, Located] = {} if plan.side_by_side else dict(last.outputs)
    for index in wanted:
        if index in copies:
            outputs.update(_outputs(index, copies[index]))
    if not plan.side_by_side:
        _refuse_lost(copies, wanted)
    origin = Origin(inner.place.address, reader.mark)
    site = _site(spec)
    how = CallSpec("map" if plan.side_by_side else "repeat", site.hidden, origin=origin)
    binding = finish_group(inner, site.name, outputs, how)
    binding.copies = tuple(copies)
    return binding


def _outputs(index: str, copy: BoundName) -> dict[str, Located]:
    """What `name.0` stands for; `name.0.port` where the copy has several outputs."""
    if len(copy.outputs) == 1:
        return {index: copy.main}
    return {f"{index}.{port}" if port else index: at for port, at in copy.outputs.items()}


def _copies_read(frame: BodyFrame, spec: NodeSpec, copies: Iterable[str]) -> list[str]:
    """The numbers of the copies that somebody reads as `name.0`: looked up in the text, since a body is closed once
    it is finished. Where the number is computed, any may be read."""
    texts = [*frame.spec.handed_out, *(text for node in frame.spec.nodes for text in references(node))]
    wanted = [text for text in texts if text.startswith((f"{spec.name}.", f"{spec.name}["))]
    if any("{" in text or "[" in text for text in wanted):
        return list(copies)
    ports = {text.split(".")[1] for text in wanted}
    return sorted((port for port in ports if port.isdecimal()), key=int)


def _refuse_lost(copies: Mapping[str, BoundName], wanted: list[str]) -> None:
    """Copies chain: where one does not read the one before it, that one's work is lost."""
    for index, copy in list(copies.items())[:-1]:
        if copy.kind != "alias" and copy.owns_weights and not copy.used and index not in wanted:
            raise WiringError(
                Problem(
                    f"nobody reads copy {index}, which owns weights: the next copy does not read what stands before it",
                    hint="let the first node inside read 'prev', or set 'map: true' to have the copies side by side",
                )
            )


def _as_list(name: str, value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise SchemaError(f"'for' walks lists, and '{name}' is none", expected="a list", received=described(value))


def _as_count(value: Any) -> int:
    if type(value) is int and 0 <= value <= MAX_COPIES:
        return value
    expected = f"a whole number from 0 to {MAX_COPIES:,}"
    raise SchemaError("'repeat' must be a number of times", expected=expected, received=described(value))
