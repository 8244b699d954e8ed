"""Reductions, cumulative operations and distances against torch: all rows of a table in one file, in each element type,
at sizes of 1, odd and symbolic, with all of ONNX Runtime's optimisations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from table_graphs import LOW, Applied, edges, near, opened, require_torchs
from torch import Tensor
from torch.nn import functional as F

import archgraph as ag
from archgraph.dims import Dim, Facts, symbol
from archgraph.errors import ArchgraphError
from archgraph.export import export
from archgraph.ops import REGISTRY, Inputs, TensorType, cumulative, make, reduction
from archgraph.ops.contract import DTYPES, FLOAT_TYPES
from archgraph.ops.tables import Row

BOX: tuple[tuple[Dim, ...], ...] = ((symbol("N"), 3, symbol("M")),)
SIZES = ((2, 3, 1), (3, 3, 5))
ROWS = [row for table in (*reduction.TABLES, cumulative.TABLE, cumulative.EXTREMES) for row in table.rows.values()]
SURE_OF_NAN = ("any", "all", "count_nonzero")
"""Reductions of numbers that are no numbers are those of a runtime's kernels, but for these."""


def shown(row: Row) -> Iterator[dict[str, Any]]:
    """The attributes of a row's examples; of what accumulates, each dimension."""
    accumulates = any(row is each for each in ROWS if each.name in (*cumulative.TABLE.rows, *cumulative.EXTREMES.rows))
    yield from ({"dim": dim} for dim in (0, 1, -1)) if accumulates else map(dict, row.examples)


def numbers(dtype: str, shape: tuple[int, ...], seed: int) -> Tensor:
    kind = getattr(torch, dtype)
    if not kind.is_floating_point:
        return edges(dtype, shape, seed)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(kind)


def applied(dtype: str, rows: list[Row]) -> Applied:
    made = Applied(dtype, shapes=BOX)
    for row in rows:
        if dtype in row.types.reads:
            for attributes in shown(row):
                made.show(row.name, attributes, made.inputs)
    return made


@pytest.mark.parametrize("dtype", DTYPES)
def test_reductions_are_torchs(dtype: str, tmp_path: Path) -> None:
    made = applied(dtype, ROWS)
    for name in ("sum", "amax"):
        made.show(name, {"dim": [0, 2]}, made.inputs)
    require_torchs(made.graph(), [[numbers(dtype, shape, i)] for i, shape in enumerate(SIZES)], tmp_path, "cpu")


@pytest.mark.parametrize("dtype", FLOAT_TYPES)
def test_what_asks_about_numbers_is_torchs_of_no_numbers(dtype: str, tmp_path: Path) -> None:
    """And sums of exponentials are those of infinities."""
    made = applied(dtype, [row for row in ROWS if row.name in SURE_OF_NAN])
    require_torchs(made.graph(), [[edges(dtype, shape, i)] for i, shape in enumerate(SIZES)], tmp_path, "portable")
    made = applied(dtype, [row for row in ROWS if "logsumexp" in row.name])
    infinite = torch.tensor([-torch.inf, 300.0, 2.0, -torch.inf, -300, torch.inf]).to(getattr(torch, dtype))
    require_torchs(made.graph(), [[infinite.reshape(1, 3, 2)], [infinite.reshape(2, 3, 1)]], tmp_path, "cuda")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_element_types_are_torchs(row: Row) -> None:
    """Each type is read or refused as torch does, and the results have torch's types and shapes."""
    for attributes in shown(row):
        op = make(REGISTRY[row.name], attributes)
        for dtype in DTYPES:
            values = torch.ones(2, 3, 4, dtype=getattr(torch, dtype))
            found = (
                op.infer(Inputs({"input": TensorType((2, 3, 4), dtype)}), Facts()) if dtype in row.types.reads else ()
            )
            try:
                made = called(row, attributes, values)
            except (RuntimeError, TypeError):
                made = []
            assert [(each.shape, f"torch.{each.dtype}") for each in found] == [
                (tuple(each.shape), str(each.dtype)) for each in made
            ], (attributes, dtype)


def called(row: Row, attributes: dict[str, Any], values: Tensor) -> list[Tensor]:
    function = torch.linalg.vector_norm if row.name == "vector_norm" else getattr(torch, row.name)
    found = function(values, **attributes)
    if row.name == "median":
        return [found if isinstance(found, Tensor) else found[0]]
    return [found] if isinstance(found, Tensor) else list(found)


DISTANCES: list[tuple[str, dict[str, Any]]] = [
    *(("normalize", {"p": p, "dim": dim}) for p, dim in ((2.0, 1), (1.0, -1), (3.0, 0), (float("inf"), 1))),
    *(("cosine_similarity", {"dim": dim}) for dim in (1, -1, 0)),
    *(("pairwise_distance", {"p": p, "keepdim": p == 1}) for p in (2.0, 1.0, 0.5, float("inf"))),
    *(("cdist", {"p": p}) for p in (2.0, 1.0, 0.0, 3.0, float("inf"))),
]


