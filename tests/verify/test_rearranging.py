"""What rearranges values against torch: in each element type, at sizes of 1, odd and symbolic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from table_graphs import Applied, require_torchs

import archgraph as ag
from archgraph.dims import symbol
from archgraph.errors import ArchgraphError
from archgraph.graph.index_tables import index_ranges
from archgraph.ops.contract import DTYPES

N, M = symbol("N"), symbol("M")
SHAPES = ((N, 3, M), (N, 3, M), (M,), (M, M), (N,))
APPLIED: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    *(("stack", {"dim": dim}, (0, 1)) for dim in (0, 2, -1)),
    *(("unbind", {"dim": dim}, (0,)) for dim in (1, -2)),
    ("tile", {"dims": [2, 1]}, (0,)),
    ("tile", {"dims": [M, 1, 1, 3]}, (0,)),
    ("repeat", {"repeats": [2, 1, 3]}, (0,)),
    ("repeat", {"repeats": [2, 1, M, 3]}, (0,)),
    *(("repeat_interleave", {"repeats": 2, "dim": dim}, (0,)) for dim in (None, 0, 1, -1)),
    *(("flip", {"dims": dims}, (0,)) for dims in ([0], [1, -1], [])),
    *(("meshgrid", {"indexing": indexing}, (2, 4)) for indexing in ("ij", "xy")),
    ("meshgrid", {}, (2,)),
    *((name, {"diagonal": k}, (0,)) for name in ("tril", "triu") for k in (0, -1, 2)),
    ("diagonal", {}, (3,)),
    ("diagonal", {"dim1": 1, "dim2": 0}, (5,)),
    *(("diagonal", {"offset": k, "dim1": -1, "dim2": 1}, (6,)) for k in (-2, 0, 1)),
    ("diag_embed", {}, (0,)),
    *(("diag_embed", {"offset": k, "dim1": 0, "dim2": -2}, (0,)) for k in (-2, 1)),
    ("movedim", {"source": 0, "destination": -1}, (0,)),
    ("movedim", {"source": [0, 1], "destination": [2, 0]}, (0,)),
    ("unflatten", {"dim": 1, "sizes": [3, -1]}, (0,)),
    ("unflatten", {"dim": -1, "sizes": [1, M, 1]}, (0,)),
    ("broadcast_tensors", {}, (0, 2)),
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_rearranged_is_torchs(dtype: str, tmp_path: Path) -> None:
    shapes = (*SHAPES, (M, M, 2), (2, 3, 4))
    made = Applied(*(dtype,) * len(shapes), shapes=shapes)
    for name, attributes, places in APPLIED:
        made.show(name, attributes, [made.inputs[place] for place in places])
    given = []
    for n, m in ((1, 1), (2, 5)):
        sizes = [tuple({N: n, M: m}.get(size, size) for size in shape) for shape in shapes]
        given.append([torch.randint(0, 9, shape).to(getattr(torch, dtype)) for shape in sizes])
    require_torchs(made.graph(), given, tmp_path, "cpu")


def test_a_diagonal_of_unknown_length_is_refused() -> None:
    """[N, M] has min(N, M) places on its diagonal, which is no size of the language."""
    for shape, fits in ((["N", "M"], False), (["N", "N"], True), (["N", 1], True)):
        spec = {"archgraph": 1, "name": "n", "inputs": {"x": shape}, "nodes": {"d": "diagonal"}}
        if fits:
            ag.load(spec)
        else:
            with pytest.raises(ArchgraphError, match="the smaller of N and M"):
                ag.load(spec)


def test_values_that_are_found_are_named_by_numbers() -> None:
    """As many as there are: no attribute counts them."""
    nodes = {
        "parts": {"op": "unbind", "dim": 1},
        "grid": {"op": "meshgrid", "in": ["a", "b"]},
        "out": {"op": "add", "in": ["parts.0", "parts.2"]},
    }
    graph = ag.load(
        {
            "archgraph": 1,
            "name": "n",
            "inputs": {"x": ["N", 3, 4], "a": ["A"], "b": ["B"]},
            "nodes": nodes,
            "outputs": {"out": "out", "rows": "grid.1"},
        }
    )
    assert [str(value.type) for value in graph.outputs.values()] == ["[N, 4]", "[A, B]"]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"op": "stack", "in": ["ids", "ids"], "dim": 1}, "0 to 6"),
        ({"op": "flip", "dims": 0}, "0 to 6"),
        ({"op": "repeat_interleave", "repeats": 2}, "0 to 6"),
        ({"op": "tile", "dims": [2, 2]}, "0 to 6"),
    ],
)
def test_indices_that_are_rearranged_stay_indices(node: dict[str, Any], expected: str) -> None:
    inputs = {"ids": {"shape": ["N"], "dtype": "int64"}}
    nodes = {"moved": node, "words": {"op": "embedding", "num_embeddings": 7, "embedding_dim": 2}}
    graph = ag.load({"archgraph": 1, "name": "n", "inputs": inputs, "nodes": nodes})
    assert {name: each.text for name, each in index_ranges(graph).items()} == {"ids": expected}
