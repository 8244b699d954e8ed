"""What hostile or unlucky files cost: counted work, and an error of ours where it is too much."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from archgraph.errors import ReadError, SchemaError, ShapeError, SpecError, WiringError
from archgraph.graph.builder import Builder
from archgraph.graph.keys import parameter_count
from archgraph.language import library
from archgraph.language.expressions.budget import MAX_NODES, spend_nodes
from archgraph.language.load import check

HEAD = "archgraph: 1\nname: net\n"
NET = "inputs: {x: [N, 4]}\nnodes: {a: relu}\n"


def written(folder: Path, text: str, name: str = "net.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def message(folder: Path, text: str, kind: type[SpecError]) -> str:
    with pytest.raises(kind) as caught:
        check(written(folder, text))
    return str(caught.value).replace(f"{folder}/", "")


def test_outside_of_a_load_nothing_is_counted() -> None:
    assert spend_nodes(1)


def test_a_path_of_many_levels(tmp_path: Path) -> None:
    text = f"{HEAD}inputs: {{x: [N, 4]}}\nnodes: {{a: {{op: relu, path: {'.'.join(['a'] * 20_000)}}}}}\n"
    assert message(tmp_path, text, SpecError) == (
        "net.yaml:4:29: error: nodes.a.path: the path 'a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a. …' is too long\n"
        "  expected: at most 16 levels and 1000 characters\n"
        "  received: 20,000 levels, 39,999 characters"
    )


def test_a_path_that_grows_many_levels(tmp_path: Path) -> None:
    text = f"{HEAD}params: {{p: {'a.' * 20 + 'a'}}}\ninputs: {{x: [N, 4]}}\nnodes:\n  a: {{op: relu, path: '{{p}}'}}\n"
    assert "is too long" in message(tmp_path, text, SpecError)


def test_a_type_of_many_brackets(tmp_path: Path) -> None:
    text = f"{HEAD}params: {{a: '{'[' * 20_000}int{']' * 20_000}'}}\n{NET}"
    assert message(tmp_path, text, SchemaError) == (
        f"net.yaml:3:13: error: params.a: the type '{'[' * 40} …' is nested too deeply\n"
        "  expected: at most 16 brackets in one another"
    )


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    assert f"there is no file './{'a' * 198} …'" in message(
        tmp_path, f"{HEAD}use: [./{'a' * 5_000}.yaml]\n{NET}", ReadError
    )


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    assert message(tmp_path, f"{HEAD}use: [./loop.yaml]\n{NET}", ReadError) == (
        "net.yaml:3:7: error: './loop.yaml' cannot be opened\n"
        "    3 | use: [./loop.yaml]\n"
        "              ^^^^^^^^^^^\n"
        "  received: its links lead back to it"
    )


def test_a_chain_of_files(tmp_path: Path) -> None:
    for i in range(100):
        written(tmp_path, f"archgraph: 1\nname: f{i}\nuse: [./f{i + 1}.yaml]\n", f"f{i}.yaml")
    assert message(tmp_path, f"{HEAD}use: [./f0.yaml]\n{NET}", ReadError) == (
        "f30.yaml:3:7: error: './f31.yaml' is used by way of too many other files\n"
        "    3 | use: [./f31.yaml]\n"
        "              ^^^^^^^^^^\n"
        "  expected: at most 32 files between\n"
        "  hint: use it directly"
    )


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read, one entry for each time."""
    found: list[Path] = []
    real = library.read_file

    def counted(path: Path) -> object:
        found.append(Path(path))
        return real(path)

    monkeypatch.setattr(library, "read_file", counted)
    return found


def test_each_used_file_is_read_once(tmp_path: Path, reads: list[Path]) -> None:
    for i in range(22):
        for side in "ab":
            use = f"use: [./a{i + 1}.yaml, ./b{i + 1}.yaml]\n" if i < 21 else ""
            block = f"blocks:\n  {side}n{i}: {{inputs: {{x: [...]}}, nodes: {{a: relu}}}}\n"
            written(tmp_path, f"archgraph: 1\nname: {side}{i}\n{use}{block}", f"{side}{i}.yaml")
    presets = "params: {n: 1}\npresets: {one: {n: 1}, two: {n: 2}}\n"
    assert len(check(written(tmp_path, f"{HEAD}use: [./a0.yaml, ./b0.yaml]\n{presets}{NET}"))) == 2
    assert len(reads) == len(set(reads)) == 45


