"""Sizes that a module asks to be multiples: they are counts while it is traced, and stay free."""

from __future__ import annotations

import references
import torch
from torch import Tensor, nn

from archgraph.importing.api import import_module
from archgraph.importing.sources.input_descriptions import InputDescription

IMAGE = {"x": InputDescription(("N", 3, "H", "W"))}


class Blocks(nn.Module):
    """Attention over blocks of feature maps, at two strides, as HaloNets have it."""

    def __init__(self) -> None:
        super().__init__()
        halo = references.timm().layers.halo_attn.HaloAttn
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.fine, self.norm = halo(16, num_heads=2, block_size=4, halo_size=1), nn.BatchNorm2d(16)
        self.coarse = halo(16, num_heads=2, block_size=4, halo_size=1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.coarse(self.norm(self.fine(self.stem(x))))


def test_attention_over_blocks_keeps_sizes_free() -> None:
    made = import_module(Blocks, {"x": torch.zeros(2, 3, 32, 48)}, dynamic={"x": {0: "N", 2: "H", 3: "W"}})
    assert [rule.text for rule in made.graph.constraints] == ["H must be a multiple of 8", "W must be a multiple of 8"]
    assert str(made.graph.outputs["output"].type) == "[N, 16, H // 4, W // 4]"
    assert made.parity is not None
    assert len(made.parity.sizes) == 2
    assert not made.notes


def test_patches_that_are_attended_to_keep_sizes_free() -> None:
    """A block of MobileViT divides by the number of its patches."""
    block = references.timm().models.mobilevit.MobileVitBlock
    made = import_module(
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 4, 4), block(8, patch_size=2, transformer_dim=8, transformer_depth=1, num_heads=2)
        ),
        {"input": torch.zeros(2, 3, 32, 48)},
        dynamic={"input": {0: "N", 2: "H", 3: "W"}},
    )
    assert [rule.text for rule in made.graph.constraints] == ["H must be a multiple of 8", "W must be a multiple of 8"]
    assert made.parity is not None


class Grid(nn.Module):
    """The means of blocks of 224 places, of which there is one at the first size that it takes."""

    def forward(self, x: Tensor) -> Tensor:
        count, channels, height, width = x.shape
        if height % 224 or width % 224:
            raise ValueError("blocks of 224")
        rows, columns = height // 224, width // 224
        x = x.view(count, channels, rows, 224, columns, 224).mean((3, 5)).view(count, -1, rows * columns)
        return x.softmax(2)


def test_a_grid_of_one_block_is_traced_at_larger_sizes() -> None:
    made = import_module(Grid(), IMAGE)
    rules = [rule.text for rule in made.graph.constraints]
    assert rules == ["H must be a multiple of 224", "W must be a multiple of 224"]
    assert made.parity is not None
    assert any(224 in sizes.values() for sizes in made.parity.sizes)


class Padded(nn.Module):
    """What windows of 7 places weigh, padded to whole ones: one each way at the first sizes, after a stride of 32."""

    def __init__(self, some: bool = False) -> None:
        super().__init__()
        self.stem, self.some = nn.Conv2d(3, 4, 32, 32), some

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        count, _, height, width = x.shape
        x = nn.functional.pad(x, (0, (width + 6) // 7 * 7 - width, 0, (height + 6) // 7 * 7 - height))
        if self.some and x.shape[2] > 7:
            x = x.roll(3, 2)
        rows, columns = x.shape[2] // 7, x.shape[3] // 7
        windows = x.reshape(count, 4, rows, 7, columns, 7).permute(0, 2, 4, 1, 3, 5)
        weighed = windows.reshape(count * rows * columns, 4, 49).softmax(2)
        whole = weighed.reshape(count, rows, columns, 4, 7, 7).permute(0, 3, 1, 4, 2, 5)
        return whole.reshape(count, 4, rows * 7, columns * 7)[:, :, :height, :width]


def test_a_single_window_that_takes_the_same_steps_as_several_bounds_nothing() -> None:
    made = import_module(Padded(), IMAGE)
    assert [rule.text for rule in made.graph.constraints] == ["H must be at least 32", "W must be at least 32"]
    assert made.parity is not None
    made = import_module(lambda: Padded(some=True), IMAGE)
    assert {rule.symbol: rule.maximum for rule in made.graph.constraints}["H"] == 255


def test_a_single_window_bounds_its_sizes() -> None:
    """Windows of seven patches are shifted where there are several: from 8 patches of 4 on, and after two are merged
    there is one window, up to 14 patches."""
    swin = references.torchvision().models.swin_transformer.SwinTransformer
    widths = {"patch_size": [4, 4], "embed_dim": 8, "depths": [2, 2], "num_heads": [2, 2], "window_size": [7, 7]}
    made = import_module(
        lambda: swin(**widths, num_classes=4), {"x": torch.zeros(2, 3, 48, 56)}, dynamic={"x": {0: "N", 2: "H", 3: "W"}}
    )
    rules = {rule.symbol: rule for rule in made.graph.constraints}
    assert rules["H"].text == "H must be at least 32 and at most 59"
    assert (rules["W"].minimum, rules["W"].maximum) == (56, 59)  # two whole windows of patches, which need no padding
    assert made.parity is not None
