"""Names of blocks from those of classes."""

from __future__ import annotations

import pytest

from archgraph.importing.writing.modules.naming import block_name

NAMES = {
    "BasicBlock": "basic_block",
    "LayerNorm2D": "layer_norm2d",
    "BertSelfAttention": "bert_self_attention",
    "SEResNeXtBottleneck": "se_resnext_bottleneck",
    "SENet": "senet",
    "UNet": "unet",
    "VoVNet": "vovnet",
    "MobileNetV2": "mobilenet_v2",
    "ConvNeXt": "convnext",
    "CSPNeXtLayer": "cspnext_layer",
    "ViT": "vit",
    "BEiT": "beit",
    "CrossViT": "cross_vit",
    "PReLU": "prelu",
    "ConvBNReLU": "conv_bn_relu",
    "SwiGLU": "swiglu",
    "NetVLAD": "net_vlad",
    "AlexNetworks": "alex_networks",
    "InceptionA": "inception_a",
    "HighPerfGpuBlock": "high_perf_gpu_block",
    "some_Net": "some_net",
    "Net": "net",
    "ReLU": "relu",
}


@pytest.mark.parametrize("class_name", NAMES)
def test_words_are_split_where_people_do(class_name: str) -> None:
    assert block_name(class_name) == NAMES[class_name]
