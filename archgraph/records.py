"""Frozen dataclasses that cost little, for what every command imports and what a load makes by the ten thousands.

Python compiles six methods for each frozen dataclass, half a millisecond of the start of a command, and writes each
attribute of an instance by a call. A record has one method compiled, its `__init__`, which writes them plainly. That
nobody changes one is held by mypy, as for a frozen dataclass; at run time nothing stands in the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(
    *, eq: bool = True, slots: bool = True, weakref_slot: bool = False, kw_only: bool = False
) -> Callable[[type[T]], type[T]]:
    """Makes a class a dataclass, equal by its fields and with a hash, or, without `eq`, by identity. What the class
    defines itself stays."""

    def made(kind: type[T]) -> type[T]:
        own = dict(vars(kind))
        new: Any = dataclass(eq=False, repr=False, slots=slots, weakref_slot=weakref_slot, kw_only=kw_only)(kind)
        if "__repr__" not in own:
            new.__repr__ = _text
        names = [each.name for each in fields(new) if each.compare]
        if eq and "__eq__" not in own:
            equal, hashed = _comparison(attrgetter(*names) if names else _nothing)
            new.__eq__ = equal
            new.__hash__ = own.get("__hash__", hashed)
        return new  # type: ignore[no-any-return]

    return made


def _comparison(content: Callable[[Any], Any]) -> tuple[Callable[[Any, object], bool], Callable[[Any], int]]:
    """Equality and hash by what a record holds."""

    def equal(self: Any, other: object) -> bool:
        return content(self) == content(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(content(self))

    return equal, hashed


def _nothing(_: object) -> tuple[()]:
    return ()


def _text(self: Any) -> str:
    shown = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({shown})"


def taken_by_class(kind: type, *_: Any) -> dict[str, Any]:
    """Pydantic's rule for a class, as its `__get_pydantic_core_schema__`: what is an instance fits. Without one,
    Pydantic reads the fields of a dataclass and builds a validator for each of them, and for what those hold."""
    return {"type": "is-instance", "cls": kind}
