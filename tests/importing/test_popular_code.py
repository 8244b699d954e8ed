"""Ways of writing that many repositories have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archgraph as ag
from archgraph.errors import ImportingError


@dataclass
class Found:
    """What a network returns."""

    logits: Tensor
    embedding: Tensor
    loss: Tensor | None = None


class Typed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Found:
        return Found(logits=self.head(x), embedding=functional.normalize(x, dim=-1))


def test_a_dataclass_names_the_outputs() -> None:
    graph = ag.from_torch(Typed(), {"x": "N,4"}, name="typed")
    assert list(graph.outputs) == ["logits", "embedding"]


class Bound(nn.Module):
    """A block whose feed-forward part is a function that reads modules, as in minGPT."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.ModuleDict({"up": nn.Linear(4, 8), "act": nn.GELU(), "down": nn.Linear(8, 4)})
        mlp = self.mlp
        self.feed = lambda x: mlp["down"](mlp["act"](mlp["up"](x)))

    def forward(self, x: Tensor) -> Any:
        return x + self.feed(x)


def test_functions_that_read_modules_are_proved() -> None:
    assert "mlp" in ag.from_torch(Bound(), {"x": "N,4"}, name="bound").info.written["nodes"]


class Language(nn.Module):
    """The encoder of torch with a causal mask that the forward makes, and the last word only, as in nanoGPT."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Any:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[0])
        return self.encoder(x, mask)[[-1]]


def test_a_mask_that_the_forward_makes_is_no_decision() -> None:
    graph = ag.from_torch(Language(), {"x": "L,N,8"}, name="language")
    assert [str(size) for size in graph.inputs[0].shape] == ["L", "N", "8"]
    encoder, last = list(graph.info.written["nodes"].values())[-2:]
    assert (encoder["op"], encoder["mask"]) == ("transformer_encoder", "add")
    assert last == {"op": "slice", "dim": 0, "start": -1}


class Hidden(nn.Module):
    """Attention of torch under a causal mask, of truth values or of numbers, with dropout."""

    def __init__(self, numbers: bool) -> None:
        super().__init__()
        self.numbers = numbers
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return self.attention(x, x, x, attn_mask=later * -3.0 if self.numbers else later, need_weights=False)[0]


@pytest.mark.parametrize("numbers", [True, False])
def test_a_mask_is_that_of_the_standard_block(numbers: bool) -> None:
    nodes = ag.from_torch(Hidden(numbers), {"x": "N,L,8"}).info.written["nodes"]
    attention = nodes["attention"]
    assert (attention["op"], attention["attn_mask"]) == ("multihead_attention", "add" if numbers else "hide")


class Causal(nn.Module):
    """Attention to the words before, whose mask torch then leaves out: of an encoder, and of a layer alone."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.attend = nn.MultiheadAttention(8, 2)

    def forward(self, x: Tensor) -> Any:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        y = self.encoder(x, mask=mask, is_causal=True).transpose(0, 1)
        return self.attend(y, y, y, attn_mask=mask, is_causal=True, need_weights=False)[0]


def test_a_mask_that_is_said_to_be_causal_is_one() -> None:
    """Without a word of it, words would attend to those behind them: the proof refused what was written."""
    nodes = ag.from_torch(Causal(), {"x": "N,L,8"}, name="causal").info.written["nodes"]
    assert nodes["encoder"]["op"] == "transformer_encoder"
    assert nodes["encoder"]["is_causal"] is True
    assert nodes["attend"]["is_causal"] is True


class Masked(nn.Module):
    """Masks of truth values and of numbers with a key, a table of rotations, and attention pooling by a vector."""

    def __init__(self) -> None:
        super().__init__()
        angles = torch.outer(torch.arange(32).float(), 10000.0 ** (-torch.arange(0, 8, 2).float() / 8))
        table = torch.cat([angles, angles], dim=-1)
        self.register_buffer("cos", table.cos()[None, None], persistent=False)
        self.register_buffer("sin", table.sin()[None, None], persistent=False)
        self.register_buffer("hidden", torch.triu(torch.ones(32, 32, dtype=torch.bool), diagonal=1))
        self.register_buffer("bias", torch.tril(torch.ones(32, 32)).view(1, 1, 32, 32))
        self.register_buffer("odd", torch.tensor([True, False] * 4))
        self.query = nn.Parameter(torch.randn(8))

    def forward(self, x: Tensor) -> Any:
        length = x.shape[1]
        turned = x[:, None] * self.cos[:, :, :length] + x[:, None].roll(1, -1) * self.sin[:, :, :length]  # type: ignore[index]
        scores = (turned @ turned.transpose(-2, -1)).masked_fill(self.hidden[:length, :length], -1e9)  # type: ignore[index]
        scores = scores.masked_fill(self.bias[:, :, :length, :length] == 0, -1e9).softmax(-1)  # type: ignore[index]
        out = (scores @ turned)[:, 0] * self.odd
        return out.transpose(1, 2) @ (out @ self.query).softmax(-1)[..., None]


def test_masks_with_a_key_and_tables_of_rotations_are_their_steps() -> None:
    module = Masked()
    graph = ag.from_torch(module, {"x": "N,L,8"}, name="masked")
    text = graph.spec()
    assert "npy:" not in text
    assert text.count("register_buffer") == 3
    made = ag.to_torch(graph).state_dict()
    for key, value in module.state_dict().items():
        assert key == "query" or torch.equal(made[key], value)


