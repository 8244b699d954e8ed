"""What is wrong in an extension is said at its line, with the line of the base."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import archgraph as ag
from archgraph.errors import SpecError
from archgraph.graph import weights
from archgraph.language.extension import expand, reach

BASE = """\
archgraph: 1
name: base
params: {width: 16, fun: relu}
presets: {a: {}, b: {fun: silu}}
inputs: {x: [N, 4, H, W]}
nodes:
  stem: {op: conv2d, out_channels: =width, kernel_size: 3, padding: 1}
  act: =fun
  body: {nodes: {conv: {op: conv2d, out_channels: 8, kernel_size: 1}}}
  attend: {op: residual_connection, fn: {op: attention2d, heads: 2}}
  pool: {op: mean, dim: [2, 3]}
  fc: {op: linear, out_features: 10}
"""
HEAD = "archgraph: 1\nname: new\nextends: ./base.yaml@a\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "headless.yaml").write_text(HEAD + "remove: [pool, fc]\n")
    return tmp_path


def message(folder: Path, text: str) -> str:
    (folder / "new.yaml").write_text(text if text.startswith("archgraph") else HEAD + text)
    with pytest.raises(SpecError) as caught:
        ag.load("new.yaml")
    return str(caught.value).replace(f"{folder.resolve()}/", "")


CASES = {
    "set: {stam: {bias: false}}": (
        "new.yaml:4:7: error: no node has this path: 'stam'",
        "hint: did you mean 'stem'?",
    ),
    "set: {<conv2>: {bias: false}}": ("no node applies it: '<conv2>'", "hint: did you mean '<conv2d>'?"),
    "set: {x: {bias: false}}": ("no node has this path: 'x'", "'x' is an input: write it under 'inputs'"),
    "set: {width: {bias: false}}": ("no node has this path", "'width' is a parameter: write it under 'params'"),
    "set: {body.0.conv: {bias: false}}": ("no node has this path", "a change is about all copies: 'body.conv'"),
    "set: {a/b: {bias: false}}": ("'a/b' is no path of nodes", "levels are joined by dots"),
    "set: {fc: {out_features: 3}, f?: {out_features: 4}}": (
        "new.yaml:4:30: error: 'fc' has two values for 'out_features'",
        "note: the other change is 'set: fc' (new.yaml:4:7)",
    ),
    "set: {fc: {bias: false}}\nreplace: {fc: relu}": ("'fc' is replaced, so 'bias' is written there", "set: fc"),
    "replace: {fc: relu}\nremove: fc": ("'fc' is removed, so nothing else can be changed in it", "remove: fc"),
    "set: {body.conv: {bias: false}}\nremove: [body]": (
        "new.yaml:4:7: error: 'set: body.conv' is about what is removed",
        "note: remove: body (new.yaml:5:10)",
    ),
    "replace: {<linear>: relu}\nafter: {<Attention>.mix: {a: relu}}": (
        "no node has this path: '<Attention>.mix'",
        "one of",
    ),
    "wrap: {fc: residual_connection, f*: residual_connection}": ("'fc' has two changes 'wrap'", "keep one"),
    "wrap: {body: residual_connection}": ("'body' is a group, which no block can be handed", "make the group a block"),
    "wrap: {fc: downsample}": ("'downsample' takes no node", "one parameter of type node"),
    "wrap: {fc: {op: residual_connection, fn: relu}}": (
        "'residual_connection' takes no other node than the one that it is given",
        "one parameter of type node",
    ),
    "wrap: {fc: nothing}": ("'nothing' is no block that a node can be handed to", "new.yaml:4:12"),
    "after: {attend.fn: {a: relu}}": ("'attend.fn' is handed to a block", "'replace', 'set' and 'wrap' change"),
    "after: {stem: {fc: relu}}": ("new.yaml:4:16: error: there is a node 'fc' already", "(base.yaml:12:3)"),
    "nodes: [relu]": ("new.yaml:4:8: error: nodes: 'nodes' must be a mapping",),
    "meta: 5": ("new.yaml:4:7: error: meta: 'meta' must be a mapping",),
    "nodes: {fc: relu}": ("./base.yaml@a has a node 'fc' already", "'nodes' adds nodes at the end"),
    "params: {width: wide}": (
        "new.yaml:4:17: error: a default of another type is wanted, as the base declares it",
        "note: it is declared here (base.yaml:3:10)",
    ),
    "set: {fc: {out_feature: 3}}": (
        "new.yaml:4:12: error: fc: linear has no parameter 'out_feature'",
        "note: 'set: fc' changes 'fc' of ./base.yaml@a (base.yaml:12:3)",
    ),
    "set: {body.conv: {kernel_size: 0}}": ("new.yaml:4:", "changes 'body.conv' of ./base.yaml@a (base.yaml:9:"),
    "inputs: {x: [N, 4, H]}": ("error: stem:", "note: new extends ./base.yaml@a here (new.yaml:3:10)"),
    "set: {fc: linear}": ("'fc' must be a mapping of the keys that are set", "another operation: replace"),
    "remove: {fc: 1}": ("'remove' must list nodes", "a list of paths such as fc"),
    "archgraph: 1\nname: n\nextends: ./base.yaml\nreplace: {<silu>: gelu}": (
        "'replace: <silu>' is about some of what 'act' may apply, which is '=fun'",
        "name the node by its path: act",
    ),
    "archgraph: 1\nname: n\nextends: ./headless.yaml\nset: {fc: {bias: false}}": (
        "no node has this path: 'fc'",
        "note: new removes 'fc' here (",
    ),
    "archgraph: 1\nname: n\nextends: ./base.yaml@c": ("'./base.yaml@c' has no preset 'c'", "one of a, b"),
    "archgraph: 1\nname: n\nextends: ../base.yaml": ("lies outside the folder of this spec", "new.yaml:3:10"),
    "archgraph: 1\nname: n\nextends: ./new.yaml": ("'new.yaml' extends itself", "new.yaml:3:10"),
    "archgraph: 1\nname: n\ninputs: {x: [N]}\nnodes: {a: relu}\nset: {a: {when: true}}": (
        "'set' goes with 'extends'",
        "add 'extends: …'",
    ),
    "blocks:\n  one: {extends: attention3d}": ("there is no block 'attention3d'", "did you mean 'attention2d'?"),
    "blocks:\n  one: {extends: relu}": ("there is no block 'relu'", "an operation, which has no nodes"),
    "blocks:\n  one: {extends: two}\n  two: {extends: one}": ("'two' and 'one' extend each other", "new.yaml:6:"),
    "blocks:\n  one: {extends: attention2d, remove: [mux]}": ("no node has this path: 'mux'", "did you mean 'mix'?"),
}


@pytest.mark.parametrize("text", CASES)
def test_messages(text: str, folder: Path) -> None:
    said = message(folder, text)
    for part in CASES[text]:
        assert part in said, said


def test_a_circle_is_shown_with_all_its_lines(folder: Path) -> None:
    for name, base in (("new", "two"), ("two", "three"), ("three", "new")):
        (folder / f"{name}.yaml").write_text(f"archgraph: 1\nname: {name}\nextends: ./{base}.yaml\n")
    said = message(folder, (folder / "new.yaml").read_text())
    assert "new.yaml:3:10: error: 'new.yaml' extends 'two.yaml' extends 'three.yaml' extends 'new.yaml'" in said
    assert "note: 'two.yaml' extends it here (" in said


def test_a_circle_of_use_and_extends(folder: Path) -> None:
    (folder / "two.yaml").write_text("archgraph: 1\nname: two\nuse: [./new.yaml]\ninputs: {x: [N]}\nnodes: {a: relu}\n")
    assert "new.yaml" in message(folder, "archgraph: 1\nname: n\nextends: ./two.yaml\n")


def test_a_row_of_files_is_bounded(folder: Path) -> None:
    for at in range(40):
        (folder / f"n{at}.yaml").write_text(f"archgraph: 1\nname: n\nextends: ./n{at + 1}.yaml\n")
    said = message(folder, "archgraph: 1\nname: n\nextends: ./n0.yaml\n")
    assert "at most 32 files that extend one another" in said


def test_what_comes_out_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small files that stand for a large one; and many changes of many nodes. With limits that are met sooner."""
    monkeypatch.setattr(expand, "MAX_VALUES", 3_000)
    monkeypatch.setattr(reach, "MOST_STEPS", 2_000)
    nodes = {f"n{at}": "relu" for at in range(50)}
    (folder / "many.json").write_text(json.dumps({"archgraph": 1, "name": "m", "inputs": {"x": ["N"]}, "nodes": nodes}))
    head = "archgraph: 1\nname: n\nextends: ./many.json\n"
    large = "".join(f"k{at}: {at}, " for at in range(100))
    assert "at most 3,000 values" in message(folder, f"{head}set: {{'n*': {{let: {{{large}}}}}}}\n")
    changes = "".join(f"  '**.n{at}*': {{path: .}}\n" for at in range(50))
    assert "at most 2,000 nodes, times changes" in message(folder, f"{head}set:\n{changes}")


