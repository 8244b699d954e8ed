"""Which operations have kernels on CUDA, as ONNX Runtime's real provider chooses its nodes; and what it refuses."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from cuda_cases import OTHERS, job, network, probed
from export_cases import random_weights
from missing_kernels import WITHOUT_BFLOAT16, WITHOUT_KERNEL

from archgraph.export import ExportOptions, export
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, TensorType, make
from archgraph.runtime.devices import CPU, CUDA

NEEDS_CUDNN = {"lstm", "gru", "rnn"}
"""Their kernels ask cuDNN how much memory they need, which the stand-in for it does not know."""
ASKED = {name for name, kind in REGISTRY.items() if kind.examples} - NEEDS_CUDNN

Answer = Mapping[str, Any]


TOGETHER = 25
"""So many operations that have kernels stand in one file: a session takes longer to open than its nodes do."""


def applied(names: Sequence[str]) -> Graph:
    """All examples of the operations' contracts, next to each other."""
    build, outputs = Builder("examples"), {}
    for name in names:
        for i, example in enumerate(REGISTRY[name].examples):
            values = {
                port: build.input(f"{name}{i}_{port.replace('.', '_')}", each.shape, each.dtype)
                for port, each in example.inputs.items()
            }
            made = build.apply(f"{name}_{i}", make(REGISTRY[name], example.attributes), values)
            outputs |= {f"{name}{i}_y{number}": value for number, value in enumerate(made.outputs)}
    return build.finish(outputs)


def files_of(lacking: Mapping[str, set[str]]) -> list[tuple[str, ...]]:
    """The operations of each file: those without a kernel have their own, the others share."""
    without = set().union(*lacking.values())
    with_kernels = sorted(ASKED - without)
    shared = [tuple(with_kernels[at : at + TOGETHER]) for at in range(0, len(with_kernels), TOGETHER)]
    return [*shared, *((name,) for name in sorted(without))]


