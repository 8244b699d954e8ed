"""What would pass without being shown, or end in a traceback: each is refused with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tiny_network import altered, network

import archgraph
from archgraph.errors import VerificationError
from archgraph.export import ExportOptions
from archgraph.export.serialization import streaming
from archgraph.graph.types import Graph
from archgraph.verify import certificate as certificates
from archgraph.verify import export_verified, verify_again
from archgraph.verify.tolerance import errors_of

HEAD = {"archgraph": 1, "name": "n", "inputs": {"x": ["N", 4]}}
LOUD = {
    "near": {"op": "linear", "out_features": 64},
    "k": {"op": "constant", "value": 100.0},
    "far": {"op": "mul", "in": ["near", "k"]},
    "y": "exp",
}
ROOTS = {
    "near": {"op": "linear", "out_features": 8},
    "up": "relu",
    "one": {"op": "constant", "value": -1.0},
    "below": {"op": "sub", "in": ["one", "up"]},
    "y": "sqrt",
}
MIXED = {
    "column": {"op": "unsqueeze", "in": "t", "dim": -1},
    "lin": {"op": "linear", "out_features": 4},
    "over_rows": {"op": "softmax", "dim": 0},
    "shift": {"op": "unsqueeze", "dim": [-1, -1]},
    "out": {"op": "add", "in": ["image", "shift"]},
}


def without_certificate(path: Path) -> Path:
    path.with_name(f"{path.name}.certificate.json").unlink()
    return path


def test_torch_out_of_its_range_does_not_allow_anything(tmp_path: Path) -> None:
    """exp(100 x) leaves float32, not float64: torch's error there is infinite, and is no measure of the rest."""
    path = tmp_path / "m.onnx"
    assert export_verified(archgraph.load({**HEAD, "nodes": LOUD}), path).certificate.equal  # type: ignore[union-attr]

    def add(graph: Any, nodes: dict[str, Any]) -> None:
        nodes["far"].op_type = "Add"

    altered(without_certificate(path), add)
    with pytest.raises(VerificationError, match=r"departs(.|\n)*torch's own: \S+ and \S+; rounding reaches \S+ and"):
        verify_again(path)


def test_both_bounds_are_told_with_the_errors_of_torch_that_they_are_multiples_of() -> None:
    """4 √(1/12) and 10 × 1/2, and a little for rounding."""
    errors = errors_of(np.array([1.0, 2, 3]), np.array([1, 2.5, 3], np.float32), np.array([1, 2, 4], np.float32))
    assert errors.allowed == "an error of at most 1.2e+00 on average and 5.0e+00 anywhere"
    assert errors.found == "5.8e-01 on average, 1.0e+00 at most (torch's own: 2.9e-01 and 5.0e-01)"


def test_where_torch_alone_is_infinite_the_file_may_be_so_too() -> None:
    exact, single = np.array([1.0, 1e39, -1e39]), np.array([1, np.inf, -np.inf], np.float32)
    assert errors_of(exact, single, single).ok
    assert not errors_of(exact, single, np.array([1, np.inf, np.inf], np.float32)).ok
    assert not errors_of(exact, single, np.array([2, np.inf, -np.inf], np.float32)).ok
    assert not errors_of(exact, single, np.array([1, 5, -np.inf], np.float32)).ok
    assert not errors_of(exact, single, np.array([1, np.nan, -np.inf], np.float32)).ok


def test_the_root_mean_square_of_large_numbers_does_not_overflow() -> None:
    exact = np.array([1e200, 2e200])
    assert not errors_of(exact, exact, np.array([2e200, 1e200])).ok
    assert errors_of(exact, exact, exact).ok


def test_an_output_that_is_never_a_number_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="nothing can be shown about the output 'output'"):
        export_verified(archgraph.load({**HEAD, "nodes": ROOTS}), tmp_path / "m.onnx")


@pytest.mark.parametrize("sizes", [{}, {"N": 3}], ids=["free batch", "fixed batch"])
def test_rows_of_a_time_branch_that_depend_on_each_other_are_found(tmp_path: Path, sizes: dict[str, int]) -> None:
    """A session computes them for other batches than the picture's."""
    graph = archgraph.load({**HEAD, "inputs": {"image": ["N", 4, "H", "W"], "t": ["N"]}, "nodes": MIXED})
    with pytest.raises(VerificationError, match="departs"):
        export_verified(graph, tmp_path / "m.onnx", options=ExportOptions(split_time=True, sizes=sizes))


def test_an_output_of_another_name(tmp_path: Path) -> None:
    graphs = [archgraph.load({**HEAD, "nodes": {"r": "relu"}, "outputs": {name: "r"}}) for name in ("y", "z")]
    export_verified(graphs[0], tmp_path / "m.onnx")
    with pytest.raises(VerificationError, match="the file has no output 'z'"):
        verify_again(tmp_path / "m.onnx", graphs[1])


