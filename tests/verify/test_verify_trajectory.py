"""Runs of a sampler in which the file may be further off than torch: by what rounding can reach, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper, numpy_helper
from tiny_network import altered

import archgraph
from archgraph.errors import VerificationError
from archgraph.verify import export_verified, verify
from archgraph.verify.trajectory import Trajectory

STEP = 2.0**-24
LOUD = 1000.0
SPEC = {
    "archgraph": 1,
    "name": "quiet",
    "meta": {"diffusion": {"schedule": {"kind": "linear"}, "prediction": "epsilon", "clip": False, "size": 8}},
    "inputs": {"x": ["N", 3, "H", "W"], "t": {"shape": ["N"], "dtype": "int64"}},
    "nodes": {
        "waves": {"op": "sinusoidal_embedding", "in": "t", "dim": 8},
        "times": {"op": "linear", "out_features": 3},
        "spread": {"op": "unsqueeze", "dim": [-1, -1]},
        "stem": {"op": "conv2d", "in": "x", "out_channels": 3, "kernel_size": 3, "padding": 1},
        "sum": {"op": "add", "in": ["stem", "spread"]},
        "low": {"op": "add", "value": -14.0},
        "gate": "sigmoid",
        "noise": {"op": "mul", "value": LOUD},
    },
}
"""A noise of 1000 sigmoid(u - 14): the sigmoid is near 1e-6, where torch is off by 1e-13 and ONNX Runtime by 1e-8."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, Path, Trajectory]:
    module = archgraph.to_torch(archgraph.load(SPEC), seed=0)
    path = tmp_path_factory.mktemp("quiet") / "m.onnx"
    certificate = export_verified(module, path).certificate
    assert certificate is not None
    assert certificate.equal
    assert certificate.trajectory is not None
    return module, path, certificate.trajectory


def kept(time: float) -> float:
    """ᾱ of the linear schedule, https://arxiv.org/abs/2006.11239: the product of 1 - β, with β from 1e-4 to 0.02."""
    return float(np.prod(1 - np.linspace(1e-4, 0.02, 1000)[: int(time) + 1]))


def test_a_file_that_is_further_off_than_torch_is_held_against_what_rounding_reaches(
    made: tuple[torch.nn.Module, Path, Trajectory],
) -> None:
    """A step of DDIM, https://arxiv.org/abs/2010.02502, takes √(ᾱ' / ᾱ) √(1 - ᾱ) - √(1 - ᾱ') times the noise. The
    sigmoid is off by a rounding that near numbers share, and half of one by itself."""
    first, second, *_ = steps = made[2].steps
    assert any(step.errors.mean > 4 * step.errors.torch_mean + 1e-6 for step in steps)
    now, then = kept(first.time), kept(second.time)
    taken = np.sqrt(then / now * (1 - now)) - np.sqrt(1 - then)
    assert first.errors.reach_mean == pytest.approx(LOUD * STEP * taken * np.hypot(1, 0.5), rel=0.1)
    assert all(step.errors.reach_mean > first.errors.reach_mean for step in steps[1:]), "errors of all steps add up"


def test_a_fault_that_only_sampling_shows_is_found_there_too(
    made: tuple[torch.nn.Module, Path, Trajectory], tmp_path: Path
) -> None:
    """At one time the noise is 100 times larger, and none of the times that are tried by themselves is that one."""
    module, path, run = made
    time = int(run.steps[5].time)
    wrong = tmp_path / "m.onnx"
    wrong.write_bytes(path.read_bytes())

    def larger(graph: Any, nodes: dict[str, Any]) -> None:
        constants = {"that": np.array(time), "one": np.float32(1), "hundred": np.float32(100)}
        constants["rows"] = np.array([-1, 1, 1, 1])
        graph.initializer.extend(numpy_helper.from_array(np.asarray(each), name) for name, each in constants.items())
        nodes["gate"].output[0] = "gated"
        place = list(graph.node).index(nodes["noise"])
        for node in (
            helper.make_node("Mul", ["gated", "factors"], ["gate"]),
            helper.make_node("Reshape", ["factor", "rows"], ["factors"]),
            helper.make_node("Where", ["then", "hundred", "one"], ["factor"]),
            helper.make_node("Equal", ["t", "that"], ["then"]),
        ):
            graph.node.insert(place, node)

    altered(wrong, larger)
    with pytest.raises(VerificationError, match=f"sampling departs at step 6 of 10, at time {time}"):
        verify(module, wrong)
