"""Fixtures: tiny ONNX files with archgraph's metadata, written with onnx alone, so that the rooms that run files are
held against the format and not against the exporter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

KINDS = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int64": TensorProto.INT64}
MULTIPLE_OF_8 = {
    "symbol": "H",
    "modulus": 8,
    "residues": [0],
    "minimum": None,
    "maximum": None,
    "text": "H must be a multiple of 8",
    "causes": [{"reason": "three halvings meet their skips", "where": "unet.yaml:12:3", "path": "up.0.skip"}],
}

Ports = dict[str, dict[str, Any]]


def port(shape: list[int | str], dtype: str = "float32") -> dict[str, Any]:
    return {"shape": shape, "dtype": dtype}


def save(
    path: Path, nodes: list[Any], inputs: Ports, outputs: Ports, weights: dict[str, Any], /, **entries: Any
) -> Path:
    """Writes a model; `entries` are further metadata, None leaves the entry out."""
    values = [
        [helper.make_tensor_value_info(name, KINDS[told["dtype"]], told["shape"]) for name, told in ports.items()]
        for ports in (inputs, outputs)
    ]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "tiny", *values, initializer=tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    told = {"version": 1, "generator": "0.1.0", "name": "tiny", "inputs": inputs, "outputs": outputs, **entries}
    texts = {
        f"archgraph.{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in told.items()
        if value is not None
    }
    helper.set_model_props(model, texts)
    onnx.save(model, path)
    return path


@pytest.fixture
def classifier(tmp_path: Path) -> Callable[..., Path]:
    """Logits [N, 3]: the means over each colour. H must be a multiple of 8."""

    def build(name: str = "classifier.onnx", **entries: Any) -> Path:
        return save(
            tmp_path / name,
            [helper.make_node("ReduceMean", ["image", "axes"], ["logits"], keepdims=0)],
            {"image": port(["N", 3, "H", "W"])},
            {"logits": port(["N", 3])},
            {"axes": np.array([2, 3])},
            **{"constraints": [MULTIPLE_OF_8], **entries},
        )

    return build


@pytest.fixture
def denoiser(tmp_path: Path) -> Callable[..., Path]:
    """x / 2 + t / 1000 in every picture: [N, 3, H, W], [N] → [N, 3, H, W]. `claim`: the entry `batch`, as JSON."""

    def build(name: str = "denoiser.onnx", batch: int | str = "N", claim: str | None = None, **entries: Any) -> Path:
        shape: list[int | str] = [batch, 3, "H", "W"]
        return save(
            tmp_path / name,
            [
                helper.make_node("Cast", ["t"], ["time"], to=TensorProto.FLOAT),
                helper.make_node("Unsqueeze", ["time", "axes"], ["column"]),
                helper.make_node("Mul", ["column", "thousandth"], ["bias"]),
                helper.make_node("Mul", ["x", "half"], ["scaled"]),
                helper.make_node("Add", ["scaled", "bias"], ["eps"]),
            ],
            {"x": port(shape), "t": port([batch], "int64")},
            {"eps": port(shape)},
            {"axes": np.array([1, 2, 3]), "half": np.float32(0.5), "thousandth": np.float32(1e-3)},
            **{"meta": {"diffusion": {"size": 8}}, "constraints": [MULTIPLE_OF_8], "batch": claim, **entries},
        )

    return build


@pytest.fixture
def pair(tmp_path: Path) -> Callable[..., Path]:
    """a + the nearest upsampling of b by two, plus a count: inputs whose sizes hang together."""

    def build(name: str = "pair.onnx", **entries: Any) -> Path:
        return save(
            tmp_path / name,
            [
                helper.make_node("Resize", ["b", "", "scales"], ["large"], mode="nearest"),
                helper.make_node("Add", ["a", "large"], ["sum"]),
                helper.make_node("Identity", ["count"], ["counted"]),
            ],
            {"a": port(["N", 1, "H"]), "b": port(["N", 1, "H // 2"]), "count": port(["N"], "int64")},
            {"sum": port(["N", 1, "H"]), "counted": port(["N"], "int64")},
            {"scales": np.array([1, 1, 2], np.float32)},
            **entries,
        )

    return build


@pytest.fixture
def conditional(tmp_path: Path) -> Callable[..., Path]:
    """x / 2 + class / 10 + t / 1000, and a variance of 0 where asked: [N, 3, H, W], [N], [N] → [N, 3 or 6, H, W]."""

    def build(
        name: str = "conditional.onnx", batch: int | str = "N", label: str = "y", variance: bool = False, **entries: Any
    ) -> Path:
        shape: list[int | str] = [batch, 3, "H", "W"]
        nodes = [
            helper.make_node("Cast", ["t"], ["time"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["time", "thousandth"], ["timed"]),
            helper.make_node("Cast", [label], ["class"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["class", "tenth"], ["classed"]),
            helper.make_node("Add", ["timed", "classed"], ["both"]),
            helper.make_node("Unsqueeze", ["both", "axes"], ["column"]),
            helper.make_node("Mul", ["x", "half"], ["scaled"]),
            helper.make_node("Add", ["scaled", "column"], ["answer" if variance else "eps"]),
        ]
        if variance:
            nodes.append(helper.make_node("Sub", ["answer", "answer"], ["nothing"]))
            nodes.append(helper.make_node("Concat", ["answer", "nothing"], ["eps"], axis=1))
        weights = {"half": 0.5, "thousandth": 1e-3, "tenth": 0.1}
        return save(
            tmp_path / name,
            nodes,
            {"x": port(shape), "t": port([batch], "int64"), label: port([batch], "int64")},
            {"eps": port([batch, 6 if variance else 3, "H", "W"])},
            {"axes": np.array([1, 2, 3]), **{key: np.float32(value) for key, value in weights.items()}},
            **{"meta": {"diffusion": {"size": 8, "classes": 3, "null_label": 3}}, **entries},
        )

    return build


@pytest.fixture
def parted(tmp_path: Path) -> Callable[..., Path]:
    """The network of `conditional`, x / 2 + class / 10 + t / 1000, in two files written with onnx alone."""

    meta = {"diffusion": {"size": 8, "classes": 3, "null_label": 3}}

    def build(batch: int | str = "N", order: tuple[str, str] = ("t", "y"), **entry: Any) -> Path:
        nodes = [
            helper.make_node("Cast", ["t"], ["time"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["time", "thousandth"], ["timed"]),
            helper.make_node("Cast", ["y"], ["class"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["class", "tenth"], ["classed"]),
            helper.make_node("Add", ["timed", "classed"], ["both"]),
            helper.make_node("Unsqueeze", ["both", "one"], ["features"]),
        ]
        inputs = {name: port([batch], "int64") for name in order}
        features = {"features": port([batch, 1])}
        held = {"tenth": np.float32(0.1), "thousandth": np.float32(1e-3), "one": np.array([1])}
        of = {"meta": meta, "time_branch_of": "m.onnx"}
        branch = save(tmp_path / "m.time.onnx", nodes, inputs, features, held, **of)
        told = {"file": branch.name, "sha256": hashlib.sha256(branch.read_bytes()).hexdigest()}
        image = port([batch, 3, "H", "W"])
        return save(
            tmp_path / "m.onnx",
            [
                helper.make_node("Unsqueeze", ["features", "axes"], ["column"]),
                helper.make_node("Mul", ["x", "half"], ["scaled"]),
                helper.make_node("Add", ["scaled", "column"], ["eps"]),
            ],
            {"x": image, **features},
            {"eps": image},
            {"axes": np.array([2, 3]), "half": np.float32(0.5)},
            meta=meta,
            time_branch={**told, "inputs": inputs, "outputs": features, **entry},
        )

    return build


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Rows of a table [3, 2], times a scale that all places share: [N], [2] → [N, 2]. `claim`: as of `denoiser`."""

    def build(name: str = "table.onnx", claim: str | None = None) -> Path:
        nodes = [helper.make_node("Gather", ["rows", "i"], ["row"]), helper.make_node("Mul", ["row", "scale"], ["y"])]
        inputs = {"i": port(["N"], "int64"), "scale": port([2])}
        rows = np.arange(6, dtype=np.float32).reshape(3, 2)
        return save(tmp_path / name, nodes, inputs, {"y": port(["N", 2])}, {"rows": rows}, batch=claim)

    return build