def opened(libraries: Path, folder: Path, dtype: str, lacking: Mapping[str, set[str]]) -> dict[tuple[str, ...], Answer]:
    """What the provider made of the examples of the operations of each file."""
    jobs: dict[tuple[str, ...], dict[str, Any]] = {}
    for names in files_of(lacking):
        graph, file = applied(names), folder / f"{names[0]}-{dtype}.onnx"
        export(graph, random_weights(graph), file, ExportOptions("cuda", dtype=dtype))
        jobs[names] = {"file": str(file), "feeds": {}}
    return dict(zip(jobs, probed(libraries, list(jobs.values())), strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_every_operation_has_kernels(libraries: Path, tmp_path: Path, dtype: str) -> None:
    """But for those that the provider lacks: such a file is refused by name."""
    asked = opened(libraries, tmp_path, dtype, WITHOUT_KERNEL)
    for operator, names in WITHOUT_KERNEL.items():
        assert all(f"{operator} × {len(REGISTRY[name].examples)}" in asked.pop((name,))["error"] for name in names)
    assert set().union(*asked) == ASKED - set().union(*WITHOUT_KERNEL.values())
    assert {names: answer["error"] for names, answer in asked.items() if "error" in answer} == {}
    assert {names: answer["placement"][CPU] for names, answer in asked.items() if CPU in answer["placement"]} == {}


def test_what_has_no_kernel_in_bfloat16(libraries: Path, tmp_path: Path) -> None:
    """Such a file is refused by name; all others open."""
    asked = opened(libraries, tmp_path, "bfloat16", WITHOUT_BFLOAT16)
    for operator, names in WITHOUT_BFLOAT16.items():
        for name in names:
            error = asked.pop((name,))["error"]
            assert re.search("no CUDA kernel|cannot be opened on CUDA", error)
            assert operator in error
    assert {names: answer["error"] for names, answer in asked.items() if "error" in answer} == {}


FORMS: list[tuple[str, dict[str, Any], dict[str, TensorType]]] = [
    ("argmax", {"dim": -1}, {"input": TensorType((2, 5), "int64")}),
    ("max", {"dim": 1}, {"input": TensorType((2, 5), "int64")}),
    (
        "conv_transpose2d",
        {"out_channels": 2, "kernel_size": [1, 4], "padding": 2, "output_padding": [2, 1], "dilation": 3},
        {"input": TensorType((2, 2, 6, 11))},
    ),
    (
        "conv_transpose3d",
        {"out_channels": 2, "kernel_size": 4, "stride": 2, "padding": 1, "output_padding": 2, "dilation": 3},
        {"input": TensorType((2, 6, 4, 3, 5))},
    ),
    ("grid_sample", {}, {"input": TensorType((2, 3, 2, 4, 5)), "grid": TensorType((2, 2, 1, 3, 3))}),
    ("grid_sample", {"mode": "bicubic"}, {"input": TensorType((2, 3, 4, 5)), "grid": TensorType((2, 2, 3, 2))}),
]
"""What CUDA has kernels for in one form only."""


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_forms_that_cuda_has_kernels_for(dtype: str, libraries: Path, tmp_path: Path) -> None:
    build, outputs = Builder("forms"), {}
    for i, (name, attributes, types) in enumerate(FORMS):
        values = {port: build.input(f"x{i}_{port}", kind.shape, kind.dtype) for port, kind in types.items()}
        made = build.apply(f"n{i}", make(REGISTRY[name], attributes), values)
        outputs |= {f"y{i}_{number}": value for number, value in enumerate(made.outputs)}
    graph, file = build.finish(outputs), tmp_path / "forms.onnx"
    export(graph, random_weights(graph), file, ExportOptions("cuda", dtype=dtype))
    (answer,) = probed(libraries, [{"file": str(file), "feeds": {}}])
    assert "error" not in answer, answer["error"]
    assert answer["placement"].keys() == {CUDA}


@pytest.fixture(scope="session")
def networks(libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Answer]:
    """What the provider made of the other shipped networks, in one type and the other by turns."""
    folder = tmp_path_factory.mktemp("others")
    asked = [(name, ("float32", "float16")[at % 2]) for at, name in enumerate(OTHERS)]
    jobs = [job(network(name), folder, dtype, runs=False) for name, dtype in asked]
    return dict(zip(asked, probed(libraries, jobs), strict=True))


def test_the_other_networks_run_on_cuda_alone(networks: dict[tuple[str, str], Answer]) -> None:
    for (name, dtype), answer in networks.items():
        assert "error" not in answer, (name, dtype, answer["error"])
        assert answer["placement"].keys() == {CUDA}, (name, dtype)


def test_sizes_are_copied_where_they_are_computed(networks: dict[tuple[str, str], Answer]) -> None:
    """`attention_unet` alone: its attention makes an image with other channels than any that is there."""
    copying = {name for (name, _), answer in networks.items() if "MemcpyToHost" in answer["optimised"]}
    assert copying == {"attention_unet"}


def test_a_file_that_copies_sizes_is_not_captured(libraries: Path, tmp_path: Path) -> None:
    (answer,) = probed(libraries, [job(network("attention_unet"), tmp_path, runs=False, how={"cuda_graph": True})])
    assert "cannot be captured as a CUDA graph" in answer["error"]
    assert "export it with sizes that are fixed" in answer["error"]


@pytest.mark.parametrize(
    ("gone", "device", "said"),
    [
        ("libcudnn.so.9", "cuda", "cuDNN 9 cannot be loaded"),
        ("libcublas.so.13", "cuda", "ONNX Runtime cannot load its CUDA provider"),
        ("libcuda.so.1", "cuda", "there is no NVIDIA GPU that can be used"),
        ("", "tensorrt", "TensorRT 10 is not installed"),
    ],
)
def test_a_library_that_is_not_there(libraries: Path, tmp_path: Path, gone: str, device: str, said: str) -> None:
    """The real provider, without one of the libraries that it needs."""
    folder = tmp_path / "some"
    shutil.copytree(libraries, folder, symlinks=True)
    if gone:
        (folder / gone).unlink()
    (answer,) = probed(folder, [job(network("digits_resnet"), tmp_path, device=device)])
    assert said in answer["error"]
    assert "hint: " in answer["error"]
