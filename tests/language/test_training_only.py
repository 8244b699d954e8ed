"""`training: only`: weights in both modes, work in training, outputs of training; never read in evaluation."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import torch
from spec_samples import keys, messages, nodes

import archgraph as ag
from archgraph.codegen import source, to_torch
from archgraph.graph import weights
from archgraph.graph.cost import cost
from archgraph.graph.types import Graph

HEADS = """
archgraph: 1
name: heads
params: {auxiliary: true}
inputs: {image: [N, 3, H, W]}
nodes:
  stem: {op: conv2d, out_channels: 8, kernel_size: 3, padding: 1}
  middle: {op: level}
  aux: {op: head, in: middle, when: =auxiliary, training: only}
  end: {op: level, in: middle}
  mask: {op: parameter, shape: [8], training: only}
  fc: {op: head, in: end}
outputs: {logits: fc, extra: aux}
blocks:
  level:
    inputs: {x: [N, C, H, W]}
    nodes:
      conv: {op: conv2d, out_channels: =C, kernel_size: 3, padding: 1}
      act: relu
      side: {op: conv2d, out_channels: 5, kernel_size: 1, training: only}
  head:
    inputs: {x: [N, C, H, W]}
    nodes:
      pool: {op: mean, dim: [2, 3]}
      fc: {op: linear, out_features: 10}
"""
USER = """
archgraph: 1
name: user
use: {net: ./heads.yaml}
inputs: {image: [N, 3, H, W]}
nodes: {net: {op: net}, out: relu}
"""
KEYS = ("mask", "stem", "middle.conv", "middle.side", "aux.fc", "end.conv", "end.side", "fc.fc")


def heads(tmp_path: Path, text: str = HEADS, **arguments: object) -> Graph:
    file = tmp_path / "heads.yaml"
    file.write_text(text, encoding="utf-8")
    return ag.load(file, **arguments)


class Reference(torch.nn.Module):
    """What the spec means, by hand."""

    def __init__(self) -> None:
        super().__init__()

        def level() -> torch.nn.Module:
            part = torch.nn.Module()
            part.conv, part.side = torch.nn.Conv2d(8, 8, 3, padding=1), torch.nn.Conv2d(8, 5, 1)
            return part

        def head() -> torch.nn.Module:
            part = torch.nn.Module()
            part.fc = torch.nn.Linear(8, 10)
            return part

        self.mask = torch.nn.Parameter(torch.zeros(8))
        self.stem = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.middle, self.aux, self.end, self.fc = level(), head(), level(), head()

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both outputs of training."""
        middle = torch.relu(self.middle.conv(self.stem(image)))
        end = torch.relu(self.end.conv(middle))
        return self.fc.fc(end.mean((2, 3))), self.aux.fc(middle.mean((2, 3)))


def test_weights_are_there_in_both_modes_and_outputs_in_training(tmp_path: Path) -> None:
    graph = heads(tmp_path)
    module, reference = to_torch(graph), Reference()
    module.load_state_dict(reference.state_dict(), strict=True)
    assert list(module.state_dict()) == [item.key for item in weights(graph)]
    assert list(dict.fromkeys(key.rpartition(".")[0] or key for key in module.state_dict())) == list(KEYS)
    image = torch.randn(2, 3, 5, 4)
    logits, extra = reference(image)
    assert torch.allclose(module.eval()(image), logits, atol=1e-6)
    found = module.train()(image)
    assert isinstance(found, tuple)
    assert [torch.allclose(a, b, atol=1e-6) for a, b in zip(found, (logits, extra), strict=True)] == [True, True]
    sum(each.sum() for each in found).backward()
    unread = {name for name, parameter in module.named_parameters() if parameter.grad is None}
    assert unread == {"mask", "middle.side.weight", "middle.side.bias", "end.side.weight", "end.side.bias"}


def test_the_text_has_one_condition_at_the_end(tmp_path: Path) -> None:
    text = source(heads(tmp_path))
    assert "def forward(self, image: Tensor) -> Tensor | tuple[Tensor, Tensor]:" in text
    assert textwrap.dedent(text[text.index("        if self.training:") :]) == textwrap.dedent(
        """\
        if self.training:
            x = self.aux(x)
            return h, x
        return h
        """
    )
    assert text.count("self.training") == 1
    assert "self.side(" not in text


def test_files_hold_what_evaluation_computes(tmp_path: Path) -> None:
    exported = ag.to_onnx(to_torch(heads(tmp_path)), tmp_path / "m.onnx")
    assert exported.certificate.equal
    assert list(exported.report.weight_map) != []
    assert not any("aux" in key or "side" in key or "mask" in key for key in exported.report.weight_map)
    assert not ag.diff(heads(tmp_path), tmp_path / "m.onnx")


