"""Diffusion files: a whole run of the sampler is compared step by step, and two files are proved as one."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from tiny_network import SPEC, altered, certificate

import archgraph
from archgraph.diffusion import sample
from archgraph.errors import ModelFileError, VerificationError
from archgraph.export import ExportOptions
from archgraph.verify import export_verified, verify, verify_again

META = "meta: {diffusion: {schedule: {kind: linear}, prediction: epsilon, clip: true, size: 8}}\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, Path]:
    """A denoiser and its two files."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "tiny.yaml").write_text(SPEC + META)
    module = archgraph.to_torch(archgraph.load(folder / "tiny.yaml"), seed=3)
    export_verified(module, folder / "m.onnx", options=ExportOptions(split_time=True))
    return module, folder


@pytest.fixture
def pair(made: tuple[torch.nn.Module, Path], tmp_path: Path) -> Path:
    """The main file, to be changed."""
    for file in made[1].iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path / "m.onnx"


def rewritten(main: Path, change: Any) -> None:
    """Changes the time branch, and the main file so that it takes it for its own."""
    branch = main.with_name("m.time.onnx")
    before = digest(branch)
    altered(branch, change)
    main.write_bytes(main.read_bytes().replace(before, digest(branch)))


def digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).hexdigest().encode()


def test_the_certificate_holds_the_run(made: tuple[torch.nn.Module, Path]) -> None:
    found = certificate(made[1] / "m.onnx")
    run = found["trajectory"]
    assert run["sampler"] == "ddim"
    assert run["shape"][:2] == [2, 4]
    assert [step["step"] for step in run["steps"]] == list(range(1, 11))
    times = [step["time"] for step in run["steps"]]
    assert times == sorted(times, reverse=True)
    for step in run["steps"]:
        assert step["torch_mean"] > 0
        assert step["mean"] <= step["mean_bound"]
    assert found["time_branch"] == {"m.time.onnx": digest(made[1] / "m.time.onnx").decode()}


CONDITIONAL = SPEC.replace("int64}}", "int64}, label: {shape: [N], dtype: int64}}").replace(
    "  shift:", "  names:  {op: embedding, in: label, num_embeddings: 4, embedding_dim: 8}\n  shift:"
).replace(
    "shift:  {op: unsqueeze,", "sum:    {op: add, in: [temb, names]}\n  shift:  {op: unsqueeze, in: sum,"
) + META.replace("size: 8", "size: 8, classes: 3, null_label: 3, guidance: 1.5")


