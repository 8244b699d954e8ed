"""Spec → graph: interprets the nodes one by one, with every shape known as soon as a node is applied.

An error makes its node `broken`; whoever reads it is passed over in silence, and the rest is still looked at, so that
all independent errors of a file come at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from archgraph.dims import Dim, Facts
from archgraph.errors import ArchgraphError, Mark, Problem, SchemaError, SpecError, WiringError
from archgraph.graph.builder import Builder, CallSpec
from archgraph.graph.types import Call, Graph, Node, Origin, Value, joined
from archgraph.ops.contract import Operation, make
from archgraph.spec.bindings import Binding, Located, Reader, broken
from archgraph.spec.closing import check_body, finish_group
from archgraph.spec.connect import Broken, arguments, connected, main_name, node_values
from archgraph.spec.frame import Frame, Place, Stack, origin_of
from archgraph.spec.library import Definitions
from archgraph.spec.repeat import Repetition, copies_read, repetition
from archgraph.spec.resolve import Handed, Target, resolve
from archgraph.spec.schema import BlockSpec, BodySpec, NodeSpec
from archgraph.spec.scope import Parameters, condition, declare, evaluated, formatted, match_shape

MAX_NODES = 100_000
MAX_DEPTH = 48


@dataclass(frozen=True, slots=True)
class Site:
    """Where one application of a node stands: its name in the module tree, and the copy's number, if it is one."""

    name: str
    hidden: bool = False
    copy: str = ""