@pytest.mark.parametrize("dtype", FLOAT_TYPES)
def test_distances_are_torchs(dtype: str, tmp_path: Path) -> None:
    """Of vectors of which the second ones are broadcast, at sizes that are known and free, few and many."""
    for free in (True, False):
        n, m = (symbol("N"), symbol("M")) if free else (2, 5)
        made = Applied(dtype, dtype, shapes=((n, 3, m), (3, m)))
        for name, attributes in DISTANCES:
            if name != "cdist" or dtype in ("float32", "float64"):
                made.show(name, attributes, made.inputs[: len(REGISTRY[name].ports)])
        values = [[numbers(dtype, (2, 3, 5), 1), numbers(dtype, (3, 5), 2)]]
        require_torchs(made.graph(), values, tmp_path, "cpu")


def test_many_rows_are_multiplied(tmp_path: Path) -> None:
    """As torch does, rather than to hold a difference for each pair."""
    made = Applied("float32", "float32", shapes=((2, symbol("N"), 4), (30, 4)))
    made.show("cdist", {}, made.inputs)
    require_torchs(made.graph(), [[numbers("float32", (2, 3, 4), 1), numbers("float32", (30, 4), 2)]], tmp_path, "cpu")
    kinds = [node.op_type for node in onnx.load(tmp_path / "it.onnx").graph.node]
    assert "MatMul" in kinds
    assert "Abs" not in kinds


@pytest.mark.parametrize(
    ("name", "attributes", "shape"),
    [
        ("prod", {"keepdim": True}, (2, 3)),
        ("logsumexp", {"dim": []}, (2, 3)),
        ("logsumexp", {}, (2, 3)),
        ("var", {"dim": [0, 0]}, (2, 3)),
        ("max", {"dim": 2}, (2, 3)),
        ("max", {"keepdim": True}, (2, 3)),
        ("argmin", {"dim": -3}, (2, 3)),
        ("cumsum", {}, (2, 3)),
        ("cumprod", {"dim": 2}, (2, 3)),
        ("normalize", {}, (3,)),
    ],
)
def test_what_torch_refuses_is_refused(name: str, attributes: dict[str, Any], shape: tuple[int, ...]) -> None:
    function: Callable[..., Any] = getattr(F, name, None) or getattr(torch, name)
    with pytest.raises((RuntimeError, TypeError, IndexError)):
        function(torch.ones(shape), **attributes)
    with pytest.raises(ArchgraphError):
        make(REGISTRY[name], attributes).infer(Inputs({"input": TensorType(shape)}), Facts())


def test_reductions_are_standard_onnx(tmp_path: Path) -> None:
    """The checker admits the file, and onnx's reference evaluator, without any runtime, gives what torch gives."""
    graph = applied("float32", ROWS).graph()
    export(graph, {}, tmp_path / "it.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "it.onnx"), full_check=True)
    given = numbers("float32", (3, 3, 5), 4)
    found = ReferenceEvaluator(str(tmp_path / "it.onnx")).run(None, {"x": given.numpy()})
    pairs = zip(graph.outputs, found, ag.to_torch(graph).eval()(given), strict=True)
    assert not [name for name, ours, torchs in pairs if not near(ours, torchs.numpy(), torch.float32)]


@pytest.mark.parametrize("dtype", LOW)
def test_reductions_in_a_low_type_are_verified(dtype: str, tmp_path: Path) -> None:
    made = Applied("float32", shapes=((symbol("N"), 3, 4),))
    for row in ROWS:
        if "float32" in row.types.reads:
            made.show(row.name, next(shown(row)), made.inputs)
    found = ag.to_onnx(made.graph(), tmp_path / "it.onnx", dtype=dtype)
    assert found.certificate is not None
    assert found.certificate.equal


@pytest.mark.parametrize("text", ["y = ReduceMax (x)", "k = Constant <value_ints = [1]> () y, i = TopK (x, k)"])
def test_what_is_no_number_is_lost_in_a_maximum(text: str) -> None:
    """The smallest files in which ONNX Runtime passes over NaN, which is the largest of all for torch. Once it does
    not, extreme values, medians and orders are torch's with NaN too."""
    model = f'<ir_version: 8, opset_import: ["": 18]> g (float[N] x) => (float[M] y) {{ {text} }}'
    session = opened(onnx.parser.parse_model(model).SerializeToString())
    given = torch.tensor([1, torch.nan, 3.0])
    (found,) = session.run(None, {"x": given.numpy()})
    assert given.max().isnan()
    assert not torch.from_numpy(found).isnan().any()


def test_kernels_of_truth_values_are_missing() -> None:
    """Reductions of bytes and truth values are computed in int32: ONNX has none of truth values in this opset."""
    text = '<ir_version: 8, opset_import: ["": 18]> g (bool[N] x) => (bool[M] y) { y = ReduceMax (x) }'
    with pytest.raises(onnx.shape_inference.InferenceError):
        onnx.checker.check_model(onnx.parser.parse_model(text), full_check=True)