def test_a_class_conditional_network_is_guided(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(CONDITIONAL)
    found = export_verified(
        archgraph.load(tmp_path / "tiny.yaml"), tmp_path / "m.onnx", options=ExportOptions(split_time=True)
    ).certificate
    assert found is not None
    assert found.trajectory is not None
    assert found.trajectory.labels == (0, 1)
    assert found.trajectory.guidance == 1.5
    assert "sampling: 10 steps of ddim, each picture within" in found.text()


def test_other_networks_have_none(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SPEC)
    found = export_verified(archgraph.load(tmp_path / "tiny.yaml"), tmp_path / "m.onnx").certificate
    assert found is not None
    assert found.trajectory is None
    assert "trajectory" not in certificate(tmp_path / "m.onnx")


def one_time_is_another(graph: Any, nodes: dict[str, Any]) -> None:
    """As if a table had one wrong row, at 300: none of the times that are tried by themselves is that one."""
    graph.initializer.extend(numpy_helper.from_array(np.array(time), f"time_{time}") for time in (300, 400))
    reader = next(node for node in graph.node if "timestep" in node.input)
    graph.node.insert(0, helper.make_node("Equal", ["timestep", "time_300"], ["is_300"]))
    graph.node.insert(1, helper.make_node("Where", ["is_300", "time_400", "timestep"], ["moved"]))
    reader.input[list(reader.input).index("timestep")] = "moved"


def test_what_only_sampling_shows(pair: Path, made: tuple[torch.nn.Module, Path]) -> None:
    rewritten(pair, one_time_is_another)
    with pytest.raises(VerificationError) as raised:
        verify(made[0], pair)
    assert len(raised.value.problems) == 2
    assert raised.value.problems[1].message == "sampling departs at step 7 of 10, at time 300"
    assert certificate(pair)["equal"] is False


def test_two_files_are_proved_again(pair: Path) -> None:
    found = verify_again(pair)
    assert found.equal
    assert found.weights == len(
        [name for file in ("m.onnx", "m.time.onnx") for name in held(pair.with_name(file)) if "const/" not in name]
    )


def held(path: Path) -> list[str]:
    return [tensor.name for tensor in onnx.load(path).graph.initializer]


def exchanged_waves(graph: Any, nodes: dict[str, Any]) -> None:
    first, second = nodes["waves"].input
    nodes["waves"].input[:] = [second, first]


def changed_weight(graph: Any, nodes: dict[str, Any]) -> None:
    (tensor,) = (item for item in graph.initializer if item.name == "temb.bias")
    tensor.raw_data = bytes([tensor.raw_data[0] ^ 1]) + tensor.raw_data[1:]


def test_a_fault_in_the_branch_is_found_at_its_node(pair: Path, made: tuple[torch.nn.Module, Path]) -> None:
    rewritten(pair, exchanged_waves)
    with pytest.raises(VerificationError) as raised:
        verify(made[0], pair)
    assert raised.value.problems[-1].path == "waves"


def test_a_weight_of_the_branch_that_differs_is_named(pair: Path, made: tuple[torch.nn.Module, Path]) -> None:
    rewritten(pair, changed_weight)
    with pytest.raises(VerificationError, match=r"the weight temb.bias has other values") as raised:
        verify(made[0], pair)
    problem = raised.value.problems[1]
    assert problem.where is not None
    assert problem.where.line == next(i for i, line in enumerate(SPEC.splitlines(), 1) if "temb:" in line)


def rows_in_other_places(graph: Any, nodes: dict[str, Any]) -> None:
    """The features of a row are those of the row behind it; with the times of one batch alike, nobody sees it."""
    (last,) = (node for node in graph.node if node.output[0] == "time_features")
    graph.initializer.append(numpy_helper.from_array(np.array([0]), "zero"))
    graph.initializer.append(numpy_helper.from_array(np.array([1]), "one"))
    graph.initializer.append(numpy_helper.from_array(np.array([2**40]), "end"))
    last.output[0] = "rows"
    graph.node.append(helper.make_node("Slice", ["rows", "one", "end", "zero"], ["behind"]))
    graph.node.append(helper.make_node("Slice", ["rows", "zero", "one", "zero"], ["front"]))
    graph.node.append(helper.make_node("Concat", ["behind", "front"], ["time_features"], axis=0))


def test_rows_that_hang_together_are_found(pair: Path, made: tuple[torch.nn.Module, Path]) -> None:
    rewritten(pair, rows_in_other_places)
    with pytest.raises(VerificationError):
        verify(made[0], pair)


def test_a_branch_that_has_changed_is_refused(pair: Path, made: tuple[torch.nn.Module, Path]) -> None:
    altered(pair.with_name("m.time.onnx"), changed_weight)
    with pytest.raises(VerificationError, match=r"m.time.onnx has changed since it was proved"):
        verify_again(pair)
    with pytest.raises(ModelFileError, match=r"m.time.onnx is not the time branch of m.onnx"):
        verify(made[0], pair)
    pair.with_name("m.time.onnx").unlink()
    with pytest.raises((VerificationError, ModelFileError), match=r"m.time.onnx"):
        verify_again(pair)


def test_a_pair_that_departs_does_not_take_the_place_of_the_older_one(
    pair: Path, made: tuple[torch.nn.Module, Path]
) -> None:
    before = {file.name: file.read_bytes() for file in pair.parent.iterdir()}
    wrong = archgraph.to_torch(archgraph.load(pair.with_name("tiny.yaml")), seed=3)
    wrong.get_submodule("norm").eps = 1e-2  # type: ignore[assignment]
    with pytest.raises(VerificationError):
        export_verified(wrong, pair, options=ExportOptions(split_time=True))
    assert {file.name: file.read_bytes() for file in pair.parent.iterdir() if file.is_file()} == before
    assert (pair.with_name("m.onnx.rejected") / "m.time.onnx").is_file()


def test_two_files_give_the_pictures_of_one(pair: Path, made: tuple[torch.nn.Module, Path]) -> None:
    export_verified(made[0], pair.with_name("one.onnx"), verify=False)
    asked: dict[str, Any] = {"n": 2, "channels": 4, "size": 8, "steps": 5, "seed": 1}
    one, two = (sample(path, **asked) for path in (pair.with_name("one.onnx"), pair))
    np.testing.assert_allclose(two, one, atol=1e-5)


def test_one_file_takes_the_place_of_two(pair: Path, made: tuple[torch.nn.Module, Path]) -> None:
    export_verified(made[0], pair)
    assert not pair.with_name("m.time.onnx").exists()
    assert "time_branch" not in certificate(pair)
