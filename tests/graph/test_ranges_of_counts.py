"""Indices that are counted by sums: of ids, of masks that nobody can bound, of ids that are compared with a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import archgraph
from archgraph.errors import ShapeError
from archgraph.graph.index_ranges import input_ranges, trial_ranges
from archgraph.graph.index_suppositions import SupposedValues, suppositions
from archgraph.graph.intervals import uniform
from archgraph.graph.types import Graph
from archgraph.verify import export_verified

Nodes = dict[str, Any]
ROWS = 20
TABLE = {"op": "embedding", "num_embeddings": ROWS, "embedding_dim": 2}
COUNTED = {"c": {"op": "cumsum", "dim": 1}}


def net(nodes: Nodes, dtype: str, *shape: Any) -> Graph:
    inputs = {"x": {"shape": list(shape or ("N", "L")), "dtype": dtype}}
    return archgraph.load({"archgraph": 1, "name": "n", "inputs": inputs, "nodes": nodes})


def longest(graph: Graph) -> int | None:
    return next((rule.maximum for rule in graph.constraints if rule.symbol == "L"), None)


# --- ids ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [-3, 0, 1, 5])
@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_all_that_is_drawn_is_counted_within_the_table(offset: int, factor: int, size: int) -> None:
    """Both ends throughout, and everything between: no sum leaves its row, and one more of each would."""
    nodes = {**COUNTED, "times": {"op": "mul", "value": factor}, "at": {"op": "add", "value": offset}, "t": TABLE}
    graph = net(nodes, "int64")
    found = trial_ranges(graph, {"N": 3, "L": size})["x"]
    low, high = (int(np.asarray(end).flat[0]) for end in (found.low, found.high))
    assert low <= high
    sums = factor * np.cumsum([[number] * size for number in (low, high)], axis=1) + offset
    assert 0 <= sums.min() <= sums.max() < ROWS
    assert factor * size * (high + 1) + offset >= ROWS
    module = archgraph.to_torch(graph)
    module(torch.randint(low, high + 1, (3, size)))


def test_ids_are_told_no_range_that_they_need_not_keep() -> None:
    """-1 and 1 are counted to 0: what one number may be depends on the others, except where it is the only one."""
    assert input_ranges(net({**COUNTED, "t": TABLE}, "int64")) == {}
    alone = input_ranges(net({**COUNTED, "t": TABLE}, "int64", "N", 1))
    assert {name: item.text for name, item in alone.items()} == {"x": "0 to 19"}


POSITIONS: Nodes = {
    "token": {"op": "to", "dtype": "int64"},
    "counted": {"op": "cumsum", "in": "token", "dim": 1},
    "number": {"op": "mul", "in": ["counted", "token"]},
    "position": {"op": "add", "value": 1},
    "t": TABLE,
}
"""Positions of the tokens, and 1 where there is none: those of RoBERTa and OPT."""


def test_a_mask_of_whole_numbers_is_drawn_of_0_and_1(tmp_path: Any) -> None:
    graph = net({name: node for name, node in POSITIONS.items() if name != "token"} | {
        "counted": {"op": "cumsum", "in": "x", "dim": 1}, "number": {"op": "mul", "in": ["counted", "x"]}
    }, "int64")  # fmt: skip
    found = trial_ranges(graph, {"N": 2, "L": 5})["x"]
    assert (found.low.min(), found.high.max()) == (0, 1)
    certificate = export_verified(archgraph.to_torch(graph), tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


def test_a_product_that_may_not_be_0_has_no_factor_of_0() -> None:
    """1 to 20 of the first, 1 of the other: a row is read by one less."""
    inputs = {name: {"shape": ["N"], "dtype": "int64"} for name in ("x", "y")}
    nodes = {"m": {"op": "mul", "in": ["x", "y"]}, "at": {"op": "sub", "value": 1}, "t": TABLE}
    graph = archgraph.load({"archgraph": 1, "name": "n", "inputs": inputs, "nodes": nodes})
    found = trial_ranges(graph, {"N": 4})
    assert [(int(item.low.min()), int(item.high.max())) for item in found.values()] == [(1, 20), (1, 1)]


# --- masks --------------------------------------------------------------------------------------------------------

MASKS: dict[str, tuple[Nodes, int]] = {
    "counted": ({**COUNTED, "t": TABLE}, 19),
    "moved": ({"same": "identity", "r": {"op": "flip", "dims": [1]}, **COUNTED, "t": TABLE}, 19),
    "inverted": ({"none": "logical_not", **COUNTED, "t": TABLE}, 19),
    "turned into bytes": ({"b": {"op": "to", "dtype": "uint8"}, **COUNTED, "t": TABLE}, 19),
    "added up": ({"s": {"op": "sum", "dim": 1, "keepdim": True}, "t": TABLE}, 19),
    "positions": (POSITIONS, 18),
    "twice": ({**COUNTED, "times": {"op": "mul", "value": 2}, "t": TABLE}, 9),
}


@pytest.mark.parametrize("name", MASKS)
def test_a_text_is_no_longer_than_its_table_where_the_mask_is_true_throughout(name: str, tmp_path: Any) -> None:
    nodes, most = MASKS[name]
    graph = net(nodes, "bool")
    assert longest(graph) == most
    module = archgraph.to_torch(graph)
    for whole in (False, True):
        module(torch.full((2, most), whole))
    with pytest.raises(IndexError, match="out of range"):
        module(torch.full((2, most + 1), name != "inverted"))
    certificate = export_verified(module, tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


def test_a_fixed_text_that_is_too_long_for_its_table() -> None:
    with pytest.raises(ShapeError, match="an index lies outside of the table") as raised:
        net({**COUNTED, "t": TABLE}, "bool", "N", ROWS)
    assert raised.value.problems[0].received == "20, where 'x' is 1 throughout"


def test_a_count_of_nothing_that_is_no_index() -> None:
    """The first token that is none is counted as -1."""
    with pytest.raises(ShapeError, match="an index lies outside of the table") as raised:
        net({**COUNTED, "at": {"op": "sub", "value": 1}, "t": TABLE}, "bool")
    assert raised.value.problems[0].received == "-1, where 'x' is 0 throughout"


def test_a_count_of_nothing_that_is_filled_in_is_accepted(tmp_path: Any) -> None:
    """GPT-2's positions: what is no token has the place of a token."""
    nodes = {
        **COUNTED,
        "at": {"op": "sub", "value": 1},
        "none": {"op": "logical_not", "in": "x"},
        "filled": {"op": "masked_fill", "in": ["at", "none"], "value": 1},
        "t": TABLE,
    }
    assert net(nodes, "bool").nodes


