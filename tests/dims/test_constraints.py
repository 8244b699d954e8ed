"""What constraints say, admit and carry."""

from __future__ import annotations

import json
from itertools import product

import pytest

from archgraph.dims import Cause, Constraint, Dim, Facts, evaluate, symbol
from archgraph.dims.bounds import holding
from archgraph.dims.constraint import Domain
from archgraph.errors import Mark, ShapeError

H = symbol("H")
WHY = Cause("why")


@pytest.mark.parametrize(
    ("modulus", "residues", "minimum", "maximum", "text"),
    [
        (8, (0,), 8, None, "H must be a multiple of 8"),
        (8, (0,), 32, None, "H must be a multiple of 8 and at least 32"),
        (8, (0,), 8, 64, "H must be a multiple of 8 and at most 64"),
        (1, (0,), 7, None, "H must be at least 7"),
        (1, (0,), 7, 9, "H must be at least 7 and at most 9"),
        (1, (0,), 224, 224, "H must be 224"),
        (2, (1,), 1, None, "H must be odd"),
        (2, (1,), 5, None, "H must be odd and at least 5"),
        (8, (0, 7), 7, None, "H % 8 must be 0 or 7"),
        (8, (0, 7), 15, None, "H % 8 must be 0 or 7 and H must be at least 15"),
        (8, (3,), 3, None, "H % 8 must be 3"),
        (4, (0, 1, 3), 1, None, "H % 4 must not be 2"),
    ],
)
def test_text(modulus: int, residues: tuple[int, ...], minimum: int, maximum: int | None, text: str) -> None:
    constraint = Constraint("H", modulus, residues, minimum, maximum, ())
    assert constraint.text == text
    admitted = [v for v in range(1, 300) if constraint.allows(v)]
    assert admitted == [
        v for v in range(1, 300) if v % modulus in residues and v >= minimum and (maximum is None or v <= maximum)
    ]


def test_they_survive_json() -> None:
    where = Mark("ddpm.yaml", 12, 7)
    constraint = Constraint("H", 8, (0, 7), 7, 99, (Cause("joins a and b", where, "up.0.skip"), Cause("a window")))
    data = json.loads(json.dumps(constraint.to_json()))
    assert Constraint.from_json(data) == constraint
    assert data["text"] == constraint.text
    assert data["causes"][0]["where"] == "ddpm.yaml:12:7"


@pytest.mark.parametrize("data", [{}, {"symbol": "H"}, {"symbol": "H", "modulus": "x", "causes": [], "residues": []}])
def test_damaged_json_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ShapeError, match="not a constraint on a size"):
        Constraint.from_json(data)


def test_a_bound_that_follows_is_dropped_with_its_cause() -> None:
    facts, window, halves = Facts(), Cause("a window of 2"), Cause("halves")
    facts.require_at_least(H, 2, window)
    assert [found.text for found in facts.constraints()] == ["H must be at least 2"]
    facts.require_multiple(H, 4, halves)
    (constraint,) = facts.constraints()
    assert constraint.text == "H must be a multiple of 4"
    assert constraint.causes == (halves,)
    facts.require_at_least(H, 10, Cause("a window of 10"))
    (constraint,) = facts.constraints()
    assert constraint.text == "H must be a multiple of 4 and at least 12"
    assert [cause.reason for cause in constraint.causes] == ["halves", "a window of 2", "a window of 10"]


def test_a_modulus_is_reported_as_small_as_it_is() -> None:
    facts = Facts()
    facts.require_equal(4 * (H // 4) + 2 * ((H % 4) // 2), H, WHY)
    assert [found.text for found in facts.constraints()] == ["H must be a multiple of 2"]


def test_causes_take_the_place_where_the_facts_stand() -> None:
    facts, mark = Facts(), Mark("net.yaml", 3, 1)
    facts.stand_at(mark, "down.0")
    facts.require_multiple(H, 2, Cause("pairs"))
    facts.require_multiple(H, 4, Cause("fours", None, "own.path"))
    assert facts.constraints()[0].causes == (Cause("pairs", mark, "down.0"), Cause("fours", mark, "own.path"))


def test_declared_bounds_are_constraints_and_ordinary_sizes_are_not() -> None:
    facts = Facts()
    for name in ("W", "N", "L", "H"):
        facts.declare(name, *{"L": (1, 1024), "H": (32,)}.get(name, ()))
    assert [found.text for found in facts.constraints()] == ["H must be at least 32", "L must be at most 1024"]
    assert facts.example() == {"H": 32, "L": 1, "N": 1, "W": 1}
    with pytest.raises(ShapeError, match="no size is left for L"):
        facts.declare("L", 2000)


HOLDING = [H * (10 - H), (H - 4) * (H - 5), 20 - H, 3 * H - 7, (5 - H) * (6 - H) * (7 - H), H % 3 + H]


@pytest.mark.parametrize("size", HOLDING, ids=str)
def test_where_a_size_is_large_enough_is_what_trying_all_says(size: Dim) -> None:
    """The values up to the maximum that do, from where on all do; else those from the bottom, where no others do."""
    for first, last, least in product(range(1, 7), range(6, 10), (-5, 0, 1, 9, 16, 24)):
        good = {value for value in range(first, last + 1) if evaluate(size, {"H": value}) >= least}
        found = holding(size, least, "H", Domain(first, last))
        if found is None:
            in_one_piece = bool(good) and max(good) - min(good) + 1 == len(good)
            assert not in_one_piece or not {first, last} & good, (first, last, least)
            continue
        values = set(range(found[0], min(last, last if found[1] is None else found[1]) + 1))
        assert values
        assert values <= good
        assert found[0] - 1 not in good if last in values else values == good


def test_a_period_up_to_ten_thousand_is_narrowed_by() -> None:
    facts = Facts()
    facts.require_equal(H // 10_000 * 10_000, H, WHY)
    assert [rule.text for rule in facts.constraints()] == ["H must be a multiple of 10000"]
    with pytest.raises(ShapeError):
        Facts().require_equal(H // 10_001 * 10_001, H, WHY)
