"""One plugin through the verbs: its operations and blocks are in every target what ours are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from plugin_packages import NET, install_gates, on_path
from torch import Tensor, nn

import archgraph as ag
from archgraph.artifact.metadata_keys import PLUGINS
from archgraph.artifact.onnx_metadata import metadata_entries
from archgraph.codegen.load import load_source
from archgraph.dims import Facts
from archgraph.errors import ImportingError, ModelFileError, TrainingError, UnknownNameError
from archgraph.graph import walk
from archgraph.graph.index_rules import RULES, RangeSite
from archgraph.graph.intervals import BoundOrder
from archgraph.graph.types import Graph
from archgraph.language.editor import arguments
from archgraph.language.editor.spec_schema import _schema
from archgraph.ops import REGISTRY
from archgraph.plugins.plugin import ENABLED
from archgraph.training.caller_loss import CallerLoss
from archgraph.verify import verify_again


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A network of the plugin's operations and of its block; the plugin is enabled."""
    folder = tmp_path_factory.mktemp("plugin")
    install_gates(folder / "site")
    (folder / "net.yaml").write_text(NET)
    with on_path(folder / "site"):
        assert str(ag.use_plugin("gates")) == "gates (archgraph-gates 1.2.0)"
        yield folder / "net.yaml"


@pytest.fixture(scope="module")
def exported(net: Path) -> Path:
    ag.to_onnx(net, net.with_suffix(".onnx"))
    return net.with_suffix(".onnx")


def test_a_graph_has_its_operations_and_blocks(net: Path) -> None:
    graph = ag.load(net)
    assert {placed.path: placed.node.op.name for placed in walk(graph)} == {
        "gate": "gates.gated_linear",
        "act": "gates.quick_gelu",
        "mlp.up": "gates.gated_linear",
        "mlp.act": "gates.quick_gelu",
        "mlp.down": "linear",
        "fc": "linear",
    }
    assert "gates.gated_linear  [N, 16]" in ag.summarize(graph).text()
    assert set(graph.info.spec["blocks"]) == {"gates.gated_mlp"}, "a spec that is handed on holds the blocks"
    assert ">up, act<" in ag.render(graph, net.with_suffix(".dot")).read_text(), "a layer and its activation are a box"
    assert not ag.diff(graph, net)