def test_bytes_hold_up_to_255() -> None:
    number = {"n": {"op": "to", "dtype": "int64"}}
    assert net({**number, "t": {**TABLE, "num_embeddings": 256}}, "uint8").nodes
    with pytest.raises(ShapeError, match="an index lies outside of the table") as raised:
        net({**number, "t": {**TABLE, "num_embeddings": 255}}, "uint8")
    assert raised.value.problems[0].received == "255, where 'x' is 255 throughout"


# --- ids that are compared ----------------------------------------------------------------------------------------


def compared(test: str, value: int, rows: int) -> Nodes:
    """The positions of the tokens that are, or are not, a number; the ids are of a table as well."""
    return {
        "is_token": {"op": test, "value": value},
        **POSITIONS,
        "words": {**TABLE, "in": "x", "num_embeddings": rows},
        "y": {"op": "add", "in": ["words", "t"]},
    }


@pytest.mark.parametrize(("test", "value"), [("ne", 1), ("eq", 1), ("ne", 40)])
def test_tokens_are_counted_where_all_may_be_some(test: str, value: int) -> None:
    assert longest(net(compared(test, value, 30), "int64")) == 18


@pytest.mark.parametrize(("test", "value", "rows"), [("eq", 40, 30), ("ne", 0, 1)])
def test_what_no_token_can_be_bounds_nothing(test: str, value: int, rows: int) -> None:
    """No id is 40 in a table of 30 rows, and none is other than 0 in a table of one."""
    assert longest(net(compared(test, value, rows), "int64")) is None


