"""Every operation means the same in its contract, in torch and in ONNX.

The tests themselves are generated where each target is tested: `tests/ops` holds shape rules, weights and costs
against torch, `tests/codegen` the generated torch against torch, `tests/export` ONNX Runtime against torch. All three
draw the same examples and random attributes, so that the three shapes and the outputs are compared pairwise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from operation_tests import examples, single

import archgraph as ag
from archgraph.dims import Facts
from archgraph.ops import REGISTRY, Example, Inputs, make

PROMISED = """
conv2d conv_transpose2d linear embedding batch_norm2d group_norm layer_norm rms_norm instance_norm2d relu leaky_relu
silu gelu sigmoid tanh softmax hardswish relu6 max_pool2d avg_pool2d adaptive_avg_pool2d interpolate pixel_shuffle
pixel_unshuffle add sub mul div concat split chunk reshape permute flatten pad mean matmul scaled_dot_product_attention
sinusoidal_embedding dropout identity constant parameter
"""


def test_every_promised_operation_is_there() -> None:
    assert sorted(set(PROMISED.split()) - set(REGISTRY)) == []


FIRST = [param for param in examples() if param.id.endswith("-0")]
"""The first example of each operation: each target is compared with torch on all of them where it is tested."""


@pytest.mark.parametrize(("name", "example"), FIRST)
def test_contract_torch_and_onnx_say_the_same(name: str, example: Example, tmp_path: Path) -> None:
    """One application, by way of the graph: three shapes, the outputs, and the number of parameters."""
    op, inputs = make(REGISTRY[name], example.attributes), Inputs(example.inputs)
    graph = single(op, example.inputs)
    module = ag.to_torch(graph, seed=1).eval()
    ag.to_onnx(module, tmp_path / "it.onnx", verify=False)
    session = onnxruntime.InferenceSession(tmp_path / "it.onnx", providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    arrays = []
    for value, port in zip(graph.inputs, op.ports * len(graph.inputs), strict=False):
        drawn = rng.uniform(0.1, 2, value.shape) if value.dtype.startswith("float") else rng.integers(0, 2, value.shape)
        arrays.append((np.sort(drawn) if port.role == "sorted" else drawn).astype(value.dtype))
    with torch.no_grad():
        found = module(*map(torch.from_numpy, arrays))
    torchs = [one.detach().numpy() for one in (found if isinstance(found, tuple) else (found,))]
    onnxs = session.run(None, {value.name: array for value, array in zip(graph.inputs, arrays, strict=True)})
    shapes = [tuple(kind.shape) for kind in op.infer(inputs, Facts())]
    assert [one.shape for one in torchs] == [one.shape for one in onnxs] == shapes
    for ours, theirs in zip(onnxs, torchs, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    counted = sum(weight.elements for weight in op.weights(inputs) if weight.trainable)
    assert sum(tensor.numel() for tensor in module.parameters()) == counted
