"""Which children of a module must be put first, so that the keys of a body come in torch's order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archgraph.graph.types import Call, joined
from archgraph.importing.writing.classes.templates import WrittenStatement
from archgraph.importing.writing.copies.member_paths import member_paths
from archgraph.importing.writing.copies.numbered_values import count_of
from archgraph.importing.writing.modules.copy_pattern import Pattern
from archgraph.ops.contract import Weight

Unit = tuple[str, int]
"""The path of a module or of a tensor, and its rank in the module around it: parameters, buffers, children."""


def key_order(statements: Sequence[WrittenStatement], keys: Sequence[str]) -> list[str]:
    """The entries of `order`, empty where the keys come in torch's order by themselves.

    The statements come in the order in which they are written; `keys` are those of the state dict, in order.
    """
    units = [unit for statement in statements for unit in _units(statement)]
    known = dict(units)
    wanted = dict.fromkeys(filter(None, (_unit_of(key, known) for key in keys)))
    return _order(units, list(wanted))


def _units(statement: WrittenStatement) -> Iterator[Unit]:
    made = statement.made
    if statement.members:
        yield from ((path, 2) for path in member_paths(statement))
    elif isinstance(made, Call) or isinstance(statement.term.value, Pattern):
        yield from ((path, 2) for path in _paths(statement))
    elif made.op.name in ("parameter", "buffer", "register_buffer"):
        yield statement.name, 0 if made.op.name == "parameter" else 1
    elif made.weights and made.hidden:
        around = statement.name.rpartition(".")[0]
        yield from ((joined(around, weight.name), _rank(weight)) for weight in made.weights)
    elif made.weights:
        yield statement.name, 2


def _rank(weight: Weight) -> int:
    return 0 if weight.trainable else 1


def _paths(statement: WrittenStatement) -> Iterator[str]:
    """The path of a call, or those of all copies."""
    pattern = statement.term.value
    if not isinstance(pattern, Pattern):
        yield statement.name
        return
    for place in range(count_of(statement)):
        yield f"{pattern.prefix}{pattern.start + place}{pattern.suffix}"


def _unit_of(key: str, known: dict[str, int]) -> str:
    """The module or tensor that a key belongs to, as far as the body names it."""
    while key and key not in known:
        key = key.rpartition(".")[0]
    return key


def _order(units: Sequence[Unit], wanted: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(path.partition(".")[0] for path in wanted))
    ranked = sorted(units, key=lambda unit: 2 if "." in unit[0] else unit[1])
    found = [name for name in dict.fromkeys(path.partition(".")[0] for path, _ in ranked) if name in names]
    below = {name: _below(name, units, wanted) for name in names}
    count = _first_that_differ(found, names)
    pulled = [place for place, name in enumerate(names) if below[name] and not name.isdecimal()]
    count = max(count, *(place + 1 for place in pulled)) if pulled else count
    listed: list[str] = []
    for place, name in enumerate(names):
        if place < count and (name.isdecimal() or not below[name]):
            listed.append(name)
        listed += [f"{name}.{path}" for path in below[name]]
    return listed


def _below(name: str, units: Sequence[Unit], wanted: Sequence[str]) -> list[str]:
    inside = f"{name}."
    return _order(
        [(path.removeprefix(inside), rank) for path, rank in units if path.startswith(inside)],
        [path.removeprefix(inside) for path in wanted if path.startswith(inside)],
    )


def _first_that_differ(found: Sequence[str], wanted: Sequence[str]) -> int:
    """How many names must be put first to have all in the wanted order."""
    for count in range(len(wanted)):
        first = list(wanted[:count])
        if first + [name for name in found if name not in first] == list(wanted):
            return count
    return len(wanted)
