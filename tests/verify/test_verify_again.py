"""The proof repeated from the file: its own spec and weights, or those that are given."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from tiny_network import altered, attribute, certificate, network

import archgraph
from archgraph.errors import ModelFileError, VerificationError
from archgraph.export import ExportOptions, export
from archgraph.export.serialization import streaming
from archgraph.runtime import Session
from archgraph.verify import export_verified, verify_again

STORED = "m.onnx.certificate.json"


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A verified file: with a folded norm, matrices stored transposed and shapes that differ from their keys'."""
    folder = tmp_path_factory.mktemp("verified")
    export_verified(archgraph.to_torch(network(folder), seed=4), folder / "m.onnx")
    return folder


@pytest.fixture
def path(verified: Path, tmp_path: Path) -> Path:
    """The file in a folder of its own, to be changed."""
    shutil.copytree(verified, tmp_path, dirs_exist_ok=True)
    return tmp_path / "m.onnx"


def shift_a_weight(graph: Any, nodes: dict[str, Any]) -> None:
    tensor = next(item for item in graph.initializer if item.name == "final.weight")
    tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) + 1, "final.weight"))


def wrong_epsilon(graph: Any, nodes: dict[str, Any]) -> None:
    attribute(nodes["norm/InstanceNormalization"], "epsilon").f = 1e-5


def test_the_file_alone_is_enough(path: Path) -> None:
    first = certificate(path)
    (path.parent / "tiny.yaml").unlink()
    assert verify_again(path).equal
    again = certificate(path)
    assert again.keys() == first.keys()
    assert [again[key] for key in ("sha256", "equal", "folded", "weights_compared", "spec_sha256")] == [
        first[key] for key in ("sha256", "equal", "folded", "weights_compared", "spec_sha256")
    ]
    assert again["measured"][-1]["weights"] == "own"


def test_a_changed_file_is_not_that_of_the_certificate(path: Path) -> None:
    altered(path, shift_a_weight)
    before = certificate(path)
    with pytest.raises(VerificationError, match="has changed since it was proved"):
        verify_again(path)
    assert certificate(path) == before


def test_a_changed_operator_is_found_without_a_certificate(path: Path) -> None:
    altered(path, wrong_epsilon)
    path.with_name(STORED).unlink()
    with pytest.raises(VerificationError) as caught:
        verify_again(path)
    assert any(problem.path == "norm" for problem in caught.value.problems)
    assert certificate(path)["equal"] is False


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("constraints", "[]", "multiple of 2"),
        ("meta", '{"labels": ["dog", "cat"]}', "cat"),
        ("outputs", "{", "dtype"),
        ("batch", '"H"', "N"),
    ],
)
def test_what_a_file_says_of_itself_is_proved_too(key: str, text: str, expected: str, tmp_path: Path) -> None:
    """A session acts on it: it checks sizes, prepares images and names classes by it."""
    spec = {
        "archgraph": 1,
        "name": "halved",
        "meta": {"labels": ["cat", "dog"]},
        "inputs": {"x": ["N", 4, "H", "W"]},
        "nodes": {"fold": {"op": "pixel_unshuffle", "downscale_factor": 2}, "mix": {"op": "conv2d", "out_channels": 2}},
    }
    spec["nodes"]["mix"] |= {"kernel_size": 1}  # type: ignore[index]
    path = tmp_path / "m.onnx"
    export_verified(archgraph.to_torch(spec), path)
    path.with_name(STORED).unlink()
    assert verify_again(path).equal
    path.with_name(STORED).unlink()
    model = onnx.load(path)
    next(entry for entry in model.metadata_props if entry.key == f"archgraph.{key}").value = text
    onnx.save(model, path)
    with pytest.raises((VerificationError, ModelFileError)) as caught:
        verify_again(path)
    assert f"archgraph.{key}" in str(caught.value)


