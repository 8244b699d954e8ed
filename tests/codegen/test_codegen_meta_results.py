"""What is asked once on the meta device is what torch answers each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archgraph.codegen.meta_construction import on_meta
from archgraph.codegen.meta_results import another

COMPUTED: list[Callable[[Tensor], Tensor]] = [
    lambda x: x - x.unsqueeze(1),
    lambda x: 2 * x + 1,
    lambda x: 2.0 * x,
    lambda x: True * x,
    lambda x: x * True,
    lambda x: (x * 2 + 0.5).sub(1),
    lambda x: x.add(1, alpha=2),
    lambda x: x[:, :1].transpose(0, 1)[:, :1] * 2.0,
    lambda x: x[:0] * 3,
    lambda x: x.expand(2, -1, -1) - 1.0,
    lambda x: x.long() * 2 - 1,
    lambda x: x.long() * 2.0,
    lambda x: (x > 0) + 1,
    lambda x: x.to(torch.complex64) * 2.0,
    lambda x: torch.randn(2, *x.shape, dtype=x.dtype),
    lambda x: x.transpose(0, 1) * 1.0,
    lambda x: x.transpose(0, 1).contiguous(),
    lambda x: torch.cat([x, x], dim=1),
    lambda x: x.double().cumsum(0),
    lambda x: torch.where(x > 0, x, 0),
    lambda x: x.to(torch.int64).bitwise_and(3),
    lambda x: torch.arange(7, dtype=torch.int32) + x[0, 0].long(),
    lambda x: torch.randn(x.shape[0], 3, dtype=torch.float64),
    lambda x: torch.linspace(0, 1, 5) * x[0, 0],
]


def told(tensor: Tensor) -> tuple[Any, ...]:
    return type(tensor), tensor.shape, tensor.stride(), tensor.dtype, tensor.device, tensor.requires_grad


@pytest.mark.parametrize("compute", COMPUTED, ids=map(str, range(len(COMPUTED))))
def test_results_are_those_of_torch(compute: Callable[[Tensor], Tensor]) -> None:
    given = [(shape, dtype) for dtype in (torch.float32, torch.float16) for shape in ((4, 6), (6, 4))]
    with torch.device("meta"):
        wanted = [told(compute(torch.empty(shape, dtype=dtype))) for shape, dtype in given]
    with on_meta():
        first, again = ([compute(torch.empty(shape, dtype=dtype)) for shape, dtype in given] for _ in range(2))
    assert list(map(told, first)) == list(map(told, again)) == wanted
    assert not any(torch._C._is_alias_of(one, other) for one in first for other in again)


@pytest.mark.filterwarnings("ignore:This overload of add is deprecated")
def test_an_older_signature_is_torchs_own() -> None:
    with on_meta():
        x = torch.empty(4, 6)
        assert x.add(2, x).shape == (4, 6)


def test_views_and_arguments_stay_what_they_are() -> None:
    with on_meta():
        for _ in range(2):
            x = torch.empty(4, 6)
            assert x[1:].reshape(-1)._base is x
            assert x.contiguous() is x
            assert x.add_(1) is x
            assert x.detach().untyped_storage()._cdata == x.untyped_storage()._cdata


def test_what_learns_is_computed_each_time() -> None:
    with on_meta():
        for _ in range(2):
            weight = nn.Parameter(torch.empty(4))
            made = weight * 2
            assert made.requires_grad
            assert made.grad_fn is not None
            assert not (weight.detach() * 2).requires_grad


def test_other_devices_keep_their_numbers() -> None:
    with on_meta():
        for start in (1, 2):
            assert (torch.arange(start, start + 3, device="cpu") * 2).tolist() == [
                2 * start,
                2 * start + 2,
                2 * start + 4,
            ]


@pytest.mark.parametrize("learns", [True, False])
def test_another_parameter_is_one_in_every_way(learns: bool) -> None:
    layer, filled = nn.Linear(3, 4, device="meta"), nn.Linear(3, 4)
    made = another(layer.weight.requires_grad_(learns))()
    assert told(made) == told(layer.weight)
    assert made.is_leaf
    assert made is not layer.weight
    layer.weight = made  # type: ignore[assignment]  # torch itself refuses what is no parameter
    assert dict(layer.named_parameters())["weight"] is made
    layer.load_state_dict(filled.state_dict(), assign=True)
    assert type(layer.weight) is nn.Parameter
    assert torch.equal(layer.weight, filled.weight)
