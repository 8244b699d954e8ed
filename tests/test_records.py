"""Records are frozen dataclasses in all that a program sees, but that no assignment is refused."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field, fields, replace

import pytest

from archgraph.records import record


@record()
class Point:
    """Two numbers, and a note that does not count."""

    x: int
    y: float = 0.0
    tags: list[str] = field(default_factory=list, compare=False, repr=False)


@record(eq=False)
class Thing:
    """Something with an identity."""

    name: str


@record(slots=False)
class Told:
    """A record with a text and a comparison of its own."""

    name: str

    def __repr__(self) -> str:
        return "told"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Told)

    def __hash__(self) -> int:
        return 1


@record()
class Numbered:
    """A record with a hash of its own alone."""

    number: int

    def __hash__(self) -> int:
        return 1


@record()
class Empty:
    """A record that holds nothing."""


@dataclass(frozen=True, slots=True)
class Twin:
    """The same as a dataclass."""

    x: int
    y: float = 0.0
    tags: list[str] = field(default_factory=list, compare=False, repr=False)


@record()
class Further(Point):
    """With one more field."""

    z: int = 3


def test_equal_by_their_fields() -> None:
    point = Point(1, 2.0, ["a"])
    assert point == Point(1, 2.0) != Point(1, 3.0)
    assert hash(point) == hash(Point(1, 2.0))
    assert point != Twin(1, 2.0)
    assert (point == 1, point.__eq__(1)) == (False, NotImplemented)
    assert Further(1, 2.0) != point
    assert Further(1, 2.0, [], 4) != Further(1, 2.0)
    assert {point, Point(1, 2.0), Further(1, 2.0)} == {point, Further(1, 2.0)}


def test_by_identity_where_asked() -> None:
    one, other = Thing("a"), Thing("a")
    assert one != other
    assert len({one, other}) == 2


def test_what_the_class_defines_stays() -> None:
    assert Told("a") == Told("b")
    assert (repr(Told("a")), hash(Told("a"))) == ("told", 1)
    assert (hash(Numbered(2)), Numbered(2) == Numbered(2), Numbered(2) == Numbered(3)) == (1, True, False)


def test_what_holds_nothing_is_equal() -> None:
    assert Empty() == Empty() != Point(1)
    assert hash(Empty()) == hash(Empty())


def test_as_dataclasses_are() -> None:
    assert [each.name for each in fields(Further)] == ["x", "y", "tags", "z"]
    assert repr(Point(1)) == "Point(x=1, y=0.0)" == repr(Twin(1)).replace("Twin", "Point")
    assert replace(Point(1, tags=["a"]), x=2).tags == ["a"]
    assert Point(1).tags is not Point(1).tags
    assert not hasattr(Point(1), "__dict__")
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]


def test_they_travel() -> None:
    further = Further(1, 2.0, ["a"], 5)
    for made in (pickle.loads(pickle.dumps(further)), copy.copy(further), copy.deepcopy(further)):
        assert (made, made.tags) == (further, ["a"])


def test_equality_of_what_has_no_hash() -> None:
    point = Point([1])  # type: ignore[arg-type]
    assert point == Point([1])  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        hash(point)
