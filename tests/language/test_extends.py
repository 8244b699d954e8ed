"""A spec that extends another one is the spec that is written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import archgraph as ag
from archgraph.graph import weights
from archgraph.graph.spec_text import spec_text
from archgraph.language.library import find

BASE = """\
archgraph: 1
name: base
params: {width: 16, act: relu, kind: [plain, wide], size: int?}
presets: {small: {}, large: {width: 32, act: silu, kind: wide}}
inputs: {x: [N, 4, H, W]}
nodes:
  stem: {op: conv2d, out_channels: =width, kernel_size: 3, padding: 1}
  body:
    repeat: 2
    nodes:
      unit: {op: unit, channels: =width}
  tail: {op: unit, channels: 8}
  pool: {op: mean, dim: [2, 3]}
  fc: {op: linear, out_features: 10}
outputs: {logits: fc}
blocks:
  unit:
    params: {channels: int, act: {type: node, default: relu}}
    inputs: {x: [N, C, H, W]}
    nodes:
      conv: {op: conv2d, out_channels: =channels, kernel_size: 3, padding: 1}
      norm: batch_norm2d
      act: =act
      skip: {op: conv2d, in: x, out_channels: =channels, kernel_size: 1, when: =C != channels}
      add: {op: add, in: [act, skip]}
