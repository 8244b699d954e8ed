"""What a node reads: names looked up, values brought to the body, ports matched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from archgraph.errors import ArchgraphError, UnknownNameError, WiringError, combined, nearest
from archgraph.graph.types import Value
from archgraph.language.elaboration.bindings import BoundName, Broken, Located, Reader
from archgraph.language.elaboration.frame import BodyFrame
from archgraph.language.elaboration.name_errors import listed
from archgraph.language.elaboration.resolve import Target
from archgraph.language.schema.references import settled
from archgraph.language.schema.spec import BlockSpec, NodeSpec, Path
from archgraph.ops.contract import Operation, Port

if TYPE_CHECKING:
    from archgraph.language.elaboration.elaborate import Elaboration


class ModulePosition(NamedTuple):
    """Where an application stands in the module tree; `copy` is its number, if it is one of several."""

    name: str
    hidden: bool = False
    copy: str = ""


class NodeApplication(NamedTuple):
    """One application of a node, at an address in the source: a copy stands below its repetition's.

    `main`, in a repetition, is what the chain hands to this copy.
    """

    run: Elaboration
    frame: BodyFrame
    spec: NodeSpec
    scope: dict[str, Any]
    reader: Reader
    address: str
    site: ModulePosition
    main: BoundName | None = None

    @property
    def chained(self) -> bool:
        """Whether it is a copy after the first one of a chain."""
        return self.main is not self.frame.main

    @property
    def name(self) -> str:
        """The last part of its address."""
        return self.site.copy or self.spec.name


class Read(NamedTuple):
    """One value that a node reads: the port, the name (None: by default), and where that name stands."""

    port: str
    text: str | None
    where: Path
    main: bool = False


@dataclass(slots=True)
class Wires:
    """The bindings at each port, and where their names stand in the file."""

    bindings: dict[str, BoundName] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)


def connected(app: NodeApplication, target: Target) -> Wires:
    """Looks up everything that a node reads. Raises all errors at once; Broken when something it reads has failed."""
    wires = Wires()
    errors: list[ArchgraphError] = []
    for read in (*_reads(app, target), *_handed_on(app, target)):
        try:
            wires.bindings[read.port] = _binding(app, read)
            wires.places[read.port] = read.where
        except ArchgraphError as error:
            errors.append(error.placed(app.frame.place.value(*read.where), app.address))
    if errors:
        raise combined(errors)
    if any(binding.state == "broken" for binding in wires.bindings.values()):
        raise Broken
    return wires


def _binding(app: NodeApplication, read: Read) -> BoundName:
    if app.main is not None and app.chained:
        if read.port in app.spec.chain:
            app.main.read(app.reader.unnamed())
            return app.main.output(read.port)
        if read.main and app.spec.chain:
            assert app.frame.main is not None
            app.frame.main.read(app.reader.unnamed())
            return app.frame.main
    if read.main and app.main is not None:
        app.main.read(app.reader.unnamed())
        return app.main
    if app.main is not None and read.text in (None, "prev"):  # what stands before the repetition, for every copy
        assert app.frame.parent is not None
        return app.frame.parent.default(app.reader)
    if read.text is None:
        return app.frame.default(app.reader)
    return app.frame.read(settled(read.text, app.scope, app.run.facts), app.reader)


def _reads(app: NodeApplication, target: Target) -> Iterator[Read]:
    """What a node reads, in the order of its `in`. Raises WiringError for what does not fit its ports."""
    given, where, names = app.spec.inputs, (*app.spec.where, "in"), target.ports
    if not names:
        if given is not None:
            mark = app.frame.place.key(*where)
            raise WiringError(f"{target.what.name} takes no input").placed(mark, app.address)
        return
    for at, port in enumerate(app.spec.chain):
        if port not in names:
            mark = app.frame.place.value(*app.spec.where, "chain", at)
            message = f"{target.what.name} has no input '{port}'"
            error = UnknownNameError(message, expected=listed(names), hint=nearest(port, names))
            raise error.placed(mark, app.address)
    first = f"{names[0]}.0" if target.variadic else names[0]
    if given is None or isinstance(given, str):
        yield Read(first, given, where if given else app.spec.where, main=True)
    elif isinstance(given, list):
        for at, text in enumerate(given):
            port = f"{names[0]}.{at}" if target.variadic else _positional(app, target, at)
            yield Read(port, text, (*where, at), main=at == 0)
    else:
        yield from _by_name(app, target, given)


def _handed_on(app: NodeApplication, target: Target) -> Iterator[Read]:
    """What a copy takes from the one before it at ports that `in` does not name: the first copy has no such input."""
    if app.main is None or not app.chained:
        return
    given = app.spec.inputs or ()
    named = given if isinstance(given, Mapping) else target.ports[: 1 if isinstance(given, str) else len(given)]
    for at, port in enumerate(app.spec.chain):
        if port not in named and port != target.ports[0]:
            yield Read(port, None, (*app.spec.where, "chain", at))


def _by_name(app: NodeApplication, target: Target, given: Mapping[str, Any]) -> Iterator[Read]:
    names, where = target.ports, (*app.spec.where, "in")
    if names[0] not in given:
        yield Read(f"{names[0]}.0" if target.variadic else names[0], None, app.spec.where, main=True)
    for port, read in given.items():
        if isinstance(target.what, BlockSpec) and port not in names:
            mark = app.frame.place.key(*where, port)
            error = UnknownNameError(
                f"{target.what.name} has no input '{port}'", expected=listed(names), hint=nearest(port, names)
            )
            raise error.placed(mark, app.address)
        if port in app.spec.chain and app.main is not None and app.chained:  # all values that the copy before hands out
            yield Read(port, None, (*where, port), main=port == names[0])
            continue
        if isinstance(read, str):
            key = f"{port}.0" if target.variadic and port == names[0] else port
            yield Read(key, read, (*where, port), main=port == names[0])
            continue
        for at, text in enumerate(read):
            yield Read(f"{port}.{at}", text, (*where, port, at), main=port == names[0] and at == 0)


def _positional(app: NodeApplication, target: Target, at: int) -> str:
    names = target.ports
    if at < len(names):
        return names[at]
    count = len(app.spec.inputs or ())
    raise WiringError(
        f"{target.what.name} takes {len(names)} input{'s' if len(names) > 1 else ''}",
        expected=", ".join(names),
        received=f"{count} names",
    ).placed(app.frame.place.value(*app.spec.where, "in", at), app.address)


def node_values(app: NodeApplication, op: Operation, wires: Wires) -> dict[str, Value]:
    """The values at an operation's ports, in port order. An absent one may stand at an optional port only."""
    values: dict[str, Value] = {}
    for key, binding in wires.bindings.items():
        port = next((port for port in op.ports if port.name == key.partition(".")[0]), None)
        try:
            if binding.state == "absent":
                _refuse_absent(op, port, key, binding)
            elif port is not None and port.variadic:
                for located in parts(binding):
                    values[f"{port.name}.{len(values)}"] = app.frame.bring(located)
            else:
                values[key] = app.frame.bring(single(binding, f"the input '{key}' of {op.name}"))
        except WiringError as error:
            raise error.placed(app.frame.place.value(*wires.places[key]), app.address) from None
    return values


def _refuse_absent(op: Operation, port: Port | None, key: str, binding: BoundName) -> None:
    if port is None or not port.optional:
        raise WiringError(
            f"'{binding.name}' is absent here, and {op.name} needs its input '{key.partition('.')[0]}'",
            hint="leave this node out as well, by the same 'when'",
        )


def parts(binding: BoundName) -> list[Located]:
    """The values that a binding hands to a port of any number: the last copy of a chain, or all outputs."""
    return [binding.outputs[""]] if "" in binding.outputs else list(binding.outputs.values())


def is_numbered(binding: BoundName) -> bool:
    """Whether a binding is values side by side, without names of their own: copies, parts, the values of an input."""
    return bool(binding.outputs) and all(map(str.isdecimal, binding.outputs))


def single(binding: BoundName, taker: str) -> Located:
    """The one value behind a binding. Raises WiringError where there are several."""
    if len(binding.outputs) == 1:
        return binding.main
    if "" in binding.outputs:
        return binding.outputs[""]
    raise WiringError(
        f"'{binding.name}' has several outputs, and {taker} takes one",
        expected=listed([f"{binding.name}.{port}" for port in binding.outputs]),
    )
