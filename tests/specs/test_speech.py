"""Conformer and HiFi-GAN's generator against modules written from the papers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import references
import torch
from parity import assert_equal_runs, assert_same_keys
from sampling_of_cases import with_slow
from torch import Tensor, nn
from torch.nn import functional as F

import archgraph as ag
from archgraph.graph import parameter_count


class HalfFeedForward(nn.Module):
    """Gulati et al. 2020, figure 4, without the residual half."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sequential = nn.Sequential(
            *(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.SiLU(), nn.Dropout(0.0)),
            *(nn.Linear(4 * width, width), nn.Dropout(0.0)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.5 * self.sequential(x)


class ConvolutionModule(nn.Module):
    """Gulati et al. 2020, figure 2."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(width)
        self.sequential = nn.Sequential(
            *(nn.Conv1d(width, 2 * width, 1), nn.GLU(1)),
            nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width),
            *(nn.BatchNorm1d(width), nn.SiLU(), nn.Conv1d(width, width, 1), nn.Dropout(0.0)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sequential(self.layer_norm(x).mT).mT


def relative_attention(width: int, heads: int) -> nn.Module:
    """Dai et al. 2019, as transformers has it, with the encodings of its positions."""
    package = references.transformers()
    file = package.models.wav2vec2_conformer.modeling_wav2vec2_conformer
    settings = {"position_embeddings_type": "relative", "attn_implementation": "eager", "attention_dropout": 0.0}
    config = package.Wav2Vec2ConformerConfig(hidden_size=width, num_attention_heads=heads, **settings)
    attention = file.Wav2Vec2ConformerSelfAttention(config)
    encode = file.Wav2Vec2ConformerRelPositionalEmbedding(config)
    attention.register_forward_pre_hook(lambda module, given: (given[0], None, encode(given[0])))
    return attention


class ConformerLayer(nn.Module):
    """Gulati et al. 2020, figure 1, under torchaudio's names."""

    def __init__(self, width: int, heads: int, kernel: int, relative: bool) -> None:
        super().__init__()
        self.ffn1 = HalfFeedForward(width)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.self_attn = relative_attention(width, heads) if relative else attention
        self.conv_module = ConvolutionModule(width, kernel)
        self.ffn2, self.final_layer_norm = HalfFeedForward(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.ffn1(x)
        normed = self.self_attn_layer_norm(x)
        packed = isinstance(self.self_attn, nn.MultiheadAttention)
        x = x + self.self_attn(*[normed] * (3 if packed else 1))[0]
        return self.final_layer_norm(self.ffn2(self.conv_module(x)))


class Conformer(nn.Module):
    def __init__(
        self, mels: int, width: int, depth: int, heads: int, kernel: int, symbols: int, relative: bool = False
    ) -> None:
        super().__init__()
        self.subsample = nn.Sequential(nn.Conv2d(1, width, 3, 2), nn.ReLU(), nn.Conv2d(width, width, 3, 2), nn.ReLU())
        self.project = nn.Linear(width * (((mels - 1) // 2 - 1) // 2), width)
        self.conformer_layers = nn.ModuleList(ConformerLayer(width, heads, kernel, relative) for _ in range(depth))
        self.output = nn.Linear(width, symbols)

    def forward(self, x: Tensor) -> Tensor:
        x = self.project(self.subsample(x[:, None]).transpose(1, 2).flatten(2))
        for layer in self.conformer_layers:
            x = layer(x)
        return self.output(x)


def normed(conv: nn.Module) -> nn.Module:
    """Weight norm under the keys of published vocoders."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(conv)


def row(channels: int, kernel: int, steps: list[int]) -> nn.ModuleList:
    return nn.ModuleList(
        normed(nn.Conv1d(channels, channels, kernel, dilation=step, padding=(kernel - 1) * step // 2)) for step in steps
    )


class ResBlock1(nn.Module):
    """Kong et al. 2020, appendix A.1."""

    def __init__(self, channels: int, kernel: int, steps: list[int]) -> None:
        super().__init__()
        self.convs1, self.convs2 = row(channels, kernel, steps), row(channels, kernel, [1] * len(steps))

    def forward(self, x: Tensor) -> Tensor:
        for first, second in zip(self.convs1, self.convs2, strict=True):
            x = x + second(F.leaky_relu(first(F.leaky_relu(x, 0.1)), 0.1))
        return x


class ResBlock2(nn.Module):
    def __init__(self, channels: int, kernel: int, steps: list[int]) -> None:
        super().__init__()
        self.convs = row(channels, kernel, steps)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = x + conv(F.leaky_relu(x, 0.1))
        return x


class Generator(nn.Module):
    """Kong et al. 2020, figure 1."""

    def __init__(
        self,
        mels: int,
        channels: int,
        rates: list[int],
        kernels: list[int],
        block_kernels: list[int],
        dilations: list[list[int]],
        block: str,
    ) -> None:
        super().__init__()
        kind = {"resblock1": ResBlock1, "resblock2": ResBlock2}[block]
        self.conv_pre = normed(nn.Conv1d(mels, channels, 7, padding=3))
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for rate, kernel in zip(rates, kernels, strict=True):
            up = nn.ConvTranspose1d(channels, channels // 2, kernel, rate, padding=(kernel - rate) // 2)
            self.ups.append(normed(up))
            channels //= 2
            self.resblocks.extend(kind(channels, k, steps) for k, steps in zip(block_kernels, dilations, strict=True))
        self.conv_post = normed(nn.Conv1d(channels, 1, 7, padding=3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_pre(x)
        count = len(self.resblocks) // len(self.ups)
        for at, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, 0.1))
            x = sum(block(x) for block in self.resblocks[at * count : (at + 1) * count]) / count
        return torch.tanh(self.conv_post(F.leaky_relu(x)))


V1 = {
    "mels": 80,
    "channels": 512,
    "rates": [8, 8, 2, 2],
    "kernels": [16, 16, 4, 4],
    "block_kernels": [3, 7, 11],
    "dilations": [[1, 3, 5]] * 3,
    "block": "resblock1",
}
V3 = {
    "channels": 256,
    "rates": [8, 8, 4],
    "kernels": [16, 16, 8],
    "block_kernels": [3, 5, 7],
    "dilations": [[1, 2], [2, 6], [3, 12]],
    "block": "resblock2",
}
FULL: dict[str, Any] = {
    "conformer_s": lambda: Conformer(80, 144, 16, 4, 31, 1024),
    "conformer_m": lambda: Conformer(80, 256, 16, 4, 31, 1024),
    "hifigan_v1": lambda: Generator(**V1),
    "hifigan_v2": lambda: Generator(**V1 | {"channels": 128}),
    "hifigan_v3": lambda: Generator(**V1 | V3),
}


@pytest.mark.parity("keys")
@pytest.mark.parametrize("name", with_slow(FULL, ("conformer_m", "hifigan_v2")))
def test_keys_and_shapes_in_order(name: str) -> None:
    with torch.device("meta"):
        reference = FULL[name]()
    graph = ag.load(name)
    assert_same_keys(graph, reference)
    counted = sum(p.numel() for p in reference.parameters())
    assert graph.info.spec["assert"]["parameters"][name] == parameter_count(graph) == counted


@pytest.mark.parametrize(("name", "millions"), [("hifigan_v1", 13.92), ("hifigan_v2", 0.92), ("hifigan_v3", 1.46)])
def test_the_paper_counts_as_much_once_weight_norm_is_removed(name: str, millions: float) -> None:
    """Kong et al. 2020, table 1, which cuts the digits that follow."""
    graph = ag.load(name)
    lengths = sum(item.weight.elements for item in ag.graph.weights(graph) if item.key.endswith("weight_g"))
    assert (parameter_count(graph) - lengths) // 10_000 == round(100 * millions)


SMALL = {"mels": 5, "channels": 16, "rates": [4, 2], "kernels": [8, 4], "block_kernels": [3, 5]}
NARROW_CONFORMER = {"mels": 11, "dim": 8, "depth": 2, "heads": 2, "kernel_size": 5, "dropout": 0.0, "symbols": 6}
NARROW: dict[str, tuple[Any, dict[str, Any], tuple[int, ...]]] = {
    "conformer": (
        lambda: Conformer(11, 8, 2, 2, 5, 6),
        NARROW_CONFORMER,
        (2, 23, 11),
    ),
    "conformer with relative positions": (
        lambda: Conformer(11, 8, 2, 2, 5, 6, relative=True),
        {
            "mels": 11,
            "dim": 8,
            "depth": 2,
            "heads": 2,
            "kernel_size": 5,
            "dropout": 0.0,
            "symbols": 6,
            "relative": True,
        },
        (2, 23, 11),
    ),
    "hifigan": (
        lambda: Generator(**SMALL, dilations=[[1, 3], [1, 2]], block="resblock1"),
        {**SMALL, "dilations": [[1, 3], [1, 2]]},
        (2, 5, 7),
    ),
    "hifigan of the second kind": (
        lambda: Generator(**SMALL, dilations=[[1, 2], [2, 6]], block="resblock2"),
        {**SMALL, "dilations": [[1, 2], [2, 6]], "block": "resblock2"},
        (2, 5, 7),
    ),
}


@pytest.mark.parity("outputs", "gradients", "training")
@pytest.mark.parametrize("name", NARROW)
def test_outputs_and_input_gradients(name: str) -> None:
    """In both modes where there is batch norm."""
    build, narrow, shape = NARROW[name]
    reference = references.randomised(build())
    model = ag.to_torch(ag.load(name.partition(" ")[0], **narrow))
    model.load_state_dict(reference.state_dict(), strict=True)
    for training in (False, True):
        assert_equal_runs(model.train(training), reference.train(training), [shape])


@pytest.mark.parity("file")
@pytest.mark.parametrize("name", ["conformer", "hifigan"])
def test_the_file_is_proved_equal(name: str, tmp_path: Path) -> None:
    _, narrow, _ = NARROW[name]
    assert ag.to_onnx(ag.to_torch(ag.load(name, **narrow)), tmp_path / "net.onnx").certificate is not None