@pytest.mark.parametrize("verb", ["after", "remove"])
def test_many_named_nodes_may_change(verb: str, folder: Path) -> None:
    """600 nodes and 400 changes: names are looked up, so that this is no work of 240,000 comparisons."""
    nodes = {f"n{at}": "relu" for at in range(600)}
    (folder / "many.json").write_text(json.dumps({"archgraph": 1, "name": "m", "inputs": {"x": ["N"]}, "nodes": nodes}))
    value = {"set": {"when": True}, "before": {"b{}": "silu"}, "after": {"a{}": "silu"}, "remove": None}[verb]
    names = [f"n{at}" for at in range(400)]
    changes = {name: value and {key.replace("{}", f"_{name}"): inner for key, inner in value.items()} for name in names}
    spec = {"archgraph": 1, "name": "n", "extends": "./many.json", verb: names if value is None else changes}
    (folder / "new.json").write_text(json.dumps(spec))
    assert len(ag.load("new.json").nodes) == {"set": 600, "before": 1_000, "after": 1_000, "remove": 200}[verb]


def test_a_block_that_is_written_anew_is_not_changed(folder: Path) -> None:
    said = message(
        folder,
        "after: {<attention2d>.mix: {a: relu}}\nblocks: {attention2d: {inputs: {x: [N, C, H, W]}, nodes: {mix: relu}}}",
    )
    assert "the block 'attention2d' is written anew under 'blocks'" in said