def test_two_tests_of_the_same_ids_are_not_both_met() -> None:
    """Neither 1 nor 2: all of both. Both 1 and 2: never, so the second table need not hold such a count."""
    nodes = {
        "one": {"op": "eq", "value": 1},
        "two": {"op": "eq", "in": "x", "value": 2},
        "both": {"op": "logical_and", "in": ["one", "two"]},
        **COUNTED,
        "t": TABLE,
    }
    assert longest(net(nodes, "int64")) is None


def counted(inputs: int, rows: int, *, masks: bool = False) -> dict[str, Any]:
    """The number of inputs that are 0, but the first one where it is not: at most as many as there are inputs."""
    kind = {"shape": ["N", "L"], "dtype": "bool" if masks else "int64"}
    nodes: dict[str, Any] = {}
    for at in range(inputs):
        test: Any = {"op": "ne" if at == 0 else "eq", "in": f"x{at}", "value": 0}
        turned = {"op": "identity" if at == 0 else "logical_not", "in": f"x{at}"}
        nodes[f"test_{at}"] = turned if masks else test
        nodes[f"one_{at}"] = {"op": "to", "dtype": "int64"}
        if at:
            nodes[f"sum_{at}"] = {"op": "add", "in": ["one_0" if at == 1 else f"sum_{at - 1}", f"one_{at}"]}
    nodes["t"] = {**TABLE, "num_embeddings": rows}
    return {"archgraph": 1, "name": "n", "inputs": {f"x{at}": kind for at in range(inputs)}, "nodes": nodes}


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("inputs", [2, 3, 4, 5, 6, 9])
def test_what_is_accepted_runs_where_one_input_differs_from_the_others(inputs: int, masks: bool) -> None:
    """The worst is the first of one kind and all others of the other kind, however many there are."""
    graph = archgraph.load(counted(inputs, inputs + 1, masks=masks))
    worst = [torch.full((1, 2), at == 0).to(torch.bool if masks else torch.int64) for at in range(inputs)]
    archgraph.to_torch(graph)(*worst)
    with pytest.raises(ShapeError, match="an index lies outside of the table"):
        archgraph.load(counted(inputs, inputs, masks=masks))


def test_tables_that_read_different_inputs_are_looked_at_apart() -> None:
    """Twenty that are compared have a million combinations; each leads to a table of its own, so that two are enough
    for each."""
    values = SupposedValues(
        compared={number: {("eq", 1): None} for number in range(20)},
        together={frozenset({number}): None for number in range(20)},
    )
    found = [*suppositions(values, {number: uniform(0, 9, 2) for number in range(20)})]
    assert [each.held for each in found] == [{number: held} for number in range(20) for held in (0, 1)]
    values.together[frozenset(range(20))] = None
    (whole,) = suppositions(values, {number: uniform(0, 9, 2) for number in range(20)})
    assert whole.is_open


@pytest.mark.parametrize(
    ("test", "most"),
    [
        ({"op": "gt", "value": 0}, 18),
        ({"op": "le", "value": 3}, 18),
        ({"op": "lt", "value": 0}, None),
        ({"op": "ge", "value": 30}, None),
        ({"op": "to", "dtype": "bool"}, 18),
        ({"op": "logical_not"}, 18),
    ],
)
def test_ids_that_are_ordered_or_turned_into_truth_values(test: dict[str, Any], most: int | None) -> None:
    nodes = {
        "is_token": test,
        **POSITIONS,
        "words": {**TABLE, "in": "x", "num_embeddings": 30},
        "y": {"op": "add", "in": ["words", "t"]},
    }
    assert longest(net(nodes, "int64")) == most


