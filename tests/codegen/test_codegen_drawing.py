"""Large weights are drawn on all cores: the same values whatever their number, and torch's own distributions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

import archgraph
from archgraph.codegen import to_torch
from archgraph.codegen.parallel_initialization import LARGE, drawn_in_parallel

SPEC = {
    "archgraph": 1,
    "name": "wide",
    "inputs": {"image": ["N", 32, "H", "W"]},
    "nodes": {
        "stem": {"op": "conv2d", "out_channels": 96, "kernel_size": 3, "padding": 1},
        "norm": "batch_norm2d",
        "pool": {"op": "adaptive_avg_pool2d", "output_size": 1},
        "flatten": "flatten",
        "fc": {"op": "linear", "out_features": 256},
    },
}


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_values_depend_on_the_seed_alone(threads: None) -> None:
    graph = archgraph.load(SPEC)
    torch.set_num_threads(1)
    alone = to_torch(graph, seed=3).state_dict()
    torch.set_num_threads(4)
    together, other = to_torch(graph, seed=3).state_dict(), to_torch(graph, seed=4).state_dict()
    assert alone["stem.weight"].numel() > LARGE < alone["fc.weight"].numel()
    assert all(alone[key].equal(together[key]) for key in alone)
    assert not alone["stem.weight"].equal(other["stem.weight"])


def test_torchs_generator_stays_as_it_was() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    to_torch(archgraph.load(SPEC))
    assert torch.get_rng_state().equal(before)


def test_large_weights_have_the_distribution_that_torch_gives_them() -> None:
    module = to_torch(archgraph.load(SPEC))
    for layer, reference in ((module.stem, nn.Conv2d(32, 96, 3)), (module.fc, nn.Linear(96, 256))):
        ours, theirs = layer.weight.detach(), reference.weight.detach()
        assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.03)
        assert ours.abs().max().item() == pytest.approx(theirs.abs().max().item(), rel=0.01)
        assert abs(ours.mean().item()) < 0.03 * ours.std().item()


def test_no_two_weights_of_one_shape_are_alike() -> None:
    twice = {"one": {"op": "linear", "out_features": 200}, "two": {"op": "linear", "out_features": 200}}
    graph = archgraph.load({"archgraph": 1, "name": "two", "inputs": {"x": ["N", 200]}, "nodes": twice})
    module = to_torch(graph)
    assert not module.one.weight.equal(module.two.weight)


def test_what_follows_a_draw_waits_for_it() -> None:
    """nn.Embedding empties the row of its padding after it has drawn the table."""
    with drawn_in_parallel():
        table = nn.Embedding(4096, 64, padding_idx=5)
        doubled = nn.init.kaiming_uniform_(torch.empty(512, 512)) * 0 + 1
    assert not table.weight[5].any()
    assert table.weight[6].all()
    assert doubled.eq(1).all()


def test_a_draw_that_fails_is_told() -> None:
    with pytest.raises(RuntimeError, match="uniform_"), drawn_in_parallel():
        nn.init.uniform_(torch.empty(LARGE), 1.0, -1.0)
