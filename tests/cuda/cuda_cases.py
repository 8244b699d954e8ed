"""Small forms of the shipped networks, exported for CUDA and opened over the stand-in."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import stand_in
from export_cases import concrete, random_weights

import archgraph as ag
from archgraph.export import ExportOptions, export
from archgraph.graph.input_sizes import concrete_sizes
from archgraph.graph.types import Graph

ROOT = Path(__file__).parents[2]
PROBE = Path(__file__).with_name("probe.py")
PROVIDER = "libonnxruntime_providers_cuda.so"

NETWORKS: dict[str, dict[str, Any]] = {
    "resnet18": {},
    "vit_b_16": {"image_size": 32, "dim": 32, "depth": 2, "heads": 2},
    "convnext_tiny": {"depths": [1, 1, 1, 1], "channels": [16, 16, 32, 32]},
    "ddpm@cifar10": {"channels": [32, 32], "attention": [False, True], "layers": 1, "groups": 8},
    "sd_unet": {"channels": [32, 32], "depth": [1, 0], "heads": [2, 2], "layers": 1, "context_dim": 16, "groups": 8},
}
OTHERS: dict[str, dict[str, Any]] = {
    "attention_unet": {"dim": 16, "dim_mults": [1, 2]},
    "densenet121": {"depths": [2, 2, 2, 2], "growth": 8, "init_features": 16},
    "digits_ddpm": {},
    "digits_resnet": {},
    "mobilenet_v2": {"depths": [1, 2, 1, 1, 1, 1, 1]},
    "resnet_d2l": {},
}


@cache
def unfit() -> str:
    """Why the stand-in cannot be made here; '' where it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "the stand-in for NVIDIA's libraries is made for Linux on x86-64"
    if missing := [name for name in ("cc", "nm", "readelf") if shutil.which(name) is None]:
        return f"the stand-in for NVIDIA's libraries needs {', '.join(missing)}"
    if not provider().is_file():
        return "the CUDA provider of onnxruntime-gpu is not installed"
    if stand_in.RUNTIME not in stand_in.needed(provider()):
        return f"the stand-in for NVIDIA's libraries is made for an onnxruntime-gpu that needs {stand_in.RUNTIME}"
    return ""


def provider() -> Path:
    """Where ONNX Runtime's CUDA provider lies."""
    spec = importlib.util.find_spec("onnxruntime")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "capi" / PROVIDER


@cache
def network(name: str) -> Graph:
    return ag.load(name, **{**NETWORKS, **OTHERS}[name])


def job(graph: Graph, folder: Path, dtype: str = "float32", runs: bool = True, **how: Any) -> dict[str, Any]:
    """A job for the probe: the file of a graph, and the shapes to run it with."""
    file = folder / f"{graph.name}-{dtype}.onnx"
    if not file.exists():
        export(graph, random_weights(graph), file, ExportOptions("cuda", dtype=dtype))
    sizes = concrete_sizes(graph)
    feeds = {value.name: (concrete(value.shape, sizes), value.dtype) for value in graph.inputs} if runs else {}
    return {"file": str(file), "feeds": feeds, **how}


def probed(libraries: Path, jobs: Sequence[dict[str, Any]], **environment: str) -> list[dict[str, Any]]:
    """The answers of the probe, which runs over the stand-in in a process of its own."""
    paths = {"LD_LIBRARY_PATH": str(libraries), "PYTHONPATH": str(ROOT), "ARCHGRAPH_CACHE": "off"}
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "jobs.json"
        told.write_text(json.dumps(jobs))
        ran = subprocess.run(
            [sys.executable, str(PROBE), str(told)],
            env={**os.environ, **paths, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, f"the probe ended with {ran.returncode}:\n{ran.stderr}"
    found: list[dict[str, Any]] = json.loads(ran.stdout.splitlines()[-1])
    return found


def built(folder: Path) -> Path:
    """The folder of the stand-in's libraries."""
    stand_in.build(provider(), folder)
    return folder
