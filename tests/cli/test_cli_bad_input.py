"""The list of what people get wrong: each with its place, a caret, what was expected, a way out, and exit status 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

HEAD = "archgraph: 1\nname: net\ninputs: {x: [N, 8, H, W]}\nnodes:\n"
"""Nodes begin in line 5."""
STACKED = HEAD.replace("nodes:", "stacks: [s]\nnodes:")
PLACED: dict[str, tuple[str, str, str, list[str]]] = {
    "an unknown key": (
        HEAD.replace("nodes:", "nods:") + "  a: relu\n",
        "4:1",
        "nods: there is no key 'nods' here",
        ["  expected: one of archgraph, name, about", "  hint: did you mean 'nodes'?"],
    ),
    "an unknown operation": (
        HEAD + "  a: rleu\n",
        "5:6",
        "a: there is no operation or block 'rleu'",
        ["  hint: did you mean 'relu'?"],
    ),
    "an unknown parameter": (
        HEAD + "  a: {op: conv2d, out_channels: 8, kernel_sise: 1, kernel_size: 1}\n",
        "5:36",
        "a: conv2d has no parameter 'kernel_sise'",
        ["  expected: one of out_channels, kernel_size", "  hint: did you mean 'kernel_size'?"],
    ),
    "an unknown port": (
        HEAD + "  a: {op: add, in: {inptu: x, other: x}}\n",
        "5:21",
        "a: add has no input 'inptu'",
        ["  expected: one of input, other", "  hint: did you mean 'input'?"],
    ),
    "an unknown node": (
        HEAD + "  conv: relu\n  b: {op: relu, in: cnov}\n",
        "6:21",
        "b: there is no value 'cnov' here",
        ["  expected: one of x, conv", "  hint: did you mean 'conv'?"],
    ),
    "a wrong type": (
        HEAD + "  a: {op: conv2d, out_channels: many, kernel_size: 1}\n",
        "5:33",
        "a: conv2d: the parameter 'out_channels' has a wrong value",
        ["  expected: a whole number of at least 1", "  received: 'many' (text)"],
    ),
    "a missing parameter": (
        HEAD + "  a: {op: conv2d, kernel_size: 1}\n",
        "5:11",
        "a: conv2d needs the parameter 'out_channels'",
        ["  expected: a whole number of at least 1"],
    ),
    "shapes that do not fit": (
        HEAD + "  a: {op: conv2d, in: x, out_channels: 4, kernel_size: 1}\n  b: {op: add, in: [a, x]}\n",
        "6:3",
        "b: the shapes [N, 4, H, W] and [N, 8, H, W] do not fit together in dimension -3",
        [
            "  received: 4 and 8",
            "  note: 'input' is [N, 4, H, W], from 'a' (net.yaml:5:3)",
            "  note: 'other' is [N, 8, H, W], from 'x' (net.yaml:3:10)",
        ],
    ),
    "sizes that cannot be proved": (
        HEAD + "  a: {op: permute, in: x, dims: [0, 1, 3, 2]}\n  b: {op: add, in: [a, x]}\n",
        "6:3",
        "b: the shapes [N, 8, W, H] and [N, 8, H, W] do not fit together in dimension -2",
        ["  received: W and H"],
    ),
    "groups of a norm": (
        HEAD + "  a: {op: group_norm, num_groups: 3}\n",
        "5:35",
        "a: num_groups must divide the channels",
        ["  expected: a multiple of 3 channels", "  received: 8 channels in [N, 8, H, W]"],
    ),
    "groups of a convolution": (
        HEAD + "  a: {op: conv2d, out_channels: 9, kernel_size: 1, groups: 3}\n",
        "5:60",
        "a: groups must divide the input channels",
        ["  expected: a multiple of 3", "  received: 8 input channels"],
    ),
    "two nodes that read each other": (
        HEAD + "  a: {op: add, in: [x, b]}\n  b: {op: relu, in: a}\n",
        "5:24",
        "a: 'a' and 'b' read each other",
        ["  expected: a graph without cycles", "  hint: only names that come earlier can be read"],
    ),
    "several readers, one by default": (
        HEAD + "  a: relu\n  b: silu\n  c: {op: add, in: [a, b]}\n",
        "6:3",
        "b: this node reads 'a' only because it stands before it, but 'c' reads 'a' too",
        ["  hint: write in: a, or the name of what it should read", "  note: c reads it here (net.yaml:7:3)"],
    ),
    "a name used twice": (
        HEAD + "  x: relu\n",
        "5:3",
        "nodes.x: the name 'x' is taken by an input",
        ["  hint: nothing may shadow another name: rename one"],
    ),
    "a push too many": (
        STACKED + "  a: {op: relu, push: s}\n",
        "6:3",
        "a: the stack 's' still holds 1 value at the end",
        ["  expected: one 's.pop' for every push", "  hint: read 's.pop' 1 more time, or push less"],
    ),
    "a pop too many": (
        STACKED + "  a: relu\n  b: {op: add, in: [a, s.pop]}\n",
        "7:24",
        "b: the stack 's' is empty here",
        ["  expected: one push for every pop"],
    ),
    "an unused node with weights": (
        HEAD + "  a: {op: conv2d, in: x, out_channels: 8, kernel_size: 1}\n  b: {op: relu, in: x}\n",
        "5:3",
        "a: nobody reads 'a', which owns weights",
        ["  hint: name it in an 'in:' or in 'outputs:', or remove it"],
    ),
    "an expression that fails": (
        HEAD + "  a: {op: conv2d, out_channels: =8 // 0, kernel_size: 1}\n",
        "5:33",
        "a: division by zero",
        ["  received: 8 // 0"],
    ),
    "an expression that is too large": (
        HEAD + "  a: {op: conv2d, out_channels: =2 ** 2 ** 9, kernel_size: 1}\n",
        "5:33",
        "a: the number is too large",
        ["  expected: whole numbers below 2**63", "  received: 2 ** 512"],
    ),
    "a duplicate key": (
        HEAD + "  a: relu\n  a: silu\n",
        "6:3",
        "the key 'a' stands here twice",
        ["  hint: rename or remove one of them"],
    ),
    "an anchor": (
        HEAD + "  a: &q relu\n",
        "5:6",
        "'&q' is an anchor; a spec has none",
        ["  hint: write it out, or make it a block"],
    ),
    "a tag": (
        HEAD + "  a: !!python/name:os.system relu\n",
        "5:6",
        "'!!python/name:os.system' is a tag; a spec has none",
        ["  hint: remove it: types follow from the values"],
    ),
    "a file that is too deep": (
        HEAD + f"  a: {'[' * 100}{']' * 100}\n",
        "5:68",
        "the text is nested too deeply",
        ["  expected: at most 64 levels"],
    ),
}


@pytest.mark.parametrize("mistake", PLACED)
def test_a_mistake_is_shown_in_its_place(archgraph: Any, mistake: str) -> None:
    text, place, message, more = PLACED[mistake]
    Path("net.yaml").write_text(text, encoding="utf-8")
    ran = archgraph("check", "net.yaml")
    assert (ran.status, ran.out) == (1, "")
    head, line, caret, *rest = ran.err.splitlines()
    number, column = map(int, place.split(":"))
    assert head == f"net.yaml:{place}: error: {message}"
    assert line == f"{number:>5} | {text.splitlines()[number - 1]}"
    assert set(caret.strip()) == {"^"}
    assert caret.index("^") == len("      | ") + column - 1
    for part in more:
        assert any(told.startswith(part) for told in rest), ran.err
    assert ran.err.count("error: ") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "net.yaml:1:1: error: the file is empty\n"),
        (b"name: \xff", "error: 'net.yaml' is not UTF-8: line 1 holds the byte 0xff\n"),
        (HEAD.encode() + b"#" * 2_200_000, "error: 'net.yaml' is too large\n  expected: at most 2097152 bytes\n"),
    ],
    ids=["empty", "not UTF-8", "too large"],
)
def test_a_file_that_is_no_spec(archgraph: Any, content: bytes, said: str) -> None:
    Path("net.yaml").write_bytes(content)
    ran = archgraph("check", "net.yaml")
    assert (ran.status, ran.err) == (1, said)


def test_a_preset_that_is_not_there(archgraph: Any, spec: Path) -> None:
    ran = archgraph("check", f"{spec}@narow")
    assert ran.status == 1
    assert f"{spec}:5:1: error: small has no preset 'narow'\n" in ran.err
    assert "hint: did you mean 'narrow'?" in ran.err


def test_an_unused_node_without_weights_is_a_warning(archgraph: Any) -> None:
    Path("net.yaml").write_text(HEAD + "  a: {op: relu, in: x}\n  b: {op: relu, in: x}\n", encoding="utf-8")
    ran = archgraph("check", "net.yaml")
    assert ran.status == 0
    assert ran.err.startswith("net.yaml:5:3: warning: a: nobody reads 'a'\n    5 |   a: {op: relu, in: x}\n")


def test_all_independent_mistakes_come_at_once(archgraph: Any) -> None:
    nodes = ["a: {op: conv2d, out_channels: 8, kernel_sise: 1}", "b: rleu", "c: {op: group_norm, num_groups: many}"]
    Path("net.yaml").write_text(HEAD + "".join(f"  {node}\n" for node in nodes), encoding="utf-8")
    ran = archgraph("check", "net.yaml")
    assert ran.status == 1
    heads = [line.partition(": error: ")[0] for line in ran.err.splitlines() if ": error: " in line]
    assert {head.split(":")[1] for head in heads} == {"5", "6", "7"}


LONG = "a" * 300
HUGE = "9" * 5000
OPTIONS = {
    "a spec": ["check", LONG],
    "an output": ["export", "SPEC", "-o", f"{LONG}.onnx"],
    "another output": ["code", "SPEC", "-o", f"{LONG}.py"],
    "weights": ["build", "SPEC", "--weights", LONG],
    "a model": ["verify", f"{LONG}.onnx"],
    "a model to run": ["infer", f"{LONG}.onnx", "x.npz"],
    "a model to measure": ["profile", f"{LONG}.onnx"],
    "two specs": ["diff", LONG, LONG],
    "a picture": ["noise", f"{LONG}.png", "-o", "x.png"],
    "data": ["train", "SPEC", "--data", LONG, "-o", "run"],
    "a size": ["summary", "SPEC", "--size", f"H={HUGE}"],
    "times": ["noise", "small.yaml", "--times", HUGE],
    "batches": ["bench", "SPEC", "--batch", HUGE],
    "sides": ["sample", "m.onnx", "--size", HUGE],
}


@pytest.mark.parametrize("arguments", OPTIONS.values(), ids=OPTIONS)
def test_names_and_numbers_that_are_far_too_long(archgraph: Any, spec: Path, arguments: list[str]) -> None:
    ran = archgraph(*(str(spec) if argument == "SPEC" else argument for argument in arguments))
    assert ran.status in (1, 2)
    assert "error" in ran.err


def test_sizes_for_which_there_is_no_memory(archgraph: Any, spec: Path) -> None:
    ran = archgraph("build", spec, "--size", "N=999999999999", "-o", "w.safetensors")
    assert (ran.status, Path("w.safetensors").exists()) == (1, False)
    assert "there is no memory for a run at these sizes" in ran.err
