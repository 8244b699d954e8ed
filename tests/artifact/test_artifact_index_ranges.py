"""The numbers that an index may be: both ends, bounds for each place along a dimension, and bounds that are damaged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from archgraph.artifact.index_ranges import DEEPEST, Range, read_range


@pytest.mark.parametrize(
    ("bounds", "numbers", "expected", "received"),
    [
        ((0, 6), [0, 6], None, None),
        ((0, 6), [0, 7], "0 to 6", "7"),
        ((0, 6), [-1, 7], "0 to 6", "-1"),
        ((None, 6), [-(2**63), 6], None, None),
        ((None, 6), [0, 7], "at most 6", "7"),
        ((2, None), [2, 2**63 - 1], None, None),
        ((2, None), [1, 2], "at least 2", "1"),
        ((None, None), [-(2**63), 2**63 - 1], None, None),
        ((0, "L - 1"), [0, 3], None, None),
        ((0, "L - 1"), [0, 4], "0 to 3", "4"),
        ((0, "W"), [0, 1000], None, None),  # W is not known
        (((0, 2), (1, 3)), [1, 3], None, None),
        (((0, 2), (1, 3)), [0, 1], "2 to 3", "1"),
        (((0, 2), (1, 3)), [2, 3], "0 to 1", "2"),
        (((0, None), (1, None)), [1, 2**62], None, None),
        ((0, (6, "L")), [6, 5], "0 to 4", "5"),
    ],
)
def test_the_first_number_that_lies_outside(bounds: Any, numbers: list[int], expected: Any, received: Any) -> None:
    found = Range(*bounds).problem("ids", np.array([numbers]), {"L": 4})
    assert (found and found.expected, found and found.received) == (expected, received)
    if found:
        place = numbers.index(int(received))
        assert found.message == f"'ids' has a number out of range at [0, {place}]"
        assert Range(*bounds).problem("ids", np.zeros((0, 2), np.int64), {"L": 4}) is None


def test_a_single_number_has_no_place() -> None:
    found = Range(0, 6).problem("ids", np.array(7), {})
    assert found is not None
    assert found.message == "'ids' has a number out of range"


def nested(levels: int) -> Any:
    bound: Any = 5
    for _ in range(levels):
        bound = [bound]
    return bound


def test_bounds_are_read_as_they_were_written() -> None:
    assert read_range({"minimum": None, "maximum": [0, "L - 1", None]}) == Range(None, (0, "L - 1", None))
    ends = 2**63 - 1
    assert read_range({"minimum": -ends, "maximum": ends}) == Range(-ends, ends)
    found = read_range({"minimum": 0, "maximum": nested(DEEPEST)}).maximum
    for _ in range(DEEPEST):
        assert isinstance(found, tuple)
        (found,) = found
    assert found == 5


@pytest.mark.parametrize("bound", [True, 1.5, 2**63, -(2**63), [], {}, "L +", [True], [[0], 1], nested(DEEPEST + 1)])
def test_bounds_that_make_no_sense(bound: Any) -> None:
    for data in ({"minimum": bound, "maximum": None}, {"minimum": None, "maximum": bound}):
        with pytest.raises(ValueError, match=r"is no bound|is not a size|inhomogeneous"):
            read_range(data)