class Pairs(nn.Module):
    """Losses and distances among the outputs, and one picture warped by another."""

    def forward(self, x: Tensor, y: Tensor) -> Any:
        grid = torch.stack([x[:, 0], y[:, 0]], dim=-1).tanh()
        warped = functional.grid_sample(x, grid, padding_mode="border", align_corners=True)
        a, b = warped.flatten(1), y.flatten(1)
        losses = [
            functional.l1_loss(a, b),
            functional.mse_loss(a, b, reduction="sum"),
            functional.triplet_margin_loss(a, b, a + b, margin=0.5, swap=True),
        ]
        return functional.pairwise_distance(a, b), *losses


def test_losses_and_distances_are_their_steps() -> None:
    graph = ag.from_torch(Pairs(), {"x": "N,2,H,W", "y": "N,2,H,W"}, name="pairs")
    assert len(graph.outputs) == 4


class Attention(nn.Module):
    """Additive attention (Bahdanau et al. 2014), of which one map reads the same keys at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.keys, self.score = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        weights = self.score((self.query(query)[:, None] + self.keys(keys)).tanh()).softmax(1)
        return (weights * keys).sum(1)


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.step = nn.Linear(4, 4)

    def forward(self, state: Tensor, keys: Tensor) -> Tensor:
        for _ in range(3):
            state = self.step(self.attention(state, keys)) + state.tanh()
        return state


def test_a_module_that_is_applied_again_is_applied_as_a_whole() -> None:
    graph = ag.from_torch(Decoder(), {"state": "N,4", "keys": "N,L,4"}, name="decoder")
    assert list(graph.info.written["blocks"]) == ["attention"]
    assert "share: attention" in graph.spec()


class Level(nn.Module):
    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(before, channels, 1), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Any:
        return self.norm(self.conv(x)).relu()


class Gated(nn.Module):
    """A way down whose levels the way up reads by their number, next to the node that stands right behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3, self.conv4 = (Level(c, 2 * c) for c in (2, 4, 8, 16))
        self.up4, self.up3 = nn.ConvTranspose2d(32, 16, 2, 2), nn.ConvTranspose2d(32, 8, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv1(x)
        second = self.conv2(functional.max_pool2d(first, 2))
        third = self.conv3(functional.max_pool2d(second, 2))
        fourth = self.conv4(functional.max_pool2d(third, 2))
        up = self.up4(fourth)
        up = self.up3(torch.cat([third.sigmoid(), up], dim=1))
        return torch.cat([second.sigmoid(), up], dim=1)


def test_copies_that_others_read_by_number_are_read_by_name() -> None:
    nodes = ag.from_torch(Gated(), {"x": "N,2,H,W"}, name="gated").info.written["nodes"]
    assert nodes["up4"]["in"] == "layer"


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.GRU(4, 3, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Any:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.rows(packed)[1][-1]


def test_packed_sequences_are_refused_by_name() -> None:
    with pytest.raises(
        ImportingError, match=r"packed sequence(.|\n)*rows, test_popular_code(.|\n)*pack_padded_sequence"
    ):
        ag.from_torch(Packed(), {"x": "N,L,4", "lengths": "N:int64"})


class Rms(nn.Module):
    """A norm over channels that scales by the root of their number."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return functional.normalize(x, dim=1) * self.g * x.shape[1] ** 0.5


def test_a_factor_is_the_root_of_the_channels() -> None:
    layers = [layer for c in (4, 8, 16) for layer in (nn.Conv2d(c // 2, c, 1), Rms(c))]
    block = ag.from_torch(nn.Sequential(*layers), {"input": "N,2,H,W"}, name="roots").info.written["blocks"]["rms"]
    assert block["nodes"]["mul2"]["value"] == "=C ** 0.5"
    assert "params" not in block


class Averaged(nn.Module):
    """Codes that follow the values nearest to them by moving averages, in training (Razavi et al. 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("used", torch.zeros(5))
        self.register_buffer("codes", torch.randn(5, 4))
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Any:
        x = self.norm(x)
        near = torch.cdist(x, self.codes).argmin(-1)
        if self.training:
            self.used.data.mul_(0.9).add_(functional.one_hot(near, 5).sum(0), alpha=0.1)  # type: ignore[operator]
        return x + functional.embedding(near, self.codes).detach()


def test_a_buffer_that_only_training_changes_is_told() -> None:
    with pytest.warns(UserWarning, match="the module changes a buffer") as told:
        ag.from_torch(Averaged(), {"x": "N,4"}, name="averaged")
    (note,) = (str(one.message) for one in told)
    assert "the module changes a buffer, and the spec does not: used: test_popular_code.py" in note


class Trend(nn.Module):
    """A moving average of rows, which torch takes for the channels of one example (Zeng et al. 2023), and a map."""

    def __init__(self) -> None:
        super().__init__()
        self.average = nn.AvgPool1d(3, 1)
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, x: Tensor, image: Tensor) -> Any:
        return self.average(functional.pad(x, (1, 1))), self.conv(image)


def test_windows_of_a_single_example_are_those_of_a_batch_of_one() -> None:
    graph = ag.from_torch(Trend(), {"x": "N,L", "image": "3,H,W"}, name="trend")
    assert [node.get("op") for node in graph.info.written["nodes"].values() if isinstance(node, dict)][-3:] == [
        *("unsqueeze", "conv2d", "squeeze")
    ]
