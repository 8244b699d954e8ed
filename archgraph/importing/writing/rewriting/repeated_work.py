"""Work without weights that a network repeats, such as the rotation of queries and of keys: each place applies a block.

The work of a value is what nobody else needs: the steps before it whose results lead nowhere else. It ends at layers,
whose name a reader looks for. What a function computes that hands out several values is the work of all of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from archgraph.dims import Size
from archgraph.graph.text import attributes
from archgraph.graph.types import Call, Graph, Item, Node, Value, joined
from archgraph.importing.writing.modules.joint_network import NETWORK
from archgraph.importing.writing.modules.naming import levels, unhidden_name
from archgraph.importing.writing.modules.shared_items import shared_items
from archgraph.importing.writing.rewriting.idioms import read_by
from archgraph.structure.naming import free

_LAYERS = frozenset(
    {"normalization", "attention", "convolution", "pooling", "recurrence", "regularization", "resampling"}
)
"""Families of operations that stay where they are."""
_JOINTS = frozenset({"concat"})
_PARTS = frozenset({"chunk", "split", "unbind"})
_ENDS = (frozenset[str](), _JOINTS, _PARTS, _JOINTS | _PARTS)
"""Where work may end, too: where several flows become one, and where one becomes several."""
_STAY = frozenset({"linear", "register_buffer"})
_ARRANGING = frozenset({"shape", "rank", "rearranging", "constant", "creation"})
"""Families that say little of what is computed."""
_INPUTS = ("x", "y", "z")
LEAST_SAVED = 6
"""Nodes and arguments that a block must save."""
MOST_STEPS = 64
"""Longer work is written out: every step of a long computation would be looked through."""
_CASTS = frozenset({"to", "repeat_interleave"})
_LEAST_OF_A_FUNCTION, _MOST_RESULTS = 3, 4
"""Steps of a function, and the values that it hands out."""
_OF_A_BLOCK = 2
"""Nodes and arguments of an application."""


@dataclass(frozen=True, slots=True)
class Work:
    """The steps that lead to a value, or to several, and nowhere else, in order, the one that makes it last. `read` are
    the values that they take, the main one first; `place` is its body's form and the place in it: alike bodies are
    written once."""

    nodes: tuple[Node, ...]
    read: tuple[Value, ...]
    results: tuple[Value, ...]
    outline: Hashable
    place: Hashable

    @property
    def cost(self) -> int:
        """About how many nodes and arguments it is."""
        return sum(1 + len(attributes(node.op)) + (len(node.inputs) > 1) for node in self.nodes)


def with_repeated_work_as_blocks(graph: Graph, kept: frozenset[int]) -> Graph:
    """The graph with a call in each place of repeated work. The calls in `kept` (by id) stay as they are."""
    bodies = list(_bodies(graph, "", kept | shared_items(graph)))
    found = [work for ends in _ENDS for name, body in bodies for work in _all_work(body, name, ends)]
    found += [work for name, body in bodies for work in _functions_of_several_results(body, name)]
    chosen = _worthwhile(found)
    taken = {call.block for _, body in bodies for call in body.items if isinstance(call, Call)}
    modules = {word for _, body in bodies for item in body.items for word in item.name.split(".")[:-1]}
    names: dict[Hashable, str] = {}
    for work in chosen:
        if work.outline not in names:
            names[work.outline] = free(_name(work, modules), taken)
            taken.add(names[work.outline])
    by_last = {id(work.nodes[-1]): (work, names[work.outline]) for work in chosen}
    return _rewritten(graph, by_last) if by_last else graph


def _bodies(graph: Graph, class_name: str, kept: frozenset[int]) -> Iterator[tuple[str, Graph]]:
    """All bodies that may change, with the classes that they stand in."""
    yield class_name, graph
    for item in graph.items:
        if isinstance(item, Call) and id(item) not in kept and item.shares is None:
            yield from _bodies(item.body, item.block, kept)


def _all_work(body: Graph, class_name: str, ends: Collection[str]) -> Iterator[Work]:
    """The work of each step of a body, which ends at layers and at the operations in `ends`."""
    readers: Counter[int] = Counter(id(value) for item in body.items for value in read_by(item))
    readers.update(id(value) for value in (*body.outputs.values(), *body.training_outputs.values()))
    shared = {id(item.shares) for item in body.items if isinstance(item, Node)}
    makers = {
        id(value): item
        for item in body.items
        if isinstance(item, Node) and _is_plain(item) and item.op.name not in ends and id(item) not in shared
        for value in item.outputs
    }
    order = {id(item): place for place, item in enumerate(body.items)}
    form = (class_name, *(item.block if isinstance(item, Call) else item.op.name for item in body.items))
    for item in body.items:
        if len(item.outputs) == 1 and id(item.outputs[0]) in makers and isinstance(item, Node):
            nodes = sorted(_led_to(item, makers, readers), key=lambda node: order[id(node)])
            if len(nodes) > 2 and len({node.op.name for node in nodes}) > 1:  # a sum of many values is one by itself
                place = (NETWORK, item.name) if class_name == NETWORK else (form, order[id(item)])
                made = _work(nodes, item.outputs, place)
                if made is not None:
                    yield made


def _functions_of_several_results(body: Graph, class_name: str) -> Iterator[Work]:
    """The steps of each call of a function that hands out several values, as far as they stand together."""
    readers: Counter[int] = Counter(id(value) for item in body.items for value in read_by(item))
    readers.update(id(value) for value in (*body.outputs.values(), *body.training_outputs.values()))
    shared = {id(item.shares) for item in body.items if isinstance(item, Node)}
    form = (class_name, *(item.block if isinstance(item, Call) else item.op.name for item in body.items))
    runs = groupby(enumerate(body.items), key=lambda pair: _function(pair[1]) if id(pair[1]) not in shared else "")
    for function, run in runs:
        for places in _calls_of_function(list(run)) if function else ():
            nodes = [item for _, item in places if isinstance(item, Node)]
            within = Counter(id(value) for node in nodes for value in node.inputs.values())
            handed = [value for node in nodes for value in node.outputs if readers[id(value)] > within[id(value)]]
            if len(nodes) >= _LEAST_OF_A_FUNCTION and 1 < len(handed) <= _MOST_RESULTS:
                place = (NETWORK, nodes[-1].name) if class_name == NETWORK else (form, places[-1][0])
                made = _work(nodes, handed, place)
                if made is not None:
                    yield made


def _calls_of_function(run: list[tuple[int, Item]]) -> Iterator[list[tuple[int, Item]]]:
    """The steps of a function that stand together, call by call: the same operations again are another call."""
    words = [item.op.name for _, item in run if isinstance(item, Node)]
    whole = (size for size in range(1, len(run) + 1) if len(run) % size == 0)
    length = next(size for size in whole if words == words[:size] * (len(run) // size))
    yield from (run[start : start + length] for start in range(0, len(run), length))


def _function(item: Item) -> str:
    """The function that computes a step, which may be part of a block; '' where there is none."""
    return item.origin.address if isinstance(item, Node) and _is_plain(item) else ""


def _is_plain(node: Node) -> bool:
    """Whether a step is no layer, owns nothing, and is computed in both modes."""
    owns = node.weights or node.ties or node.shares is not None
    layer = node.op.family in _LAYERS or node.op.name in _STAY
    return not (owns or layer or node.training)


def _led_to(last: Node, makers: Mapping[int, Node], readers: Mapping[int, int]) -> list[Node]:
    """A step and all others whose results lead to it only; none where these are many."""
    inside = {id(last): last}
    within: Counter[int] = Counter(id(value) for value in last.inputs.values())
    waiting = list(last.inputs.values())
    while waiting:
        node = makers.get(id(waiting.pop()))
        if node is None or id(node) in inside or any(within[id(one)] < readers[id(one)] for one in node.outputs):
            continue
        inside[id(node)] = node
        within.update(id(value) for value in node.inputs.values())
        waiting.extend(node.inputs.values())
        if len(inside) > MOST_STEPS:
            return []
    return list(inside.values())


def _work(nodes: Sequence[Node], results: Sequence[Value], place: Hashable) -> Work | None:
    """The work that some steps are; None where some of them lead to none of the results."""
    makers = {id(value): node for node in nodes for value in node.outputs}
    read: dict[int, Value] = {}
    ordered: dict[int, Node] = {}
    for value in results:
        if id(makers[id(value)]) not in ordered:
            _visit(makers[id(value)], makers, read, ordered)
    if len(ordered) < len(nodes):
        return None
    numbers = {id(value): ("read", number) for number, value in enumerate(read.values())}
    written: list[Hashable] = [tuple((value.type.rank, value.dtype) for value in read.values())]
    for node in ordered.values():
        about = tuple((name, _kind(name, value)) for name, value in attributes(node.op).items())
        written.append((node.op.name, about, *((port, numbers[id(value)]) for port, value in node.inputs.items())))
        for value in node.outputs:
            numbers[id(value)] = ("made", len(numbers))
    written.append(tuple(numbers[id(value)] for value in results))
    return Work(tuple(nodes), tuple(read.values()), tuple(results), tuple(written), place)


def _visit(node: Node, makers: Mapping[int, Node], read: dict[int, Value], ordered: dict[int, Node]) -> None:
    """The steps behind a node in the order of its operands, and what is read from outside."""
    for value in node.inputs.values():
        before = makers.get(id(value))
        if before is None:
            read.setdefault(id(value), value)
        elif id(before) not in ordered:
            _visit(before, makers, read, ordered)
    ordered[id(node)] = node


def _kind(name: str, value: Any) -> Hashable:
    """What two attributes have in common that differ in numbers only."""
    if isinstance(value, tuple):
        return tuple(_kind(name, part) for part in value)
    if isinstance(value, Size):
        return "size"
    return "number" if type(value) in (int, float) and name not in ("dim", "dims") else repr(value)


def _worthwhile(found: Sequence[Work]) -> list[Work]:
    """The work that saves most, none of it in two places."""
    groups: dict[Hashable, list[Work]] = {}
    for work in found:
        groups.setdefault(work.outline, []).append(work)
    chosen: list[Work] = []
    taken: set[int] = set()
    for group in sorted(groups.values(), key=_saved, reverse=True):
        left = [work for work in group if taken.isdisjoint(map(id, work.nodes))]
        if left and _saved(left) >= LEAST_SAVED:
            chosen += left
            taken.update(id(node) for work in left for node in work.nodes)
    return chosen


def _saved(group: Sequence[Work]) -> int:
    """How many nodes and arguments a block saves; the places in one class are written once."""
    places = len({work.place for work in group})
    differing = sum(len(set(map(repr, column))) > 1 for column in zip(*map(_numbers, group), strict=True))
    cost = group[0].cost
    return (cost - _OF_A_BLOCK - differing) * places - cost if places > 1 else 0


def _numbers(work: Work) -> list[Any]:
    return [value for node in work.nodes for value in attributes(node.op).values()]


def _name(work: Work, modules: Collection[str]) -> str:
    """The function that does most of it; else the operations on the way to the result, but for those that only arrange
    values. What a loop calls under the name of its list of `modules` is no function."""
    (function, _), *_ = Counter(node.origin.address for node in work.nodes).most_common(1)
    if function and function not in modules:
        return unhidden_name(function)
    words = list(dict.fromkeys(node.op.name for node in work.nodes if node.op.family not in _ARRANGING))
    return "_".join(words[-3:]) or work.nodes[-1].op.name


def _rewritten(graph: Graph, by_last: Mapping[int, tuple[Work, str]]) -> Graph:
    gone = {id(node) for work, _ in by_last.values() for node in work.nodes}
    return _body(graph, by_last, gone)


def _body(graph: Graph, by_last: Mapping[int, tuple[Work, str]], gone: set[int]) -> Graph:
    items: list[Item] = []
    taken = {level for item in graph.items for level in levels(item.name)}
    for item in graph.items:
        if id(item) in by_last and isinstance(item, Node):
            work, block = by_last[id(item)]
            name = free(joined(item.name.rpartition(".")[0], block), taken)
            taken.add(name)
            items.append(_call(work, name, block))
        elif isinstance(item, Call) and item.shares is None:
            body = _body(item.body, by_last, gone)
            items.append(item if body is item.body else replace(item, body=body))
        elif id(item) not in gone:
            items.append(item)
    same = len(items) == len(graph.items) and all(a is b for a, b in zip(items, graph.items, strict=True))
    return graph if same else replace(graph, items=tuple(items))


def _call(work: Work, name: str, block: str) -> Call:
    names = [*_INPUTS, *(f"x{place}" for place in range(len(_INPUTS), len(work.read)))]
    inputs = [Value(word, value.type) for word, value in zip(names, work.read, strict=False)]
    inner = {id(outer): inside for outer, inside in zip(work.read, inputs, strict=True)}
    steps: list[Node] = []
    for node in work.nodes:
        read = {port: inner.get(id(value), value) for port, value in node.inputs.items()}
        outputs = tuple(replace(value) for value in node.outputs)
        inner.update((id(old), new) for old, new in zip(node.outputs, outputs, strict=True))
        steps.append(replace(node, name=node.op.name, inputs=read, outputs=outputs))
    words = _result_names(work)
    made = {word: inner[id(value)] for word, value in zip(words, work.results, strict=True)}
    body = Graph(block, tuple(inputs), tuple(_renamed(steps)), made)
    return Call(name, "block", body, work.read, work.results, hidden=True, block=block)


def _result_names(work: Work) -> list[str]:
    """What the results are called: after the last operation on the way to each that says something, where these differ,
    as `cos` and `sin`."""
    if len(work.results) == 1:
        return [""]
    makers = {id(value): node for node in work.nodes for value in node.outputs}
    found = [_word(value, makers) for value in work.results]
    return found if len(set(found)) == len(found) and all(found) else [f"output_{at}" for at in range(len(found))]


def _word(value: Value, makers: Mapping[int, Node]) -> str:
    while (node := makers.get(id(value))) is not None:
        if node.op.family not in _ARRANGING and node.op.name not in _CASTS:
            return node.op.name
        value = next(iter(node.inputs.values()), value)
    return ""


def _renamed(steps: Sequence[Node]) -> Iterator[Node]:
    taken: set[str] = set()
    for node in steps:
        name = free(node.name, taken)
        taken.add(name)
        yield replace(node, name=name)
