"""The units of ResNet with another norm, as torchvision's `norm_layer` puts it there: equal keys and outputs."""

from __future__ import annotations

from typing import Any

import pytest
import references
import torch

import archgraph as ag

GROUPS = {"op": "group_norm", "num_groups": 4, "eps": 1e-3}
OWN = {"inputs": {"x": ["N", "C", "H", "W"]}, "nodes": {"norm": {"op": "instance_norm2d", "affine": True}}}


def unit(op: str, planes: int, stride: int, norm: Any) -> dict[str, Any]:
    """A network that is one unit, hidden, so that its keys stand at the top."""
    node = {"op": op, "planes": planes, "stride": stride, "norm": norm, "path": "."}
    return {"archgraph": 1, "name": "unit", "inputs": {"x": ["N", 16, "H", "W"]}, "nodes": {"it": node}}


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("op", "kind", "expansion"), [("basic", "BasicBlock", 1), ("bottleneck", "Bottleneck", 4)])
def test_another_norm(op: str, kind: str, expansion: int, stride: int) -> None:
    planes = 16 // expansion if stride == 1 else 8
    project = None
    if stride != 1:
        project = torch.nn.Sequential(
            torch.nn.Conv2d(16, planes * expansion, 1, stride, bias=False),
            torch.nn.GroupNorm(4, planes * expansion, eps=1e-3),
        )
    build = getattr(references.torchvision().models.resnet, kind)
    reference = build(16, planes, stride, project, norm_layer=lambda width: torch.nn.GroupNorm(4, width, eps=1e-3))
    references.randomised(reference)
    model = ag.to_torch(ag.load(unit(op, planes, stride, GROUPS))).eval()
    assert list(model.state_dict()) == list(reference.state_dict())
    model.load_state_dict(reference.state_dict(), strict=True)
    x = torch.randn(2, 16, 9, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(model(x), reference(x), rtol=1e-4, atol=1e-4)


def norms(graph: Any) -> dict[str, str]:
    """What normalises, by its path below the unit; work without weights keeps the level of the unit."""
    return {
        placed.path.removeprefix("it."): placed.node.op.name
        for placed in ag.graph.walk(graph)
        if "norm" in placed.node.op.name
    }


@pytest.mark.parametrize("op", ["basic", "bottleneck"])
def test_a_norm_by_name_and_one_of_ones_own(op: str) -> None:
    plain = norms(ag.load({**unit(op, 4, 2, None), "nodes": {"it": {"op": op, "planes": 4, "stride": 2, "path": "."}}}))
    assert {"bn1", "bn2", "downsample.1"} <= set(plain)
    assert set(plain.values()) == {"batch_norm2d"}
    assert norms(ag.load(unit(op, 4, 2, "instance_norm2d"))) == dict.fromkeys(plain, "instance_norm2d")
    own = ag.to_torch(ag.load({**unit(op, 4, 2, "mine"), "blocks": {"mine": OWN}}))
    assert all(f"{path}.norm.weight" in own.state_dict() for path in plain)
