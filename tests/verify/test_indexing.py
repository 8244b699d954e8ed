"""Reading, writing, choosing and sorting against torch: random shapes and indices in each element type, what torch
refuses, and the whole numbers that a file lets in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from operation_tests import single
from table_graphs import LOW, Applied, edges, require_torchs
from torch import Tensor
from torch.nn import functional as F

import archgraph as ag
from archgraph.dims import symbol
from archgraph.errors import ArchgraphError, InputError
from archgraph.graph.index_tables import index_ranges
from archgraph.ops import REGISTRY, TensorType, make
from archgraph.ops.contract import DTYPES, NUMBER_TYPES
from archgraph.runtime import Session

N, M = symbol("N"), symbol("M")


def distinct(dtype: str, shape: tuple[int, ...]) -> Tensor:
    """Numbers of which no two are equal, in no order; truth values, of which there are two."""
    count = int(np.prod(shape))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(count))
    return (
        (order % 2 if dtype == "bool" else order - (0 if dtype == "uint8" else 7))
        .to(getattr(torch, dtype))
        .reshape(shape)
    )


def places(shape: tuple[int, ...], count: int, dtype: str = "int64") -> Tensor:
    drawn = torch.randint(0, count, shape, generator=torch.Generator().manual_seed(count))
    return drawn.to(getattr(torch, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_read_and_written_is_torchs(dtype: str, tmp_path: Path) -> None:
    """At free sizes; the input is [N, M, 3]. Written places are distinct, since torch leaves the others open."""
    made = Applied(dtype, "int64", "int32", "int64", dtype, shapes=((N, M, 3), (N, 2, 3), (4,), (2, 1), (N, 2, 3)))
    x, index, row, table, source = made.inputs
    long = made.cast(row, "int64", "long")
    for dim in (0, 1, -1):
        made.show("index_select", {"dim": dim}, [x, row])
        made.show("index", {"dim": dim}, [x, table])
    made.show("gather", {"dim": 1}, [x, index])
    made.show("gather", {"dim": 1}, [x, made.cast(index, "int32", "short")])
    one = made.build.apply("one", make(REGISTRY["unsqueeze"], {"dim": [0, -1]}), long).output
    made.show("take_along_dim", {"dim": 1}, [x, one])
    if dtype != "bool":
        for reduce in ("sum", "amin", "amax", "prod"):
            made.show("scatter_reduce", {"dim": 1, "reduce": reduce}, [x, index, source])
        made.show("scatter_add", {"dim": 1}, [x, index, source])
    top = made.build.apply("top", make(REGISTRY["slice"], {"dim": 1, "end": 1}), index).output
    made.show("scatter", {"dim": 1}, [x, top, source])
    made.show("scatter", {"dim": -2, "value": 1}, [x, index])
    given = []
    for n, m in ((1, 2), (3, 5)):
        shapes = ((n, m, 3), (n, 2, 3), (4,), (2, 1), (n, 2, 3))
        kinds = [
            distinct(dtype, shapes[0]),
            *(places(each, min(n, m)) for each in shapes[1:4]),
            distinct(dtype, shapes[4]),
        ]
        kinds[2] = kinds[2].to(torch.int32)
        given.append(kinds)
    require_torchs(made.graph(), given, tmp_path, "cpu")


@pytest.mark.parametrize("dtype", NUMBER_TYPES)
def test_slices_added_and_copied_are_torchs(dtype: str, tmp_path: Path) -> None:
    made = Applied(dtype, "int64", dtype, "int64", shapes=((M, 4), (N,), (N, 4), (N, 2)))
    x, index, source, classes = made.inputs
    turned, sources = (
        made.build.apply(name, make(REGISTRY["transpose"], {"dim0": 0, "dim1": 1}), each).output
        for name, each in (("turned", x), ("sources", source))
    )
    made.show("index_add", {"dim": 0}, [x, index, source])
    made.show("index_add", {"dim": -1, "alpha": 2}, [turned, index, sources])
    made.show("index_copy", {"dim": 0}, [x, index, source])
    made.show("index_copy", {"dim": 1}, [turned, index, sources])
    made.show("one_hot", {"num_classes": 5}, [classes])
    given = [
        [distinct(dtype, (m, 4)), torch.arange(n).flip(0), distinct(dtype, (n, 4)), places((n, 2), 5)]
        for m, n in ((1, 1), (5, 3))
    ]
    require_torchs(made.graph(), given, tmp_path, "portable")


@pytest.mark.parametrize("dtype", DTYPES)
def test_orders_are_torchs(dtype: str, tmp_path: Path) -> None:
    """Of equal values too, where torch's order is stable."""
    made = Applied(dtype, shapes=((N, 5, M),))
    for dim in (0, 1, -1):
        for descending in (False, True):
            made.show("sort", {"dim": dim, "descending": descending, "stable": True}, made.inputs)
            made.show("argsort", {"dim": dim, "descending": descending, "stable": True}, made.inputs)
    equal = [edges(dtype, shape, 3) for shape in ((2, 5, 1), (1, 5, 3))]
    given = [[x.nan_to_num(0.25)] if x.is_floating_point() else [x] for x in equal]
    require_torchs(made.graph(), given, tmp_path, "cpu")


