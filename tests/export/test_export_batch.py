"""Files that say that a batch may be computed in parts, and sessions that do so, with the same numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import archgraph as ag
from archgraph.diffusion import sample
from archgraph.graph import weights
from archgraph.graph.types import Graph
from archgraph.runtime import Session

NETWORKS: dict[str, dict[str, Any]] = {
    "digits_ddpm": {"channels": [16, 16, 16]},
    "ddpm": {"channels": [16, 32], "attention": [False, True], "layers": 1, "groups": 8},
    "resnet18": {"depths": [1, 1, 1, 1], "classes": 10},
    "vit": {"image_size": 32, "patch": 8, "dim": 32, "depth": 2, "heads": 4, "mlp_dim": 64, "classes": 5},
    "convnext": {"depths": [1, 2], "channels": [16, 32], "classes": 5},
}

CLOSE = {"rtol": 1e-4, "atol": 1e-5}
"""The bits are the same where this was written; another processor's product of one row may add in another order."""


def exported(graph: Graph, path: Path, **how: Any) -> dict[str, str]:
    """The metadata of a file with random weights."""
    rng = np.random.default_rng(0)
    state = {item.key: rng.uniform(0.05, 0.2, item.weight.shape).astype(item.weight.dtype) for item in weights(graph)}
    ag.to_onnx(graph, path, weights=state, verify=False, **how)
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def feeds(session: Session, batch: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    made = {}
    for spec in session.inputs:
        shape = [size if isinstance(size, int) else {"N": batch}.get(size, 32) for size in spec.shape]
        whole = spec.dtype.startswith("int")
        made[spec.name] = rng.integers(0, 10, shape) if whole else rng.standard_normal(shape).astype(spec.dtype)
    return made


@pytest.mark.parametrize("profile", ["portable", "cpu"])
@pytest.mark.parametrize("name", NETWORKS)
def test_parts_of_a_batch_give_the_numbers_of_the_whole(name: str, profile: str, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    assert json.loads(exported(ag.load(name, **NETWORKS[name]), path, profile=profile)["archgraph.batch"]) == "N"
    with Session(path, "cpu", 2, split_batch=False) as plain, Session(path, "cpu", 2) as split:
        assert split._split is not None
        split._split.cost = 0
        for batch in (2, 4, 18):
            given = feeds(plain, batch)
            for key, whole in plain.run(given).items():
                np.testing.assert_allclose(split.run(given)[key], whole, **CLOSE)
        assert split._split.ready()


def test_a_file_for_one_batch_says_nothing(tmp_path: Path) -> None:
    graph = ag.load("resnet18", **NETWORKS["resnet18"])
    assert "archgraph.batch" not in exported(graph, tmp_path / "m.onnx", sizes={"N": 2})
    assert exported(graph, tmp_path / "m.onnx", sizes={"H": 32})["archgraph.batch"] == '"N"'


def test_a_run_of_the_sampler_is_split_with_its_time_branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.onnx"
    exported(ag.load("digits_ddpm", **NETWORKS["digits_ddpm"]), path, split_time=True)
    how: dict[str, Any] = {"labels": 3, "guidance": 1.5, "steps": 4, "seed": 5, "n": 2}
    with Session(path, "cpu", 2, split_batch=False) as plain, Session(path, "cpu", 2) as split:
        assert split._split is not None
        split._split.cost = 0
        np.testing.assert_allclose(sample(split, **how), sample(plain, **how), **CLOSE)
        assert split._split.ready()
