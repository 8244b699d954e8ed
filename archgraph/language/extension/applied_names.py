"""Which operations and blocks a node may apply, where its `op` is an expression: `=block`, `=norm if … else 'relu'`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph.language.expressions.expression import is_expression
from archgraph.language.schema.spec import BlockSpec, NodeSpec

_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(slots=True)
class AppliedNames:
    """What parameters may be, as far as it is written down: defaults, presets, and the arguments of all nodes."""

    root: BlockSpec
    settled: Mapping[str, Sequence[Any]]
    """What parameters of the root may be in the result, in place of their defaults and of what its presets say."""
    collect: Callable[[], None] = lambda: None
    """Notes the arguments of all nodes. It is called where what is known depends on them."""
    arguments: dict[str, list[tuple[Any, BlockSpec]]] = field(default_factory=dict)
    collected: bool = False
    known: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)

    def note(self, node: NodeSpec, block: BlockSpec) -> bool:
        """Notes the arguments of a node; whether something new was among them."""
        new = False
        for name, value in node.arguments.items():
            known = self.arguments.setdefault(name, [])
            if isinstance(value, (str, dict)) and not any(value is one for one, _ in known):
                known.append((value, block))
                self.known.clear()
                new = True
        return new

    def of(self, op: str, block: BlockSpec) -> frozenset[str]:
        """The names that an `op` of a node in this block may be. Empty where nothing is known."""
        if not is_expression(op):
            return frozenset((op,))
        key = (op, id(block))
        if key not in self.known:
            found = frozenset(self._of_expression(op, block, set()))
            self.known[key] = found
        return self.known[key]

    def _of_expression(self, text: str, block: BlockSpec, seen: set[tuple[int, str]]) -> Iterator[str]:
        for single, double in _QUOTED.findall(text):
            yield single or double
        for name in _NAME.findall(_QUOTED.sub(" ", text)):
            if (id(block), name) in seen:
                continue
            seen.add((id(block), name))
            for value, where in self._values(name, block):
                yield from self._of_value(value, where, seen)

    def _values(self, name: str, block: BlockSpec) -> Iterator[tuple[Any, BlockSpec]]:
        """What a name of an expression may stand for."""
        if name in block.let:
            yield block.let[name], block
        if name not in block.params:
            return
        if block is self.root and name in self.settled:
            yield from ((value, block) for value in self.settled[name])
            return
        kind = block.params[name]
        yield kind.default, block
        yield from ((choice, block) for one in kind.kinds for choice in one.choices)
        yield from ((values[name], block) for values in block.presets.values() if name in values)
        if not self.collected:
            self.collected = True
            self.collect()
        yield from self.arguments.get(name, ())

    def _of_value(self, value: Any, block: BlockSpec, seen: set[tuple[int, str]]) -> Iterator[str]:
        if isinstance(value, dict):
            value = value.get("op")
        if isinstance(value, list):
            for entry in value:
                yield from self._of_value(entry, block, seen)
        elif is_expression(value):
            yield from self._of_expression(value, block, seen)
        elif isinstance(value, str):
            yield value
