"""Weights from files: strict, complete in what they report, and never by running code."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from codegen_cases import N, Net
from safetensors.torch import save_file
from torch import Tensor, nn

from archgraph.codegen import to_torch
from archgraph.errors import WeightsError
from archgraph.graph.types import Graph


def graph() -> Graph:
    net = Net("weighed")
    x = net.input(N, 3, 4, 4)
    x = net("conv", "conv2d", x, out_channels=4, kernel_size=1)
    x = net("bn", "batch_norm2d", x)
    x = net("pool", "adaptive_avg_pool2d", x, output_size=1)
    return net.finish(net("fc", "linear", net("flat", "flatten", x), out_features=2))


def state() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    tensors = to_torch(graph()).state_dict()
    return {
        key: torch.rand(tensor.shape, generator=generator) if tensor.is_floating_point() else tensor + 7
        for key, tensor in tensors.items()
    }


def saved(tensors: dict[str, Tensor], folder: Path) -> Path:
    path = folder / "net.safetensors"
    save_file(tensors, path)
    return path


def test_a_file_gives_every_tensor_its_values(tmp_path: Path) -> None:
    wanted = state()
    net = to_torch(graph(), weights=saved(wanted, tmp_path))
    found = net.state_dict()
    assert list(found) == list(wanted)
    assert all(found[key].equal(wanted[key]) for key in wanted)
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert all(isinstance(parameter, nn.Parameter) for parameter in net.parameters())
    assert net.bn.num_batches_tracked == 7


def test_a_path_may_be_text(tmp_path: Path) -> None:
    assert to_torch(graph(), weights=str(saved(state(), tmp_path))).fc.bias.equal(state()["fc.bias"])


def test_the_type_of_the_network_is_kept(tmp_path: Path) -> None:
    halved = {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in state().items()}
    net = to_torch(graph(), weights=saved(halved, tmp_path))
    assert net.fc.weight.dtype == torch.float32
    assert net.fc.weight.equal(halved["fc.weight"].float())


def test_a_mapping_is_copied() -> None:
    given = state()
    net = to_torch(graph(), weights=given)
    given["fc.weight"].zero_()
    assert net.fc.weight.equal(state()["fc.weight"])


def test_a_buffer_that_no_file_holds_is_there_too() -> None:
    """A sinusoidal embedding among modules in a chain carries its element type in an empty buffer."""
    net = Net("timed")
    inner = net.inner("time")
    sines = inner("0", "sinusoidal_embedding", inner.input(N, dtype="int64"), dim=8)
    body = inner.finish(inner("1", "linear", sines, out_features=3))
    timed = net.finish(net.call("time", body, net.input(N, dtype="int64")))
    drawn = to_torch(timed)
    assert not set(dict(drawn.named_buffers())) <= set(drawn.state_dict())
    loaded = to_torch(timed, weights=drawn.state_dict())
    assert not any(buffer.is_meta for buffer in loaded.buffers())
    times = torch.tensor([0, 7, 999])
    assert loaded.cpu().double()(times).equal(drawn.double()(times))


def test_counters_of_batches_may_be_missing(tmp_path: Path) -> None:
    given = state()
    del given["bn.num_batches_tracked"]
    assert to_torch(graph(), weights=saved(given, tmp_path)).bn.num_batches_tracked == 0


def test_all_that_does_not_fit_is_listed_at_once(tmp_path: Path) -> None:
    given = state()
    del given["bn.weight"], given["bn.bias"]
    given["bm.weight"] = torch.ones(4)
    given["fc.weight"] = torch.ones(2, 5)
    with pytest.raises(WeightsError) as caught:
        to_torch(graph(), weights=saved(given, tmp_path))
    assert (
        str(caught.value)
        == """\
error: 2 weights are missing: bn.{weight, bias}
  expected: every weight of the network
  hint: did you mean 'bm.weight'?
error: 1 weight is unexpected: bm.weight
  expected: no weight that it lacks
  hint: did you mean 'bn.weight'?
