"""Parameters and multiply-accumulates, counted by others on the published implementations."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import references
import torch
import torchinfo
from sampling_of_cases import with_slow
from shipped_graphs import shipped
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import archgraph as ag
from archgraph.errors import SchemaError
from archgraph.graph import parameter_count
from archgraph.graph.cost import cost

# The tables of the papers' implementations: torchvision's documentation, and diffusers' checkpoints.
PUBLISHED = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50_32x4d": 25_028_904,
    "resnext101_32x8d": 88_791_336,
    "resnext101_64x4d": 83_455_272,
    "wide_resnet50_2": 68_883_240,
    "wide_resnet101_2": 126_886_696,
    "vit_b_16": 86_567_656,
    "convnext_tiny": 28_589_128,
    "densenet121": 7_978_856,
    "mobilenet_v2": 3_504_872,
    "ddpm@cifar10": 35_746_307,
    "ddpm@celebahq256": 113_673_219,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_count_is_asserted_by_the_spec_and_is_right(name: str) -> None:
    graph = shipped(name)
    assert graph.info.spec["assert"]["parameters"][graph.info.preset] == PUBLISHED[name]
    assert parameter_count(graph) == ag.summarize(graph).cost.parameters == PUBLISHED[name]


def test_a_count_that_is_not_the_asserted_one_is_refused() -> None:
    spec = {
        "archgraph": 1,
        "name": "off",
        "inputs": {"x": ["N", 4]},
        "nodes": {"fc": {"op": "linear", "out_features": 3}},
        "assert": {"parameters": 16},
    }
    with pytest.raises(SchemaError, match=r"another number of parameters than .assert. states[\s\S]*received: 15"):
        ag.load(spec)


def on_meta(build: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    with torch.device("meta"):
        return build().eval()


def torchvision(name: str) -> torch.nn.Module:
    return on_meta(lambda: getattr(references.torchvision().models, name)(weights=None))


CONVOLUTIONAL = ["resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2", "densenet121", "mobilenet_v2"]


@pytest.mark.parametrize("name", with_slow(CONVOLUTIONAL, ("resnet18", "resnet50", "wide_resnet50_2", "densenet121")))
def test_totals_are_within_half_a_percent_of_torchinfos(name: str) -> None:
    """torchinfo counts biases and norms as work too; convolutions outweigh them here."""
    image = torch.zeros(1, 3, 224, 224, device="meta")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = torchinfo.summary(torchvision(name), input_data=image, device="meta", verbose=0)
    totals = ag.summarize(shipped(name), {"N": 1, "H": 224, "W": 224}).cost
    assert totals.parameters == found.total_params
    assert totals.macs == pytest.approx(found.total_mult_adds, rel=0.005)


def diffusers(config: dict[str, Any]) -> torch.nn.Module:
    return on_meta(lambda: references.unet2d(**config))


UNETS = {
    "ddpm@cifar10": (references.DDPM_CIFAR10, 32),
    "ddpm@celebahq256": (references.DDPM_CELEBAHQ256, 256),
}


@pytest.mark.parametrize("name", with_slow([*UNETS, "vit_b_16", "convnext_tiny"], ("ddpm@celebahq256",)))
def test_attention_is_counted_as_torch_counts_it_on_the_reference(name: str) -> None:
    if name in UNETS:
        config, side = UNETS[name]
        module, more = diffusers(config), (torch.zeros(1, dtype=torch.int64, device="meta"),)
    else:
        module, side, more = torchvision(name), 224, ()
    image = torch.zeros(1, 3, side, side, device="meta")
    # Kernels that fuse attention are not counted.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        module(image, *more)
    graph = shipped(name)
    symbols = {"N": 1, "H": side, "W": side}
    used = {str(dim): symbols[str(dim)] for value in graph.inputs for dim in value.shape if str(dim) in symbols}
    assert 2 * cost(graph, used).macs == pytest.approx(counter.get_total_flops(), rel=0.005)
