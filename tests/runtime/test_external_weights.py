"""Weights beside a model, for releases of ONNX Runtime that would read them from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from archgraph.artifact.external_places import external_places
from archgraph.errors import ModelFileError
from archgraph.runtime.external_weights import require_weights_beside

OLD = "1.22.0"


def tensor(name: str, place: str) -> Any:
    made = helper.make_tensor(name, TensorProto.FLOAT, [1], bytes(4), raw=True)
    onnx.external_data_helper.set_external_data(made, place, offset=0, length=4)
    made.ClearField("raw_data")
    return made


def graph(*nodes: Any, initializers: Any = ()) -> Any:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    return helper.make_graph(list(nodes), "g", [x], [y], list(initializers))


def model(path: Path, *nodes: Any, initializers: Any = (), functions: Any = ()) -> Path:
    made = helper.make_model(graph(*nodes, initializers=initializers), functions=list(functions))
    path.write_bytes(made.SerializeToString())
    return path


def constant(place: str) -> Any:
    return helper.make_node("Constant", [], ["c"], value=tensor("v", place))


def test_weights_are_found_wherever_a_tensor_may_stand(tmp_path: Path) -> None:
    inner = graph(constant("branch.bin"), initializers=[tensor("w", "inner.bin")])
    nested = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=graph(constant("else.bin")))
    sparse = helper.make_node("Constant", [], ["s"])
    values = helper.make_sparse_tensor(tensor("sv", "sparse.bin"), helper.make_tensor("si", 7, [1], [0]), [4])
    sparse.attribute.append(helper.make_attribute("sparse_value", values))
    listed = helper.make_node("Made", ["x"], ["l"], domain="d", all=[tensor("a", "list.bin"), tensor("b", "again.bin")])
    opsets = [helper.make_opsetid("", 18)]
    function = helper.make_function("d", "F", ["x"], ["y"], [constant("function.bin")], opsets)
    weight = helper.make_tensor("plain", TensorProto.FLOAT, [3], np.float32([1, 2, 3]).tobytes(), raw=True)
    path = model(
        tmp_path / "m.onnx", nested, sparse, listed, initializers=[weight, tensor("w", "w.bin")], functions=[function]
    )
    assert sorted(external_places(path)) == sorted(
        f"{name}.bin" for name in ("branch", "inner", "else", "sparse", "list", "again", "function", "w")
    )


def test_a_place_is_found_however_it_is_written(tmp_path: Path) -> None:
    """The value before its key, whose length takes two bytes: protobuf reads both, and so does ONNX Runtime."""
    path = model(tmp_path / "m.onnx", initializers=[tensor("w", "../s.bin")])
    usual, other = b"\x0a\x08location\x12\x08../s.bin", b"\x12\x08../s.bin\x0a\x88\x00location"
    weight = tensor("w", "../s.bin").SerializeToString()
    entries = weight.replace(bytes([len(usual)]) + usual, bytes([len(other)]) + other)
    made = onnx.ModelProto.FromString(path.read_bytes())
    made.graph.ClearField("initializer")
    head = made.SerializeToString()
    path.write_bytes(head + b"\x3a" + bytes([len(entries) + 2]) + b"\x2a" + bytes([len(entries)]) + entries)
    assert [item.name for item in onnx.load(path, load_external_data=False).graph.initializer] == ["w"]
    assert external_places(path) == ("../s.bin",)


@pytest.mark.parametrize("data", [b"\x0a", b"\x3a\x7f", b"\x3b\x01", b"\xff" * 12, b"\x3a\x02\x2a\x7f"])
def test_what_is_no_model_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(ModelFileError, match="is damaged, or not an ONNX file"):
        external_places(tmp_path / "m.onnx")


@pytest.mark.parametrize("place", ["../secret.bin", "{folder}/secret.bin", "inner/../../secret.bin", "..\\secret.bin"])
def test_an_older_onnx_runtime_is_not_asked_to_read_outside_of_the_folder(tmp_path: Path, place: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(4))
    (tmp_path / "inner").mkdir()
    path = model(tmp_path / "inner" / "m.onnx", initializers=[tensor("w", place.format(folder=tmp_path))])
    with pytest.raises(ModelFileError, match="lie outside of its folder"):
        require_weights_beside(path, OLD)
    require_weights_beside(path, "1.31.1")  # which refuses it by itself


def test_links_are_followed_within_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(4))
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "real.bin").write_bytes(bytes(4))
    (folder / "w.bin").symlink_to("real.bin")
    path = model(folder / "m.onnx", initializers=[tensor("w", "w.bin")])
    require_weights_beside(path, OLD)
    (folder / "w.bin").unlink()
    with pytest.raises(ModelFileError, match="does not find its weights") as raised:
        require_weights_beside(path, OLD)
    assert raised.value.problems[0].received == str(folder / "w.bin")
    (folder / "w.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(ModelFileError, match="behind a link that leads out of its folder"):
        require_weights_beside(path, OLD)
