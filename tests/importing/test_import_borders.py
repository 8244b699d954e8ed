"""What crosses the border of an import: inputs, outputs, configurations, precision; what is refused, with a remedy."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest
import references
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import archgraph as ag
from archgraph.errors import ImportingError
from archgraph.graph import parameter_count, weights
from archgraph.importing.api import import_module
from archgraph.importing.proof.first_difference import first_difference
from archgraph.importing.sources.configurations import configured
from archgraph.importing.sources.module_source import module_source


class SeveralOutputs(nn.Module):
    """A mapping with a tuple, a named tuple and nothing in it."""

    def forward(self, x: Tensor) -> dict[str, Any]:
        pair = namedtuple("pair", "low high")(x - 1, x + 1)
        return {"main": x * 2, "none": None, "parts": (x.relu(), x.sigmoid()), "ends": pair}


class OneOfADict(nn.Module):
    """A dict of which one value is a tensor."""

    def forward(self, x: Tensor, labels: Tensor | None = None) -> dict[str, Any]:
        return {"loss": None if labels is None else (x - labels).mean(), "scores": x * 2}


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(12, 8)
        self.layer = nn.Linear(8, 8)
        self.head = nn.Linear(8, 12, bias=False)
        self.head.weight = self.table.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.layer(self.table(ids)))  # type: ignore[no-any-return]


class Rounding(nn.Module):
    """A norm and a table that are computed in float32 whatever the network's precision is."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.register_buffer("rates", 1 / torch.arange(1, 9), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        wide = self.layer(x).float()
        normal = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
        return normal.to(x.dtype) * torch.cos(self.rates.to(torch.float32))


class GroupedQueries(nn.Module):
    def forward(self, q: Tensor, k: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, k, enable_gqa=True)


