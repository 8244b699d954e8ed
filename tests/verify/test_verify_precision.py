"""Files in float16 and bfloat16: which work is in which type, their proof, and what does not fit into a type."""

from __future__ import annotations

import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from narrow_networks import NARROW, SPECS
from safetensors.torch import save_file
from test_verify_faults import FAULTS
from tiny_network import SPEC, altered, certificate, network
from torch.nn import Module

import archgraph
from archgraph.errors import ExportError, VerificationError
from archgraph.export import ExportOptions, export
from archgraph.graph.types import Graph
from archgraph.verify import verify, verify_again

FLOAT, HALF, BRAIN = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16
CODES = {"float16": HALF, "bfloat16": BRAIN}
LOW = ("attention_unet", "convnext", "ddpm", "resnet", "vit")
DEAREST = ("attention_unet", "ddpm")
"""The small U-Net of the other tests stands for them."""
NEAR = [
    pytest.param(name, dtype, marks=[pytest.mark.slow] * (number != at % 2 or name in DEAREST))
    for at, name in enumerate(LOW)
    for number, dtype in enumerate(("float16", "bfloat16"))
]
"""Each model in one type and the other by turns."""


@pytest.mark.parametrize(("name", "dtype"), NEAR)
def test_narrow_models_are_as_near_as_torch_in_that_type(name: str, dtype: str, tmp_path: Path) -> None:
    graph = archgraph.load(SPECS / f"{name}.yaml", **NARROW[name])
    found = archgraph.to_onnx(graph, tmp_path / "m.onnx", dtype=dtype)
    assert found.certificate is not None
    assert found.certificate.equal
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    archgraph.to_onnx(graph, tmp_path / "whole.onnx", verify=False)
    weights = sum(item.weight.elements for item in archgraph.graph.weights(graph))
    saved = stored(tmp_path / "whole.onnx") - stored(tmp_path / "m.onnx")
    assert saved > 1.5 * weights  # of the two bytes that each weight may lose


def stored(path: Path) -> int:
    """The bytes of all weights; what types need to meet are operators, many beside the weights of a narrow model."""
    return sum(len(tensor.raw_data) for tensor in onnx.load(path).graph.initializer)


def initializers(path: Path) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in onnx.load(path).graph.initializer}


def test_norms_and_the_time_stay_in_float32(tmp_path: Path) -> None:
    export(
        network(tmp_path), archgraph.to_torch(network(tmp_path)), tmp_path / "m.onnx", ExportOptions(dtype="float16")
    )
    types = initializers(tmp_path / "m.onnx")
    assert {types[name] for name in ("stem.weight", "final.weight", "mid.q.bias", "down.weight/folded")} == {HALF}
    assert {types["temb.weight"], types["temb.bias"]} == {FLOAT}
    assert {code for name, code in types.items() if name.startswith("norm.")} == {FLOAT}
    model = onnx.load(tmp_path / "m.onnx")
    assert {value.type.tensor_type.elem_type for value in model.graph.output} == {FLOAT}
    named = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    assert (named["stem"], named["act"], named["norm"], named["temb"]) == (HALF, HALF, FLOAT, FLOAT)


def test_no_value_is_cast_twice(tmp_path: Path) -> None:
    graph = archgraph.load(SPECS / "ddpm.yaml", **NARROW["ddpm"])
    export(graph, archgraph.to_torch(graph), tmp_path / "m.onnx", ExportOptions(dtype="float16"))
    casts = [node for node in onnx.load(tmp_path / "m.onnx").graph.node if node.op_type == "Cast"]
    assert not {node.input[0] for node in casts} & {node.output[0] for node in casts}
    each = Counter((node.input[0], node.attribute[0].i) for node in casts)
    assert max(each.values()) == 1


def test_kept_blocks_stay_in_float32(tmp_path: Path) -> None:
    graph, path = network(tmp_path), tmp_path / "m.onnx"
    export(graph, archgraph.to_torch(graph), path, ExportOptions(dtype="bfloat16", keep=("mid", "final")))
    types = initializers(path)
    assert {types["mid.q.bias"], types["mid.k.weight/transposed"], types["final.weight"]} == {FLOAT}
    assert types["stem.weight"] == BRAIN


def test_the_spec_names_what_stays_in_float32(tmp_path: Path) -> None:
    (tmp_path / "kept.yaml").write_text(SPEC + "meta: {export: {float32: [final]}}\n")
    graph, path = archgraph.load(tmp_path / "kept.yaml"), tmp_path / "m.onnx"
    export(graph, archgraph.to_torch(graph), path, ExportOptions(dtype="float16"))
    assert (initializers(path)["final.weight"], initializers(path)["stem.weight"]) == (FLOAT, HALF)


