"""Small networks and small pictures to train on, and processes that can be killed."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import archgraph as ag
from archgraph.graph.types import Graph

torch.set_num_threads(1)

DENOISER: dict[str, Any] = {
    "archgraph": 1,
    "name": "tiny_denoiser",
    "params": {"width": 8},
    "inputs": {
        "x": ["N", 1, "H", "W"],
        "t": {"shape": ["N"], "dtype": "int64"},
        "label": {"shape": ["N"], "dtype": "int64"},
    },
    "nodes": {
        "time": {"op": "sinusoidal_embedding", "in": "t", "dim": "=width"},
        "known": {"op": "embedding", "in": "label", "num_embeddings": 4, "embedding_dim": "=width"},
        "both": {"op": "add", "in": ["time", "known"]},
        "over": {"op": "unsqueeze", "dim": [-1, -1]},
        "conv1": {"op": "conv2d", "in": "x", "out_channels": "=width", "kernel_size": 3, "padding": 1},
        "sum": {"op": "add", "in": ["conv1", "over"]},
        "act": {"op": "silu"},
        "conv2": {"op": "conv2d", "out_channels": 1, "kernel_size": 3, "padding": 1},
    },
    "outputs": {"noise": "conv2"},
    "meta": {
        "task": "diffusion",
        "diffusion": {
            "schedule": {"kind": "cosine", "train_steps": 50},
            "prediction": "velocity",
            "size": 8,
            "classes": 3,
            "null_label": 3,
        },
        "train": {"batch": 4, "warmup": 2, "check_every": 100, "save_every": 3, "log_every": 1},
    },
}
CLASSIFIER: dict[str, Any] = {
    "archgraph": 1,
    "name": "tiny_classifier",
    "params": {"width": 8, "classes": 3},
    "inputs": {"image": ["N", 1, "H", "W"]},
    "nodes": {
        "conv": {"op": "conv2d", "out_channels": "=width", "kernel_size": 3, "padding": 1},
        "bn": "batch_norm2d",
        "act": "relu",
        "pool": {"op": "adaptive_avg_pool2d", "output_size": 1},
        "flat": "flatten",
        "drop": {"op": "dropout", "p": 0.3},
        "fc": {"op": "linear", "out_features": "=classes"},
    },
    "outputs": {"logits": "fc"},
    "meta": {
        "task": "classification",
        "preprocess": {"resize": 8, "crop": 8, "mean": [0.5], "std": [0.5]},
        "train": {
            "batch": 4,
            "warmup": 2,
            "check_every": 100,
            "save_every": 3,
            "log_every": 1,
            "shift": 1,
            "rotate": 10,
            "flip": True,
        },
    },
}


@pytest.fixture
def denoiser() -> Graph:
    return ag.load(DENOISER)


@pytest.fixture
def classifier() -> Graph:
    return ag.load(CLASSIFIER)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An .npz of 30 pictures of 8×8 in three classes: dark, middling, bright."""
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 3
    images = (rng.integers(0, 60, (30, 8, 8)) + 80 * labels[:, None, None]).astype(np.uint8)
    path = tmp_path_factory.mktemp("pictures") / "pictures.npz"
    np.savez(path, images=images, labels=labels)
    return str(path)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two folders of pictures in mixed sizes and modes; one file is cut off, and one is no picture."""
    folder = tmp_path / "photographs"
    rng = np.random.default_rng(1)
    for name, mode in (("cats", "RGB"), ("dogs", "L")):
        (folder / name).mkdir(parents=True)
        for number in range(3):
            sides = (9 + 4 * number, 12, 3)
            pixels = rng.integers(0, 256, sides).astype(np.uint8)
            Image.fromarray(pixels).convert(mode).save(folder / name / f"{number}.png")
    whole = (folder / "cats" / "0.png").read_bytes()
    (folder / "cats" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "dogs" / "text.jpg").write_text("no picture")
    (folder / "dogs" / "notes.txt").write_text("not looked at")
    return folder


def in_child(work: Callable[[], object]) -> int:
    """Runs something in a forked process. Returns its process number."""
    number = os.fork()
    if number:
        return number
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(status)


def ended(number: int) -> int:
    """Waits for a child. Returns how it ended, as a shell would say it."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