@pytest.mark.parametrize(("claim", "equal"), [(None, True), ('"N"', False)])
def test_a_batch_whose_places_mix_may_not_be_said_to_keep_them_apart(
    claim: str | None, equal: bool, tmp_path: Path
) -> None:
    """A session would compute it in parts. A file that says nothing is right in any case."""
    nodes = {"mean": {"op": "mean", "dim": 0, "keepdim": True}, "centred": {"op": "sub", "in": ["x", "mean"]}}
    spec = {"archgraph": 1, "name": "mixing", "inputs": {"x": ["N", 4]}, "nodes": nodes}
    path = tmp_path / "m.onnx"
    export_verified(archgraph.to_torch(spec), path)
    path.with_name(STORED).unlink()
    model = onnx.load(path)
    assert "archgraph.batch" not in {entry.key for entry in model.metadata_props}
    if claim:
        model.metadata_props.add(key="archgraph.batch", value=claim)
        onnx.save(model, path)
    if equal:
        assert verify_again(path).equal
        return
    with pytest.raises(VerificationError, match=r"'archgraph\.batch' is not what the network says"):
        verify_again(path)


def test_weights_are_compared_with_those_given(path: Path, tmp_path: Path) -> None:
    module = archgraph.to_torch(network(tmp_path), seed=4)
    save_file(module.state_dict(), tmp_path / "right.safetensors")
    assert verify_again(path, weights=tmp_path / "right.safetensors").equal
    with torch.no_grad():
        module.get_parameter("mid.q.weight")[0, 0] += 0.5
    save_file(module.state_dict(), tmp_path / "wrong.safetensors")
    with pytest.raises(VerificationError, match="other values than the module's") as caught:
        verify_again(path, weights=tmp_path / "wrong.safetensors")
    assert [problem.path for problem in caught.value.problems[1:]] == ["mid.q.weight"]


def test_another_spec_may_be_given(path: Path, tmp_path: Path) -> None:
    assert verify_again(path, network(tmp_path)).equal
    text = (tmp_path / "tiny.yaml").read_text(encoding="utf-8")
    (tmp_path / "other.yaml").write_text(text.replace("eps: 1e-6", "eps: 1e-2"), encoding="utf-8")
    with pytest.raises(VerificationError) as caught:
        verify_again(path, archgraph.load(tmp_path / "other.yaml"))
    assert any(problem.path == "norm" for problem in caught.value.problems)


@pytest.mark.parametrize("name", ["digits_resnet", "ddpm", "vit"])
def test_own_weights_are_taken_back_as_they_were(name: str, tmp_path: Path) -> None:
    """What the network computes with the weights taken back is what it computed with those that were exported."""
    narrow: dict[str, dict[str, Any]] = {
        "digits_resnet": {},
        "ddpm": {"channels": [8, 16], "attention": [False, True], "layers": 1, "groups": 4},
        "vit": {"image_size": 32, "patch": 8, "dim": 32, "depth": 1, "heads": 2, "classes": 10},
    }
    graph = archgraph.load(name, **narrow[name])
    module = archgraph.to_torch(graph, seed=2)
    export(graph, module, tmp_path / "m.onnx")
    found = verify_again(tmp_path / "m.onnx")
    assert found.equal
    assert found.measured[-1].run.weights == "own"


def test_weights_beside_the_model_are_certified_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", 0)
    monkeypatch.setattr(streaming, "_SMALLEST_OUTSIDE", 64)
    path, data = tmp_path / "m.onnx", tmp_path / "m.onnx.data"
    export_verified(network(tmp_path), path)
    assert verify_again(path).equal
    whole = np.fromfile(data, np.float32)
    whole[1] += 1
    whole.tofile(data)
    with pytest.raises(VerificationError, match=r"m.onnx.data has changed since it was proved"):
        verify_again(path)
    data.unlink()
    with pytest.raises(VerificationError, match=r"m.onnx.data has changed"):
        verify_again(path)
    path.with_name(STORED).unlink()
    with pytest.raises(VerificationError, match="cannot be read"):
        verify_again(path)


