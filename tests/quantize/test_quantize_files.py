"""What is written: integers where they should be, floats where they should stay, metadata, all or nothing."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from quantize_cases import DENOISER, exported, initializers
from safetensors.torch import save_file

import archgraph
from archgraph import quantize
from archgraph.errors import ArchgraphError, ExportError, InputError, VerificationError
from archgraph.quantize import QuantizeReport, convert
from archgraph.runtime import Session
from archgraph.training.image_sources import digits
from archgraph.training.images import for_classification


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, QuantizeReport]:
    """The shipped classifier in float32 and in int8."""
    folder = tmp_path_factory.mktemp("classifier")
    exact = exported("digits_resnet", folder / "float.onnx")
    path = folder / "int8.onnx"
    return exact, path, archgraph.to_int8(exact, path, "digits", timed=False, samples=64)


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """A small diffusion network in float32."""
    return exported(DENOISER, tmp_path / "float.onnx")


def test_weights_are_int8_with_a_scale_per_channel(classifier: tuple[Path, Path, QuantizeReport]) -> None:
    exact, path, report = classifier
    floats, stored = initializers(exact), initializers(path)
    assert len(report.layers) == 14  # 16 less the first and the last
    for layer in report.layers:
        name = next(name for name in floats if name.startswith(f"{layer}.weight"))
        weight, integers, scales = floats[name], stored[f"{name}_quantized"], stored[f"{name}_scale"]
        assert integers.dtype == np.int8
        assert scales.shape == (len(weight),)
        step = scales.reshape(-1, 1, 1, 1)
        assert (np.abs(integers * step - weight) <= 0.5001 * step).all()


def test_first_and_last_layer_stay_as_they_are(classifier: tuple[Path, Path, QuantizeReport]) -> None:
    exact, path, report = classifier
    floats, stored = initializers(exact), initializers(path)
    assert dict(report.kept) == {"conv1": "first layer", "fc": "last layer"}
    for name in floats:
        if name.startswith(("conv1.", "fc.")):
            assert np.array_equal(stored[name], floats[name])


def test_everything_between_two_layers_runs_on_integers(
    classifier: tuple[Path, Path, QuantizeReport], tmp_path: Path
) -> None:
    """By the optimised graph: every chosen convolution, and no widening between them but for the last block's sum."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(classifier[1]), options, providers=["CPUExecutionProvider"])
    counts = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    assert counts["QLinearConv"] == 14
    assert counts["Conv"] == 1
    assert counts["QuantizeLinear"] == 1


def test_held_out_digits_are_recognised_as_before(classifier: tuple[Path, Path, QuantizeReport]) -> None:
    exact, path, _ = classifier
    with Session(path, "cpu") as session:
        prepare, seen = for_classification(session.meta, None)
        held = digits(prepare).split(0.2)[1]
        pictures = ((held.pixels / np.float32(255) - seen.mean[0]) / seen.std[0]).astype(np.float32)
        rounded = (session.run(image=pictures)["logits"].argmax(1) == held.labels).mean()
    with Session(exact, "cpu") as session:
        before = (session.run(image=pictures)["logits"].argmax(1) == held.labels).mean()
    assert before > 0.98
    assert rounded >= before - 0.005


def test_the_metadata_travels_along(classifier: tuple[Path, Path, QuantizeReport]) -> None:
    exact, path, report = classifier
    before, after = ({entry.key: entry.value for entry in onnx.load(file).metadata_props} for file in (exact, path))
    told = json.loads(after.pop("archgraph.quantized"))
    assert after == before
    assert told["scheme"] == "int8"
    assert told["calibration"] == {
        "source": "digits", "real": True, "observed": 48, "held_out": 16, "ranges": report.calibration["ranges"]
    }  # fmt: skip
    assert set(told["kept"]) == {"conv1", "fc"}


def test_the_certificate_claims_no_equality(classifier: tuple[Path, Path, QuantizeReport]) -> None:
    _, path, report = classifier
    told = json.loads(path.with_name(f"{path.name}.certificate.json").read_text())
    assert told["equal"] is False
    assert told["sha256"] == report.sha256
    assert told["quantized"]["errors"][0]["relative_error"] == pytest.approx(report.errors[0].relative, rel=0.01)


def _has_exact_products() -> bool:
    """Whether this processor adds products of bytes in 32 bits (VNNI); others saturate at 16, so that more is kept."""
    flags = Path("/proc/cpuinfo")
    return not flags.is_file() or any(word in flags.read_text() for word in ("vnni", "asimddp"))


exact_products = pytest.mark.skipif(not _has_exact_products(), reason="int8 products saturate on this processor")


