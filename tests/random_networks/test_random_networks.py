"""Random networks over the whole vocabulary and language: the proof, torch, written code and files say the same.

`python tests/random_networks/run.py` looks at as many as one likes, and makes small what fails.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from network_checks import Wanted, examine
from random_specs import SpecDrawing
from shrinking import shrunk

import archgraph as ag
from archgraph.codegen import source
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY
from archgraph.ops.families import ON_DEMAND

COUNT, STEP = 120, 20
"""How many networks are compared in torch, and in one test."""
FILES, FEW = 30, 10
"""How many go through ONNX Runtime, and in one test. Their seeds are others."""
MOST = 300
"""In how many networks everything that can be drawn occurs."""
KEYS = {
    *("op", "nodes", "share", "in", "when", "repeat", "for", "map", "let", "push", "path", "tie", "outputs", "order"),
    *("stacks", "blocks", "params", "presets", "inputs", "where", "dtype"),
}
"""Keys of the language that occur; `use` needs files, and `assert` and `meta` compute nothing."""


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("first", range(0, COUNT, STEP))
def test_torch_computes_what_the_nodes_mean(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + STEP):
        look = Wanted((), draw=seed % 40 == 0, texts=seed % 4 == 0)
        assert examine(SpecDrawing(seed).spec(), seed, tmp_path, look)


@pytest.mark.parametrize("first", range(COUNT, COUNT + FILES, FEW))
def test_files_compute_what_torch_computes(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + FEW):
        profile = ("portable", "cpu", "portable", "cpu", "cuda")[seed % 5]
        assert examine(SpecDrawing(seed).spec(), seed, tmp_path, Wanted((profile,), seed % FEW == 0, texts=False))


def test_most_networks_have_small_sizes(tmp_path: Path) -> None:
    found = [examine(SpecDrawing(seed).spec(), seed, tmp_path, Wanted((), texts=False)) for seed in range(STEP)]
    assert found.count("compared") > 0.9 * STEP


@cache
def network(seed: int) -> Graph:
    """What two tests look through."""
    return ag.load(SpecDrawing(seed).spec())


def test_every_operation_and_key_occurs() -> None:
    """But for the families that are read on demand: of them a few are drawn, and each in turn."""
    operations = set(REGISTRY) - {name for names in ON_DEMAND.values() for name in names} | {"exp", "sqrt"}
    keys, seed = set(KEYS), 0
    while (operations or keys) and seed < MOST:
        spec = SpecDrawing(seed).spec()
        operations -= {node.op.name for node in network(seed).nodes.values()}
        keys -= _keys(spec)
        seed += 1
    assert (operations, keys) == (set(), set())


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()


def test_the_code_has_what_its_rules_are_for() -> None:
    missing = {"height: int", "device: torch.device", "nn.Sequential", "nn.ModuleList", ".expand(", "is not None"}
    missing |= {".chunk(2", "get_submodule"}
    for seed in range(MOST):
        text = source(network(seed))
        missing = {part for part in missing if part not in text}
        if not missing:
            return
    pytest.fail(f"nowhere: {missing}")


def test_a_failing_spec_becomes_small() -> None:
    """A fault that shows wherever a softmax is: all else is left out."""
    spec = next(
        spec for seed in range(200) if "softmax" in str(spec := SpecDrawing(seed).spec()) and 4 < len(spec["nodes"]) < 8
    )

    def fails(smaller: dict[str, Any]) -> bool:
        try:
            graph = ag.load(smaller)
        except ag.errors.ArchgraphError:
            return False
        return any(node.op.name == "softmax" for node in graph.nodes.values())

    assert len(ag.load(shrunk(spec, fails)).nodes) <= 3  # each input is read by a node
