"""Small networks with weights such as training leaves: what the rates of the proof are measured on."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import archgraph
from archgraph.graph.types import Graph

IMAGE = {"x": ["N", 4, "H", "W"]}
TOKENS = {"x": ["N", "L", 16]}
ROWS = {"x": ["N", 16]}
TIMED = {**IMAGE, "t": {"shape": ["N"], "dtype": "int64"}}

CONVOLUTIONS = {
    "conv1": {"op": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1},
    "bn1": "batch_norm2d",
    "act1": "relu",
    "conv2": {"op": "conv2d", "in": "act1", "out_channels": 8, "kernel_size": 3, "padding": 1, "groups": 2},
    "act2": "silu",
    "bn2": "batch_norm2d",
    "skip": {"op": "add", "in": ["bn2", "act1"]},
    "pool": {"op": "adaptive_avg_pool2d", "output_size": 1},
    "flat": "flatten",
}


def _head(name: str, width: int, body: Mapping[str, Any] = CONVOLUTIONS, inputs: Mapping[str, Any] = IMAGE) -> Any:
    last = {"op": name, "dim": -1} if name == "softmax" else {"op": name}
    return _spec(inputs, {**body, "head": {"op": "linear", "out_features": width}, "y": last})


def _spec(inputs: Mapping[str, Any], nodes: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"archgraph": 1, "name": "net", "inputs": dict(inputs), "nodes": dict(nodes), **more}


def _linear(width: int, **more: Any) -> dict[str, Any]:
    return {"op": "linear", "out_features": width, **more}


def _attention(causal: bool, norm: str) -> dict[str, Any]:
    return {
        "before": {"op": norm, "in": "x"},
        "q": _linear(16, **{"in": "before"}),
        "k": _linear(16, **{"in": "before"}),
        "v": _linear(16, **{"in": "before"}),
        "mix": {"op": "scaled_dot_product_attention", "in": ["q", "k", "v"], "num_heads": 2, "is_causal": causal},
        "out": _linear(16),
        "joined": {"op": "add", "in": ["out", "x"]},
        "norm": {"op": norm, "in": "joined"},
        "up": _linear(32),
        "act": {"op": "gelu"},
        "down": _linear(16),
        "y": {"op": "add", "in": ["down", "joined"]},
    }


def _stack(depth: int) -> dict[str, Any]:
    nodes: dict[str, Any] = {}
    last = "x"
    for i in range(depth):
        nodes[f"norm{i}"] = {"op": "layer_norm", "in": last}
        nodes[f"up{i}"] = _linear(16)
        nodes[f"act{i}"] = "gelu" if i % 2 else {"op": "gelu", "approximate": "tanh"}
        nodes[f"down{i}"] = _linear(16)
        last = f"add{i}"
        nodes[last] = {"op": "add", "in": [f"down{i}", "x" if i == 0 else f"add{i - 1}"]}
    return nodes


DETECTOR = {
    **{name: node for name, node in CONVOLUTIONS.items() if name not in ("pool", "flat")},
    "places": {"op": "conv2d", "in": "skip", "out_channels": 4, "kernel_size": 1},
    "boxes": {"op": "mul", "value": 640.0},
    "marks": {"op": "conv2d", "in": "skip", "out_channels": 6, "kernel_size": 1},
    "scores": "sigmoid",
}
JOINED = {
    **DETECTOR,
    "far": {"op": "flatten", "in": "boxes", "start_dim": 2},
    "near": {"op": "flatten", "in": "scores", "start_dim": 2},
    "all": {"op": "concat", "in": ["far", "near"]},
}
PYRAMID = {
    "stem": {"op": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1},
    "norm": {"op": "group_norm", "num_groups": 2},
    "act": "silu",
    "down": {"op": "conv2d", "out_channels": 8, "kernel_size": 3, "stride": 2, "padding": 1},
    "wide": {"op": "interpolate", "in": "down", "scale_factor": 2, "mode": "bilinear"},
    "sharp": {"op": "interpolate", "in": "down", "scale_factor": 2},
    "join": {"op": "concat", "in": ["wide", "sharp"]},
    "inst": "instance_norm2d",
    "grow": {"op": "conv_transpose2d", "out_channels": 3, "kernel_size": 2, "stride": 2},
    "y": "tanh",
}
LATE = {
    "waves": {"op": "sinusoidal_embedding", "in": "t", "dim": 32, "flip_sin_to_cos": True, "freq_shift": 0},
    "time1": _linear(16),
    "timeact": "silu",
    "time2": _linear(8),
    "shift": {"op": "unsqueeze", "dim": [-1, -1]},
    "stem": {"op": "conv2d", "in": "x", "out_channels": 8, "kernel_size": 3, "padding": 1},
    "timed": {"op": "add", "in": ["stem", "shift"]},
    "norm": {"op": "group_norm", "num_groups": 4},
    "act": "silu",
    "y": {"op": "conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1},
}
WORDS = {
    "embed": {"op": "embedding", "in": "ids", "num_embeddings": 40, "embedding_dim": 16},
    "place": {"op": "parameter", "shape": [16], "init": "normal"},
    "x": {"op": "add", "in": ["embed", "place"]},
    **_attention(True, "layer_norm"),
}
MLP = {"fc1": _linear(32), "a": "elu", "fc2": _linear(32), "b": "softplus", "fc3": _linear(16), "c": "hardswish"}
PITCH = {"fc1": _linear(32), "a": "relu", "fc2": _linear(32), "b": "silu"}
EXPONENTS = {"fc1": _linear(16), "a": "tanh", "fc2": _linear(12), "y": "exp"}
LEVEL = {
    "dead": {"op": "mul", "in": "x", "value": 1e-3},
    "level": {"op": "add", "value": 0.7},
    "group": {"op": "group_norm", "num_groups": 2},
    "stem": {"op": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1},
    "inst": {"op": "instance_norm2d", "affine": True},
    "act": "silu",
    "pool": {"op": "adaptive_avg_pool2d", "in": "act", "output_size": 1},
    "wide": {"op": "mul", "in": "act", "value": 1e-4},
    "both": {"op": "add", "in": ["wide", "pool"]},
    "batch": {"op": "batch_norm2d", "track_running_stats": False},
}

SPECS: dict[str, Any] = {
    "multi-label head": _head("sigmoid", 12),
    "classifier": _head("softmax", 12),
    "bounded head": _head("tanh", 8),
    "pitch": _head("sigmoid", 360, PITCH, ROWS),
    "activations": _spec(ROWS, MLP),
    "exponents": _spec(ROWS, EXPONENTS),
    "attention": _spec(TOKENS, _attention(False, "layer_norm")),
    "causal attention": _spec(TOKENS, _attention(True, "rms_norm")),
    "deep residuals": _spec(TOKENS, _stack(8)),
    "detector": _spec(IMAGE, DETECTOR, outputs={"boxes": "boxes", "scores": "scores"}),
    "joined detector": _spec(IMAGE, JOINED),
    "pyramid": _spec(IMAGE, PYRAMID),
    "late times": _spec(TIMED, LATE),
    "norms of a level": _spec(IMAGE, LEVEL),
    "words": _spec({"ids": {"shape": ["N", "L"], "dtype": "int64"}}, WORDS),
}
SHIPPED = ("digits_resnet", "digits_ddpm")
DRAWN = "random graph"

State = dict[str, torch.Tensor]
Style = Callable[[str, torch.Tensor, np.random.Generator], torch.Tensor]


def _fresh(key: str, value: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    return value


def _trained(key: str, value: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Weights that grew, statistics of their own, biases that say something."""
    if "running_var" in key:
        return torch.as_tensor(rng.lognormal(0, 1.5, value.shape))
    spread = torch.as_tensor(rng.lognormal(0, 0.7, (value.shape[0], *[1] * (value.ndim - 1)) if value.ndim else ()))
    noise = torch.as_tensor(rng.standard_normal(value.shape))
    return value * spread * 1.5 + noise * (0.5 if value.ndim < 2 else 0.02)


