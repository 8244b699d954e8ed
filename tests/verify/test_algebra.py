"""Products against torch: in each element type, at sizes of 1, odd and symbolic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from table_graphs import LOW, Applied, require_torchs
from torch import Tensor

import archgraph as ag
from archgraph.dims import symbol
from archgraph.errors import ArchgraphError
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, make
from archgraph.ops.contract import DTYPES, NUMBER_TYPES

N, M = symbol("N"), symbol("M")
SHAPES = ((N, M, 3), (N, 3, M), (M, 3), (M,), (1, M, 3))
EQUATIONS = {
    "nij,njk->nik": (0, 1),
    "nij,nkj->nik": (0, 4),
    "nij,nij->n": (0, 0),
    "nij,nij->nj": (0, 0),
    "nij,njk->kni": (0, 1),
    "nij->jn": (0,),
    "...ij,ij->...": (0, 2),
    "ij,kj": (2, 2),
    "ij,...j->...i": (2, 0),
    "i,j->ij": (3, 3),
    "i,i->": (3, 3),
    "i,ij,ij,j->": (3, 2, 2, 5),
    "ij,kl->jlik": (2, 2),
    "nij,mjk->nmik": (0, 1),
    "ii->i": (6,),
    "iik->k": (7,),
}
"""Each with the shapes of its operands: two batches of matrices, one, a vector, and what is on diagonals."""
EVERY = (*SHAPES, (3,), (M, M), (M, M, 2))


def products(dtype: str) -> Graph:
    made = Applied(*(dtype,) * len(EVERY), shapes=EVERY)
    values = made.inputs
    if dtype != "bool":
        for equation, operands in EQUATIONS.items() if dtype not in ("uint8", "int32") else ():
            made.show("einsum", {"equation": equation}, [values[i] for i in operands])
        made.show("bmm", {}, values[:2])
        made.show("mv", {}, [values[6], values[3]])
        made.show("dot", {}, [values[3], values[3]])
        made.show("tensordot", {}, [values[0], values[2]])
        made.show("tensordot", {"dims": [[0, 2], [0, 1]]}, values[:2])
        for numbers in ({}, {"alpha": 2, "beta": 3}, {"beta": 0}):
            made.show("addmm", numbers, [values[3], values[6], values[6]])
            made.show("baddbmm", numbers, [values[6], values[0], values[1]])
        made.show("cross", {}, [values[0], values[4]])
    made.show("outer", {}, [values[3], values[5]])
    return made.graph()


def numbers(dtype: str, shape: tuple[Any, ...], seed: int) -> Tensor:
    drawn = torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(seed))
    return (drawn / 2 if getattr(torch, dtype).is_floating_point else drawn).to(getattr(torch, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_are_torchs(dtype: str, tmp_path: Path) -> None:
    """Of halves and small whole numbers, whose products are exact in every type."""
    graph = products(dtype)
    given = []
    for n, m in ((1, 1), (2, 5)):
        sizes = [tuple({N: n, M: m}.get(size, size) for size in shape) for shape in EVERY]
        given.append([numbers(dtype, shape, i) for i, shape in enumerate(sizes)])
    require_torchs(graph, given, tmp_path, "cpu" if dtype in NUMBER_TYPES else "portable")


@pytest.mark.parametrize("dtype", LOW)
def test_products_in_a_low_type_are_verified(dtype: str, tmp_path: Path) -> None:
    found = ag.to_onnx(products("float32"), tmp_path / "it.onnx", dtype=dtype)
    assert found.certificate is not None
    assert found.certificate.equal
    kinds = {node.op_type for node in onnx.load(tmp_path / "it.onnx").graph.node}
    assert "MatMul" in kinds
    assert "Einsum" not in kinds


def test_a_product_of_batches_is_one_operator(tmp_path: Path) -> None:
    made = Applied("float32", "float32", shapes=((N, M, 3), (N, 3, M)))
    made.show("einsum", {"equation": "nij,njk->nik"}, made.inputs)
    ag.to_onnx(made.graph(), tmp_path / "it.onnx", verify=False)
    assert [node.op_type for node in onnx.load(tmp_path / "it.onnx").graph.node] == ["MatMul"]


@pytest.mark.parametrize("text", ["ij,jk->", "", "...,...->...", "ij,jk->ki", " i j , jk -> ik ", "Ab,ba"])
def test_equations_that_torch_takes_are_taken(text: str) -> None:
    make(REGISTRY["einsum"], {"equation": text})


REFUSED = ("ij,jk->iik", "ij->ik", "i1->i", "i..j->ij", "i->j->k", "ij;jk", 'ij") or ("', "i…->i")


@pytest.mark.parametrize("text", REFUSED)
def test_equations_that_torch_refuses_are_refused(text: str) -> None:
    with pytest.raises(RuntimeError):
        torch.einsum(text, torch.ones(2, 2))
    with pytest.raises(ArchgraphError, match="equation"):
        make(REGISTRY["einsum"], {"equation": text})