error: 1 weight is misshapen: fc.weight
  expected: fc.weight (2, 4)
  received: fc.weight (2, 5)
  hint: --fresh fc lets it start anew"""
    )


def test_the_weights_of_another_network_are_called_so() -> None:
    with pytest.raises(WeightsError) as caught:
        to_torch(graph(), weights={"features.0.weight": torch.ones(1), "head.bias": torch.ones(2)})
    missing, unexpected = caught.value.problems
    assert missing.hint.startswith("no key of the file is one of the network")
    assert unexpected.hint == ""


def test_long_lists_are_cut() -> None:
    with pytest.raises(WeightsError) as caught:
        to_torch(graph(), weights={f"layer{i}.weight": torch.ones(1) for i in range(30)} | state())
    assert "30 weights are unexpected: layer0.weight, " in str(caught.value)
    assert "layer7.weight, and 22 more" in str(caught.value)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".pkl"])
def test_pickles_are_refused(tmp_path: Path, suffix: str) -> None:
    class Hostile:
        def __reduce__(self) -> object:
            return Path.touch, (tmp_path / "was_run",)

    path = tmp_path / f"net{suffix}"
    path.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(WeightsError, match="is a pickle, and reading one can run code"):
        to_torch(graph(), weights=path)
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        to_torch(graph(), weights=f"pickle:{path}")
    assert not (tmp_path / "was_run").exists()


def test_a_pickle_that_is_asked_for_by_name_is_read(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "net.pt")
    assert to_torch(graph(), weights=f"pickle:{tmp_path / 'net.pt'}").fc.bias.equal(state()["fc.bias"])
    torch.save({"state_dict": state(), "epoch": 3}, tmp_path / "net.ckpt")
    assert to_torch(graph(), weights=f"pickle:{tmp_path / 'net.ckpt'}").fc.bias.equal(state()["fc.bias"])


def test_what_is_no_file_or_no_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no file"):
        to_torch(graph(), weights=tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0nonsense")
    with pytest.raises(WeightsError, match="is not a whole safetensors file"):
        to_torch(graph(), weights=tmp_path / "bad.safetensors")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(WeightsError, match="holds no state dict"):
        to_torch(graph(), weights=f"pickle:{tmp_path / 'list.pt'}")


def test_several_files_with_an_index(tmp_path: Path) -> None:
    wanted = state()
    keys = list(wanted)
    shards = {"a.safetensors": keys[:4], "b.safetensors": keys[4:]}
    for name, part in shards.items():
        save_file({key: wanted[key] for key in part}, tmp_path / name)
    places = {key: name for name, part in shards.items() for key in part}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}), encoding="utf-8")
    found = to_torch(graph(), weights=index).state_dict()
    assert all(found[key].equal(wanted[key]) for key in wanted)
    assert to_torch(graph(), weights=tmp_path).fc.bias.equal(wanted["fc.bias"])


def test_an_index_cannot_point_elsewhere(tmp_path: Path) -> None:
    saved(state(), tmp_path)
    (tmp_path / "sub").mkdir()
    index = tmp_path / "sub" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"fc.weight": "../net.safetensors"}}), encoding="utf-8")
    with pytest.raises(WeightsError, match="names a file that is not in its folder"):
        to_torch(graph(), weights=index)
    index.write_text("[]", encoding="utf-8")
    with pytest.raises(WeightsError, match="is not an index of safetensors files"):
        to_torch(graph(), weights=index)


def test_integers_are_not_taken_for_fractions(tmp_path: Path) -> None:
    given = state()
    given["fc.bias"] = torch.tensor([1, 2])
    with pytest.raises(WeightsError, match=r"1 weight is of the wrong element type: fc\.bias"):
        to_torch(graph(), weights=saved(given, tmp_path))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "'fc.bias' is no tensor"),
        ([0.0, 1.0], "'fc.bias' is no tensor"),
        (np.array(["a", "b"]), "'fc.bias' is no tensor"),
        (np.zeros(2, ">f4"), "'fc.bias' is no tensor"),
        (torch.zeros(2, device="meta"), "'fc.bias' lies on the meta device"),
        (torch.zeros(2).to_sparse(), r"'fc.bias' is sparse(.|\n)*call its to_dense\(\)"),
        ({"fc.weight": 1}, "'fc.bias' is a mapping, and no tensor"),
    ],
)
def test_what_is_no_tensor_is_named(value: object, said: str) -> None:
    given: dict[str, Any] = {**state(), "fc.bias": value}
    with pytest.raises(WeightsError, match=said):
        to_torch(graph(), weights=given)


def test_weights_have_names() -> None:
    given: Any = dict(enumerate(state().values()))
    with pytest.raises(WeightsError, match="the weights must have names"):
        to_torch(graph(), weights=given)


def test_a_module_without_values_gives_no_weights() -> None:
    with pytest.raises(WeightsError, match=r"lies on the meta device(.|\n)*hint: load weights first"):
        to_torch(graph(), weights=to_torch(graph(), device="meta"))


def test_arrays_are_tensors() -> None:
    wanted = state()
    arrays: Any = {key: tensor.numpy() for key, tensor in wanted.items()}
    found = to_torch(graph(), weights=arrays).state_dict()
    assert all(found[key].equal(wanted[key]) for key in wanted)
    arrays["fc.bias"] += 1
    assert found["fc.bias"].equal(state()["fc.bias"])  # no memory is shared


def test_a_tensor_in_two_of_the_files_of_an_index_is_refused(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "a.safetensors")
    save_file({"fc.bias": torch.zeros(2)}, tmp_path / "b.safetensors")
    places = dict.fromkeys(state(), "a.safetensors") | {"fc.bias": "b.safetensors"}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}), encoding="utf-8")
    with pytest.raises(WeightsError, match=r"'fc\.bias' is in two files"):
        to_torch(graph(), weights=index)