def test_weights_that_are_float16_already_are_copied(tmp_path: Path) -> None:
    graph = network(tmp_path)
    state = {
        key: tensor.half() if tensor.is_floating_point() else tensor
        for key, tensor in archgraph.to_torch(graph).state_dict().items()
    }
    save_file(state, tmp_path / "half.safetensors")
    export(graph, tmp_path / "half.safetensors", tmp_path / "m.onnx", ExportOptions(dtype="float16"))
    held = {tensor.name: tensor.raw_data for tensor in onnx.load(tmp_path / "m.onnx").graph.initializer}
    assert held["stem.weight"] == state["stem.weight"].numpy().tobytes()


def test_float32_is_rounded_to_the_nearest(tmp_path: Path) -> None:
    graph = network(tmp_path)
    module = archgraph.to_torch(graph, seed=5)
    for dtype, kind in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        export(graph, module, tmp_path / "m.onnx", ExportOptions(dtype=dtype))
        held = {tensor.name: tensor for tensor in onnx.load(tmp_path / "m.onnx").graph.initializer}
        found = onnx.numpy_helper.to_array(held["stem.weight"]).astype(np.float32)
        assert np.array_equal(found, module.stem.weight.detach().to(kind).float().numpy())


def test_the_proof_is_repeated_from_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    for dtype in ("float16", "bfloat16"):
        archgraph.to_onnx(network(tmp_path), path, dtype=dtype, keep=["mid.mix"])
        again = verify_again(path)
        assert again.equal
        assert certificate(path)["dtype"] == dtype


@cache
def exported(dtype: str) -> tuple[Module, bytes]:
    """A module and its file in a low type."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        module = archgraph.to_torch(network(path.parent), seed=3)
        export(network(path.parent), module, path, ExportOptions(dtype=dtype))
        return module, path.read_bytes()


FAULTS_IN_TURNS = [
    pytest.param(change, node, dtype, id=f"{change.__name__}-{dtype}", marks=[pytest.mark.slow] * (number != at % 2))
    for at, (change, node) in enumerate(FAULTS)
    for number, dtype in enumerate(("float16", "bfloat16"))
]
"""Each fault in one type and the other by turns; all of them in float32 are in test_verify_faults.py."""


@pytest.mark.parametrize(("change", "node", "dtype"), FAULTS_IN_TURNS)
def test_a_fault_is_found_at_its_node(change: Any, node: str, dtype: str, tmp_path: Path) -> None:
    """Also one that is smaller than what the type rounds away, as a wrong epsilon is."""
    (module, content), path = exported(dtype), tmp_path / "m.onnx"
    path.write_bytes(content)
    altered(path, change)
    with pytest.raises(VerificationError) as raised:
        verify(module, path)
    assert raised.value.problems[-1].path == node


def wrong_constant(graph: Any, nodes: dict[str, Any]) -> None:
    """The scale of attention, changed by one bit of float16."""
    (scaled,) = (node for node in graph.node if node.op_type == "Mul" and node.name.startswith("mid.mix"))
    (tensor,) = (tensor for tensor in graph.initializer if tensor.name == scaled.input[1])
    (bits,) = np.frombuffer(tensor.raw_data, np.uint16)
    tensor.raw_data = np.uint16(bits ^ 1).tobytes()


def test_a_constant_that_is_not_the_nearest_is_found(tmp_path: Path) -> None:
    (module, content), path = exported("float16"), tmp_path / "m.onnx"
    path.write_bytes(content)
    assert verify(module, path).equal
    altered(path, wrong_constant)
    with pytest.raises(VerificationError) as raised:
        verify(module, path)
    assert raised.value.problems[-1].path == "mid.mix"


def test_what_is_not_finite_in_float64_either_is_no_overflow(tmp_path: Path) -> None:
    """The roots of the noise that verification feeds are no numbers where it is negative; the others are compared."""
    text = LOUD.replace("{op: conv2d, out_channels: 8, kernel_size: 1}", "sqrt").replace("value: 600.0", "value: 2.0")
    text = text.replace("{op: conv2d, out_channels: 4, kernel_size: 1}", "identity")  # it would mix them
    for dtype in ("float16", "bfloat16"):
        found = archgraph.to_onnx(loud(tmp_path, text), tmp_path / "m.onnx", dtype=dtype)
        assert found.certificate is not None
        assert found.certificate.equal


def test_the_certificate_tells_what_was_run_without_rounding(tmp_path: Path) -> None:
    found = archgraph.to_onnx(network(tmp_path), tmp_path / "m.onnx", dtype="bfloat16").certificate
    assert found is not None
    unrounded = [item for item in found.measured if item.run.weights == "unrounded random"]
    rounded = [item for item in found.measured if item.run.weights == "random"]
    assert len(unrounded) == 2
    assert max(item.errors.mean_bound for item in unrounded) < min(item.errors.mean for item in rounded)


LOUD = """
archgraph: 1
name: loud
inputs: {image: [N, 4, H, W]}
nodes:
  stem:  {op: conv2d, out_channels: 8, kernel_size: 1}
  warm:  {op: mul, value: 600.0}
  loud:  {op: mul, value: 600.0}
  hush:  {op: mul, value: 1.0e-5}
  out:   {op: conv2d, out_channels: 4, kernel_size: 1}