@pytest.mark.parametrize("dtype", NUMBER_TYPES)
def test_what_is_chosen_and_found_is_torchs(dtype: str, tmp_path: Path) -> None:
    made = Applied(dtype, dtype, shapes=((N, 5), (N, M)))
    x, row = made.inputs
    for k, largest in ((1, True), (3, True), (5, False)):
        made.show("topk", {"k": k, "largest": largest}, [x])
    first = made.build.apply("first", make(REGISTRY["select"], {"dim": 0, "index": 0}), row).output
    for right in (False, True):
        made.show("searchsorted", {"right": right, "out_int32": right}, [row, x])
        made.show("searchsorted", {"right": right}, [first, x])
        made.show("bucketize", {"right": right}, [x, first])
    given = [[distinct(dtype, (n, 5)), distinct(dtype, (n, m)).sort(1).values] for n, m in ((1, 1), (3, 4))]
    require_torchs(made.graph(), given, tmp_path, "cuda")


def test_what_is_no_number_is_beyond_all_others(tmp_path: Path) -> None:
    made = Applied("float32", "float32", shapes=((N, 5), (M,)))
    for right in (False, True):
        made.show("bucketize", {"right": right}, made.inputs)
    given = [torch.tensor([[2.0, torch.nan, 0, torch.inf, -torch.inf]]), torch.tensor([0.0, 1, torch.inf])]
    require_torchs(made.graph(), [given], tmp_path, "portable")


WITH_AN_INDEX = "gather take_along_dim index_select index scatter scatter_add index_add index_copy".split()  # noqa: SIM905


def drawn_index(rng: Random) -> tuple[str, dict[str, Any], dict[str, TensorType]]:
    """An application of what takes an index, its sizes and types wrong now and then."""
    rank = rng.randint(1, 3)
    shape = tuple(rng.randint(1, 3) for _ in range(rank))
    name = rng.choice(
        ["gather", "take_along_dim", "index_select", "index", "scatter", "scatter_add", "index_add", "index_copy"]
    )
    dim = rng.randint(-rank, rank - 1) if rng.random() < 0.9 else rank
    same = tuple(rng.choice([size, size, 1, 3]) for size in shape)
    line = (rng.randint(1, 3),)
    index = line if name.startswith("index_") or rng.random() < 0.1 else same
    kinds = {"input": TensorType(shape), "index": TensorType(index, rng.choice(["int64", "int64", "int32"]))}
    if name == "take_along_dim":
        kinds["indices"] = kinds.pop("index")
    if name.startswith("scatter"):
        kinds["src"] = TensorType(
            tuple(rng.choice([size, 3]) for size in same), rng.choice(["float32"] * 9 + ["float64"])
        )
    if name in ("index_add", "index_copy"):
        sizes = list(shape)
        sizes[dim % rank] = index[0] if rng.random() < 0.9 else 4
        kinds["source"] = TensorType(tuple(sizes))
    return name, {"dim": dim}, kinds


def test_random_applications_agree_with_torch() -> None:
    accepted = 0
    for seed in range(400):
        name, attributes, kinds = drawn_index(Random(seed))
        tensors = [torch.zeros(kind.shape, dtype=getattr(torch, kind.dtype)) for kind in kinds.values()]
        ours = outcome(lambda: single(make(REGISTRY[name], attributes), kinds).outputs["y0"].shape)  # noqa: B023
        torchs = outcome(lambda: called(name, attributes["dim"], tensors).shape)  # noqa: B023
        assert ours == torchs, (name, attributes, kinds)
        accepted += ours is not None
    assert accepted > 200


def called(name: str, dim: int, tensors: list[Tensor]) -> Tensor:
    x, index, *others = tensors
    if name == "index":
        if not -x.ndim <= dim < x.ndim:
            raise IndexError(dim)
        return x[(slice(None),) * (dim % x.ndim) + (index,)]
    if name == "take_along_dim":
        return torch.take_along_dim(x, index, dim)
    return getattr(x, name)(dim, index, *others)  # type: ignore[no-any-return]


def outcome(compute: Callable[[], Any]) -> tuple[int, ...] | None:
    try:
        return tuple(compute())
    except (ArchgraphError, RuntimeError, IndexError):
        return None


