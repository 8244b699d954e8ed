"""Pickles: read in a process of their own, by torch's weights-only reader, and one state at a time."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archgraph.errors import WeightsError
from archgraph.weights import pickles
from archgraph.weights.contents import contents
from archgraph.weights.pickles import read_pickle
from archgraph.weights.sources import opened, source_of

BASE = torch.arange(24.0).reshape(4, 6)


def states() -> dict[str, Any]:
    """What a run of training keeps: weights, their average, an optimizer, numbers."""
    shared = torch.ones(3)
    return {
        "model": OrderedDict(w=BASE, tied=shared, also=shared),
        "ema": {"shadow": {"w": BASE + 1}},
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]},
        "views": {
            "transposed": BASE.t(),
            "rows": BASE[1:3],
            "columns": BASE[:, 2:4],
            "parameter": torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16)),
            "none": torch.zeros(0, 3),
            "one": torch.tensor(7),
            "fp8": torch.tensor([0.5, 448.0]).to(torch.float8_e4m3fn),
        },
        "epoch": 3,
    }


@pytest.mark.parametrize("zipped", [True, False])
def test_every_state_is_read_bit_by_bit(zipped: bool, tmp_path: Path) -> None:
    held = states()
    if not zipped:
        del held["views"]["fp8"]
    path = tmp_path / "run.ckpt"
    torch.save(held, path, _use_new_zipfile_serialization=zipped)
    found = read_pickle(path)
    assert list(found.states) == ["model", "ema.shadow", "views"]
    assert found.others == ("epoch",)
    flat = {"model": held["model"], "ema.shadow": held["ema"]["shadow"], "views": held["views"]}
    for name, tensors in flat.items():
        assert list(found.states[name]) == list(tensors)
        for key, tensor in tensors.items():
            read = found.states[name][key]
            assert (read.dtype, read.shape) == (str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))
            np.testing.assert_array_equal(read.read().astype(np.float64), tensor.detach().double().numpy())
    assert [path.name for path in tmp_path.iterdir()] == ["run.ckpt"]


def test_one_of_several_states_is_named(tmp_path: Path) -> None:
    torch.save(states(), tmp_path / "run#1.ckpt")
    place = f"pickle:{tmp_path / 'run#1.ckpt'}"
    assert opened(source_of(f"{place}#ema.shadow")).state == "ema.shadow"
    with pytest.raises(WeightsError, match=r"holds 3 states[\s\S]*model, ema\.shadow, views[\s\S]*run#1\.ckpt#model"):
        opened(source_of(place))
    with pytest.raises(WeightsError, match=r"has no state 'modl'[\s\S]*did you mean 'model'"):
        opened(source_of(f"{place}#modl"))
    assert list(contents(place).states) == ["model", "ema.shadow", "views"]


def test_a_state_dict_alone_needs_no_name(tmp_path: Path) -> None:
    torch.save({"w": BASE, "version": 3}, tmp_path / "w.pt")
    np.testing.assert_array_equal(opened(source_of(f"pickle:{tmp_path / 'w.pt'}")).tensors["w"].read(), BASE.numpy())
    torch.save({"state_dict": {"w": BASE}, "hyper_parameters": {"lr": 1}}, tmp_path / "w.ckpt")
    assert opened(source_of(f"pickle:{tmp_path / 'w.ckpt'}")).state == "state_dict"


class Hostile:
    """A pickle that makes a file when it is read as pickles are."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> object:
        return Path.touch, (self.path,)


def test_what_cannot_be_read_is_refused_and_nothing_is_run(tmp_path: Path) -> None:
    torch.save({"w": Hostile(tmp_path / "was_run")}, tmp_path / "hostile.pt")
    (tmp_path / "bare.pt").write_bytes(pickle.dumps({"w": Hostile(tmp_path / "was_run")}))
    torch.save({"w": BASE}, tmp_path / "half.pt")
    (tmp_path / "half.pt").write_bytes((tmp_path / "half.pt").read_bytes()[:900])
    torch.save([BASE], tmp_path / "list.pt")
    torch.save({"a": {"b": 1}}, tmp_path / "none.pt")
    torch.save({"w": BASE.to_sparse()}, tmp_path / "sparse.pt")
    torch.save({"w": torch.zeros(2, device="meta")}, tmp_path / "meta.pt")
    for name, said in {
        "hostile.pt": r"cannot be read as weights[\s\S]*Unsupported global: GLOBAL getattr was not an allowed global",
        "bare.pt": r"cannot be read as weights[\s\S]*received: Unsupported operand",
        "half.pt": "cannot be read as weights",
        "list.pt": r"holds no state dict[\s\S]*list",
        "none.pt": r"holds no state dict[\s\S]*a mapping without tensors",
        "sparse.pt": "'w' cannot be read[\\s\\S]*sparse",
        "meta.pt": "'w' cannot be read[\\s\\S]*on the meta device",
    }.items():
        with pytest.raises(WeightsError, match=said):
            read_pickle(tmp_path / name)
    assert not (tmp_path / "was_run").exists()


def test_a_reader_that_dies_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reader.py").write_text("", encoding="utf-8")
    torch.save({"w": BASE}, tmp_path / "w.pt")
    monkeypatch.setattr(pickles, "_READER", tmp_path / "reader.py")
    with pytest.raises(WeightsError, match="the process that reads it has ended"):
        pickles._Process().ask(tmp_path / "w.pt", str(tmp_path))
