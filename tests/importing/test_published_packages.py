"""What the code of published packages does beside its arithmetic: small modules that do the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.errors import ImportingError


class _Missing:
    """Stands in for a package that is not installed, and raises whatever it is asked for, as in MONAI."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"import of a missing package: {name}")


missing = _Missing()


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Any:
        return self.head(x)


def test_names_of_missing_packages_are_let_alone() -> None:
    with pytest.raises(RuntimeError):
        _ = missing.anything
    assert ag.from_torch(Plain(), {"x": "N,4"}, name="plain").outputs


class Checked(nn.Module):
    """Asks for sizes that it takes, unless it is compiled, as the networks of segmentation_models_pytorch."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, 3, stride=8, padding=1)

    def forward(self, x: Tensor) -> Any:
        if not torch.compiler.is_compiling() and x.shape[-1] % 8 != 0:
            raise RuntimeError("the width must be a multiple of 8")
        return self.down(x)


def test_sizes_that_a_compiled_module_does_not_check_are_constraints() -> None:
    graph = ag.from_torch(Checked(), {"x": "N,3,H,W"}, name="checked")
    assert [(one.symbol, one.allows(16), one.allows(17)) for one in graph.constraints] == [("W", True, False)]


class Anchors(nn.Module):
    """Multiplies by a number of a plain tensor, which fills another one, as the heads of Ultralytics."""

    def __init__(self) -> None:
        super().__init__()
        self.strides = torch.tensor([8.0, 16.0])
        self.head = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Any:
        return self.head(x) * x.new_full((x.shape[2], 1), self.strides[1])


def test_numbers_read_from_plain_tensors_are_numbers() -> None:
    graph = ag.from_torch(Anchors(), {"x": "N,3,H,W"}, name="anchors")
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "3", "H", "W"]
    assert any(node.get("fill_value") == 16.0 for node in graph.info.written["nodes"].values() if type(node) is dict)


class Counting(Anchors):
    """The number changes from call to call."""

    def forward(self, x: Tensor) -> Any:
        self.strides.add_(1)
        return self.head(x) * x.new_full((x.shape[2], 1), self.strides[1])


def test_numbers_that_change_are_refused() -> None:
    with pytest.raises(ImportingError):
        ag.from_torch(Counting(), {"x": "N,3,H,W"}, name="counting")


class Windows(nn.Module):
    """Windows of a picture and back, with the number of pictures as SwinIR finds it."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Any:
        _, height, width, channels = x.shape
        windows = x.view(-1, height // 4, 4, width // 4, 4, channels).permute(0, 1, 3, 2, 4, 5)
        windows = self.mix(windows.reshape(-1, 16, channels))
        count = int(windows.shape[0] / (height * width / 4 / 4))
        assert isinstance(windows.dim(), int)
        return windows.view(count, height // 4, width // 4, 4, 4, -1).permute(0, 1, 3, 2, 4, 5).reshape(x.shape)


class Counted(nn.Module):
    """Sizes by `len` and `int`."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Any:
        return self.head(x).reshape(len(x), int(x.shape[1]) * 2)


@pytest.mark.parametrize(("module", "shape"), [(Windows(), "N,H,W,8"), (Counted(), "N,L,4")])
def test_sizes_stay_free_as_plain_numbers_of_python(module: nn.Module, shape: str) -> None:
    graph = ag.from_torch(module, {"x": shape}, name="sized")
    assert ",".join(map(str, graph.inputs[0].shape)) == shape


class Regions(nn.Module):
    """Numbers the regions of shifted windows in a tensor of zeros, as networks with shifted windows do."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 1, 1)

    def forward(self, x: Tensor) -> Any:
        height, width = 4 * (x.shape[2] // 4), 4 * (x.shape[3] // 4)
        regions = torch.zeros(height, width)
        for number, rows in enumerate((slice(0, -4), slice(-4, -2), slice(-2, None))):
            regions[rows, :] = number
        return self.head(x) + regions.view(x.shape[2:])


def test_slices_that_reach_to_the_end_of_a_rounded_size_are_whole() -> None:
    graph = ag.from_torch(Regions(), {"x": "N,3,H,W"}, name="regions")
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "3", "H", "W"]


class Joining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 2, 1)

    def forward(self, x: Tensor, skip: Tensor) -> Any:
        return self.mix(torch.cat([x, skip], dim=1))


class Hollow(nn.Module):
    """Hands a tensor without channels to a module that joins it to others, as a stage that an encoder lacks."""

    def __init__(self) -> None:
        super().__init__()
        self.join = Joining()

    def forward(self, x: Tensor) -> Any:
        return self.join(x, torch.empty([x.shape[0], 0, x.shape[2], x.shape[3]]))


def test_an_empty_tensor_is_no_argument() -> None:
    graph = ag.from_torch(Hollow(), {"x": "N,3,H,W"}, name="hollow")
    assert "concat" not in str(graph.info.written)


class Stage(nn.Module):
    """A stage of an encoder with what it hands to the decoder; the last one makes nothing smaller, as in MONAI."""

    def __init__(self, channels: int, width: int, last: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1)
        self.down = None if last else nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = self.conv(x).relu()
        states = [x]
        if self.down is not None:
            x = self.down(x)
            states.append(x)
        return x, states


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([Stage(3, 4, False), Stage(4, 8, False), Stage(8, 12, True)])
        self.middle = nn.Conv2d(12, 4, 1)

    def forward(self, x: Tensor) -> Any:
        found = []
        for stage in self.stages:
            x, states = stage(x)
            found += [state.mean((2, 3)) for state in states]
        return self.middle(x), *found


def test_the_last_stage_hands_out_what_it_makes_no_smaller() -> None:
    graph = ag.from_torch(Encoder(), {"x": "N,3,H,W"}, name="encoder")
    assert len(graph.info.written["blocks"]) == 1
