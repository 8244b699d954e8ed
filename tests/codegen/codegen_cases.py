"""Small graphs by hand, the torch side of every operation, and generated files as plain Python files."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import timm_networks
import torch
from torch import Tensor, nn

from archgraph.dims import Dim, Facts, evaluate, symbol
from archgraph.graph.builder import Builder, CallSpec
from archgraph.graph.types import Call, Graph, Node, Value
from archgraph.ops import Operation, lookup, make

N, H, W = map(symbol, ("N", "H", "W"))
_numbers = itertools.count()
NARROW: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "ddpm": ({"channels": [32, 64], "attention": [False, True], "layers": 1}, {"N": 2, "H": 8, "W": 12}),
    "ldm_unet": ({"channels": [32, 64], "attention": [False, True], "layers": 1}, {"N": 2, "H": 8, "W": 12}),
    "attention_unet": ({"dim": 16, "dim_mults": [1, 2], "heads": 2, "head_dim": 8}, {"N": 2, "H": 8, "W": 16}),
    "vit": ({"image_size": 16, "patch": 8, "dim": 16, "depth": 2, "heads": 2, "mlp_dim": 24, "classes": 5}, {"N": 2}),
    "mixer": ({"image_size": 16, "patch": 8, "dim": 16, "depth": 2, "classes": 5}, {"N": 2}),
    "deit": (
        {"image_size": 16, "patch": 8, "dim": 16, "depth": 2, "heads": 2, "distilled": True, "layer_scale": 0.1},
        {"N": 2},
    ),
    "temporal_unet": ({"channels": [8, 16, 24]}, {"N": 2, "L": 12}),
    "dit": ({"size": 8, "width": 16, "depth": 2, "heads": 2, "classes": 10}, {"N": 2}),
    "convnext": ({"depths": [1, 2], "channels": [8, 16], "classes": 5}, {"N": 2, "H": 32, "W": 48}),
    "resnet_d2l": ({}, {"N": 2, "H": 32, "W": 40}),
    "resnet": (
        {"block": "bottleneck", "base_width": 8, "depths": [1, 2, 1, 1], "classes": 7},
        {"N": 2, "H": 72, "W": 104},
    ),
    "se_resnet": ({"base_width": 8, "depths": [1, 2, 1, 1], "classes": 7}, {"N": 2, "H": 72, "W": 104}),
    "resnet_d": ({"depths": [1, 2, 1, 1], "classes": 7}, {"N": 2, "H": 72, "W": 104}),
    "eca_resnet": ({"base_width": 8, "depths": [1, 2, 1, 1], "classes": 7}, {"N": 2, "H": 72, "W": 104}),
    "densenet": ({"depths": [2, 3], "growth": 4, "init_features": 8, "classes": 5}, {"N": 2, "H": 32, "W": 48}),
    "efficientnet": (
        {
            "expand": [1, 6],
            "kernels": [3, 5],
            "strides": [1, 2],
            "channels": [8, 16],
            "depths": [1, 2],
            "classes": 5,
        },
        {"N": 2, "H": 32, "W": 48},
    ),
    "res2net": ({"depths": [1, 2, 1, 1], "classes": 5}, {"N": 2, "H": 32, "W": 48}),
    "hrnet": (
        {"width": 8, "exchanges": [1, 2, 1], "depth": 1, "layers": 1, "classes": 5},
        {"N": 2, "H": 32, "W": 64},
    ),
    "deeplabv3": ({"depths": [1, 1, 2, 1], "width": 8, "classes": 5}, {"N": 2, "H": 33, "W": 48}),
    "alexnet": ({"classes": 5}, {"N": 2, "H": 67, "W": 80}),
    "vgg": (
        {"depths": [1, 2], "channels": [8, 16], "norm": True, "hidden": 12, "classes": 5},
        {"N": 2, "H": 16, "W": 24},
    ),
    "squeezenet": ({"squeeze": [4, 6], "depths": [1, 1], "classes": 5}, {"N": 2, "H": 32, "W": 48}),
    "mnasnet": ({"stem": 8, "narrow": 8, "channels": [8] * 6, "head": 16, "classes": 5}, {"N": 2, "H": 32, "W": 48}),
    "mobilenet_v3": ({"classes": 5}, {"N": 2, "H": 32, "W": 48}),
    "shufflenet_v2": (
        {"depths": [1, 2], "channels": [8, 16], "stem": 8, "top": 12, "classes": 5},
        {"N": 2, "H": 32, "W": 48},
    ),
    "efficientnet_v2": (
        {"stem": 8, "fused": 1, "expand": [1, 4], "strides": [1, 2], "channels": [8, 16], "depths": [1, 2], "head": 16},
        {"N": 2, "H": 32, "W": 48},
    ),
    "fcn": ({"depths": [1, 1, 2, 1], "widths": [8, 8], "classes": 5}, {"N": 2, "H": 33, "W": 48}),
    "lraspp": ({"classes": 5}, {"N": 2, "H": 40, "W": 48}),
    "s3d": ({"classes": 5}, {"N": 1, "T": 13, "H": 209, "W": 209}),
    "mobilenet": ({"depths": [1, 2, 1, 1, 1, 1, 1], "classes": 5}, {"N": 2, "H": 32, "W": 48}),
    "gpt2": ({"vocab": 9, "context": 16, "dim": 12, "depth": 2, "heads": 3}, {"N": 2, "L": 7}),
    "bert": ({"vocab": 9, "max_length": 16, "dim": 12, "depth": 2, "heads": 3}, {"N": 2, "L": 7}),
    "clip_vision": (
        {"image_size": 32, "patch": 8, "dim": 12, "depth": 2, "heads": 3, "projection": 7},
        {"N": 2},
    ),
    "clip_text": (
        {"vocab": 9, "context": 16, "dim": 12, "depth": 2, "heads": 3, "projection": 7, "end_token": 1},
        {"N": 2, "L": 7},
    ),
    "t5_encoder": (
        {"vocab": 9, "dim": 12, "hidden": 20, "depth": 2, "heads": 3, "head_dim": 5, "gated": True},
        {"N": 2, "L": 7},
    ),
    "whisper_encoder": ({"mels": 5, "context": 12, "dim": 12, "depth": 2, "heads": 3}, {"N": 2, "T": 21}),
    "wav2vec2": (
        {
            "channels": 6,
            "kernels": [10, 3],
            "strides": [5, 2],
            "dim": 12,
            "depth": 2,
            "heads": 3,
            "position_kernel": 4,
            "position_groups": 3,
        },
        {"N": 2, "T": 95},
    ),
    "wav2vec2_conformer": (
        {
            "channels": 6,
            "kernels": [10, 3],
            "strides": [5, 2],
            "dim": 12,
            "depth": 1,
            "heads": 3,
            "kernel_size": 5,
            "position_kernel": 4,
            "position_groups": 3,
        },
        {"N": 2, "T": 95},
    ),
    "dance_diffusion": ({"channels": [32, 32], "attentions": 1}, {"N": 2, "L": 16}),
    "mixtral": (
        {"vocab": 9, "dim": 24, "hidden": 20, "depth": 2, "heads": 6, "kv_heads": 2, "experts": 4},
        {"N": 2, "L": 7},
    ),
    "llama": ({"vocab": 9, "dim": 24, "hidden": 20, "depth": 2, "heads": 6, "kv_heads": 2}, {"N": 2, "L": 7}),
    "convnextv2": ({"depths": [1, 2], "channels": [8, 16], "classes": 5}, {"N": 2, "H": 32, "W": 48}),
    "swin": (
        {"depths": [1, 2], "heads": [1, 2], "channels": 8, "window": 3, "classes": 5},
        {"N": 2, "H": 33, "W": 48},
    ),
    "swin_v2": (
        {"depths": [1, 2], "heads": [1, 2], "channels": 8, "window": 3, "classes": 5},
        {"N": 2, "H": 33, "W": 48},
    ),
    "maxvit": (
        {"image_size": 16, "stem": 8, "channels": [8, 16], "depths": [1, 1], "head_dim": 4, "window": 2, "classes": 5},
        {"N": 2},
    ),
    "levit": (
        {"image_size": 48, "channels": [16, 24, 32], "depths": [1, 1, 1], "heads": [2, 3, 4], "key_dim": 4},
        {"N": 2},
    ),
    "inception": ({"classes": 5}, {"N": 1, "H": 299, "W": 299}),
    "regnet": ({"depths": [1, 2], "widths": [16, 24], "classes": 5}, {"N": 2, "H": 32, "W": 48}),
    "r3d": (
        {"depths": [1, 2], "stem": 8, "planes": [8, 16], "times": [3, 3], "classes": 5},
        {"N": 2, "T": 4, "H": 24, "W": 32},
    ),
    "googlenet": ({"classes": 5}, {"N": 2, "H": 64, "W": 64}),
    "swin3d": (
        {"depths": [1, 2], "heads": [1, 2], "channels": 8, "patch": [2, 2, 2], "window": [2, 3, 3], "classes": 5},
        {"N": 2, "T": 5, "H": 11, "W": 21},
    ),
    "mvit": (
        {
            "frames": 4,
            "image_size": 32,
            "depths": [1, 2],
            "channels": [8, 16],
            "heads": [1, 2],
            "kv_strides": [4, 1],
            "improved": True,
        },
        {"N": 2},
    ),
    "deeplabv3_mobile": ({"classes": 5}, {"N": 2, "H": 40, "W": 48}),
    **{
        name: ({"vocab": 9, "dim": 24, "hidden": 20, "depth": 2, "heads": 3, "kv_heads": 1}, {"N": 2, "L": 7})
        for name in ("mistral", "qwen2", "smollm2", "gemma")
    },
    "gpt_neox": ({"vocab": 9, "dim": 24, "depth": 2, "heads": 3, "rotary": 0.5}, {"N": 2, "L": 7}),
    "opt": ({"vocab": 9, "context": 16, "dim": 12, "depth": 2, "heads": 3}, {"N": 2, "L": 7}),
    **{
        name: ({"vocab": 9, "max_length": 16, "dim": 12, "depth": 2, "heads": 3}, {"N": 2, "L": 7})
        for name in ("roberta", "distilbert", "electra", "albert")
    },
    "modernbert": ({"vocab": 9, "dim": 12, "hidden": 20, "depth": 4, "heads": 3, "window": 2}, {"N": 2, "L": 7}),
    **{
        name: ({"image_size": 32, "patch": 8, "dim": 12, "hidden": 20, "depth": 2, "heads": 3}, {"N": 2})
        for name in ("vit_model", "vit_classifier")
    },
    "segformer": (
        {"depths": [1, 2, 1, 1], "channels": [8, 12, 20, 24], "heads": [1, 2, 2, 3], "decoder": 16, "classes": 7},
        {"N": 2, "H": 32, "W": 48},
    ),
    "siglip_vision": ({"image_size": 32, "patch": 8, "dim": 12, "hidden": 20, "depth": 2, "heads": 3}, {"N": 2}),
    "pixart": ({"size": 8, "heads": 2, "head_dim": 12, "depth": 2, "context_dim": 20, "sized": True}, {"N": 2, "L": 5}),
    "autoencoder_tiny": ({"channels": 8, "encoder": [1, 2], "decoder": [2, 1]}, {"N": 2, "H": 8, "W": 12}),
}
for _name, _narrow in timm_networks.NETWORKS.items():
    if " " not in _name:
        NARROW[_name] = (dict(_narrow.ours), {"N": 2, "H": _narrow.size[0], "W": _narrow.size[1]})
"""Variants of the shipped specs that take no time, and the sizes that they are run at."""


def op(name: str, **attributes: Any) -> Operation:
    return make(lookup(name), attributes)


class Net:
    """Builds graphs in a few words: each method applies something to a value and gives its first output."""

    def __init__(self, name: str = "net", facts: Facts | None = None):
        self.build = Builder(name, facts)
        self.items: dict[str, Node | Call] = {}

    def input(self, *shape: Dim, name: str = "x", dtype: str = "float32") -> Value:
        return self.build.input(name, shape, dtype)

    def __call__(self, name: str, operation: str, *inputs: Value, **attributes: Any) -> Value:
        shares = attributes.pop("shares", None)
        ties = attributes.pop("ties", None)
        node = self.build.apply(name, op(operation, **attributes), list(inputs), shares=shares, ties=ties)
        self.items[name] = node
        return node.output

    def call(self, name: str, body: Graph, *inputs: Value, **spec: Any) -> Value:
        call = self.build.call(name, body, inputs, as_=CallSpec(**spec))
        self.items[name] = call
        return call.output

    def inner(self, name: str) -> Net:
        """A body within: it shares what is known of sizes."""
        return Net(name, self.build.facts)

    def finish(self, *outputs: Value, **spec: Any) -> Graph:
        if len(outputs) == 1:
            return self.build.finish(outputs[0], **spec)
        return self.build.finish({f"y{i}": value for i, value in enumerate(outputs)}, **spec)


def written_file(text: str, folder: Path) -> ModuleType:
    """The generated text as a file of its own, imported as Python imports any other."""
    path = folder / f"generated_{next(_numbers)}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def inputs_for(graph: Graph, sizes: Mapping[str, int], seed: int = 0) -> list[Tensor]:
    """Normal numbers and small whole numbers at the given sizes."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for value in graph.inputs:
        shape = [evaluate(dim, sizes) for dim in value.shape]
        dtype = getattr(torch, value.dtype)
        if dtype.is_floating_point:
            found.append(torch.randn(shape, generator=generator).to(dtype))
        else:
            found.append(torch.randint(0, 2, shape, generator=generator).to(dtype))
    return found


def outputs(module: nn.Module, *inputs: Tensor) -> list[Tensor]:
    """What a module gives in evaluation, as a list."""
    with torch.no_grad():
        found = module.eval()(*inputs)
    return list(found) if isinstance(found, tuple) else [found]


def shaken(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with weights and statistics that are all different, so that exchanged ones are seen."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                drawn = torch.randn(tensor.shape, generator=generator) * 0.3
                tensor.copy_(drawn.abs() + 0.5 if name.endswith("running_var") else drawn)
    return module


Make = Callable[..., Any]