assert: {parameters: {small: 9874, large: 30000}, that: [width > 0]}
meta: {task: classification, labels: =range(10), weights: base.safetensors, extra: {a: 1, b: 2}}
"""
HEAD = "archgraph: 1\nname: new\nextends: ./base.yaml@small\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def extended(folder: Path, text: str, name: str = "new.yaml") -> Any:
    (folder / name).write_text(text if text.startswith("archgraph") else HEAD + text)
    return ag.load(folder / name)


def written(folder: Path, *changes: tuple[str, str]) -> Any:
    """The base with its text changed by hand."""
    text = BASE.replace("assert: {parameters: {small: 9874, large: 30000}, that: [width > 0]}\n", "")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "written.yaml").write_text(text)
    return ag.load(folder / "written.yaml", "small")


STEM = "  stem: {op: conv2d, out_channels: =width, kernel_size: 3, padding: 1}\n"
UNIT = "      norm: batch_norm2d\n      act: =act\n"
ADD = "      add: {op: add, in: [act, skip]}\n"
SKIP = "{op: conv2d, in: x, out_channels: =channels"
HEAD_LAYER = "  fc: {op: linear, out_features: 10}\n"
TAIL = "  tail: {op: unit, channels: 8}\n"
CASES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "keys are set and taken away": (
        "set: {stem: {kernel_size: 5, padding: 2, bias: false}, fc: {out_features: null, op: relu}}",
        (
            (STEM, STEM.replace("3, padding: 1", "5, padding: 2, bias: false")),
            ("{op: linear, out_features: 10}", "relu"),
        ),
    ),
    "a text is replaced": ("replace: {tail: gelu}", ((TAIL, "  tail: gelu\n"),)),
    "what a node reads stays": (
        "replace: {<unit>.skip: {op: avg_pool2d, kernel_size: 1}}\n"
        "set: {tail: {channels: 16}, body.unit: {channels: 16}}",
        (
            (
                "{op: conv2d, in: x, out_channels: =channels, kernel_size: 1, when",
                "{op: avg_pool2d, in: x, kernel_size: 1, when",
            ),
            (TAIL, "  tail: {op: unit, channels: 16}\n"),
            ("unit, channels: =width", "unit, channels: 16"),
        ),
    ),
    "all instances of a block": (
        "after: {<unit>.norm: {gate: sigmoid}}",
        ((UNIT, "      norm: batch_norm2d\n      gate: sigmoid\n      act: =act\n"),),
    ),
    "readers read what comes after": (
        "after: {<unit>.skip: {drop: {op: dropout, p: 0.1}}}",
        (
            (
                "      add: {op: add, in: [act, skip]}\n",
                "      drop: {op: dropout, p: 0.1}\n      add: {op: add, in: [act, drop]}\n",
            ),
        ),
    ),
    "what comes before reads what it read": (
        "before: {<unit>.add: {one: gelu, two: tanh}}",
        ((ADD, "      one: {op: gelu, in: act}\n      two: tanh\n" + ADD.replace("act", "two")),),
    ),
    "a glob": (
        "replace: {'*.unit.conv': {op: conv2d, out_channels: =channels, kernel_size: 1}, 'tail.c*': {op: conv2d, "
        "out_channels: =channels, kernel_size: 1}}",
        (("=channels, kernel_size: 3, padding: 1", "=channels, kernel_size: 1"),),
    ),
    "removed": ("remove: [stem, tail]", ((STEM, ""), (TAIL, ""))),
    "removed, and named twice": ("remove: [stem, tail, stem]", ((STEM, ""), (TAIL, ""))),
    "removed, and read by another": (
        "remove: <unit>.skip\nset: {tail: {channels: 16}}",
        (("kernel_size: 1, when: =C != channels", "kernel_size: 1, when: false"), (TAIL, TAIL.replace("8", "16"))),
    ),
    "one instance": (
        "replace: {tail.act: tanh}",
        ((TAIL, "  tail: {op: unit, channels: 8, act: tanh}\n"),),
    ),
    "wrapped": (
        "wrap: {tail: {op: around, scale: 2.0}}\nblocks:\n  around:\n    params: {scale: 1.0, fn: node}\n"
        "    inputs: {x: [N, C, H, W]}\n    nodes:\n      fn: =fn\n      mul: {op: mul, value: =scale}",
        (
            (TAIL, "  tail: {op: around, scale: 2.0, fn: {op: unit, channels: 8}}\n"),
            (
                "blocks:\n",
                "blocks:\n  around:\n    params: {scale: 1.0, fn: node}\n    inputs: {x: [N, C, H, W]}\n    nodes:\n"
                "      fn: =fn\n      mul: {op: mul, value: =scale}\n",
            ),
        ),
    ),
    "nodes at the end, other outputs": (
        "nodes: {more: {op: linear, out_features: 3}}\noutputs: {logits: more}\nmeta: {labels: =range(3)}",
        (
            (
                "  fc: {op: linear, out_features: 10}\n",
                "  fc: {op: linear, out_features: 10}\n  more: {op: linear, out_features: 3}\n",
            ),
            ("outputs: {logits: fc}", "outputs: {logits: more}"),
            ("range(10)", "range(3)"),
        ),
    ),
    "a block that extends another one": (
        "set: {tail: {op: gated, ratio: 2.0}}\nblocks:\n  gated:\n    extends: unit\n    params: {ratio: 1.0}\n"
        "    after: {norm: {scale: {op: mul, value: =ratio}}}",
        (
            (TAIL, "  tail: {op: gated, channels: 8, ratio: 2.0}\n"),
            (
                "blocks:\n",
                "blocks:\n  gated:\n    params: {channels: int, act: {type: node, default: relu}, ratio: 1.0}\n"
                "    inputs: {x: [N, C, H, W]}\n    nodes:\n"
                "      conv: {op: conv2d, out_channels: =channels, kernel_size: 3, padding: 1}\n"
                "      norm: batch_norm2d\n"
                "      scale: {op: mul, value: =ratio}\n      act: =act\n"
                "      skip: {op: conv2d, in: x, out_channels: =channels, kernel_size: 1, when: =C != channels}\n"
                "      add: {op: add, in: [act, skip]}\n",
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_written_network(name: str, folder: Path) -> None:
    change, by_hand = CASES[name]
    ours = extended(folder, change)
    assert not ag.diff(ours, written(folder, *by_hand))
    text = spec_text(find(str(folder / "new.yaml")).spec.document.data)
    (folder / "printed.yaml").write_text(text)
    assert not ag.diff(ours, ag.load(folder / "printed.yaml"))
    assert not ag.diff(ours, ag.load(json.loads(json.dumps(ours.info.spec)), standalone=False))


def test_the_other_instances_keep_their_block(folder: Path) -> None:
    graph = extended(folder, "set: {tail.conv: {bias: false}}")
    keys = [item.key for item in weights(graph) if item.key.endswith("conv.bias")]
    assert keys == ["body.0.unit.conv.bias", "body.1.unit.conv.bias"]


def test_a_preset_becomes_the_defaults_and_none_keeps_them(folder: Path) -> None:
    large = extended(folder, "archgraph: 1\nname: n\nextends: ./base.yaml@large\n")
    assert (large.info.params["width"], large.info.params["kind"], large.info.preset) == (32, "wide", "")
    extended(folder, "archgraph: 1\nname: n\nextends: ./base.yaml\n")
    assert ag.load(f"{folder}/new.yaml@large").info.params["width"] == 32


def test_parameters_keep_their_types(folder: Path) -> None:
    graph = extended(folder, "params: {size: 3, kind: wide, own: 1.5}")
    declared = graph.info.spec["params"]
    assert declared["size"] == {"type": "int?", "default": 3}
    assert declared["kind"] == ["wide", "plain"]
    assert graph.info.params["own"] == 1.5


def test_meta_is_laid_over_and_the_base_keeps_its_weights(folder: Path) -> None:
    meta = extended(folder, "meta: {extra: {b: 3, a: null}, labels: null}").info.meta
    assert meta == {"task": "classification", "extra": {"b": 3}}


def test_chains_and_mappings(folder: Path) -> None:
    extended(folder, "set: {fc: {bias: false}}", "one.yaml")
    graph = extended(folder, "archgraph: 1\nname: n\nextends: ./one.yaml\nset: {stem: {bias: false}}\n")
    keys = {item.key for item in weights(graph)}
    assert not keys & {"fc.bias", "stem.bias"}
    mapping = {"archgraph": 1, "name": "n", "extends": "resnet@resnet18", "set": {"fc": {"out_features": 3}}}
    assert [str(value.type) for value in ag.load(mapping).outputs.values()] == ["[N, 3]"]


def test_blocks_of_used_files_mean_what_they_meant(folder: Path) -> None:
    """`inner` is a block of the used file, and another one of the extension."""
    (folder / "lib.yaml").write_text(
        "archgraph: 1\nname: lib\nblocks:\n"
        "  outer: {inputs: {x: [N, C]}, nodes: {a: {op: inner}, b: relu}}\n"
        "  inner: {inputs: {x: [N, C]}, nodes: {fc: {op: linear, out_features: 4}}}\n"
    )
    (folder / "uses.yaml").write_text(
        "archgraph: 1\nname: uses\nuse: {lib: ./lib.yaml}\ninputs: {x: [N, 8]}\nnodes: {m: lib.outer}\n"
    )
    graph = extended(
        folder,
        "archgraph: 1\nname: n\nextends: ./uses.yaml\nreplace: {m.b: silu}\nnodes: {more: inner}\n"
        "blocks: {inner: {inputs: {x: [N, C]}, nodes: {fc: {op: linear, out_features: 2}}}}\n",
    )
    assert [(item.key, item.weight.shape) for item in weights(graph)] == [
        ("m.a.fc.weight", (4, 8)),
        ("m.a.fc.bias", (4,)),
        ("more.fc.weight", (2, 4)),
        ("more.fc.bias", (2,)),
    ]


def test_a_name_that_is_an_expression_is_known_by_what_it_may_be(folder: Path) -> None:
    graph = ag.load(
        {"archgraph": 1, "name": "n", "extends": "resnet@resnet50", "set": {"layer4.conv2": {"bias": True}}}
    )
    keys = [item.key for item in weights(graph) if item.key.endswith("conv2.bias")]
    assert keys == [f"layer4.{at}.conv2.bias" for at in range(3)]


def test_every_kind_of_file_counts_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is extended and used is read once."""
    from archgraph.language import library

    read: list[str] = []
    real = library.read_file
    monkeypatch.setattr(library, "read_file", lambda path: read.append(Path(path).name) or real(path))
    extended(folder, "set: {fc: {bias: false}}", "one.yaml")
    read.clear()
    extended(folder, "archgraph: 1\nname: n\nextends: ./one.yaml\nuse: {other: ./base.yaml}\n")
    assert sorted(read) == ["base.yaml", "new.yaml", "one.yaml"]
