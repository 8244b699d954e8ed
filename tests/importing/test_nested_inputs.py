"""Forwards that read lists, tuples and dicts of tensors: each tensor is an input under the words that lead to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.errors import ImportingError
from archgraph.importing.sources.input_descriptions import described


class Pyramid(nn.Module):
    """Levels by name, each with a tensor and its scale, and masks that need not be there."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = nn.Linear(4, 3), nn.Linear(6, 3)

    def forward(self, levels: Mapping[str, Any], masks: Sequence[Tensor] | None = None) -> Tensor:
        fine, scale = levels["fine"]
        y = self.fine(fine) * scale + self.coarse(levels["coarse"])
        return y if masks is None else y * masks[0] - masks[1]


class Several(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, *images: Tensor, factor: float = 2.0) -> Tensor:
        return self.layer(images[0]) * factor + images[1]


LEVELS = {"fine": ("N,4", "N,1"), "coarse": "N,6"}


def test_every_tensor_is_an_input() -> None:
    module = Pyramid()
    graph = ag.from_torch(module, {"levels": LEVELS, "masks": ["N,3", "N,1"]})
    names = ["levels_fine_0", "levels_fine_1", "levels_coarse", "masks_0", "masks_1"]
    assert [value.name for value in graph.inputs] == names
    ours = ag.to_torch(graph).eval()
    ours.load_state_dict(module.state_dict())
    a, b, c, d, e = (torch.randn(3, width) for width in (4, 1, 6, 3, 1))
    torch.testing.assert_close(ours(a, b, c, d, e), module({"fine": (a, b), "coarse": c}, [d, e]))


def test_dots_lead_to_a_tensor() -> None:
    inputs = dict(map(described, ["levels.fine.0=N,4", "levels.fine.1=N,1", "levels.coarse=N,6"]))
    graph = ag.from_torch(Pyramid, inputs, verify=False)
    assert [value.name for value in graph.inputs] == ["levels_fine_0", "levels_fine_1", "levels_coarse"]


def test_a_forward_with_a_star() -> None:
    graph = ag.from_torch(Several, {"images": (torch.randn(2, 4), torch.randn(2, 2))})
    assert [str(value.type) for value in graph.inputs] == ["[N, 4]", "[N, 2]"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"level": LEVELS}, "no input 'level'(.|\n)*did you mean 'levels'"),
        ({"levels": {"fine": ("N,4", 3)}}, "the input 'levels_fine_1' is no tensor"),
        ({"levels": {"fi-ne": "N,4"}}, "an input cannot be called 'levels_fi-ne'"),
        ({"levels": "N,4", "levels.fine": "N,4"}, "'levels.fine' stands inside of another one"),
        ({"masks": ["N,3", "N,3"]}, "reads more inputs(.|\n)*--input levels=…"),
    ],
)
def test_inputs_that_do_not_fit(inputs: Any, message: str) -> None:
    with pytest.raises(ImportingError, match=message):
        ag.from_torch(Pyramid(), inputs)