def test_code_imports_a_module_of_the_package_and_defines_what_has_none(net: Path) -> None:
    text = ag.code(net)
    assert "from archgraph_gates.modules import GatedLinear\nfrom torch import Tensor, nn\n" in text
    assert "def quick_gelu(x: Tensor, alpha: float = 1.702) -> Tensor:" in text
    assert "With operations of archgraph-gates 1.2.0: gates.gated_linear," in text
    assert "self.up = GatedLinear(16, 32)" in text
    assert "archgraph." not in text.replace("archgraph_gates.", ""), "it needs the package, and no archgraph"
    for linter in (["check"], ["format", "--check", "--line-length", "100"]):
        command = [sys.executable, "-m", "ruff", *linter, "-"]
        ran = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_code_computes_what_its_layers_compute(net: Path) -> None:
    """The reference is a module that a person writes with the package's own layer."""
    from archgraph_gates.modules import GatedLinear  # type: ignore[import-not-found]

    class Reference(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate, self.mlp, self.fc = GatedLinear(8, 16), nn.Module(), nn.Linear(16, 10)
            self.mlp.up, self.mlp.down = GatedLinear(16, 32), nn.Linear(32, 16)

        def forward(self, x: Tensor) -> Tensor:
            x = self.gate(x)
            x = self.mlp.up(x * torch.sigmoid(1.702 * x))
            x = self.mlp.down(x * torch.sigmoid(1.702 * x))
            return self.fc(x)  # type: ignore[no-any-return]

    made = load_source("gated", ag.code(net)).Gated()
    reference = Reference()
    reference.load_state_dict(made.state_dict())
    x = torch.randn(3, 8)
    torch.testing.assert_close(made(x), reference(x))


@pytest.mark.parametrize(("profile", "operator"), [("portable", "Sigmoid"), ("cpu", "QuickGelu")])
def test_a_file_holds_operators_that_runtimes_have(net: Path, profile: str, operator: str) -> None:
    """The proof runs it in ONNX Runtime, which knows no plugin."""
    import onnx

    path = net.with_suffix(f".{profile}.onnx")
    report = ag.to_onnx(net, path, profile=profile)
    assert report.certificate is not None
    assert report.certificate.equal
    nodes = onnx.load(path).graph.node
    assert operator in {node.op_type for node in nodes}
    assert {node.domain for node in nodes} <= {"", "com.microsoft"}


def test_a_file_says_which_plugin_it_was_exported_with(exported: Path) -> None:
    assert PLUGINS.of(metadata_entries(exported)) == [
        {
            "name": "gates",
            "package": "archgraph-gates",
            "version": "1.2.0",
            "operations": ["gates.gated_linear", "gates.quick_gelu"],
            "blocks": ["gates.gated_mlp"],
        }
    ]
    certificate = json.loads(exported.with_name("net.onnx.certificate.json").read_text())
    assert certificate["versions"]["archgraph-gates"] == "1.2.0"
    assert verify_again(exported).equal


def test_a_file_runs_without_the_plugin_and_is_verified_with_it_alone(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates = ENABLED["gates"]
    monkeypatch.delitem(ENABLED, "gates")
    with ag.runtime.Session(exported, device="cpu") as session:
        assert session.run({"x": torch.zeros(2, 8).numpy()})["output"].shape == (2, 10)
    with pytest.raises(ModelFileError) as installed:
        verify_again(exported)
    assert str(installed.value) == (
        f"error: {exported} was exported with the plugin gates, which is needed to build its network again\n"
        "  expected: archgraph-gates 1.2.0, for gates.gated_linear, gates.quick_gelu\n"
        "  received: it is installed, and not enabled\n"
        "  hint: --plugin gates enables it, or ag.use_plugin('gates')"
    )
    monkeypatch.setattr("archgraph.plugins.installed.entry_points", lambda group: ())
    with pytest.raises(
        ModelFileError, match=r"it is not installed\n  hint: pip install archgraph-gates==1\.2\.0, then"
    ):
        ag.load(exported)
    monkeypatch.setitem(ENABLED, "gates", gates)
    assert verify_again(exported).equal


def test_the_schema_has_the_operations_of_a_plugin(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made of these alone, since that of all takes seconds: it is a part of every verb, in a fresh environment."""
    own = {name: kind for name, kind in REGISTRY.items() if kind.plugin}
    monkeypatch.setattr(arguments, "REGISTRY", own)
    monkeypatch.setattr(arguments, "known_blocks", lambda: ["gates.gated_mlp"])
    found = _schema(None)["$defs"]
    assert {*own, "gates.gated_mlp"} <= found.keys()
    pattern = found["Names"]["pattern"]
    assert re.match(pattern, "gates.quick_gelu")
    assert not re.match(pattern, "gates_quick_gelu")


def test_what_somebody_calls_by_its_last_name_is_told(net: Path) -> None:
    for name, meant in (("quick_gelu", "gates.quick_gelu"), ("gates.quick_gellu", "gates.quick_gelu")):
        spec = {"archgraph": 1, "name": "n", "inputs": {"x": ["N", 3]}, "nodes": {"act": {"op": name}}}
        with pytest.raises(UnknownNameError, match=f"did you mean '{meant}'"):
            ag.load(spec)


def test_whole_numbers_keep_their_range_behind_an_index_rule(net: Path) -> None:
    """Whatever the input, a remainder of 5 is 0 to 4."""
    nodes = {"place": {"op": "gates.hashed", "buckets": 5}, "rows": {"op": "one_hot", "num_classes": 5}}
    spec = {"archgraph": 1, "name": "ids", "inputs": {"x": {"shape": ["N"], "dtype": "int64"}}, "nodes": nodes}
    graph = ag.load(spec)
    site = RangeSite(graph.nodes["place"], {"input": (3,)}, ((3,),), BoundOrder(Facts()), "sufficient", {})
    (found,) = RULES[REGISTRY["gates.hashed"]].forward(site)
    assert (found.low.min(), found.high.max()) == (0, 4)


def test_every_operation_keeps_what_it_declares(net: Path) -> None:
    found = ag.try_plugin("gates")
    assert found.problems == ()
    assert {trial.operation: (trial.reference, trial.drawn, trial.profiles) for trial in found.operations} == {
        "gates.gated_linear": (True, True, ("portable",)),
        "gates.hashed": (True, True, ("portable",)),
        "gates.quick_gelu": (True, True, ("portable", "cpu")),
    }
    assert all(trial.applications > 10 for trial in found.operations)
    assert (found.blocks, found.losses) == (("gates.gated_mlp",), ("gates.focal",))


# --- importing --------------------------------------------------------------------------------------------------------


def gated_network() -> nn.Module:
    """Layers in a list, one of which is applied once more, and one with a bias."""
    from archgraph_gates.modules import GatedLinear

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gates = nn.ModuleList([GatedLinear(4, 4, bias=False) for _ in range(2)])
            self.last = GatedLinear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            for gate in self.gates:
                x = x + gate(x)
            return self.last(self.gates[0](x))  # type: ignore[no-any-return]

    return Net()


def kept(graph: Graph) -> list[tuple[str, str]]:
    return [(placed.path, placed.node.op.name) for placed in walk(graph)]


def test_an_import_keeps_a_class_as_one_node(net: Path) -> None:
    graph = ag.from_torch(gated_network, {"x": "N,4"}, leaves={"GatedLinear": "gates.gated_linear"})
    operations = [name for _, name in kept(graph)]
    assert operations == ["gates.gated_linear", "add"] * 2 + ["gates.gated_linear"] * 2
    assert [name for name in ag.to_torch(graph).state_dict() if name.startswith("gates.0")] == [
        "gates.0.value.weight",
        "gates.0.gate.weight",
    ]
    assert "op: gates.gated_linear" in graph.spec()


def test_an_import_says_why_an_operation_cannot_stand_for_a_class(net: Path) -> None:
    def message(leaves: dict[str, str]) -> str:
        with pytest.raises((ImportingError, UnknownNameError)) as caught:
            ag.from_torch(gated_network, {"x": "N,4"}, leaves=leaves, verify=False)
        return str(caught.value)

    assert message({"GatedLinear": "gates.quick_gelu"}) == (
        "error: gates.0: gates.quick_gelu cannot stand for archgraph_gates.modules.GatedLinear: the state dict is not"
        " that of the operation\n  expected: no weights\n  received: value.weight [4, 4], gate.weight [4, 4]"
    )
    assert "no module inside is a Gated\n" in message({"Gated": "gates.gated_linear"})
    assert "Net is the network itself" in message({"Net": "gates.gated_linear"})
    assert "there is no operation 'gates.gate'" in message({"GatedLinear": "gates.gate"})


# --- losses -----------------------------------------------------------------------------------------------------------


def test_training_takes_a_loss_by_its_name(net: Path) -> None:
    """At a power of 0 the focal loss would be the cross entropy, at 2 it weighs the easy example less."""
    loss = CallerLoss("gates.focal")
    logits, target = torch.tensor([[4.0, 0.0], [0.0, 1.0]], requires_grad=True), torch.tensor([0, 0])
    plain = nn.functional.cross_entropy(logits, target, reduction="none")
    share = torch.softmax(logits, 1)[range(2), target]
    torch.testing.assert_close(loss(logits, target), ((1 - share) ** 2 * plain).mean())
    assert loss.name == "gates.focal"
    with pytest.raises(TrainingError, match=r"has no loss 'foccal'(.|\n)*did you mean 'gates\.focal'"):
        CallerLoss("gates.foccal")
    with pytest.raises(TrainingError, match="there is no loss 'focal'"):
        CallerLoss("focal")