FULL: Nodes = {"shape": [1, 4], "dtype": "int64"}
ZEROS, NINES = {"zeros": {"op": "zeros", **FULL}}, {"nines": {"op": "full", "fill_value": 9, **FULL}}
CHOICES: dict[str, Nodes] = {
    "filled": {**ZEROS, "f": {"op": "masked_fill", "in": ["zeros", "x"], "value": 9}},
    "kept": {
        **NINES,
        "no": {"op": "logical_not", "in": "x"},
        "f": {"op": "masked_fill", "in": ["nines", "no"], "value": 1},
    },
    "chosen": {**ZEROS, **NINES, "f": {"op": "where", "in": ["x", "nines", "zeros"]}},
    "or a number": {
        **ZEROS,
        "no": {"op": "logical_not", "in": "x"},
        "f": {"op": "where", "in": ["no", "zeros"], "value": 9},
    },
}


@pytest.mark.parametrize("name", CHOICES)
def test_indices_that_a_mask_chooses(name: str) -> None:
    """9 where the mask is true."""
    module = archgraph.to_torch(net({**CHOICES[name], "t": {**TABLE, "num_embeddings": 10}}, "bool", "N", 4))
    for whole in (False, True):
        module(torch.full((2, 4), whole))
    with pytest.raises(ShapeError, match="an index lies outside of the table") as raised:
        net({**CHOICES[name], "t": {**TABLE, "num_embeddings": 9}}, "bool", "N", 4)
    assert raised.value.problems[0].received == "9, where 'x' is 1 throughout"


@pytest.mark.parametrize(("join", "most"), [("logical_and", 18), ("logical_or", 18), ("logical_xor", 18)])
def test_masks_that_are_joined(join: str, most: int) -> None:
    """A token of a mask whose number is one, too."""
    nodes = {"other": {"op": "ne", "in": "ids", "value": 1}, "both": {"op": join, "in": ["x", "other"]}, **POSITIONS}
    inputs = {"x": {"shape": ["N", "L"], "dtype": "bool"}, "ids": {"shape": ["N", "L"], "dtype": "int64"}}
    assert longest(archgraph.load({"archgraph": 1, "name": "n", "inputs": inputs, "nodes": nodes})) == most


def test_counts_of_many_inputs_are_bounded_together() -> None:
    """Six texts of which any number of tokens may count are in sum no longer than the table of positions."""
    words = {f"x{number}": {"shape": ["N", 8], "dtype": "int64"} for number in range(6)}
    nodes: dict[str, Any] = {}
    for name in words:
        nodes[f"word_{name}"] = {"op": "embedding", "in": name, "num_embeddings": 9, "embedding_dim": 4}
        nodes[f"other_{name}"] = {"op": "ne", "in": name, "value": 1}
        nodes[f"kept_{name}"] = {"op": "to", "in": f"other_{name}", "dtype": "int64"}
        nodes[f"count_{name}"] = {"op": "cumsum", "in": f"kept_{name}", "dim": 1}
    counts = [f"count_{name}" for name in words]
    for place in range(1, 6):
        nodes[f"sum_{place}"] = {"op": "add", "in": [counts[0] if place == 1 else f"sum_{place - 1}", counts[place]]}
    for rows, fits in ((49, True), (48, False)):
        table = {"position": {"op": "embedding", "in": "sum_5", "num_embeddings": rows, "embedding_dim": 4}}
        made = {**nodes, **table, "all": {"op": "concat", "in": ["position", *(f"word_{name}" for name in words)]}}
        spec = {"archgraph": 1, "name": "texts", "inputs": words, "nodes": made}
        if fits:
            archgraph.load(spec)
            continue
        with pytest.raises(ShapeError, match="an index lies outside of the table"):
            archgraph.load(spec)
