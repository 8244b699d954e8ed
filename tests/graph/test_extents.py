"""Indices whose extents tell that they lie within: held against torch's numbers, and against the whole analysis."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import archgraph
from archgraph.errors import ArchgraphError
from archgraph.graph import index_tables
from archgraph.graph.direct_indices import direct_indices
from archgraph.graph.extents import ValueExtent, extents
from archgraph.graph.index_ranges import input_ranges
from archgraph.graph.index_tables import index_ranges
from archgraph.graph.types import Graph, Node, Value
from archgraph.language.elaboration import finish

Nodes = dict[str, Any]

P: Nodes = {"p": {"op": "constant", "value": [[3, -7, 2], [0, 5, -1]]}}
Q: Nodes = {"q": {"op": "constant", "value": [[-2, 4, 1], [6, -3, 2]]}}
PLACES: Nodes = {"places": {"op": "constant", "value": [[1, 0, 1]]}}
ROWS: Nodes = {"row": {"op": "constant", "value": [0, 2, 4]}, "which": {"op": "constant", "value": [2, 0]}}
MASK: Nodes = {"mask": {"op": "gt", "in": "p", "value": 1}}


def one(op: str, *read: str, **attributes: Any) -> Nodes:
    """`at`, and what it reads of the values above, by default `p`."""
    known = {**P, **Q, **MASK, **PLACES, **ROWS}
    names = read or ("p",)
    base = P if "mask" in names else {}
    return {**base, **{name: known[name] for name in names}, "at": {"op": op, "in": [*names], **attributes}}


ALL_NUMBERS: dict[str, Nodes] = {
    "counted": {"at": {"op": "arange", "end": 7}},
    "counted in steps": {"at": {"op": "arange", "start": -3, "end": 9, "step": 5}},
    "counted down": {"at": {"op": "arange", "start": 7, "end": -2, "step": -3}},
    "written": {"at": P["p"]},
    "buffer": {"at": {"op": "buffer", "shape": [2, 3], "init": "arange", "dtype": "int64"}},
    "buffer of a number": {"at": {"op": "buffer", "shape": [2], "init": 4, "dtype": "int64"}},
    "full": {"at": {"op": "full", "shape": [2], "fill_value": 5, "dtype": "int64"}},
    "ones like": one("ones_like"),
    "stored": {**P, "stored": {"op": "register_buffer", "in": "p"}, "at": {"op": "flatten", "start_dim": 0}},
    "reshape": one("reshape", shape=[3, 2]),
    "unsqueeze": one("unsqueeze", dim=1),
    "permute": one("permute", dims=[1, 0]),
    "transpose": one("transpose", dim0=0, dim1=1),
    "roll": one("roll", shifts=1, dims=1),
    "expand": one("expand", shape=[4, -1, -1]),
    "plus a number": one("add", value=-4),
    "minus a number": one("sub", value=-4),
}
"""Whose ends all occur."""
SOME_NUMBERS: dict[str, Nodes] = {
    "times 0": one("mul", value=0),
    "slice": one("slice", dim=1, start=1),
    "select": one("select", dim=0, index=1),
    "concat": one("concat", "p", "q", dim=0),
    "stack": one("stack", "p", "q", dim=0),
    "flip": one("flip", dims=[1]),
    "sum": one("add", "p", "q"),
    "difference": one("sub", "p", "q"),
    "product": one("mul", "p", "q"),
    "negative multiple": one("mul", value=-3),
    "halves": one("div", value=2, rounding_mode="floor"),
    "halves towards 0": one("div", value=2, rounding_mode="trunc"),
    "floor_divide": one("floor_divide", value=3),
    "maximum": one("maximum", "p", "q"),
    "minimum": one("minimum", "p", "q"),
    "at least": one("clamp", min=-2),
    "at most": one("clamp", max=2),
    "between": one("clamp", min=-2, max=2),
    "abs": one("abs"),
    "neg": one("neg"),
    "sign": one("sign"),
    "where": one("where", "mask", "p", "q"),
    "where or a number": one("where", "mask", "p", value=9),
    "masked_fill": one("masked_fill", "p", "mask", value=-9),
    "pad": one("pad", pad=[1, 2], value=8),
    "truth values": one("to", "mask", dtype="int64"),
    "a multiple of truth values": one("mul", "mask", value=16),
    "one_hot": one("one_hot", "places", num_classes=2),
    "argmax": one("argmax", dim=1),
    "argmin of all": one("argmin"),
    "argsort": one("argsort", dim=1),
    "bucketize": one("bucketize", "p", "row"),
    "take_along_dim": one("take_along_dim", "p", "places", dim=0),
    "index_select": one("index_select", "p", "which", dim=1),
}
PARTS: dict[str, Nodes] = {
    "topk": {**P, "parts": {"op": "topk", "in": "p", "k": 2}, "at": {"op": "identity", "in": "parts.indices"}},
    "sort": {**P, "parts": {"op": "sort", "in": "p", "dim": 0}, "at": {"op": "identity", "in": "parts.indices"}},
    "cummax": {**P, "parts": {"op": "cummax", "in": "p", "dim": 1}, "at": {"op": "identity", "in": "parts.indices"}},
    "max": {**P, "parts": {"op": "max", "in": "p", "dim": 1}, "at": {"op": "identity", "in": "parts.indices"}},
    "chunk": {**P, "parts": {"op": "chunk", "in": "p", "chunks": 3, "dim": 1}, "at": {"op": "abs", "in": "parts.1"}},
}


def found_in(nodes: Nodes) -> tuple[ValueExtent, torch.Tensor]:
    """The extent of `at`, and its numbers as torch computes them."""
    order = sorted(nodes, key=lambda name: name == "at")
    spec = {"inputs": {"x": ["N"]}, "nodes": {"y": {"op": "relu", "in": "x"}, **{name: nodes[name] for name in order}}}
    graph = archgraph.load({"archgraph": 1, "name": "n", **spec, "outputs": {"at": "at", "y": "y"}})
    known: dict[Value, ValueExtent] = {}
    for item in graph.items:
        assert isinstance(item, Node)
        known.update(extents(item, known))
    return known[graph.outputs["at"]], archgraph.to_torch(graph)(torch.ones(2))[0]


@pytest.mark.parametrize("name", ALL_NUMBERS)
def test_both_ends_are_the_least_and_the_largest_number(name: str) -> None:
    found, numbers = found_in(ALL_NUMBERS[name])
    assert (found.low, found.high) == (numbers.min().item(), numbers.max().item())
    assert found.attained


@pytest.mark.parametrize("name", [*SOME_NUMBERS, *PARTS])
def test_all_numbers_lie_within(name: str) -> None:
    found, numbers = found_in({**SOME_NUMBERS, **PARTS}[name])
    assert isinstance(found.low, int)
    assert isinstance(found.high, int)
    assert found.low <= numbers.min().item()
    assert numbers.max().item() <= found.high
    assert not found.attained


def test_of_an_input_nothing_is_known() -> None:
    """It is followed back by the analysis, which tells the range that its tables leave."""
    numbers = {"shape": ["N"], "dtype": "int64"}
    nodes = {"far": {"op": "abs"}, "near": {"op": "clamp", "min": 0, "max": 3}, "both": {"op": "add", "value": 2}}
    graph = archgraph.load({"archgraph": 1, "name": "n", "inputs": {"x": numbers}, "nodes": nodes})
    assert not [*extents(graph.items[0], {})]  # type: ignore[arg-type]
    assert not [*extents(graph.items[1], {})]  # type: ignore[arg-type]


# --- against the analysis ---------------------------------------------------------------------------------------------


def table(rows: int, **more: Any) -> dict[str, Any]:
    return {"op": "embedding", "num_embeddings": rows, "embedding_dim": 4, **more}


def with_words(nodes: Nodes) -> dict[str, Any]:
    ids = {"shape": ["N", "L"], "dtype": "int64"}
    read = [name for name in ("words", "t", "u", "bias") if name in {"words", *nodes}]
    return {"archgraph": 1, "name": "n", "inputs": {"x": ids}, "nodes": {"words": table(9), **nodes}, "outputs": read}


COUNT: Nodes = {"at": {"op": "arange", "end": "=L"}}
BUCKETS: Nodes = {**COUNT, "bucket": {"op": "relative_buckets", "in": "at"}}
SCORES: Nodes = {"best": {"op": "argmax", "in": "words", "dim": 2}}
NETWORKS: dict[str, tuple[Nodes, bool]] = {
    "positions": ({**COUNT, "t": table(5)}, True),
    "positions behind others": ({**COUNT, "later": {"op": "add", "value": 2}, "t": table(5)}, True),
    "positions before others": ({**COUNT, "b": {"op": "sub", "value": 1}, "t": table(5)}, False),
    "every third position": ({**COUNT, "third": {"op": "mul", "value": 3}, "t": table(8)}, True),
    "positions twice": ({**COUNT, "t": table(5, **{"in": "at"}), "u": table(4, **{"in": "at"})}, True),
    "no row for the first": ({**COUNT, "later": {"op": "add", "value": 6}, "t": table(5)}, False),
    "positions of two rows": ({**COUNT, "b": {"op": "reshape", "shape": [1, "=L"]}, "t": table(5)}, True),
    "shifted positions": (
        {
            **COUNT,
            "rolled": {"op": "roll", "in": "at", "shifts": 1, "dims": 0},
            "many": {"op": "gt", "in": "at", "value": 3},
            "order": {"op": "where", "in": ["many", "rolled", "at"]},
            "t": {"op": "index_select", "in": ["words", "order"], "dim": 1},
        },
        True,
    ),
    "some of the positions": ({**COUNT, "s": {"op": "slice", "dim": 0, "start": 1}, "t": table(5)}, False),
    "constant": ({"at": {"op": "constant", "value": [1, 4]}, "t": table(5)}, True),
    "constant beyond": ({"at": {"op": "constant", "value": [1, 5]}, "t": table(5)}, False),
    "constant below": ({"at": {"op": "constant", "value": [1, -1]}, "t": table(5)}, False),
    "window": ({"bias": {"op": "relative_position_bias", "heads": 2, "window": 3}}, True),
    "buckets": ({**BUCKETS, "t": table(32)}, True),
    "too few for buckets": ({**BUCKETS, "t": table(31)}, False),
    "chosen": ({**SCORES, "t": table(4)}, True),
    "chosen of more": ({**SCORES, "t": table(3)}, False),
    "computed of ids": ({"at": {"op": "mul", "in": "x", "value": 2}, "t": table(5)}, False),
    "a place in a sequence": (
        {
            "end": {"op": "argmax", "in": "x", "dim": 1, "keepdim": True},
            "place": {"op": "unsqueeze", "dim": 2},
            "wide": {"op": "expand", "shape": [-1, -1, 4]},
            "t": {"op": "take_along_dim", "in": ["words", "wide"], "dim": 1},
        },
        True,
    ),
}


def told(spec: Any) -> tuple[Any, ...]:
    """What a check says of indices: sizes and ranges with their reasons, or the error."""
    try:
        graph = archgraph.load(spec)
    except ArchgraphError as error:
        return (str(error),)
    return [rule.to_json() for rule in graph.constraints], told_of_inputs(graph)


def told_of_inputs(graph: Graph) -> list[Any]:
    return [(str(each), each.to_json(), each.causes) for each in index_ranges(graph).values()]


def followed(spec: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """The same, where all indices are followed through the network."""
    with monkeypatch.context() as patch:
        for module in (finish, index_tables):
            patch.setattr(module, "direct_indices", lambda graph: None)
        return told(spec)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_is_told_as_by_following_all_indices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And where the extents do not tell, or tell of an error, all are followed."""
    nodes, direct = NETWORKS[name]
    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(finish, "direct_indices", lambda graph: seen.append(direct_indices(graph)) or seen[0])
        found = told(with_words(nodes))
    assert (seen[0] is not None) == direct
    assert found == followed(with_words(nodes), monkeypatch)


@pytest.mark.parametrize(
    "name",
    ["swin@swin_t", "swin_v2@swin_v2_t", "swin3d@swin3d_t", "mvit@mvit_v2_s", "tiny_vit@tiny_vit_5m_224", "maxvit_t"],
)
def test_published_tables_of_relative_positions_are_read_within_their_rows(name: str) -> None:
    """No array of numpy is made for them."""
    graph = archgraph.load(name)
    found = direct_indices(graph)
    assert found is not None
    assert found.ranges() == input_ranges(graph) == {}
