"""The networks whose exported files are timed: the published module, its inputs, and the sizes that stay free.

`prepare` writes both files of a network, from the same weights, and compares what they compute.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import references
import torch
from contenders import torch_export
from torch import Tensor, nn

LARGEST_DIFFERENCE = 2e-3
"""Of the largest output: two orders of summation in deep networks with random weights differ by some 1e-4."""


@dataclass(frozen=True)
class Network:
    """A published network, its spec, the sizes it is timed at, and those of them that both files leave free.

    `shapes` are those of the inputs in the order of the published arguments; a name stands for a size.
    """

    build: Callable[[], nn.Module]
    shapes: Mapping[str, tuple[int | str, ...]]
    sizes: Mapping[str, int]
    free: tuple[str, ...] = ("N", "H", "W")


IMAGE = {"image": ("N", 3, "H", "W")}
VIDEO = {"video": ("N", 3, "T", "H", "W")}
TEXT = {"input_ids": ("N", "L"), "attention_mask": ("N", "L")}
IDS = 20000
"""Token ids lie below it."""


def torchvision_model(name: str, **config: Any) -> Callable[[], nn.Module]:
    return lambda: references.torchvision().models.get_model(name, weights=None, **config)


def timm_model(name: str) -> Callable[[], nn.Module]:
    return lambda: references.timm().create_model(name)


def transformers_model(name: str, **config: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        package = references.transformers()
        settings = getattr(package, f"{name.removesuffix('LMHeadModel').removesuffix('Model')}Config")(
            attn_implementation="sdpa", **config
        )
        found: nn.Module = getattr(package, name)(settings)
        return found

    return build


def whisper() -> nn.Module:
    """The encoder of a whole network, whose decoder is as small as it can be."""
    decoder = {"decoder_layers": 1, "decoder_attention_heads": 1, "decoder_ffn_dim": 8, "vocab_size": 8}
    tokens = {"pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1, "decoder_start_token_id": 1}
    encoder: nn.Module = transformers_model("WhisperModel", **decoder, **tokens)().get_encoder()
    return encoder


NETWORKS: dict[str, Network] = {
    "swin_t": Network(torchvision_model("swin_t"), IMAGE, {"H": 224, "W": 224}),
    "regnet_y_400mf": Network(torchvision_model("regnet_y_400mf"), IMAGE, {"H": 224, "W": 224}),
    "efficientnet_b0": Network(torchvision_model("efficientnet_b0"), IMAGE, {"H": 224, "W": 224}),
    "convnextv2_atto": Network(timm_model("convnextv2_atto"), IMAGE, {"H": 224, "W": 224}),
    "inception_v3": Network(torchvision_model("inception_v3", init_weights=False), IMAGE, {"H": 299, "W": 299}),
    "maxvit_t": Network(torchvision_model("maxvit_t"), {"image": ("N", 3, 224, 224)}, {}),
    "deeplabv3_resnet50": Network(
        torchvision_model("deeplabv3_resnet50", weights_backbone=None, aux_loss=True), IMAGE, {"H": 128, "W": 128}
    ),
    "gpt2_small": Network(transformers_model("GPT2LMHeadModel", use_cache=False), TEXT, {"L": 32}),
    "bert_base_uncased": Network(transformers_model("BertModel"), {**TEXT, "token_type_ids": ("N", "L")}, {"L": 64}),
    "wav2vec2_base": Network(transformers_model("Wav2Vec2Model"), {"input_values": ("N", "T")}, {"T": 8000}),
    "whisper_tiny": Network(whisper, {"input_features": ("N", 80, 3000)}, {"T": 3000}),
    "r3d_18": Network(torchvision_model("r3d_18"), VIDEO, {"T": 8, "H": 64, "W": 64}),
}


def arrays(network: Network, batch: int) -> dict[str, np.ndarray]:
    """Random inputs; a mask that hides nothing, so that every form of it has the same work."""
    generator = np.random.default_rng(0)
    sizes = {"N": batch, **network.sizes}

    def array(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name == "attention_mask":
            return np.ones(shape, np.int64)
        if name.endswith("_ids"):
            return generator.integers(0, 2 if name.startswith("token_type") else IDS, shape)
        return generator.standard_normal(shape).astype(np.float32)

    shapes = {
        name: tuple(sizes[size] if isinstance(size, str) else size for size in shape)
        for name, shape in network.shapes.items()
    }
    return {name: array(name, shape) for name, shape in shapes.items()}


class Outputs(nn.Module):
    """The published network as a function of its inputs in their order, with its tensors as outputs."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        if len(values) == 1:
            found = self.network(*values)
        else:
            found = self.network(**dict(zip(self.names, values, strict=True)))
        if isinstance(found, Tensor):
            return (found,)
        found = found.values() if isinstance(found, Mapping) else found
        return tuple(item for item in found if isinstance(item, Tensor))


def prepare(name: str, folder: Path) -> float:
    """Writes NAME_ours.onnx, and NAME_theirs.onnx where it is missing; the largest difference of their outputs.

    Raises AssertionError where they differ by more than LARGEST_DIFFERENCE of the largest output.
    """
    from safetensors.torch import save_model

    import archgraph as ag

    network = NETWORKS[name]
    module = references.randomised(network.build(), seed=1)
    save_model(module, str(folder / f"{name}.safetensors"))
    fixed = {size: number for size, number in network.sizes.items() if size not in network.free}
    graph = ag.load(name)
    how = {"weights": folder / f"{name}.safetensors", "profile": "cpu", "verify": False, "sizes": fixed or None}
    ag.to_onnx(graph, folder / f"{name}_ours.onnx", **how)
    (folder / f"{name}.safetensors").unlink()
    if not (folder / f"{name}_theirs.onnx").is_file():
        export_theirs(network, module, folder / "theirs.onnx")
        (folder / "theirs.onnx").rename(folder / f"{name}_theirs.onnx")  # none is left behind half written
    return difference(name, folder)


def export_theirs(network: Network, module: nn.Module, path: Path) -> None:
    """torch's own export, with the same sizes free."""
    dynamic = torch.export.Dim.DYNAMIC
    free = [{i: dynamic for i, size in enumerate(shape) if size in network.free} for shape in network.shapes.values()]
    given = tuple(torch.from_numpy(value) for value in arrays(network, 2).values())
    wrapped = Outputs(module, tuple(network.shapes)).eval()
    torch_export(wrapped, given, path, dynamic_shapes=(tuple(free),))


def difference(name: str, folder: Path) -> float:
    """The largest difference between the outputs of the two files, as a part of the largest output."""
    ours, theirs = (call(name, kind, 2, folder)() for kind in ("ours", "theirs"))
    assert [item.shape for item in ours] == [item.shape for item in theirs], name
    parts = [np.abs(a - b).max() / max(np.abs(b).max(), 1e-6) for a, b in zip(ours, theirs, strict=True)]
    assert max(parts) < LARGEST_DIFFERENCE, f"{name}: the files differ by {max(parts)}"
    return float(max(parts))


def call(name: str, kind: str, batch: int, folder: Path, threads: int = 0) -> Callable[[], Any]:
    """One run of a file in ONNX Runtime; the mask has the type that the file asks for."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    path = folder / f"{name}_{kind}.onnx"
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given = arrays(NETWORKS[name], batch).values()
    feed = {
        item.name: value.astype(bool) if item.type == "tensor(bool)" else value
        for item, value in zip(session.get_inputs(), given, strict=True)
    }
    return functools.partial(session.run, None, feed)
