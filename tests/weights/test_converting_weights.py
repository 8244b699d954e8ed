"""Files of weights written anew: bit by bit, in little memory, whole or not at all; and shown."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import archgraph as ag
from archgraph.artifact.shipped_files import shipped_specs
from archgraph.errors import WeightsError
from archgraph.language.library import read_spec
from archgraph.verbs.weight_files import convert_weights, fits, sketched
from archgraph.weights.contents import contents, key_tree, tree_lines
from archgraph.weights.requests import WeightsRequest
from archgraph.weights.sketches import FILE, shipped_sketches
from archgraph.weights.tensors import of_array
from archgraph.weights.wanted import wanted_by
from archgraph.weights.writing import write_safetensors

MEGABYTE = 1_000_000


def numbers(graph: ag.Graph) -> dict[str, np.ndarray[Any, Any]]:
    """Weights for a network, each another."""
    rng = np.random.default_rng(0)
    return {key: rng.uniform(-1, 1, one.shape).astype(one.dtype) for key, one in wanted_by(graph).items()}


def spec_with_naming(folder: Path) -> Path:
    """A spec with a tied weight and packed projections, and the naming that it was published under."""
    nodes = {
        "embed": {"op": "embedding", "num_embeddings": 5, "embedding_dim": 4},
        "q": {"op": "linear", "in": "embed", "out_features": 4},
        "k": {"op": "linear", "in": "embed", "out_features": 4},
        "add": {"op": "add", "in": ["q", "k"]},
        "head": {"op": "linear", "out_features": 5, "bias": False, "tie": {"weight": "embed.weight"}},
    }
    inputs = {"ids": {"shape": ["N", "L"], "dtype": "int64"}}
    spec = folder / "net.yaml"
    spec.write_text(json.dumps({"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes}), encoding="utf-8")
    (folder / "namings" / "net").mkdir(parents=True)
    (folder / "namings" / "net" / "published.yaml").write_text(
        "part: net\nrules:\n"
        "- {split: 'attn.qk.{weight,bias}', to: ['q.{weight,bias}', 'k.{weight,bias}'], axis: 0}\n"
        "- {rename: 'wte.*', to: 'embed.*'}\n",
        encoding="utf-8",
    )
    return spec


def test_there_and_back_is_bit_by_bit(tmp_path: Path) -> None:
    spec = spec_with_naming(tmp_path)
    wanted = numbers(ag.load(spec))
    wanted["head.weight"] = wanted["embed.weight"]
    save_file(wanted, tmp_path / "w.safetensors")
    done = convert_weights(tmp_path / "w.safetensors", tmp_path / "p.safetensors", spec, to="published")
    published = load_file(tmp_path / "p.safetensors")
    assert set(published) == {"net.wte.weight", "net.attn.qk.weight", "net.attn.qk.bias", "net.head.weight"}
    np.testing.assert_array_equal(published["net.attn.qk.weight"][4:], wanted["k.weight"])
    assert done.report.joined["attn.qk.weight"] == ("q.weight", "k.weight")
    back = convert_weights(tmp_path / "p.safetensors", tmp_path / "b.safetensors", spec)
    assert back.report.naming == "published"
    found = load_file(tmp_path / "b.safetensors")
    assert set(found) == set(wanted)
    assert all(found[key].tobytes() == value.tobytes() for key, value in wanted.items())
    with pytest.raises(WeightsError, match=r"has no naming 'publishd'[\s\S]*did you mean 'published'"):
        convert_weights(tmp_path / "w.safetensors", tmp_path / "x.safetensors", spec, to="publishd")


def test_what_was_there_stays_where_a_conversion_fails(tmp_path: Path) -> None:
    save_file({"a": np.full(2, 70000, np.float32)}, tmp_path / "w.safetensors")
    (tmp_path / "out.safetensors").write_text("before", encoding="utf-8")
    with pytest.raises(WeightsError, match="the weight a does not fit into float16"):
        convert_weights(tmp_path / "w.safetensors", tmp_path / "out.safetensors", dtype="float16")
    assert (tmp_path / "out.safetensors").read_text(encoding="utf-8") == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.safetensors", "w.safetensors"]
    convert_weights(tmp_path / "w.safetensors", tmp_path / "out.safetensors", dtype="bfloat16")
    assert contents(str(tmp_path / "out.safetensors")).states[""]["a"].dtype == "bfloat16"
    with pytest.raises(WeightsError, match="there is no type 'half'"):
        convert_weights(tmp_path / "w.safetensors", tmp_path / "out.safetensors", dtype="half")
    with pytest.raises(WeightsError, match="depends on the network"):
        convert_weights(WeightsRequest(tmp_path / "w.safetensors", fresh="a"), tmp_path / "out.safetensors")


def test_what_is_written_is_read_by_safetensors(tmp_path: Path) -> None:
    """Tensors of each type, in an order in which none of them is where its type may not be."""
    kinds = ("bool", "uint8", "int16", "float16", "int32", "float32", "float64", "int64")
    wanted = {kind: np.arange(3).astype(kind) for kind in kinds} | {"empty": np.zeros((0, 2), np.float32)}
    size = write_safetensors(tmp_path / "w.safetensors", {key: of_array(value) for key, value in wanted.items()})
    assert size == (tmp_path / "w.safetensors").stat().st_size
    found = load_file(tmp_path / "w.safetensors")
    assert {key: value.dtype for key, value in found.items()} == {key: value.dtype for key, value in wanted.items()}
    assert all(found[key].tobytes() == value.tobytes() for key, value in wanted.items())


def test_a_converted_file_names_its_sources(tmp_path: Path) -> None:
    """With their sizes and digests."""
    for name in ("one", "two"):
        save_file({name: np.arange(5, dtype=np.float32)}, tmp_path / f"{name}.safetensors")
    parts = {"a": str(tmp_path / "one.safetensors"), "b": str(tmp_path / "two.safetensors")}
    convert_weights(WeightsRequest(parts), tmp_path / "out.safetensors")
    with safe_open(tmp_path / "out.safetensors", "np") as file:
        assert (file.get_tensor("b.two") == np.arange(5)).all()
        sources = json.loads(file.metadata()["archgraph.weights"])
    expected = [(tmp_path / f"{name}.safetensors").read_bytes() for name in ("one", "two")]
    assert [source["sha256"] for source in sources] == [hashlib.sha256(data).hexdigest() for data in expected]
    assert [(source["file"], source["bytes"]) for source in sources] == [
        ("one.safetensors", len(expected[0])),
        ("two.safetensors", len(expected[1])),
    ]


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is counted in /proc")
def test_a_conversion_holds_one_tensor_at_a_time(tmp_path: Path) -> None:
    """Sixteen tensors of 10 MB; the second network's are joined in pairs, so that their bytes must be read."""
    save_file({f"t{i}": np.full((5, 500_000), i, np.float32) for i in range(16)}, tmp_path / "w.safetensors")
    rules = [{"join": [f"t{i}", f"t{i + 1}"], "to": f"j{i}", "axis": 1} for i in range(0, 16, 2)]
    (tmp_path / "rules.yaml").write_text(json.dumps(rules), encoding="utf-8")
    script = f"""
import re
from pathlib import Path
from archgraph.verbs.weight_files import convert_weights
from archgraph.weights.requests import WeightsRequest
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
folder = Path({str(tmp_path)!r})
request = WeightsRequest(folder / "w.safetensors", rename=folder / "rules.yaml")
before = peak()
convert_weights(WeightsRequest(folder / "w.safetensors"), folder / "copy.safetensors")
copied = peak()
convert_weights(request, folder / "joined.safetensors")
print(copied - before, peak() - before)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    copied, joined = (int(text) * 1024 for text in ran.stdout.split())
    assert copied < 40 * MEGABYTE
    assert joined < 100 * MEGABYTE
    assert (tmp_path / "joined.safetensors").stat().st_size >= 16 * 10_000_000


def test_sketches_of_the_collection_are_those_of_its_specs() -> None:
    """Of one spec as they are made; of the others, that each preset has one."""
    listed = {item.request for item in shipped_sketches()}
    for path in shipped_specs().glob("*.yaml"):
        data = read_spec(path).document.data
        if data.get("nodes"):
            presets = list(data.get("presets") or ())
            assert {f"{path.stem}@{preset}" for preset in presets} or {path.stem} <= listed
    graph = ag.load("digits_resnet")
    request = next(item.request for item in shipped_sketches() if item.request.startswith("digits_resnet"))
    made = list(sketched(graph, request))
    assert made == [item for item in shipped_sketches() if item.request == request], f"write specs/{FILE} anew"


def test_a_file_says_which_shipped_networks_it_fits() -> None:
    weights = {key: of_array(value) for key, value in numbers(ag.load("digits_resnet")).items()}
    first = fits(weights)[0]
    assert (first.exact, first.part, first.naming) == (True, "", "")
    assert first.network.startswith("digits_resnet")
    inner = {f"nets.ema.{key}": value for key, value in weights.items()} | {"step": of_array(np.zeros(1))}
    assert fits(inner)[0].part == "nets.ema"
    head = [key for key in weights if weights[key].shape[:1] == (10,)]
    assert head
    other = weights | {key: of_array(np.zeros((7, *weights[key].shape[1:]), np.float32)) for key in head}
    near = fits(other)[0]
    assert (near.exact, near.misshapen, near.missing, near.unexpected) == (False, len(head), 0, 0)
    assert fits({"a.b": of_array(np.zeros(3))}) == []


def test_copies_that_are_alike_share_a_line() -> None:
    shapes = {f"layer.{i}.w": (2, 2) for i in range(3)} | {"layer.3.w": (4, 4), "head.w": (1,)}
    tree = key_tree({key: of_array(np.zeros(shape, np.float32)) for key, shape in shapes.items()})
    assert [(level, name) for level, name, _ in tree_lines(tree)] == [
        (0, "layer"), (1, "0 to 2"), (2, "w"), (1, "3"), (2, "w"), (0, "head"), (1, "w")
    ]  # fmt: skip
    assert [name for _, name, _ in tree_lines(tree, 1)] == ["layer", "head"]
    assert len(list(tree_lines(tree, alike=False))) == 11
