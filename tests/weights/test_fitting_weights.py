"""Weights made to fit a network: what is asked for and what is recognised is done and told; all else is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import archgraph as ag
from archgraph.codegen import to_torch
from archgraph.errors import WeightsError
from archgraph.graph.types import Graph
from archgraph.weights.fitting import FittedWeights, fitted
from archgraph.weights.fresh_hints import fresh_hint
from archgraph.weights.requests import WeightsRequest
from archgraph.weights.targets import network_of
from archgraph.weights.wanted import WantedWeight

Arrays = dict[str, np.ndarray[Any, Any]]


def network(classes: int = 3) -> Graph:
    """A body with a norm, and a head."""
    body = {"conv": {"op": "conv2d", "out_channels": 4, "kernel_size": 1}, "bn": "batch_norm2d", "act": "relu"}
    pool = {"op": "adaptive_avg_pool2d", "output_size": 1}
    head = {"op": "linear", "out_features": classes}
    nodes = {"backbone": {"nodes": body}, "pool": pool, "flat": "flatten", "fc": head}
    return ag.load({"archgraph": 1, "name": "net", "inputs": {"x": ["N", 3, "H", "W"]}, "nodes": nodes})


def arrays(classes: int = 3) -> Arrays:
    """Numbers for it, each another."""
    rng = np.random.default_rng(0)
    shapes = {key: tensor.shape for key, tensor in to_torch(network(classes), device="meta").state_dict().items()}
    made: Arrays = {key: rng.uniform(0.5, 1.5, shape).astype(np.float32) for key, shape in shapes.items()}
    return made | {"backbone.bn.num_batches_tracked": np.array(7, np.int64)}


def saved(path: Path, tensors: Mapping[str, Any]) -> Path:
    save_file({key: np.array(value, order="C") for key, value in tensors.items()}, path)
    return path


def fit(source: Any, graph: Graph | None = None, **options: Any) -> FittedWeights:
    request = WeightsRequest(source, **options) if not isinstance(source, WeightsRequest) else source
    return fitted(network_of(graph or network()), request)


def require_equal(found: FittedWeights, wanted: Mapping[str, Any]) -> None:
    assert set(found.tensors) == set(wanted)
    for key, value in wanted.items():
        np.testing.assert_array_equal(found.tensors[key].read(), value)


@pytest.mark.parametrize(
    ("prefix", "more"),
    [
        ("module", {}),
        ("_orig_mod", {}),
        ("model", {}),
        ("module._orig_mod", {}),
        ("module", {"n_averaged": np.array(3)}),
        ("ema_model", {"initted": np.array(1), "step": np.array(5)}),
    ],
)
def test_prefixes_of_wrappers_are_taken_off_and_told(prefix: str, more: Arrays, tmp_path: Path) -> None:
    wanted = arrays()
    found = fit(saved(tmp_path / "w.safetensors", {f"{prefix}.{key}": value for key, value in wanted.items()} | more))
    require_equal(found, wanted)
    assert [".".join(names) for names in found.report.prefixes.values()] == [prefix]
    assert found.report.left_out == tuple(more)
    assert f"prefix    '{prefix}.' taken off" in found.report.text()


def test_a_prefix_that_only_some_keys_have_is_no_wrapper(tmp_path: Path) -> None:
    keys = {key if key.startswith("fc") else f"module.{key}": value for key, value in arrays().items()}
    with pytest.raises(WeightsError, match=r"'module\.' \(DataParallel.*\) stands before 7 of 9 keys.*--part module"):
        fit(saved(tmp_path / "w.safetensors", keys))


def test_a_prefix_that_the_network_has_itself_stays(tmp_path: Path) -> None:
    nodes = {"model": {"nodes": {"fc": {"op": "linear", "out_features": 2}}}}
    graph = ag.load({"archgraph": 1, "name": "net", "inputs": {"x": ["N", 4]}, "nodes": nodes})
    wanted = {"model.fc.weight": np.ones((2, 4), np.float32), "model.fc.bias": np.ones(2, np.float32)}
    found = fit(saved(tmp_path / "w.safetensors", wanted), graph)
    assert not found.report.prefixes
    assert found.report.plain


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("BF16", ml_dtypes.bfloat16),
        ("F16", np.float16),
        ("F8_E4M3", ml_dtypes.float8_e4m3fn),
        ("F8_E5M2", ml_dtypes.float8_e5m2),
    ],
)
def test_low_types_are_widened_exactly_and_told(dtype: str, kind: Any, tmp_path: Path) -> None:
    low = {key: value.astype(kind) if value.dtype.kind == "f" else value for key, value in arrays().items()}
    path = tmp_path / "w.safetensors"
    path.write_bytes(packed(low, dtype))
    module = to_torch(network(), weights=path)
    for key, tensor in module.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), low[key].astype(np.float32 if "num_b" not in key else np.int64))
    name = str(np.dtype(kind))
    assert fit(path).report.types == {f"{name} to float32": 8}


def packed(tensors: Arrays, fraction: str) -> bytes:
    """A safetensors file, written by its format: a header with its length, and the bytes."""
    header, data = {}, b""
    for key, value in tensors.items():
        kind = "I64" if value.dtype == np.int64 else fraction
        header[key] = {"dtype": kind, "shape": value.shape, "data_offsets": [len(data), len(data) + value.nbytes]}
        data += value.tobytes()
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_parts_of_a_network_come_from_files_of_their_own(tmp_path: Path) -> None:
    wanted = arrays()
    body = {key.removeprefix("backbone."): value for key, value in wanted.items() if key.startswith("backbone")}
    head = {key.removeprefix("fc."): value for key, value in wanted.items() if key.startswith("fc")}
    first = saved(tmp_path / "body.safetensors", {f"module.{key}": value for key, value in body.items()})
    second = saved(tmp_path / "head.safetensors", head)
    found = fit([f"backbone={first}", f"fc={second}"])
    require_equal(found, wanted)
    assert found.report.prefixes == {f"backbone={first}": ("module",)}
    require_equal(fit({"backbone": first, "fc": second}), wanted)
    only = fit({"backbone": first}, fresh="fc")
    assert only.fresh == ("fc.weight", "fc.bias")
    with pytest.raises(
        WeightsError, match=r"2 weights are missing: fc\.\{weight, bias\}[\s\S]*--fresh fc lets it start anew"
    ):
        fit({"backbone": first})
    with pytest.raises(WeightsError, match=r"no weights under 'backbon'[\s\S]*did you mean 'backbone'"):
        fit({"backbon": first})
    with pytest.raises(WeightsError, match="would both fill the whole network"):
        fit([str(first), f"fc={second}"])
    with pytest.raises(WeightsError, match="two files of weights are for one path"):
        fit([f"fc={first}", f"fc={second}"])


def test_a_part_of_a_file_is_taken_by_its_prefix(tmp_path: Path) -> None:
    wanted = arrays()
    other = {"encoder.w": np.ones(2, np.float32)}
    path = saved(tmp_path / "w.safetensors", {f"nets.decoder.{key}": value for key, value in wanted.items()} | other)
    found = fit(path, part="nets.decoder")
    require_equal(found, wanted)
    assert found.report.left_out == ("encoder.w",)
    with pytest.raises(
        WeightsError, match=r"the network's keys lie under 'nets\.decoder' in the file: --part nets\.deco"
    ):
        fit(path)
    with pytest.raises(WeightsError, match=r"has no part 'nets.decoderr'[\s\S]*did you mean 'nets.decoder'"):
        fit(path, part="nets.decoderr")


def test_a_file_of_a_subtree_says_where_it_belongs(tmp_path: Path) -> None:
    body = {key.removeprefix("backbone."): value for key, value in arrays().items() if key.startswith("backbone")}
    path = saved(tmp_path / "w.safetensors", body)
    with pytest.raises(WeightsError, match="are those of 'backbone' in the network: --weights backbone=FILE"):
        fit(path)


def test_what_starts_anew_is_drawn_and_all_else_is_strict(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.safetensors", arrays(classes=10))
    found = fit(path, fresh="fc")
    assert found.fresh == ("fc.weight", "fc.bias")
    assert found.report.left_out == ("fc.bias", "fc.weight")
    module = to_torch(network(), WeightsRequest(path, fresh="fc"), seed=4)
    drawn = to_torch(network(), seed=4).state_dict()
    for key, tensor in module.state_dict().items():
        wanted = drawn[key].numpy() if key.startswith("fc") else arrays()[key]
        np.testing.assert_array_equal(tensor.numpy(), wanted)
    with pytest.raises(
        WeightsError, match=r"2 weights are misshapen: fc\.\{weight, bias\}[\s\S]*--fresh fc lets it start anew"
    ):
        fit(path)
    with pytest.raises(WeightsError, match=r"--fresh fcc: .* has no weights there[\s\S]*did you mean 'fc'"):
        fit(path, fresh="fcc")


def test_rules_rename_and_one_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    wanted = arrays()
    path = saved(tmp_path / "w.safetensors", {key.replace("backbone", "body"): value for key, value in wanted.items()})
    rules = tmp_path / "rules.yaml"
    rules.write_text("- {rename: 'body.*', to: 'backbone.*'}\n", encoding="utf-8")
    found = fit(path, rename=rules)
    require_equal(found, wanted)
    assert found.report.renamed["body.conv.weight"] == "backbone.conv.weight"
    assert found.report.matched == ("fc.weight", "fc.bias")
    rules.write_text("- {rename: 'body.*', to: 'backbone.*'}\n- {drop: 'mask.*'}\n", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"the rule \{drop: mask\.\*\} matches no key"):
        fit(path, rename=rules)
    rules.write_text("- {transpose: fc.weight, axes: [1, 0]}\n- {rename: 'body.*', to: 'backbone.*'}\n")
    with pytest.raises(
        WeightsError, match=r"misshapen: fc\.weight[\s\S]*fc\.weight \(3, 4\)[\s\S]*fc\.weight \(4, 3\)"
    ):
        fit(path, rename=rules)


def test_rules_may_name_a_prefix_that_would_be_taken_off(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.safetensors", {f"module.{key}": value for key, value in arrays().items()})
    rules = tmp_path / "rules.yaml"
    rules.write_text("- {rename: 'module.*', to: '*'}\n", encoding="utf-8")
    require_equal(fit(path, rename=rules), arrays())


def test_namings_of_a_spec_are_found_next_to_it_and_used_where_all_fits(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(json.dumps(dict(network().info.spec)), encoding="utf-8")
    folder = tmp_path / "namings" / "net"
    folder.mkdir(parents=True)
    text = (
        "part: nets.one\nrules:\n- {rename: 'stem.*', to: 'backbone.conv.*'}\n- {transpose: fc.weight, axes: [1, 0]}\n"
    )
    (folder / "older.yaml").write_text(text, encoding="utf-8")
    graph, wanted = ag.load(spec), arrays()
    old = {f"nets.one.{key.replace('backbone.conv', 'stem')}": value for key, value in wanted.items()}
    old["nets.one.fc.weight"] = wanted["fc.weight"].T
    path = saved(tmp_path / "w.safetensors", old | {"nets.two.w": np.ones(1, np.float32)})
    found = fit(path, graph)
    require_equal(found, wanted)
    assert found.report.naming == "older"
    assert found.report.left_out == ("nets.two.w",)
    (folder / "again.yaml").write_text(text.replace("fc.weight, axes: [1, 0]", "fc.weight, axes: [1, 0]"))
    assert fit(path, graph).report.naming == "again"  # both say the same
    (folder / "again.yaml").write_text(text.replace("[1, 0]", "[0, 1]"), encoding="utf-8")
    assert fit(path, graph).report.naming == "older"
    old["nets.one.fc.extra"] = np.ones(1, np.float32)
    with pytest.raises(WeightsError, match=r"1 weight is unexpected: fc\.extra"):
        fit(saved(tmp_path / "w.safetensors", old), graph)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.safetensors", arrays())
    found = fit(path)
    os.utime(path, (1, 1))
    with pytest.raises(WeightsError, match="has changed while it was read"):
        to_torch(network(), weights=found)
    found = fit(path)
    os.truncate(path, 200)
    with pytest.raises(WeightsError, match="has changed while it was read"):
        found.tensors["fc.weight"].read()
    with pytest.raises(WeightsError, match="is not a whole safetensors file"):
        fit(path)


@pytest.mark.parametrize("text", ["hello these are\nwords of text\n", "short", "größer\n" * 60])
def test_a_text_is_told_from_a_damaged_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "words.safetensors").write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match="holds text and no tensors"):
        fit(tmp_path / "words.safetensors")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["fc.weight.quant_state.bitsandbytes__nf4", "fc.weight.absmax"], "bitsandbytes, 4 bits"),
        (["fc.SCB"], "bitsandbytes, 8 bits"),
        (["fc.qweight", "fc.qzeros", "fc.g_idx"], "GPTQ"),
        (["fc.qweight", "fc.qzeros", "fc.scales"], "AWQ or GPTQ"),
        (["fc.weight_packed"], "compressed-tensors"),
    ],
)
def test_quantised_weights_are_refused_by_name(keys: list[str], said: str, tmp_path: Path) -> None:
    codes = dict.fromkeys(keys, np.zeros(2, np.uint8))
    path = saved(tmp_path / "w.safetensors", arrays() | codes)
    with pytest.raises(WeightsError, match=rf"the weights are quantised \({said}\)"):
        fit(path)


def float8_with_scales(path: Path) -> None:
    plain = packed({"fc.weight": np.zeros((3, 4), ml_dtypes.float8_e4m3fn), "fc.weight_scale": np.ones(1)}, "F8_E4M3")
    length = int.from_bytes(plain[:8], "little")
    header = json.loads(plain[8 : 8 + length])
    header["fc.weight_scale"]["dtype"] = "F64"
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + plain[8 + length :])


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (
            lambda path: path.write_bytes(b"GGUF" + bytes(40)),
            r"is a file of quantised weights \(GGUF\), and no weights",
        ),
        (lambda path: path.write_bytes(b"lmgg" + bytes(40)), r"quantised weights \(GGML\)"),
        (lambda path: path.write_bytes(b"\x89HDF\r\n" + bytes(40)), "is an HDF5 file, and no weights"),
        (lambda path: path.write_bytes(packed({"a": np.zeros(2, np.int64)}, "").replace(b"I64", b"F4 ")), "not known"),
        (float8_with_scales, r"the weights are quantised \(float8 with scales\)"),
    ],
)
def test_other_formats_are_refused_by_name(write: Callable[[Path], Any], said: str, tmp_path: Path) -> None:
    write(tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=said):
        fit(tmp_path / "w.safetensors")


def test_any_module_of_torch_takes_weights_in_place(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    module.add_module("tied", module[0])
    wanted = {"0.weight": np.ones((2, 3), np.float16), "0.bias": np.zeros(2, np.float16)}
    norm = {f"1.{name}": np.full(2, 3, np.float16) for name in ("weight", "bias", "running_mean", "running_var")}
    path = saved(tmp_path / "w.safetensors", {f"module.{key}": value for key, value in (wanted | norm).items()})
    memory = module[0].weight.data_ptr()
    report = ag.load_weights(module, path)
    assert report.types == {"float16 to float32": 8}
    assert module[0].weight.data_ptr() == memory == module.tied.weight.data_ptr()
    assert module[0].weight.eq(1).all()
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    with pytest.raises(WeightsError, match=r"missing: 1\."):
        ag.load_weights(module, saved(tmp_path / "v.safetensors", {key: value + 1 for key, value in wanted.items()}))
    assert all(before[key].equal(tensor) for key, tensor in module.state_dict().items())


def test_a_graph_is_told_how_weights_would_fit(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.safetensors", arrays(10))
    report = ag.load_weights(network(), path, fresh=["fc"])
    assert (len(report.matched), report.fresh) == (7, ("fc.weight", "fc.bias"))
    assert json.loads(json.dumps(report.to_json()))["fresh"] == ["fc.weight", "fc.bias"]


def test_an_exported_file_says_which_files_its_weights_come_from(tmp_path: Path) -> None:
    from hashlib import sha256

    from archgraph.artifact.metadata_keys import WEIGHTS

    wanted = arrays()
    body = saved(tmp_path / "b.safetensors", {k[9:]: v for k, v in wanted.items() if k.startswith("backbone")})
    request = WeightsRequest({"backbone": body}, fresh="fc")
    ag.to_onnx(network(), tmp_path / "m.onnx", request, verify=False)
    import onnx

    found = {entry.key: entry.value for entry in onnx.load(tmp_path / "m.onnx").metadata_props}
    digest = sha256(body.read_bytes()).hexdigest()
    assert WEIGHTS.of(found) == [{"file": "b.safetensors", "bytes": body.stat().st_size, "sha256": digest}]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["head.0.weight", "head.1.weight", "head.2.weight", "head.2.bias"], "--fresh head lets it start anew"),
        (["cls"], "--fresh cls lets it start anew"),
        ([f"layers.{i}.lora.weight" for i in range(9)], "--fresh 'layers.#.lora' lets it start anew"),
        (["layers.3.norm.weight", "head.0.weight"], "--fresh layers.3.norm,head.0 lets them start anew"),
        ([f"layers.{i}.norm.weight" for i in range(4)], ""),
        ([f"layers.{i}.{name}.weight" for i in range(9) for name in ("lora", "norm")], ""),
    ],
)
def test_the_hint_for_what_is_to_start_anew(keys: list[str], said: str) -> None:
    """It covers all that does not fit, nothing else, and not most of the network."""
    names = ["cls", *(f"layers.{i}.{name}.weight" for i in range(9) for name in ("lora", "norm"))]
    names += [f"head.{i}.weight" for i in range(3)] + ["head.2.bias"]
    assert fresh_hint(keys, {name: WantedWeight((1,), "float32") for name in names}) == said


def test_the_indices_of_all_windows_are_one_pattern() -> None:
    names = [
        f"{stage}.{i}.attn.{name}" for stage in "abcd" for i in range(2) for name in ("index", "table", "qkv.weight")
    ]
    keys = [name for name in names if name.endswith("index")]
    wanted = {name: WantedWeight((1,), "float32") for name in names}
    assert fresh_hint(keys, wanted) == "--fresh '*.index' lets it start anew"
