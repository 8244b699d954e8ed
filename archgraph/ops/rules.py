"""Tables of what a room knows of each operation: one rule per contract, registered by the contract's class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from archgraph.ops.contract import Operation

Rule = TypeVar("Rule")


class Rules(Mapping[type[Operation], Rule]):
    """The rules of one kind, by contract. `title` says in errors what they are rules of."""

    def __init__(self, title: str = "rules"):
        self.title = title
        self._rules: dict[type[Operation], Rule] = {}

    def __getitem__(self, contract: type[Operation]) -> Rule:
        return self._rules[contract]

    def __iter__(self) -> Iterator[type[Operation]]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def add(self, rule: Rule, *contracts: type[Operation]) -> None:
        """The rule of these contracts. Raises ValueError for a contract that has one: never an overwrite."""
        for contract in contracts:
            if contract in self._rules:
                raise ValueError(f"there are two {self.title} for '{contract.name}'")
            self._rules[contract] = rule
