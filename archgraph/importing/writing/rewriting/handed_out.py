"""Outputs of calls: all calls of a class get the same outputs, named as the inputs of the next call that read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from archgraph.graph.text import attributes
from archgraph.graph.types import Call, Graph, Item, Node, Value, joined
from archgraph.importing.writing.rewriting.idioms import read_by
from archgraph.structure.naming import free


def with_equal_outputs(graph: Graph) -> Graph:
    """The graph in which a call hands out what another one of its class does, where that takes no weights but those
    that it has and does not read."""
    while True:
        changed: dict[int, Call] = {}
        for calls in calls_by_class(graph).values():
            most = max(len(call.outputs) for call in calls)
            fullest = [call for call in calls if len(call.outputs) == most]
            for call in (one for one in calls if len(one.outputs) < most):
                made = next(filter(None, (_completed(call, full) for full in fullest)), None)
                if made is not None:
                    changed[id(call)] = made
        if not changed:
            return graph
        graph = _HandingOut(changed, {}).graph(graph)


def with_named_outputs(graph: Graph) -> Graph:
    """The graph in which all calls of a class name their inputs alike, and an output as the input that takes it in the
    next call."""
    graph = _with_inputs_named_alike(graph)
    kinds = {(block, len(call.outputs)) for block, calls in calls_by_class(graph).items() for call in calls}
    names = {kind: found for kind in sorted(kinds) if (found := _output_names(graph, *kind))}
    names |= {kind: found for kind in kinds - names.keys() if (found := _as_with_more(*kind, names))}
    return _HandingOut({}, names, numbered=_numbered_alike(graph)).graph(graph)


def _numbered_alike(graph: Graph) -> dict[tuple[str, int], tuple[str, ...]]:
    """For each class and number of outputs without names of their own the numbers of these in its first call: where a
    call hands out one that nobody reads of another, the numbers of the rest differ."""
    firsts: dict[tuple[str, int], tuple[str, ...]] = {}
    for block, calls in calls_by_class(graph).items():
        for call in calls:
            firsts.setdefault((block, len(call.outputs)), tuple(call.body.outputs))
    return {kind: names for kind, names in firsts.items() if all(map(_is_number, names))}


def _is_number(name: str) -> bool:
    return name.removeprefix("output_").isdecimal()


def with_values(graph: Graph, values: dict[int, Value]) -> Graph:
    """The graph with other values in the place of some (by id)."""
    return _HandingOut({}, {}, values).graph(graph)


def with_calls(graph: Graph, calls: Mapping[int, Call]) -> Graph:
    """The graph with other calls in the place of some (by id)."""
    return _HandingOut(calls, {}).graph(graph)


def _with_inputs_named_alike(graph: Graph) -> Graph:
    firsts: dict[tuple[str, int], tuple[str, ...]] = {}
    values: dict[int, Value] = {}
    for block, calls in calls_by_class(graph).items():
        for call in calls:
            known = firsts.setdefault((block, len(call.inputs)), tuple(value.name for value in call.body.inputs))
            values.update(
                (id(value), replace(value, name=name))
                for value, name in zip(call.body.inputs, known, strict=True)
                if value.name != name
            )
    return with_values(graph, values) if values else graph


def calls_by_class(graph: Graph) -> Mapping[str, Sequence[Call]]:
    """The calls of each class, innermost first; without classes of which one is applied again."""
    found: dict[str, list[Call]] = {}
    again: set[str] = set()
    for call in _calls(graph):
        found.setdefault(call.block, []).append(call)
        if call.shares is not None:
            again.add(call.block)
    return {block: calls for block, calls in found.items() if block not in again}


def _calls(graph: Graph) -> Iterator[Call]:
    for item in graph.items:
        if isinstance(item, Call):
            yield from _calls(item.body)
            yield item


# -- the same outputs ------------------------------------------------------------------------------------------------


def _completed(lean: Call, full: Call) -> Call | None:
    """A call with the outputs of another one, and the steps that lead to them; None where it does something else."""
    if len(lean.inputs) != len(full.inputs):
        return None
    there = {id(theirs): ours for ours, theirs in zip(lean.body.inputs, full.body.inputs, strict=True)}
    unread = {item.name: item for item in lean.body.items if _is_unread(item)}
    left, items = [item for item in lean.body.items if item.name not in unread], []
    for item in full.body.items:
        if left and does_the_same(left[0], item, there) and (left[0].name == item.name or not _owns(item)):
            there.update((id(theirs), ours) for ours, theirs in zip(left[0].outputs, item.outputs, strict=True))
            items.append(left.pop(0))
        elif (copy := _copied(item, there, unread)) is not None:
            taken = {one.name for one in (*items, *left)}
            items.append(copy if copy.weights else replace(copy, name=free(copy.name, taken)))
        elif (main := _passed_on(item, there)) is not None:
            there[id(item.outputs[0])] = main
        else:
            return None
    left += unread.values()
    outputs = {name: there[id(value)] for name, value in full.body.outputs.items()}
    known = {id(inner): outer for inner, outer in zip(lean.body.outputs.values(), lean.outputs, strict=True)}
    if left or not set(known) <= set(map(id, outputs.values())):
        return None
    last = {id(inner): name for name, inner in outputs.items()}
    made = tuple(
        known[id(inner)]
        if id(inner) in known and last[id(inner)] == name
        else Value(joined(lean.name, name), inner.type, inner.origin)
        for name, inner in outputs.items()
    )
    return replace(lean, body=replace(lean.body, items=tuple(items), outputs=outputs), outputs=made)


def _passed_on(item: Item, there: dict[int, Value]) -> Value | None:
    """What a step with weights reads, which stands for its result in a call that lacks the step, as the last stage of
    an encoder hands out what it would have made smaller."""
    read = list(read_by(item))
    main = there.get(id(read[0])) if read else None
    if main is None or len(item.outputs) != 1 or item.training or item.shares is not None:
        return None
    return main if main.type.rank == item.outputs[0].type.rank else None


def does_the_same(ours: Item, theirs: Item, there: Mapping[int, Value]) -> bool:
    """Whether a step does what another one does, with what stands for its operands."""
    if len(ours.outputs) != len(theirs.outputs) or ours.training is not theirs.training or _word(ours) != _word(theirs):
        return False
    read, wanted = list(read_by(ours)), [there.get(id(value)) for value in read_by(theirs)]
    return len(read) == len(wanted) and all(a is b for a, b in zip(read, wanted, strict=True))


def _word(item: Item) -> tuple[str, ...]:
    """What an item applies, and the attributes that it names."""
    return ("block", item.block) if isinstance(item, Call) else (item.op.name, *attributes(item.op))


def _owns(item: Item) -> bool:
    """Whether its name is that of a module."""
    return isinstance(item, Call) or bool(item.weights)


def _is_unread(item: Item) -> bool:
    """Whether it is a parameter that no mode reads."""
    plain = isinstance(item, Node) and item.training and not item.ties and item.shares is None
    return plain and item.op.name == "parameter"  # type: ignore[union-attr]


def _copied(item: Item, there: dict[int, Value], unread: dict[str, Item]) -> Node | None:
    """A step that does to the operands of another call what it does to its own: one without weights, or one whose
    weights are those that nobody reads there, which are `unread` no more."""
    if isinstance(item, Call) or item.ties or item.shares is not None or item.training or item.hidden:
        return None
    read = {port: there.get(id(value)) for port, value in item.inputs.items()}
    inputs = {port: value for port, value in read.items() if value is not None}
    if len(inputs) < len(read) or any(inputs[port].type != value.type for port, value in item.inputs.items()):
        return None
    keys = [joined(item.name, weight.name) for weight in item.weights]
    for key, weight in zip(keys, item.weights, strict=True):
        found = unread.get(key)
        if found is None or not weight.trainable or found.outputs[0].type.shape != weight.shape:
            return None
    for key in keys:
        del unread[key]
    outputs = tuple(replace(value) for value in item.outputs)
    there.update((id(theirs), ours) for theirs, ours in zip(item.outputs, outputs, strict=True))
    return replace(item, inputs=inputs, outputs=outputs)


# -- names -----------------------------------------------------------------------------------------------------------


def _output_names(graph: Graph, block: str, count: int) -> Mapping[str, str]:
    """New names for the outputs of the calls of a class that have so many; none where two calls disagree."""
    found = set(_taken_by_the_next(graph, block, count)) if count > 1 else set()
    old, new = {one for one, _ in found}, {one for _, one in found}
    others = {f"output_{place}" for place in range(count)} - old
    if len(old) < len(found) or len(new) < len(found) or not new.isdisjoint(others):
        return {}
    return {**_named_by_makers(graph, block, others, new), **dict(found)}


def _named_by_makers(graph: Graph, block: str, outputs: set[str], taken: set[str]) -> Mapping[str, str]:
    """For outputs of a class that no next call takes, the name of the module that makes each, where it is the same in
    all calls: `skip` for what a convolution of this name makes."""
    names: dict[str, set[str]] = {}
    for call in calls_by_class(graph).get(block, ()):
        makers = {id(value): item for item in call.body.items for value in item.outputs}
        for name, value in call.body.outputs.items():
            item = makers.get(id(value))
            word = item.name if item is not None and _owns(item) and item.name.isidentifier() else ""
            names.setdefault(name, set()).add("" if any(word == one.name for one in call.body.inputs) else word)
    found = {name: words.pop() for name, words in names.items() if name in outputs and len(words) == 1}
    unique = {name: word for name, word in found.items() if [*found.values()].count(word) == 1}
    return {name: word for name, word in unique.items() if word and word not in taken | outputs}


def _as_with_more(block: str, count: int, names: Mapping[tuple[str, int], Mapping[str, str]]) -> Mapping[str, str]:
    """The names of outputs of a class whose other calls have more of them, of the same names."""
    old = [f"output_{place}" for place in range(count)] if count > 1 else []
    more = [found for (other, size), found in names.items() if other == block and size > count]
    return next(({name: found[name] for name in old} for found in more if found.keys() >= {*old}), {})


def _taken_by_the_next(graph: Graph, block: str, count: int) -> Iterator[tuple[str, str]]:
    """The outputs of calls of a class that other calls of it read, and the inputs that take them."""
    alike = [item for item in graph.items if isinstance(item, Call) and item.block == block]
    made = {
        id(value): name
        for call in alike
        if len(call.outputs) == count
        for name, value in zip(call.body.outputs, call.outputs, strict=True)
    }
    for call in alike:
        ports = zip(call.body.inputs, call.inputs, strict=True)
        yield from ((made[id(value)], inner.name) for inner, value in ports if id(value) in made)
    for item in graph.items:
        if isinstance(item, Call):
            yield from _taken_by_the_next(item.body, block, count)


@dataclass
class _HandingOut:
    """A graph with other calls in the place of some (by id), and other names for the outputs of some classes."""

    calls: Mapping[int, Call]
    names: Mapping[tuple[str, int], Mapping[str, str]]
    values: dict[int, Value] = field(default_factory=dict)
    items: dict[int, Item] = field(default_factory=dict)
    numbered: Mapping[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    """The outputs of classes that have numbers for names, where calls number them in other ways."""

    def graph(self, graph: Graph) -> Graph:
        items = tuple(map(self._item, graph.items))
        outputs = {name: self._value(value) for name, value in graph.outputs.items()}
        training = {name: self._value(value) for name, value in graph.training_outputs.items()}
        inputs = tuple(map(self._value, graph.inputs))
        return replace(graph, inputs=inputs, items=items, outputs=outputs, training_outputs=training)

    def _item(self, item: Item) -> Item:
        made: Item
        if isinstance(item, Node):
            inputs = {port: self._value(value) for port, value in item.inputs.items()}
            shares = self.items.get(id(item.shares), item.shares)
            made = replace(item, inputs=inputs, shares=shares)  # type: ignore[arg-type]
        else:
            made = self._call(item)
        self.items[id(item)] = made
        return made

    def _call(self, item: Call) -> Call:
        call = self.calls.get(id(item), item)
        names = self._names(call)
        body = self.graph(call.body)
        body = replace(body, outputs={names.get(name, name): value for name, value in body.outputs.items()})
        for value, port in zip(call.outputs, body.outputs, strict=True):
            if value.name != joined(call.name, port):
                self.values[id(value)] = replace(value, name=joined(call.name, port))
        shares = self.items.get(id(call.shares), call.shares)
        return replace(
            call,
            body=body,
            inputs=tuple(map(self._value, call.inputs)),
            outputs=tuple(map(self._value, call.outputs)),
            shares=shares,  # type: ignore[arg-type]
        )

    def _names(self, call: Call) -> dict[str, str]:
        """New names for the outputs of a call."""
        kind = (call.block, len(call.outputs))
        own = tuple(call.body.outputs)
        alike = self.numbered.get(kind, own) if all(map(_is_number, own)) else own
        given = self.names.get(kind, {})
        return {name: given.get(other, other) for name, other in zip(own, alike, strict=True)}

    def _value(self, value: Value) -> Value:
        return self.values.get(id(value), value)