def _prior(key: str, value: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """A strong prior behind the last activation."""
    trained = _trained(key, value, rng)
    return (
        trained - rng.choice([-7.0, 4.5, 7.0, 9.0, 12.0]) if key in ("head.bias", "marks.bias", "fc3.bias") else trained
    )


def _tiny(key: str, value: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    return _trained(key, value, rng) * (1e-6 if "var" in key else 10.0 ** -rng.integers(1, 4))


def _huge(key: str, value: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Statistics of up to 1e8, weights of up to 30 times their size."""
    return _trained(key, value, rng) * (10.0 ** rng.integers(0, 9) if "var" in key else 10.0 ** rng.uniform(0, 1.5))


def _dead(key: str, value: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Some channels with no weights and no variance."""
    made = _trained(key, value, rng)
    if made.ndim and made.shape[0] > 2:
        made[torch.as_tensor(np.random.default_rng(7).random(made.shape[0]) < 0.3)] = 0
    return made


def _sharp(key: str, value: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Attention whose logits are 50 times those of a fresh one; times that are amplified."""
    made = _trained(key, value, rng)
    return made * {"q": 7.0, "k": 7.0, "time1": 5.0, "time2": 5.0}.get(key.partition(".")[0], 1.0)


STYLES: dict[str, Style] = {
    "fresh": _fresh,
    "trained": _trained,
    "strong prior": _prior,
    "small scales": _tiny,
    "large scales": _huge,
    "dead channels": _dead,
    "sharp": _sharp,
}


@dataclass(frozen=True)
class Subject:
    """A network, and the kind of its weights."""

    network: str
    style: str
    seed: int

    def __str__(self) -> str:
        return f"{self.network}, {self.style}, seed {self.seed}"


def subjects(count: int) -> Iterator[Subject]:
    """Networks and styles in turn; every 100th is a shipped one, every 8th is a random graph."""
    names, styles = list(SPECS), list(STYLES)
    for seed in range(count):
        if seed % 100 == 50:
            yield Subject(SHIPPED[seed // 100 % 2], "trained on digits", seed)
        elif seed % 8 == 7:
            yield Subject(DRAWN, styles[seed // 8 % len(styles)], seed)
        else:
            yield Subject(names[seed % len(names)], styles[seed // len(names) % len(styles)], seed)


def module_of(subject: Subject) -> tuple[Graph, torch.nn.Module]:
    """The graph and its module with weights of that style. A shipped network has its own."""
    if subject.network in SHIPPED:
        graph = archgraph.load(subject.network)
        weights = Path(__file__).parents[2] / "specs/weights" / f"{subject.network}.safetensors"
        return graph, archgraph.to_torch(graph, weights=weights)
    graph = _random_graph(subject.seed) if subject.network == DRAWN else archgraph.load(SPECS[subject.network])
    module = archgraph.to_torch(graph, seed=subject.seed)
    rng = np.random.default_rng(subject.seed)
    kept = {
        key: STYLES[subject.style](key, value.double(), rng).to(value.dtype)
        for key, value in module.state_dict().items()
    }
    module.load_state_dict(kept)
    return graph, module


def _random_graph(seed: int) -> Graph:
    """One of those that the compiler is tested on."""
    folder = Path(__file__).parents[1] / "codegen"
    name = "test_codegen_random_graphs"
    if name not in sys.modules:
        sys.path[:0] = [str(folder), str(folder.parent)]
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    graph: Graph = sys.modules[name].Drawing(seed).graph()
    return graph