def test_weights_of_another_element_type(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    export_verified(network(tmp_path), path)

    def widen(graph: Any, nodes: dict[str, Any]) -> None:
        for tensor in graph.initializer:
            if tensor.name.startswith(("down.", "stem.")):  # a folded layer, and one that is not
                values = onnx.numpy_helper.to_array(tensor).astype(np.float64)
                tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))

    altered(without_certificate(path), widen)
    with pytest.raises(VerificationError) as raised:
        verify_again(path)
    told = [(problem.message, problem.received) for problem in raised.value.problems]
    assert ("the weight stem.weight has another element type", "float64") in told
    assert ("the weight down.weight/folded has another element type", "float64") in told


@pytest.mark.parametrize("text", ["{", "{}", "[1]"])
def test_damaged_paths_of_what_stays_in_float32(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.onnx"
    export_verified(network(tmp_path), path, options=ExportOptions(dtype="float16"))
    model = onnx.load(without_certificate(path))
    next(entry for entry in model.metadata_props if entry.key == "archgraph.float32").value = text
    path.write_bytes(model.SerializeToString())
    with pytest.raises(VerificationError, match=r"'archgraph\.float32' cannot be read"):
        verify_again(path)


def test_a_certificate_whose_parts_are_of_another_kind(tmp_path: Path) -> None:
    export_verified(network(tmp_path), tmp_path / "m.onnx")
    (tmp_path / "m.onnx.certificate.json").write_text('{"time_branch": null}')
    with pytest.raises(VerificationError, match="is no certificate"):
        verify_again(tmp_path / "m.onnx")


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[bool], Path]:
    """Exports the network with its weights beside it, or within."""

    def exported(beside: bool) -> Path:
        monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", 1000 if beside else 10**9)
        export_verified(network(tmp_path), tmp_path / "m.onnx")
        return tmp_path / "m.onnx"

    return exported


def test_weights_that_lie_under_another_name_are_those_that_were_proved(large: Callable[[bool], Path]) -> None:
    path = large(True).rename(large(True).with_name("k.onnx"))
    assert verify_again(path).equal
    data = path.with_name("m.onnx.data")
    data.write_bytes(data.read_bytes()[:-4] + b"\0\0\x80\x3f")
    with pytest.raises(VerificationError, match=r"m\.onnx\.data has changed since it was proved"):
        verify_again(path)


def test_weights_of_an_older_version_beside_a_file_that_has_its_own_are_nobodys(large: Callable[[bool], Path]) -> None:
    large(True)
    path = large(False)
    assert path.with_name("m.onnx.data").is_file()
    assert verify_again(path).equal


def test_weights_in_several_files_have_one_digest(tmp_path: Path) -> None:
    tensors = []
    for name in "ab":
        (tmp_path / f"{name}.bin").write_bytes(bytes(4))
        tensors.append(onnx.TensorProto(name=name, dims=[1], data_type=1, data_location=onnx.TensorProto.EXTERNAL))
        tensors[-1].external_data.add(key="location", value=f"{name}.bin")
    onnx.save(onnx.ModelProto(graph=onnx.GraphProto(initializer=tensors)), tmp_path / "m.onnx")
    before = certificates.data_digest(tmp_path / "m.onnx")
    (tmp_path / "b.bin").write_bytes(b"\1\1\1\1")
    assert len({before, certificates.data_digest(tmp_path / "m.onnx"), ""}) == 3


def test_a_low_type_too_large_for_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32 a file of a low type is twice as large: beyond 1.5 GB its weights lie beside the copy."""
    path = tmp_path / "m.onnx"
    export_verified(network(tmp_path), path, options=ExportOptions(dtype="float16"))
    locations: list[str] = []
    honest = onnx.save

    def seen(model: Any, target: str) -> None:
        locations.extend(e.value for t in model.graph.initializer for e in t.external_data if e.key == "location")
        honest(model, target)

    monkeypatch.setattr(onnx, "save", seen)
    monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", 1000)
    before = sorted(item.name for item in tmp_path.iterdir())
    assert verify_again(path).equal
    assert locations
    assert sorted(item.name for item in tmp_path.iterdir()) == before


def test_no_room_for_the_copy_that_the_processor_can_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.onnx"
    export_verified(network(tmp_path), path, options=ExportOptions(dtype="float16"))

    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx, "save", full)
    with pytest.raises(VerificationError, match="cannot be compared: No space left on device"):
        verify_again(path)


def test_sizes_at_which_torch_refuses(tmp_path: Path) -> None:
    graph: Graph = archgraph.load({**HEAD, "inputs": {"x": ["N", 4, "H", "W"]}, "nodes": {"r": "instance_norm2d"}})
    with pytest.raises(VerificationError) as raised:
        export_verified(graph, tmp_path / "m.onnx", options=ExportOptions(sizes={"H": 1, "W": 1}))
    assert raised.value.problems[1].message.startswith("torch does not run n at")
    assert "more than 1 spatial element" in raised.value.problems[1].received
    assert json.loads((tmp_path / "m.onnx.rejected" / "m.onnx.certificate.json").read_text())["equal"] is False
