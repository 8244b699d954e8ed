"""Attention and transformers under the names of torch.nn: keys in order, outputs, gradients and files equal torch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archgraph as ag

WIDTH, HEADS, L, S, N = 8, 2, 3, 5, 2
BOOL = {"dtype": "bool"}


def network(block: str, inputs: dict[str, Any], ports: dict[str, str], arguments: dict[str, Any]) -> ag.Graph:
    node = {"op": block, "in": ports, **arguments}
    return ag.load({"archgraph": 1, "name": "it", "inputs": inputs, "nodes": {"part": node}})


def drawn(graph: ag.Graph) -> dict[str, Tensor]:
    """Numbers for each input; no mask hides all that a token may look at."""
    torch.manual_seed(0)
    made: dict[str, Tensor] = {}
    for value in graph.inputs:
        shape = [{"L": L, "S": S, "T": L, "N": N}.get(str(size), size) for size in value.shape]
        if value.dtype == "bool":
            made[value.name] = torch.rand(shape) < 0.4  # type: ignore[arg-type]
            made[value.name][..., 0] = False
        else:
            made[value.name] = torch.randn(shape, requires_grad=True)  # type: ignore[arg-type]
    return made


def require_torchs(graph: ag.Graph, reference: nn.Module, call: Any, folder: Path) -> None:
    """Keys in torch's order; outputs and gradients in training and in evaluation; a proved file."""
    module = ag.to_torch(graph, seed=1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter) / 3)
    state = {key.removeprefix("part."): value for key, value in module.state_dict().items()}
    assert [(key, value.shape) for key, value in state.items()] == [
        (key, value.shape) for key, value in reference.state_dict().items()
    ]
    reference.load_state_dict(state)
    given = drawn(graph)
    free = [value for value in given.values() if value.requires_grad]
    for training in (True, False):
        module.train(training)
        reference.train(training)
        ours, theirs = module(*given.values()), call(reference, **given)
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
        parts = zip(*(torch.autograd.grad(y.square().sum(), free) for y in (ours, theirs)), strict=True)
        for mine, other in parts:
            torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)
    ag.to_onnx(module, folder / "it.onnx")


ATTENTION = [
    pytest.param({}, {}, "", id="plain"),
    pytest.param({"batch_first": True, "bias": False}, {"is_causal": True}, "", id="causal-batch-first"),
    pytest.param({"kdim": 6, "vdim": 4}, {"attn_mask": "hide"}, "m", id="separate-hidden"),
    pytest.param({"add_bias_kv": True, "add_zero_attn": True}, {"attn_mask": "add"}, "m", id="added-tokens"),
    pytest.param({"batch_first": True}, {"attn_mask": "add", "key_padding_mask": True}, "mp", id="added-and-padding"),
    pytest.param(
        {"add_bias_kv": True}, {"attn_mask": "hide", "key_padding_mask": True, "is_causal": True}, "mp", id="all"
    ),
]


@pytest.mark.parametrize(("settings", "masks", "given"), ATTENTION)
def test_multihead_attention(settings: dict[str, Any], masks: dict[str, Any], given: str, tmp_path: Path) -> None:
    first = settings.get("batch_first", False)
    key, value = settings.get("kdim", WIDTH), settings.get("vdim", WIDTH)
    inputs: dict[str, Any] = {
        "q": ["N", "L", WIDTH] if first else ["L", "N", WIDTH],
        "k": ["N", "S", key] if first else ["S", "N", key],
        "v": ["N", "S", value] if first else ["S", "N", value],
    }
    ports = {"query": "q", "key": "k", "value": "v"}
    if "m" in given:
        inputs["m"] = {"shape": ["L", "S"], **(BOOL if masks["attn_mask"] == "hide" else {})}
        ports["attn_mask"] = "m"
    if "p" in given:
        inputs["p"] = {"shape": ["N", "S"], **BOOL}
        ports["key_padding_mask"] = "p"
    own = {name: value for name, value in settings.items() if name not in ("kdim", "vdim")}
    graph = network("multihead_attention", inputs, ports, {"num_heads": HEADS, **own, **masks})
    reference = nn.MultiheadAttention(WIDTH, HEADS, **settings)

    def call(module: nn.Module, q: Tensor, k: Tensor, v: Tensor, m: Any = None, p: Any = None) -> Any:
        ahead = torch.ones(L, S, dtype=torch.bool).triu(1)
        if masks.get("is_causal"):
            m = ahead if m is None else m | ahead
        if p is not None and m is not None and m.is_floating_point():
            p = torch.zeros(p.shape).masked_fill(p, -torch.inf)  # torch wants both of one type
        return module(q, k, v, attn_mask=m, key_padding_mask=p, need_weights=False)[0]

    require_torchs(graph, reference, call, tmp_path)


