"""Pictures are called image and numbers for classes logits, where the module's forward says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import references
from proved_imports import proved
from torch import Tensor, nn

from archgraph.importing.api import import_module, loaded, traced_graph
from archgraph.importing.opened_modules import constructed, opened
from archgraph.importing.proof.parity import prove
from archgraph.importing.sources.input_descriptions import InputDescription
from archgraph.importing.sources.module_source import module_source
from archgraph.importing.writing.families.usual_names import with_usual_names
from archgraph.importing.writing.modules.naming import name_of_entry
from archgraph.importing.writing.spec_data import spec_data

PICTURES = InputDescription(("N", 3, "H", "W"))


class Classifier(nn.Module):
    def __init__(self, num_classes: int = 5, channels: int = 3) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(channels, 8, 3), nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.conv(x).mean((2, 3)))
        return out


class Named(Classifier):
    def forward(self, pixel_values: Tensor) -> Tensor:
        return super().forward(pixel_values)


class Features(Classifier):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


def written(module: nn.Module, inputs: Mapping[str, InputDescription], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The spec of a module with the usual names, proved."""
    with opened(module, constructed(module), inputs, None, {}) as one:
        graph = traced_graph(one.tracer).graph
    spec = spec_data(with_usual_names(graph, arguments, named=False), "network")
    names = dict(zip(spec["inputs"], inputs, strict=True))
    assert prove(loaded(spec), module, arguments=names).difference < 1e-12
    return spec


def test_a_classifier_reads_an_image_and_hands_out_logits() -> None:
    spec = written(Classifier(), {"x": PICTURES}, {"num_classes": 5})
    assert (list(spec["inputs"]), spec["outputs"]) == (["image"], {"logits": "head"})


@pytest.mark.parametrize(
    ("module", "inputs", "expected"),
    [
        (Named(), {"pixel_values": PICTURES}, "pixel_values"),
        (Classifier(channels=4), {"x": InputDescription(("N", 4, "H", "W"))}, "x"),
    ],
    ids=["a telling name", "no three colours"],
)
def test_other_inputs_keep_their_names(
    module: nn.Module, inputs: Mapping[str, InputDescription], expected: str
) -> None:
    assert list(written(module, inputs, {"num_classes": 5})["inputs"]) == [expected]


@pytest.mark.parametrize(
    ("module", "arguments"), [(Features(), {"num_classes": 5}), (Classifier(), {"num_classes": 8}), (Classifier(), {})]
)
def test_features_and_other_numbers_are_no_logits(module: nn.Module, arguments: Mapping[str, Any]) -> None:
    assert "outputs" not in written(module, {"x": PICTURES}, arguments)


def test_names_of_the_user_stay() -> None:
    made = proved(Classifier, {"x": PICTURES})
    assert (list(made.spec["inputs"]), made.spec["outputs"]) == (["x"], {"logits": "head"})


def test_a_network_of_a_library_is_proved_under_these_names() -> None:
    references.timm()
    made = import_module(module_source("timm:test_byobnet"))
    assert made.parity is not None
    assert made.parity.difference < 1e-10
    assert (list(made.spec["inputs"]), list(made.spec["outputs"])) == (["image"], ["logits"])


@pytest.mark.parametrize(
    ("argument", "taken", "called"),
    [
        ("num_heads", {"num_heads"}, "heads"),
        ("mid_chs", {"mid_chs"}, "mid"),
        ("kernel_size", {"kernel_size"}, "kernel"),
        ("kernel_size", set(), "kernel_size"),
        ("kernel_size", {"kernel_size", "kernel"}, "kernel_size2"),
        ("in_channels", {"in_channels"}, "in_channels2"),
        ("depth", {"depth"}, "depth2"),
    ],
)
def test_an_entry_of_a_list_is_called_by_what_it_is_where_the_list_has_its_name(
    argument: str, taken: set[str], called: str
) -> None:
    assert name_of_entry(argument, taken) == called
