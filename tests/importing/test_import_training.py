"""What training adds to evaluation is imported and marked, and proved; what it changes is noted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archgraph as ag
from archgraph.errors import ImportingError
from archgraph.graph import walk
from archgraph.importing import api
from archgraph.importing.api import Imported, import_module
from archgraph.importing.conversion.torch_attention import lost_dropout
from archgraph.importing.proof.parity import prove
from archgraph.importing.sources.example_inputs import described
from archgraph.importing.tracing.mode_comparison import ModeComparison, compare_modes
from archgraph.importing.tracing.shape_runs import ShapeRuns
from tests.small_networks import DropPath


class Head(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 8, 1)
        self.norm = nn.BatchNorm2d(8, momentum=0.3)
        self.drop = nn.Dropout(0.4)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Any:
        return self.fc(self.drop(functional.relu(self.norm(self.conv(x))).mean((2, 3))))


class Staged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.early = Head(6)
        self.body = nn.Conv2d(6, 12, 3, padding=1)
        self.head = Head(12)


class EarlyHead(Staged):
    """An auxiliary head: training returns a tuple."""

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.stem(x)
        early = self.early(x) if self.training else None
        x = self.head(functional.dropout(self.body(x), 0.1, self.training))
        return x if early is None else (early, x)


class Around(nn.Module):
    """A network with an auxiliary head inside another one; training returns a dict, with a value of evaluation and
    the main head on other features."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = EarlyHead()
        self.maps = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Tanh(), nn.Conv2d(4, 4, 1))
        self.fc = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Mapping[str, Tensor]:
        found = self.backbone(x)
        early, x_out = found if self.training else (None, found)
        if early is None:
            return {"out": self.fc(x_out)}
        x_out_early = self.fc(early)
        maps = functional.interpolate(self.maps(functional.dropout(x, 0.2)), scale_factor=2.0)
        return {"out": self.fc(x_out), "early": x_out_early, "features": x_out, "maps": maps}


class Changed(Staged):
    """In training the main value is another one."""

    def forward(self, x: Tensor) -> Any:
        x = self.stem(x)
        if self.training:
            x = x + self.early(x).mean()  # this line
        return self.head(self.body(x))


class Demanding(Staged):
    def forward(self, x: Tensor, target: Any = None) -> Any:
        x = self.head(self.body(self.stem(x)))
        if self.training:
            return functional.cross_entropy(x, target)  # that line
        return x


