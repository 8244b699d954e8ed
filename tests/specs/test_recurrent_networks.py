"""Recurrent networks: keys, outputs, gradients and files equal references in plain torch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.graph import weights


class Tagger(nn.Module):
    """Huang, Xu and Yu 2015, https://arxiv.org/abs/1508.01991, without the conditional random field."""

    def __init__(self, vocabulary: int, width: int, hidden: int, layers: int, tags: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.dropout = nn.Dropout(0.5)
        self.lstm = nn.LSTM(width, hidden, layers, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * hidden, tags)

    def forward(self, tokens: Tensor) -> Tensor:
        output, _ = self.lstm(self.dropout(self.embedding(tokens)))
        found: Tensor = self.tag(output)
        return found


@pytest.mark.parity("keys")
def test_keys_and_shapes_of_the_tagger_in_order() -> None:
    with torch.device("meta"):
        reference = Tagger(10000, 100, 100, 1, 17)
    theirs = [(key, tuple(tensor.shape)) for key, tensor in reference.state_dict().items()]
    assert [(item.key, item.weight.shape) for item in weights(ag.load("lstm_tagger"))] == theirs


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.parametrize("length", [1, 7])
def test_tags_and_gradients_of_the_tagger(length: int) -> None:
    module = ag.to_torch(ag.load("lstm_tagger", **NARROW), seed=1).eval()
    reference = Tagger(20, 6, 5, 2, 3).eval()
    reference.load_state_dict(module.state_dict())
    tokens = torch.randint(0, 20, (3, length), generator=torch.Generator().manual_seed(0))
    ours, theirs = module(tokens), reference(tokens)
    assert torch.equal(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    for mine, other in zip(module.parameters(), reference.parameters(), strict=True):
        assert torch.equal(mine.grad, other.grad)  # type: ignore[arg-type]


NARROW = {"vocabulary": 20, "embedding_dim": 6, "hidden_size": 5, "layers": 2, "tags": 3}