class LastTokens(nn.Module):
    """One place of each sequence, a mask over a whole grid, whole numbers between bounds, differences."""

    def forward(self, x: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        rows = torch.arange(x.shape[0])
        chosen = x[rows, ids.argmax(dim=-1)]
        whole = mask[rows[:, None, None, None], torch.arange(mask.shape[1])[None, None, None, :]]
        return chosen, whole, ids.clamp(min=-3, max=5), torch.diff(ids, dim=-1, prepend=ids[:, :1])


class Deciding(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            x = x + 1
        return x


class Endless(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return self(x + 1)  # type: ignore[no-any-return]


def test_outputs_have_the_names_of_mappings_and_fields() -> None:
    graph = ag.from_torch(SeveralOutputs, {"x": "N,4"})
    assert list(graph.outputs) == ["main", "parts_0", "parts_1", "ends_low", "ends_high"]


def test_tied_weights_are_one_tensor_under_two_keys() -> None:
    graph = ag.from_torch(Tied, {"ids": "N,L:int64"})
    assert [(item.key, bool(item.tied)) for item in weights(graph)] == [
        ("table.weight", False),
        ("layer.weight", False),
        ("layer.bias", False),
        ("head.weight", True),
    ]
    assert parameter_count(graph) == 12 * 8 + 8 * 8 + 8


def test_what_is_rounded_to_float32_is_compared_in_float64() -> None:
    found = import_module(Rounding(), {"x": torch.randn(2, 8)})
    assert found.parity is not None
    assert found.parity.difference < 1e-14


def test_the_only_tensor_of_a_dict_has_its_name() -> None:
    found = import_module(OneOfADict(), {"x": torch.zeros(2, 3)})
    assert [*found.graph.outputs] == ["scores"]
    both = import_module(OneOfADict(), {"x": torch.zeros(2, 3), "labels": torch.zeros(2, 3)})
    assert [*both.graph.outputs] == ["loss", "scores"]


def test_queries_that_share_keys() -> None:
    made = ag.from_torch(GroupedQueries, {"q": "N,4,L,8", "k": "N,2,S,8"})
    assert "repeats: 2" in made.spec()


def test_indices_of_sequences() -> None:
    made = ag.from_torch(LastTokens, {"x": "N,L,4", "ids": "N,L:int64", "mask": "N,L:bool"})
    assert "take_along_dim" in made.spec()
    assert [str(value.type) for value in made.outputs.values()] == [
        "[N, 4]",
        "[N, 1, 1, L] bool",
        "[N, L] int64",
        "[N, L] int64",
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda: Rounding().half(), "the weight layer.weight is in another precision"),
        (lambda: torch.compile(Rounding(), backend="eager"), "is compiled"),
        (lambda: torch.jit.trace(Rounding(), torch.ones(2, 8)), "is scripted"),
        (lambda: torch.ao.nn.quantized.Linear(4, 4), "is quantised"),
        (lambda: Deciding(), r"depends on the values of its inputs"),
        (lambda: Endless(), "it calls itself without an end"),
    ],
)
def test_modules_that_are_refused(module: Any, message: str) -> None:
    with pytest.raises(ImportingError, match=message):
        ag.from_torch(module(), {"x": "N,8"})


def test_a_refusal_names_the_line_that_decides() -> None:
    with pytest.raises(ImportingError) as caught:
        ag.from_torch(Deciding(), {"x": "N,4"})
    assert "test_import_borders.py" in caught.value.problems[0].received
    assert "if x.sum() > 0:" in caught.value.problems[0].received


class Configuration:
    """As a configuration of transformers: an object with a name of its kind."""

    model_type = "tiny"

    def __init__(self, width: int = 4, part: dict[str, int] | None = None):
        self.width, self.part = width, part or {"depth": 1}


class Configured(nn.Linear):
    config_class = Configuration

    def __init__(self, config: Configuration):
        super().__init__(config.width, config.part["depth"])


def test_configurations() -> None:
    made = configured(Configured, {"model_type": "tiny", "width": 6, "part": {"depth": 2}}, {"part.depth": 3})()
    assert made.weight.shape == (3, 6)
    with pytest.raises(ImportingError, match="that of another network"):
        configured(Configured, {"model_type": "bert"}, {})()
    with pytest.raises(ImportingError, match="has no 'widht'"):
        configured(Configured, {}, {"widht": 3})()
    with pytest.raises(ImportingError, match="that of another network"):
        configured(nn.Linear, {"_class_name": "UNet2DModel"}, {})
    assert configured(nn.Linear, {"in_features": 2, "out_features": 3, "other": 1}, {})().weight.shape == (3, 2)


def test_the_place_of_the_first_difference() -> None:
    first = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 4)), nn.Linear(4, 4))
    other = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 4)), nn.Linear(4, 4))
    other.load_state_dict(first.state_dict())
    x = torch.randn(3, 4)
    assert first_difference(first, other, lambda network: network(x), 1e-10) == ""
    with torch.no_grad():
        other[1][1].bias += 1
    assert first_difference(first, other, lambda network: network(x), 1e-10) == "1.1"


@pytest.mark.slow  # importing transformers; diffusers' stand for them
def test_networks_of_transformers_know_what_they_read() -> None:
    """A causal mask is an argument of the attention, as it is outside of a tracer, and the length stays free."""
    references.transformers()
    sizes = {"hidden_size": 16, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24}
    source = module_source("transformers:LlamaModel", {"num_hidden_layers": 1}, {**sizes, "vocab_size": 20})
    text = import_module(source).graph.spec()
    assert "inputs: {input_ids: {shape: [N, L], dtype: int64}}" in text.replace("\n  ", " ")
    assert "is_causal: true" in text
    assert "cumsum" not in text


def test_networks_of_diffusers_know_what_they_read() -> None:
    references.torchvision()
    config = {"num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 1, "num_embeddings": 3}
    source = module_source("diffusers:PriorTransformer", {"embedding_dim": 12}, {**config, "additional_embeddings": 4})
    inputs = {value.name: str(value.type) for value in import_module(source).graph.inputs}
    assert inputs == {
        "hidden_states": "[N, 12]",
        "timestep": "[N] int64",
        "proj_embedding": "[N, 12]",
        "encoder_hidden_states": "[N, 3, 12]",
    }