def test_what_cannot_be_proved_again_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="there is no file"):
        verify_again(tmp_path / "none.onnx")
    model = onnx.load(path)
    del model.metadata_props[:]
    (tmp_path / "strange.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="was not written by archgraph"):
        verify_again(tmp_path / "strange.onnx")
    for text, told in (("null", "carries no spec"), (json.dumps({"archgraph": 1, "name": "x"}), "cannot be built")):
        model = onnx.load(path)
        next(entry for entry in model.metadata_props if entry.key == "archgraph.spec").value = text
        (tmp_path / "strange.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(ModelFileError, match=told):
            verify_again(tmp_path / "strange.onnx")
    path.with_name(STORED).write_text("[", encoding="utf-8")
    with pytest.raises(VerificationError, match="is no certificate"):
        verify_again(path)


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("archgraph.spec", '{"archgraph": 1, "name": "x", "nodes": {"a": "novel"}}', "no operation or block 'novel'"),
        ("archgraph.version", "2", "a format that this archgraph does not know"),
    ],
)
def test_a_file_of_a_newer_archgraph_names_its_version(
    path: Path, tmp_path: Path, key: str, text: str, message: str
) -> None:
    model = onnx.load(path)
    entries = {entry.key: entry for entry in model.metadata_props}
    entries[key].value, entries["archgraph.generator"].value = text, "archgraph 9.8"
    (tmp_path / "newer.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match=rf"(?s){message}.*received: .*written by archgraph 9\.8"):
        archgraph.load(tmp_path / "newer.onnx")


@pytest.fixture(scope="module")
def verified_beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("beside")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "LARGEST_SINGLE_FILE", 100)
        (folder / "made").mkdir()
        export_verified(archgraph.to_torch(network(folder), seed=4), folder / "made" / "m.onnx")
    return folder


@pytest.fixture
def beside(verified_beside: Path, tmp_path: Path) -> Path:
    """A verified file whose weights lie beside it."""
    shutil.copytree(verified_beside, tmp_path, dirs_exist_ok=True)
    assert sorted(item.name for item in (tmp_path / "made").iterdir()) == ["m.onnx", STORED, "m.onnx.data"]
    return tmp_path / "made" / "m.onnx"


@pytest.mark.parametrize("low", [False, True], ids=["float32", "bfloat16"])
def test_weights_behind_a_link_in_their_folder_are_those(
    beside: Path, low: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if low:
        monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", 100)
        export_verified(
            archgraph.to_torch(network(beside.parent.parent), seed=4), beside, options=ExportOptions(dtype="bfloat16")
        )
        monkeypatch.undo()
    data = beside.with_name("m.onnx.data")
    data.rename(beside.with_name("weights.bin"))
    data.symlink_to("weights.bin")
    assert verify_again(beside).equal
    content = bytearray(data.read_bytes())
    content[4096 if len(content) > 4096 else 0] ^= 0x40
    data.write_bytes(bytes(content))
    with pytest.raises(VerificationError, match=r"m\.onnx\.data has changed since it was proved"):
        verify_again(beside)
    assert data.is_symlink()


def test_a_model_and_weights_that_are_links_to_one_folder_are_proved(beside: Path, tmp_path: Path) -> None:
    """As they lie in the caches of model hubs."""
    (tmp_path / "shown").mkdir()
    for name in ("m.onnx", "m.onnx.data"):
        (tmp_path / "shown" / name).symlink_to(Path("..") / "made" / name)
    assert verify_again(tmp_path / "shown" / "m.onnx").equal
    with Session(tmp_path / "shown" / "m.onnx", "cpu", cache=False) as session:
        assert session.outputs


def test_weights_behind_a_link_out_of_the_folder_are_refused_by_all(beside: Path, tmp_path: Path) -> None:
    data = beside.with_name("m.onnx.data")
    data.rename(tmp_path / "elsewhere.bin")
    data.symlink_to(tmp_path / "elsewhere.bin")
    said = "lie behind a link that leads out of its folder"
    with pytest.raises(VerificationError, match=said) as raised:
        verify_again(beside)
    assert raised.value.problems[0].received == f"a link to {tmp_path / 'elsewhere.bin'}"
    with pytest.raises(ModelFileError, match=said):
        Session(beside, "cpu", cache=False)
