"""Calls of modules that compute what a standard block computes, under the same keys: the block is written in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations, permutations
from typing import Any

from archgraph.dims import Size
from archgraph.errors import ArchgraphError
from archgraph.graph.keys import weights
from archgraph.graph.types import Call, Graph
from archgraph.importing.writing.modules.weight_names import applied_block, blocks_with, standard_block
from archgraph.importing.writing.numbers.settled_sizes import SettledSizes
from archgraph.importing.writing.standard.agreed_arguments import calls_of, with_agreed_arguments
from archgraph.importing.writing.standard.argument_choices import argument_choices
from archgraph.importing.writing.standard.block_trials import ArgumentTrial, StandardCall, given, places_among
from archgraph.importing.writing.standard.blocks_at_sizes import calls_at_sizes
from archgraph.importing.writing.standard.canonical_form import (
    BodyForm,
    IncomparableError,
    body_form,
    random_work,
)
from archgraph.importing.writing.standard.conditional_inputs import fitting_choices
from archgraph.importing.writing.standard.form_numbers import FormNumbers
from archgraph.language.load import load
from archgraph.language.schema.spec import BlockSpec

_APPLIED = "applied"


def standard_calls(graph: Graph) -> dict[int, StandardCall]:
    """The calls that standard blocks stand for, by id, the outermost ones; all calls of a class or none."""
    search = _SearchAtSizes(graph)
    found: dict[int, StandardCall] = {}
    refused: set[str] = set()
    while True:
        found.clear()
        before = len(refused)
        for call in _outermost(graph, found, refused):
            made = search.standard(call)
            if made is not None:
                found[id(call)] = made
            else:
                refused.add(call.block)
        if len(refused) == before:
            return with_agreed_arguments(graph, _with_one_block_each(graph, found, search), search.with_arguments)


def _outermost(graph: Graph, found: Mapping[int, StandardCall], refused: set[str]) -> Iterator[Call]:
    """The calls of classes that are not refused yet; inside those that standard blocks stand for there are none."""
    for item in graph.items:
        if not isinstance(item, Call):
            continue
        if item.block not in refused and item.kind == "block":
            yield item
        if id(item) not in found:
            yield from _outermost(item.body, found, refused)


def _with_one_block_each(
    graph: Graph, found: Mapping[int, StandardCall], search: _SearchAtSizes
) -> Mapping[int, StandardCall]:
    """The calls of each class with one block, where one of several that fit some of them fits all."""
    classes: dict[str, list[Call]] = {}
    for call in calls_of(graph, found):
        classes.setdefault(call.block, []).append(call)
    agreed = dict(found)
    for calls in classes.values():
        counts = Counter(found[id(call)].block.name for call in calls)
        for name, _ in counts.most_common() if len(counts) > 1 else ():
            made = {id(call): search.as_block(name, call) for call in calls}
            if all(made.values()):
                agreed.update((key, one) for key, one in made.items() if one is not None)
                break
    return agreed


class _BlockSearch:
    """Compares calls with the standard blocks; what was compared once is known."""

    def __init__(self, sizes: SettledSizes) -> None:
        self._sizes = sizes
        self._numbers = FormNumbers()
        self._known: dict[Hashable, StandardCall | None] = {}
        self._applied: dict[str, tuple[Graph, BodyForm] | None] = {}
        self._places: dict[tuple[str, str], Mapping[str, int]] = {}
        """Where among the choices a class had the arguments of a standard block."""
        self._differ: set[tuple[str, str]] = set()
        """Standard blocks and classes of which one was compared with the other in vain."""

    def standard(self, call: Call) -> StandardCall | None:
        """The standard block that a call is, if any."""
        form = self._form(call)
        if form is None:
            return None
        key = (form, tuple(_pattern(call.body)), repr(sorted(call.arguments.items(), key=lambda pair: pair[0])))
        if key not in self._known:
            self._known[key] = self._found(call, form)
        return self._known[key]

    def _found(self, call: Call, form: BodyForm) -> StandardCall | None:
        if len(call.body.outputs) != 1:
            return None
        names = frozenset(one.key.partition(".")[0] for one in weights(call.body))
        for block in blocks_with(names):
            if (block.name, call.block) in self._differ:
                continue
            made = self._as_block(block, call, form)
            if made is not None:
                return made
            self._differ.add((block.name, call.block))
        return None

    def _as_block(self, block: BlockSpec, call: Call, form: BodyForm) -> StandardCall | None:
        likely = argument_choices(block, call.body, call.arguments, applied_block)
        for ports in _port_places(block, call.body):
            choices = fitting_choices(block, likely, ports, call.body)
            if not all(choices.values()):
                continue
            trial = ArgumentTrial(form, partial(self._form_of, block, ports, call.body))
            chosen = trial.fitting(choices, self._places.get((block.name, call.block), {}))
            made = None if chosen is None else self._made(block, ports, call, given(chosen), form)
            if chosen is not None and made is not None:
                self._places[block.name, call.block] = places_among(choices, chosen)
                return made
        return None

    def as_block(self, name: str, call: Call) -> StandardCall | None:
        """The block of this name in place of a call; None where it is another function whatever its arguments are."""
        form = self._form(call)
        return None if form is None else self._as_block(standard_block(name), call, form)

    def with_arguments(self, call: Call, made: StandardCall, arguments: Mapping[str, Any]) -> StandardCall | None:
        """The same block in place of a call with other arguments; None where it is another function with them."""
        ports, form = dict(zip(made.ports, made.places, strict=True)), self._form(call)
        return None if form is None else self._made(made.block, ports, call, arguments, form)

    def _form(self, call: Call) -> BodyForm | None:
        """What a call computes; None of one that is compared at single sizes only."""
        try:
            return body_form(call.body, self._numbers, self._sizes)
        except IncomparableError:
            return None

    def _made(
        self, block: BlockSpec, ports: Mapping[str, int], call: Call, arguments: Mapping[str, Any], form: BodyForm
    ) -> StandardCall | None:
        found = self._form_of(block, ports, call.body, arguments)
        if found is None or found[1] != form or random_work(found[0]) != random_work(call.body):
            return None
        inner = found[0].items[0]
        assert isinstance(inner, Call)
        values = {**inner.arguments, **arguments}
        return StandardCall(block, tuple(ports), tuple(ports.values()), values, frozenset(arguments))

    def _form_of(
        self, block: BlockSpec, ports: Mapping[str, int], body: Graph, arguments: Mapping[str, Any]
    ) -> tuple[Graph, BodyForm] | None:
        """The form of a standard block applied to inputs as a body has them; None where it cannot be."""
        inputs = {
            f"x{place}": {"shape": list(shape), "dtype": value.dtype}
            for place, (shape, value) in enumerate(zip(_pattern(body), body.inputs, strict=True))
        }
        read = {port: f"x{place}" for port, place in ports.items()}
        node = {"op": block.name, **({"in": read} if read else {}), "path": ".", **arguments}
        spec = {"archgraph": 1, "name": "trial", "inputs": inputs, "nodes": {_APPLIED: node}}
        key = repr(spec)
        if key not in self._applied:
            self._applied[key] = self._loaded(spec)
        return self._applied[key]

    def _loaded(self, spec: Mapping[str, Any]) -> tuple[Graph, BodyForm] | None:
        try:
            graph = load(spec)
            return graph, body_form(graph, self._numbers)
        except (ArchgraphError, IncomparableError):
            return None


class _SearchAtSizes:
    """A search that also compares calls at known sizes, where these make their tensors numbers."""

    def __init__(self, graph: Graph) -> None:
        self._free = _BlockSearch(SettledSizes(graph.constraints))
        self._known = _BlockSearch(SettledSizes(()))
        self._twins = calls_at_sizes(graph)

    def standard(self, call: Call) -> StandardCall | None:
        """The standard block that a call is, if any: as it is, or at several sizes."""
        return self._free.standard(call) or self._of_twins(call, self._known.standard)

    def as_block(self, name: str, call: Call) -> StandardCall | None:
        """The block of this name in place of a call."""
        return self._free.as_block(name, call) or self._of_twins(call, partial(self._known.as_block, name))

    def with_arguments(self, call: Call, made: StandardCall, arguments: Mapping[str, Any]) -> StandardCall | None:
        """The same block in place of a call with other arguments."""

        def again(twin: Call) -> StandardCall | None:
            return self._known.with_arguments(twin, made, arguments)

        return self._free.with_arguments(call, made, arguments) or self._of_twins(call, again)

    def _of_twins(self, call: Call, ask: Callable[[Call], StandardCall | None]) -> StandardCall | None:
        """What is found for the call at every size, where it is the same."""
        found: StandardCall | None = None
        for twin in self._twins.get(id(call), ()):
            made = ask(twin)
            if made is None or (found is not None and made != found):
                return None
            found = made
        return found


def _pattern(body: Graph) -> Iterator[tuple[int | str, ...]]:
    """The shapes of the inputs, with a name for each size that is free."""
    names: dict[str, str] = {}
    for value in body.inputs:
        yield tuple(
            names.setdefault(str(size), f"S{len(names)}") if isinstance(size, Size) else size for size in value.shape
        )


def _port_places(block: BlockSpec, body: Graph) -> Iterator[dict[str, int]]:
    """The inputs of a block, each with the number of the value that it could read: as many as there are, in this order
    first, in others, or one value at several ports. Of inputs that a block may lack, as masks, some may be there. Where
    a value for every input is called as one of the block, it is that one."""
    inputs = [one for one in block.inputs.values() if one.each is None]
    needed = [one for one in inputs if one.when is None]
    count = len(body.inputs)
    if len(inputs) < len(block.inputs) or (inputs and not count):
        return
    named = {value.name: place for place, value in enumerate(body.inputs)}
    if len(needed) < count and {one.name for one in needed} <= named.keys() <= block.inputs.keys():
        yield from _named_places(block, named)
        return
    chosen: list[Sequence[int]] = []
    if len(needed) <= count <= len(inputs):
        chosen += list(permutations(range(count)))[:6]
    if count == 1 and len(needed) > 1:
        chosen.append((0,) * len(needed))
    spare = [one for one in inputs if one.when is not None]
    for places in chosen:
        for there in combinations(spare, len(places) - len(needed)):
            ports = [one for one in inputs if one.when is None or one in there]
            if all(_fits(one.shape, body.inputs[place].type.rank) for one, place in zip(ports, places, strict=True)):
                yield {one.name: place for one, place in zip(ports, places, strict=True)}


def _named_places(block: BlockSpec, named: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """The inputs that are called as values are, with these; then with one more that reads what another of its kind
    reads, as `memory_key_padding_mask` mostly is the `src_key_padding_mask`."""
    yield {name: named[name] for name in block.inputs if name in named}
    kinds = {name: name.partition("_")[2] for name in block.inputs}
    for more, kind in kinds.items():
        for name, place in named.items():
            if kind and more not in named and kinds[name] == kind:
                read = {**named, more: place}
                yield {one: read[one] for one in block.inputs if one in read}


def _fits(shape: Sequence[Any], rank: int) -> bool:
    return len(shape) == rank or (bool(shape) and shape[0] == "..." and rank >= len(shape) - 1)
