"""An export with its proof: what is tried, what is stored, what can be declined."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from tiny_network import certificate, network

import archgraph
from archgraph.artifact.metadata_keys import WEIGHTS
from archgraph.dims import Constraint
from archgraph.errors import CompileError, WeightsError
from archgraph.verify import export_verified
from archgraph.verify.cases import admitted, cases, random_weights
from archgraph.verify.trial_inputs import inputs_of


def test_the_certificate_says_what_was_shown(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    found = export_verified(network(tmp_path), path)
    stored = certificate(path)
    assert stored["equal"] is True
    assert stored["file"] == "tiny.onnx"
    assert stored["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() == found.report.sha256
    assert stored["folded"] == {"bn": "down"}
    assert {"archgraph", "torch", "onnx", "numpy"} <= stored["versions"].keys()
    runs = [(item["weights"], tuple(item["sizes"].values()), item["optimised"]) for item in stored["measured"]]
    small, other = (2, 1, 2), (36, 3, 38)
    assert runs == [
        ("random", small, False),
        ("random", other, False),
        ("random", small, True),
        ("random", other, True),
        ("own", other, True),
    ]
    assert all(0 < item["mean"] <= item["mean_bound"] for item in stored["measured"])
    assert "verified: 16 weights equal" in found.text()


def test_the_certificate_holds_no_date_and_no_folder(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        export_verified(network(tmp_path), tmp_path / name / "tiny.onnx")
        texts.append((tmp_path / name / "tiny.onnx.certificate.json").read_text())
    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0]


def test_a_module_is_exported_with_its_own_weights(tmp_path: Path) -> None:
    module = archgraph.to_torch(network(tmp_path), seed=1)
    with torch.no_grad():
        module.get_parameter("final.bias").fill_(7.0)
    found = export_verified(module, tmp_path / "m.onnx")
    assert found.certificate is not None
    assert module.get_parameter("final.bias").dtype is torch.float32, "the module is left as it was"
    assert found.to_json()["certificate"]["equal"] is True


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    module = archgraph.to_torch(network(tmp_path), seed=2)
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    from_file = export_verified(network(tmp_path), tmp_path / "a.onnx", weights=tmp_path / "w.safetensors")
    from_module = export_verified(module, tmp_path / "b.onnx", verify=False)
    one, other = (onnx.load(item.report.path) for item in (from_file, from_module))
    assert one.graph == other.graph
    assert {entry.key for entry in one.metadata_props} - {entry.key for entry in other.metadata_props} == {WEIGHTS.key}


def test_declining_leaves_no_certificate_of_an_older_file(tmp_path: Path) -> None:
    export_verified(network(tmp_path), tmp_path / "m.onnx")
    found = export_verified(archgraph.to_torch(network(tmp_path), seed=9), tmp_path / "m.onnx", verify=False)
    assert found.certificate is None
    assert sorted(item.name for item in tmp_path.iterdir()) == ["m.onnx", "tiny.yaml"]


def test_weights_that_do_not_fit_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    save_file({"final.bias": torch.zeros(4)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="missing"):
        export_verified(network(tmp_path), tmp_path / "m.onnx", weights=tmp_path / "w.safetensors")
    assert not (tmp_path / "m.onnx").exists()


def test_a_module_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="was not made by to_torch"):
        export_verified(torch.nn.Linear(2, 2), tmp_path / "m.onnx")


def test_an_unverified_export_from_a_file_never_loads_torch(tmp_path: Path) -> None:
    module = archgraph.to_torch(network(tmp_path))
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    script = (
        "import sys, archgraph\n"
        f"graph = archgraph.load({str(tmp_path / 'tiny.yaml')!r})\n"
        f"archgraph.to_onnx(graph, {str(tmp_path / 'm.onnx')!r}, {str(tmp_path / 'w.safetensors')!r}, verify=False)\n"
        "assert 'torch' not in sys.modules and 'onnxruntime' not in sys.modules, sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


def test_cases_are_the_smallest_sizes_and_others_that_differ(tmp_path: Path) -> None:
    assert [dict(case.sizes) for case in cases(network(tmp_path))] == [
        {"H": 2, "N": 1, "W": 2},
        {"H": 36, "N": 3, "W": 38},
    ]


@pytest.mark.parametrize(
    ("rule", "wanted", "size"),
    [
        (None, 5, 5),
        (Constraint("H", 8, (0,), 8, None), 1, 8),
        (Constraint("H", 8, (0,), 8, None), 9, 16),
        (Constraint("H", 4, (1, 3), 3, None), 8, 9),
        (Constraint("L", 1, (0,), 1, 77), 100, 77),
        (Constraint("L", 5, (0,), 1, 78), 100, 75),
        (Constraint("L", 1, (0,), 7, 7), 36, 7),
    ],
)
def test_sizes_are_admitted_by_the_constraints(rule: Constraint | None, wanted: int, size: int) -> None:
    assert admitted(rule, wanted) == size


def test_whole_numbers_have_a_row_in_every_table() -> None:
    spec: dict[str, Any] = {
        "archgraph": 1,
        "name": "rows",
        "inputs": {"ids": {"shape": ["N", "L"], "dtype": "int64"}},
        "nodes": {"table": {"op": "embedding", "num_embeddings": 3, "embedding_dim": 2}},
        "outputs": {"y": "table"},
    }
    graph = archgraph.load(spec)
    for case in cases(graph):
        ids = inputs_of(graph, case)["ids"]
        assert ids.min() >= 0
        assert ids.max() < 3


def test_random_weights_hide_nothing(tmp_path: Path) -> None:
    """No two alike, none constant, variances positive and small where a norm reads them."""
    graph = network(tmp_path)
    state = {key: tensor.numpy() for key, tensor in archgraph.to_torch(graph).state_dict().items()}
    drawn = random_weights(graph, state)
    assert drawn.keys() == state.keys()
    numbers = {key: value for key, value in drawn.items() if key != "bn.num_batches_tracked"}
    for key, value in numbers.items():
        assert (value.shape, value.dtype) == (state[key].shape, state[key].dtype)
        assert value.std() > 0
    assert len({value.tobytes() for value in numbers.values()}) == len(numbers)
    assert drawn["bn.running_var"].min() > 0
    assert np.abs(drawn["stem.weight"]).max() < np.abs(drawn["final.weight"]).max(), "what a norm reads is quiet"


@pytest.mark.parametrize(
    ("shape", "sizes"), [(["N", 4, "H", "W"], {"H": 2, "N": 1, "W": 2}), (["N", 4], {"N": 2}), (["N", 4, 3], {"N": 1})]
)
def test_no_norm_sees_a_single_value(shape: list[Any], sizes: dict[str, int]) -> None:
    """torch refuses that, so the smallest sizes grow: here groups of one channel, in one place."""
    spec: dict[str, Any] = {
        "archgraph": 1,
        "name": "norm",
        "inputs": {"x": shape},
        "nodes": {"norm": {"op": "group_norm", "num_groups": 4}},
        "outputs": {"y": "norm"},
    }
    assert dict(cases(archgraph.load(spec))[0].sizes) == sizes


def test_a_norm_over_samples_sees_more_than_one() -> None:
    """No picture is large enough for one whose values are counted by the samples alone."""
    nodes = {"made": {"op": "ones", "shape": ["=N", 4, "=N"]}, "norm": "instance_norm1d"}
    spec = {"archgraph": 1, "name": "n", "inputs": {"x": ["N", 3, "H"]}, "nodes": nodes, "outputs": ["x", "norm"]}
    assert dict(cases(archgraph.load(spec))[0].sizes) == {"N": 2, "H": 2}
