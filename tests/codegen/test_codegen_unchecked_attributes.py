"""What is constructed without torch's checks is what torch constructs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from archgraph.codegen.meta_construction import on_meta
from archgraph.codegen.unchecked_attributes import constructed

LAYERS: list[tuple[type[nn.Module], tuple[Any, ...], dict[str, Any]]] = [
    (nn.Conv2d, (4, 8, 3), {"padding": "same", "bias": False}),
    (nn.Conv1d, (4, 8, 3), {"padding_mode": "reflect", "padding": 1, "groups": 2}),
    (nn.ConvTranspose3d, (4, 8, 2), {"stride": 2}),
    (nn.BatchNorm2d, (8,), {}),
    (nn.BatchNorm1d, (8,), {"affine": False, "momentum": None}),
    (nn.BatchNorm3d, (8,), {"track_running_stats": False}),
    (nn.GroupNorm, (2, 8), {}),
    (nn.LayerNorm, ((4, 8),), {"bias": False}),
    (nn.RMSNorm, (8,), {"elementwise_affine": False}),
    (nn.Linear, (4, 8), {}),
    (nn.Bilinear, (4, 5, 8), {}),
    (nn.Embedding, (10, 8), {"padding_idx": 0}),
    (nn.PReLU, (4,), {}),
    (nn.Dropout, (0.5,), {"inplace": True}),
    (nn.MultiheadAttention, (8, 2), {"batch_first": True, "kdim": 6}),
    (nn.LSTM, (4, 8), {"bidirectional": True}),
    (nn.TransformerEncoderLayer, (8, 2), {}),
    (nn.Module, (), {}),
    (nn.Sequential, (), {}),
]


def held(module: nn.Module) -> dict[str, Any]:
    """All that a module has; tensors by what they are."""

    def seen(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return type(value), value.shape, value.stride(), value.dtype, value.device, value.requires_grad
        if isinstance(value, nn.Module):
            return type(value), held(value)
        if isinstance(value, (dict, list)):
            return type(value), [(key, seen(value[key])) for key in (value if type(value) is not list else [])]
        return type(value), str(value)

    return {name: seen(value) for name, value in vars(module).items()}


@pytest.mark.parametrize(("kind", "args", "kwargs"), LAYERS, ids=lambda given: getattr(given, "__name__", ""))
def test_layers_have_what_torch_gives_them(
    kind: type[nn.Module], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    with on_meta():
        made = constructed(kind, kind.__init__, args, kwargs)
    with torch.device("meta"):
        wanted = kind(*args, **kwargs)
    assert type(made) is kind
    assert held(made) == held(wanted)


def test_a_part_takes_the_place_of_the_none_before_it() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = None
            self.scale = None
            self.part = nn.ReLU()  # type: ignore[assignment]
            self.scale = nn.Parameter(torch.empty(3))  # type: ignore[assignment]
            self.register_buffer("kept", torch.empty(2), persistent=False)

    assert held(constructed(Net, Net.__init__, (), {})) == held(Net())


def test_who_asks_torch_is_told_of_each_parameter() -> None:
    told: list[str] = []
    handle = register_module_parameter_registration_hook(lambda module, name, parameter: told.append(name))
    try:
        constructed(nn.Linear, nn.Linear.__init__, (2, 3), {})
    finally:
        handle.remove()
    assert told == ["weight", "bias"]


def test_a_class_that_sets_attributes_in_its_own_way_is_asked() -> None:
    class Net(nn.Module):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value * 2 if name == "width" else value)

        def __init__(self) -> None:
            super().__init__()
            self.width = 4

    assert constructed(Net, Net.__init__, (), {}).width == 8
