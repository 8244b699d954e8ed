"""Rules for keys: what each makes, the way back, and every slip in a file of rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from archgraph.errors import WeightsError
from archgraph.weights.patterns import covers
from archgraph.weights.rule_files import read_rules
from archgraph.weights.rules import KeyRule, renamed, reversed_rules
from archgraph.weights.tensors import LazyTensor, of_array


def rules(folder: Path, text: str) -> tuple[KeyRule, ...]:
    path = folder / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return read_rules(path)


def tensors(**shapes: tuple[int, ...]) -> dict[str, LazyTensor]:
    """Tensors that count from 0; `__` in a name is a dot."""
    return {
        key.replace("__", "."): of_array(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
        for key, shape in shapes.items()
    }


@pytest.mark.parametrize(
    ("rule", "given", "made"),
    [
        ("{rename: 'module.*', to: '*'}", {"module__a__b": (2,)}, {"a.b": (2,)}),
        ("{rename: '*.norm.#.*', to: '*.norm#.*'}", {"l__norm__12__w": (2,)}, {"l.norm12.w": (2,)}),
        ("{rename: '*.{gamma,beta}', to: '*.{weight,bias}'}", {"n__beta": (2,)}, {"n.bias": (2,)}),
        ("{split: '*.qkv', to: ['*.q', '*.k', '*.v'], axis: 0}", {"a__qkv": (6, 2)}, {f"a.{x}": (2, 2) for x in "qkv"}),
        (
            "{split: '*.qkv', to: ['*.q', '*.k'], shares: [2, 1], axis: 1}",
            {"a__qkv": (2, 6)},
            {"a.q": (2, 4), "a.k": (2, 2)},
        ),
        ("{join: ['*.q', '*.k'], to: '*.qk', axis: 1}", {"a__q": (2, 3), "a__k": (2, 3)}, {"a.qk": (2, 6)}),
        ("{transpose: '*.w', axes: [2, 0, 1]}", {"a__w": (2, 3, 4)}, {"a.w": (4, 2, 3)}),
        ("{squeeze: '*.w', axes: [2, 3]}", {"a__w": (2, 3, 1, 1)}, {"a.w": (2, 3)}),
        ("{unsqueeze: '*.w', to: '*.v', axes: [0]}", {"a__w": (2, 3)}, {"a.v": (1, 2, 3)}),
        ("{shuffle: '*.w', to: '*.v', axis: 1, groups: [3, 2]}", {"a__w": (2, 12)}, {"a.v": (2, 12)}),
        (
            "{copy: 'emb.{w,b}', to: 'block.#.{v,c}', each: 'block.#.x'}",
            {"block__0__x": (1,), "block__3__x": (1,), "emb__w": (2,), "emb__b": (3,)},
            {"block.0.x": (1,), "block.3.x": (1,)}
            | {"block.0.v": (2,), "block.3.v": (2,), "block.0.c": (3,), "block.3.c": (3,)},
        ),
    ],
)
def test_each_rule_works_in_both_directions(
    rule: str, given: dict[str, tuple[int, ...]], made: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    before = tensors(**given)
    list_of_one = rules(tmp_path, f"- {rule}\n")
    found = renamed(list_of_one, before).tensors
    assert {key: tensor.shape for key, tensor in found.items()} == made
    assert all(tensor.read().shape == tensor.shape for tensor in found.values())
    back = renamed(reversed_rules(list_of_one), found).tensors
    assert list(back) == list(before)
    for key, tensor in before.items():
        np.testing.assert_array_equal(back[key].read(), tensor.read())


def test_what_numbers_become_is_what_numpy_makes_of_them(tmp_path: Path) -> None:
    given = tensors(a__qkv=(6, 4), a__w=(2, 3))
    text = "- {split: '*.qkv', to: ['*.q', '*.k', '*.v'], axis: 0}\n- {transpose: '*.w', axes: [1, 0]}\n"
    found = renamed(rules(tmp_path, text), given)
    packed = given["a.qkv"].read()
    np.testing.assert_array_equal(found.tensors["a.k"].read(), packed[2:4])
    np.testing.assert_array_equal(found.tensors["a.w"].read(), given["a.w"].read().T)
    assert found.split == {"a.qkv": ("a.q", "a.k", "a.v")}


def test_a_list_is_worked_through_in_order_and_back_from_its_end(tmp_path: Path) -> None:
    text = "- {rename: 'model.*', to: '*'}\n- {rename: 'a.*', to: 'b.*'}\n- {rename: '*.{g,h}', to: '*.{w,v}'}\n"
    chosen = rules(tmp_path, text)
    given = tensors(model__a__g=(1,), model__a__h=(2,), model__c__g=(3,))
    found = renamed(chosen, given)
    assert found.renamed == {"model.a.g": "b.w", "model.a.h": "b.v", "model.c.g": "c.w"}
    assert list(renamed(reversed_rules(chosen), found.tensors).tensors) == list(given)


def test_what_is_dropped_is_named_and_does_not_come_back(tmp_path: Path) -> None:
    chosen = rules(tmp_path, "- {drop: '*.mask', because: it is a constant}\n")
    found = renamed(chosen, tensors(a__mask=(1,), a__w=(1,)))
    assert (list(found.tensors), found.dropped) == (["a.w"], ("a.mask",))
    assert list(renamed(reversed_rules(chosen), tensors(a__mask=(1,))).tensors) == ["a.mask"]


def test_a_shuffle_is_that_of_channels(tmp_path: Path) -> None:
    """As torch's `channel_shuffle` has it: groups, and the channels of each."""
    given = np.arange(12, dtype=np.float32)
    found = renamed(rules(tmp_path, "- {shuffle: w, groups: [3, 4]}\n"), {"w": of_array(given)}).tensors["w"].read()
    expected = torch.nn.functional.channel_shuffle(torch.from_numpy(given)[None, :, None], 3)
    np.testing.assert_array_equal(found, expected.flatten().numpy())


