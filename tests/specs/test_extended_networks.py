"""Networks in a few lines over shipped ones: keys and outputs equal timm's and torchvision's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import references
import torch
from published_parity import assert_equal_networks

import archgraph as ag
from archgraph.graph import weights
from archgraph.language.library import shipped_specs

SE_RESNET = """\
archgraph: 1
name: se_resnet50
extends: resnet@resnet50
after: {<bottleneck>.bn3: {se: squeeze_excitation}}
"""
REGISTERS = """\
archgraph: 1
name: vit_registers
extends: vit@vit_b_16
params: {registers: 4}
let: {tokens: =(image_size // patch) ** 2 + 1 + registers}
before:
  join: {reg_token: {op: parameter, shape: [1, =registers, =dim]}, reg_row: {op: expand, shape: [=N, -1, -1]}}
set: {join: {in: [class_row, reg_row, patches]}}
"""
LEVELS = """\
archgraph: 1
name: resnet50_levels
extends: resnet@resnet50
remove: [avgpool, flatten, fc]
outputs: {c2: layer1, c3: layer2, c4: layer3, c5: layer4}
meta: {task: null}
"""
ATTENTION = """\
archgraph: 1
name: ddpm_attention
extends: ddpm@cifar10
replace: {<spatial_attention>: {op: residual_connection, fn: {op: attention2d, heads: 8}}}
"""
NARROW = "name: narrow\narchgraph: 1\nextends: ./net.yaml\n"


def loaded(folder: Path, text: str, narrower: str = "") -> Any:
    """The network of a text, or of one that extends it."""
    (folder / "net.yaml").write_text(text)
    (folder / "narrow.yaml").write_text(NARROW + narrower)
    return ag.load(folder / ("narrow.yaml" if narrower else "net.yaml"))


@pytest.mark.parametrize("text", [SE_RESNET, REGISTERS, LEVELS, ATTENTION])
def test_they_take_at_most_eight_lines(text: str) -> None:
    assert text.count("\n") <= 8


def test_se_resnet50_has_the_published_keys(tmp_path: Path) -> None:
    with torch.device("meta"):
        published = references.timm().create_model("seresnet50")
    theirs = [(key, tuple(tensor.shape)) for key, tensor in published.state_dict().items()]
    assert [(item.key, item.weight.shape) for item in weights(loaded(tmp_path, SE_RESNET))] == theirs


PLANES = (16, 24, 32, 40)


def test_se_resnet_computes_what_timm_does(tmp_path: Path) -> None:
    def published() -> torch.nn.Module:
        resnet = references.timm().models.resnet
        return resnet.ResNet(
            resnet.Bottleneck, (1, 2, 1, 1), num_classes=7, channels=PLANES, block_args={"attn_layer": "se"}
        )

    planes = "".join(f"  layer{at + 1}: {{planes: {width}}}\n" for at, width in enumerate(PLANES))
    narrow = f"params: {{depths: [1, 2, 1, 1], classes: 7}}\nset:\n{planes}"
    # timm rounds the squeezed channels to multiples of 8.
    narrow += '  <bottleneck>.se: {squeeze_channels: "=max(8, int((C / 16 + 4) // 8) * 8)"}\n'
    assert_equal_networks(loaded(tmp_path, SE_RESNET, narrow), published, (2, 3, 64, 64))


def test_vit_with_registers_computes_what_timm_does(tmp_path: Path) -> None:
    narrow = "params: {image_size: 32, patch: 8, dim: 32, depth: 2, heads: 4, classes: 7}\n"
    graph = loaded(tmp_path, REGISTERS, narrow)
    published = references.randomised(
        references.timm().models.vision_transformer.VisionTransformer(
            img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=4, reg_tokens=4, num_classes=7
        )
    ).eval()
    ours = ag.to_torch(graph).eval()
    ours.load_state_dict({_torchvisions(key): tensor for key, tensor in published.state_dict().items()}, strict=True)
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(image), published(image), rtol=1e-4, atol=1e-4)


def _torchvisions(key: str) -> str:
    """The key of one of timm's tensors in torchvision's words."""
    key = re.sub(r"^blocks\.(\d+)\.", r"encoder.layers.encoder_layer_\1.", key)
    words = {
        "cls_token": "class_token",
        "pos_embed": "encoder.pos_embedding",
        "patch_embed.proj": "conv_proj",
        "norm1": "ln_1",
        "norm2": "ln_2",
        "attn.qkv.": "self_attention.in_proj_",
        "attn.proj": "self_attention.out_proj",
        "mlp.fc1": "mlp.0",
        "mlp.fc2": "mlp.3",
    }
    for theirs, ours in words.items():
        key = key.replace(theirs, ours)
    return re.sub(r"^norm\.", "encoder.ln.", re.sub(r"^head\.", "heads.head.", key))


def test_four_levels_of_a_backbone_are_torchvisions(tmp_path: Path) -> None:
    def published() -> torch.nn.Module:
        models = references.torchvision().models
        network = models.ResNet(models.resnet.Bottleneck, [1, 1, 1, 1])
        return _Levels(network)

    class _Levels(torch.nn.Module):
        def __init__(self, network: torch.nn.Module) -> None:
            super().__init__()
            kept = [(name, child) for name, child in network.named_children() if name not in ("avgpool", "fc")]
            for name, child in kept:
                self.add_module(name, child)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            found = []
            for name, child in self.named_children():
                x = child(x)
                if name.startswith("layer"):
                    found.append(x)
            return tuple(found)

    graph = loaded(tmp_path, LEVELS, "params: {depths: [1, 1, 1, 1]}\n")
    assert list(graph.outputs) == ["c2", "c3", "c4", "c5"]
    assert_equal_networks(graph, published, (1, 3, 32, 32))


def test_another_attention_is_that_of_the_written_network(tmp_path: Path) -> None:
    graph = loaded(tmp_path, ATTENTION)
    text = (shipped_specs() / "ddpm.yaml").read_text()
    other = "op: residual_connection, fn: {op: attention2d, heads: 8}"
    text = re.sub(r"op: spatial_attention(.*?), groups: =groups", rf"{other}\1", text)
    text = re.sub(r"^assert:\n.*\n", "", text, flags=re.MULTILINE)
    (tmp_path / "written.yaml").write_text(text)
    assert "spatial_attention" not in text
    assert not ag.diff(graph, ag.load(tmp_path / "written.yaml", "cifar10"))