@exact_products
def test_what_does_not_see_the_picture_stays(narrow: Path, tmp_path: Path) -> None:
    report = archgraph.to_int8(narrow, tmp_path / "int8.onnx", timed=False, samples=16)
    assert report.layers == ("wide", "narrow")
    assert report.kept["mlp"] == "does not depend on the picture"
    assert report.calibration["real"] is False


def test_what_is_asked_for_stays(narrow: Path, tmp_path: Path) -> None:
    path = tmp_path / "int8.onnx"
    report = archgraph.to_int8(narrow, path, keep=["wide"], timed=False, samples=16)
    assert report.layers == ("narrow",)
    assert np.array_equal(initializers(path)["wide.weight"], initializers(narrow)["wide.weight"])


@exact_products
def test_the_layer_that_costs_most_exactness_is_found(tmp_path: Path) -> None:
    """A channel a thousand times larger than the others takes the steps of the whole value."""
    network = archgraph.load(DENOISER)
    weights = {key: value.detach().numpy().copy() for key, value in archgraph.to_torch(network).state_dict().items()}
    weights["norm.weight"][0] *= 1000
    weights["wide.weight"][:, 0] /= 1000
    from archgraph.export import export

    exact = tmp_path / "float.onnx"
    export(network, weights, exact)
    report = archgraph.to_int8(exact, tmp_path / "int8.onnx", timed=False, samples=32)
    assert report.kept["wide"] == "measured sensitivity"
    assert report.layers == ("narrow",)
    assert report.within_budget


def test_a_failure_leaves_the_old_file(narrow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "int8.onnx"
    path.write_text("old")

    def fail(*given: object) -> object:
        raise ExportError("no room")

    monkeypatch.setattr(convert, "quantised", fail)
    with pytest.raises(ExportError, match="no room"):
        archgraph.to_int8(narrow, path, timed=False, samples=16)
    assert path.read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["float.onnx", "int8.onnx"]


def test_a_quantised_file_is_proved_again(classifier: tuple[Path, Path, QuantizeReport]) -> None:
    shown = archgraph.verify_int8(classifier[1], "digits_resnet", calibration="digits")
    assert shown.errors[0].relative == pytest.approx(classifier[2].errors[0].relative, rel=0.05)


@pytest.mark.parametrize(("kind", "message"), [("weight", "not the network's"), ("flow", "departs by more")])
def test_a_wrong_scale_is_noticed(
    classifier: tuple[Path, Path, QuantizeReport], tmp_path: Path, kind: str, message: str
) -> None:
    """Of a weight, by its value; of what flows, by the error at the output."""
    model = onnx.load(classifier[1])
    flowing = [node.input[1] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    part = flowing[3] if kind == "flow" else "stage.1.unit.0.conv1.weight/folded_scale"
    item = next(item for item in model.graph.initializer if item.name == part)
    item.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(item) / np.float32(2), part))
    wrong = tmp_path / "wrong.onnx"
    onnx.save(model, wrong)
    with pytest.raises(VerificationError, match=message):
        archgraph.verify_int8(wrong, "digits_resnet", calibration="digits")


def test_it_says_of_itself_what_its_network_says(classifier: tuple[Path, Path, QuantizeReport], tmp_path: Path) -> None:
    model = onnx.load(classifier[1])
    next(entry for entry in model.metadata_props if entry.key == "archgraph.meta").value = '{"labels": ["a", "b"]}'
    wrong = tmp_path / "wrong.onnx"
    onnx.save(model, wrong)
    with pytest.raises(VerificationError, match=r"'archgraph\.meta' is not what the network says"):
        archgraph.verify_int8(wrong, "digits_resnet", calibration="digits")


def test_without_its_weights_nothing_is_proved(classifier: tuple[Path, Path, QuantizeReport], tmp_path: Path) -> None:
    copy = shutil.copy(classifier[1], tmp_path / "copy.onnx")
    with pytest.raises(VerificationError, match="no longer holds the float32 weights"):
        archgraph.verify_int8(copy)


LINEAR = {
    "archgraph": 1, "name": "one", "inputs": {"x": ["N", 4]}, "outputs": {"y": "fc"},
    "nodes": {"fc": {"op": "linear", "out_features": 2}},
}  # fmt: skip