def test_a_name_inside_of_a_block_is_hinted_at() -> None:
    spec = {"archgraph": 1, "name": "n", "extends": "resnet@resnet18", "remove": ["<basic>.bn3"]}
    with pytest.raises(SpecError, match=r"no node has this path: '<basic>\.bn3'[\s\S]*did you mean 'bn\d'"):
        ag.load(spec)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"set": {"layer1.cnv1": {"bias": True}}},
            "expected: one of layer1.conv1, layer1.bn1, layer1.relu, layer1.conv2, layer1.bn2, layer1.downsample",
        ),
        (
            {"set": {"layer3.1": {"planes": 32}}},
            "a change is about all copies: 'layer3'; for one of them: set: {layer3: {planes: =… if i == 1 else …}}",
        ),
        (
            {"after": {"layer1.0.conv1": {"d": "dropout"}}},
            "for one of them a block of its own: blocks: {one: {extends: basic, after: … conv1 …}},"
            " set: {layer1: {op: \"='one' if i == 0 else 'basic'\"}}",
        ),
        ({"remove": ["layer1.0"]}, "'layer1'; what differs is an expression: =… if i == 0 else …"),
    ],
)
def test_a_path_that_names_one_copy_or_no_inner_node(change: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError, match=re.escape(said)):
        ag.load({"archgraph": 1, "name": "n", "extends": "resnet@resnet18", **change})


def test_one_copy_is_changed_as_the_hint_has_it() -> None:
    """The first block of a stage has a bias that the second lacks."""
    one = {"one": {"extends": "basic", "set": {"conv1": {"bias": True}}}}
    change = {"layer1": {"op": "='one' if i == 0 else 'basic'"}}
    graph = ag.load({"archgraph": 1, "name": "n", "extends": "resnet@resnet18", "blocks": one, "set": change})
    keys = {item.key for item in weights(graph)}
    assert "layer1.0.conv1.bias" in keys
    assert "layer1.1.conv1.bias" not in keys