outputs: {y: out}
"""


def loud(folder: Path, text: str = LOUD) -> Graph:
    (folder / "loud.yaml").write_text(text)
    return archgraph.load(folder / "loud.yaml")


def test_an_overflow_is_found_at_its_node(tmp_path: Path) -> None:
    with pytest.raises(VerificationError) as raised:
        archgraph.to_onnx(loud(tmp_path), tmp_path / "m.onnx", dtype="float16")
    cause = raised.value.problems[-1]
    assert cause.path == "loud"
    assert cause.where is not None
    assert cause.where.line == 1 + LOUD.splitlines().index("  loud:  {op: mul, value: 600.0}")
    assert "not finite" in cause.message
    assert not (tmp_path / "m.onnx").exists()


def test_a_number_that_does_not_fit_is_told(tmp_path: Path) -> None:
    huge = LOUD.replace("  loud:  {op: mul, value: 600.0}", "  loud:  {op: mul, value: 300000.0}")
    with pytest.raises(ExportError) as raised:
        archgraph.to_onnx(loud(tmp_path, huge), tmp_path / "m.onnx", dtype="float16")
    (problem,) = raised.value.problems
    assert (problem.message, problem.path) == ("the number 300000 does not fit into float16", "loud")


def test_an_overflow_that_is_hidden_is_found(tmp_path: Path) -> None:
    """sigmoid(-inf) is 0, so the output says nothing of it."""
    hiding = LOUD.replace("hush:  {op: mul, value: 1.0e-5}", "hush:  sigmoid")
    with pytest.raises(VerificationError) as raised:
        archgraph.to_onnx(loud(tmp_path, hiding), tmp_path / "m.onnx", dtype="float16")
    assert [problem.path for problem in raised.value.problems][-1] == "loud"


def test_what_overflows_passes_where_it_is_kept_or_in_bfloat16(tmp_path: Path) -> None:
    for how in ({"dtype": "float16", "keep": ["loud", "hush"]}, {"dtype": "bfloat16"}):
        found = archgraph.to_onnx(loud(tmp_path), tmp_path / "m.onnx", **how)  # type: ignore[arg-type]
        assert found.certificate is not None
        assert found.certificate.equal


def test_a_weight_that_does_not_fit_is_named_with_its_line(tmp_path: Path) -> None:
    graph = network(tmp_path)
    module = archgraph.to_torch(graph)
    with torch.no_grad():
        module.final.weight[0, 0] = 7e4
    with pytest.raises(ExportError) as raised:
        export(graph, module, tmp_path / "m.onnx", ExportOptions(dtype="float16"))
    (problem,) = raised.value.problems
    assert problem.message == "the weight final.weight does not fit into float16"
    assert problem.received == "70000"
    assert problem.where is not None
    assert "final:" in SPEC.splitlines()[problem.where.line - 1]
    assert not list(tmp_path.glob("*.onnx"))
    report = export(graph, module, tmp_path / "m.onnx", ExportOptions(dtype="float16", keep=("final",)))
    assert report.dtype == "float16"


@pytest.mark.parametrize(
    ("how", "message", "hint"),
    [
        ({"dtype": "floatt16"}, "there is no element type 'floatt16'", "did you mean 'float16'?"),
        (
            {"dtype": "float16", "keep": ["mid.mixx"]},
            "nothing in the network is called 'mid.mixx', so it cannot stay in float32",
            "did you mean 'mid.mix'?",
        ),
    ],
)
def test_what_does_not_exist_is_told(how: dict[str, Any], message: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as raised:
        archgraph.to_onnx(network(tmp_path), tmp_path / "m.onnx", **how)
    assert (raised.value.problems[0].message, raised.value.problems[0].hint) == (message, hint)


def test_the_error_that_is_told_is_that_of_the_rounded_file(tmp_path: Path) -> None:
    found = archgraph.to_onnx(network(tmp_path), tmp_path / "m.onnx", dtype="bfloat16")
    assert found.certificate is not None
    told = found.certificate.text().partition("(error ")[2].partition(",")[0]
    assert float(told) > 2.0**-16  # float32 errs by less, and bfloat16 rounds at 2**-8
