"""The verbs take a graph, or anything that `load` makes one of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

import archgraph as ag
from archgraph.errors import ArchgraphError, ModelFileError, ProviderError, ShapeError, SpecError, VerificationError

NET = "archgraph: 1\nname: net\ninputs: {x: [N, 3]}\nnodes: {fc: {op: linear, out_features: 2}}\n"


def test_verbs_take_a_path(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(NET)
    assert "parameters   8" in ag.summarize(path).text()
    assert list(ag.to_torch(path).state_dict()) == ["fc.weight", "fc.bias"]
    assert "nn.Linear(3, 2)" in ag.code(str(path))
    assert ag.render(path, tmp_path / "net.dot").read_text().startswith("digraph")
    ag.to_onnx(path, tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").is_file()
    assert not ag.diff(path, ag.load(path))


def test_what_is_no_spec_is_refused_in_words() -> None:
    with pytest.raises(SpecError, match=r"this is no spec(.|\n)*received: int"):
        ag.load(3)  # type: ignore[arg-type]


# -- what a person who knows torch tries -------------------------------------------------------------------------------


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.yaml"
    path.write_text(NET)
    return path


def test_dir_lists_what_is_documented() -> None:
    page = (Path(__file__).parent.parent / "docs" / "python.md").read_text(encoding="utf-8")
    assert dir(ag) == sorted(ag.__all__)
    assert all(f"`{name}" in page or f"`{name}`" in page or f"ag.{name}" in page for name in dir(ag) if name != "Graph")
    assert all(getattr(ag, name) for name in dir(ag))


def test_shapes_say_sizes(net: Path) -> None:
    want = ag.summarize(net, {"N": 5})
    assert ag.summarize(net, (5, 3)) == ag.summarize(net, [5, 3]) == ag.summarize(net, torch.zeros(5, 3).shape) == want
    for wrong in ((5, 4), (5,), ((5, 3), (5, 3)), 5, "5", {"N": 5.0}):
        with pytest.raises(ShapeError):
            ag.summarize(net, wrong)  # type: ignore[arg-type]


def test_modules_stand_for_their_graphs(net: Path) -> None:
    module = ag.to_torch(net)
    assert ag.summarize(module).cost.parameters == 8
    assert ag.code(module) == ag.code(net)
    assert not ag.diff(module, net)
    with pytest.raises(SpecError, match="this is a module already"):
        ag.to_torch(module)  # type: ignore[arg-type]


def test_devices_and_types(net: Path) -> None:
    assert next(ag.to_torch(net, device="meta").parameters()).is_meta
    module = ag.to_torch(net, dtype="float64")
    assert module(torch.zeros(1, 3, dtype=torch.float64)).dtype == torch.float64
    assert next(ag.to_torch(net, dtype=torch.bfloat16, device="cpu").parameters()).dtype == torch.bfloat16
    for name, tensor in ag.to_torch(net).state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], tensor.double())  # the same numbers
    with pytest.raises(ProviderError, match="torch has no device 'gpu' here\n  expected: cpu"):
        ag.to_torch(net, device="gpu")
    with pytest.raises(SpecError, match="expected: float32, float64, float16, bfloat16\n  received: int8"):
        ag.to_torch(net, dtype=torch.int8)


def test_weights_of_another_module(net: Path) -> None:
    first = ag.to_torch(net, seed=1)
    for given in (first, first.state_dict()):
        torch.testing.assert_close(ag.to_torch(net, weights=given).fc.weight, first.fc.weight)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, while it imports its compiler
@pytest.mark.parametrize("wrap", [torch.nn.DataParallel, AveragedModel, torch.compile])
def test_wrapped_modules_are_exported(net: Path, wrap: Callable[..., Any]) -> None:
    module = ag.to_torch(net, seed=3)
    ag.to_onnx(wrap(module), "wrapped.onnx", verify=False)
    ag.to_onnx(module, "plain.onnx", verify=False)
    assert Path("wrapped.onnx").read_bytes() == Path("plain.onnx").read_bytes()


def test_modules_that_cannot_be_exported_say_how(net: Path) -> None:
    module = ag.to_torch(net)
    for given, said in (
        (torch.nn.Sequential(module), "give model.get_submodule('0')"),
        (torch.nn.Linear(2, 2), "torch.onnx.export writes modules that others made"),
        (ag.to_torch(net, device="meta"), "load weights first"),
    ):
        with pytest.raises(ArchgraphError) as caught:
            ag.to_onnx(given, "x.onnx", verify=False)
        assert said in str(caught.value)
    module.fc.register_forward_hook(lambda module, inputs, output: output * 2)
    with pytest.raises(VerificationError, match="hooks, which no file can have: fc\n  hint: remove the hooks"):
        ag.to_onnx(module, "x.onnx")
    assert not Path("x.onnx").exists()


def test_arguments_in_the_wrong_place(net: Path) -> None:
    module = ag.to_torch(net)
    for call, said in (
        (lambda: ag.to_onnx(module, torch.zeros(1, 3)), "the second argument is the file to write"),
        (lambda: ag.load(NET), "this is the text of a spec, and no path"),
        (lambda: ag.to_onnx(module.state_dict(), "x.onnx"), "this is a state dict, and no spec"),
        (lambda: ag.to_torch(net, weights=net), "is a spec, and no weights"),
        (lambda: ag.runtime.Session(net), "is a spec, and no ONNX file"),
        (lambda: ag.runtime.Session(ag.load(net)), "a session opens a file"),
        (lambda: ag.profile(net), "is a spec, and no ONNX file"),
        (lambda: ag.to_torch(net, seed="1"), "`seed` must be a whole number"),
        (lambda: ag.summarize(net, depth="1"), "`depth` must be a whole number"),
        (lambda: ag.runtime.preprocess("x.png"), "this is no picture"),
        (lambda: ag.runtime.load_image(3), "a picture is read from a file"),
    ):
        with pytest.raises(ArchgraphError) as caught:
            call()  # type: ignore[no-untyped-call]
        assert said in str(caught.value)


def test_a_type_may_be_torchs_own_and_one_path_alone_is_one(net: Path, tmp_path: Path) -> None:
    ag.to_onnx(net, tmp_path / "a.onnx", dtype=torch.float16, keep="fc", verify=False)
    ag.to_onnx(net, tmp_path / "b.onnx", dtype="float16", keep=["fc"], verify=False)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_names_that_no_file_can_have(net: Path, name: str) -> None:
    for call in (
        lambda: ag.load(f"{name}.onnx"),
        lambda: ag.load(f"{name}.yaml"),
        lambda: ag.runtime.Session(f"{name}.onnx"),
        lambda: ag.to_torch(net, weights=name),
        lambda: ag.to_onnx(net, f"{name}.onnx"),
        lambda: ag.to_onnx(net, "net.onnx", weights=name),
        lambda: ag.to_int8(f"{name}.onnx", "int8.onnx"),
    ):
        with pytest.raises(ArchgraphError):
            call()


def test_exported_files_carry_their_spec(net: Path) -> None:
    ag.to_onnx(net, "net.onnx", verify=False, sizes={"N": 4})
    ag.to_onnx(net, "free.onnx", verify=False)
    assert not ag.diff("free.onnx", net)
    assert str(ag.load("net.onnx").inputs["x"].type) == "[4, 3]"
    assert ag.check("free.onnx")[0].name == "net"
    assert ag.code("free.onnx") == ag.code(net)
    with pytest.raises(SpecError, match="its parameters are settled"):
        ag.load("free.onnx", width=3)
    Path("cut.onnx").write_bytes(Path("free.onnx").read_bytes()[:-40])
    with pytest.raises(ModelFileError, match=r"is damaged, or not an ONNX file|was not written by archgraph"):
        ag.load("cut.onnx")


def test_onnx_files_of_others_say_whose_they_are(net: Path) -> None:
    import onnx
    from onnx import helper

    node = helper.make_node("Relu", ["x"], ["y"])
    values = [helper.make_tensor_value_info(name, 1, [1]) for name in "xy"]
    graph = helper.make_graph([node], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph, producer_name="others"), "o.onnx")
    with pytest.raises(ModelFileError, match=r"o.onnx was not written by archgraph(.|\n)*an ONNX file by others"):
        ag.summarize("o.onnx")


def test_weights_of_an_exported_file_are_not_taken_which_is_a_warning(net: Path) -> None:
    ag.to_onnx(net, "net.onnx", verify=False)
    with pytest.warns(UserWarning, match="only the spec is read from net.onnx, so the weights are random"):
        module = ag.to_torch("net.onnx")
    assert torch.equal(ag.to_torch("net.onnx", weights=module.state_dict()).state_dict()["fc.bias"], module.fc.bias)
    loaded = ag.load("net.onnx")
    with pytest.warns(UserWarning, match="only the spec is read from net.onnx, so the weights are random"):
        ag.to_torch(loaded)
    with pytest.warns(UserWarning, match="only the spec is read from net.onnx, so the weights are random"):
        ag.to_onnx(loaded, "copy.onnx", verify=False)
    assert torch.equal(ag.to_torch(loaded, weights=module).state_dict()["fc.bias"], module.fc.bias)


def test_a_picture_is_no_spec(net: Path) -> None:
    Path("net.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    with pytest.raises(SpecError, match=r"net.svg is a picture \(SVG\), and no spec"):
        ag.load("net.svg")
