"""Both readers of weights, torch's modules and the exporter's, take the same and refuse the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import archgraph as ag
from archgraph.codegen import to_torch
from archgraph.errors import WeightsError
from archgraph.export.serialization.weights import MatchedWeights
from archgraph.graph.types import Graph

Read = Callable[[Graph, Any], Mapping[str, np.ndarray[Any, Any]]]


def tied() -> Graph:
    embed = {"op": "embedding", "num_embeddings": 7, "embedding_dim": 3}
    head = {"op": "linear", "out_features": 7, "bias": False, "tie": {"weight": "embed.weight"}}
    return loaded({"embed": embed, "head": head})


def loaded(nodes: dict[str, Any]) -> Graph:
    ids = {"shape": ["N", 4], "dtype": "int64"}
    return ag.load({"archgraph": 1, "name": "net", "inputs": {"ids": ids}, "nodes": nodes})


def by_torch(graph: Graph, given: Any) -> Mapping[str, np.ndarray[Any, Any]]:
    return {key: value.numpy() for key, value in to_torch(graph, weights=given).state_dict().items()}


def by_export(graph: Graph, given: Any) -> Mapping[str, np.ndarray[Any, Any]]:
    matched = MatchedWeights(graph, given)
    return {key: matched.array(key, "float32") for key in matched.keys()}  # noqa: SIM118


READERS = pytest.mark.parametrize("read", [by_torch, by_export])


@READERS
def test_one_weight_of_the_network_cannot_have_two_values(read: Read, tmp_path: Path) -> None:
    rows = torch.arange(21.0).reshape(7, 3)
    for other in (rows + 1, rows.clone().index_put_((torch.tensor(6), torch.tensor(2)), torch.tensor(torch.nan))):
        file = tmp_path / "two.safetensors"
        save_file({"embed.weight": rows, "head.weight": other}, file)
        for given in (file, {"embed.weight": rows, "head.weight": other}):
            with pytest.raises(WeightsError, match=r"'head\.weight' and 'embed\.weight' are one weight"):
                read(tied(), given)


@READERS
@pytest.mark.parametrize("keys", [("embed.weight",), ("head.weight",), ("embed.weight", "head.weight")])
def test_equal_values_and_one_of_the_two_will_do(read: Read, keys: tuple[str, ...], tmp_path: Path) -> None:
    rows = torch.arange(21.0).reshape(7, 3)
    rows[0, 0] = torch.nan
    save_file({key: rows.clone() for key in keys}, tmp_path / "w.safetensors")
    found = read(tied(), tmp_path / "w.safetensors")
    for key in ("embed.weight", "head.weight"):
        np.testing.assert_array_equal(found[key], rows.numpy())


@READERS
@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.bfloat16, torch.float16])
def test_every_number_of_a_small_type_is_read(read: Read, dtype: torch.dtype, tmp_path: Path) -> None:
    """All 256 of one byte; of two bytes as many, from everywhere."""
    bits = torch.arange(256, dtype=torch.uint8) if dtype.itemsize == 1 else torch.arange(0, 65536, 256)
    rows = (bits if dtype.itemsize == 1 else bits.to(torch.uint16)).view(dtype)[:252].reshape(84, 3)
    graph = loaded({"embed": {"op": "embedding", "num_embeddings": 84, "embedding_dim": 3}})
    save_file({"embed.weight": rows}, tmp_path / "w.safetensors")
    wanted = rows.to(torch.float32).numpy()
    for given in (tmp_path / "w.safetensors", {"embed.weight": rows}):
        np.testing.assert_array_equal(read(graph, given)["embed.weight"], wanted)


def listing(folder: Path, index: Any) -> Path:
    file = folder / "model.safetensors.index.json"
    file.write_text(json.dumps(index), encoding="utf-8")
    return file


@READERS
@pytest.mark.parametrize(
    ("index", "said"),
    [
        ([], "is not an index of safetensors files"),
        ({"weight_map": 3}, "is not an index of safetensors files"),
        ({"weight_map": {"embed.weight": "../w.safetensors"}}, "names a file that is not in its folder"),
        ({"weight_map": {"embed.weight": "none.safetensors"}}, "names a file that is not in its folder"),
        ({"weight_map": {"embed.weight": "w.bin"}}, "names a file that is not in its folder"),
    ],
)
def test_a_bad_index_is_refused_in_the_same_words(read: Read, index: Any, said: str, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"")
    with pytest.raises(WeightsError, match=said):
        read(tied(), listing(tmp_path, index))


@READERS
def test_what_is_no_weights_is_refused_in_the_same_words(read: Read, tmp_path: Path) -> None:
    torch.save({}, tmp_path / "w.pt")
    for name, said in (
        ("w.pt", "is a pickle, and reading one can run code"),
        ("none.safetensors", "there is no file"),
        (".", "must hold one safetensors file or one index"),
        ("/dev/null", "is a device, and no weights"),
    ):
        with pytest.raises(WeightsError, match=said):
            read(tied(), tmp_path / name)


def test_weights_are_looked_at_on_the_meta_device_too() -> None:
    rows = torch.zeros(7, 3)
    assert to_torch(tied(), {"embed.weight": rows}, device="meta").embed.weight.is_meta
    strange: dict[str, Tensor] = {"embed.weight": rows, "other": rows}
    with pytest.raises(WeightsError, match="1 weight is unexpected: other"):
        to_torch(tied(), strange, device="meta")