def test_what_the_network_computes_is_left_out_on_the_way_back(tmp_path: Path) -> None:
    chosen = rules(tmp_path, "- {computed: '*.index', because: it is not stored}\n")
    given = tensors(a__index=(1,), a__w=(1,))
    assert list(renamed(chosen, given).tensors) == ["a.index", "a.w"]
    assert list(renamed(reversed_rules(chosen), given).tensors) == ["a.w"]
    assert renamed(chosen, given).unused == ()


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        ("- {rename: '{a,b}.w', to: '{c,c}.w'}", {"a__w": (1,), "b__w": (1,)}, "would not find the way back"),
        ("- {rename: 'a.w', to: b.w}", {"a__w": (1,), "b__w": (1,)}, "two tensors under the key 'b.w'"),
        ("- {rename: '*#', to: '#*'}", {"a1": (1,)}, "do not have the same wildcards"),
        (
            "- {rename: '*.a.*', to: '*.*'}",
            {"x__a__y__z": (1,), "x__y__a__z": (1,)},
            "would not find the way back|two tensors",
        ),
        ("- {split: w, to: [a, b], axis: 0}", {"w": (3,)}, "cannot be split into 2 parts along axis 0"),
        ("- {split: w, to: [a, b], axis: 1}", {"w": (4,)}, "cannot be split into 2 parts along axis 1"),
        ("- {join: [a, b], to: w, axis: 0}", {"a": (3,)}, "'b' is missing, which the rule"),
        ("- {join: [a, b], to: w, axis: 0}", {"b": (3,)}, "'a' is missing, which the rule"),
        ("- {join: [a, b], to: w, axis: 0}", {"a": (3, 2), "b": (3, 4)}, "cannot be joined along axis 0"),
        ("- {join: [a, b], to: w, axis: 0}", {"a": (3,), "b": (4,)}, "cannot be joined along axis 0"),
        ("- {transpose: w, axes: [1, 0]}", {"w": (3,)}, "cannot be changed so: transpose"),
        ("- {squeeze: w, axes: [1]}", {"w": (3, 2)}, "cannot be changed so: squeeze"),
        ("- {shuffle: w, groups: [4, 2]}", {"w": (12,)}, "no groups of 4 x 2 along axis 0"),
        ("- {shuffle: w, axis: 1, groups: [4, 2]}", {"w": (8,)}, "no groups of 4 x 2 along axis 1"),
    ],
)
def test_what_a_rule_cannot_take_is_refused(
    text: str, given: dict[str, tuple[int, ...]], said: str, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match=said):
        renamed(rules(tmp_path, text), tensors(**given))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no rules"),
        ("a: b", "holds no rules"),
        ("rules: []", "is a naming, and not a list of rules"),
        ("- [", "is not YAML"),
        ("- rename", "rules.yaml:1:3: error: a rule is a mapping"),
        (
            "- {rename: a, to: b}\n- {renam: a, to: b}",
            r"rules.yaml:2:3: error: a rule does one thing[\s\S]*did you mean 'rename'",
        ),
        ("- {rename: a, split: b, to: c}", "a rule does one thing"),
        ("- {rename: a, too: b}", r"the rule 'rename' has no 'too'[\s\S]*did you mean 'to'"),
        ("- {rename: a}", "'to' is a key or a pattern"),
        ("- {split: a, to: b}", "'split' names several keys"),
        ("- {split: a, to: [b, c], axis: -1}", "the axis of 'split' is a number from 0"),
        ("- {split: a, to: [b, c], shares: [1]}", "needs a share for each key"),
        ("- {transpose: a}", "'axes' is a list of numbers"),
        ("- {transpose: a, axes: [0, 0]}", "'transpose' needs its axes"),
        ("- {shuffle: a, groups: [2]}", "'shuffle' exchanges two levels"),
        ("- {shuffle: a, groups: [2, 0]}", "'shuffle' exchanges two levels"),
        ("- {shuffle: a, groups: [2, 2], axis: x}", "the axis of 'shuffle' is a number"),
        ("- {copy: a, to: 'b.#.a'}", "'each' is a key or a pattern"),
        ("- {copy: a, to: 'b.a', each: 'b.#.x'}", "'b.#.x' and 'a' and 'b.a' do not have the same wildcards"),
        ("- {copy: a, to: b, each: c}", "'each' of a copy has no wildcard"),
    ],
)
def test_a_slip_in_a_file_of_rules_is_pointed_at(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=said):
        rules(tmp_path, text)


def test_paths_cover_what_lies_below_them_and_patterns_what_they_match() -> None:
    assert covers(("fc",), "fc.weight")
    assert covers(("fc.weight",), "fc.weight")
    assert not covers(("fc",), "fc1.weight")
    assert covers(("layer4.*",), "layer4.0.conv.weight")
    assert covers(("*.{bias,beta}",), "a.b.beta")
    assert covers(("layer#",), "layer12.conv.weight")
    assert not covers(("layer#",), "layers.conv.weight")