@dataclass(slots=True)
class Elaboration:
    """One network being built: what all of its bodies share."""

    facts: Facts = field(default_factory=Facts)
    problems: list[ArchgraphError] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    used: dict[str, BlockSpec] = field(default_factory=dict)
    nodes: int = 0
    _sites: list[tuple[str, Mark | None]] = field(default_factory=list)

    # -- bodies ------------------------------------------------------------------------------------------------------

    def body(self, frame: Frame, spec: BodySpec) -> dict[str, Located] | None:
        """Elaborates the nodes of a body; its outputs by name, or None where a failed node is among them."""
        frame.spec = spec
        for name in spec.stacks:
            frame.stacks[name] = Stack(name)
        for node in spec.nodes:
            self.node(frame, node)
        outputs = self._outputs(frame, spec)
        problems = check_body(frame)
        self.warnings += [problem for problem in problems if problem.severity == "warning"]
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            self.fail(WiringError(*errors), frame)
        return outputs

    def _outputs(self, frame: Frame, spec: BodySpec) -> dict[str, Located] | None:
        last = frame.prev
        if not spec.outputs:
            if last is None or last.state != "present":
                return None
            last.read(Reader(id(spec), frame.place.address, None, True))
            return dict(last.outputs)
        found: dict[str, Located] = {}
        complete = True
        for name, text in spec.outputs.items():
            mark = frame.place.document.marks.value(*self._outputs_at(frame), name)
            try:
                binding = frame.read(text, Reader(id(spec), frame.place.address, mark, True))
                if binding.state == "absent":
                    raise WiringError(f"the output '{name}' is absent here: '{text}' is left out")
                if binding.state == "present":
                    found[name] = _single(binding, text)
                complete = complete and binding.state == "present"
            except ArchgraphError as error:
                self.fail(error.placed(mark, frame.place.address), frame)
                complete = False
        return found if complete else None

    def _outputs_at(self, frame: Frame) -> tuple[str | int, ...]:
        return (*frame.where, "outputs")

    def fail(self, error: ArchgraphError, frame: Frame) -> None:
        """Notes an error and goes on. Within a block it also says where the block is used."""
        around: Frame | None = frame
        while around is not None:
            around.failed = True
            around = around.parent
        if self._sites:
            address, mark = self._sites[-1]
            note = (f"in {address}", mark)
            problems = [
                replace(p, notes=(*p.notes, note)) if p.where and mark and p.where != mark else p
                for p in error.problems
            ]
            error = type(error)(*problems)
        self.problems.append(error)

    # -- nodes -------------------------------------------------------------------------------------------------------

    def node(self, frame: Frame, spec: NodeSpec) -> None:
        """Elaborates one entry of `nodes` and binds its name."""
        origin = origin_of(frame, spec)
        reader = Reader(id(spec), origin.address, origin.mark, True)
        try:
            self._check_name(frame, spec)
            binding = self._node(frame, spec, reader)
        except Broken:
            binding = broken(spec.name)
            self._settle_push(frame, spec, binding, reader)
        except ArchgraphError as error:
            self.fail(error.placed(origin.mark, origin.address), frame)
            binding = broken(spec.name)
            self._settle_push(frame, spec, binding, reader)
        binding.name, binding.address, binding.mark = spec.name, origin.address, origin.mark
        frame.names[spec.name] = binding
        frame.prev = binding

    def _check_name(self, frame: Frame, spec: NodeSpec) -> None:
        taken = spec.name in frame.names if spec.name.isdigit() else frame.lookup(spec.name) is not None
        if taken or frame.stack(spec.name) is not None:
            raise WiringError(f"the name '{spec.name}' is used twice", hint="nothing may shadow another name: rename one")

    def _settle_push(self, frame: Frame, spec: NodeSpec, binding: Binding, reader: Reader) -> None:
        """A failed node still pushes, so that its failure does not unbalance the stack."""
        if spec.push and frame.stack(spec.push) is not None:
            frame.push(spec.push, binding, reader)

    def _node(self, frame: Frame, spec: NodeSpec, reader: Reader) -> Binding:
        if spec.repeat is not None or spec.loop:
            return self._repeated(frame, spec, reader)
        scope = self._with_let(frame.expressions, spec)
        if spec.when is not None and not self._condition(frame, spec, scope):
            return self._left_out(frame, spec, reader, scope)
        binding = self._once(frame, spec, self._site(frame, spec, scope), scope, reader)
        if spec.push:
            frame.push(spec.push, binding, reader)
        return binding

    def _condition(self, frame: Frame, spec: NodeSpec, scope: Mapping[str, Any]) -> bool:
        try:
            return condition(spec.when, scope, self.facts)
        except ArchgraphError as error:
            raise error.placed(frame.place.document.marks.value(*spec.where, "when"), frame.place.address) from None

    def _with_let(self, scope: dict[str, Any], spec: NodeSpec, loop: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if not spec.let and not loop:
            return scope
        inner = dict(scope)
        for name, value in (loop or {}).items():
            if name in ("i", "first", "last"):
                inner[name] = value
            else:
                declare(inner, name, value)
        for name, value in spec.let.items():
            declare(inner, name, evaluated(value, inner, self.facts))
        return inner

    def _site(self, frame: Frame, spec: NodeSpec, scope: Mapping[str, Any]) -> Site:
        if spec.path is None:
            return Site(spec.name)
        if spec.path == ".":
            if spec.op is not None and not isinstance(resolve(frame, spec, scope, self.facts).what, (BlockSpec, Handed)):
                raise SchemaError("`path: .` hides a level, and an operation is none", expected="a block or a group")
            return Site(spec.name, hidden=True)
        return Site(formatted(spec.path, scope, self.facts))

    def _left_out(self, frame: Frame, spec: NodeSpec, reader: Reader, scope: Mapping[str, Any]) -> Binding:
        """A node whose condition is false hands on its main input, and evaluates only that."""
        given = spec.inputs
        if isinstance(given, dict):
            port = main_name(resolve(frame, spec, scope, self.facts)) if spec.op is not None else "prev"
            given = given.get(port)
        text = given[0] if isinstance(given, list) and given else given
        main = frame.read(text, reader) if isinstance(text, str) else frame.default(reader)
        return Binding(spec.name, dict(main.outputs), main.state, "alias")

    # -- repetition --------------------------------------------------------------------------------------------------

    def _repeated(self, frame: Frame, spec: NodeSpec, reader: Reader) -> Binding:
        plan = repetition(spec, frame.expressions, self.facts)
        outer = self._site_of_repeat(spec)
        place = self._place_below(frame, spec.name, outer)
        inner = frame.child(spec.name, place, frame.expressions)
        inner.prev = inner.main = self._forward(frame, spec, reader)
        copies: dict[str, Binding] = {}
        for index, loop in enumerate(plan.copies):
            scope = self._with_let(frame.expressions, spec, loop)
            if spec.when is not None and not self._condition(frame, spec, scope):
                continue
            copy = self._copy(inner, spec, index, scope, reader)
            copies[str(index)] = copy
            if spec.push:
                inner.push(spec.push, copy, reader)
            if not plan.side_by_side:
                inner.prev = copy
        if not copies:
            return self._left_out(frame, spec, reader, frame.expressions)
        return self._finish_repeat(frame, inner, spec, plan, copies, outer)

    def _site_of_repeat(self, spec: NodeSpec) -> Site:
        if spec.path is None:
            return Site(spec.name)
        if spec.path == ".":
            return Site(spec.name, hidden=True)
        return Site("", hidden=True) if "{" in spec.path else Site(spec.path)

    def _copy(self, inner: Frame, spec: NodeSpec, index: int, scope: dict[str, Any], reader: Reader) -> Binding:
        if spec.path is not None and "{" in spec.path:
            site = Site(formatted(spec.path, scope, self.facts), copy=str(index))
        else:
            site = Site(str(index), hidden=spec.path == ".", copy=str(index))
        assert inner.prev is not None
        return self._once(inner, spec, site, scope, reader, main=inner.prev)

    def _finish_repeat(
        self, frame: Frame, inner: Frame, spec: NodeSpec, plan: Repetition, copies: dict[str, Binding], outer: Site
    ) -> Binding:
        if any(copy.state != "present" for copy in copies.values()):
            raise Broken
        last = list(copies.values())[-1]
        wanted = copies if plan.side_by_side else {k: copies[k] for k in copies_read(frame, spec) if k in copies}
        outputs = {} if plan.side_by_side else dict(last.outputs)
        for index, copy in wanted.items():
            outputs[index] = _single(copy, f"{spec.name}.{index}")
        how = CallSpec(kind="map" if plan.side_by_side else "repeat", hidden=outer.hidden, origin=origin_of(frame, spec))
        return finish_group(inner, frame, outer.name, outputs, how, order=())

    # -- one application ---------------------------------------------------------------------------------------------

    def _once(
        self,
        frame: Frame,
        spec: NodeSpec,
        site: Site,
        scope: dict[str, Any],
        reader: Reader,
        main: Binding | None = None,
    ) -> Binding:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise SpecError(f"the network has more than {MAX_NODES:,} nodes")
        if spec.body is not None:
            return self._group(frame, spec, site, scope, reader, main)
        target = resolve(frame, spec, scope, self.facts)
        if isinstance(target.what, Handed):
            handed = target.what
            spec = replace(handed.spec, name=spec.name, inputs=spec.inputs, push=None, path=spec.path)
            with_definitions = handed.frame_like(frame)
            target = resolve(with_definitions, spec, handed.scope, self.facts)
            given = arguments(with_definitions, spec, handed.scope, self.facts, target)
        else:
            given = arguments(frame, spec, scope, self.facts, target)
        inputs = connected(frame, spec, target, reader, main)
        origin = self._origin(frame, spec, site)
        if isinstance(target.what, BlockSpec):
            return self._block(frame, target, site, given, inputs, origin)
        assert not isinstance(target.what, Handed)
        op = _made(frame, spec, target.what, given)
        ties = {name: joined(frame.block_module, key) for name, key in spec.tie.items()}
        shares = target.shares if isinstance(target.shares, Node) else frame.twin_of(Node)
        values = node_values(frame, op, inputs)
        node = frame.builder.apply(site.name, op, values, origin=origin, ties=ties, shares=shares)
        outputs = {port: Located(frame, value) for port, value in zip(op.results, node.outputs, strict=True)}
        applied = replace(target, arguments=given)
        return Binding(spec.name, outputs, owns_weights=bool(node.weights or node.ties), item=node, applied=applied)

    def _origin(self, frame: Frame, spec: NodeSpec, site: Site) -> Origin:
        name = site.copy if site.copy else spec.name  # a copy stands below its repetition's address
        return Origin(joined(frame.place.address, name), frame.place.document.marks.key(*spec.where))

    def _place_below(self, frame: Frame, name: str, site: Site) -> Place:
        module = frame.place.module if site.hidden else joined(frame.place.module, site.name)
        return replace(frame.place, address=joined(frame.place.address, name), module=module)

    def _forward(self, frame: Frame, spec: NodeSpec, reader: Reader) -> Binding | None:
        """What the first node inside a group or repetition reads by default: noted as read only when it does."""
        given = spec.inputs
        if isinstance(given, dict):
            target = resolve(frame, spec, frame.expressions, self.facts) if spec.op is not None else None
            given = given.get(main_name(target) if target else "prev")
        text = given[0] if isinstance(given, list) and given else given
        if isinstance(text, str) and text != "prev":
            outer = frame.peek(text, reader)
            return Binding(outer.name, dict(outer.outputs), outer.state, "forward", through=outer, named=True)
        if frame.prev is None:
            return None
        outer = frame.prev
        return Binding(outer.name, dict(outer.outputs), outer.state, "forward", through=outer)

    def _chained(self, main: Binding) -> Binding:
        """What a repetition hands to one of its copies, read as soon as something inside reads it."""
        return Binding(main.name, dict(main.outputs), main.state, "forward", through=main)

    def _group(
        self, frame: Frame, spec: NodeSpec, site: Site, scope: dict[str, Any], reader: Reader, main: Binding | None
    ) -> Binding:
        assert spec.body is not None
        name = site.copy or spec.name
        inner = frame.child(name, self._place_below(frame, name, site), scope)
        inner.where = spec.where
        inner.prev = inner.main = self._chained(main) if main is not None else self._forward(frame, spec, reader)
        outputs = self.body(inner, spec.body)
        if outputs is None:
            raise Broken
        how = CallSpec(kind="group", hidden=site.hidden, origin=self._origin(frame, spec, site))
        return finish_group(inner, frame, site.name, outputs, how, order=spec.body.order)

    def _block(
        self,
        frame: Frame,
        target: Target,
        site: Site,
        given: Mapping[str, Any],
        inputs: dict[str, Binding],
        origin: Origin,
    ) -> Binding:
        block = target.what
        assert isinstance(block, BlockSpec) and target.definitions is not None
        if len(self._sites) >= MAX_DEPTH:
            raise SpecError(f"blocks are nested more than {MAX_DEPTH} deep", hint=f"does '{block.name}' use itself?")
        self._sites.append((origin.address, origin.mark))
        try:
            return self._block_body(frame, target, block, target.definitions, site, given, inputs, origin)
        finally:
            self._sites.pop()

    def _block_body(
        self,
        frame: Frame,
        target: Target,
        block: BlockSpec,
        definitions: Definitions,
        site: Site,
        given: Mapping[str, Any],
        inputs: dict[str, Binding],
        origin: Origin,
    ) -> Binding:
        self.used.setdefault(block.name, block)
        parameters = Parameters.bind(block, given, self.facts)
        place = self._place_below(frame, origin.address.rpartition(".")[2], site)
        inner = Frame(
            site.name,
            Builder(block.name, self.facts),
            Place(block.document, definitions, origin.address, place.module),
            parameters.scope,
        )
        inner.where, inner.block_module = block.where, place.module
        shares = target.shares if isinstance(target.shares, Call) else frame.twin_of(Call)
        inner.twin = shares.body if shares is not None else None
        values, symbols = self._block_inputs(frame, inner, block, parameters, inputs)
        parameters.finish()
        check_asserts(block, parameters.scope, self.facts)
        outputs = self.body(inner, block.body)
        if outputs is None:
            raise Broken
        body = inner.builder.finish(
            {port: inner.bring(located) for port, located in outputs.items()}, order=block.body.order
        )
        settled = {name: parameters.scope[name] for name in block.params if name in parameters.scope}
        how = CallSpec("block", site.hidden, block.name, settled, symbols, shares, origin)
        call = frame.builder.call(site.name, body, values, as_=how)
        located = {port: Located(frame, value) for port, value in zip(outputs, call.outputs, strict=True)}
        applied = replace(target, arguments=dict(given))
        return Binding(block.name, located, owns_weights=owns(call), item=call, applied=applied)

    def _block_inputs(
        self, frame: Frame, inner: Frame, block: BlockSpec, parameters: Parameters, inputs: dict[str, Binding]
    ) -> tuple[list[Value], dict[str, Dim]]:
        values: list[Value] = []
        symbols: dict[str, Dim] = {}
        for name, spec in block.inputs.items():
            wanted = spec.when is None or condition(spec.when, parameters.scope, self.facts)
            binding = inputs.get(name)
            here = binding is not None and binding.state != "absent"
            if here != wanted:
                raise _optional(block, name, spec.when, wanted)
            mark = block.document.marks.key(*spec.where)
            if not here or binding is None:
                inner.names[name] = Binding(name, state="absent", kind="input", mark=mark)
                continue
            outer = frame.bring(_single(binding, name))
            symbols.update(match_shape(spec, outer, parameters))
            value = inner.builder.input(name, outer.shape, outer.dtype, Origin(f"{inner.place.address}.{name}", mark))
            values.append(outer)
            inner.names[name] = Binding(name, {"": Located(inner, value)}, kind="input", mark=mark)
            if inner.prev is None:
                inner.prev = inner.names[name]
        return values, symbols


def check_asserts(block: BlockSpec, scope: Mapping[str, Any], facts: Facts) -> None:
    """Raises SpecError for each assertion of a block that does not hold."""
    problems = []
    for text, message in block.asserts:
        if condition("=" + text.removeprefix("="), scope, facts) is False:
            mark = block.document.marks.value(*block.where, "assert")
            said = message or f"{block.name} requires {text.removeprefix('=')}"
            names = [name for name in block.params if name in text and name in scope]
            received = ", ".join(f"{name} = {scope[name]!r}" for name in names)
            problems.append(Problem(said, mark, received=received))
    if problems:
        raise SpecError(*problems)


def owns(item: Node | Call) -> bool:
    """Whether an item holds weights of its own."""
    if isinstance(item, Node):
        return bool(item.weights or item.ties)
    return any(owns(inner) for inner in item.body.items)


def _single(binding: Binding, text: str) -> Located:
    """The one value behind a binding. Raises WiringError where there are several."""
    if len(binding.outputs) > 1:
        ports = [port for port in binding.outputs if port]
        if "" not in binding.outputs:
            raise WiringError(
                f"'{binding.name}' has several outputs", expected=", ".join(f"{binding.name}.{p}" for p in ports)
            )
        return binding.outputs[""]
    return binding.main


def _optional(block: BlockSpec, name: str, when: Any, wanted: bool) -> WiringError:
    because = f" (its condition {when} is {'true' if wanted else 'false'} here)" if when is not None else ""
    if wanted:
        return WiringError(f"{block.name} needs its input '{name}'{because}", expected=f"in: {{{name}: …}}")
    return WiringError(f"{block.name} takes no input '{name}' here{because}", hint=f"leave '{name}' out of `in:`")


def _made(frame: Frame, spec: NodeSpec, kind: type[Operation], given: Mapping[str, Any]) -> Operation:
    """The operation; what is wrong with an attribute is placed at the attribute."""
    try:
        return make(kind, given)
    except SchemaError as error:
        marks = frame.place.document.marks
        placed = (replace(p, where=p.where or marks.key(*spec.where, p.path), path="") for p in error.problems)
        raise SchemaError(*placed) from None