WITH_INDEX = """
archgraph: 1
name: chosen
inputs: {x: [N, A, 4], index: {shape: [N, K, 4], dtype: int64}, row: {shape: [L], dtype: int64}}
nodes:
  chosen: {op: gather, in: [x, index], dim: 1}
  taken:  {op: index, in: [x, row], dim: -1}
outputs: [chosen, taken]
"""


def test_ranges_of_indices_are_those_of_the_dimension(tmp_path: Path) -> None:
    """A gather takes no negative numbers, an index does; a session refuses the others."""
    (tmp_path / "chosen.yaml").write_text(WITH_INDEX)
    graph = ag.load(tmp_path / "chosen.yaml")
    ranges = {name: each.text for name, each in index_ranges(graph).items()}
    assert ranges == {"index": "0 to A - 1", "row": "-4 to 3"}
    ag.to_onnx(graph, tmp_path / "chosen.onnx")
    x, index, row = np.zeros((1, 5, 4), np.float32), np.full((1, 2, 4), 4), np.array([-4, 3])
    with Session(tmp_path / "chosen.onnx", "cpu") as session:
        session.run(x=x, index=index, row=row)
        with pytest.raises(InputError, match="'index' has a number out of range"):
            session.run(x=x, index=index + 1, row=row)
        with pytest.raises(InputError, match="'row' has a number out of range"):
            session.run(x=x, index=index, row=row - 1)


def test_indices_that_are_counted_narrow_the_size() -> None:
    """Positions 0 to 4 of a dimension demand that it has five; of four there are too many."""
    nodes = {"row": {"op": "arange", "end": 5}, "y": {"op": "index_select", "in": ["x", "row"], "dim": 1}}
    graph = ag.load({"archgraph": 1, "name": "counted", "inputs": {"x": ["N", "M"]}, "nodes": nodes})
    assert [str(rule.symbol) for rule in graph.constraints if rule.minimum == 5] == ["M"]
    with pytest.raises(ArchgraphError, match="an index lies outside of what index_select reads"):
        ag.load({"archgraph": 1, "name": "counted", "inputs": {"x": ["N", 4]}, "nodes": nodes})


def test_indices_that_hold_one_number_are_refused_as_by_torch() -> None:
    """Whatever is read for their shape."""
    for number in (4, 5):
        nodes = {
            "row": {"op": "full_like", "in": "x", "fill_value": number, "dtype": "int64"},
            "y": {"op": "embedding", "in": "row", "num_embeddings": 5, "embedding_dim": 1},
        }
        spec = {"archgraph": 1, "name": "filled", "inputs": {"x": ["N", 3]}, "nodes": nodes}
        rows = torch.full_like(torch.ones(2, 3), number, dtype=torch.int64)
        try:
            F.embedding(rows, torch.ones(5, 1))
        except IndexError:
            with pytest.raises(ArchgraphError, match="an index lies outside of the table"):
                ag.load(spec)
        else:
            ag.load(spec)


def test_places_of_extreme_values_fit_their_table(tmp_path: Path) -> None:
    """The largest of 6 logits is a row of a table of 6, whatever the input holds: nothing is left to refuse."""
    made = Applied("float32", "int64", shapes=((N, 6), (N,)))
    best = made.build.apply("best", make(REGISTRY["argmax"], {"dim": 1}), made.inputs[0]).output
    row = make(REGISTRY["embedding"], {"num_embeddings": 6, "embedding_dim": 2})
    made.outputs["row"] = made.build.apply("row", row, best).output
    made.outputs["bag"] = made.build.apply(
        "bag",
        make(REGISTRY["embedding_bag"], {"num_embeddings": 9, "embedding_dim": 2}),
        made.build.apply("pair", make(REGISTRY["unsqueeze"], {"dim": 1}), made.inputs[1]).output,
    ).output
    graph = made.graph()
    assert {name: each.text for name, each in index_ranges(graph).items()} == {"y": "0 to 8"}
    assert ag.to_onnx(graph, tmp_path / "it.onnx").certificate.equal  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", LOW)
def test_what_takes_an_index_is_verified_in_a_low_type(dtype: str, tmp_path: Path) -> None:
    made = Applied("float32", "int64", "float32", shapes=((N, 4), (3, 4), (3, 4)))
    x, index, source = made.inputs
    for name in ("gather", "scatter_add"):
        made.show(name, {"dim": 0}, [x, index, source][: 2 + (name == "scatter_add")])
    made.show("topk", {"k": 2, "dim": -1}, [x])
    found = ag.to_onnx(made.graph(), tmp_path / "it.onnx", dtype=dtype)
    assert found.certificate is not None
    assert found.certificate.equal
    onnx.checker.check_model(str(tmp_path / "it.onnx"), full_check=True)