def test_training_drops_attention() -> None:
    """All of it, so that nothing depends on what chance drops: the result is the last bias, as in torch."""
    ports, inputs = {"query": "q", "key": "q", "value": "q"}, {"q": ["L", "N", WIDTH]}
    module = ag.to_torch(network("multihead_attention", inputs, ports, {"num_heads": HEADS, "dropout": 1.0}), seed=0)
    reference = nn.MultiheadAttention(WIDTH, HEADS, dropout=1.0)
    reference.load_state_dict({key.removeprefix("part."): value for key, value in module.state_dict().items()})
    q = torch.randn(L, 2, WIDTH)
    for training in (True, False):
        ours = module.train(training)(q)
        torch.testing.assert_close(ours, reference.train(training)(q, q, q, need_weights=False)[0])
        assert bool((ours == ours[0]).all()) == training


ENCODER = {"nhead": HEADS, "dim_feedforward": 12, "dropout": 0.0}


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"norm_first": False, "batch_first": True}, id="norm-after"),
        pytest.param(
            {"norm_first": True, "activation": "gelu", "bias": False, "layer_norm_eps": 1e-3}, id="norm-first"
        ),
    ],
)
def test_encoder_layers(settings: dict[str, Any], tmp_path: Path) -> None:
    shape = ["N", "L", WIDTH] if settings.get("batch_first") else ["L", "N", WIDTH]
    inputs = {"x": shape, "p": {"shape": ["N", "L"], **BOOL}}
    graph = network(
        "transformer_encoder_layer",
        inputs,
        {"src": "x", "src_key_padding_mask": "p"},
        {**ENCODER, **settings, "src_key_padding_mask": True},
    )
    reference = nn.TransformerEncoderLayer(WIDTH, **ENCODER, **settings)
    require_torchs(graph, reference, lambda module, x, p: module(x, src_key_padding_mask=p), tmp_path)


@pytest.mark.parametrize("norm_first", [False, True])
def test_decoder_layers(norm_first: bool, tmp_path: Path) -> None:
    inputs = {"x": ["L", "N", WIDTH], "y": ["S", "N", WIDTH], "m": {"shape": ["L", "S"], **BOOL}}
    settings = {**ENCODER, "norm_first": norm_first, "activation": "gelu"}
    graph = network(
        "transformer_decoder_layer",
        inputs,
        {"tgt": "x", "memory": "y", "memory_mask": "m"},
        {**settings, "memory_mask": "hide", "tgt_is_causal": True},
    )
    reference = nn.TransformerDecoderLayer(WIDTH, **settings)

    def call(module: nn.Module, x: Tensor, y: Tensor, m: Tensor) -> Any:
        ahead = torch.ones(L, L, dtype=torch.bool).triu(1)
        return module(x, y, tgt_mask=ahead, memory_mask=m)

    require_torchs(graph, reference, call, tmp_path)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
def test_the_transformer(tmp_path: Path) -> None:
    """Encoder and decoder together; tokens of the source are padded, those of the target look back only."""
    inputs = {"x": ["N", "S", WIDTH], "y": ["N", "L", WIDTH], "p": {"shape": ["N", "S"], **BOOL}}
    graph = network(
        "transformer",
        inputs,
        {"src": "x", "tgt": "y", "src_key_padding_mask": "p", "memory_key_padding_mask": "p"},
        {
            **ENCODER,
            "num_encoder_layers": 2,
            "num_decoder_layers": 2,
            "batch_first": True,
            "src_key_padding_mask": True,
            "memory_key_padding_mask": True,
            "tgt_is_causal": True,
        },
    )
    reference = nn.Transformer(WIDTH, HEADS, 2, 2, 12, 0.0, batch_first=True)
    reference.encoder.enable_nested_tensor = False  # it leaves padded rows of the memory out, as zeros

    def call(module: nn.Module, x: Tensor, y: Tensor, p: Tensor) -> Any:
        ahead = torch.ones(L, L, dtype=torch.bool).triu(1)
        return module(x, y, tgt_mask=ahead, src_key_padding_mask=p, memory_key_padding_mask=p)

    require_torchs(graph, reference, call, tmp_path)


def test_published_keys_of_the_transformer_at_full_size() -> None:
    from archgraph.graph import weights

    inputs = {"x": ["S", "N", 512], "y": ["L", "N", 512]}
    with torch.device("meta"), pytest.warns(UserWarning, match="enable_nested_tensor"):
        reference = nn.Transformer()
    theirs = [(f"part.{key}", tuple(value.shape)) for key, value in reference.state_dict().items()]
    graph = network("transformer", inputs, {"src": "x", "tgt": "y"}, {})
    assert [(item.key, item.weight.shape) for item in weights(graph)] == theirs
