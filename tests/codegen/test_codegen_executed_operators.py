"""What a forward and a training step of generated code execute in torch, beside the published implementation: the same
operators, or fewer, on narrow variants. Times depend on the machine; what is executed does not."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest
import references
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import archgraph as ag
from archgraph.graph.types import Graph

CLASSES = 7
IN_PLACE = {"relu_": "relu", "add_": "add"}
"""torchvision changes activations in place; generated code only where no hook sees it, unless it is asked to."""


@dataclass(frozen=True)
class Pair:
    """A network and its reference under equal keys, with what ours may have more of."""

    graph: Callable[[], Graph]
    reference: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Tensor, ...]]
    copies: int = 0
    """So many copies more in a training step."""
    python: float = 1.0
    """So many Python calls for each of theirs."""

    def modules(self, inplace: bool = False) -> tuple[nn.Module, nn.Module]:
        theirs = self.reference()
        ours = ag.to_torch(self.graph(), inplace=inplace)
        ours.load_state_dict(theirs.state_dict(), strict=True)
        return ours, theirs


def _resnet() -> nn.Module:
    module = references.torchvision().models.resnet
    return module.ResNet(module.Bottleneck, [1, 2, 1, 1], width_per_group=8, num_classes=CLASSES)


def _densenet() -> nn.Module:
    return references.torchvision().models.DenseNet(8, (2, 3, 2), 16, bn_size=2, num_classes=CLASSES)


def _vit() -> nn.Module:
    return references.torchvision().models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=CLASSES)


def _swin() -> nn.Module:
    module = references.torchvision().models.swin_transformer
    return module.SwinTransformer([4, 4], 8, [2, 2], [1, 2], [3, 3], stochastic_depth_prob=0.0, num_classes=CLASSES)


def _unet() -> nn.Module:
    return references.diffusers().UNet2DConditionModel(
        block_out_channels=(32, 64),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=8,
        cross_attention_dim=24,
    )


def _image(size: int) -> tuple[Tensor, ...]:
    return (torch.randn(2, 3, size, size),)


PAIRS = {
    "resnet50": Pair(
        lambda: ag.load("resnet", block="bottleneck", depths=[1, 2, 1, 1], base_width=8, classes=CLASSES),
        _resnet,
        lambda: _image(40),
    ),
    "densenet121": Pair(
        lambda: ag.load("densenet", growth=8, depths=[2, 3, 2], init_features=16, bn_size=2, classes=CLASSES),
        _densenet,
        lambda: _image(40),
    ),
    "vit_b_16": Pair(
        lambda: ag.load("vit", image_size=32, patch=8, dim=16, depth=2, heads=2, mlp_dim=32, classes=CLASSES),
        _vit,
        lambda: _image(32),
    ),
    "swin_t": Pair(
        lambda: ag.load("swin", depths=[2, 2], heads=[1, 2], channels=8, window=3, drop_path=0.0, classes=CLASSES),
        _swin,
        lambda: _image(48),
        copies=4,  # rows and columns are rolled by indices, one dimension after the other
        python=1.2,
    ),
    "sd15": Pair(
        lambda: ag.load("sd_unet@sd15", channels=[32, 64], depth=[1, 0], heads=[8, 8], context_dim=24),
        _unet,
        lambda: (torch.randn(2, 4, 8, 8), torch.tensor([3, 41]), torch.randn(2, 7, 24)),
    ),
}
PRODUCTS = ("convolution", "mm", "addmm", "bmm", "baddbmm", "convolution_backward")
PROJECTIONS = 2
"""Products of `_native_multi_head_attention` besides the attention itself, for which ours calls one operator too."""
COPIES = (
    "clone",
    "copy_",
    "cat",
    "index",
    "index_add",
    "index_put",
    "index_select",
    "constant_pad_nd",
    "embedding",
    "masked_fill",
    "roll",
    "repeat",
)
"""Operators that write as much as they read and compute nothing."""


def _is_order(made: object) -> bool:
    """Whether a result is a list of indices, which is far smaller than what it rearranges."""
    return isinstance(made, Tensor) and made.dtype == torch.int64 and made.ndim == 1


class _Executed(TorchDispatchMode):
    """The names of the operators that run, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        self.names.append(f"{name} of indices" if _is_order(made) else name)
        return made


def executed(network: nn.Module, inputs: tuple[Tensor, ...], training: bool) -> list[str]:
    """The operators of a forward, or of a training step, by name."""
    network.train(training)
    with torch.set_grad_enabled(training), _Executed() as found:
        result = network(*inputs)
        if training:
            (result if isinstance(result, Tensor) else result[0]).square().mean().backward()
    return [IN_PLACE.get(name, name) for name in found.names]


def python_calls(network: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """How many Python functions a forward enters."""
    network.eval()
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    with torch.no_grad():
        network(*inputs)
        sys.setprofile(count)
        try:
            network(*inputs)
        finally:
            sys.setprofile(None)
    return calls


def total(counts: Counter[str], names: tuple[str, ...]) -> int:
    return sum(counts[name] for name in names)


def products(counts: Counter[str]) -> int:
    return total(counts, PRODUCTS) + PROJECTIONS * counts["_native_multi_head_attention"]


@pytest.mark.parametrize("training", [False, True])
def test_residual_networks_execute_the_same_operators_in_the_same_order(training: bool) -> None:
    ours, theirs = PAIRS["resnet50"].modules()
    inputs = PAIRS["resnet50"].inputs()
    found, wanted = executed(ours, inputs, training), executed(theirs, inputs, training)
    assert Counter(found) == Counter(wanted)
    if not training:  # the shortcut is computed before the block, not after it
        assert [name for name in found if name != "add"] == [name for name in wanted if name != "add"]


@pytest.mark.parametrize("name", ["resnet50", "densenet121"])
def test_as_much_is_overwritten_as_by_the_reference(name: str) -> None:
    found = []
    for network in PAIRS[name].modules(inplace=True):
        with torch.no_grad(), _Executed() as operators:
            network.eval()(*PAIRS[name].inputs())
        found.append(Counter(each for each in operators.names if each in IN_PLACE))
    assert found[0] == found[1]
    assert found[0]["relu_"]


@pytest.mark.parametrize("training", [False, True])
def test_attention_with_a_bias_has_no_guard_of_its_softmax(training: bool) -> None:
    ours, theirs = (Counter(executed(each, PAIRS["swin_t"].inputs(), training)) for each in PAIRS["swin_t"].modules())
    attentions = 4
    assert theirs["_softmax"] == attentions
    assert ours["_scaled_dot_product_flash_attention_for_cpu"] == (0 if training else attentions)
    assert ours["_softmax"] == (attentions if training else 0)
    assert not ours["_safe_softmax"]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_no_more_products_and_copies_than_the_reference(name: str, training: bool) -> None:
    ours, theirs = PAIRS[name].modules()
    inputs = PAIRS[name].inputs()
    found, wanted = (Counter(executed(network, inputs, training)) for network in (ours, theirs))
    assert products(found) <= products(wanted)
    assert total(found, COPIES) <= total(wanted, COPIES) + PAIRS[name].copies * training


@pytest.mark.parametrize("name", PAIRS)
def test_python_calls(name: str) -> None:
    ours, theirs = PAIRS[name].modules()
    inputs = PAIRS[name].inputs()
    assert python_calls(ours, inputs) <= PAIRS[name].python * python_calls(theirs, inputs)