def test_files_of_one_load_share_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(5):
        blocks = "".join(f"  b{i}_{j}: {{inputs: {{x: [...]}}, nodes: {{a: relu}}}}\n" for j in range(10))
        written(tmp_path, f"archgraph: 1\nname: f{i}\nblocks:\n{blocks}", f"f{i}.yaml")
    text = f"{HEAD}use: [./f0.yaml, ./f1.yaml, ./f2.yaml, ./f3.yaml, ./f4.yaml]\n{NET}"
    monkeypatch.setattr("archgraph.language.expressions.budget.MOST_VALUES", 250)
    assert message(tmp_path, text, ReadError) == (
        "net.yaml:3:18: error: the files up to 'f1.yaml' hold too much\n"
        "    3 | use: [./f0.yaml, ./f1.yaml, ./f2.yaml, ./f3.yaml, ./f4.yaml]\n"
        "                         ^^^^^^^^^\n"
        "  expected: at most 250 values in one load"
    )
    monkeypatch.undo()
    monkeypatch.setattr("archgraph.language.expressions.budget.MOST_FILES", 4)
    assert message(tmp_path, text, ReadError) == (
        "net.yaml:3:40: error: 'f3.yaml' is one file too many\n"
        "    3 | use: [./f0.yaml, ./f1.yaml, ./f2.yaml, ./f3.yaml, ./f4.yaml]\n"
        "                                               ^^^^^^^^^\n"
        "  expected: at most 4 files in one load"
    )


def test_presets_share_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archgraph.language.expressions.budget.MAX_NODES", 50)
    text = (
        f"{HEAD}params: {{n: 20}}\npresets: {{a: {{}}, b: {{}}, c: {{}}, d: {{}}}}\n"
        "inputs: {x: [N, 4]}\nnodes: {u: {op: relu, repeat: =n}}\n"
    )
    assert message(tmp_path, text, SpecError) == (
        "net.yaml:6:9: error: u.7: the presets of this file have more than 50 nodes together\n"
        "    6 | nodes: {u: {op: relu, repeat: =n}}\n"
        "                ^\n"
        "  hint: check them one by one: FILE@PRESET"
    )


def test_problems_are_told_up_to_a_hundred(tmp_path: Path) -> None:
    convolutions = "".join(f"  a{i}: {{op: conv2d, out_channels: 4, kernel_size: 1, in: x}}\n" for i in range(300))
    said = message(tmp_path, f"{HEAD}inputs: {{x: [N, 4, H, W]}}\nnodes:\n{convolutions}", WiringError)
    assert said.count("error: ") == 100
    assert said.endswith("\nand 199 more problems")


def test_claims_are_looked_at_until_a_hundred_fail(tmp_path: Path) -> None:
    claims = "".join(f"  - a == {i + 4}\n" for i in range(300))
    with pytest.raises(SpecError) as caught:
        check(written(tmp_path, f"{HEAD}params: {{a: 3}}\n{NET}assert:\n{claims}"))
    assert len(caught.value.problems) == 100


def test_parameters_that_wait_for_one_another_are_settled_in_order(tmp_path: Path) -> None:
    params = "".join(f"  a{i}: =a{i + 1} + 1\n" for i in range(500))
    text = f"{HEAD}params:\n{params}  a500: 1\ninputs: {{x: [N, =a0]}}\nnodes: {{a: relu}}\n"
    (graph,) = check(written(tmp_path, text))
    assert str(graph.inputs[0].type) == "[N, 501]"


def test_nodes_that_bound_one_size_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archgraph.dims.facts.MOST_CAUSES", 5)
    convolutions = "  a: {op: conv2d, out_channels: 1, kernel_size: 3, repeat: 6}\n"
    assert message(tmp_path, f"{HEAD}inputs: {{x: [N, 1, H, 99]}}\nnodes:\n{convolutions}", ShapeError) == (
        "net.yaml:5:3: error: a.5: too many nodes bound H\n"
        "    5 |   a: {op: conv2d, out_channels: 1, kernel_size: 3, repeat: 6}\n"
        "          ^\n"
        "  expected: at most 5 nodes that bound one size\n"
        "  note: 'input' is [N, 1, H - 10, 89], from 'a.4' (net.yaml:5:3)"
    )


