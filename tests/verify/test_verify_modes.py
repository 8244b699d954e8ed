"""A file is the network in evaluation, whatever mode the module was in; the module keeps its mode and its numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import archgraph as ag

SPEC = {
    "archgraph": 1,
    "name": "moody",
    "inputs": {"x": ["N", 4, "H", "W"]},
    "nodes": {
        "bn": "batch_norm2d",
        "drop": {"op": "dropout", "p": 0.5},
        "depth": {"op": "stochastic_depth", "p": 0.5},
        "conv": {"op": "conv2d", "out_channels": 4, "kernel_size": 1},
        "after": "batch_norm2d",
    },
}


@pytest.mark.parametrize("training", [True, False])
def test_a_module_is_exported_as_it_is_evaluated(training: bool, tmp_path: Path) -> None:
    module = ag.to_torch(ag.load(SPEC), seed=2)
    for _ in range(3):  # the statistics move
        module.train()(3 * torch.randn(8, 4, 5, 5) + 1)
    state = {key: value.clone() for key, value in module.state_dict().items()}
    module.train(training)
    found = ag.to_onnx(module, tmp_path / "m.onnx")
    assert found.certificate is not None
    assert found.certificate.equal
    assert all(part.training is training for part in module.modules())
    assert all(value.equal(state[key]) for key, value in module.state_dict().items())
    kinds = {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    assert kinds.isdisjoint({"Dropout", "RandomUniformLike", "Bernoulli"})
    x = torch.randn(3, 4, 6, 7)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {"x": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(out, module.eval()(x).numpy(), rtol=1e-4, atol=1e-5)
        assert np.abs(out - module.train()(x).numpy()).max() > 0.1
