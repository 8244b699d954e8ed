"""Inputs that a forward may do without: they are left out and told, and taken where they are named."""

from __future__ import annotations

import pytest
import references
import torch
from torch import nn

from archgraph.importing.api import import_module
from archgraph.importing.reports import report, report_lines
from archgraph.importing.sources.example_inputs import descriptions
from archgraph.importing.sources.input_descriptions import described
from archgraph.importing.sources.module_source import ModuleSource


class Masked(nn.Module):
    """A layer with a mask and a bias, which may be left out, and a number."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(
        self,
        x: torch.Tensor,
        mask: torch.Tensor | None = None,
        bias=None,  # type: ignore[no-untyped-def]
        scale: float | None = None,
        states: list[torch.Tensor] | None = None,
    ) -> torch.Tensor:
        h = self.fc(x) * (1.0 if scale is None else scale)
        h = h if mask is None else h.masked_fill(~mask[..., None], 0.0)
        return h if bias is None else h + bias


def test_what_is_left_out_is_told() -> None:
    found = import_module(Masked(), {"x": "N,L,4"})
    assert report(found)["left_out"] == ["mask", "bias"]
    line = "  left    mask, bias: None by default; --input mask=N,… makes an input of one"
    assert list(report_lines(found))[1] == line


def test_what_is_named_is_an_input() -> None:
    found = import_module(Masked(), {"x": "N,L,4", "mask": "N,L:bool"})
    assert [str(value.type) for value in found.graph.inputs] == ["[N, L, 4]", "[N, L] bool"]
    assert report(found)["left_out"] == ["bias"]


@pytest.fixture(scope="module")
def seq2seq() -> nn.Module:
    library = references.transformers()
    config = library.T5Config(vocab_size=8, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    with torch.device("meta"):
        return library.T5Model(config)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["attention_mask=N,L:int64"], ["input_ids", "decoder_input_ids", "attention_mask"]),
        (["inputs_embeds=N,L,8"], ["decoder_input_ids", "inputs_embeds"]),
        (["input_ids=N,16:int64"], ["input_ids"]),
    ],
)
def test_a_mask_is_read_besides_what_the_library_reads(seq2seq: nn.Module, given: list[str], read: list[str]) -> None:
    source = ModuleSource("transformers", "T5Model")
    found = descriptions(seq2seq, source, dict(map(described, given)))
    assert list(found) == read
