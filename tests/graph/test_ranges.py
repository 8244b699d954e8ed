"""Which whole numbers each input may hold: counted by hand, and held against torch's own refusals."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch

import archgraph
from archgraph.errors import ShapeError
from archgraph.graph.direct_indices import direct_indices
from archgraph.graph.index_ranges import input_ranges, trial_ranges
from archgraph.graph.index_tables import index_ranges
from archgraph.graph.input_range import RowsOfTables
from archgraph.graph.intervals import uniform
from archgraph.graph.types import Graph

Nodes = dict[str, Any]


def ids(*shape: Any) -> dict[str, Any]:
    return {"shape": list(shape), "dtype": "int64"}


def table(rows: int, **more: Any) -> dict[str, Any]:
    return {"op": "embedding", "num_embeddings": rows, "embedding_dim": 2, **more}


def net(inputs: dict[str, Any], nodes: Nodes) -> Graph:
    return archgraph.load({"archgraph": 1, "name": "n", "inputs": inputs, "nodes": nodes})


SHIFTED: Nodes = {
    "offsets": {"op": "constant", "value": [0, 4]},
    "at": {"op": "add", "in": ["x", "offsets"]},
    "table": table(7),
}
FLAT: Nodes = {
    "offsets": {"op": "constant", "value": [0, 4]},
    "at": {"op": "add", "in": ["x", "offsets"]},
    "flat": {"op": "flatten", "start_dim": 0},
    "table": table(7),
}
TWO: Nodes = {"a": table(7), "b": table(3, **{"in": "x"}), "y": {"op": "add", "in": ["a", "b"]}}
LATER: Nodes = {
    "places": {"op": "arange", "end": "=L"},
    "at": {"op": "add", "in": ["start", "places"]},
    "words": table(9, **{"in": "x"}),
    "table": table(7, **{"in": "at"}),
    "y": {"op": "add", "in": ["words", "table"]},
}
PARTS: Nodes = {
    "part": {"op": "chunk", "chunks": 2, "dim": 1},
    "a": table(7, **{"in": "part.0"}),
    "b": table(3, **{"in": "part.1"}),
    "y": {"op": "concat", "in": ["a", "b"], "dim": 1},
}


@pytest.mark.parametrize(
    ("shape", "nodes", "minimum", "maximum"),
    [
        (["N", "L"], {"t": table(1000)}, 0, 999),
        ([], {"t": table(5)}, 0, 4),
        (["N"], TWO, 0, 2),
        (["N", 2], SHIFTED, [0, -4], [6, 2]),
        (["N"], {"m": {"op": "sub", "value": 10}, "t": table(7)}, 10, 16),
        (["N"], {"m": {"op": "mul", "value": 3}, "t": table(8)}, 0, 2),
        (["N"], {"m": {"op": "mul", "value": -3}, "t": table(8)}, -2, 0),
        (["N", 1], {"p": {"op": "arange", "end": 4}, "s": {"op": "add", "in": ["x", "p"]}, "t": table(7)}, 0, 3),
        (["N", 2], PARTS, [0, 0], [6, 2]),
        (["N", 2, 1], {"s": {"op": "squeeze", "dim": 2}, "m": {"op": "amax", "dim": 1}, "t": table(9)}, None, 8),
        (["N", 3], {"s": {"op": "select", "dim": 1, "index": -1}, "t": table(9)}, [None, None, 0], [None, None, 8]),
        (["N", 2], FLAT, [0, -4], [6, 2]),
        (["N", "L"], {"r": {"op": "roll", "shifts": 1, "dims": 1}, "t": table(4)}, 0, 3),
    ],
)
def test_a_range_is_what_tables_leave(shape: list[Any], nodes: Nodes, minimum: Any, maximum: Any) -> None:
    graph = net({"x": ids(*shape)}, nodes)
    found = input_ranges(graph)["x"].to_json()
    assert (found["minimum"], found["maximum"]) == (minimum, maximum)
    assert index_ranges(graph)["x"].to_json() == found


def direct_ranges(graph: Graph) -> dict[str, RowsOfTables] | None:
    found = direct_indices(graph)
    return None if found is None else found.ranges()


def test_inputs_that_look_up_tables_as_they_are_need_no_analysis() -> None:
    """Also through blocks and groups, and where a value of theirs is used otherwise; what is computed is followed."""
    block = {"inputs": {"x": ids("N")}, "nodes": {"t": table(4)}}
    nodes: Nodes = {
        "a": {"nodes": {"inner": table(6)}},
        "b": {"op": "own", "in": "x"},
        "c": table(9, **{"in": "y"}),
        "d": table(3, training="only", **{"in": "x"}),
        "e": {"op": "mul", "in": ["x", "y"]},
        "f": {"op": "to", "dtype": "float32"},
    }
    inputs = {"x": ids("N"), "y": ids("N")}
    spec = {"archgraph": 1, "name": "n", "inputs": inputs, "nodes": nodes, "outputs": list("abcf")}
    graph = archgraph.load({**spec, "blocks": {"own": block}})
    direct, followed = direct_ranges(graph), input_ranges(graph)
    assert direct is not None
    assert {name: str(each) for name, each in direct.items()} == {"x": "x 0 to 3", "y": "y 0 to 8"}
    assert [*direct] == [*followed]
    for name, each in direct.items():
        assert (each.to_json(), each.sources) == (followed[name].to_json(), followed[name].sources)
    for other in (TWO | {"m": {"op": "neg", "in": "x"}, "c": table(5)}, SHIFTED, FLAT, PARTS):
        assert direct_indices(net({"x": ids("N", 2)}, other)) is None


CHOSEN: Nodes = {
    "words": {"op": "embedding", "in": "x", "num_embeddings": 9, "embedding_dim": 4},
    "top": {"op": "topk", "in": "words", "k": 2},
}
WRITTEN: Nodes = {"out": {"op": "scatter", "in": ["slots", "top.indices", "top.values"], "dim": -1}}


@pytest.mark.parametrize(("length", "direct"), [(4, True), (3, False)])
def test_chosen_places_need_no_analysis_where_the_dimension_is_as_long(length: int, direct: bool) -> None:
    """As those of a mixture's experts, which are chosen of as many as there are; other places are followed."""
    graph = net(
        {"x": ids("N")}, CHOSEN | {"slots": {"op": "slice", "in": "words", "dim": -1, "end": length}, **WRITTEN}
    )
    found, followed = direct_ranges(graph), input_ranges(graph)
    assert followed["x"].to_json() == {"minimum": 0, "maximum": 8}
    assert (found is not None) == direct
    assert found is None or (found["x"].to_json(), found["x"].sources) == (
        followed["x"].to_json(),
        followed["x"].sources,
    )


