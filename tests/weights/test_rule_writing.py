"""Rules that are written from pairs of keys do what the pairs say, and are few."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from naming_cases import lazy, naming_of, thin_state

from archgraph.weights.patterns import KeyPattern
from archgraph.weights.rule_files import read_rules
from archgraph.weights.rule_writing import _general_rules, written_rules
from archgraph.weights.rules import renamed


def worked(text: str, keys: list[str], folder: Path) -> dict[str, str]:
    """What a file of rules makes of each key."""
    path = folder / "rules.yaml"
    path.write_text(text)
    state = dict.fromkeys(keys, torch.zeros(1))
    found = renamed(read_rules(path), lazy(state))
    assert set(found.tensors) == {found.renamed.get(key, key) for key in keys if key not in found.dropped}
    return {key: found.renamed.get(key, key) for key in keys if key not in found.dropped}


@pytest.mark.parametrize(
    ("renames", "kept", "lines"),
    [
        ({"a.weight": "b.weight", "a.bias": "b.bias"}, ["c.weight"], ["- {rename: 'a.*', to: 'b.*'}"]),
        (
            {f"layer.{i}.fc.{name}": f"stages.{i}.linear.{name}" for i in range(12) for name in ("weight", "bias")},
            ["layer.0.norm.weight"],
            ["- {rename: 'layer.#.fc.*', to: 'stages.#.linear.*'}"],
        ),
        (
            {"layer.0.a.weight": "layer.0.b.weight"},
            ["layer.1.a.weight"],
            ["- {rename: 'layer.0.a.*', to: 'layer.0.b.*'}"],
        ),
        (
            {f"layer.{i}.mlp.linear_{n}.bias": f"layer.{i}.mlp.{3 * n - 3}.bias" for i in range(12) for n in (1, 2)},
            ["layer.0.norm.bias"],
            [f"- {{rename: 'layer.#.mlp.linear_{n}.*', to: 'layer.#.mlp.{3 * n - 3}.*'}}" for n in (1, 2)],
        ),
        ({"a.0.x": "a.1.x", "a.1.x": "a.0.x"}, [], None),
        ({"a.0.x": "a.1.x", "a.1.x": "a.2.x"}, ["b"], None),
        ({"scale": "gamma"}, ["a.scale"], ["- {rename: 'scale', to: 'gamma'}"]),
        ({"net.a": "a", "net.b.c": "b.c"}, ["head.a"], ["- {rename: 'net.*', to: '*'}"]),
    ],
)
def test_pairs(renames: dict[str, str], kept: list[str], lines: list[str] | None, tmp_path: Path) -> None:
    text = written_rules(renames, kept)
    assert worked(text, [*renames, *kept], tmp_path) == renames | {key: key for key in kept}
    if lines is not None:
        assert text.splitlines() == lines


def test_what_is_dropped(tmp_path: Path) -> None:
    text = written_rules({"a.weight": "b.weight"}, ["c"], ["a.mask"])
    assert worked(text, ["a.weight", "c", "a.mask"], tmp_path) == {"a.weight": "b.weight", "c": "c"}


def test_two_keys_that_become_one() -> None:
    with pytest.raises(ValueError, match="two keys become one"):
        written_rules({"a": "c"}, ["c"])


def test_a_whole_naming(tmp_path: Path) -> None:
    """DenseNet under torchvision's older names, from the pairs of its keys."""
    own = thin_state("densenet121")
    pairs = naming_of("densenet121", "original").backward(lazy(own)).renamed
    kept = [key for key in own if key not in pairs]
    text = written_rules(pairs, kept)
    assert worked(text, list(own), tmp_path) == pairs | {key: key for key in kept}
    assert len(text.splitlines()) <= 6


def test_rules_of_many_keys_look_at_few_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 keys that have no rule in common: each is compared with those of its own start, and not with all."""
    compared = []

    def matched(pattern: KeyPattern, key: str) -> tuple[str, ...] | None:
        compared.append(key)
        return original(pattern, key)

    original = KeyPattern.matched
    monkeypatch.setattr(KeyPattern, "matched", matched)
    rules = _general_rules(pairs := {f"a{i}.weight": f"b{3 * i + 1}.weight" for i in range(1_000)}, pairs)
    assert len(rules) == 1_000
    assert len(compared) < 5 * len(rules)