def test_a_network_of_five_thousand_nodes_loads(tmp_path: Path) -> None:
    rows = "".join(
        f"  c{i}: {{op: conv2d, out_channels: 8, kernel_size: 3, padding: 1, bias: false}}\n  n{i}: batch_norm2d\n"
        f"  r{i}: relu\n  l{i}: {{op: mul, in: [r{i}, x]}}\n"
        for i in range(1250)
    )
    (graph,) = check(written(tmp_path, f"{HEAD}inputs: {{x: [N, 8, H, W]}}\nnodes:\n{rows}"))
    assert len(graph.items) == 5_000
    assert parameter_count(graph) == 1250 * (8 * 8 * 9 + 16)


def test_the_collector_is_as_it_was(tmp_path: Path) -> None:
    for kept in (True, False):
        (gc.enable if kept else gc.disable)()
        try:
            check(written(tmp_path, f"{HEAD}{NET}"))
            with pytest.raises(SpecError):
                check(written(tmp_path, f"{HEAD}{NET}outputs: nothing\n"))
            assert gc.isenabled() is kept
        finally:
            gc.enable()


def test_what_a_large_load_has_made_counts_as_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no collection looks through it right afterwards; what others have frozen stays so."""
    monkeypatch.setattr("archgraph.garbage_collection.MANY_OBJECTS", 0)
    monkeypatch.setattr("archgraph.garbage_collection._frozen_by_others", False)
    monkeypatch.setattr(gc, "get_freeze_count", lambda: 0)
    gc.enable()
    gc.unfreeze()
    try:
        (graph,) = check(written(tmp_path, f"{HEAD}{NET}"))
        assert any(kept is graph for kept in gc.get_objects(generation=2))
        gc.freeze()
        counted = []
        monkeypatch.setattr(gc, "get_freeze_count", lambda: counted.append(1) or 1)
        for _ in range(2):
            check(written(tmp_path, f"{HEAD}{NET}"))
            assert not any(kept is graph for kept in gc.get_objects())  # which has nothing that is frozen
        assert len(counted) == 1  # one by one, which takes a tenth of a second with a million of them
    finally:
        gc.freeze()  # as all tests do when they start


def test_a_small_load_does_not_count_what_is_frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would be counted one by one: a tenth of a second with a million of them."""
    monkeypatch.setattr("archgraph.garbage_collection._frozen_by_others", False)
    monkeypatch.setattr(gc, "get_freeze_count", lambda: pytest.fail("counted"))
    gc.enable()
    assert check(written(tmp_path, f"{HEAD}{NET}"))


def test_blocks_that_double_thirty_times_are_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them is elaborated once, and the copies are counted before they are made."""
    applied = [0]
    real = Builder.apply

    def counted(self: Builder, *given: Any, **named: Any) -> Any:
        applied[0] += 1
        return real(self, *given, **named)

    monkeypatch.setattr(Builder, "apply", counted)
    blocks = "".join(f"  b{i}: {{inputs: {{x: [...]}}, nodes: {{l: b{i + 1}, r: b{i + 1}}}}}\n" for i in range(30))
    text = f"{HEAD}inputs: {{x: [N, 4]}}\nnodes: {{a: b0}}\nblocks:\n{blocks}"
    said = message(tmp_path, f"{text}  b30: {{inputs: {{x: [...]}}, nodes: {{a: relu}}}}\n", SpecError)
    assert f"the network has more than {MAX_NODES:,} nodes" in said
    assert applied == [1]


def test_paths_of_many_levels_within_one_another(tmp_path: Path) -> None:
    """Sixteen levels each, five times: the fifth would stand under 64 levels."""
    path, nodes = ".".join("abcdefghijklmnop"), "{c: relu}"
    for name in "qrstu":
        nodes = f"{{{name}: {{path: {path}, nodes: {nodes}}}}}"
    assert message(tmp_path, f"{HEAD}inputs: {{x: [N, 4]}}\nnodes: {nodes}\n", SpecError).endswith(
        "  expected: at most 64 levels of modules"
    )