def test_a_bound_may_be_a_size() -> None:
    """Position start + L - 1 is the last one of seven."""
    graph = net({"x": ids("N", "L"), "start": ids("N", 1)}, LATER)
    found = input_ranges(graph)
    assert found["start"].to_json() == {"minimum": 0, "maximum": "7 - L"}
    assert found["start"].text == "0 to 7 - L"
    assert found["x"].to_json() == {"minimum": 0, "maximum": 8}
    assert [rule.text for rule in graph.constraints] == ["L must be at most 7"]


def test_positions_narrow_the_sizes_to_the_rows_of_their_table() -> None:
    nodes = {
        "words": table(9),
        "places": {"op": "arange", "end": "=L"},
        "table": table(5),
        "y": {"op": "add", "in": ["words", "table"]},
    }
    (rule,) = net({"x": ids("N", "L")}, nodes).constraints
    assert rule.text == "L must be at most 5"
    assert (rule.causes[0].path, rule.causes[0].reason) == ("table", "the table has 5 rows")


def test_a_network_without_tables_asks_nothing() -> None:
    assert index_ranges(net({"x": ids("N")}, {"y": {"op": "add", "value": 1}})) == {}


@pytest.mark.parametrize(
    ("shape", "nodes"),
    [
        (["N"], TWO),
        (["N", 2], SHIFTED),
        (["N"], {"m": {"op": "mul", "value": 3}, "t": table(8)}),
        (["N", 1], {"p": {"op": "arange", "end": 4}, "s": {"op": "add", "in": ["x", "p"]}, "t": table(7)}),
    ],
)
def test_torch_refuses_just_what_is_outside(shape: list[Any], nodes: Nodes) -> None:
    graph = net({"x": ids(*shape)}, nodes)
    module, found = archgraph.to_torch(graph), input_ranges(graph)["x"]
    low, high = (np.asarray(end, np.int64) for end in (found.interval.low, found.interval.high))
    sizes = [2 if size == "N" else size for size in shape]
    for place in np.ndindex(*sizes):
        least, most = (int(np.broadcast_to(end, sizes)[place]) for end in (low, high))
        for number in (least - 1, least, most, most + 1):
            x = np.array(np.broadcast_to(low, sizes))
            x[place] = number
            if least <= number <= most:
                module(torch.from_numpy(x))
            else:
                with pytest.raises(IndexError):
                    module(torch.from_numpy(x))


@pytest.mark.parametrize("op", ["add", "sub"])
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_two_inputs_that_make_an_index_stay_within_it_together(op: str, rows: int) -> None:
    graph = net({"a": ids("N"), "b": ids("N")}, {"s": {"op": op, "in": ["a", "b"]}, "t": table(rows)})
    found = trial_ranges(graph, {"N": 3})
    ends = [[int(end.flat[0]) for end in (found[name].low, found[name].high)] for name in "ab"]
    sums = {a + b if op == "add" else a - b for a, b in itertools.product(*ends)}
    assert all(0 <= number < rows for number in sums)
    assert input_ranges(graph) == {}, "nothing is necessary of one of them alone"


