"""Weights from files and modules: read strictly, refused where they are not whole, never run."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from archgraph.dims import symbol
from archgraph.errors import WeightsError
from archgraph.export import MatchedWeights, export
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, make
from archgraph.weights.memory import arrays
from archgraph.weights.sources import WeightSource, opened
from archgraph.weights.tensors import Tensors

N = symbol("N")


def open_weights(path: Path) -> Tensors:
    return opened(WeightSource(str(path))).tensors


def network() -> Graph:
    build = Builder("m")
    x = build.input("x", (N, 3, 4, 4))
    conv = build.apply("conv", make(REGISTRY["conv2d"], {"out_channels": 2, "kernel_size": 1}), x)
    norm = build.apply("bn", make(REGISTRY["batch_norm2d"], {}), conv.output)
    return build.finish({"y": norm.output})


def state() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {"conv.weight": rng.standard_normal((2, 3, 1, 1)), "conv.bias": rng.standard_normal(2)}
    found |= {f"bn.{name}": rng.uniform(0.5, 1.5, 2) for name in ("weight", "bias", "running_mean", "running_var")}
    return {key: value.astype(np.float32) for key, value in found.items()} | {"bn.num_batches_tracked": np.int64(3)}


def test_files_hold_what_safetensors_wrote(tmp_path: Path) -> None:
    tensors = {
        "a": torch.randn(3, 4),
        "b": torch.randn(2, 5).half(),
        "c": torch.randn(7).bfloat16(),
        "d": torch.arange(5),
        "e": torch.randn(2).double(),
        "f": torch.zeros(0, 3),
        "g": torch.tensor(1.5),
        "h": torch.tensor([True, False]),
    }
    save_torch(tensors, tmp_path / "w.safetensors", metadata={"format": "pt"})
    read = open_weights(tmp_path / "w.safetensors")
    assert sorted(read) == sorted(tensors)
    for key, tensor in tensors.items():
        assert (read[key].shape, read[key].dtype) == (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        expected = tensor.float() if tensor.dtype is torch.bfloat16 else tensor
        np.testing.assert_array_equal(arrays(read)[key], expected.numpy())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_floating_point_types_are_converted(dtype: str, tmp_path: Path) -> None:
    tensors = {key: torch.as_tensor(value) for key, value in state().items()}
    kind = getattr(torch, dtype)
    save_torch({k: v.to(kind) if v.is_floating_point() else v for k, v in tensors.items()}, tmp_path / "w.safetensors")
    matched = MatchedWeights(network(), tmp_path / "w.safetensors")
    expected = tensors["conv.weight"].to(kind).float().numpy()
    np.testing.assert_array_equal(matched.array("conv.weight", "float32"), expected)


def packed(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(begin: int, end: int, shape: Any = (1,), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape) if isinstance(shape, tuple) else shape, "data_offsets": [begin, end]}


DAMAGED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it is empty"),
    "short": (b"\x01\x02\x03", "the header is longer than the file"),
    "a text": (b"abc", "holds text and no tensors"),
    "header too long": (struct.pack("<Q", 1 << 60) + b"{}", "the header is longer than the file"),
    "no JSON": (packed(b"{nonsense"), "the header is not JSON"),
    "no UTF-8": (packed(b'{"\xff": 1}'), "the header is not JSON"),
    "deep JSON": (packed(b"[" * 200_000), "the header is not JSON"),
    "a list": (packed([]), "the header is not a JSON object"),
    "twice": (packed(b'{"a": 1, "a": 2}'), "names a tensor twice"),
    "no shape": (packed({"a": {"dtype": "F32"}}), "'a' lacks its dtype, shape or data_offsets"),
    "unknown type": (packed({"a": entry(0, 4, dtype="X9")}, bytes(4)), "the element type of 'a' is not known"),
    "type no text": (packed({"a": entry(0, 4, dtype=["F32"])}, bytes(4)), "the element type of 'a' is not known"),
    "negative shape": (packed({"a": entry(0, 4, (-1,))}, bytes(4)), "are not lists of whole numbers"),
    "true as size": (packed({"a": entry(0, 4, (True,))}, bytes(4)), "are not lists of whole numbers"),
    "fraction": (packed({"a": entry(0, 4, (1.0,))}, bytes(4)), "are not lists of whole numbers"),
    "shape no list": (packed({"a": entry(0, 4, "1")}, bytes(4)), "are not lists of whole numbers"),
    "huge shape": (packed({"a": entry(0, 4, (1 << 40, 1 << 40))}, bytes(4)), "do not match its shape"),
    "beyond the end": (packed({"a": entry(0, 8, (2,))}, bytes(4)), "do not match its shape or lie outside"),
    "backwards": (packed({"a": entry(4, 0)}, bytes(4)), "do not match its shape"),
    "overlap": (packed({"a": entry(0, 8, (2,)), "b": entry(4, 12, (2,))}, bytes(12)), "'b' overlaps"),
    "gap": (packed({"a": entry(0, 4), "b": entry(8, 12)}, bytes(12)), "'b' leaves a gap"),
    "trailing bytes": (packed({"a": entry(0, 4)}, bytes(9)), "the data is longer or shorter than its tensors"),
    "missing bytes": (packed({"a": entry(0, 4)}, bytes(3)), "do not match its shape or lie outside"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_files_are_refused(damage: str, tmp_path: Path) -> None:
    content, problem = DAMAGED[damage]
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(WeightsError) as raised:
        open_weights(tmp_path / "w.safetensors")
    assert problem in str(raised.value)
    assert "w.safetensors" in str(raised.value)


def test_a_header_is_as_long_as_safetensors_allows(tmp_path: Path) -> None:
    """100,000,000 bytes at most (MAX_HEADER_SIZE); a longer one is refused before it is read."""
    with (tmp_path / "w.safetensors").open("wb") as file:
        file.write((100_000_001).to_bytes(8, "little"))
        file.truncate(8 + 100_000_001)  # sparse: it takes no place
    with pytest.raises(WeightsError, match="the header is longer than the file"):
        open_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_never_raises_anything_else(seed: int, tmp_path: Path) -> None:
    save_file({"a": np.ones((3, 4), np.float32), "b": np.zeros(5, np.int64)}, tmp_path / "w.safetensors")
    content = bytearray((tmp_path / "w.safetensors").read_bytes())
    rng = np.random.default_rng(seed)
    for _ in range(20):
        damaged = content.copy()
        damaged[rng.integers(0, len(content) - 88)] ^= 1 << int(rng.integers(0, 8))
        (tmp_path / "d.safetensors").write_bytes(damaged)
        try:
            read = open_weights(tmp_path / "d.safetensors")
            assert all(tensor.read().shape == tensor.shape for tensor in read.values())
        except WeightsError:
            pass


def test_a_pickle_is_refused_unread(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="is a pickle, and reading one can run code"):
        open_weights(tmp_path / "w.pt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no file"):
        open_weights(tmp_path / "none.safetensors")


def parted(folder: Path, places: dict[str, Any]) -> Path:
    tensors = state()
    first = {key: value for key, value in tensors.items() if key.startswith("conv")}
    save_file(first, folder / "one.safetensors")
    save_file({key: np.asarray(v) for key, v in tensors.items() if key not in first}, folder / "two.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    return index


def test_several_files_with_an_index_are_one_source(tmp_path: Path) -> None:
    places = {key: "one.safetensors" if key.startswith("conv") else "two.safetensors" for key in state()}
    index = parted(tmp_path, places)
    for path in (index, tmp_path):
        matched = MatchedWeights(network(), path)
        np.testing.assert_array_equal(matched.array("bn.weight"), state()["bn.weight"])
        np.testing.assert_array_equal(matched.array("conv.weight"), state()["conv.weight"])


@pytest.mark.parametrize("name", ["../one.safetensors", "/etc/passwd", "sub/one.safetensors", "..\\x.safetensors", 3])
def test_an_index_stays_in_its_folder(name: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="that is not in its folder"):
        open_weights(parted(tmp_path, {"a": name}))


def test_a_tensor_in_two_files_is_refused(tmp_path: Path) -> None:
    index = parted(tmp_path, {"a": "one.safetensors", "b": "three.safetensors"})
    save_file({"conv.bias": np.zeros(2, np.float32)}, tmp_path / "three.safetensors")
    with pytest.raises(
        WeightsError, match=r"'conv.bias' is in two files(.|\n)*in one.safetensors and in three.safetensors"
    ):
        open_weights(index)


def test_everything_that_does_not_match_is_listed_in_groups(tmp_path: Path) -> None:
    given = state()
    del given["bn.running_mean"], given["conv.bias"]
    given["conv.wieght"] = given["conv.weight"]
    given["extra"] = np.zeros(1, np.float32)
    given["bn.weight"] = np.zeros(3, np.float32)
    given["bn.bias"] = np.zeros(2, np.int64)
    (tmp_path / "m.onnx").write_text("what was there")
    with pytest.raises(WeightsError) as raised:
        export(network(), given, tmp_path / "m.onnx")
    assert [problem.message for problem in raised.value.problems] == [
        "2 weights are missing: conv.bias, bn.running_mean",
        "2 weights are unexpected: conv.wieght, extra",
        "1 weight is misshapen: bn.weight",
        "1 weight is of the wrong element type: bn.bias",
    ]
    assert (tmp_path / "m.onnx").read_text() == "what was there"
    assert [item.name for item in tmp_path.iterdir()] == ["m.onnx"]


def test_a_slip_in_a_key_is_pointed_out() -> None:
    given = state()
    given["conv.weigth"] = given.pop("conv.weight")
    with pytest.raises(WeightsError, match=r"did you mean 'conv.weigth'\?"):
        MatchedWeights(network(), given)


def test_the_weights_of_another_network_are_called_so_and_not_all_listed() -> None:
    given = {f"layer{number:02}.weight": np.zeros(1, np.float32) for number in range(25)}
    with pytest.raises(WeightsError) as raised:
        MatchedWeights(network(), given)
    unexpected = raised.value.problems[1]
    assert unexpected.message.startswith("25 weights are unexpected: layer00.weight, ")
    assert unexpected.message.endswith("layer07.weight, and 17 more")
    assert raised.value.problems[0].hint.startswith("no key of the file is one of the network")


def test_the_counter_of_batches_may_be_missing() -> None:
    given = state()
    del given["bn.num_batches_tracked"]
    MatchedWeights(network(), given)


def test_modules_tensors_and_arrays_give_one_file(tmp_path: Path) -> None:
    arrays = {key: np.asarray(value) for key, value in state().items()}
    tensors = {key: torch.as_tensor(value) for key, value in arrays.items()}

    class Holder:
        def state_dict(self) -> dict[str, torch.Tensor]:
            return tensors

    save_file(arrays, tmp_path / "w.safetensors")
    sources: list[Callable[[], Any]] = [
        lambda: arrays,
        lambda: tensors,
        Holder,
        lambda: tmp_path / "w.safetensors",
        lambda: str(tmp_path / "w.safetensors"),
        lambda: open_weights(tmp_path / "w.safetensors"),
    ]
    digests = {export(network(), source(), tmp_path / "m.onnx").sha256 for source in sources}
    assert len(digests) == 1


def test_what_holds_no_tensors_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"these are no weights[\s\S]*received: int"):
        MatchedWeights(network(), 3)


def test_a_module_without_values_is_refused(tmp_path: Path) -> None:
    layer = torch.nn.Linear(2, 2, device="meta")
    build = Builder("m")
    node = build.apply("", make(REGISTRY["linear"], {"out_features": 2}), build.input("x", (N, 2)))
    with pytest.raises(WeightsError, match="lies on the meta device"):
        export(build.finish({"y": node.output}), layer, tmp_path / "m.onnx")
