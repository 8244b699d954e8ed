"""Networks of timm that are other networks with changes: keys, outputs, input gradients and training mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import references
from published_parity import CLASSES, Case, Network, assert_equal_networks, assert_same_keys, spec
from sampling_of_cases import with_slow

import archgraph as ag


def timm_model(name: str, **config: Any) -> Network:
    return lambda: references.timm().create_model(name, **config)


PUBLISHED = (
    *("seresnet50", "seresnet101", "seresnet152", "seresnext50_32x4d", "seresnext101_32x8d"),
    *("resnet18d", "resnet34d", "resnet26d", "resnet50d", "resnet101d", "resnet152d"),
    *("ecaresnet50d", "ecaresnet101d"),
)
DEFAULT = {"seresnext50_32x4d", "resnet34d", "ecaresnet50d"}


@pytest.mark.parametrize("name", with_slow(PUBLISHED, set(PUBLISHED) - DEFAULT))
def test_keys_and_shapes_in_order(name: str) -> None:
    assert_same_keys(name, timm_model(name))


DEPTHS = [1, 2, 1, 1]
CASES = {
    name: Case(timm_model(name, layers=DEPTHS, num_classes=CLASSES), spec(name, depths=DEPTHS), (2, 3, 40, 33))
    for name in ("seresnet50", "resnet18d", "ecaresnet50d")
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("training", [pytest.param(False, marks=pytest.mark.slow), True])
def test_outputs_and_input_gradients(name: str, training: bool) -> None:
    case = CASES[name]
    assert_equal_networks(case.graph(), case.published, case.shape, training=training)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_file_is_proved_equal(name: str, tmp_path: Path) -> None:
    found = ag.to_onnx(ag.to_torch(CASES[name].graph()), tmp_path / "network.onnx", profile="cpu")
    assert found.certificate is not None