SHARED = """
archgraph: 1
name: shared
inputs: {x: [N, 4]}
nodes:
  a: {op: linear, out_features: 4, in: x, training: only}
  b: {share: a, in: x}
  c: {op: layer, in: b, training: only}
  d: {share: c, in: b}
blocks:
  layer: {inputs: {x: [N, C]}, nodes: {fc: {op: linear, out_features: =C}}}
"""


def test_evaluation_applies_modules_of_training_again(tmp_path: Path) -> None:
    module = to_torch(heads(tmp_path, SHARED))
    assert list(module.state_dict()) == ["a.weight", "a.bias", "c.fc.weight", "c.fc.bias"]
    exported = ag.to_onnx(module, tmp_path / "m.onnx")
    assert exported.certificate.equal
    assert sorted(exported.report.weight_map) == ["a.bias", "a.weight", "c.fc.bias", "c.fc.weight"]


def test_the_cost_is_that_of_evaluation(tmp_path: Path) -> None:
    """3·8·9 and twice 8·8·9 at each of 6 places, and 8·10; the parameters of all."""
    found = cost(heads(tmp_path), {"N": 1, "H": 2, "W": 3})
    assert found.macs == 6 * (216 + 2 * 576) + 80
    assert found.parameters == sum(value.numel() for value in Reference().state_dict().values())


def test_what_is_left_out_is_no_output(tmp_path: Path) -> None:
    graph = heads(tmp_path, auxiliary=False)
    assert list(graph.outputs) == ["logits"]
    assert not graph.training_outputs
    assert "self.training" not in source(graph)
    assert not any(item.key.startswith("aux") for item in weights(graph))


def test_the_flow_goes_on_past_it() -> None:
    graph = nodes("a: {CONV}\nb: {CONV, in: a, training: only}\nc: {CONV, in: a}\nd: {CONV}")
    assert keys(graph) == ["a.weight", "b.weight", "c.weight", "d.weight"]
    assert graph["d"].inputs["input"] is graph["c"].output


def test_a_group_and_copies(tmp_path: Path) -> None:
    text = """
        archgraph: 1
        name: net
        inputs: {x: [N, 4]}
        nodes:
          y: {op: linear, out_features: 4}
          more: {in: y, training: only, nodes: {a: {op: linear, out_features: 4}, b: relu}}
          rows: {op: linear, in: y, out_features: 4, repeat: 3, training: only}
          again: {share: y, in: more, training: only}
        outputs: {y: y, again: again, rows: rows}
    """
    module = to_torch(heads(tmp_path, textwrap.dedent(text))).train()
    x = torch.randn(2, 4)
    y, again, rows = module(x)
    assert torch.equal(again, module.y(torch.relu(module.more.a(y))))
    assert torch.equal(rows, module.rows(y))
    assert list(module.eval().state_dict())[-2:] == ["rows.2.weight", "rows.2.bias"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "nodes: {a: {CONV}, b: {CONV, training: only}, c: {CONV, in: b}}",
            "'b' is computed in training only, and this is read in evaluation too",
        ),
        (
            "nodes: {a: {CONV}, b: {CONV, training: only}, c: {nodes: {d: {CONV, in: b}}}}",
            "'b' is computed in training only, and this is read in evaluation too",
        ),
        (
            "nodes: {a: {CONV}, g: {nodes: {b: {CONV, training: only}}, outputs: b}}",
            "'b' is computed in training only, and this is read in evaluation too",
        ),
        (
            "nodes: {a: {CONV}, b: {CONV, training: only}, c: {nodes: {e: {CONV}, d: {CONV, in: b, training: only}}}}",
            "'b' is computed in training only, and is read in a group that evaluation computes too",
        ),
        ("nodes: {a: {CONV, training: only}}", "all of this is computed in training only"),
        ("nodes: {a: {CONV}, b: {CONV, training: only}}\noutputs: b", "all of this is computed in training only"),
        ("nodes: {a: {CONV, training: yes}}", "'training' has one value"),
        ("nodes: {a: {CONV, training: true}}", "'training' has one value"),
    ],
)
def test_what_evaluation_cannot_read(text: str, said: str) -> None:
    assert said in messages(text)


def test_a_block_with_outputs_of_training_is_used_without_them(tmp_path: Path) -> None:
    (tmp_path / "heads.yaml").write_text(HEADS, encoding="utf-8")
    (tmp_path / "user.yaml").write_text(USER, encoding="utf-8")
    graph = ag.load(tmp_path / "user.yaml")
    assert list(graph.outputs) == ["output"]
    assert any(item.key == "net.aux.fc.weight" for item in weights(graph))
    assert to_torch(graph).train()(torch.zeros(1, 3, 2, 2)).shape == (1, 10)
