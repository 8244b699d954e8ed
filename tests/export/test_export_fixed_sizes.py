"""A file for one size: numbers where symbols stood, nothing computed from shapes, and no other size taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image
from shipped_graphs import shipped

import archgraph as ag
from archgraph.diffusion import sample
from archgraph.dims import Size
from archgraph.errors import InputError, ShapeError, UnknownNameError, VerificationError
from archgraph.graph.cost import cost
from archgraph.graph.fixed_sizes import fixed
from archgraph.graph.input_sizes import concrete_sizes
from archgraph.graph.types import Call, Graph
from archgraph.runtime import Session, save_png
from archgraph.runtime.preprocessing import picture_for
from archgraph.verify import verify_again

DENOISER = {
    "archgraph": 1,
    "name": "small",
    "meta": {"diffusion": {"schedule": {"kind": "linear"}, "prediction": "epsilon", "size": 16}},
    "inputs": {"x": ["N", 3, "H", "W"], "t": {"shape": ["N"], "dtype": "int64"}},
    "nodes": {
        "features": {"op": "sinusoidal_embedding", "in": "t", "dim": 8},
        "temb": {"op": "linear", "out_features": 8},
        "over_space": {"op": "unsqueeze", "dim": [2, 3]},
        "conv_in": {"op": "conv2d", "in": "x", "out_channels": 8, "kernel_size": 3, "padding": 1},
        "timed": {"op": "add", "in": ["conv_in", "over_space"]},
        "down": {"op": "conv2d", "in": "timed", "out_channels": 8, "kernel_size": 3, "stride": 2, "padding": 1},
        "up": {"op": "interpolate", "scale_factor": 2},
        "skip": {"op": "add", "in": ["up", "timed"]},
        "conv_out": {"op": "conv2d", "out_channels": 3, "kernel_size": 3, "padding": 1},
    },
}


def symbolic(graph: Graph) -> Iterator[Any]:
    """Every size in the graph that is no number."""
    for value in graph.inputs:
        yield from (size for size in value.shape if isinstance(size, Size))
    for item in graph.items:
        for value in item.outputs:
            yield from (size for size in value.shape if isinstance(size, Size))
        if isinstance(item, Call):
            yield from (size for size in item.symbols.values() if isinstance(size, Size))
            yield from symbolic(item.body)
        else:
            yield from (one for _, field in item.op for one in _sizes(field))


def _sizes(value: Any) -> Iterator[Size]:
    if isinstance(value, Size):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _sizes(each)


@pytest.mark.parametrize("name", ["resnet50", "ddpm@cifar10", "vit_b_16", "convnext_tiny", "sd_unet", "digits_ddpm"])
def test_no_symbol_is_left_and_the_work_is_that_of_these_sizes(name: str) -> None:
    graph = shipped(name)
    sizes = concrete_sizes(graph)
    made = fixed(graph, sizes)
    assert list(symbolic(graph))
    assert not list(symbolic(made))
    assert not made.constraints
    assert cost(made) == cost(graph, sizes)


def small_resnet() -> Graph:
    return ag.load("digits_resnet", planes=[8, 16], depth=1)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A verified file of the narrow classifier for pictures of 16 × 16, whatever their number."""
    path = tmp_path_factory.mktemp("fixed") / "fixed.onnx"
    ag.to_onnx(small_resnet(), path, sizes={"H": 16, "W": 16})
    return path


def test_sizes_that_are_not_named_stay_free(resnet: Path) -> None:
    with Session(resnet, "cpu", cache=False) as session:
        assert str(session.inputs[0]) == "image [N, 1, 16, 16] float32"
        for n in (1, 3):
            (logits,) = session.run(image=np.zeros((n, 1, 16, 16), np.float32)).values()
            assert logits.shape == (n, 10)


def test_another_size_is_refused(resnet: Path) -> None:
    said = "axis 2 of 'image' must be 16"
    with Session(resnet, "cpu", cache=False) as session, pytest.raises(InputError, match=said) as caught:
        session.run(image=np.zeros((1, 1, 32, 16), np.float32))
    assert caught.value.problems[0].hint == "the file is for H=16, W=16 alone: export it without --size"


def test_another_number_of_channels_is_no_matter_of_the_export(resnet: Path) -> None:
    with Session(resnet, "cpu", cache=False) as session, pytest.raises(InputError) as caught:
        session.run(image=np.zeros((1, 3, 16, 16), np.float32))
    assert not caught.value.problems[0].hint


