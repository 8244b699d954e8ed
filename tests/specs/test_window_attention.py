"""Attention within windows equals torchvision's at any height and width, shifted or not, in torch and in the file."""

from __future__ import annotations

from pathlib import Path

import pytest
import references
import torch

import archgraph as ag

SIZES = [(9, 6), (3, 9), (9, 3), (3, 3), (2, 5), (7, 1), (1, 1), (10, 8)]
"""Whole windows, padded ones, and a single window along one side or both, where nothing is shifted."""


def network(shift: int) -> ag.Graph:
    attention = {"op": "shifted_window_attention", "heads": 2, "window": 3, "shift": shift, "path": "."}
    return ag.load(
        {"archgraph": 1, "name": "net", "inputs": {"x": ["N", "H", "W", 8]}, "nodes": {"attention": attention}}
    )


@pytest.mark.parametrize("shift", [0, 1])
def test_any_height_and_width(shift: int, tmp_path: Path) -> None:
    swin = references.torchvision().models.swin_transformer
    reference = references.randomised(swin.ShiftedWindowAttention(8, [3, 3], [shift, shift], 2))
    module = ag.to_torch(network(shift)).eval()
    module.load_state_dict(reference.state_dict(), strict=True)
    ag.to_onnx(module, tmp_path / "attention.onnx")
    session = ag.runtime.Session(tmp_path / "attention.onnx")
    generator = torch.Generator().manual_seed(5)
    for height, width in SIZES:
        image = torch.randn(2, height, width, 8, generator=generator)
        with torch.no_grad():
            want = reference(image)
            torch.testing.assert_close(module(image), want, rtol=1e-5, atol=1e-5)
        (found,) = session.run(x=image.numpy()).values()
        torch.testing.assert_close(torch.from_numpy(found), want, rtol=1e-4, atol=1e-5)
