"""Masks of padded tokens in torch's own attention and layers: inputs of the standard blocks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.codegen import to_torch
from archgraph.errors import ImportingError
from archgraph.graph.keys import weights
from archgraph.graph.types import Call, Graph
from archgraph.importing.conversion.hidden_calls import without_hidden_calls
from archgraph.importing.proof.output_differences import differences

_OF_TWO_TYPES = pytest.mark.filterwarnings("ignore:Support for mismatched .*key_padding_mask")
"""torch's word on masks of numbers and of truth values, which its own layers hand on together."""


class Attention(nn.Module):
    """Attention whose probabilities are made, as by default, or not."""

    def __init__(self, made: bool) -> None:
        super().__init__()
        self.made = made
        self.attend = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)

    def forward(self, x: Tensor, y: Tensor, pad: Tensor) -> Any:
        return self.attend(x, y, y, key_padding_mask=pad, need_weights=self.made)[0]


class Encoder(nn.Module):
    """Words of which 0 is none; with `later` also those behind are hidden, by truth values or numbers."""

    def __init__(self, later: str = "", **options: Any) -> None:
        super().__init__()
        self.later, self.first = later, options["batch_first"]
        self.words = nn.Embedding(20, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, **options)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, ids: Tensor) -> Any:
        x = self.words(ids) if self.first else self.words(ids).transpose(0, 1)
        later = nn.Transformer.generate_square_subsequent_mask(ids.shape[1]) if self.later else None
        mask = later < 0 if later is not None and self.later == "hide" else later
        return self.encoder(x, mask=mask, src_key_padding_mask=ids == 0)


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, norm_first=True), 2)

    def forward(self, x: Tensor, memory: Tensor, pad: Tensor) -> Any:
        return self.decoder(x, memory, memory_key_padding_mask=pad)


class Translator(nn.Module):
    """The memory is masked as the source is."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)

    def forward(self, x: Tensor, y: Tensor, absent: Tensor, spare: Tensor) -> Any:
        later = nn.Transformer.generate_square_subsequent_mask(y.shape[1])
        pads = {"src_key_padding_mask": absent, "tgt_key_padding_mask": spare, "memory_key_padding_mask": absent}
        return self.transformer(x, y, tgt_mask=later, **pads)


def test_attention_reads_a_mask_of_its_keys() -> None:
    inputs = {"x": "N,T,8", "y": "N,S,8", "pad": "N,S:bool"}
    graph = ag.from_torch(Attention(False), inputs)
    assert graph.info.written["nodes"]["attend"] == {
        "op": "multihead_attention",
        "in": {"key": "y", "value": "y", "key_padding_mask": "pad"},
        "num_heads": 2,
        "dropout": 0.1,
        "batch_first": True,
        "key_padding_mask": True,
    }


def test_rows_without_a_token_are_told() -> None:
    """torch's attention makes nan of them where it makes its probabilities, and zeros where not."""
    torch.manual_seed(0)
    module = Attention(True).eval()
    inputs = {"x": "N,T,8", "y": "N,S,8", "pad": "N,S:bool"}
    with pytest.warns(UserWarning, match="where a mask hides all tokens"):
        found = ag.from_torch(module, inputs)
    x, pad = torch.randn(2, 3, 8), torch.tensor([[True] * 3, [False, True, False]])
    ours = to_torch(found)
    ours.load_state_dict(module.state_dict())
    theirs, mine = module(x, x, pad), ours.eval()(x, x, pad)
    assert theirs[0].isnan().all()
    assert torch.equal(mine[0], module.attend.out_proj.bias.expand(3, 8))
    torch.testing.assert_close(mine[1], theirs[1])


@_OF_TWO_TYPES
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("later", ["", "hide", "add"])
def test_encoders_read_masks(later: str, norm_first: bool, first: bool) -> None:
    graph = ag.from_torch(Encoder(later, norm_first=norm_first, batch_first=first), {"ids": "N,L:int64"}, name="words")
    encoder = graph.info.written["nodes"]["encoder"]
    assert (encoder["op"], encoder["src_key_padding_mask"]) == ("transformer_encoder", True)
    assert (encoder.get("mask", ""), encoder.get("norm_first", False)) == (later, norm_first)
    assert "blocks" not in graph.info.written


def test_decoders_read_masks_of_their_memory() -> None:
    graph = ag.from_torch(Decoder(), {"x": "T,N,8", "memory": "S,N,8", "pad": "N,S:bool"})
    decoder = graph.info.written["nodes"]["decoder"]
    assert decoder["op"] == "transformer_decoder"
    assert decoder["in"] == {"memory": "memory", "memory_key_padding_mask": "pad"}


@_OF_TWO_TYPES
def test_one_mask_is_that_of_the_source_and_of_the_memory(tmp_path: Any) -> None:
    inputs = {"x": "N,S,8", "y": "N,T,8", "absent": "N,S:bool", "spare": "N,T:bool"}
    graph = ag.from_torch(Translator(), inputs)
    transformer = graph.info.written["nodes"]["transformer"]
    assert (transformer["op"], transformer["tgt_mask"]) == ("transformer", "add")
    assert transformer["in"]["memory_key_padding_mask"] == transformer["in"]["src_key_padding_mask"] == "absent"
    assert ag.to_onnx(graph, tmp_path / "translator.onnx").certificate is not None


class Scores(nn.Module):
    """Attention of a repository's own, which is nan where a row leaves no token."""

    def forward(self, x: Tensor, pad: Tensor) -> Any:
        scores = (x @ x.transpose(1, 2)).masked_fill(pad[:, None], -torch.inf)
        return scores.softmax(-1) @ x


def test_what_is_nan_in_both_is_equal() -> None:
    graph = ag.from_torch(Scores(), {"x": "N,L,8", "pad": "N,L:bool"})  # a note would be a warning
    assert [item.name for item in graph.items][-2:] == ["softmax", "matmul2"]


def test_numbers_in_the_place_of_nan_differ_but_for_attention() -> None:
    wanted, found = torch.tensor([1.0, torch.nan, torch.inf]), torch.tensor([1.0, 0.0, torch.inf])
    with pytest.raises(ImportingError, match="output 0 differs"):
        list(differences([wanted], [found], "any size"))
    (told,) = differences([wanted], [found], "any size", hides=True)
    assert (told.largest, told.undefined) == (0.0, 1)
    with pytest.raises(ImportingError, match="output 0 differs"):  # the other way round it is a fault
        list(differences([found], [wanted], "any size", hides=True))
    assert list(differences([wanted[1:2]], [wanted[1:2]], "any size")) == []


def test_hidden_calls_are_opened_under_the_keys_around() -> None:
    """The packed projections of attention are a block of their own, and no level of the module tree."""
    node = {"op": "multihead_attention", "in": {"query": "x", "key": "x", "value": "x"}, "num_heads": 2, "path": "."}
    graph = ag.load({"archgraph": 1, "name": "one", "inputs": {"x": ["L", "N", 8]}, "nodes": {"attend": node}})
    flat = without_hidden_calls(graph)
    assert not any(isinstance(item, Call) for item in flat.items)
    assert len({item.name for item in flat.items}) == len(flat.items)
    assert [one.key for one in weights(flat)] == [one.key for one in weights(graph)]
    torch.manual_seed(0)
    first, second = (_network(one) for one in (graph, flat))
    second.load_state_dict(first.state_dict())
    x = torch.randn(3, 2, 8)
    torch.testing.assert_close(second(x), first(x))


def _network(graph: Graph) -> nn.Module:
    return to_torch(graph).eval()
