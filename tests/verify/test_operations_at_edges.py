"""Element types, numbers and sizes at the edges of what an operation takes, against torch: what torch refuses is
refused by the contract, and what is left is computed with all of ONNX Runtime's optimisations."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from table_graphs import Applied, opened, require_torchs
from torch import Tensor
from torch.nn import functional as F

from archgraph.errors import ArchgraphError
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, make

LARGE = 2**53 + 1
"""A whole number that float64 does not hold."""
ONE, HALF, BYTES = torch.ones(1), torch.ones(1, dtype=torch.float16), torch.ones(1, dtype=torch.uint8)
MASK, PLACE = torch.ones(1, dtype=torch.bool), torch.zeros(1, dtype=torch.int64)
ROW = torch.ones(3)
Refusal = tuple[str, dict[str, Any], Callable[..., Any], tuple[Tensor, ...]]
REFUSED: list[Refusal] = [
    ("cross", {}, torch.linalg.cross, (ROW, ROW.double())),
    ("searchsorted", {}, torch.searchsorted, (ONE[0], ONE[0])),
    ("pad", {"pad": [1, 0], "value": -1.0}, lambda x: F.pad(x, [1, 0], value=-1.0), (BYTES,)),
    ("masked_fill", {"value": -1e40}, lambda x, mask: x.masked_fill(mask, -1e40), (ONE, MASK)),
    ("masked_fill", {"value": 1e5}, lambda x, mask: x.masked_fill(mask, 1e5), (HALF, MASK)),
    ("full_like", {"fill_value": 1e40}, lambda x: torch.full_like(x, 1e40), (ONE,)),
    ("scatter", {"dim": 0, "value": 1e40}, lambda x, index: x.scatter(0, index, 1e40), (ONE, PLACE)),
    ("pow", {"value": 70000.0}, lambda x: x**70000.0, (HALF,)),
    ("threshold", {"threshold": 0.0, "value": 1e40}, lambda x: F.threshold(x, 0.0, 1e40), (ONE,)),
    (
        "embedding_bag",
        {"num_embeddings": 2, "embedding_dim": 3, "mode": "sum"},
        lambda bags, weights: F.embedding_bag(bags, torch.ones(2, 3), mode="sum", per_sample_weights=weights),
        (PLACE[None], ONE[None].double()),
    ),
]


def applied(name: str, attributes: dict[str, Any], tensors: tuple[Tensor, ...]) -> None:
    build = Builder("one")
    values = [build.input(f"x{i}", tuple(x.shape), str(x.dtype)[6:]) for i, x in enumerate(tensors)]
    build.apply("it", make(REGISTRY[name], attributes), values)


@pytest.mark.parametrize(
    ("name", "attributes", "function", "tensors"), REFUSED, ids=[f"{case[0]} {case[1]}" for case in REFUSED]
)
def test_what_torch_refuses_is_refused(
    name: str, attributes: dict[str, Any], function: Callable[..., Any], tensors: tuple[Tensor, ...]
) -> None:
    with pytest.raises((RuntimeError, TypeError)):
        function(*tensors)
    with pytest.raises(ArchgraphError):
        applied(name, attributes, tensors)


def test_numbers_that_float32_does_not_hold_are_refused_but_next_to_float64() -> None:
    """torch computes with infinity, and no file can hold the number."""
    assert (ONE * 1e40).isinf()
    with pytest.raises(ArchgraphError, match="does not fit into float32"):
        applied("mul", {"value": 1e40}, (ONE,))
    with pytest.raises(ArchgraphError, match="does not fit into float32"):
        applied("clamp", {"max": 1e40}, (ONE,))
    applied("mul", {"value": 1e40}, (ONE.double(),))
    applied("masked_fill", {"value": float("-inf")}, (HALF, MASK))


def test_whole_numbers_stay_exact_and_wrap_around(tmp_path: Path) -> None:
    made = Applied("int64", "uint8", "uint8", shapes=((4,), (2, 3), (3,)))
    x, one, other = made.inputs
    made.show("fmod", {"value": 10}, [x])
    made.show("fmod", {}, [x, x])
    made.show("remainder", {"value": -10}, [x])
    made.show("pairwise_distance", {"p": 1.0}, [one, other])
    bytes_ = torch.tensor([[1, 2, 3], [250, 0, 7]], dtype=torch.uint8), torch.tensor([5, 9, 255], dtype=torch.uint8)
    require_torchs(made.graph(), [[torch.tensor([LARGE, -LARGE, 7, -7]), *bytes_]], tmp_path, "portable")


@pytest.mark.parametrize(
    "text", ["y = ReduceSum (x)", "y = ReduceProd (x)", "e = Constant <value_int = 1> () y = Pow (x, e)"]
)
def test_large_whole_numbers_are_rounded_by_the_runtime(text: str) -> None:
    """The smallest files in which ONNX Runtime computes int64 in float64. Once it does not, sums, products and powers
    of whole numbers beyond 2⁵³ are torch's."""
    model = f'<ir_version: 8, opset_import: ["": 18]> g (int64[N] x) => (int64[M] y) {{ {text} }}'
    given = torch.tensor([LARGE])
    (found,) = opened(onnx.parser.parse_model(model).SerializeToString()).run(None, {"x": given.numpy()})
    assert found.item() == LARGE - 1