@pytest.mark.parametrize("factors", [[3, 1], [0, 2], [-2, 3], [-3, -1], [4, -4], [0, 0]])
@pytest.mark.parametrize("shift", [0, 5, 11])
def test_products_with_several_factors_stay_within_the_table(factors: list[int], shift: int) -> None:
    """Within the trial range no product leaves the table; where no factor is negative, it is all that is allowed."""
    nodes: Nodes = {
        "f": {"op": "constant", "value": factors},
        "m": {"op": "mul", "in": ["x", "f"]},
        "at": {"op": "add", "value": shift},
        "t": table(12),
    }
    found = trial_ranges(net({"x": ids("N", 1)}, nodes), {"N": 3})["x"]
    low, high = (int(max(-20, min(20, end.flat[0]))) for end in (found.low, found.high))
    allowed = [x for x in range(-20, 21) if all(0 <= x * factor + shift < 12 for factor in factors)]
    assert low <= high
    assert set(range(low, high + 1)) <= set(allowed)
    if min(factors) >= 0:
        assert (low, high) == (allowed[0], allowed[-1])


def test_a_product_of_two_inputs_has_trial_ranges() -> None:
    found = trial_ranges(net({"a": ids("N"), "b": ids("N")}, {"m": {"op": "mul", "in": ["a", "b"]}, "t": table(5)}), {})
    ends = [(int(found[name].low.flat[0]), int(found[name].high.flat[0])) for name in "ab" if found[name].known]
    assert ends
    assert all(0 <= a * b < 5 for a, b in itertools.product(*ends)) or ends[0] == (0, 0)


def test_an_interval_is_known_where_both_ends_are() -> None:
    assert uniform(0, 3, 1).known
    assert not uniform(-math.inf, 3, 1).known
    assert not uniform(0, math.inf, 1).known


def test_no_number_that_both_tables_take() -> None:
    nodes = {
        "a": table(7),
        "far": {"op": "add", "in": "x", "value": 10},
        "b": table(7),
        "y": {"op": "add", "in": ["a", "b"]},
    }
    with pytest.raises(ShapeError, match="no number in the input 'x' is an index of every table"):
        net({"x": ids("N")}, nodes)


def test_a_constant_beyond_its_table() -> None:
    nodes = {
        "words": table(9),
        "c": {"op": "constant", "value": [1, 5]},
        "t": table(5),
        "y": {"op": "add", "in": ["words", "t"]},
    }
    with pytest.raises(ShapeError, match="an index lies outside of the table") as raised:
        net({"x": ids("N", 2)}, nodes)
    assert (raised.value.problems[0].expected, raised.value.problems[0].received) == ("0 to 4, its rows", "5")


FIXED: dict[str, Nodes] = {
    "counted": {"at": {"op": "arange", "end": 5}},
    "product": {"p": {"op": "arange", "end": 5}, "at": {"op": "mul", "value": 3}},
    "largest place": {"p": {"op": "arange", "end": 5}, "at": {"op": "amax", "dim": 0, "keepdim": True}},
    "negative product": {"p": {"op": "constant", "value": [-4, 0, -2]}, "at": {"op": "mul", "value": -3}},
    "difference": {
        "p": {"op": "arange", "end": 5},
        "q": {"op": "constant", "value": [0, 1, 2, -4, 0]},
        "at": {"op": "sub", "in": ["p", "q"]},
    },
    "part": {"p": {"op": "arange", "end": 9}, "at": {"op": "slice", "dim": 0, "start": 1, "end": 8, "step": 3}},
    "last": {"p": {"op": "arange", "end": 9}, "at": {"op": "select", "dim": 0, "index": -2}},
    "half": {
        "p": {"op": "constant", "value": [7, 9, 2, 3]},
        "parts": {"op": "chunk", "chunks": 2, "dim": 0},
        "at": {"op": "mul", "in": "parts.1", "value": 1},
    },
    "whole": {
        "p": {"op": "arange", "end": 3},
        "q": {"op": "constant", "value": [8, 1]},
        "at": {"op": "concat", "in": ["p", "q"], "dim": 0},
    },
    "padded": {"p": {"op": "arange", "end": 3}, "at": {"op": "pad", "pad": [1, 0], "value": 6}},
    "rolled part": {
        "p": {"op": "arange", "end": 5},
        "r": {"op": "roll", "shifts": 2, "dims": 0},
        "at": {"op": "slice", "dim": 0, "start": 2, "end": 4},
    },
    "total": {
        "p": {"op": "constant", "value": [[1, 2, 3], [0, 5, 2]]},
        "at": {"op": "sum", "dim": 1},
    },
    "largest": {"p": {"op": "constant", "value": [[1, -2, -3], [0, 5, 2]]}, "at": {"op": "amax", "dim": 0}},
    "transposed part": {
        "p": {"op": "constant", "value": [[1, 2, 3], [0, 9, 2]]},
        "t": {"op": "transpose", "dim0": 0, "dim1": 1},
        "at": {"op": "slice", "dim": 0, "start": 2},
    },
}


