"""Arguments of a block that always say the same are one."""

from __future__ import annotations

import torch
from proved_imports import proved
from torch import Tensor, nn

from archgraph.importing.sources.input_descriptions import InputDescription

IMAGE = {"x": InputDescription(("N", 8, "H", "W"))}


class Inner(nn.Module):
    """A convolution that may be activated."""

    def __init__(self, activated: bool):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.activated = activated

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * x.tanh() if self.activated else x


class Module(nn.Module):
    """Activated before its convolution, or inside of what it applies."""

    def __init__(self, start: bool, inside: bool):
        super().__init__()
        self.inner = Inner(inside)
        self.last = nn.Conv2d(8, 8, 1)
        self.start = start

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(x) if self.start else x
        return self.last(self.inner(y).sigmoid()) + y


def test_of_two_opposite_arguments_one_is_left() -> None:
    pairs = ((True, False), (True, False), (False, True), (False, True))
    spec = proved(lambda: nn.Sequential(*(Module(*pair) for pair in pairs)), {"input": IMAGE["x"]}).spec
    module = spec["blocks"]["module"]
    (name,) = module["params"]
    assert module["nodes"]["relu"] == {"op": "relu", "when": f"={name}"}
    inner = module["nodes"]["inner"]["nodes"]
    assert {one["when"] for one in inner.values() if "when" in one} == {f"=not {name}"}


def test_arguments_that_are_not_always_opposite_stay_two() -> None:
    pairs = ((True, False), (True, True), (False, True), (False, True))
    spec = proved(lambda: nn.Sequential(*(Module(*pair) for pair in pairs)), {"input": IMAGE["x"]}).spec
    assert len(spec["blocks"]["module"]["params"]) == 2