def test_bad_input_is_refused(narrow: Path, tmp_path: Path) -> None:
    def refused(message: str, **given: object) -> None:
        with pytest.raises(ArchgraphError, match=message):
            archgraph.to_int8(narrow, tmp_path / "int8.onnx", **given)  # type: ignore[arg-type]
        assert not (tmp_path / "int8.onnx").exists()

    (tmp_path / "empty").mkdir()
    times = np.zeros(9, np.int64)
    refused("there are no images", calibration=tmp_path / "empty")
    refused("nothing to calibrate on", calibration=tmp_path / "nowhere")
    refused("too few examples", calibration={"x": np.zeros((3, 1, 8, 8), np.float32), "t": times[:3]})
    refused("lacks 't'", calibration={"x": np.zeros((9, 1, 8, 8), np.float32)})
    refused("axis 1 of 'x' must be 1", calibration={"x": np.zeros((9, 2, 8, 8), np.float32), "t": times})
    refused("different numbers of rows", calibration={"x": np.zeros((8, 1, 8, 8), np.float32), "t": times})
    refused("no convolution or linear layer at 'wise'", keep=["wise"])
    refused("must lie between 0 and 1", budget=3.0)


@pytest.mark.parametrize("spelling", ["float.onnx", "folder/../float.onnx", "link.onnx", "float.time.onnx"])
def test_a_file_does_not_overwrite_what_it_is_made_of(
    narrow: Path, tmp_path: Path, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.onnx").symlink_to("float.onnx")
    (tmp_path / "float.time.onnx").write_bytes(b"archgraph.time_branch_of float.onnx")
    monkeypatch.chdir(tmp_path)
    before = {item: item.read_bytes() for item in tmp_path.iterdir() if item.is_file()}
    for work in ("read_float_file", "from_path"):
        monkeypatch.setattr(quantize, work, None)
    with pytest.raises(InputError, match=r"which would overwrite it\n(.|\n)*hint: for example .*float-int8\.onnx"):
        archgraph.to_int8(narrow, spelling, tmp_path)
    with pytest.raises(InputError, match="which would overwrite it"):
        convert.quantize_file(narrow, Path(spelling))
    assert {item: item.read_bytes() for item in tmp_path.iterdir() if item.is_file()} == before


def test_a_network_without_layers_between_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing of this network can be quantised"):
        archgraph.to_int8(exported(LINEAR, tmp_path / "one.onnx"), tmp_path / "int8.onnx")


def test_a_quantised_file_is_not_quantised_again(classifier: tuple[Path, Path, QuantizeReport], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="quantised already"):
        archgraph.to_int8(classifier[1], tmp_path / "int8.onnx")


def test_a_file_whose_error_has_no_end_is_whole_all_the_same(tmp_path: Path) -> None:
    """Its numbers overflow, on both sides; that is said, and the file is no damaged one."""
    spec = {
        "archgraph": 1,
        "name": "overflowing",
        "inputs": {"x": ["N", 3, 8, 8]},
        "nodes": {
            "a": {"op": "conv2d", "out_channels": 4, "kernel_size": 3},
            "b": {"op": "conv2d", "out_channels": 4, "kernel_size": 3},
            "c": {"op": "conv2d", "out_channels": 4, "kernel_size": 1},
            "large": {"op": "mul", "value": 1e38},
            "more": {"op": "mul", "value": 1e38},
        },
    }
    weights = tmp_path / "w.safetensors"
    save_file(archgraph.to_torch(spec).state_dict(), weights)
    archgraph.to_int8(exported(spec, tmp_path / "a.onnx", weights=weights), tmp_path / "b.onnx", timed=False)
    found = quantize.quantization_of(tmp_path / "b.onnx")
    assert found is not None
    assert found["errors"][0]["relative_error"] is None
    with pytest.raises(VerificationError) as caught:
        archgraph.verify_int8(tmp_path / "b.onnx", weights=weights)
    assert "nothing can be shown about" in str(caught.value)
    assert "rejected" not in str(caught.value)  # in a folder that is gone


PADDED = {"op": "conv1d", "out_channels": 16, "kernel_size": 3, "padding": 1, "padding_mode": "circular"}


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (PADDED, ["N", 16, "L"]),
        ({"op": "linear", "out_features": 16}, ["N", "L", 16]),
    ],
    ids=["padded image", "rows of tokens"],
)
def test_layers_that_read_a_value_inside_an_operation(layer: dict[str, Any], shape: list[Any], tmp_path: Path) -> None:
    """The file states no type of such a value, and the quantiser rounds none of unknown type by itself."""
    nodes = {"one": layer, "a": "relu", "two": layer, "b": "relu", "three": layer}
    network = {"archgraph": 1, "name": "n", "inputs": {"x": shape}, "nodes": nodes}
    exact = exported(network, tmp_path / "float.onnx", profile="cpu")
    given = np.random.default_rng(0).standard_normal((8, *(16 if size == 16 else 130 for size in shape[1:])))
    report = archgraph.to_int8(exact, tmp_path / "int8.onnx", {"x": given.astype(np.float32)}, timed=False)
    assert report.layers == ("two",)
    assert initializers(tmp_path / "int8.onnx")["two.weight_quantized"].dtype == np.int8
    assert report.errors[0].relative < 0.02
