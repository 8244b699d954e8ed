"""What people write who come from torch, Keras or another configuration language: whole messages with a way on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archgraph.errors import ReadError, SpecError, WeightsError
from archgraph.language.load import check, load
from archgraph.language.trained_weights import trained_weights

HEAD = "archgraph: 1\nname: net\ninputs: {x: [N, 3, 32, 32]}\n"


def message(folder: Path, text: str) -> str:
    """What is said about a file, without the excerpt."""
    path = folder / "net.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        check(path)
    lines = str(caught.value).replace(f"{folder}/", "").splitlines()
    return "\n".join(line for line in lines if " | " not in line and line.strip(" ^"))


CASES = {
    "params: {depth: '3'}\npresets: {deep: {depth: 9}}\nnodes: {a: relu}": (
        "net.yaml:4:17: error: params.depth: the default of 'depth' is text, because it is quoted; elsewhere 'depth' is"
        " 9 (a whole number)\n"
        "  expected: a default of the same kind as the other values\n"
        "  received: '3' (text)\n"
        "  hint: write depth: 3, without quotes"
    ),
    "nodes:\n  a: relu\n  b:relu\n  c: relu": (
        "net.yaml:6:3: error: the text is not valid YAML: could not find expected ':' while scanning a simple key\n"
        "  hint: a space is missing after the colon: b: relu"
    ),
    "nodes:\n  a: {op: relu}\n    b: {op: relu}": (
        "net.yaml:6:5: error: the text is not valid YAML: did not find expected key while parsing a block mapping\n"
        "  hint: the line is not indented as its neighbours are: what belongs together starts in one column"
    ),
    "nodes: {a: {op: nn.Conv2d, out_channels: 8, kernel_size: 3}}": (
        "net.yaml:4:17: error: nodes.a.op: there is no operation or block 'nn.Conv2d'\n  hint: did you mean 'conv2d'?"
    ),
    "nodes: {a: {op: torch.nn.MaxPool2d, kernel_size: 2}}": (
        "net.yaml:4:17: error: nodes.a.op: there is no operation or block 'torch.nn.MaxPool2d'\n"
        "  hint: did you mean 'max_pool2d'?"
    ),
    "nodes: {a: F.relu}": (
        "net.yaml:4:12: error: nodes.a: there is no operation or block 'F.relu'\n  hint: did you mean 'relu'?"
    ),
    "nodes: {a: batch-norm}": (
        "net.yaml:4:12: error: nodes.a: there is no operation or block 'batch-norm'\n"
        "  hint: did you mean 'batch_norm2d'?"
    ),
    "nodes: {a: nn.Sorcery}": (
        "net.yaml:4:12: error: nodes.a: there is no operation or block 'nn.Sorcery'\n"
        "  hint: 'archgraph ops' and 'archgraph blocks' list what there is"
    ),
    "nodes: {a: nn.ReLU()}": (
        "net.yaml:4:12: error: nodes.a: there is no operation or block 'nn.ReLU()'\n  hint: did you mean 'relu'?"
    ),
    "params: {a: 3, b: =c +}\nnodes: {a: relu}": (
        "net.yaml:4:19: error: params.b: the expression cannot be read: it ends too early\n  note: in =c +"
    ),
    "nodes:\n- conv2d": (
        "net.yaml:5:1: error: nodes: 'nodes' must be a mapping\n"
        "  expected: a mapping\n"
        "  received: ['conv2d'] (a list)\n"
        "  hint: each entry has a name: write 'name: …'"
    ),
    "nodes: {a: {type: conv2d}}": (
        "net.yaml:4:9: error: nodes.a: a node has one of 'op', 'nodes' and 'share', and this one has none of them\n"
        "  hint: what a node applies stands under 'op': op: conv2d"
    ),
    'nodes: {a: {op: conv2d, out_channels: "8", kernel_size: 3}}': (
        "net.yaml:4:39: error: a: conv2d: the parameter 'out_channels' has a wrong value\n"
        "  expected: a whole number of at least 1\n"
        "  received: '8' (text)\n"
        "  hint: write 8, without quotes"
    ),
    "nodes: {a: {op: conv2d, out_channels: 8, kernel_size: 3x3}}": (
        "net.yaml:4:55: error: a: conv2d: the parameter 'kernel_size' has a wrong value\n"
        "  expected: a whole number of at least 1, or two of them\n"
        "  received: '3x3' (text)\n"
        "  hint: write [3, 3]"
    ),
    "nodes: {a: {op: linear, out_features: 8, bias: no}}": (
        "net.yaml:4:48: error: a: linear: the parameter 'bias' has a wrong value\n"
        "  expected: true or false\n"
        "  received: 'no' (text)\n"
        "  hint: write false"
    ),
    "nodes: {a: {op: relu, inputs: [x]}}": (
        "net.yaml:4:31: error: nodes.a.inputs: 'inputs' names the input of a group, with its shape\n"
        "  expected: a mapping such as {x: [N, C, H, W]}\n"
        "  received: ['x'] (a list)\n"
        "  hint: what a node reads stands under 'in': in: x"
    ),
    "params: {c: 8}\nnodes: {a: {op: conv2d, out_channels: ${c}, kernel_size: 3}}": (
        "net.yaml:5:40: error: the text is not valid YAML: did not find expected ',' or '}' while parsing a flow"
        " mapping\n"
        "  hint: an expression is written =name, without ${ }"
    ),
    "params: {c: 8}\nnodes: {a: {op: conv2d, out_channels: {{c}}, kernel_size: 3}}": (
        "net.yaml:5:40: error: a key must be a name\n  hint: an expression is written =name, without braces"
    ),
    "nodes: {a: {op: conv2d, 3, 8, 3}}": (
        "net.yaml:4:31: error: the key '3' stands here twice\n"
        "  hint: rename or remove one of them; an argument is written with its name, as in kernel_size: 3"
    ),
    "nodes: {a: relu, b: {op: relu, in: self.a}}": (
        "net.yaml:4:36: error: b: there is no value 'self' here\n"
        "  expected: one of x, a\n"
        "  hint: names stand without 'self.'"
    ),
    "blocks: {res: {nodes: {a: relu}}}\nnodes: {a: res}": (
        "net.yaml:4:27: error: a.a: nothing stands before this node that it could read\n"
        "  expected: 'in:' and a name\n"
        "  hint: give what holds it an input: inputs: {x: […]}\n"
        "  note: 'res' is used by 'a' (net.yaml:5:9)"
    ),
}


@pytest.mark.parametrize("text", CASES)
def test_a_slip_is_answered_with_the_way_on(tmp_path: Path, text: str) -> None:
    assert message(tmp_path, text) == CASES[text]


@pytest.mark.parametrize(
    ("key", "ours"), [("layers", "nodes"), ("parameters", "params"), ("description", "about"), ("imports", "use")]
)
def test_a_key_of_others_is_answered_with_ours(tmp_path: Path, key: str, ours: str) -> None:
    assert f"there is no key '{key}' here" in (said := message(tmp_path, f"{key}: {{a: relu}}\nnodes: {{a: relu}}\n"))
    assert f"hint: did you mean '{ours}'?" in said


def test_weights_that_are_a_link_to_themselves(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").symlink_to("w.safetensors")
    path = tmp_path / "net.yaml"
    path.write_text(f"{HEAD}nodes: {{a: relu}}\nmeta: {{weights: w.safetensors}}\n")
    with pytest.raises(WeightsError) as caught:
        trained_weights(load(path))
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        "error: the trained weights of net cannot be opened\n"
        "  expected: w.safetensors\n"
        "  received: its links lead back to it"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_is_no_spec(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.yaml")
    with pytest.raises(ReadError) as caught:
        load(tmp_path / "net.yaml")
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        "error: 'net.yaml' is a pipe\n  expected: a .yaml or .json file"
    )