def test_a_picture_that_is_prepared_for_another_size_is_told_of_the_export(tmp_path: Path) -> None:
    spec = {
        "archgraph": 1,
        "name": "means",
        "meta": {"preprocess": {"resize": 8, "crop": 8}},
        "inputs": {"image": ["N", 3, "H", "W"]},
        "nodes": {"pool": {"op": "adaptive_avg_pool2d", "output_size": 1}},
    }
    ag.to_onnx(spec, tmp_path / "m.onnx", verify=False, sizes={"H": 4, "W": 4})
    save_png(Image.new("RGB", (8, 8)), tmp_path / "p.png")
    with Session(tmp_path / "m.onnx", "cpu", cache=False) as session, pytest.raises(InputError) as caught:
        picture_for(session, tmp_path / "p.png")
    assert caught.value.problems[0].hint == "the file is for H=4, W=4 alone: export it without --size"


def test_the_proof_is_repeated_at_the_file_s_own_sizes(resnet: Path) -> None:
    """By the spec in the file, by a spec with free sizes, and by a module that knows of no sizes."""
    graph = small_resnet()
    assert verify_again(resnet).equal
    found = verify_again(resnet, graph)
    assert {tuple(item.run.sizes) for item in found.measured} == {("N",)}
    assert verify_again(resnet, fixed(graph, {"H": 16, "W": 16})).equal
    with pytest.raises(VerificationError):
        verify_again(resnet, fixed(graph, {"H": 16, "W": 16}), weights=_others(graph, resnet.parent))


def _others(graph: Graph, folder: Path) -> Path:
    from safetensors.torch import save_file

    path = folder / "others.safetensors"
    save_file(ag.to_torch(graph, seed=7).state_dict(), path)
    return path


def test_a_file_for_one_size_computes_nothing_from_shapes(tmp_path: Path) -> None:
    free, alone = tmp_path / "free.onnx", tmp_path / "fixed.onnx"
    graph = ag.load("ddpm@cifar10", channels=[32, 32, 32, 32])
    ag.to_onnx(graph, free, verify=False)
    report = ag.to_onnx(graph, alone, verify=False, sizes={"N": 2, "H": 32, "W": 32}).report
    kinds = [{node.op_type for node in onnx.load(path).graph.node} for path in (free, alone)]
    assert "Shape" in kinds[0]
    assert "Shape" not in kinds[1]
    assert report.sizes == {"N": 2, "H": 32, "W": 32}
    entries = {entry.key: entry.value for entry in onnx.load(alone).metadata_props}
    assert json.loads(entries["archgraph.sizes"]) == {"N": 2, "H": 32, "W": 32}
    onnx.checker.check_model(str(alone), full_check=True)


def test_a_denoiser_of_one_size_is_proved_and_samples(tmp_path: Path) -> None:
    path = tmp_path / "fixed.onnx"
    module = ag.to_torch(DENOISER)
    exported = ag.to_onnx(module, path, sizes={"N": 2, "H": 16, "W": 16})
    assert exported.certificate is not None
    assert exported.certificate.trajectory is not None
    assert exported.certificate.trajectory.shape == (2, 3, 16, 16)
    assert sample(path, n=4, steps=2).shape == (4, 3, 16, 16)


def test_a_batch_that_is_fixed_is_calibrated_in(tmp_path: Path) -> None:
    exact, path = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    ag.to_onnx(small_resnet(), exact, verify=False, sizes={"N": 3, "H": 16, "W": 16})
    pictures = np.random.default_rng(0).standard_normal((26, 1, 16, 16)).astype(np.float32)
    report = ag.to_int8(exact, path, {"image": pictures}, samples=26, timed=False)
    assert report.layers
    with Session(path, "cpu", cache=False) as session:
        assert str(session.inputs[0]) == "image [3, 1, 16, 16] float32"
    with pytest.raises(InputError, match="too few examples"):
        ag.to_int8(exact, path, {"image": pictures}, samples=11, timed=False)


@pytest.mark.parametrize(
    ("sizes", "kind", "said"),
    [
        ({"Q": 3}, UnknownNameError, "has no size 'Q'"),
        ({"H": 36}, ShapeError, "H must be a multiple of 8"),
        ({"N": 0}, ShapeError, "must be positive"),
    ],
)
def test_sizes_that_cannot_be_are_refused_before_anything_is_written(
    sizes: dict[str, int], kind: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(kind) as caught:
        ag.to_onnx("ddpm@cifar10", tmp_path / "m.onnx", sizes=sizes)
    assert said in str(caught.value)
    assert not list(tmp_path.iterdir())
