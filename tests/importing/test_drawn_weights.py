"""Large networks are proved with weights that are drawn where they are read: as strictly, and none of them is held."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archgraph.errors import ImportingError
from archgraph.importing.api import import_module
from archgraph.importing.proof import drawn_weights, parity
from archgraph.importing.sources.input_descriptions import InputDescription


class Parts(nn.Module):
    """Weights that are read in many ways: by layers, joined with values, transposed, tied, in lists, and in a norm."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.register_buffer("positions", torch.randn(1, 4, 8))
        self.embedding = nn.Embedding(11, 8)
        self.rows = nn.LSTM(8, 8, batch_first=True)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.BatchNorm1d(8)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids):
        x = self.embedding(ids) + self.positions
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1)
        x = self.rows(x)[0]
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return self.head(x)


def imported(module):
    return import_module(module, {"ids": InputDescription(("N", 4), "int64")}, verify=False)


@pytest.fixture(scope="module")
def made():
    """A network and its graph; nothing changes them."""
    return imported(Parts())


@pytest.fixture
def large(monkeypatch):
    """Every network counts as a large one, of which one weight is kept."""
    monkeypatch.setattr(drawn_weights, "MOST_HELD", 0)


def refused(*_):
    raise AssertionError("the weights are held")


def test_it_compares_as_with_weights_that_are_held(large, monkeypatch, made):
    monkeypatch.setattr(parity, "_held_pair", refused)
    proof = parity.prove(made.graph, made.module, None, made.training)
    assert proof.keys == len(made.module.state_dict())
    assert len(proof.sizes) == 2
    assert proof.difference < 1e-12
    assert proof.training is not None


def test_no_parameter_has_contents_and_one_weight_is_kept(large, made):
    pair = parity._drawn_pair(made.graph, made.module, ())
    assert all(parameter.is_meta for network in (pair.ours, pair.theirs) for parameter in network.parameters())
    pair.run(pair.theirs, {"ids": torch.zeros(3, 4, dtype=torch.int64)})
    assert len(pair.drawn._recent) == 1


def test_numbers_are_those_of_the_key(large, made):
    drawn = drawn_weights.DrawnWeights(made.graph)
    first = drawn.drawn("token").clone()
    drawn.drawn("rows.weight_hh_l0")
    assert torch.equal(drawn.drawn("token"), first)
    assert torch.equal(drawn.drawn("head.weight"), drawn.drawn("embedding.weight"))
    assert not torch.equal(drawn.drawn("rows.weight_hh_l0"), drawn.drawn("rows.weight_ih_l0"))


def test_a_difference_is_found(large, made):
    class Other(Parts):
        def forward(self, ids):
            return super().forward(ids) * (1 + 1e-9)

    with pytest.raises(ImportingError, match="differs from the module's"):
        parity.prove(made.graph, Other(), None, made.training)


def test_what_cannot_be_read_so_is_decided_on_weights_that_are_held(large):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(4))

        def forward(self, ids):
            return ids * self.scale

    class Strict(Scaled):
        def forward(self, ids):
            with torch._C.DisableTorchFunction():
                if self.scale.is_meta:
                    raise ValueError("no contents")
            return super().forward(ids)

    made = imported(Scaled())
    assert parity.prove(made.graph, Strict()).difference < 1e-12