class Dropping(nn.Module):
    """Dropout that only training calls, of attention too, and samples that are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.path = DropPath(0.2)

    def forward(self, x: Tensor) -> Any:
        if self.training:
            x = functional.dropout(x, 0.25)
        mixed = functional.scaled_dot_product_attention(x, x, x, dropout_p=0.1 if self.training else 0.0)
        return x + self.path(self.fc(mixed))


class Heads(nn.Module):
    """Attention whose result lies in memory in another order when it drops, then changed in place."""

    def forward(self, x: Tensor) -> Any:
        q = x.unflatten(-1, (2, 4)).transpose(1, 2)
        mixed = functional.scaled_dot_product_attention(q, q, q, dropout_p=0.1 if self.training else 0.0)
        mixed = mixed.transpose(1, 2).contiguous()
        return functional.relu(mixed.flatten(2), inplace=True)


class Spectral(Staged):
    """In training with an output that no spec has a form for."""

    def forward(self, x: Tensor) -> Any:
        x = self.stem(x)
        return (self.head(self.body(x)), torch.fft.rfft(x).abs()) if self.training else self.head(self.body(x))


class FrozenNorm(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.1, self.eps
        )


def imported(module: Any, text: str = "x=N,3,H,W", **options: Any) -> Imported:
    return import_module(module, dict([described(text)]), **options)


def trained(found: Imported) -> bool:
    """Whether training was compared too."""
    assert found.parity is not None
    return found.parity.training is not None


def compared(module: nn.Module) -> ModeComparison:
    return compare_modes(ShapeRuns(module), {"x": torch.randn(2, 3, 8, 12)})


@pytest.fixture(scope="module")
def early() -> Imported:
    return imported(EarlyHead)


def test_an_auxiliary_head_is_an_output_of_training(early: Imported) -> None:
    spec = early.graph.info.spec
    assert [*spec["nodes"]] == ["stem", "early", "body", "dropout", "head"]
    assert spec["nodes"]["early"] == {"op": "head", "in": "stem", "training": "only"}
    assert spec["outputs"] == {"output_1": "head", "output_0": "early"}
    assert "order" not in spec
    assert trained(early)
    assert not early.notes


def test_the_imported_network_trains_as_the_module_does(early: Imported) -> None:
    module, ours = EarlyHead(), ag.to_torch(early.graph)
    ours.load_state_dict(module.state_dict())
    x = torch.randn(4, 3, 9, 10)
    assert isinstance(ours.eval()(x), Tensor)
    with patch.object(functional, "dropout", lambda x, *others, **options: x):
        theirs, main_and_early = module.train()(x), ours.train()(x)
    torch.testing.assert_close(main_and_early, theirs[::-1])
    torch.testing.assert_close(ours.state_dict(), module.state_dict())


def test_what_training_computes_otherwise_is_found(early: Imported) -> None:
    spec = ag.load(early.graph.info.spec).info.spec
    spec["blocks"]["head"]["nodes"]["norm"]["momentum"] = 0.1
    with pytest.raises(ImportingError, match=r"in training, output .* differs"):
        prove(ag.load(spec), EarlyHead(), None, (1, 0))


def test_heads_inside_other_modules_and_shared_ones() -> None:
    found = imported(Around)
    spec = found.graph.info.spec
    assert spec["outputs"]["out"] == "fc"
    assert [*found.graph.training_outputs] == ["early", "features", "maps"]
    nodes = spec["nodes"]
    assert nodes["early"] == {"op": "head", "in": "stem", "training": "only", "path": "backbone.early"}
    assert nodes["fc_2"] == {"share": "fc", "in": "early", "training": "only"}
    assert nodes["maps"]["training"] == "only"
    assert [*nodes["maps"]["nodes"]] == ["0", "1", "2"]
    assert trained(found)


def test_dropouts_of_training_are_there() -> None:
    found = imported(Dropping, "x=N,L,8")
    assert [node.op.name for node in found.graph.nodes.values()] == [
        "dropout", "scaled_dot_product_attention", "linear", "stochastic_depth", "add",
    ]  # fmt: skip
    assert found.graph.nodes["scaled_dot_product_attention"].op.dropout_p == 0.1
    assert found.notes == ()
    assert trained(found)


def drop_path(x: Tensor, drop_prob: float, training: bool) -> Tensor:
    """Stochastic depth as a function."""
    if not training:
        return x
    return x * x.new_empty((x.shape[0], *(1 for _ in x.shape[1:]))).bernoulli_(1 - drop_prob) / (1 - drop_prob)


class Paths(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return x + drop_path(self.fc(x), 0.2, training=self.training)


def test_stochastic_depth_is_known_as_a_function_too() -> None:
    found = imported(Paths, "x=N,L,8")
    assert found.notes == ()
    assert found.spec["nodes"]["stochastic_depth"] == {"op": "stochastic_depth", "p": 0.2}


def test_dropout_of_torchs_own_attention_is_there_or_noted() -> None:
    found = imported(lambda: nn.TransformerEncoderLayer(8, 2, 8, dropout=0.1, batch_first=True), "src=N,L,8")
    assert found.notes == ()
    (attention,) = (each.node.op for each in walk(found.graph) if each.node.op.name == "scaled_dot_product_attention")
    assert attention.dropout_p == 0.1
    module = nn.MultiheadAttention(8, 2, dropout=0.3)
    without = ag.load({"archgraph": 1, "name": "net", "inputs": {"x": ["N", 8]}, "nodes": {"relu": "relu"}})
    (note,) = lost_dropout(nn.ModuleDict({"attend": module}), without)
    assert note == "attend: attention drops 0.3 of its probabilities in training; the spec does not"


def test_a_main_value_that_training_changes_is_noted_with_its_line() -> None:
    found = imported(Changed)
    assert "x = x + self.early(x).mean()  # this line" in found.notes[0]
    assert not trained(found)
    assert not found.graph.training_outputs
    keys = [key for key in Changed().state_dict() if key.startswith("early.")]
    assert [path for path, node in found.graph.nodes.items() if node.training] == keys


def test_what_has_no_form_in_training_leaves_evaluation_as_it_is() -> None:
    found = imported(Spectral)
    assert found.notes == ("what training adds is left out: there is no operation for torch's fft_rfft",)
    assert not found.graph.training_outputs
    with patch.object(api, "loaded", side_effect=[ImportingError("no", received="a fault"), found.graph]):
        again = imported(EarlyHead, verify=False)
    assert again.notes == ("what training adds is left out: a fault",)


def test_modes_are_compared_where_the_module_asks_for_them() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    with patch.object(nn.Conv2d, "forward", autospec=True, side_effect=nn.Conv2d.forward) as forward:
        assert compare_modes(ShapeRuns(plain), {"input": torch.randn(2, 3, 8, 8)}) == ModeComparison()
    assert forward.call_count == 1
    assert "that line" in compared(Demanding()).notes[0]
    assert not compared(Demanding()).compared
    assert "norms take batch statistics" in compared(FrozenNorm(3)).notes[0]
    heads = compare_modes(ShapeRuns(Heads()), {"x": torch.randn(2, 5, 8)})
    assert heads == ModeComparison(True, (0,))
    module = EarlyHead().train()
    state = {key: value.clone() for key, value in module.state_dict().items()}
    assert compared(module) == ModeComparison(True, (1,))
    assert all(inner.training for inner in module.modules())
    torch.testing.assert_close(module.state_dict(), state)


def test_nothing_is_dropped_in_the_proof() -> None:
    """Whole channels neither, which torch drops by a function of its own name."""
    module = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Dropout2d(0.5), nn.BatchNorm2d(8), nn.AlphaDropout(0.5))
    made = import_module(module, {"input": torch.randn(2, 3, 4, 4)})
    assert made.parity is not None
    assert made.parity.training is not None
