"""The vocabulary by name. A contract may be declared by its name and made when somebody looks it up: a network pays for
the operations that it names, not for all that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

Contract = TypeVar("Contract")


class Registry(Mapping[str, Contract], Generic[Contract]):
    """Contracts by name, in the order in which they were declared. A name taken twice is an error."""

    def __init__(self) -> None:
        self._contracts: dict[str, Contract] = {}
        self._makers: dict[str, Callable[[str], Contract]] = {}
        self._written: set[str] = set()

    def __getitem__(self, name: str) -> Contract:
        if name in self._makers and name not in self._contracts:
            self._contracts[name] = self._makers[name](name)
        return self._contracts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._contracts or name in self._makers

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in self._contracts if name not in self._makers)
        yield from self._makers

    def __len__(self) -> int:
        return len(self._contracts.keys() | self._makers.keys())

    def add(self, name: str, contract: Contract) -> None:
        """A contract that is there; that of a declared name waits until it is looked up. Raises ValueError for a name
        that has one."""
        if name in self._makers and name not in self._written:
            self._written.add(name)
            return
        self._require_free(name)
        self._contracts[name] = contract

    def declare(self, names: Iterable[str], make: Callable[[str], Contract]) -> None:
        """Names whose contracts `make` gives when they are looked up. Raises ValueError for one that is taken."""
        for name in names:
            self._require_free(name)
            self._makers[name] = make

    def _require_free(self, name: str) -> None:
        if name in self:
            raise ValueError(f"operation '{name}' is declared twice")
