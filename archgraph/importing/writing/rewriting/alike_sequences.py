"""Containers of alike layers, such as a convolution with its norm and activation: they become a class of their own."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from archgraph.graph.text import attributes
from archgraph.graph.types import Call, Graph, Item, Node
from archgraph.importing.writing.modules.containers import CONTAINERS, SEQUENCE, is_container
from archgraph.importing.writing.modules.joint_network import NETWORK
from archgraph.importing.writing.modules.naming import block_name, unhidden_name
from archgraph.importing.writing.modules.shared_items import shared_items
from archgraph.importing.writing.rewriting.chained_sequences import chains_of_lists
from archgraph.importing.writing.rewriting.idioms import read_by
from archgraph.structure.naming import free

_OF_A_BLOCK = 2
LEAST_SAVED = 4
"""Nodes and arguments that a block must save."""
_WORDS = {"batch_norm2d": "norm", "batch_norm1d": "norm", "batch_norm3d": "norm", "layer_norm": "norm"}


def with_classes_of_sequences(graph: Graph, containers: Collection[str], apart: Collection[int] = ()) -> Graph:
    """The graph in which containers that hold the same layers are one class; those that are `apart` (by id) stay."""
    taken = {block_name(call.block) for call in _calls(graph)}
    names: dict[int, str] = {}
    for group in _groups(graph, containers, apart):
        name = free(_name(group[0][0]), taken)
        taken.add(name)
        names.update((id(call), f"{SEQUENCE}{name}") for call, _ in group)
    return _renamed(graph, names)


def different_sequences(graph: Graph, containers: Collection[str]) -> frozenset[int]:
    """The containers (by id) that hold other layers in some modules of a class than in others, at the same place: with
    an expansion or without, with one activation or another."""
    places: dict[tuple[str, str], dict[Hashable, list[int]]] = {}
    for call in _calls(graph):
        if call.block in containers or call.block == NETWORK:
            continue
        for item in call.body.items:
            if isinstance(item, Call) and item.block in containers and len(item.inputs) == len(item.outputs) == 1:
                forms = places.setdefault((call.block, item.name), {})
                forms.setdefault(_form(item), []).append(id(item))
    return frozenset(one for forms in places.values() if len(forms) > 1 for row in forms.values() for one in row)


def without_needless_classes(graph: Graph, kept: Collection[int]) -> Graph:
    """The graph in which such a class is a container again where a block saves nothing. `kept` calls (by id) stay."""
    classes = {call.block for call in _calls(graph) if call.block.startswith(SEQUENCE)}
    names: dict[int, str] = {}
    for group in _groups(graph, classes, kept):
        short = group[0][0].block.removeprefix(SEQUENCE)
        name = short if _saved(group) >= LEAST_SAVED else "Sequential"
        names.update((id(call), name) for call, _ in group)
    return _renamed(graph, names)


def _groups(graph: Graph, containers: Collection[str], kept: Collection[int] = ()) -> list[list[tuple[Call, Hashable]]]:
    """Containers of the same layers, with their places, outside of the calls in `kept`."""
    found: dict[Hashable, list[tuple[Call, Hashable]]] = {}
    family = any(isinstance(item, Call) and item.block == NETWORK for item in graph.items)
    uneven = _in_uneven_lists(graph) if family else frozenset()
    chains = chains_of_lists(graph)
    for call, place in _containers(graph, "", containers, {*kept, *shared_items(graph)}, uneven, chains):
        found.setdefault(chains.get(id(call)) or _form(call, family), []).append((call, place))
    return list(found.values())


def _calls(graph: Graph) -> Iterator[Call]:
    for item in graph.items:
        if isinstance(item, Call):
            yield item
            yield from _calls(item.body)


def _containers(
    graph: Graph,
    around: str,
    containers: Collection[str],
    kept: Collection[int],
    uneven: Collection[int],
    chains: Collection[int],
) -> Iterator[tuple[Call, Hashable]]:
    """The containers of different layers, each with its place in the class around it, and those that stand in a row
    but for the `uneven` ones, and `chains`."""
    for place, item in enumerate(graph.items):
        if isinstance(item, Call) and id(item) not in kept:
            plain = item.block in containers and item.shares is None and not item.training and len(item.outputs) == 1
            several = len(set(map(_word, item.body.items))) > 1
            in_a_row = id(item) in chains or (id(item) not in uneven and _stands_in_a_row(item, graph))
            if plain and len(item.inputs) == 1 and (several or in_a_row):
                words = tuple(map(_word, graph.items))
                yield item, (around, item.name) if around == NETWORK else (around, words, place)
            inside = around if item.block in containers else item.block
            yield from _containers(item.body, inside, containers, kept, uneven, chains)


def _in_uneven_lists(graph: Graph) -> frozenset[int]:
    """The containers (by id) of modules of one class, where others of their list, in any network, hold another number
    of these: how many they are is told for each."""
    rows: dict[tuple[str, str], list[Call]] = {}
    for call in _calls(graph):
        words = set(map(_word, call.body.items))
        if call.block in CONTAINERS and len(words) == 1:
            rows.setdefault((call.name.rpartition(".")[0], words.pop()), []).append(call)
    uneven = (row for row in rows.values() if len({len(call.body.items) for call in row}) > 1)
    return frozenset(id(call) for row in uneven for call in row)


def _stands_in_a_row(call: Call, graph: Graph) -> bool:
    """Whether a container of calls is one of several in a list, of which none reads another."""
    level, _, number = call.name.rpartition(".")
    if len(call.body.items) < 2 or not number.isdecimal() or not isinstance(call.body.items[0], Call):
        return False
    others = [
        item
        for item in graph.items
        if isinstance(item, Call) and item.name.rpartition(".")[0] == level and _form(item) == _form(call)
    ]
    numbers = sorted(int(last) for item in others if (last := item.name.rpartition(".")[2]).isdecimal())
    made = {id(value) for item in others for value in item.outputs}
    apart = all(id(value) not in made for item in others for value in item.inputs)
    return apart and len(others) > 1 and numbers == list(range(numbers[0], numbers[0] + len(others)))


def _word(item: Item) -> str:
    return item.block if isinstance(item, Call) else item.op.name


def _form(call: Call, family: bool = False) -> Hashable:
    """What alike containers have in common: names, operations and how they are joined, but no numbers; in a `family`,
    whose networks differ inside of their modules, of these the class, and of modules in a row not how many they are."""
    numbers = {id(value): place for place, value in enumerate(call.body.inputs)}
    written: list[Hashable] = [tuple((value.type.rank, value.dtype) for value in call.body.inputs)]
    ahead = 0
    before: Item | None = None
    for item in call.body.items:
        inner = _inner_form(item, family) if isinstance(item, Call) else tuple(filter(_is_word, _values(item)))
        if family and before is not None and _is_one_more(item, before, call.body):
            ahead += 1
            numbers[id(item.outputs[0])] = numbers[id(before.outputs[0])]
            before = item
            continue
        read = tuple(numbers[id(value)] for value in read_by(item))
        name = str(int(item.name) - ahead) if ahead and item.name.isdecimal() else item.name
        written.append((name, _word(item), inner, read))
        for value in item.outputs:
            numbers[id(value)] = len(numbers) - ahead
        before = item
    return (*written, *(numbers[id(value)] for value in call.body.outputs.values()))


def _is_one_more(here: Item, before: Item, body: Graph) -> bool:
    """Whether a module of a container is one more of the kind that stands before it, and reads nothing else."""
    if not isinstance(here, Call) or not isinstance(before, Call) or _word(here) != _word(before):
        return False
    if not before.name.isdecimal() or here.name != str(int(before.name) + 1):
        return False
    alike = len(here.outputs) == len(before.outputs) == 1 and _form(here, True) == _form(before, True)
    chained = [id(value) for value in here.inputs] == [id(before.outputs[0])]
    readers = [id(value) for item in body.items for value in read_by(item)] + [*map(id, body.outputs.values())]
    return alike and chained and readers.count(id(before.outputs[0])) == 1


def _inner_form(call: Call, family: bool) -> Hashable:
    return _form(call, family) if is_container(call) or not family else (len(call.inputs), len(call.outputs))


def _is_word(value: Any) -> bool:
    return isinstance(value, str)


def _values(node: Node) -> Iterator[Any]:
    return (getattr(node.op, name) for name in type(node.op).model_fields)


def _saved(group: list[tuple[Call, Hashable]]) -> int:
    places = len({place for _, place in group})
    rows = [list(_numbers(call)) for call, _ in group]
    differing = sum(len(set(map(repr, column))) > 1 for column in zip(*rows, strict=False))
    cost = max(_cost(call.body) for call, _ in group)
    return (1 + cost - _OF_A_BLOCK - min(differing, 3)) * places - cost if places > 1 else 0


def _cost(body: Graph) -> int:
    """About how many nodes and arguments a body is."""
    inner = (_cost(item.body) if isinstance(item, Call) else len(attributes(item.op)) for item in body.items)
    return len(body.items) + sum(inner)


def _numbers(call: Call) -> Iterator[Any]:
    for item in call.body.items:
        yield from _numbers(item) if isinstance(item, Call) else _values(item)


def _name(call: Call) -> str:
    """The first layers of a container."""
    words = dict.fromkeys(_WORDS.get(word, word) for word in _leaves(call))
    name = unhidden_name("_".join(list(words)[:4]))
    several = "es" if name.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{name}{several}" if len(set(map(_word, call.body.items))) == 1 else name


def _leaves(call: Call) -> Iterator[str]:
    for item in call.body.items:
        if isinstance(item, Call) and item.block == "Sequential":
            yield from _leaves(item)
        else:
            yield block_name(_word(item)) if isinstance(item, Call) else _word(item)


def _renamed(graph: Graph, names: Mapping[int, str]) -> Graph:
    items = tuple(_of_class(item, names) if isinstance(item, Call) else item for item in graph.items)
    same = all(a is b for a, b in zip(items, graph.items, strict=True))
    return graph if same else replace(graph, items=items)


def _of_class(call: Call, names: Mapping[int, str]) -> Call:
    block, body = names.get(id(call), call.block), _renamed(call.body, names)
    return call if body is call.body and block == call.block else replace(call, block=block, body=body)