def test_a_one_hot_vector_of_a_single_number(tmp_path: Path) -> None:
    made = Applied("int64", shapes=((),))
    made.show("one_hot", {"num_classes": 3}, made.inputs)
    require_torchs(made.graph(), [[torch.tensor(2)], [torch.tensor(0)]], tmp_path, "portable")


def test_a_divisor_too_small_for_float32_is_zero(tmp_path: Path) -> None:
    made = Applied("float32", shapes=((3,),))
    made.show("floor_divide", {"value": 1e-50}, made.inputs)
    require_torchs(made.graph(), [[torch.tensor([0.0, 1.0, -2.0])]], tmp_path, "portable")


def test_grids_are_computed_in_float64(tmp_path: Path) -> None:
    """Coordinates in float32 would be off by 6e-8."""
    for align_corners in (False, True):
        made = Applied("float64", shapes=((1, 2, 3),))
        made.show("affine_grid", {"size": [1, 1, 3, 7], "align_corners": align_corners}, made.inputs)
        theta = torch.rand(1, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        require_torchs(made.graph(), [[theta]], tmp_path, "portable", 1e-14)


def test_the_default_epsilon_of_rms_norm_is_that_of_float32(tmp_path: Path) -> None:
    """In float16 too, whose own would be larger than these squares."""
    made = Applied("float16", shapes=((2, 4),))
    made.show("rms_norm", {"elementwise_affine": False}, made.inputs)
    require_torchs(
        made.graph(), [[torch.tensor([[1.0, -2, 3, 0.5], [4, 4, 4, 0]]).half() / 1000]], tmp_path, "portable"
    )


WITHOUT_TORCH_KERNEL = ("avg_pool3d", "lp_pool3d", "local_response_norm")
"""torch has no kernel in bfloat16 on a CPU."""


def of_every_operation(dtype: str) -> tuple[Graph, list[Tensor]]:
    """The last example of each operation over floating-point values alone, all of that type and in ascending order."""
    made, given, seeded = Applied(), [], torch.Generator().manual_seed(7)
    for name, kind in sorted(REGISTRY.items()):
        types = kind.examples[-1].inputs if kind.examples else {}
        unread = dtype == "bfloat16" and name in WITHOUT_TORCH_KERNEL
        if unread or {each.dtype for each in types.values()} != {"float32"}:
            continue
        values = [made.read(f"{name}_{port}".replace(".", "_"), each.shape, dtype) for port, each in types.items()]
        with suppress(ArchgraphError):  # weights are in float32, and some operations read no bfloat16
            made.show(name, dict(kind.examples[-1].attributes), values)
        given += [torch.rand(each.shape, generator=seeded).sort().values for each in types.values()]
    return made.graph(), given


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_types_without_kernels_are_computed_in_float32(dtype: str, tmp_path: Path) -> None:
    """What a CPU has no kernels for is cast, and the file opens."""
    graph, given = of_every_operation(dtype)
    assert len(graph.outputs) > 100
    inputs = [x.to(getattr(torch, value.dtype)) for x, value in zip(given, graph.inputs, strict=True)]
    require_torchs(graph, [inputs], tmp_path, "portable", 0.05 if dtype == "bfloat16" else 2e-5)
