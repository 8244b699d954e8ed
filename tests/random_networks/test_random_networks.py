"""Random networks over the whole vocabulary and language: the proof, torch, written code and files say the same.

`python tests/random_networks/run.py` looks at as many as one likes, and makes small what fails.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from network_checks import Wanted, examine, request
from random_specs import SpecDrawing
from random_standard_blocks import ORDER as BLOCKS_IN_TURN
from shrinking import shrunk

import archgraph as ag
from archgraph.codegen import source
from archgraph.language.expressions.functions import FUNCTIONS
from archgraph.language.schema.models import BLOCK_KEYS, INPUT_KEYS, SPEC_KEYS
from archgraph.language.schema.names import NODE_KEYS
from archgraph.ops import REGISTRY

COUNT, STEP = 168, 24
"""How many networks are compared, and in one test: each begins with two operations of the vocabulary, in turn."""
PARTS = 2
"""About how many parts a network has."""
LEAST = 2
"""How often each family of operations and each key of the language occurs at least."""
pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")
"""The variance of a single number is none, which torch says."""
NOT_DRAWN = {"about", "meta", "let", "else", "extends"}
"""Keys that compute nothing, that of a file, which is drawn as one of nodes, and `extends`: it is worked off before a
spec is checked."""


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def looked_at(seed: int) -> Wanted:
    profile = ("portable", "cpu", "portable", "cpu", "cuda")[seed % 5]
    return Wanted((profile,), seed % STEP == 0, draw=seed % 40 == 0, texts=seed % 4 == 0)


@pytest.mark.parametrize("first", range(0, COUNT, STEP))
def test_torch_code_and_files_compute_what_the_nodes_mean(first: int, tmp_path: Path) -> None:
    seeds = range(first, first + STEP)
    found = [examine(SpecDrawing(seed, PARTS).spec(), seed, tmp_path, looked_at(seed)) for seed in seeds]
    assert found.count("compared") > 0.8 * STEP


def test_every_operation_and_key_occurs() -> None:
    """In the networks of the test above: a new operation is drawn by its drawer or examples, a new key is not."""
    operations: Counter[str] = Counter()
    keys: Counter[str] = Counter()
    for seed in range(COUNT):
        spec = SpecDrawing(seed, PARTS).spec()
        operations.update(_operations(spec))
        keys.update(_keys(spec))
    assert [name for name in REGISTRY if not operations[name]] == []
    families = Counter({REGISTRY[name].family: 0 for name in REGISTRY})
    for name, count in operations.items():
        families[REGISTRY[name].family] += count
    assert [name for name, count in families.items() if count < LEAST] == []
    known = {*SPEC_KEYS, *BLOCK_KEYS, *INPUT_KEYS, *NODE_KEYS} - NOT_DRAWN
    assert sorted(key for key in known if keys[key] < LEAST) == []


def test_every_block_function_and_way_of_writing_occurs() -> None:
    """A new standard block is drawn by its example in the documentation, a new function is not."""
    blocks, texts = set(), ""
    for seed in range(3 * len(BLOCKS_IN_TURN) + 1):
        spec = SpecDrawing(seed, PARTS).spec()
        texts += json.dumps(spec)
        blocks |= {node["op"] for node in spec["nodes"].values() if isinstance(node, dict) and "op" in node}
    assert sorted(set(BLOCKS_IN_TURN) - blocks) == []
    assert [name for name in FUNCTIONS if f"{name}(" not in texts] == []
    assert [part for part in ("npy:", "H % 2 == 0", '"map": true', '"each":', '"scan":') if part not in texts] == []


def _operations(value: Any, key: str = "") -> set[str]:
    """The operations that nodes apply."""
    if isinstance(value, dict):
        return set().union(*(_operations(item, name if key != "nodes" else "op") for name, item in value.items()))
    return {value} & set(REGISTRY) if key in ("op", "fn") and isinstance(value, str) else set()


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()


def test_the_code_has_what_its_rules_are_for(tmp_path: Path) -> None:
    missing = {"device: torch.device", "nn.Sequential", "nn.ModuleList", ".expand(", "is not None"}
    missing |= {".chunk(2"}
    for seed in range(COUNT):
        text = source(ag.load(request(SpecDrawing(seed).spec(), tmp_path)))
        missing = {part for part in missing if part not in text}
        if not missing:
            return
    pytest.fail(f"nowhere: {missing}")


@pytest.mark.parametrize("seed", [804450, 818160, 819135])
def test_what_is_drawn_is_valid(seed: int, tmp_path: Path) -> None:
    """A network of one output as a block, a mode of an operation with the name of a block, and `exp2` next to `exp`."""
    assert ag.load(request(SpecDrawing(seed, 6).spec(), tmp_path)).nodes


def test_a_failing_spec_becomes_small() -> None:
    """A fault that shows wherever a softmax is: all else is left out."""
    drawn = (SpecDrawing(seed, PARTS).spec() for seed in range(2 * COUNT))
    fitting = (spec for spec in drawn if 4 < len(spec["nodes"]) < 9 and "use" not in spec)
    spec = next(spec for spec in fitting if _operations(spec["nodes"], "nodes").intersection(["softmax"]))

    def fails(smaller: dict[str, Any]) -> bool:
        try:
            graph = ag.load(smaller)
        except ag.errors.ArchgraphError:
            return False
        return any(node.op.name == "softmax" for node in graph.nodes.values())

    assert len(ag.load(shrunk(spec, fails)).nodes) <= 3  # each input is read by a node