@pytest.mark.parametrize("name", sorted(FIXED))
def test_a_table_has_a_row_for_the_highest_index_that_torch_computes(name: str) -> None:
    def read(nodes: Nodes, output: str) -> Graph:
        outputs = {"y": output, "x": "x"}
        return archgraph.load({"archgraph": 1, "name": "n", "inputs": {"x": ["N"]}, "nodes": nodes, "outputs": outputs})

    highest = int(archgraph.to_torch(read(FIXED[name], "at"))(torch.zeros(1))[0].max())
    read({**FIXED[name], "table": table(highest + 1, **{"in": "at"})}, "table")
    with pytest.raises(ShapeError, match="an index lies outside of the table") as raised:
        read({**FIXED[name], "table": table(highest, **{"in": "at"})}, "table")
    assert raised.value.problems[0].received == str(highest)


def test_joined_indices_of_any_number_keep_the_bounds_of_the_table() -> None:
    nodes: Nodes = {"all": {"op": "concat", "in": ["a", "b"], "dim": 1}, "t": table(7)}
    found = input_ranges(net({"a": ids("N", "L"), "b": ids("N", 2)}, nodes))
    assert {name: item.text for name, item in found.items()} == {"a": "0 to 6", "b": "0 to 6"}


@pytest.mark.parametrize("keepdim", [False, True])
def test_the_largest_position_is_not_the_first_one(keepdim: bool) -> None:
    """max(0 … L - 1) - 5 is L - 6: an index for L from 6 to 15, though 0 - 5 is none."""
    nodes: Nodes = {
        "places": {"op": "arange", "end": "=L"},
        "most": {"op": "amax", "dim": 0, "keepdim": keepdim},
        "at": {"op": "sub", "value": 5},
        "t": {**table(10), "embedding_dim": 1},
        "y": {"op": "mul", "in": ["x", "t"]},
    }
    graph = net({"x": ["N", "L"]}, nodes)
    assert archgraph.to_torch(graph)(torch.zeros(2, 6)).shape == (2, 6)


def test_parts_may_have_symbolic_sizes() -> None:
    """The first L of 2 L ids are read in a table of 5 rows, the others in one of 7."""
    nodes: Nodes = {
        "parts": {"op": "split", "in": "ids", "split_size": ["=L", "=L"], "dim": 1},
        "a": table(5, **{"in": "parts.0"}),
        "b": table(7, **{"in": "parts.1"}),
        "both": {"op": "add", "in": ["a", "b"]},
        "flat": {"op": "sum", "dim": -1},
        "y": {"op": "mul", "in": ["x", "flat"]},
    }
    graph = net({"x": ["N", "L"], "ids": ids("N", "=2 * L")}, nodes)
    found = trial_ranges(graph, {"N": 1, "L": 3})["ids"]
    assert found.low.tolist() == [[0] * 6]
    assert found.high.tolist() == [[4, 4, 4, 6, 6, 6]]


def test_a_long_buffer_of_positions_is_not_counted_out() -> None:
    """Twenty million numbers of Python would take a gigabyte; that they go from 0 to the last is known without them."""
    nodes: Nodes = {
        "places": {"op": "buffer", "shape": [20_000_000], "init": "arange", "dtype": "int64"},
        "t": table(20_000_000),
        "all": {"op": "sum", "dim": [0, 1]},
        "y": {"op": "mul", "in": ["x", "all"]},
    }
    tracemalloc.start()
    try:
        net({"x": ["N"]}, nodes)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    nodes["t"] = table(19_999_999)
    with pytest.raises(ShapeError, match="an index lies outside of the table"):
        net({"x": ["N"]}, nodes)


def test_an_index_may_be_a_scalar() -> None:
    """A number keeps its bounds in a reshape to no dimension: rows 0 to 6, 3 further than the input."""
    more: Nodes = {"number": {"op": "constant", "value": [3]}, "scalar": {"op": "reshape", "in": "number", "shape": []}}
    graph = net({"x": ids("N")}, {**more, "at": {"op": "add", "in": ["x", "scalar"]}, "table": table(7)})
    assert str(index_ranges(graph)["x"]) == "x -3 to 3"
